//! The desired state of all nodes: what host files say taken together, and which of them cannot be believed.
//! A broken host's desired state is unknown, never empty.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::action::{ActionId, ActionType};
use super::hostfile::{ConnectionKind, HostFile, Service};
use super::name::{NodeName, ServiceName};
use super::project::Project;

/// How a node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// It is this machine.
    Local,
    /// Over ssh, to this destination.
    Ssh(String),
}

/// A node's desired state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The canonical name.
    pub node: NodeName,
    /// How it is reached.
    pub connection: Connection,
    /// The rest of `host.yaml`.
    pub file: HostFile,
    /// What should run there.
    pub services: Vec<Service>,
    /// The services with a Compose override file, and its path: absolute on a local node, below the repository
    /// on others.
    pub overrides: BTreeMap<ServiceName, String>,
    /// The sha256 of each override file.
    pub override_sums: BTreeMap<ServiceName, String>,
    /// The Compose projects, where the node is this machine.
    pub projects: BTreeMap<ServiceName, Project>,
}

impl Host {
    /// Returns a desired service by its name.
    pub fn service(&self, name: &ServiceName) -> Option<&Service> {
        self.services.iter().find(|s| s.name == *name)
    }

    /// Returns the services that are watched.
    pub fn watched(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|s| s.settings.monitor)
    }
}

/// What is wrong with a host file, or with all of them together.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HostError {
    /// The file or folder.
    pub path: PathBuf,
    /// Line from 1; 0 where it is not known.
    pub line: usize,
    /// Column from 1; 0 where it is not known.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl std::fmt::Display for HostError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// The host files as they were read, before they are held against each other.
#[derive(Debug, Clone, Default)]
pub struct HostFiles {
    /// A node's files, or what is wrong with them.
    pub hosts: BTreeMap<NodeName, Result<Host, Vec<HostError>>>,
    /// The aliases of nodes whose files are wrong elsewhere: what is known under them is as unknown as these nodes.
    /// A broken node that is not in here may have any.
    pub broken_aliases: BTreeMap<NodeName, Vec<NodeName>>,
    /// What is wrong that belongs to no node: a folder whose name is no name.
    pub strays: Vec<HostError>,
    /// Where `hosts/` is.
    pub path: PathBuf,
    /// Whether `hosts/` could be listed.
    pub missing: bool,
}

/// The desired state of all nodes.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// The nodes whose files can be believed.
    pub hosts: BTreeMap<NodeName, Host>,
    /// The nodes whose files cannot, and why.
    pub broken: BTreeMap<NodeName, Vec<HostError>>,
    /// What is wrong that belongs to no node.
    pub strays: Vec<HostError>,
    /// Other names of nodes → canonical ones.
    pub aliases: BTreeMap<String, NodeName>,
    /// Aliases that more than one host claims: whose they are is unknown.
    pub disputed: BTreeSet<NodeName>,
    /// Whether a `host.yaml` cannot be read at all: any unknown name may be an alias that it gives.
    pub aliases_unknown: bool,
    /// Where `hosts/` is.
    pub path: PathBuf,
    /// Whether `hosts/` could be listed at all.
    pub missing: bool,
}

/// What the desired state says about a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// It should run and is watched.
    Yes(&'a Host, &'a Service),
    /// It should run, unwatched (`monitor: false`).
    Unwatched(&'a Host, &'a Service),
    /// Nobody wants it there (any more).
    No,
    /// Its host's files cannot be believed, or there are none at all.
    Unknown,
}

impl Desired {
    /// Holds the host files against each other: aliases, dependencies.
    pub fn assemble(files: HostFiles) -> Desired {
        let mut desired =
            Desired { strays: files.strays, path: files.path, missing: files.missing, ..Desired::default() };
        let names: BTreeSet<NodeName> = files.hosts.keys().cloned().collect();
        let unread = |node: &NodeName| !files.broken_aliases.contains_key(node);
        desired.aliases_unknown = files.hosts.iter().any(|(node, host)| host.is_err() && unread(node));
        for (node, host) in files.hosts {
            match host {
                Ok(host) => drop(desired.hosts.insert(node, host)),
                Err(errors) => drop(desired.broken.insert(node, errors)),
            }
        }
        desired.collect_aliases(&names, files.broken_aliases);
        desired.refuse_cycles();
        desired
    }

    /// Returns the node's canonical name.
    pub fn canonical(&self, node: &NodeName) -> NodeName {
        self.aliases.get(node.as_str()).unwrap_or(node).clone()
    }

    /// Returns what the desired state says about a service of a canonical node.
    pub fn wants(&self, node: &NodeName, service: &ServiceName) -> Wanted<'_> {
        match self.host(node) {
            Ok(Some(host)) => match host.service(service) {
                Some(s) if s.settings.monitor => Wanted::Yes(host, s),
                Some(s) => Wanted::Unwatched(host, s),
                None => Wanted::No,
            },
            Ok(None) => Wanted::No,
            Err(Unknown) => Wanted::Unknown,
        }
    }

    /// Returns a node's host; none where its folder is gone while others stand.
    pub fn host(&self, node: &NodeName) -> Result<Option<&Host>, Unknown> {
        match self.hosts.get(node) {
            Some(host) => Ok(Some(host)),
            None if self.broken.contains_key(node) || self.disputed.contains(node) => Err(Unknown),
            None if self.aliases_unknown || !self.is_verdict() => Err(Unknown),
            None => Ok(None),
        }
    }

    /// Returns whether `hosts/` says anything at all: it is there and holds a host.
    pub fn is_verdict(&self) -> bool {
        !self.missing && (!self.hosts.is_empty() || !self.broken.is_empty())
    }

    /// Returns whether nothing is broken.
    pub fn is_sound(&self) -> bool {
        !self.missing && self.broken.is_empty() && self.strays.is_empty()
    }

    /// Returns everything that is wrong.
    pub fn errors(&self) -> impl Iterator<Item = &HostError> {
        self.strays.iter().chain(self.broken.values().flatten())
    }

    /// Returns the IDs that two desired pairs would share, with these pairs (`a`/`b-c` and `a-b`/`c`).
    pub fn shared_ids(&self) -> BTreeMap<ActionId, Vec<(NodeName, ServiceName)>> {
        let mut pairs: BTreeMap<ActionId, Vec<(NodeName, ServiceName)>> = BTreeMap::new();
        for (node, host) in &self.hosts {
            for service in &host.services {
                for kind in [ActionType::Redeploy, ActionType::ContainerRestart] {
                    let id = ActionId::of(kind, node, Some(&service.name));
                    pairs.entry(id).or_default().push((node.clone(), service.name.clone()));
                }
            }
        }
        pairs.retain(|_, who| who.len() > 1);
        pairs
    }

    fn collect_aliases(&mut self, names: &BTreeSet<NodeName>, broken: BTreeMap<NodeName, Vec<NodeName>>) {
        let mut claims: BTreeMap<NodeName, Vec<NodeName>> = BTreeMap::new();
        let sound = self.hosts.iter().map(|(node, host)| (node, &host.file.aliases));
        for (node, aliases) in sound.chain(&broken) {
            for alias in aliases {
                claims.entry(alias.clone()).or_default().push(node.clone());
            }
        }
        for (alias, hosts) in claims {
            let problem = if names.contains(&alias) {
                format!("the alias {alias} is the name of a host")
            } else if hosts.len() > 1 {
                let all: Vec<&str> = hosts.iter().map(NodeName::as_str).collect();
                self.disputed.insert(alias.clone());
                format!("the alias {alias} stands for {}", all.join(" and "))
            } else {
                self.aliases.insert(alias.as_str().to_owned(), hosts[0].clone());
                continue;
            };
            for node in hosts {
                self.break_host(
                    &node,
                    "host.yaml",
                    &problem,
                    "give each alias to one host, and to none a host's own name",
                );
            }
        }
    }

    fn refuse_cycles(&mut self) {
        let mut edges: BTreeMap<(NodeName, ServiceName), Vec<(NodeName, ServiceName)>> = BTreeMap::new();
        for (node, host) in &self.hosts {
            for service in &host.services {
                let needs = service.settings.depends_on.iter();
                let needs = needs.map(|d| (d.node.clone().unwrap_or_else(|| node.clone()), d.service.clone()));
                edges.insert((node.clone(), service.name.clone()), needs.collect());
            }
        }
        let on_cycle: Vec<_> = edges.keys().filter(|start| reaches(&edges, start, start)).cloned().collect();
        let names: Vec<String> = on_cycle.iter().map(|(n, s)| format!("{n}/{s}")).collect();
        let nodes: BTreeSet<NodeName> = on_cycle.into_iter().map(|(node, _)| node).collect();
        for node in nodes {
            let problem = format!("`depends_on` goes in a circle: {}", names.join(", "));
            self.break_host(&node, "services.yaml", &problem, "take one of these dependencies out");
        }
    }

    fn break_host(&mut self, node: &NodeName, file: &str, message: &str, advice: &str) {
        self.hosts.remove(node);
        let path = self.path.join(node.as_str()).join(file);
        let error = HostError { path, line: 0, column: 0, message: message.into(), advice: Some(advice.into()) };
        self.broken.entry(node.clone()).or_default().push(error);
    }
}

/// What is asked about a host whose files cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown;

type Pair = (NodeName, ServiceName);

fn reaches(edges: &BTreeMap<Pair, Vec<Pair>>, from: &Pair, to: &Pair) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Pair> = edges.get(from).into_iter().flatten().collect();
    while let Some(pair) = open.pop() {
        if pair == to {
            return true;
        }
        if seen.insert(pair) {
            open.extend(edges.get(pair).into_iter().flatten());
        }
    }
    false
}

/// Returns how a node is reached: as `host.yaml` says, else local under this machine's name, else ssh to the name.
pub fn connection(node: &NodeName, file: &HostFile, this_node: Option<&NodeName>) -> Connection {
    let destination = || file.ssh.as_ref().map_or(node.as_str(), |d| d.as_str()).to_owned();
    match file.connection {
        Some(ConnectionKind::Local) => Connection::Local,
        Some(ConnectionKind::Ssh) => Connection::Ssh(destination()),
        None if file.ssh.is_none() && this_node == Some(node) => Connection::Local,
        None => Connection::Ssh(destination()),
    }
}

/// Reads `NODE_ALIAS_MAP`, a JSON object of name → canonical name, and puts it on top of the hosts' aliases.
pub fn add_alias_map(desired: &mut Desired, text: &str) -> Result<(), String> {
    let fields: super::fields::Fields =
        serde_json::from_str(text).map_err(|e| format!("NODE_ALIAS_MAP is not a JSON object of strings: {e}"))?;
    let mut map = BTreeMap::new();
    for (alias, canonical) in fields.iter() {
        let canonical: NodeName = serde_json::from_str(canonical.get())
            .map_err(|e| format!("NODE_ALIAS_MAP is not a JSON object of strings: {alias:?}: {e}"))?;
        let alias: NodeName = alias.parse().map_err(|e| format!("NODE_ALIAS_MAP: {e}"))?;
        map.insert(alias, canonical);
    }
    for (alias, canonical) in &map {
        if alias == canonical {
            continue;
        }
        if desired.hosts.contains_key(alias) || desired.broken.contains_key(alias) {
            return Err(format!("NODE_ALIAS_MAP: the alias {alias} is the name of a host"));
        }
        if map.get(canonical) == Some(alias) {
            return Err(format!("NODE_ALIAS_MAP: {alias} and {canonical} stand for each other"));
        }
        if desired.aliases.get(alias.as_str()).is_some_and(|other| other != canonical) {
            let other = &desired.aliases[alias.as_str()];
            return Err(format!(
                "the alias {alias} stands for {canonical} in NODE_ALIAS_MAP and for {other} in hosts/"
            ));
        }
        desired.aliases.insert(alias.as_str().to_owned(), canonical.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::hostfile;
    use super::*;

    fn files(hosts: &[(&str, &str, &str)]) -> HostFiles {
        let host = |(node, services, file): &(&str, &str, &str)| {
            let node: NodeName = node.parse().unwrap();
            let file = hostfile::parse_host(file).unwrap();
            let host = Host {
                node: node.clone(),
                connection: connection(&node, &file, None),
                file,
                services: hostfile::parse_services(services).unwrap(),
                overrides: BTreeMap::new(),
                override_sums: BTreeMap::new(),
                projects: BTreeMap::new(),
            };
            (node, Ok(host))
        };
        HostFiles { hosts: hosts.iter().map(host).collect(), ..HostFiles::default() }
    }

    fn broken(hosts: &[(&str, &str, &str)]) -> Vec<String> {
        let desired = Desired::assemble(files(hosts));
        desired.broken.into_keys().map(|n| n.to_string()).collect()
    }

    #[test]
    fn an_alias_of_two_hosts_or_of_a_host_breaks_those_that_claim_it() {
        assert_eq!(
            broken(&[
                ("a", "services: []", "aliases: [x]"),
                ("b", "services: []", "aliases: [x]"),
                ("c", "services: []", "")
            ]),
            ["a", "b"]
        );
        assert_eq!(broken(&[("a", "services: []", "aliases: [b]"), ("b", "services: []", "")]), ["a"]);
        assert_eq!(broken(&[("a", "services: []", "aliases: [b]"), ("b", "services: []", "aliases: [a]")]), ["a", "b"]);
        assert!(broken(&[("a", "services: []", "aliases: [x, y]"), ("b", "services: []", "aliases: [z]")]).is_empty());
    }

    #[test]
    fn a_circle_of_dependencies_breaks_its_hosts() {
        let a = "services: [{name: x, depends_on: [b/y]}]";
        let b = "services: [{name: y, depends_on: [a/x]}]";
        assert_eq!(
            broken(&[("a", a, ""), ("b", b, ""), ("c", "services: [q, {name: r, depends_on: [q]}]", "")]),
            ["a", "b"]
        );
        assert_eq!(broken(&[("a", "services: [{name: x, depends_on: [x]}]", "")]), ["a"]);
    }

    #[test]
    fn pairs_that_share_an_id_are_named() {
        let desired = Desired::assemble(files(&[("a", "services: [b-c]", ""), ("a-b", "services: [c, d]", "")]));
        let shared = desired.shared_ids();
        assert_eq!(
            shared.keys().map(ActionId::as_str).collect::<Vec<_>>(),
            ["container-restart-a-b-c", "redeploy-a-b-c"]
        );
    }

    #[test]
    fn the_environment_s_aliases_come_on_top_and_are_checked() {
        let base = || {
            Desired::assemble(files(&[("piha", "services: []", "aliases: [node-1]"), ("infra", "services: []", "")]))
        };
        let mut desired = base();
        add_alias_map(&mut desired, r#"{"node-2":"infra","node-1":"piha"}"#).unwrap();
        assert_eq!(desired.canonical(&"node-2".parse().unwrap()).as_str(), "infra");
        add_alias_map(&mut base(), r#"{"piha":"piha"}"#).unwrap();
        let mut broken = base();
        broken.broken.insert("vps".parse().unwrap(), Vec::new());
        assert!(add_alias_map(&mut broken, r#"{"vps":"piha"}"#).is_err(), "a broken host keeps its name");
        for bad in [
            "",
            "[]",
            r#"{"a":1}"#,
            r#"{"a b":"piha"}"#,
            r#"{"piha":"infra"}"#,
            r#"{"node-1":"infra"}"#,
            r#"{"x":"y","y":"x"}"#,
            r#"{"x":"a","x":"b"}"#,
            "{",
        ] {
            assert!(add_alias_map(&mut base(), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn missing_empty_and_broken_are_unknown_and_a_folder_that_is_gone_is_not() {
        let (node, web) = ("a".parse().unwrap(), "web".parse().unwrap());
        assert_eq!(Desired::default().wants(&node, &web), Wanted::Unknown);
        let missing = Desired { missing: true, ..Desired::assemble(files(&[("b", "services: []", "")])) };
        assert_eq!(missing.wants(&node, &web), Wanted::Unknown);
        let gone = Desired::assemble(files(&[("b", "services: []", "")]));
        assert_eq!(gone.wants(&node, &web), Wanted::No);
        let cyclic = Desired::assemble(files(&[("a", "services: [{name: web, depends_on: [web]}]", "")]));
        assert_eq!(cyclic.wants(&node, &web), Wanted::Unknown);
    }

    #[test]
    fn an_alias_of_a_broken_host_or_one_that_two_hosts_claim_is_unknown_and_not_gone() {
        let web = "web".parse().unwrap();
        let mut one = files(&[("vps", "services: []", "")]);
        one.hosts.insert("piha".parse().unwrap(), Err(Vec::new()));
        one.broken_aliases.insert("piha".parse().unwrap(), vec!["node-1".parse().unwrap()]);
        let one = Desired::assemble(one);
        let node = one.canonical(&"node-1".parse().unwrap());
        assert_eq!((node.as_str(), one.wants(&node, &web)), ("piha", Wanted::Unknown));
        let two = [("a", "services: []", "aliases: [x]"), ("b", "services: []", "aliases: [x]")];
        let two = Desired::assemble(files(&two));
        assert_eq!(two.wants(&two.canonical(&"x".parse().unwrap()), &web), Wanted::Unknown);
        assert_eq!(two.wants(&"y".parse().unwrap(), &web), Wanted::No);
        let mut three = files(&[("vps", "services: []", "")]);
        three.hosts.insert("piha".parse().unwrap(), Err(Vec::new()));
        let three = Desired::assemble(three);
        assert_eq!(three.wants(&"y".parse().unwrap(), &web), Wanted::Unknown, "it may be an alias of piha");
    }

    #[test]
    fn a_node_without_host_file_is_local_only_under_this_machine_s_name() {
        let (piha, vps): (NodeName, NodeName) = ("piha".parse().unwrap(), "vps".parse().unwrap());
        let of = |node: &NodeName, text: &str| connection(node, &hostfile::parse_host(text).unwrap(), Some(&vps));
        assert_eq!(of(&vps, ""), Connection::Local);
        assert_eq!(of(&piha, ""), Connection::Ssh("piha".into()));
        assert_eq!(of(&piha, "ssh: o@h"), Connection::Ssh("o@h".into()));
        assert_eq!(of(&piha, "connection: local"), Connection::Local);
        assert_eq!(of(&vps, "connection: ssh"), Connection::Ssh("vps".into()));
        assert_eq!(of(&vps, "ssh: o@h"), Connection::Ssh("o@h".into()));
    }
}
