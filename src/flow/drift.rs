//! Drift: where the world is not what was desired, each with the reason a person can read. Finds it; what follows
//! is decided in [`super::reconcile`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::{ActionId, ActionType};
use super::desired::{Desired, Host};
use super::event::Level;
use super::name::{NodeName, ServiceName};
use super::time::Stamp;
use super::world::{NodeRow, Nodes, ServiceRow, Services};

/// The format of `world/drift.json`.
pub const DRIFT_SCHEMA: &str = "hlctl.drift/v1";

/// The kinds of drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// Desired, and absent from the world.
    MissingService,
    /// There, and not healthy.
    UnhealthyService,
    /// A node's disk is too full.
    DiskPressure,
    /// A node that was heard before says nothing.
    SilentNode,
}

impl DriftKind {
    /// Returns the name in files: `missing_service`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingService => "missing_service",
            Self::UnhealthyService => "unhealthy_service",
            Self::DiskPressure => "disk_pressure",
            Self::SilentNode => "silent_node",
        }
    }
}

/// One difference between what is desired and what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Its kind.
    pub kind: DriftKind,
    /// Where.
    pub node: NodeName,
    /// Of which service, where it is one's.
    pub service: Option<ServiceName>,
    /// The reason in the agent's word.
    pub reason: Option<String>,
    /// The reason in a sentence.
    pub why: String,
    /// What would mend it.
    pub mend: Option<ActionType>,
    /// Since when, as far as the world tells; else it is new.
    pub since: Option<Stamp>,
    /// When it was last seen to be gone: this ends the hold after a rejection.
    pub last_gone: Option<Stamp>,
    /// Whether the node was never heard.
    pub node_unheard: bool,
}

impl Drift {
    /// Returns the ID that its action always gets.
    pub fn id(&self) -> Option<ActionId> {
        self.mend.map(|kind| ActionId::of(kind, &self.node, self.service.as_ref()))
    }
}

/// A row of `world/drift.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftRow {
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: DriftKind,
    /// Where.
    pub node: NodeName,
    /// Of which service.
    pub service: Option<ServiceName>,
    /// The reason in the agent's word.
    pub reason: Option<String>,
    /// The reason in a sentence.
    #[serde(default)]
    pub why: String,
    /// Since when.
    pub since: Stamp,
    /// The open action that would mend it.
    pub action: Option<String>,
    /// Until when none is made, if one is held.
    pub held_until: Option<Stamp>,
    /// Why it is held.
    #[serde(default)]
    pub held_by: Option<String>,
}

/// The content of `world/drift.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftFile {
    /// The format.
    pub schema: String,
    /// Sorted by node, service and kind.
    pub drift: Vec<DriftRow>,
}

/// Returns what a service's state calls for, or nothing where it is healthy (the table of contract section 5).
pub fn judge(row: Option<&ServiceRow>) -> Option<(DriftKind, ActionType)> {
    let Some(row) = row else { return Some((DriftKind::MissingService, ActionType::Redeploy)) };
    if row.is_healthy() {
        return None;
    }
    let mend = match row.reason.as_deref() {
        Some("containers_not_running" | "mqtt_unreachable") => ActionType::ContainerRestart,
        Some(_) | None => ActionType::Redeploy,
    };
    Some((DriftKind::UnhealthyService, mend))
}

/// Finds the drift of all hosts whose files can be believed, sorted by node, service and kind. The world is taken
/// as it is read: with canonical names.
pub fn find(desired: &Desired, services: &Services, nodes: &Nodes, silent_after: Duration, now: Stamp) -> Vec<Drift> {
    let mut found = Vec::new();
    for (name, host) in &desired.hosts {
        let node = nodes.get(name.as_str());
        found.extend(disk_drift(host, node));
        found.extend(silence(host, node, silent_after, now));
        let unheard = node.is_none_or(|n| n.last_seen.is_none());
        for service in host.watched() {
            found.extend(service_drift(
                host,
                &service.name,
                services.get(name.as_str(), service.name.as_str()),
                unheard,
            ));
        }
    }
    found.sort_by(|a, b| (&a.node, &a.service, a.kind).cmp(&(&b.node, &b.service, b.kind)));
    found
}

fn service_drift(host: &Host, service: &ServiceName, row: Option<&ServiceRow>, unheard: bool) -> Option<Drift> {
    let (kind, mend) = judge(row)?;
    let node = &host.node;
    let why = match row {
        None if unheard => format!("{service} was never reported, and neither was anything else of {node}"),
        None => format!("{node} does not report {service}"),
        Some(row) => match row.reason.as_deref() {
            Some(reason) => format!("{service} is {}: {}", row.status, in_words(reason)),
            None => format!("{service} is {}, for no reason given", row.status),
        },
    };
    Some(Drift {
        kind,
        node: node.clone(),
        service: Some(service.clone()),
        reason: row.and_then(|r| r.reason.clone()),
        why,
        mend: Some(mend),
        since: row.map(|r| r.last_event),
        last_gone: row.and_then(|r| r.last_healthy),
        node_unheard: unheard,
    })
}

/// Returns an agent's reason in words.
fn in_words(reason: &str) -> &str {
    match reason {
        "containers_not_running" => "its containers are not running",
        "mqtt_unreachable" => "mqtt is not reachable",
        "check_failed" => "its check fails",
        other => other,
    }
}

fn disk_drift(host: &Host, node: Option<&NodeRow>) -> Option<Drift> {
    let node = node.filter(|n| n.disk_pressure == Some(Level::High))?;
    let disk = node.disk.clone().unwrap_or_default();
    let used = disk.used_percent.map_or("too full".into(), |p| format!("{p} % full"));
    let mount = disk.mount.map_or(String::new(), |m| format!(" at {m}"));
    Some(Drift {
        kind: DriftKind::DiskPressure,
        node: host.node.clone(),
        service: None,
        reason: Some("high".into()),
        why: format!("the disk of {}{mount} is {used}", host.node),
        mend: Some(ActionType::DiskCleanup),
        since: None,
        last_gone: node.disk_normal_at,
        node_unheard: node.last_seen.is_none(),
    })
}

/// A node that has services to watch, was heard before and has been silent for too long.
fn silence(host: &Host, node: Option<&NodeRow>, silent_after: Duration, now: Stamp) -> Option<Drift> {
    let last_seen = node?.last_seen?;
    host.watched().next()?;
    if now.since(last_seen) <= i64::try_from(silent_after.as_millis()).unwrap_or(i64::MAX) {
        return None;
    }
    Some(Drift {
        kind: DriftKind::SilentNode,
        node: host.node.clone(),
        service: None,
        reason: None,
        why: format!("nothing was heard of {} since {last_seen}", host.node),
        mend: None,
        since: Some(last_seen),
        last_gone: None,
        node_unheard: false,
    })
}
