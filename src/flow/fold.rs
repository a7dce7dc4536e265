//! The fold from events to the world (contract section 3.1). It does not depend on the order in which events
//! come, and an event that comes twice from one place changes nothing. Never reads, never asks the time.

use std::hash::Hash;
use std::sync::Arc;

use foldhash::HashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::event::{Event, Kind, Level, disk_details, text};
use super::name::{NodeName, ServiceName};
use super::sort;
use super::time::Stamp;
use super::world::{Details, Disk, NODES_SCHEMA, NodeRow, Nodes, SERVICES_SCHEMA, ServiceRow, Services};

/// Where an event stands: the path below `events/` without `.gz` or `.zst`, and its line or index there.
/// Of two events of one time the one with the greater place wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The path, compared by its bytes.
    pub path: Arc<str>,
    /// The line or index.
    pub index: u64,
}

/// Everything that was learnt from the events so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    as_of: Option<Stamp>,
    services_as_of: Option<Stamp>,
    unknown: u64,
    #[serde(serialize_with = "in_order")]
    nodes: HashMap<NodeName, Node>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Node {
    last_seen: Option<Stamp>,
    heartbeat: Option<Newest<Raw>>,
    disk: Option<Newest<Option<(Level, Disk)>>>,
    disk_normal_at: Option<Stamp>,
    #[serde(serialize_with = "in_order")]
    services: HashMap<ServiceName, Service>,
}

/// A service; kept after its removal, because an older event must not bring it back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Service {
    newest: Option<Newest<Option<State>>>,
    last_healthy: Option<Stamp>,
    last_unhealthy: Option<Stamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    status: String,
    reason: Option<String>,
    details: Raw,
}

/// `details` as they came; made compact only where they are shown, because most of them never are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Raw(String);

impl Raw {
    /// Takes an event's details over, into the memory that is there.
    fn set(&mut self, event: &Event<'_>) {
        self.0.clear();
        self.0.push_str(event.details.unwrap_or("{}"));
    }

    fn details(&self) -> Details {
        Details::new(&self.0)
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(output)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(input).map(|raw| Self(String::from(Box::<str>::from(raw))))
    }
}

/// What the newest event of a kind said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Newest<T> {
    ts: Stamp,
    at: Place,
    value: T,
}

impl<T> Newest<T> {
    /// Changes the slot's value if its event is newer than the one there; memory that is there is used again.
    fn offer(slot: &mut Option<Self>, ts: Stamp, at: &Place, set: impl FnOnce(&mut T))
    where
        T: Default,
    {
        match slot {
            Some(old) if (old.ts, &old.at) >= (ts, at) => return,
            Some(old) => (old.ts, old.at) = (ts, at.clone()),
            None => *slot = Some(Self { ts, at: at.clone(), value: T::default() }),
        }
        if let Some(newest) = slot {
            set(&mut newest.value);
        }
    }

    fn merge(slot: &mut Option<Self>, other: Option<Self>) {
        if let Some(other) = other
            && slot.as_ref().is_none_or(|old| (old.ts, &old.at) < (other.ts, &other.at))
        {
            *slot = Some(other);
        }
    }
}

impl Fold {
    /// Folds one event in.
    pub fn add(&mut self, event: &Event<'_>, at: &Place) {
        let ts = Some(event.ts);
        self.as_of = self.as_of.max(ts);
        match &event.kind {
            Kind::Unknown => self.unknown += 1,
            Kind::Healthy | Kind::Unhealthy | Kind::Status(_) | Kind::Removed => {
                self.services_as_of = self.services_as_of.max(ts);
            }
            Kind::Heartbeat | Kind::Disk(_) | Kind::Action => {}
        }
        with(&mut self.nodes, &event.node, |node| node.add(event, at));
    }

    /// Folds in what another fold learnt from other events.
    pub fn merge(&mut self, other: Fold) {
        self.as_of = self.as_of.max(other.as_of);
        self.services_as_of = self.services_as_of.max(other.services_as_of);
        self.unknown += other.unknown;
        for (name, theirs) in other.nodes {
            let ours = self.nodes.entry(name).or_default();
            ours.last_seen = ours.last_seen.max(theirs.last_seen);
            ours.disk_normal_at = ours.disk_normal_at.max(theirs.disk_normal_at);
            Newest::merge(&mut ours.heartbeat, theirs.heartbeat);
            Newest::merge(&mut ours.disk, theirs.disk);
            for (name, theirs) in theirs.services {
                let ours = ours.services.entry(name).or_default();
                ours.last_healthy = ours.last_healthy.max(theirs.last_healthy);
                ours.last_unhealthy = ours.last_unhealthy.max(theirs.last_unhealthy);
                Newest::merge(&mut ours.newest, theirs.newest);
            }
        }
    }

    /// Returns whether the world would, or at another event's loss might, be another one without this event: it
    /// says something itself, or hides an older one. In doubt it is needed: of events of one time all are.
    pub fn needs(&self, event: &Event<'_>) -> bool {
        let ts = Some(event.ts);
        let Some(node) = self.nodes.get(&*event.node).filter(|_| ts < self.as_of) else { return true };
        if event.is_sign_of_life() && ts >= node.last_seen {
            return true;
        }
        match &event.kind {
            Kind::Healthy | Kind::Unhealthy | Kind::Status(_) | Kind::Removed => {
                let service = node.services.get(event.service.as_deref().unwrap_or_default());
                service.is_none_or(|service| match event.status() {
                    Some("healthy") if ts >= service.last_healthy => true,
                    Some(status) if status != "healthy" && ts >= service.last_unhealthy => true,
                    Some(_) | None => ts >= service.newest.as_ref().map(|n| n.ts),
                })
            }
            Kind::Heartbeat => ts >= node.heartbeat.as_ref().map(|n| n.ts),
            Kind::Disk(level) => {
                ts >= node.disk.as_ref().map(|n| n.ts) || (*level == Level::Normal && ts >= node.disk_normal_at)
            }
            Kind::Action | Kind::Unknown => false,
        }
    }

    /// Returns the newest event folded, of any type.
    pub fn as_of(&self) -> Option<Stamp> {
        self.as_of
    }

    /// Returns how many events were of an unknown type.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Returns the world's services.
    pub fn services(&self) -> Services {
        let nodes = sorted(&self.nodes).into_iter();
        let rows =
            nodes.flat_map(|(node, n)| sorted(&n.services).into_iter().filter_map(|(s, state)| state.row(node, s)));
        Services { schema: SERVICES_SCHEMA.into(), as_of: self.services_as_of, services: rows.collect() }
    }

    /// Returns the world's nodes.
    pub fn nodes(&self) -> Nodes {
        let rows = sorted(&self.nodes).into_iter().filter_map(|(name, node)| node.row(name));
        Nodes { schema: NODES_SCHEMA.into(), as_of: self.as_of, nodes: rows.collect() }
    }
}

/// Returns what a map holds in the order of its names: its own order is another one each time.
fn sorted<K: Ord, V>(map: &HashMap<K, V>) -> Vec<(&K, &V)> {
    let mut rows: Vec<_> = map.iter().collect();
    sort::by(&mut rows, |a, b| a.0.cmp(b.0));
    rows
}

fn in_order<K: Ord + Serialize, V: Serialize, S: Serializer>(
    map: &HashMap<K, V>,
    output: S,
) -> Result<S::Ok, S::Error> {
    output.collect_map(sorted(map))
}

/// Changes the value under a checked name, without making a name where there is one and without looking twice.
fn with<K, V>(map: &mut HashMap<K, V>, name: &str, change: impl FnOnce(&mut V))
where
    K: Eq + Hash + std::str::FromStr + std::borrow::Borrow<str>,
    V: Default,
{
    if let Some(value) = map.get_mut(name) {
        change(value);
    } else if let Ok(name) = name.parse() {
        change(map.entry(name).or_default());
    }
}

impl Node {
    fn add(&mut self, event: &Event<'_>, at: &Place) {
        let ts = Some(event.ts);
        if event.is_sign_of_life() {
            self.last_seen = self.last_seen.max(ts);
        }
        match &event.kind {
            Kind::Healthy | Kind::Unhealthy | Kind::Status(_) | Kind::Removed => {
                let name = event.service.as_deref().unwrap_or_default();
                with(&mut self.services, name, |service| service.add(event, at));
            }
            Kind::Heartbeat => Newest::offer(&mut self.heartbeat, event.ts, at, |raw| raw.set(event)),
            Kind::Disk(level) => {
                if *level == Level::Normal {
                    self.disk_normal_at = self.disk_normal_at.max(ts);
                }
                Newest::offer(&mut self.disk, event.ts, at, |value| *value = Some((*level, disk(event))));
            }
            Kind::Action | Kind::Unknown => {}
        }
    }
}

impl Service {
    fn add(&mut self, event: &Event<'_>, at: &Place) {
        let healthy = event.status().map(|s| s == "healthy");
        match healthy {
            Some(true) => self.last_healthy = self.last_healthy.max(Some(event.ts)),
            Some(false) => self.last_unhealthy = self.last_unhealthy.max(Some(event.ts)),
            None => {}
        }
        Newest::offer(&mut self.newest, event.ts, at, |value| match event.status() {
            None => *value = None,
            Some(status) => {
                let state = value.get_or_insert_default();
                status.clone_into(&mut state.status);
                let reason = event.reason.as_deref().filter(|_| healthy == Some(false));
                match (&mut state.reason, reason) {
                    (Some(old), Some(new)) => new.clone_into(old),
                    (old, new) => *old = new.map(str::to_owned),
                }
                state.details.set(event);
            }
        });
    }

    fn row(&self, node: &NodeName, service: &ServiceName) -> Option<ServiceRow> {
        let newest = self.newest.as_ref()?;
        let state = newest.value.as_ref()?;
        Some(ServiceRow {
            node: node.clone(),
            service: service.clone(),
            status: state.status.clone(),
            reason: state.reason.clone(),
            last_event: newest.ts,
            last_healthy: self.last_healthy,
            last_unhealthy: self.last_unhealthy,
            details: state.details.details(),
        })
    }
}

impl Node {
    fn row(&self, name: &NodeName) -> Option<NodeRow> {
        let disk = self.disk.as_ref().and_then(|newest| newest.value.as_ref());
        (self.last_seen.is_some() || disk.is_some()).then(|| NodeRow {
            node: name.clone(),
            last_seen: self.last_seen,
            disk_pressure: disk.map(|(level, _)| *level),
            disk: disk.map(|(_, disk)| disk.clone()),
            disk_normal_at: self.disk_normal_at,
            details: self.heartbeat.as_ref().map(|h| h.value.details()).unwrap_or_default(),
        })
    }
}

fn disk(event: &Event<'_>) -> Disk {
    let Some(given) = event.details.and_then(disk_details) else { return Disk::default() };
    Disk {
        used_percent: given.used_percent.and_then(|raw| serde_json::from_str(raw.get()).ok()),
        mount: given.mount.map(RawValue::get).and_then(text).map(|mount| mount.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::event::parse;

    fn fold(events: &[(&str, u64, &str)]) -> Fold {
        let mut fold = Fold::default();
        for (path, index, text) in events {
            let at = Place { path: (*path).into(), index: *index };
            fold.add(&parse(text).unwrap(), &at);
        }
        fold
    }

    const UP: &str = r#"{"ts":1795418000,"node":"n","type":"service_healthy","service":"s","reason":"gone"}"#;
    const DOWN: &str =
        r#"{"ts":1795418005,"node":"n","type":"service_unhealthy","service":"s","reason":"r","details":{ "a": 1 }}"#;
    const REMOVED: &str = r#"{"ts":1795418009,"node":"n","type":"service_removed","service":"s"}"#;

    #[test]
    fn the_newest_event_wins_in_any_order() {
        for order in [[UP, DOWN], [DOWN, UP]] {
            let fold = fold(&[("d/a", 1, order[0]), ("d/a", 2, order[1])]);
            let row = &fold.services().services[0];
            assert_eq!(
                (row.status.as_str(), row.reason.as_deref(), row.details.get()),
                ("unhealthy", Some("r"), r#"{"a":1}"#)
            );
            assert_eq!(row.last_healthy.unwrap().millis(), 1_795_418_000_000);
            assert_eq!(row.last_unhealthy, Some(row.last_event));
        }
    }

    #[test]
    fn a_reason_is_dropped_with_health_and_a_removal_hides_what_is_older() {
        assert_eq!(fold(&[("d/a", 1, UP)]).services().services[0].reason, None);
        let removed = fold(&[("d/a", 1, REMOVED), ("d/a", 2, DOWN), ("d/a", 3, UP)]);
        assert!(removed.services().services.is_empty());
        assert_eq!(removed.services().as_of.unwrap().millis(), 1_795_418_009_000);
        let back = r#"{"ts":1795418010,"node":"n","type":"service_status","service":"s","status":"starting"}"#;
        let back = fold(&[("d/a", 1, REMOVED), ("d/a", 2, DOWN), ("d/a", 3, back)]);
        assert_eq!(back.services().services[0].status, "starting");
    }

    #[test]
    fn at_an_equal_time_the_greater_place_wins() {
        let other = DOWN.replace("\"r\"", "\"other\"");
        for (first, second, want) in
            [(("d/a", 2), ("d/a", 10), "other"), (("d/b", 1), ("d/a", 10), "r"), (("d/a", 10), ("d/a", 2), "r")]
        {
            let fold = fold(&[(first.0, first.1, DOWN), (second.0, second.1, &other)]);
            assert_eq!(fold.services().services[0].reason.as_deref(), Some(want), "{first:?} {second:?}");
        }
    }

    #[test]
    fn nodes_live_by_their_own_signs_only() {
        let beat = r#"{"ts":1795418001,"node":"n","type":"node_heartbeat","details":{"v":1}}"#;
        let executed = r#"{"ts":1795418007,"node":"n","type":"service_healthy","service":"s","source":"execute"}"#;
        let action = r#"{"ts":1795418008,"node":"m","type":"action_started","service":"s"}"#;
        let fold = fold(&[("d/a", 1, beat), ("d/a", 2, executed), ("d/a", 3, action)]);
        let nodes = fold.nodes();
        assert_eq!(nodes.nodes.len(), 1, "an action is no sign of life");
        assert_eq!(nodes.nodes[0].last_seen.unwrap().millis(), 1_795_418_001_000);
        assert_eq!(nodes.nodes[0].details.get(), r#"{"v":1}"#);
        assert_eq!(nodes.as_of.unwrap().millis(), 1_795_418_008_000);
        assert_eq!(fold.services().as_of.unwrap().millis(), 1_795_418_007_000);
    }

    #[test]
    fn the_disk_of_a_node() {
        let high = r#"{"ts":1795418001,"node":"n","type":"disk_pressure","level":"high","details":{"used_percent":93,"mount":"/"}}"#;
        let normal = r#"{"ts":1795418000,"node":"n","type":"disk_pressure","level":"normal","details":"x"}"#;
        let row = fold(&[("d/a", 1, high), ("d/a", 2, normal)]).nodes().nodes.remove(0);
        assert_eq!(row.disk_pressure, Some(Level::High));
        assert_eq!(serde_json::to_string(&row.disk).unwrap(), r#"{"used_percent":93,"mount":"/"}"#);
        assert_eq!(row.disk_normal_at.unwrap().millis(), 1_795_418_000_000);
    }

    #[test]
    fn two_halves_merge_to_the_whole() {
        let all = [("d/a", 1, UP), ("d/a", 2, DOWN), ("d/b", 1, REMOVED), ("d/b", 2, DOWN)];
        for cut in 0..=all.len() {
            let mut left = fold(&all[..cut]);
            left.merge(fold(&all[cut..]));
            assert_eq!(left, fold(&all));
        }
    }
}
