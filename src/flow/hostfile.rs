//! `hosts/<node>/services.yaml` and `host.yaml` as they are written: each field validated where it is parsed, so
//! that the error has its line and column. Says nothing about how hosts relate to each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

use super::action::ActionType;
use super::name::{NodeName, ServiceName};
use super::yaml::{self, YamlError};

mod values;
mod check;
mod list;

use list::ServiceList;

pub use check::{Address, Check};
pub use values::{Argv, Dependency, Destination, HostPath, Percent, Recipe, RepoPath, on_this_machine};

/// What replaces the default steps of an action.
pub type Recipes = BTreeMap<ActionType, Recipe>;

/// What runs a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// Docker Compose.
    #[default]
    Compose,
    /// A systemd unit.
    Systemd,
    /// A stack of Docker Swarm.
    Swarm,
    /// A job of Nomad.
    Nomad,
    /// Whatever its recipes say.
    Command,
}

/// Whose systemd runs a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The machine's.
    #[default]
    System,
    /// The user's own.
    User,
}

/// What to do after an execution that did not bring health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Say so.
    #[default]
    None,
    /// Restore what ran before.
    Rollback,
}

/// A service that should run on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// How it is run and watched.
    pub settings: Settings,
}

impl Service {
    /// Returns whether another entry says the same, in whichever form it was written.
    pub fn is_same(&self, other: &Service) -> bool {
        let unnamed = |service: &Service| Settings { name: None, ..service.settings.clone() };
        self.name == other.name && unnamed(self) == unnamed(other)
    }
}

/// How a service is run and watched.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Its name again, where a list of maps gives it.
    name: Option<ServiceName>,
    /// Whether anything is watched and done at all.
    pub monitor: bool,
    /// What runs it.
    pub runtime: Runtime,
    /// Whose unit it is, where it is one.
    pub scope: Scope,
    /// The Compose project's folder, or its file, below the repository.
    pub compose: Option<RepoPath>,
    /// The Compose project's name, where it is not the folder's.
    pub project: Option<ServiceName>,
    /// Compose profiles to enable.
    pub profiles: Vec<ServiceName>,
    /// The containers that `container_restart` restarts.
    pub containers: Vec<ServiceName>,
    /// What must be up before it.
    pub depends_on: Vec<Dependency>,
    /// How its health is found out.
    pub check: Option<Check>,
    /// How long it must stay healthy after an execution.
    #[serde(with = "yaml::duration")]
    pub min_healthy: Duration,
    /// Within how long it must have been so.
    #[serde(with = "yaml::duration")]
    pub healthy_deadline: Duration,
    /// What to do when it was not.
    pub on_failure: OnFailure,
    /// A step's time.
    #[serde(with = "yaml::duration")]
    pub timeout: Duration,
    /// What replaces the default steps.
    #[serde(with = "::serde_with::rust::maps_duplicate_key_is_error")]
    pub recipes: Recipes,
}

impl Settings {
    /// Refuses what no single field can see.
    fn checked<E: Error>(self) -> Result<Self, E> {
        if self.min_healthy > self.healthy_deadline {
            return Err(E::custom("`min_healthy` is longer than `healthy_deadline`: health could never be seen"));
        }
        Ok(self)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: None,
            monitor: true,
            runtime: Runtime::Compose,
            scope: Scope::System,
            compose: None,
            project: None,
            profiles: Vec::new(),
            containers: Vec::new(),
            depends_on: Vec::new(),
            check: None,
            // Nomad's defaults of min_healthy_time and healthy_deadline.
            min_healthy: Duration::from_secs(10),
            healthy_deadline: Duration::from_secs(300),
            on_failure: OnFailure::None,
            timeout: Duration::from_secs(600),
            recipes: Recipes::new(),
        }
    }
}

/// Reads `services.yaml`.
pub fn parse_services(text: &str) -> Result<Vec<Service>, YamlError> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        services: ServiceList,
    }
    let mut error = match yaml::parse::<File>(text) {
        Ok(file) => return Ok(file.services.0),
        Err(error) => error,
    };
    let of_the_list = ["services: invalid type", "services: an empty map", "missing field `services`"];
    if error.advice.is_none() && (of_the_list.iter().any(|m| error.message.starts_with(m)) || text.trim().is_empty()) {
        error.advice = Some("write `services:` with a list of names, or `services: []` for none".into());
    }
    Err(error)
}

/// How a node is reached, as `host.yaml` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionKind {
    /// It is this machine.
    Local,
    /// Over ssh.
    Ssh,
}

/// `host.yaml`: how a node is reached and what is special about it. All of it is optional.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostFile {
    /// How it is reached.
    pub connection: Option<ConnectionKind>,
    /// The destination of ssh, `user@host`.
    pub ssh: Option<Destination>,
    /// The checkout with the Compose projects, on the node.
    pub repo: Option<HostPath>,
    /// Other names under which its agent reports, each once.
    #[serde(deserialize_with = "each_once")]
    pub aliases: Vec<NodeName>,
    /// Its disk's thresholds.
    pub disk: Disk,
    /// What replaces the default steps, for all its services.
    #[serde(with = "::serde_with::rust::maps_duplicate_key_is_error")]
    pub recipes: Recipes,
}

fn each_once<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<NodeName>, D::Error> {
    let names = Vec::<NodeName>::deserialize(input)?;
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(D::Error::custom(format!("the alias {twice} stands twice"))),
        None => Ok(names),
    }
}

/// Thresholds of a node's disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// Per cent used at which the pressure is high.
    pub high: Option<Percent>,
}

/// Reads `host.yaml`; an empty file says nothing.
pub fn parse_host(text: &str) -> Result<HostFile, YamlError> {
    yaml::parse::<Option<HostFile>>(text).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn services(text: &str) -> Vec<Service> {
        parse_services(text).unwrap()
    }

    fn broken(text: &str) -> YamlError {
        parse_services(text).unwrap_err()
    }

    #[test]
    fn the_contract_s_example_is_read() {
        let list = services(
            r#"
services:
  - mosquitto
  - name: homeassistant
    monitor: false
  - name: zigbee2mqtt
    runtime: compose
    compose: services/zigbee2mqtt
    containers: [zigbee2mqtt]
    depends_on: [mosquitto]
    check: {tcp: "127.0.0.1:8080"}
    min_healthy: 10s
    healthy_deadline: 5m
    on_failure: rollback
    timeout: 10m
    recipes: {redeploy: [["git", "pull"], ["make", "up"]], container_restart: [["systemctl", "restart", "web"]]}
"#,
        );
        assert_eq!(list.len(), 3);
        assert!(list[0].settings.monitor && !list[1].settings.monitor);
        let z = &list[2].settings;
        assert_eq!(z.check.as_ref().unwrap(), &Check::Tcp(Address { host: "127.0.0.1".into(), port: 8080 }));
        assert_eq!(z.recipes[&ActionType::Redeploy].steps()[1].words(), ["make", "up"]);
        assert_eq!(z.on_failure, OnFailure::Rollback);
    }

    #[test]
    fn a_map_of_names_says_the_same_as_a_list() {
        let list = services("services:\n  web:\n  db: {monitor: false}\n");
        assert_eq!(list[0].name.as_str(), "web");
        assert!(!list[1].settings.monitor);
    }

    #[test]
    fn only_an_empty_list_is_an_empty_desired_state() {
        assert!(services("services: []").is_empty());
        for text in ["", "services:", "services: {}", "services: none", "[]", "service: []", "--- 1\n--- 2"] {
            assert!(parse_services(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_field_that_is_wrong_is_an_error_with_line_and_column() {
        for (field, word) in [
            ("monitor: no", "bool"),
            ("runtime: podman", "unknown variant"),
            ("scope: root", "unknown variant"),
            ("compose: /etc", "below the repository"),
            ("compose: ../up", "below the repository"),
            ("compose: -f", "not a path"),
            ("containers: web", "sequence"),
            ("containers: ['-x']", "not a name"),
            ("profiles: ['$(id)']", "not a name"),
            ("project: 'a b'", "not a name"),
            ("depends_on: ['a/b/c']", "not a name"),
            ("check: {}", "a check is one of"),
            ("check: {tcp: 'x:1', command: [ls]}", "a check is one of"),
            ("check: {tcp: '1.2.3.4'}", "not an address"),
            ("check: {tcp: '-x:1'}", "not an address"),
            ("check: {http: 'ftp://x'}", "not a URL"),
            ("check: {http: 'http://x', status: 7}", "100 to 599"),
            ("check: {tcp: 'x:1', status: 200}", "go with `http`"),
            ("check: {command: []}", "at least a program"),
            ("min_healthy: 10", "not a duration"),
            ("healthy_deadline: soon", "not a duration"),
            ("timeout: 9999h9999h", "longer than"),
            ("on_failure: panic", "unknown variant"),
            ("recipes: {rm: [['x']]}", "unknown variant"),
            ("recipes: {redeploy: ['git pull']}", "sequence"),
            ("recipes: {redeploy: [[a]], redeploy: [[b]]}", "duplicate"),
            ("recipes: {redeploy: [['-x']]}", "not a program"),
            ("recipes: {redeploy: []}", "at least one command"),
            ("min_healthy: 2m\n    healthy_deadline: 1m", "longer than"),
            ("moniter: false", "unknown field"),
            ("monitor: true\n    monitor: true", "duplicate"),
        ] {
            let error = broken(&format!("services:\n  - ok\n  - name: web\n    {field}\n"));
            assert!(error.message.contains(word), "{field}: {error}");
            assert!(error.line >= 3 && error.column > 0, "{field}: {error:?}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_an_error_at_its_place() {
        let error = broken("services:\n  - web\n  - db\n  - web\n");
        assert!(error.message.contains("stands twice"), "{error}");
        assert_eq!(error.line, 4);
        assert!(broken("services: {web: , web: }").message.contains("twice"));
        assert!(broken("services:\n  - 'we b'\n").message.contains("not a name"));
        assert!(broken("services:\n  - monitor: true\n").message.contains("without a `name`"));
    }

    #[test]
    fn a_path_lies_in_the_home_unless_it_is_absolute() {
        let home = Path::new("/home/o");
        for (path, there) in [("~", "/home/o"), ("~/lab", "/home/o/lab"), ("lab", "/home/o/lab"), ("/srv", "/srv")] {
            assert_eq!(on_this_machine(path, Some(home)).unwrap(), Path::new(there), "{path}");
        }
        assert_eq!(on_this_machine("~/lab", None), None);
        assert_eq!(on_this_machine("/srv", None), Some("/srv".into()));
    }

    #[test]
    fn host_files_are_read_and_hostile_destinations_are_not() {
        let host = parse_host(
            "connection: ssh\nssh: oskar@100.95.58.48\nrepo: ~/homelab-codex-ws\naliases: [node-2]\ndisk: {high: 90}\n",
        )
        .unwrap();
        assert_eq!(host.ssh.unwrap().as_str(), "oskar@100.95.58.48");
        assert_eq!(parse_host("").unwrap(), HostFile::default());
        for bad in [
            "ssh: -oProxyCommand=id",
            "ssh: 'a b'",
            "ssh: 'x@-oProxyCommand=id'",
            "connection: telnet",
            "disk: {high: 0}",
            "disk: {high: 101}",
            "aliases: ['../x']",
            "aliases: node-2",
            "aliases: [x, x]",
            "repo: ''",
            "repo: \"a\\nb\"",
            "conection: ssh",
            "recipes: {redeploy: [[]]}",
        ] {
            assert!(parse_host(bad).is_err(), "{bad}");
        }
    }
}
