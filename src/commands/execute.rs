//! `hlctl execute`: claims what was approved, oldest first, one action at a time on each node, and runs it once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result};
use crate::flow::action::ActionId;
use crate::flow::config::{Config, PolicyKey};
use crate::flow::desired::Desired;
use crate::flow::lifecycle::State;
use crate::flow::plan::Plan;
use crate::flow::sort;
use crate::store;
use crate::store::actions::{self, Entry};
use crate::store::pass::Pass;
use crate::store::root::Root;
use crate::store::transition;

mod claim;
mod interrupted;
mod one;
mod tell;
mod turns;
mod unfinished;

pub use one::{masked, working_dir};

/// What a pass did.
#[derive(Debug, Default, Serialize)]
pub struct ExecuteReport {
    /// Whether another execute is running; then nothing else is said.
    pub busy: bool,
    /// Whether nothing was run.
    pub dry_run: bool,
    /// The actions that ended, or would be run, in the order of their ends.
    pub actions: Vec<Done>,
    /// The actions that stay approved for a reason of this pass, and why.
    pub left: BTreeMap<ActionId, String>,
    /// The actions that wait for their maintenance window.
    pub waiting: BTreeMap<ActionId, String>,
    /// What went wrong beside the actions.
    pub errors: Vec<String>,
}

/// An action that a pass dealt with.
#[derive(Debug, Clone, Serialize)]
pub struct Done {
    /// Its ID.
    pub id: ActionId,
    /// The state that it came to.
    pub state: State,
    /// Why it failed, or what is known of its success.
    pub reason: Option<String>,
    /// The reason in words.
    pub message: Option<String>,
    /// For how long it ran, in milliseconds.
    pub took_ms: i64,
}

/// Tells a person at the terminal what is going on.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// Runs one pass.
pub fn run(cx: &Context, args: &cli::Execute, say: Say<'_>) -> Result<ExecuteReport> {
    let root = cx.root()?;
    super::queue::refuse_mirror(&root)?;
    if args.dry_run {
        return preview(cx, &root);
    }
    if cx.alias_map.is_some() {
        // A wrong map is an error before anything is written.
        cx.desired()?;
    }
    let Some(pass) = Pass::start(&root, "execute").advised()? else {
        return Ok(ExecuteReport { busy: true, ..ExecuteReport::default() });
    };
    match execute(cx, &root, args.jobs, say) {
        Ok(report) => {
            let counts = [("left".to_owned(), report.left.len() as u64)].into();
            let left = report.left.values().next().cloned();
            pass.end(report.errors.first().cloned().or(left), counts).advised()?;
            Ok(report)
        }
        Err(report) => {
            pass.end(Some(report.to_string()), BTreeMap::new()).advised()?;
            Err(report)
        }
    }
}

/// What the actions of a pass share.
struct Shared<'a> {
    cx: &'a Context,
    root: &'a Root,
    desired: &'a Desired,
    config: &'a Config,
    say: Say<'a>,
    report: Mutex<ExecuteReport>,
}

impl Shared<'_> {
    fn report(&self, edit: impl FnOnce(&mut ExecuteReport)) {
        // A report of lists is whole even after a thread panicked while it held it.
        edit(&mut self.report.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

fn execute(cx: &Context, root: &Root, jobs: u16, say: Say<'_>) -> Result<ExecuteReport> {
    let listing = actions::list(root, &[State::Approved, State::Running])?;
    if listing.entries.is_empty() && listing.invalid.is_empty() {
        return Ok(ExecuteReport::default());
    }
    let desired = cx.desired()?;
    let (config, errors) = settings(root, &desired)?;
    let cx = &cx.knowing(&desired);
    let shared = Shared { cx, root, desired: &desired, config: &config, say, report: Mutex::default() };
    shared.report(|r| r.errors = errors);
    shared.report(|r| r.errors.extend(listing.invalid.iter().map(|i| format!("not an action: {i}"))));
    let ready = settled(&shared, listing)?;
    let (running, approved): (Vec<Entry>, Vec<Entry>) = ready.into_iter().partition(|e| e.state == State::Running);
    for entry in running {
        interrupted::finish(&shared, entry);
    }
    let approved = in_time(&shared, approved);
    let nodes = approved.iter().map(|e| desired.canonical(&e.action.node)).collect::<BTreeSet<_>>().len();
    let turns = turns::Turns::new(&desired, approved);
    std::thread::scope(|scope| {
        for _ in 0..nodes.min(usize::from(jobs)) {
            scope.spawn(|| turns.take(|entry, node| one::run(&shared, entry, node)));
        }
    });
    shared.report(|r| r.left.extend(turns.left()));
    Ok(shared.report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Returns the settings, and what is said of windows for nodes that there are not: what such a one was meant for runs at
/// any time. Whose a name is that a broken host may have as an alias is not known, and its actions wait in any case.
fn settings(root: &Root, desired: &Desired) -> Result<(Config, Vec<String>)> {
    let mut config = store::config::read(root).advised()?;
    let unknown = store::config::unknown_nodes(root, &config, desired);
    let of_windows = unknown.iter().filter(|(key, _)| *key == PolicyKey::Windows);
    let errors = of_windows.map(|(_, e)| format!("{e}: this window holds nothing\nhelp: {}", e.advice())).collect();
    config.policy = config.policy.with_names_of(desired);
    Ok((config, errors))
}

/// Returns the entries that may be dealt with: not those that stand in two states, and each with what a hand did
/// written down.
fn settled(shared: &Shared<'_>, mut listing: actions::Listing) -> Result<Vec<Entry>> {
    let pending = actions::list(shared.root, &[State::Pending])?;
    listing.entries.extend(pending.entries);
    let doubled = listing.doubled();
    for (id, states) in &doubled {
        let states: Vec<&str> = states.iter().map(|s| s.as_str()).collect();
        let error = format!("{id} stands in {} at once: remove one of the files", states.join(" and "));
        shared.report(|r| r.errors.push(error));
    }
    let ours = |e: &Entry| e.state != State::Pending && !doubled.contains_key(&e.action.id);
    listing.entries.retain(ours);
    let (settled, failed) = transition::settle(shared.root, listing.entries, shared.cx.now());
    shared.report(|r| r.errors.extend(failed.iter().map(ToString::to_string)));
    Ok(settled)
}

/// Returns the approved actions whose node is not outside of its maintenance windows, oldest approval first. What has
/// expired does not wait for a window.
fn in_time(shared: &Shared<'_>, mut approved: Vec<Entry>) -> Vec<Entry> {
    let now = shared.cx.now();
    sort::by(&mut approved, |a, b| (a.since(), &a.action.id).cmp(&(b.since(), &b.action.id)));
    approved.retain(|entry| {
        let why = claim::waits(shared.desired, shared.config, entry, now);
        let waits = why.is_some();
        shared.report(|r| r.waiting.extend(why.map(|why| (entry.action.id.clone(), why))));
        !waits
    });
    approved
}

/// Returns in words how many steps a plan has.
fn steps(plan: &Plan) -> String {
    match plan.steps.len() {
        1 => "1 step".into(),
        n => format!("{n} steps"),
    }
}

/// Says what a pass would do, and does nothing.
fn preview(cx: &Context, root: &Root) -> Result<ExecuteReport> {
    let desired = cx.desired()?;
    let (config, errors) = settings(root, &desired)?;
    let listing = actions::list(root, &[State::Approved])?;
    let mut report = ExecuteReport { dry_run: true, errors, ..ExecuteReport::default() };
    report.errors.extend(listing.invalid.iter().map(|i| format!("not an action: {i}")));
    let mut entries = listing.entries;
    sort::by(&mut entries, |a, b| (a.since(), &a.action.id).cmp(&(b.since(), &b.action.id)));
    for entry in entries {
        let id = entry.action.id.clone();
        if let Some(why) = claim::waits(&desired, &config, &entry, cx.now()) {
            report.waiting.insert(id, why);
            continue;
        }
        match claim::judge(&desired, &config, &entry, &cx.secrets, cx.now()) {
            claim::Verdict::Stays(why) => drop(report.left.insert(id, why)),
            claim::Verdict::Fails(outcome) => report.actions.push(Done {
                id,
                state: State::Failed,
                reason: outcome.reason,
                message: outcome.message,
                took_ms: 0,
            }),
            claim::Verdict::Runs { plan, .. } => {
                let message = Some(format!("{}, {}", steps(&plan), plan.digest));
                report.actions.push(Done { id, state: State::Running, reason: None, message, took_ms: 0 });
            }
        }
    }
    Ok(report)
}
