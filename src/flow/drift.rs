//! Drift: where the world is not what was desired, each with the reason a person can read. Finds it; what follows
//! is decided in [`super::reconcile`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::{ActionId, ActionType};
use super::desired::{Desired, Host};
use super::event::Level;
use super::name::{NodeName, ServiceName};
use super::sort;
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
    sort::by(&mut found, |a, b| (&a.node, &a.service, a.kind).cmp(&(&b.node, &b.service, b.kind)));
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
            None if row.status == "starting" => format!("{service} does not get beyond starting"),
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
pub fn in_words(reason: &str) -> &str {
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

#[cfg(test)]
mod tests {
    use super::super::action::Risk;
    use super::super::fixtures::{Lab, ago, id, node, service, short};
    use super::*;

    /// The drift that a lab shows, in short.
    fn found(lab: &Lab) -> Vec<String> {
        lab.drift().iter().map(short).collect()
    }

    /// The drift of one service `piha/web` whose node was heard, with this state.
    fn of_state(state: &str) -> Vec<String> {
        found(&Lab::new([("piha", "[web]")], &format!("piha seen=1m\n{state}")))
    }

    #[test]
    fn desired_and_absent_is_missing_and_calls_for_a_redeploy() {
        assert_eq!(of_state(""), ["missing_service piha/web → redeploy"]);
        assert_eq!(of_state("piha/other healthy"), ["missing_service piha/web → redeploy"]);
        assert_eq!(of_state("vps/web healthy"), ["missing_service piha/web → redeploy"], "of another node");
    }

    #[test]
    fn unhealthy_for_containers_or_mqtt_calls_for_a_restart_else_for_a_redeploy() {
        for (reason, mend) in [
            ("reason=containers_not_running", "container_restart"),
            ("reason=mqtt_unreachable", "container_restart"),
            ("reason=check_failed", "redeploy"),
            ("reason=anything-else", "redeploy"),
            ("reason=CONTAINERS_NOT_RUNNING", "redeploy"),
            ("reason=containers_not_running_", "redeploy"),
            ("", "redeploy"),
        ] {
            for status in ["unhealthy", "starting", "degraded", "Healthy", "ok"] {
                let expected = format!("unhealthy_service piha/web → {mend}");
                assert_eq!(of_state(&format!("piha/web {status} {reason}")), [expected], "{status} {reason}");
            }
        }
    }

    #[test]
    fn only_healthy_is_no_drift() {
        assert!(of_state("piha/web healthy").is_empty());
        assert!(of_state("piha/web healthy reason=check_failed").is_empty(), "a reason alone is none");
    }

    #[test]
    fn the_risks_and_ids_of_the_table() {
        let lab = Lab::new(
            [("piha", "[gone, ill, stopped]")],
            "piha seen=1m disk=high\npiha/ill unhealthy\npiha/stopped unhealthy reason=containers_not_running",
        );
        let got: Vec<_> = lab.drift().iter().map(|d| (d.id().unwrap(), d.mend.unwrap().risk())).collect();
        assert_eq!(
            got,
            [
                (id("disk-cleanup-piha"), Risk::Guarded),
                (id("redeploy-piha-gone"), Risk::Guarded),
                (id("redeploy-piha-ill"), Risk::Guarded),
                (id("container-restart-piha-stopped"), Risk::Low),
            ]
        );
    }

    #[test]
    fn a_disk_is_drift_while_its_pressure_is_high() {
        let disk = |line: &str| found(&Lab::new([("piha", "[]")], line));
        assert_eq!(disk("piha seen=1m disk=high"), ["disk_pressure piha → disk_cleanup"]);
        assert!(disk("piha seen=1m disk=normal").is_empty());
        assert!(disk("piha seen=1m").is_empty());
        assert_eq!(disk("piha disk=high"), ["disk_pressure piha → disk_cleanup"], "heard or not");
    }

    #[test]
    fn a_full_disk_of_a_node_without_a_host_folder_is_unmanaged() {
        assert!(found(&Lab::new([("piha", "[]")], "vps seen=1m disk=high")).is_empty());
    }

    #[test]
    fn a_broken_host_shows_no_drift_of_any_kind() {
        let lab = Lab::new([("vps", "[web]")], "piha seen=2h disk=high\npiha/web unhealthy").broken("piha");
        assert_eq!(found(&lab), ["missing_service vps/web → redeploy"]);
    }

    #[test]
    fn what_is_not_monitored_is_silent_whatever_its_state() {
        for state in ["", "piha/web unhealthy reason=containers_not_running", "piha/web healthy"] {
            let lab = Lab::new([("piha", "[{name: web, monitor: false}]")], &format!("piha seen=2h\n{state}"));
            assert!(found(&lab).is_empty(), "{state}");
        }
    }

    #[test]
    fn what_nobody_desires_is_no_drift() {
        assert!(found(&Lab::new([("piha", "[]")], "piha seen=1m\npiha/web unhealthy\nvps/web unhealthy")).is_empty());
    }

    #[test]
    fn a_node_is_silent_after_fifteen_minutes_if_it_was_heard_and_has_services_to_watch() {
        let silent = "silent_node piha → nothing";
        let says = |services: &str, seen: &str| {
            let lab = Lab::new([("piha", services)], &format!("piha {seen}\npiha/web healthy"));
            found(&lab).contains(&silent.to_owned())
        };
        assert!(says("[web]", "seen=16m"));
        assert!(says("[web]", "seen=900001ms"));
        assert!(!says("[web]", "seen=15m"), "not before it has been silent for longer");
        assert!(!says("[web]", "seen=1m"));
        assert!(!says("[web]", "disk=normal"), "never heard");
        assert!(!says("[]", "seen=2h"), "nothing to watch");
        assert!(!says("[{name: web, monitor: false}]", "seen=2h"), "nothing to watch");
        let lab = Lab::new([("piha", "[web]")], "piha seen=2m\npiha/web healthy").config("silent_after: 1m");
        assert_eq!(found(&lab), [silent], "as config.yaml says");
    }

    #[test]
    fn a_node_without_a_host_folder_is_never_silent() {
        assert!(found(&Lab::new([("piha", "[]")], "vps seen=2h\nvps/web healthy")).is_empty());
    }

    #[test]
    fn names_are_held_against_each_other_after_aliases() {
        let lab = Lab::new([("piha", "[web]")], "node-1 seen=1m disk=high\nnode-1/web unhealthy reason=x");
        let expected = ["disk_pressure piha → disk_cleanup", "unhealthy_service piha/web → redeploy"];
        assert_eq!(found(&lab.host_file("piha", "aliases: [node-1]")), expected);
        let lab = Lab::new([("piha", "[web]")], "node-1 seen=1m disk=high\nnode-1/web unhealthy reason=x");
        assert_eq!(found(&lab.alias_map(r#"{"node-1":"piha"}"#)), expected);
        let lab = Lab::new([("piha", "[web]")], "node-1 seen=1m\nnode-1/web healthy");
        assert_eq!(found(&lab), ["missing_service piha/web → redeploy"], "without an alias");
    }

    #[test]
    fn the_reason_of_the_agent_and_the_times_of_the_world_are_kept() {
        let lab = Lab::new(
            [("piha", "[gone, ill]")],
            "piha seen=1m disk=high normal=3h used=93.1\npiha/ill degraded reason=slow at=5m healthy=2h",
        );
        let [disk, gone, ill] = lab.drift().try_into().unwrap();
        assert_eq!((ill.reason.as_deref(), ill.since, ill.last_gone), (Some("slow"), Some(ago("5m")), Some(ago("2h"))));
        assert_eq!((gone.reason, gone.since, gone.last_gone), (None, None, None));
        assert_eq!((disk.reason.as_deref(), disk.last_gone), (Some("high"), Some(ago("3h"))));
    }

    #[test]
    fn every_drift_says_why_in_a_sentence() {
        let why = |hosts: &str, world: &str| {
            let lab = Lab::new([("piha", hosts)], world);
            lab.drift().iter().map(|d| d.why.clone()).collect::<Vec<_>>()
        };
        assert_eq!(why("[web]", ""), ["web was never reported, and neither was anything else of piha"]);
        assert_eq!(why("[web]", "piha seen=1m"), ["piha does not report web"]);
        assert_eq!(why("[web]", "piha seen=1m\npiha/web starting"), ["web does not get beyond starting"]);
        assert_eq!(why("[web]", "piha seen=1m\npiha/web degraded"), ["web is degraded, for no reason given"]);
        for (reason, word) in [
            ("containers_not_running", "its containers are not running"),
            ("mqtt_unreachable", "mqtt is not reachable"),
            ("check_failed", "its check fails"),
            ("out-of-cheese", "out-of-cheese"),
        ] {
            let world = format!("piha seen=1m\npiha/web unhealthy reason={reason}");
            assert_eq!(why("[web]", &world), [format!("web is unhealthy: {word}")]);
        }
        assert_eq!(why("[]", "piha seen=1m disk=high used=93.1"), ["the disk of piha at / is 93.1 % full"]);
        assert_eq!(why("[]", "piha seen=1m disk=high"), ["the disk of piha is too full"]);
        assert_eq!(
            why("[web]", "piha seen=16m\npiha/web healthy"),
            [format!("nothing was heard of piha since {}", ago("16m"))]
        );
    }

    #[test]
    fn a_node_counts_as_unheard_without_a_sign_of_life() {
        let unheard = |world: &str| {
            let lab = Lab::new([("piha", "[web]")], world);
            lab.drift().iter().find(|d| d.service.is_some()).unwrap().node_unheard
        };
        assert!(unheard(""), "a missing nodes.json means that no node was heard");
        assert!(unheard("vps seen=1m"));
        assert!(unheard("piha disk=high"), "a row alone is no sign of life");
        assert!(!unheard("piha seen=300d"));
    }

    #[test]
    fn drift_is_sorted_by_node_service_and_kind() {
        let lab = Lab::new([("b", "[z, a]"), ("a", "[y]")], "a seen=2h disk=high\nb seen=1m\nb/z unhealthy");
        assert_eq!(
            found(&lab),
            [
                "disk_pressure a → disk_cleanup",
                "silent_node a → nothing",
                "missing_service a/y → redeploy",
                "missing_service b/a → redeploy",
                "unhealthy_service b/z → redeploy",
            ]
        );
    }

    #[test]
    fn a_file_of_drift_is_read_back_and_names_its_kinds_as_the_contract_does() {
        let kinds =
            [DriftKind::MissingService, DriftKind::UnhealthyService, DriftKind::DiskPressure, DriftKind::SilentNode];
        let row = |kind: DriftKind| DriftRow {
            kind,
            node: node("piha"),
            service: Some(service("web")),
            reason: None,
            why: "why".into(),
            since: ago("1h"),
            action: None,
            held_until: None,
            held_by: None,
        };
        let file = DriftFile { schema: DRIFT_SCHEMA.into(), drift: kinds.map(row).into() };
        let text = serde_json::to_string(&file).unwrap();
        for kind in kinds {
            assert!(text.contains(&format!("\"type\":\"{}\"", kind.as_str())), "{text}");
        }
        assert_eq!(serde_json::from_str::<DriftFile>(&text).unwrap(), file);
    }
}
