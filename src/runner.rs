//! From an approved plan to processes and their outcome: runs the steps in order, here or over ssh, captures what they
//! say and judges how they ended. Knows no queue and no file of the root but the log that it is given.

use std::io;
use std::path::Path;

use crate::flow::action::Outcome;
use crate::flow::health::Health;
use crate::flow::plan::Plan;
use crate::flow::time::{Clock, Stamp};

pub use crate::process::group::{Group, Reaped};
pub use compose::Compose;
pub use verdict::{Failure, MAY_STILL_RUN, Reason};

mod compose;
pub mod gate;
pub mod log;
mod masker;
mod step;
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
    /// Records a step's process group durably; the step runs only after that.
    pub record: &'a mut dyn FnMut(&Group) -> io::Result<()>,
    /// Checks the service's health, where it says how.
    pub probe: Option<&'a mut dyn FnMut() -> Health>,
}

/// What is learnt of a node once, however many of its actions run in a pass.
#[derive(Debug, Default)]
pub struct Node {
    compose: Option<Compose>,
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
    let result = step::run_steps(plan, &mut job, node, &mut log, outcome);
    if let Err(failure) = &result {
        log.line(&format!("hlctl: {}: {}", failure.reason.as_str(), failure.message));
    }
    let result = result.and_then(|()| match (&plan.verify, job.probe) {
        (Some(bounds), Some(probe)) => verify::verify(bounds, probe, &mut log, outcome, health),
        _ => {
            outcome.message = Some("its steps ended well; no check says whether the service is healthy".into());
            Ok(())
        }
    });
    if let Some(error) = log.error() {
        outcome.hints.push(format!("the log is incomplete: {error}"));
    }
    result
}
