//! `hosts/<node>/services.yaml` and `host.yaml` as they are written: each field validated where it is parsed, so
//! that the error has its line and column. Says nothing about how hosts relate to each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::action::ActionType;
use super::name::{NodeName, ServiceName};
use super::yaml::{self, YamlError};

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

/// How a service's health is found out, addresses as seen from its own node.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "CheckFields")]
pub enum Check {
    /// A connection can be made.
    Tcp(Address),
    /// A GET answers with the status (default: any 2xx) and, where given, the text.
    Http {
        /// `http://` or `https://` with a host.
        url: String,
        /// The status wanted.
        status: Option<u16>,
        /// A text that the body must hold.
        contains: Option<String>,
    },
    /// A command ends with 0.
    Command(Argv),
    /// An MQTT broker accepts a CONNECT.
    Mqtt(Address),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("{text:?} is not an address such as 127.0.0.1:8080");
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().ok().filter(|p| *p != 0).ok_or_else(bad)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'%');
        if host.is_empty() || host.starts_with('-') || !host.bytes().all(plain) {
            return Err(bad());
        }
        Ok(Address { host: host.to_owned(), port })
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckFields {
    tcp: Option<Address>,
    http: Option<String>,
    status: Option<u16>,
    contains: Option<String>,
    command: Option<Argv>,
    mqtt: Option<Address>,
}

impl TryFrom<CheckFields> for Check {
    type Error = String;
    fn try_from(fields: CheckFields) -> Result<Self, String> {
        let CheckFields { tcp, http, status, contains, command, mqtt } = fields;
        if http.is_none() && (status.is_some() || contains.is_some()) {
            return Err("`status` and `contains` go with `http` only".into());
        }
        match (tcp, http, command, mqtt) {
            (Some(address), None, None, None) => Ok(Check::Tcp(address)),
            (None, Some(url), None, None) => {
                let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
                let fine = rest.is_some_and(|r| !r.is_empty() && !r.starts_with(['/', '-', '?', '#']));
                if !fine || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
                    return Err(format!("{url:?} is not a URL such as http://127.0.0.1:8080/health"));
                }
                if status.is_some_and(|s| !(100..600).contains(&s)) {
                    return Err("`status` is a number from 100 to 599".into());
                }
                Ok(Check::Http { url, status, contains })
            }
            (None, None, Some(argv), None) => Ok(Check::Command(argv)),
            (None, None, None, Some(address)) => Ok(Check::Mqtt(address)),
            _ => Err("a check is one of `tcp`, `http`, `command` and `mqtt`".into()),
        }
    }
}

/// A program and its arguments: at least the program, no NUL.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Argv(Vec<String>);

impl Argv {
    /// Returns the words.
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for Argv {
    type Error = String;
    fn try_from(words: Vec<String>) -> Result<Self, String> {
        match words.first() {
            None => Err("a command needs at least a program".into()),
            Some(program) if program.is_empty() || program.starts_with('-') => {
                Err(format!("{program:?} is not a program"))
            }
            Some(_) if words.iter().any(|w| w.contains('\0')) => Err("a command cannot hold a NUL character".into()),
            Some(_) => Ok(Argv(words)),
        }
    }
}

/// What replaces the default steps of an action.
pub type Recipes = BTreeMap<ActionType, Recipe>;

/// The commands of an action, at least one: an action that does nothing would always end well.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Vec<Argv>")]
pub struct Recipe(Vec<Argv>);

impl Recipe {
    /// Returns the commands in their order.
    pub fn steps(&self) -> &[Argv] {
        &self.0
    }
}

impl TryFrom<Vec<Argv>> for Recipe {
    type Error = &'static str;
    fn try_from(steps: Vec<Argv>) -> Result<Self, Self::Error> {
        if steps.is_empty() { Err("a recipe needs at least one command") } else { Ok(Recipe(steps)) }
    }
}

/// A path as a host file may give it: no control characters, not looking like an option.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct HostPath(String);

impl HostPath {
    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HostPath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
            return Err(format!("{text:?} is not a path that can be used here"));
        }
        Ok(HostPath(text))
    }
}

/// Returns where a path of a host file lies on this machine: what is not absolute lies in the home of the user who runs
/// this, with or without a leading `~`. None where that home would have to be known and is not.
pub fn on_this_machine(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    let path = Path::new(path);
    let below = path.strip_prefix("~").unwrap_or(path);
    if below.is_absolute() { Some(below.to_owned()) } else { home.map(|home| home.join(below)) }
}

/// A path below the repository: relative, without `..`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "HostPath")]
pub struct RepoPath(String);

impl RepoPath {
    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<HostPath> for RepoPath {
    type Error = String;
    fn try_from(path: HostPath) -> Result<Self, String> {
        if path.0.starts_with(['/', '~']) || path.0.split('/').any(|part| part == "..") {
            return Err(format!("{:?} must lie below the repository: relative, without `..`", path.0));
        }
        Ok(RepoPath(path.0))
    }
}

/// What `depends_on` names: a service of the same node or of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Dependency {
    /// The node, where it is another.
    pub node: Option<NodeName>,
    /// The service.
    pub service: ServiceName,
}

impl TryFrom<String> for Dependency {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let (node, service) = match text.split_once('/') {
            Some((node, service)) => (Some(node.parse().map_err(|e| format!("{e}"))?), service),
            None => (None, text.as_str()),
        };
        Ok(Dependency { node, service: service.parse().map_err(|e| format!("{e}"))? })
    }
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

struct ServiceList(Vec<Service>);

impl<'de> Deserialize<'de> for ServiceList {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ListVisitor).map(ServiceList)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<Service>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("services: a list of names or maps, or a map of name → settings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut seen = BTreeSet::new();
        let mut services = Vec::new();
        while let Some(service) = list.next_element_seed(ItemSeed { seen: &mut seen })? {
            services.push(service);
        }
        Ok(services)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = BTreeSet::new();
        let mut services = Vec::new();
        while let Some(name) = map.next_key_seed(NameSeed { seen: &mut seen })? {
            let settings = map.next_value::<Option<Settings>>()?.unwrap_or_default().checked::<A::Error>()?;
            if settings.name.as_ref().is_some_and(|n| *n != name) {
                return Err(A::Error::custom(format!("the name under {name} is another one")));
            }
            services.push(Service { name, settings });
        }
        if services.is_empty() {
            return Err(A::Error::custom("an empty map: write `services: []` if nothing should run"));
        }
        Ok(services)
    }
}

/// Reads a service's name and refuses one that was already there.
struct NameSeed<'a> {
    seen: &'a mut BTreeSet<ServiceName>,
}

impl NameSeed<'_> {
    fn check<E: Error>(self, text: &str) -> Result<ServiceName, E> {
        let name: ServiceName = text.parse().map_err(E::custom)?;
        if !self.seen.insert(name.clone()) {
            return Err(E::custom(format!("the service {name} stands twice")));
        }
        Ok(name)
    }
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = ServiceName;
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<ServiceName, D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = ServiceName;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a service")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<ServiceName, E> {
        self.check(text)
    }
}

/// Reads one entry of a list: a name, or a map with one.
struct ItemSeed<'a> {
    seen: &'a mut BTreeSet<ServiceName>,
}

impl<'de> DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = Service;
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Service, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_> {
    type Value = Service;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a service: its name, or a map with `name`")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Service, E> {
        let name = NameSeed { seen: self.seen }.check(text)?;
        Ok(Service { name, settings: Settings::default() })
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Service, A::Error> {
        let settings = Settings::deserialize(MapAccessDeserializer::new(map))?.checked::<A::Error>()?;
        let name = settings.name.clone().ok_or_else(|| A::Error::custom("a service without a `name`"))?;
        let name = NameSeed { seen: self.seen }.check(name.as_str())?;
        Ok(Service { name, settings })
    }
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

/// A whole number from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "u64")]
pub struct Percent(pub u8);

impl TryFrom<u64> for Percent {
    type Error = String;
    fn try_from(n: u64) -> Result<Self, String> {
        if (1..=100).contains(&n) {
            Ok(Percent(n as u8))
        } else {
            Err(format!("{n} is not a percentage from 1 to 100"))
        }
    }
}

/// A destination of ssh that cannot be taken for an option: `user@host`, or a host of the ssh config.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Destination(String);

impl Destination {
    /// Returns the destination as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Destination {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let fine = |b: u8| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@' | b':' | b'[' | b']' | b'/' | b'%')
        };
        if text.is_empty() || text.starts_with('-') || text.contains("@-") || !text.bytes().all(fine) {
            return Err(format!("{text:?} is not a destination of ssh such as oskar@100.95.58.48"));
        }
        Ok(Destination(text))
    }
}

/// Reads `host.yaml`; an empty file says nothing.
pub fn parse_host(text: &str) -> Result<HostFile, YamlError> {
    yaml::parse::<Option<HostFile>>(text).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
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
