//! The synthesized world as `observe` writes it and everyone else reads it: its values, their JSON, and the
//! view of it in which aliases have become canonical names. Never decides what follows from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::event::Level;
use super::json::compact;
use super::name::{NodeName, ServiceName};
use super::sort;
use super::time::Stamp;

/// The format of `world/services.json`.
pub const SERVICES_SCHEMA: &str = "hlctl.services/v1";
/// The format of `world/nodes.json`.
pub const NODES_SCHEMA: &str = "hlctl.nodes/v1";

/// What is known of all services: the content of `world/services.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Services {
    /// The format, [`SERVICES_SCHEMA`].
    pub schema: String,
    /// The newest `service_*` event folded, removals included.
    pub as_of: Option<Stamp>,
    /// Sorted by node, then service.
    pub services: Vec<ServiceRow>,
}

/// What is known of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRow {
    /// Its node, as the events name it.
    pub node: NodeName,
    /// Its name.
    pub service: ServiceName,
    /// Its status as given.
    pub status: String,
    /// Why it is not healthy.
    #[serde(default)]
    pub reason: Option<String>,
    /// When the event came that says so.
    pub last_event: Stamp,
    /// The newest healthy event.
    #[serde(default)]
    pub last_healthy: Option<Stamp>,
    /// The newest event of any other status.
    #[serde(default)]
    pub last_unhealthy: Option<Stamp>,
    /// What else the event said.
    #[serde(default)]
    pub details: Details,
}

impl ServiceRow {
    /// Returns whether the service is healthy.
    pub fn is_healthy(&self) -> bool {
        self.status == "healthy"
    }
}

/// What is known of all nodes: the content of `world/nodes.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nodes {
    /// The format, [`NODES_SCHEMA`].
    pub schema: String,
    /// The newest event folded, of any type.
    pub as_of: Option<Stamp>,
    /// Sorted by node.
    pub nodes: Vec<NodeRow>,
}

/// What is known of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Its name, as the events give it.
    pub node: NodeName,
    /// The newest sign of life.
    #[serde(default)]
    pub last_seen: Option<Stamp>,
    /// The newest level of its disk.
    #[serde(default)]
    pub disk_pressure: Option<Level>,
    /// What was said with that level.
    #[serde(default)]
    pub disk: Option<Disk>,
    /// When the disk was last found to be under its limit.
    #[serde(default)]
    pub disk_normal_at: Option<Stamp>,
    /// What the newest heartbeat said.
    #[serde(default)]
    pub details: Details,
}

/// What is known of a node's disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Disk {
    /// How much of it is used, as given.
    #[serde(default)]
    pub used_percent: Option<serde_json::Number>,
    /// Where it is mounted.
    #[serde(default)]
    pub mount: Option<String>,
}

/// Any JSON value, kept as text without spaces.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Details(Box<RawValue>);

impl Details {
    /// Keeps a JSON value in its compact form; of what is none, an empty object.
    pub fn new(json: &str) -> Self {
        RawValue::from_string(compact(json)).map(Self).unwrap_or_default()
    }

    /// Returns the JSON text.
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

impl Default for Details {
    fn default() -> Self {
        Self(RawValue::from_string("{}".to_owned()).expect("an empty object is JSON"))
    }
}

impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}
impl Eq for Details {}

impl Services {
    /// Returns what is known before anything was heard.
    pub fn none() -> Services {
        Services { schema: SERVICES_SCHEMA.into(), as_of: None, services: Vec::new() }
    }

    /// Returns the file's bytes: one service a line.
    pub fn to_json(&self) -> Vec<u8> {
        table(&self.schema, self.as_of, "services", &self.services)
    }

    /// Returns the row of a service.
    pub fn get(&self, node: &str, service: &str) -> Option<&ServiceRow> {
        let found = self.services.binary_search_by(|r| (r.node.as_str(), r.service.as_str()).cmp(&(node, service)));
        found.ok().map(|i| &self.services[i])
    }
}

impl Nodes {
    /// Returns what is known before anything was heard.
    pub fn none() -> Nodes {
        Nodes { schema: NODES_SCHEMA.into(), as_of: None, nodes: Vec::new() }
    }

    /// Returns the file's bytes: one node a line.
    pub fn to_json(&self) -> Vec<u8> {
        table(&self.schema, self.as_of, "nodes", &self.nodes)
    }

    /// Returns the row of a node.
    pub fn get(&self, node: &str) -> Option<&NodeRow> {
        self.nodes.binary_search_by(|r| r.node.as_str().cmp(node)).ok().map(|i| &self.nodes[i])
    }
}

fn table<T: Serialize>(schema: &str, as_of: Option<Stamp>, key: &str, rows: &[T]) -> Vec<u8> {
    let mut out = format!("{{\"schema\":{},\"as_of\":{},\"{key}\":[", json(&schema), json(&as_of));
    for (i, row) in rows.iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        out.push_str(&json(row));
    }
    out.push_str(if rows.is_empty() { "]}\n" } else { "\n]}\n" });
    out.into_bytes()
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("a value of strings and numbers serializes")
}

/// Returns the world as it is read: each node under its canonical name. Where two names meet in one
/// service or node the newest row wins; among equals the one under the canonical name, then the greater name.
pub fn canonical(services: &Services, nodes: &Nodes, aliases: &BTreeMap<String, NodeName>) -> (Services, Nodes) {
    let name = |raw: &NodeName| aliases.get(raw.as_str()).unwrap_or(raw).clone();

    let mut met: BTreeMap<(NodeName, &ServiceName), ServiceRow> = BTreeMap::new();
    for row in &services.services {
        let key = (name(&row.node), &row.service);
        let Some(other) = met.get_mut(&key) else {
            met.insert(key, row.clone());
            continue;
        };
        let rank = |r: &ServiceRow| (r.last_event, r.node == key.0, r.node.clone());
        let last_healthy = other.last_healthy.max(row.last_healthy);
        let last_unhealthy = other.last_unhealthy.max(row.last_unhealthy);
        let newer = if rank(other) < rank(row) { row } else { &*other };
        *other = ServiceRow { last_healthy, last_unhealthy, ..newer.clone() };
    }
    let rows = met.into_iter().map(|((node, _), row)| ServiceRow { node, ..row });
    let services = Services { schema: services.schema.clone(), as_of: services.as_of, services: rows.collect() };

    let mut met: BTreeMap<NodeName, Vec<&NodeRow>> = BTreeMap::new();
    for row in &nodes.nodes {
        met.entry(name(&row.node)).or_default().push(row);
    }
    let rows = met.into_iter().map(|(node, rows)| merged(node, rows));
    let nodes = Nodes { schema: nodes.schema.clone(), as_of: nodes.as_of, nodes: rows.collect() };
    (services, nodes)
}

/// Returns what is known of a node under all its names: each fact from the newest row that has it, since a name that
/// sends only heartbeats says nothing of the disk.
fn merged(node: NodeName, mut rows: Vec<&NodeRow>) -> NodeRow {
    sort::by_key(&mut rows, |r| std::cmp::Reverse((r.last_seen, r.node == node, &r.node)));
    let disk = rows.iter().find(|r| r.disk_pressure.is_some());
    let nothing = Details::default();
    NodeRow {
        last_seen: rows.iter().filter_map(|r| r.last_seen).max(),
        disk_pressure: disk.and_then(|r| r.disk_pressure),
        disk: disk.and_then(|r| r.disk.clone()),
        disk_normal_at: rows.iter().filter_map(|r| r.disk_normal_at).max(),
        details: rows.iter().map(|r| &r.details).find(|d| **d != nothing).cloned().unwrap_or_default(),
        node,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(second: i64) -> Stamp {
        Stamp::from_millis(1_795_418_000_000 + second * 1000)
    }

    fn service(node: &str, last_event: i64, status: &str) -> ServiceRow {
        ServiceRow {
            node: node.parse().unwrap(),
            service: "web".parse().unwrap(),
            status: status.into(),
            reason: None,
            last_event: stamp(last_event),
            last_healthy: (status == "healthy").then(|| stamp(last_event)),
            last_unhealthy: (status != "healthy").then(|| stamp(last_event)),
            details: Details::default(),
        }
    }

    fn world(services: Vec<ServiceRow>) -> (Services, Nodes) {
        let node = |row: &ServiceRow| NodeRow {
            node: row.node.clone(),
            last_seen: Some(row.last_event),
            disk_pressure: None,
            disk: None,
            disk_normal_at: row.last_healthy,
            details: Details::default(),
        };
        let nodes = services.iter().map(node).collect();
        let (services_schema, nodes_schema) = (SERVICES_SCHEMA.into(), NODES_SCHEMA.into());
        (
            Services { schema: services_schema, as_of: None, services },
            Nodes { schema: nodes_schema, as_of: None, nodes },
        )
    }

    #[test]
    fn where_two_names_meet_the_newest_wins_then_the_canonical_then_the_greater() {
        let aliases = ["old", "older"].map(|a| (a.to_owned(), "piha".parse().unwrap())).into();
        for (rows, want) in [
            (vec![service("old", 2, "bad"), service("piha", 1, "healthy")], "bad"),
            (vec![service("old", 2, "bad"), service("piha", 2, "healthy")], "healthy"),
            (vec![service("old", 2, "bad"), service("older", 2, "worse")], "worse"),
        ] {
            let (services, nodes) = world(rows);
            let (services, nodes) = canonical(&services, &nodes, &aliases);
            assert_eq!(services.services.len(), 1);
            let row = services.get("piha", "web").unwrap();
            assert_eq!(row.status, want);
            assert_eq!(nodes.get("piha").unwrap().last_seen, Some(stamp(2)));
        }
        let (services, nodes) = world(vec![service("old", 2, "bad"), service("piha", 1, "healthy")]);
        let (services, nodes) = canonical(&services, &nodes, &aliases);
        assert_eq!(services.services[0].last_healthy, Some(stamp(1)));
        assert_eq!(services.services[0].last_unhealthy, Some(stamp(2)));
        assert_eq!(nodes.nodes[0].disk_normal_at, Some(stamp(1)));
    }

    #[test]
    fn aliases_are_one_step() {
        let aliases = [("a".to_owned(), "b".parse().unwrap()), ("b".to_owned(), "c".parse().unwrap())].into();
        let (services, nodes) = world(vec![service("a", 1, "healthy"), service("b", 1, "bad")]);
        let (services, _) = canonical(&services, &nodes, &aliases);
        let names: Vec<_> = services.services.iter().map(|r| r.node.as_str()).collect();
        assert_eq!(names, ["b", "c"]);
    }

    #[test]
    fn one_row_a_line_and_back() {
        let (services, nodes) = world(vec![service("a", 1, "healthy"), service("b", 2, "bad")]);
        let text = String::from_utf8(services.to_json()).unwrap();
        assert_eq!(text.lines().count(), 4);
        assert!(text.starts_with(r#"{"schema":"hlctl.services/v1","as_of":null,"services":["#), "{text}");
        assert_eq!(serde_json::from_str::<Services>(&text).unwrap(), services);
        assert_eq!(serde_json::from_slice::<Nodes>(&nodes.to_json()).unwrap(), nodes);
    }
}
