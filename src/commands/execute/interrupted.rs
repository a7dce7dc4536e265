//! Actions whose executor died: what is left of their step is ended first, then they fail, and are never run again
//! without a new approval.

use std::time::Duration;

use super::Shared;
use super::one::{self, Running};
use crate::flow::action::Outcome;
use crate::flow::plan::{KILL_AFTER_S, LOCAL, Phase};
use crate::runner::{MAY_STILL_RUN, rollback};
use crate::store::actions::Entry;

/// Finishes an action that was found running by the one executor that there is.
pub fn finish(shared: &Shared<'_>, entry: Entry) {
    let action = &entry.action;
    let running = one::running_of(action);
    if let Some(group) = running.as_ref().and_then(|r| r.group.as_ref())
        && let Err(e) = group.reap(Duration::from_secs(KILL_AFTER_S))
    {
        shared.report(|r| r.errors.push(format!("{}: what is left of its step cannot be ended: {e}", action.id)));
        return;
    }
    // Its end was about to be recorded: that is how it ended.
    let outcome = action
        .result
        .clone()
        .filter(|r| r.finished_at.is_some())
        .unwrap_or_else(|| outcome(shared, &entry, running.as_ref()));
    if let Err(e) = one::finish(shared, action, outcome) {
        shared.report(|r| r.errors.push(format!("{}: {e}", action.id)));
    }
}

fn outcome(shared: &Shared<'_>, entry: &Entry, running: Option<&Running>) -> Outcome {
    let remote = running.and_then(|r| r.on.as_deref()).is_some_and(|on| on != LOCAL);
    let step = running.and_then(|r| r.group.as_ref()).map(|g| g.step);
    let log = |r: &Running| format!("actions/logs/{}/{}.log", entry.action.id, r.started_at.file_name());
    let mut facts = running.map(|r| r.facts.clone()).unwrap_or_default();
    let mut hints = if remote { vec![MAY_STILL_RUN.into()] } else { Vec::new() };
    let has_disturbed =
        step.and_then(|n| one::step_of(&entry.action, n)).is_some_and(|step| step.phase != Phase::Fetch);
    if has_disturbed && one::plan_of(&entry.action).is_some_and(|plan| plan.promises_rollback()) {
        hints.push(rollback::NOT_DONE.into());
        let said = rollback::not_done("the executor died", &facts);
        facts.insert(rollback::FACT.into(), said);
    }
    Outcome {
        started_at: running.map(|r| r.started_at).or_else(|| entry.since()),
        finished_at: Some(shared.cx.now()),
        failed_step: step,
        reason: Some("executor_interrupted".into()),
        message: Some(match step {
            Some(n) => format!("the executor died during step {n}"),
            None => "the executor died before the first step".into(),
        }),
        facts,
        hints,
        log: running.filter(|r| r.group.is_some()).map(log),
        ..Outcome::default()
    }
}
