//! The state of everything at one glance: the content of `status --json` and `GET /summary`, and the sentences
//! that say what needs a person.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::action::{Action, ActionId, ActionType, Risk};
use super::desired::Desired;
use super::drift::{self, DriftKind, DriftRow};
use super::event::Level;
use super::intake::Rejects;
use super::lifecycle::State;
use super::mirror::MirrorFacts;
use super::name::{NodeName, ServiceName};
use super::reconcile;
use super::sort;
use super::time::{Stamp, span};
use super::world::{NodeRow, Nodes, ServiceRow, Services};

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
    pub silent_after: std::time::Duration,
    /// The time.
    pub now: Stamp,
}

/// How a pass ended last.
#[derive(Debug, Clone)]
pub struct PassFacts {
    /// When.
    pub finished: Stamp,
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

/// Makes the summary.
pub fn summarize(inputs: &Inputs<'_>) -> Summary {
    let nothing = || {
        (
            Services { schema: String::new(), as_of: None, services: vec![] },
            Nodes { schema: String::new(), as_of: None, nodes: vec![] },
        )
    };
    let empty = nothing();
    let (services, nodes) = inputs.world.unwrap_or((&empty.0, &empty.1));
    let mut attention = Vec::new();
    if inputs.world.is_none() {
        attention.push("there is no world yet: run `hlctl observe`".to_owned());
    }
    let unmanaged: Vec<&ServiceRow> = reconcile::unmanaged(inputs.desired, services);
    let mut service_counts = Counts { unmanaged: unmanaged.len(), ..Counts::default() };
    let known =
        |n: &&NodeRow| !inputs.desired.hosts.contains_key(&n.node) && !inputs.desired.broken.contains_key(&n.node);
    let mut node_counts = Counts { unmanaged: nodes.nodes.iter().filter(known).count(), ..Counts::default() };
    let mut node_lines = Vec::new();
    for (name, host) in &inputs.desired.hosts {
        let row = nodes.get(name.as_str());
        let standing = standing(inputs, row, host.watched().next().is_some());
        node_counts.total += 1;
        match standing {
            NodeStanding::Heard => node_counts.healthy += 1,
            NodeStanding::DiskFull => node_counts.unhealthy += 1,
            NodeStanding::NeverHeard => node_counts.missing += 1,
            NodeStanding::Silent => node_counts.silent += 1,
            NodeStanding::Unwatched | NodeStanding::Broken => {}
        }
        let mut line = NodeLine {
            node: name.clone(),
            standing,
            last_seen: row.and_then(|r| r.last_seen),
            disk: disk(row),
            services: vec![],
        };
        let mut never_reported = Vec::new();
        for service in host.watched() {
            let row = services.get(name.as_str(), service.name.as_str());
            service_counts.total += 1;
            service_counts.silent += usize::from(standing == NodeStanding::Silent);
            let words = match (drift::judge(row), row) {
                (None, _) => "healthy".to_owned(),
                (Some((DriftKind::MissingService, _)), _) | (_, None) => "missing".to_owned(),
                (Some(_), Some(row)) => {
                    row.reason.as_ref().map_or(row.status.clone(), |r| format!("{} ({r})", row.status))
                }
            };
            match words.as_str() {
                "healthy" => service_counts.healthy += 1,
                "missing" => {
                    service_counts.missing += 1;
                    never_reported.push(service.name.as_str());
                }
                _ => {
                    service_counts.unhealthy += 1;
                    attention.push(format!("{} on {name} is {words}", service.name));
                }
            }
            line.services.push((service.name.clone(), words.clone(), words == "healthy"));
        }
        attention.extend(missing_sentence(name, standing, &never_reported));
        attention.extend(node_sentence(inputs, &line));
        node_lines.push(line);
    }
    for (name, errors) in &inputs.desired.broken {
        node_counts.total += 1;
        attention.extend(errors.iter().map(|e| format!("broken host file: {e}")));
        let disk = String::new();
        node_lines.push(NodeLine {
            node: name.clone(),
            standing: NodeStanding::Broken,
            last_seen: None,
            disk,
            services: vec![],
        });
    }
    for row in nodes.nodes.iter().filter(known).filter(|row| row.disk_pressure == Some(Level::High)) {
        attention.push(format!(
            "the disk of {}, which nobody manages, is under pressure: {}",
            row.node,
            disk(Some(row))
        ));
    }
    sort::by(&mut node_lines, |a, b| a.node.cmp(&b.node));
    attention.extend(inputs.desired.strays.iter().map(ToString::to_string));
    let well = attention.is_empty();
    queue_sentences(inputs, &mut attention);
    event_sentences(inputs, &mut attention);
    pass_sentences(inputs, &mut attention);
    let pending = inputs.pending.iter().map(|(action, since)| Pending {
        id: action.id.clone(),
        kind: action.kind,
        risk: action.kind.risk(),
        node: action.node.clone(),
        service: action.service.clone(),
        age_seconds: since.map_or(0, |since| inputs.now.since(since).max(0) / 1000),
    });
    Summary {
        flapping: inputs.flapping.clone(),
        schema: STATUS_SCHEMA.into(),
        as_of: nodes.as_of.max(services.as_of),
        healthy: well,
        nodes: node_counts,
        services: service_counts,
        drift: inputs.drift.to_vec(),
        actions: inputs.counts.iter().map(|(state, n)| (state.as_str().to_owned(), *n)).collect(),
        pending: pending.collect(),
        passes: inputs
            .passes
            .iter()
            .map(|(name, facts)| ((*name).to_owned(), pass_summary(facts.as_ref(), inputs.now)))
            .collect(),
        rejected_events: inputs.rejects.count,
        waiting_events: inputs.waiting,
        clock_skew: skew(inputs),
        attention,
        rejects: inputs.rejects.clone(),
        unmanaged: unmanaged.iter().map(|row| format!("{}/{}", row.node, row.service)).collect(),
        mirror: None,
        node_lines,
    }
}

fn standing(inputs: &Inputs<'_>, row: Option<&NodeRow>, watched: bool) -> NodeStanding {
    let Some(row) = row.filter(|r| r.last_seen.is_some() || r.disk_pressure.is_some()) else {
        return if watched { NodeStanding::NeverHeard } else { NodeStanding::Unwatched };
    };
    let age = row.last_seen.map_or(0, |seen| inputs.now.since(seen));
    if watched && age > i64::try_from(inputs.silent_after.as_millis()).unwrap_or(i64::MAX) {
        NodeStanding::Silent
    } else if row.disk_pressure == Some(Level::High) {
        NodeStanding::DiskFull
    } else {
        NodeStanding::Heard
    }
}

/// Returns a node's disk in words.
pub fn disk(row: Option<&NodeRow>) -> String {
    let Some(level) = row.and_then(|r| r.disk_pressure) else { return String::new() };
    let used = row.and_then(|r| r.disk.as_ref()).and_then(|d| d.used_percent.as_ref());
    let level = if level == Level::High { "high" } else { "normal" };
    used.map_or(level.to_owned(), |used| format!("{used} % ({level})"))
}

/// One line a node where all of it is missing, not one a service.
fn missing_sentence(node: &NodeName, standing: NodeStanding, missing: &[&str]) -> Vec<String> {
    match (standing, missing) {
        (_, []) => vec![],
        (NodeStanding::NeverHeard, many) => {
            vec![format!(
                "{node} was never heard: {} missing, perhaps only the agent's reports",
                count(many.len(), "service")
            )]
        }
        (_, some) => some.iter().map(|service| format!("{service} on {node} is missing")).collect(),
    }
}

fn node_sentence(inputs: &Inputs<'_>, line: &NodeLine) -> Vec<String> {
    let mut sentences = Vec::new();
    if let (NodeStanding::Silent, Some(seen)) = (line.standing, line.last_seen) {
        sentences.push(format!("{} has been silent for {}", line.node, span(inputs.now.since(seen))));
    }
    if line.disk.ends_with("high") || line.disk.ends_with("(high)") {
        sentences.push(format!("the disk of {} is under pressure: {}", line.node, line.disk));
    }
    sentences
}

fn queue_sentences(inputs: &Inputs<'_>, attention: &mut Vec<String>) {
    for (action, since) in &inputs.pending {
        let age = since.map_or(String::new(), |since| format!(", for {}", span(inputs.now.since(since))));
        attention.push(format!("{} waits for approval{age}", action.id));
    }
    attention.extend(inputs.failed.iter().map(|(id, why)| format!("{id} failed: {why}")));
    attention.extend(inputs.invalid.iter().cloned());
}

fn event_sentences(inputs: &Inputs<'_>, attention: &mut Vec<String>) {
    if inputs.rejects.count > 0 {
        attention.push(format!("{} could not be read", count(inputs.rejects.count as usize, "event")));
    }
    if inputs.waiting > 0 {
        attention.push(format!("{} from the future: a node's clock is ahead", count(inputs.waiting as usize, "event")));
    }
}

fn pass_sentences(inputs: &Inputs<'_>, attention: &mut Vec<String>) {
    for (name, facts) in &inputs.passes {
        let Some(facts) = facts else {
            attention.push(format!("{name} never ran"));
            continue;
        };
        if !facts.ok {
            attention.push(format!("{name} failed: {}", facts.error.as_deref().unwrap_or("no reason was recorded")));
        }
        let age = inputs.now.since(facts.finished);
        if age > OLD_PASS_MS {
            attention.push(format!("{name} ran {} ago", span(age)));
        }
    }
}

fn pass_summary(facts: Option<&PassFacts>, now: Stamp) -> PassSummary {
    PassSummary {
        last_finished: facts.map(|f| f.finished),
        ok: facts.is_some_and(|f| f.ok),
        age_seconds: facts.map(|f| now.since(f.finished).max(0) / 1000),
        error: facts.and_then(|f| f.error.clone()),
    }
}

fn skew(inputs: &Inputs<'_>) -> BTreeMap<NodeName, i64> {
    let seconds = |(node, ts): (&NodeName, &Stamp)| (node.clone(), ts.since(inputs.now) / 1000);
    inputs.waiting_nodes.iter().map(seconds).filter(|(_, seconds)| *seconds > 0).collect()
}

/// Returns a number with its noun: `1 service`, `3 services`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
