//! `hlctl agent`: looks at this node's services and writes what changed as events.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::ship::{self, Shipment};
use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result, fail};
use crate::flow::config::Config;
use crate::flow::desired::{Desired, Host};
use crate::flow::hostfile::{Runtime, Service};
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::outgoing::Outgoing;
use crate::flow::sighting::Sighting;
use crate::flow::watch::{self, DiskUse, Limits, Memory, Seen};
use crate::flow::yaml::nearest;
use crate::store::pass::Pass;
use crate::store::root::Root;
use crate::store::{agent, config};

pub mod discover;
mod look;

/// What a pass did.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AgentReport {
    /// Another one is running.
    Busy {
        /// The root of both.
        #[serde(serialize_with = "crate::flow::json::path")]
        root: PathBuf,
    },
    /// It looked at everything.
    Done(Told),
}

/// What was seen, and what was told of it.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// This node.
    pub node: NodeName,
    /// What each service that is watched was found to be.
    pub services: Vec<Watched>,
    /// The fullest disk, where one could be looked at.
    pub disk: Option<DiskUse>,
    /// The events written.
    pub events: Vec<Outgoing>,
    /// What could not be asked, so that nothing is known of it.
    pub unknown: Vec<String>,
    /// What can never be known as it is set up.
    pub warnings: Vec<String>,
    /// What became of the events on their way to the control plane, where there is one to send them to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<Box<Shipment>>,
}

/// A service that is watched.
#[derive(Debug, Serialize)]
pub struct Watched {
    /// Its name.
    pub service: ServiceName,
    /// `healthy`, `unhealthy`, `absent`, `starting` or `unknown`.
    pub found: &'static str,
    /// The reason that an event gives.
    pub reason: Option<&'static str>,
    /// What was seen.
    pub seen: Option<String>,
}

/// Runs one pass.
pub fn run(cx: &Context, args: &cli::Agent) -> Result<AgentReport> {
    let root = cx.root()?;
    let config = config::read(&root).advised()?;
    let desired = cx.desired()?;
    let node = this_node(cx, &desired)?;
    let cx = &cx.knowing(&desired);
    let watch = || watch_once(cx, &config, &desired, &agent::memory(&root, &node, args.to.as_ref()));
    if args.dry_run {
        let (told, _) = watch();
        return Ok(AgentReport::Done(Told { dry_run: true, ..told }));
    }
    let Some(pass) = Pass::start(&root, "agent").advised()? else {
        return Ok(AgentReport::Busy { root: cx.root.clone() });
    };
    let (mut told, memory) = watch();
    if args.to.is_none() {
        told.warnings.extend(root.is_mirror().then(|| UNREAD.to_owned()));
        // Where even that cannot be read, nothing here depends on it.
        let spooled = agent::count_spooled(&root).unwrap_or_default();
        told.warnings.extend((spooled > 0).then(|| format!("{spooled} {UNSENT}")));
    }
    match tell(cx, &root, args, &told.events, &memory) {
        Ok(sent) => {
            let error = told.unknown.first().cloned().or_else(|| sent.as_ref()?.trouble());
            pass.end(error, told.counts()).advised()?;
            Ok(AgentReport::Done(Told { sent, ..told }))
        }
        Err(error) => {
            pass.fail(&error);
            Err(error)
        }
    }
}

/// Writes what is to be told, remembers it, and sends it where there is somebody to send it to.
fn tell(
    cx: &Context,
    root: &Root,
    args: &cli::Agent,
    events: &[Outgoing],
    memory: &Memory,
) -> Result<Option<Box<Shipment>>> {
    // The events first: who is killed between them tells the same again, and nothing is lost.
    match args.to {
        None => agent::write_events(root, cx.now(), &memory.node, events),
        Some(_) => agent::spool_events(root, events),
    }
    .and_then(|()| agent::remember(root, memory))
    .advised()?;
    args.to.as_ref().map(|to| ship::to(cx, root, to, &args.uplink).map(Box::new)).transpose()
}

/// Returns the canonical name of this node, which must have a host folder: a misspelt one would haunt the world.
fn this_node(cx: &Context, desired: &Desired) -> Result<NodeName> {
    let node = desired.canonical(given_name(cx)?);
    if desired.hosts.contains_key(&node) || desired.broken.contains_key(&node) {
        return Ok(node);
    }
    let path = desired.path.join(node.as_str());
    let known: Vec<&str> = desired.hosts.keys().chain(desired.broken.keys()).map(NodeName::as_str).collect();
    let advice = nearest(node.as_str(), known.iter().copied()).map_or_else(
        || format!("write it with `hlctl agent --discover --node {node}`, or name the node with --node"),
        |near| format!("did you mean `--node {near}`? If not: `hlctl agent --discover --node {node}` writes one"),
    );
    Err(fail(format!("there is no host folder {}", path.display()), advice))
}

/// Returns the name of this node as it was given, or as the machine calls itself.
fn given_name(cx: &Context) -> Result<&NodeName> {
    let none = || fail("this machine's host name is no node's name", "name the node with --node or HLCTL_NODE");
    cx.this_node.as_ref().ok_or_else(none)
}

/// Looks once and decides what to tell. A host whose files cannot be believed still gives its signs of life.
fn watch_once(cx: &Context, config: &Config, desired: &Desired, memory: &Memory) -> (Told, Memory) {
    let (began, node) = (cx.now(), &memory.node);
    let host = desired.hosts.get(node);
    let limits = limits(config, host, memory);
    let looked = look::look(cx, host, memory, memory.wants_heartbeat(&limits, began), began);
    let verdict = watch::decide(memory, &looked.seen, looked.facts, &limits, began);
    let told = Told {
        dry_run: false,
        node: node.clone(),
        services: looked.seen.services.iter().flatten().map(|(name, found)| Watched::of(name, found)).collect(),
        disk: looked.seen.disk.clone(),
        events: verdict.events,
        unknown: unknown(desired, node, &looked.seen),
        warnings: host.map(|host| blind(host).map(|s| format!("{} {NO_CHECK}", s.name)).collect()).unwrap_or_default(),
        sent: None,
    };
    (told, verdict.memory)
}

fn limits(config: &Config, host: Option<&Host>, memory: &Memory) -> Limits {
    let disk_high = match host {
        Some(host) => host.file.disk.high.map(|high| high.0),
        // What a broken host file wants is not known: then it is what it wanted before.
        None => memory.disk_high,
    };
    Limits {
        refresh: config.agent.refresh,
        silent_after: config.silent_after,
        unhealthy_after: config.agent.unhealthy_after.get(),
        disk_high: disk_high.unwrap_or(config.agent.disk_high.0),
    }
}

/// What is wrong with events that lie in a mirror.
const UNREAD: &str = "this root is a mirror, where nobody reads events: send them to the control plane with --to";

/// What is wrong with events that wait where nobody sends them.
const UNSENT: &str = "events wait in state/spool/: send them with --to, or let them go by removing its files";

/// What is wrong with a service that nothing can look at.
const NO_CHECK: &str = "has no check: nothing is known of it until it gets one in services.yaml";

/// Returns the services that only a check could tell of, and that have none.
fn blind(host: &Host) -> impl Iterator<Item = &Service> {
    let is_blind =
        |s: &&Service| matches!(s.settings.runtime, Runtime::Nomad | Runtime::Command) && s.settings.check.is_none();
    host.watched().filter(is_blind)
}

/// Returns what could not be asked: each cause once, with all that it hides.
fn unknown(desired: &Desired, node: &NodeName, seen: &Seen) -> Vec<String> {
    let errors = desired.broken.get(node).into_iter().flatten().map(super::queue::host_error);
    let mut unknown: Vec<String> = errors.collect();
    let blind: Vec<&ServiceName> = desired.hosts.get(node).into_iter().flat_map(blind).map(|s| &s.name).collect();
    let mut causes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, sighting) in seen.services.iter().flatten().filter(|(name, _)| !blind.contains(name)) {
        if let Sighting::Unknown { detail } = sighting {
            causes.entry(detail).or_default().push(name.as_str());
        }
    }
    unknown.extend(causes.into_iter().map(|(why, names)| format!("nothing is known of {}: {why}", names.join(", "))));
    unknown.extend(seen.disk.is_none().then(|| "nothing is known of the disk: it did not answer".to_owned()));
    unknown
}

impl Watched {
    fn of(service: &ServiceName, sighting: &Sighting) -> Watched {
        let reason = match sighting {
            Sighting::Unhealthy { reason, .. } => Some(*reason),
            Sighting::Healthy | Sighting::Absent { .. } | Sighting::Undecided { .. } | Sighting::Unknown { .. } => None,
        };
        let seen = sighting.detail().map(str::to_owned);
        Watched { service: service.clone(), found: sighting.as_str(), reason, seen }
    }
}

impl Told {
    /// What the record of the pass counts.
    fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for service in &self.services {
            *counts.entry(service.found.to_owned()).or_default() += 1;
        }
        counts
    }
}
