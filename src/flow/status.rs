//! The state of everything at one glance: the content of `status --json` and `GET /summary`, and the sentences
//! that say what needs a person.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::{Action, ActionId, ActionType, Risk};
use super::desired::Desired;
use super::drift::DriftRow;
use super::intake::Rejects;
use super::lifecycle::State;
use super::mirror::MirrorFacts;
use super::name::{NodeName, ServiceName};
use super::time::Stamp;
use super::world::{Nodes, Services};

mod make;
mod sentences;
mod things;

pub use make::{disk, summarize};

/// The format of the summary.
pub const STATUS_SCHEMA: &str = "hlctl.status/v1";

/// After how long a pass that did not run needs a person: ten minutes (contract section 7).
pub const OLD_PASS_MS: i64 = 10 * 60 * 1000;

/// What the summary is made of.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The desired state.
    pub desired: &'a Desired,
    /// The world with canonical names; none before the first observe.
    pub world: Option<(&'a Services, &'a Nodes)>,
    /// The rows of `drift.json`.
    pub drift: &'a [DriftRow],
    /// The pending actions, and since when.
    pub pending: Vec<(&'a Action, Option<Stamp>)>,
    /// The IDs whose newest record failed, and why.
    pub failed: Vec<(ActionId, String)>,
    /// How many actions each state holds.
    pub counts: BTreeMap<State, usize>,
    /// The last run of each pass.
    pub passes: Vec<(&'static str, Option<PassFacts>)>,
    /// What observe set aside.
    pub rejects: Rejects,
    /// How many events wait for their time.
    pub waiting: u64,
    /// The newest waiting event of each node.
    pub waiting_nodes: BTreeMap<NodeName, Stamp>,
    /// Actions that were needed again and again.
    pub flapping: Vec<Flapping>,
    /// Files that are no actions, and IDs in two states.
    pub invalid: Vec<String>,
    /// After how long a node is silent.
    pub silent_after: Duration,
    /// The time.
    pub now: Stamp,
}

/// How a pass ended last.
#[derive(Debug, Clone)]
pub struct PassFacts {
    /// When.
    pub finished: Stamp,
    /// How long it took, where that is known.
    pub took: Option<Duration>,
    /// Whether all went well.
    pub ok: bool,
    /// What did not.
    pub error: Option<String>,
}

/// The summary.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// The format.
    pub schema: String,
    /// The newest event folded.
    pub as_of: Option<Stamp>,
    /// Whether every watched service and every node is well.
    pub healthy: bool,
    /// Nodes, counted.
    pub nodes: Counts,
    /// Watched services, counted.
    pub services: Counts,
    /// The drift of the last reconcile.
    pub drift: Vec<DriftRow>,
    /// How many actions each state holds.
    pub actions: BTreeMap<String, usize>,
    /// What waits for the operator.
    pub pending: Vec<Pending>,
    /// How each pass ended last.
    pub passes: BTreeMap<String, PassSummary>,
    /// How many lines and files of events were set aside.
    pub rejected_events: u64,
    /// How many events wait for their time.
    pub waiting_events: u64,
    /// By how many seconds each node's clock is ahead, where it is.
    pub clock_skew: BTreeMap<NodeName, i64>,
    /// What needs a person.
    pub attention: Vec<String>,
    /// The newest of what was set aside.
    pub rejects: Rejects,
    /// Actions that were needed again and again.
    pub flapping: Vec<Flapping>,
    /// What runs and nobody desires, `node/service`.
    pub unmanaged: Vec<String>,
    /// On a mirror: of what, and how old it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorFacts>,
    /// The nodes one by one, for tables.
    #[serde(skip)]
    pub node_lines: Vec<NodeLine>,
}

/// An action that was needed again and again within the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flapping {
    /// Its ID.
    pub id: ActionId,
    /// When it was queued, oldest first.
    pub queued: Vec<Stamp>,
}

/// Things of one kind, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All that are desired.
    pub total: usize,
    /// Those that are well.
    pub healthy: usize,
    /// Those that are not.
    pub unhealthy: usize,
    /// Those that were never reported.
    pub missing: usize,
    /// Those that nobody desires.
    pub unmanaged: usize,
    /// Those of which nothing was heard for too long.
    pub silent: usize,
}

/// An action that waits for the operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending {
    /// Its ID.
    pub id: ActionId,
    /// What it does.
    #[serde(rename = "type")]
    pub kind: ActionType,
    /// How much it can break.
    pub risk: Risk,
    /// Where.
    pub node: NodeName,
    /// To which service.
    pub service: Option<ServiceName>,
    /// For how long it has waited, in seconds.
    pub age_seconds: i64,
}

/// How a pass ended last.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PassSummary {
    /// When; none if it never ran.
    pub last_finished: Option<Stamp>,
    /// Whether all went well.
    pub ok: bool,
    /// How many seconds ago it ended.
    pub age_seconds: Option<i64>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took, for the metrics.
    #[serde(skip)]
    pub took: Option<Duration>,
}

/// A node with its services, for tables.
#[derive(Debug, Clone)]
pub struct NodeLine {
    /// Its name.
    pub node: NodeName,
    /// How it is.
    pub standing: NodeStanding,
    /// The newest sign of life.
    pub last_seen: Option<Stamp>,
    /// The disk, in words.
    pub disk: String,
    /// Its services: name, status in words, whether that is well.
    pub services: Vec<(ServiceName, String, bool)>,
}

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeStanding {
    /// It was heard.
    Heard,
    /// It was heard, and its disk is too full.
    DiskFull,
    /// It was never heard, and should be.
    NeverHeard,
    /// It was not heard for too long.
    Silent,
    /// Nothing of it is watched.
    Unwatched,
    /// Its host files cannot be believed.
    Broken,
}

impl NodeStanding {
    /// Returns it in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Heard => "heard",
            Self::DiskFull => "disk full",
            Self::NeverHeard => "never heard",
            Self::Silent => "silent",
            Self::Unwatched => "not watched",
            Self::Broken => "broken host file",
        }
    }
}

impl Summary {
    /// Returns the summary of nothing.
    pub fn empty() -> Self {
        Self {
            schema: STATUS_SCHEMA.into(),
            as_of: None,
            healthy: false,
            nodes: Counts::default(),
            services: Counts::default(),
            drift: Vec::new(),
            actions: BTreeMap::new(),
            pending: Vec::new(),
            passes: BTreeMap::new(),
            rejected_events: 0,
            waiting_events: 0,
            clock_skew: BTreeMap::new(),
            attention: Vec::new(),
            rejects: Rejects::default(),
            flapping: Vec::new(),
            unmanaged: Vec::new(),
            mirror: None,
            node_lines: Vec::new(),
        }
    }
}

/// Returns a number with its noun: `1 service`, `3 services`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
