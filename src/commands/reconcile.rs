//! `hlctl reconcile`: compares the desired state with the world, queues what it takes and cancels what it no longer
//! takes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::queue;
use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result, fail};
use crate::flow::action::{Action, ActionId, Via};
use crate::flow::config::Config;
use crate::flow::desired::Desired;
use crate::flow::drift::{self, DriftRow};
use crate::flow::lifecycle::{State, Transition};
use crate::flow::reconcile::{self, Decision, Inputs, New};
use crate::flow::time::{Stamp, span};
use crate::flow::world::{self, Nodes, Services};
use crate::store;
use crate::store::actions::Entry;
use crate::store::pass::{self, Pass};
use crate::store::root::Root;
use crate::store::transition::{self, Asked, Changes, NotDone};

mod auto;

/// After how long the world is said to be old: ten minutes (contract section 5, rule 6).
pub const OLD_WORLD_MS: i64 = 10 * 60 * 1000;

/// What a pass did.
#[derive(Debug, Default, Serialize)]
pub struct ReconcileReport {
    /// Whether another reconcile is running; then nothing else is said.
    pub busy: bool,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The drift.
    pub drift: Vec<DriftRow>,
    /// The IDs that were queued.
    pub created: Vec<ActionId>,
    /// The IDs that were cancelled, and why.
    pub cancelled: BTreeMap<ActionId, &'static str>,
    /// The IDs that the policy approved.
    pub approved: Vec<ActionId>,
    /// What is worth knowing and no error.
    pub hints: Vec<String>,
    /// What went wrong while the rest was done.
    pub errors: Vec<String>,
}

/// Runs one pass.
pub fn run(cx: &Context, args: &cli::Reconcile) -> Result<ReconcileReport> {
    let root = cx.root()?;
    queue::refuse_mirror(&root)?;
    let mut config = store::config::read(&root).advised()?;
    let desired = cx.desired()?;
    config.policy = config.policy.with_names_of(&desired);
    let cx = &cx.knowing(&desired);
    if args.dry_run {
        return Ok(reconcile(cx, &root, &config, &desired, true)?.report);
    }
    let Some(pass) = Pass::start(&root, "reconcile").advised()? else {
        return Ok(ReconcileReport { busy: true, ..ReconcileReport::default() });
    };
    match reconcile(cx, &root, &config, &desired, false) {
        Ok(done) => {
            let error = done.report.errors.first().cloned();
            pass.end(error, done.counts).advised()?;
            Ok(done.report)
        }
        Err(report) => {
            pass.end(Some(report.to_string()), BTreeMap::new()).advised()?;
            Err(report)
        }
    }
}

struct Done {
    report: ReconcileReport,
    counts: BTreeMap<String, u64>,
}

fn reconcile(cx: &Context, root: &Root, config: &Config, desired: &Desired, dry_run: bool) -> Result<Done> {
    let now = cx.now();
    let (services, nodes) = load_world(root, desired)?;
    let mut report = ReconcileReport { dry_run, ..ReconcileReport::default() };
    report.errors.extend(desired.errors().map(queue::host_error));
    if !desired.missing && !desired.is_verdict() {
        report.hints.push(format!("{} holds no host: nothing is judged", desired.path.display()));
    }
    report.hints.extend(old_world(root, now));

    let mut listing = store::actions::list(root, &State::LIVE)?;
    let mut blocked = BTreeSet::new();
    for invalid in &listing.invalid {
        report.errors.push(format!("not an action: {invalid}"));
        blocked.extend(invalid.path.file_stem().and_then(|s| s.to_str()?.parse::<ActionId>().ok()));
    }
    for (id, states) in listing.doubled() {
        let states: Vec<&str> = states.iter().map(|s| s.as_str()).collect();
        report.errors.push(format!("{id} stands in {} at once: remove one of the files", states.join(" and ")));
        blocked.insert(id);
    }
    if !dry_run {
        let (untouched, settled): (Vec<_>, Vec<_>) =
            listing.entries.into_iter().partition(|entry| blocked.contains(&entry.action.id));
        let (settled, failed) = transition::settle(root, settled, now);
        report.errors.extend(failed.iter().map(ToString::to_string));
        listing.entries = untouched;
        listing.entries.extend(settled);
    }

    if !dry_run {
        report.errors.extend(queue::settle_ended(root, now));
    }
    let drift = drift::find(desired, &services, &nodes, config.silent_after, now);
    let ended = queue::ended_of(root, drift.iter().filter_map(|d| d.id()), now, dry_run, &mut report.errors);
    let past = auto::past(root, drift.iter().filter_map(|d| d.id()), config, now);
    let before = store::drift::read(root).unwrap_or_default();
    let silences = store::silences::read(root, now).advised()?;
    let mut decision = reconcile::decide(&Inputs {
        desired,
        services: &services,
        drift: &drift,
        open: listing.entries.iter().map(|e| (e.state, &e.action)).collect(),
        blocked: &blocked,
        ended: &ended,
        past: &past,
        silences: &silences,
        before: &before,
        config,
        now,
    });
    report.errors.append(&mut decision.conflicts);
    if dry_run {
        report.created = decision.create.iter().map(|new| new.id.clone()).collect();
        report.cancelled = decision.cancel.iter().map(|(id, reason)| (id.clone(), reason.as_str())).collect();
        report.cancelled.extend(decision.superseded.iter().map(|(id, _)| (id.clone(), "superseded")));
    } else {
        carry_out(cx, root, &mut decision, now, &mut report);
        store::drift::write(root, &decision.rows).advised()?;
        auto::approve(&auto::Inputs { cx, root, config, desired, services: &services }, &mut report)?;
    }
    let counts = counts(&decision.rows, &listing.entries, &report);
    report.drift = decision.rows;
    Ok(Done { report, counts })
}

/// Reads the world with canonical names; without one there is no verdict.
pub fn load_world(root: &Root, desired: &Desired) -> Result<(Services, Nodes)> {
    let services = store::world::read_services(root).advised()?;
    let services = services.ok_or_else(|| fail("there is no world yet", "run `hlctl observe` first"))?;
    let nodes = store::world::read_nodes(root).advised()?.unwrap_or_else(Nodes::none);
    Ok(world::canonical(&services, &nodes, &desired.aliases))
}

fn old_world(root: &Root, now: Stamp) -> Option<String> {
    let age = now.since(pass::last_run(root, "observe")?.finished);
    (age > OLD_WORLD_MS).then(|| format!("the world is old: the last observe ended {} ago", span(age)))
}

/// Makes the decision true. What another one did first is not done again.
fn carry_out(cx: &Context, root: &Root, decision: &mut Decision, now: Stamp, report: &mut ReconcileReport) {
    let asked = |note: Option<&str>| Asked {
        at: now,
        by: "reconcile".into(),
        via: Via::Reconcile,
        peer: None,
        note: note.map(str::to_owned),
    };
    let cancel = |id: &ActionId, reason: &'static str, report: &mut ReconcileReport| {
        let done = transition::apply(root, id, Transition::Cancel, &asked(Some(reason)), |_| Ok(Changes::default()));
        match done {
            Ok(_) => drop(report.cancelled.insert(id.clone(), reason)),
            Err(e) => report.hints.push(format!("not cancelled: {e}")),
        }
    };
    for (id, reason) in &decision.cancel {
        cancel(id, reason.as_str(), report);
    }
    let mut made = BTreeSet::new();
    for new in &decision.create {
        match create(cx, root, new, &asked(None)) {
            Ok(_) => drop(made.insert(new.id.clone())),
            Err(e) => {
                let row = decision.rows.iter_mut().find(|row| row.action.as_deref() == Some(new.id.as_str()));
                if let Some(row) = row {
                    row.action = None;
                }
                report.errors.push(format!("failed to queue {}: {e} ({})", new.id, e.advice()));
            }
        }
    }
    for (restart, redeploy) in &decision.superseded {
        if made.contains(redeploy) {
            cancel(restart, "superseded", report);
        }
    }
    report.created = made.into_iter().collect();
}

/// Queues an action.
pub fn create(cx: &Context, root: &Root, new: &New, asked: &Asked) -> std::result::Result<Entry, NotDone> {
    let digest = new.plan.as_ref().map(|plan| plan.digest.clone());
    transition::create(root, &new.id, new.fields(&cx.secrets), asked, digest)
}

/// Counts what is, not what was done: the same again when nothing changes.
fn counts(rows: &[DriftRow], before: &[Entry], report: &ReconcileReport) -> BTreeMap<String, u64> {
    let mut open: BTreeSet<&ActionId> =
        before.iter().map(|e: &Entry| -> &Action { &e.action }).map(|a| &a.id).collect();
    open.extend(&report.created);
    open.retain(|id| !report.cancelled.contains_key(*id));
    let held = rows.iter().filter(|row| row.held_by.is_some()).count();
    let errors = report.errors.len();
    [("drift", rows.len()), ("held", held), ("open", open.len()), ("errors", errors)]
        .map(|(name, n)| (name.to_owned(), n as u64))
        .into()
}
