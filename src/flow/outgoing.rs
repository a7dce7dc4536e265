//! An event as this program's own agent writes it: a typed value that becomes the line of contract section 3. Says
//! nothing of where the line goes.

use serde::Serialize;

use super::event::Level;
use super::name::{NodeName, ServiceName};
use super::time::Stamp;
use super::words::cut;

/// The `source` that these events name.
pub const SOURCE: &str = "agent";

/// Longest text of a person's or a program's own words in an event, in characters. A control plane refuses long lines
/// for good, and JSON may make six bytes of a character.
const MAX_WORDS: usize = 500;

/// Returns words as an event may carry them.
pub fn shortened(words: &str) -> String {
    cut(words, MAX_WORDS).into_owned()
}

/// An event to be written or sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outgoing {
    /// When the look began that saw it.
    pub ts: Stamp,
    /// The node's canonical name.
    pub node: NodeName,
    /// What it says.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The service, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// What a service is, where its type does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    /// Why a service is unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How full the disk is, where it is about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Always [`SOURCE`].
    pub source: &'static str,
    /// What else there is to know.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// The types of events that an agent writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// A service is healthy.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// A service is not healthy.
    #[serde(rename = "service_unhealthy")]
    Unhealthy,
    /// A service is what its `status` says.
    #[serde(rename = "service_status")]
    Status,
    /// A service is not there, or is no longer watched.
    #[serde(rename = "service_removed")]
    Removed,
    /// How full the disk is.
    #[serde(rename = "disk_pressure")]
    Disk,
    /// The node is alive.
    #[serde(rename = "node_heartbeat")]
    Heartbeat,
}

impl Outgoing {
    /// Makes an event of a node.
    pub fn new(ts: Stamp, node: &NodeName, kind: Kind) -> Outgoing {
        let details = serde_json::Map::new();
        Outgoing {
            ts,
            node: node.clone(),
            kind,
            service: None,
            status: None,
            reason: None,
            level: None,
            source: SOURCE,
            details,
        }
    }

    /// Returns the event's line, without its newline.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("an event of strings and numbers serializes")
    }
}

#[cfg(test)]
mod tests {
    use super::super::event;
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        let long = "é".repeat(MAX_WORDS);
        assert_eq!(shortened(&long), long);
        assert_eq!(shortened(&(long.clone() + "x")), long + "…");
    }

    #[test]
    fn each_kind_is_an_event_as_the_contract_has_it() {
        let (now, node) = (Stamp::from_millis(1_795_418_000_123), "piha".parse().unwrap());
        for (kind, read) in [
            (Kind::Healthy, event::Kind::Healthy),
            (Kind::Unhealthy, event::Kind::Unhealthy),
            (Kind::Status, event::Kind::Status("starting".into())),
            (Kind::Removed, event::Kind::Removed),
            (Kind::Disk, event::Kind::Disk(Level::High)),
            (Kind::Heartbeat, event::Kind::Heartbeat),
        ] {
            let mut event = Outgoing::new(now, &node, kind);
            event.service = (!matches!(kind, Kind::Disk | Kind::Heartbeat)).then(|| "web".parse().unwrap());
            event.status = (kind == Kind::Status).then_some("starting");
            event.level = (kind == Kind::Disk).then_some(Level::High);
            event.details.insert("seen".into(), "a\nb".into());
            let line = event.to_line();
            let event = event::parse(&line).unwrap();
            assert!(event.kind == read && event.ts == now && event.node == "piha", "{line}");
            assert!(event.is_sign_of_life() && event.source.as_deref() == Some(SOURCE));
            assert!(!line.contains('\n'));
        }
    }
}
