//! What a mirror makes of the control plane's word: whether a summary says anything new, and the nodes as its tables
//! show them. Never fetches and never judges.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::control_plane::ControlPlane;
use super::drift::{DriftKind, DriftRow};
use super::event::Level;
use super::json;
use super::name::{NodeName, ServiceName};
use super::sort;
use super::status::{NodeLine, NodeStanding, OLD_PASS_MS, Summary, disk};
use super::time::{Stamp, span};
use super::world::{Nodes, Services};

/// For how long a summary in which only ages differ is not written again: an SD card is written to for a minute's
/// news, not for every second's.
pub const FRESH_MS: i64 = 60_000;

/// Where what a mirror shows comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorFacts {
    /// The control plane; none where the root was marked by hand.
    pub from: Option<ControlPlane>,
    /// When it answered last.
    pub heard: Option<Stamp>,
    /// How many seconds ago that was.
    pub age_seconds: Option<i64>,
    /// Why the last try brought nothing.
    pub error: Option<String>,
}

impl MirrorFacts {
    /// Returns the sentence that says how old it all is.
    pub fn words(&self) -> String {
        let from = self.from.as_ref().map_or("the control plane", ControlPlane::as_str);
        match self.age_seconds {
            Some(age) => format!("mirror of {from}, heard {} ago", span(age.saturating_mul(1000))),
            None => format!("mirror of {from}, never heard"),
        }
    }

    /// Returns what needs a person: a source that is gone.
    pub fn attention(&self) -> Option<String> {
        let old = self.age_seconds.is_none_or(|age| age.saturating_mul(1000) > OLD_PASS_MS);
        match &self.error {
            Some(error) => Some(format!("{}: {error}", self.words())),
            None => old.then(|| format!("{}: is `hlctl mirror` running?", self.words())),
        }
    }
}

/// Returns whether two summaries say the same but for how long ago things were.
pub fn is_same_news(a: &[u8], b: &[u8]) -> bool {
    let essence = |bytes: &[u8]| {
        let all: Value = json::from_bytes(bytes).ok()?;
        let part = |name: &str| all.get(name).cloned().unwrap_or_default();
        let each = |list: Value, name: &str| -> Vec<Value> {
            let members = list.as_array().cloned().unwrap_or_default();
            members.iter().map(|m| m.get(name).cloned().unwrap_or_default()).collect()
        };
        let passes = part("passes").as_object().cloned().unwrap_or_default();
        let well: BTreeMap<String, Value> =
            passes.into_iter().map(|(name, pass)| (name, pass.get("ok").cloned().unwrap_or_default())).collect();
        Some(json!([
            part("healthy"),
            part("nodes"),
            part("services"),
            part("drift"),
            part("actions"),
            part("unmanaged"),
            part("rejected_events"),
            part("waiting_events"),
            each(part("pending"), "id"),
            each(part("flapping"), "id"),
            well,
        ]))
    };
    essence(a).is_some_and(|a| Some(a) == essence(b))
}

/// Adds to a summary that was taken at `taken` what time has added since, and the nodes for the tables.
pub fn bring_up(summary: &mut Summary, facts: MirrorFacts, world: (&Services, &Nodes), taken: Stamp, now: Stamp) {
    for pass in summary.passes.values_mut() {
        pass.age_seconds = pass.last_finished.map(|at| now.since(at).max(0) / 1000);
    }
    for pending in &mut summary.pending {
        pending.age_seconds = pending.age_seconds.saturating_add(now.since(taken).max(0) / 1000);
    }
    summary.attention.splice(0..0, facts.attention());
    summary.node_lines = node_lines(world.0, world.1, &summary.drift, &summary.unmanaged);
    summary.mirror = Some(facts);
}

/// Returns the nodes of the world with their services; what drift calls missing is added.
fn node_lines(services: &Services, nodes: &Nodes, drift: &[DriftRow], unmanaged: &[String]) -> Vec<NodeLine> {
    type Watched = Vec<(ServiceName, String, bool)>;
    let mut found: BTreeMap<&NodeName, Watched> = nodes.nodes.iter().map(|row| (&row.node, Vec::new())).collect();
    for row in &services.services {
        if unmanaged.iter().any(|u| u.split_once('/') == Some((row.node.as_str(), row.service.as_str()))) {
            continue;
        }
        let words = match (row.is_healthy(), &row.reason) {
            (false, Some(reason)) => format!("{} ({reason})", row.status),
            _ => row.status.clone(),
        };
        found.entry(&row.node).or_default().push((row.service.clone(), words, row.is_healthy()));
    }
    for row in drift.iter().filter(|row| row.kind == DriftKind::MissingService) {
        let services = found.entry(&row.node).or_default();
        services.extend(row.service.clone().map(|service| (service, "missing".into(), false)));
    }
    let line = |(node, mut services): (&NodeName, Watched)| {
        sort::by_key(&mut services, |(name, _, _)| name.clone());
        let row = nodes.get(node.as_str());
        let is_silent = drift.iter().any(|d| d.kind == DriftKind::SilentNode && d.node == *node);
        let standing = match row {
            _ if is_silent => NodeStanding::Silent,
            None => NodeStanding::NeverHeard,
            Some(row) if row.disk_pressure == Some(Level::High) => NodeStanding::DiskFull,
            Some(_) => NodeStanding::Heard,
        };
        NodeLine { node: node.clone(), standing, last_seen: row.and_then(|r| r.last_seen), disk: disk(row), services }
    };
    found.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_no_news() {
        let text = |age: i64, words: &str, healthy: bool, id: &str| {
            json!({
                "healthy": healthy, "attention": [words], "pending": [{"id": id, "age_seconds": age}],
                "passes": {"observe": {"ok": true, "age_seconds": age, "last_finished": age}},
            })
            .to_string()
            .into_bytes()
        };
        let old = text(1, "for 1 s", true, "a");
        assert!(is_same_news(&old, &text(9, "for 9 s", true, "a")));
        assert!(!is_same_news(&old, &text(1, "for 1 s", false, "a")));
        assert!(!is_same_news(&old, &text(1, "for 1 s", true, "b")));
        let waiting = String::from_utf8(old.clone()).unwrap().replacen('{', "{\"waiting_events\":1,", 1);
        assert!(!is_same_news(&old, waiting.as_bytes()), "a clock that is ahead is news");
        assert!(!is_same_news(&old, b"no summary") && !is_same_news(b"", b""));
    }

    #[test]
    fn a_source_that_is_gone_is_said() {
        let facts = |age_seconds, error: Option<&str>| MirrorFacts {
            from: Some("http://vps:18180".parse().unwrap()),
            heard: None,
            age_seconds,
            error: error.map(str::to_owned),
        };
        assert_eq!(facts(Some(5), None).attention(), None);
        assert_eq!(facts(Some(5), None).words(), "mirror of http://vps:18180, heard 5 s ago");
        for (facts, want) in [
            (facts(None, None), "mirror of http://vps:18180, never heard: is `hlctl mirror` running?"),
            (facts(Some(3600), None), "mirror of http://vps:18180, heard 60 min ago: is `hlctl mirror` running?"),
            (facts(Some(60), Some("gone")), "mirror of http://vps:18180, heard 60 s ago: gone"),
        ] {
            assert_eq!(facts.attention().as_deref(), Some(want));
        }
    }
}
