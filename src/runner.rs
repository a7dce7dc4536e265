//! From an approved plan to processes and their outcome: runs the steps in order, here or over ssh, captures what they
//! say and judges how they ended. Knows no queue and no file of the root but the log that it is given.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::flow::action::Outcome;
use crate::flow::health::Health;
use crate::flow::plan::{Phase, Plan, What};
use crate::flow::project::normal_config;
use crate::flow::time::{Clock, Stamp};

pub use crate::process::group::{Group, Reaped};
use before::Before;
use step::Steps;

pub use before::Unfinished;
pub use compose::Compose;
pub use known::Asker;
pub use verdict::{Failure, MAY_STILL_RUN, Reason};

mod before;
mod compose;
pub mod gate;
mod known;
mod lacking;
pub mod log;
mod masker;
pub mod rollback;
mod step;
mod unit;
mod verdict;
mod verify;

/// What an execution needs beside its plan.
pub struct Job<'a> {
    /// This program's file, whose gate each step passes.
    pub gate: &'a Path,
    /// The home of the user who runs this: where `~` leads on this machine.
    pub home: Option<&'a Path>,
    /// The clock.
    pub clock: Clock,
    /// Values that must not be written anywhere.
    pub secrets: &'a [String],
    /// When the execution began: it names the log.
    pub started: Stamp,
    /// The folder of the log; it exists.
    pub logs: &'a Path,
    /// Whom the log is given to, where that is not this process itself.
    pub owner: Option<(u32, u32)>,
    /// Records a step's process group, and what is known by then, durably; the step runs only after that.
    pub record: &'a mut Record<'a>,
    /// Checks the service's health, where it says how.
    pub probe: Option<&'a mut dyn FnMut() -> Health>,
    /// The attempt before this one, where it left something undone.
    pub unfinished: Option<Unfinished>,
}

/// Records a step's process group and the facts so far.
pub type Record<'a> = dyn FnMut(&Group, &BTreeMap<String, String>) -> io::Result<()> + 'a;

/// What is learnt of a node once, however many of its actions run in a pass.
#[derive(Debug, Default)]
pub struct Node {
    compose: Option<Compose>,
    recreates: Option<bool>,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// The record. Its `log` is for the caller to fill in, who knows the path below the root.
    pub outcome: Outcome,
    /// Whether the steps ended well and, where there is a check, health was seen.
    pub is_success: bool,
    /// Whether the node itself is to blame, so that its other actions are better left for another pass.
    pub node_unavailable: bool,
    /// What the last check found, where one was made.
    pub health: Option<Health>,
}

/// Runs a plan to its end.
pub fn run_plan(plan: &Plan, job: Job<'_>, node: &mut Node) -> Ran {
    let mut outcome = Outcome { started_at: Some(job.started), ..Outcome::default() };
    let mut health = None;
    let clock = job.clock;
    let failure = execute(plan, job, node, &mut outcome, &mut health).err();
    outcome.finished_at = Some(clock.now());
    if let Some(failure) = &failure {
        outcome.reason = Some(failure.reason.as_str().to_owned());
        outcome.message = Some(failure.message.clone());
        if failure.may_still_run {
            outcome.hints.push(MAY_STILL_RUN.into());
        }
    }
    Ran {
        outcome,
        is_success: failure.is_none(),
        node_unavailable: failure.is_some_and(|f| f.reason.is_node_s()),
        health,
    }
}

fn execute(
    plan: &Plan,
    mut job: Job<'_>,
    node: &mut Node,
    outcome: &mut Outcome,
    health: &mut Option<Health>,
) -> Result<(), Failure> {
    let mut log = log::Log::create(job.logs, &job.started.file_name(), job.secrets, job.owner).map_err(|e| {
        Failure::new(Reason::NotStarted, format!("cannot write the log in {}: {e}", job.logs.display()))
    })?;
    let result = whole(plan, &mut job, node, &mut log, outcome, health);
    if let Some(error) = log.error() {
        outcome.hints.push(format!("the log is incomplete: {error}"));
    }
    result
}

/// What is said where the question for it is not answered.
const COMMIT_UNKNOWN: &str = "the repository's commit could not be asked for, so that it could not be put back, and \
    nothing was disturbed: does `git status` work there?";

/// Asks, runs, verifies and, where it has to be, restores.
fn whole(
    plan: &Plan,
    job: &mut Job<'_>,
    node: &mut Node,
    log: &mut log::Log,
    outcome: &mut Outcome,
    health: &mut Option<Health>,
) -> Result<(), Failure> {
    let say = |log: &mut log::Log, failure: &Failure| {
        log.line(&format!("hlctl: {}: {}", failure.reason.as_str(), failure.message));
    };
    let compose = node.compose_for(plan).map_err(|(number, failure)| {
        outcome.failed_step = Some(number);
        say(log, &failure);
        failure
    })?;
    outcome
        .facts
        .extend(compose.filter(|_| plan.steps.iter().any(|s| s.compose)).map(|c| ("compose".into(), c.to_string())));
    let asker = Asker { asks: &plan.asks, compose, home: job.home };
    let mut steps = Steps { job, asker, before: Before::default(), log, outcome, config: None };
    if plan.asks.iter().any(|a| a.what == What::Commit) {
        let commit = asker.commit();
        steps.outcome.facts.extend(commit.iter().map(|commit| (before::COMMIT.into(), commit.clone())));
        steps.ask_before(commit);
        if plan.restores() && steps.before.commit.is_none() {
            let failure = Failure::new(Reason::FetchFailed, COMMIT_UNKNOWN);
            say(steps.log, &failure);
            return Err(failure);
        }
    }
    let mut disturbed = false;
    let result = steps.run(plan, |step| step.phase == Phase::Fetch);
    let result = result.and_then(|()| {
        disturbed = true;
        steps.run(plan, |step| step.phase == Phase::Apply)
    });
    let result = result.map_err(|(number, failure)| {
        steps.outcome.failed_step = Some(number);
        say(steps.log, &failure);
        failure
    });
    let is_applied = result.is_ok();
    let result = result.and_then(|()| verify::after(plan, &mut steps, health, &asker.named_containers()));
    let result = match result {
        Ok(()) => Ok(()),
        Err(failure) => rollback::after(plan, &mut steps, failure, disturbed, health),
    };
    let is_restored = steps.outcome.facts.contains_key(rollback::FACT);
    let config = steps.config.as_deref().filter(|_| is_applied && !is_restored);
    if let Some(config) = config.and_then(|text| normal_config(text, steps.job.secrets)) {
        let kept = log::keep_config(steps.job.logs, &steps.job.started.file_name(), &config, steps.job.owner);
        steps.outcome.hints.extend(kept.err().map(|e| format!("the deployed config could not be kept: {e}")));
    }
    result
}
