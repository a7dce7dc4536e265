//! Restores what ran before, once, where the operator asked for it: the steps of the plan that are marked so. What it
//! cannot restore it says loudly.

use std::collections::BTreeMap;

use super::before::{RESUMES, Ran, in_words};
use super::step::Steps;
use super::verdict::{Failure, Reason};
use super::verify;
use crate::flow::action::Outcome;
use crate::flow::health::Health;
use crate::flow::plan::{Phase, Plan, name};

/// The hint that there was nothing to go back to.
pub const NOTHING: &str = "nothing_to_roll_back_to";

/// The hint that what ran before was restored.
pub const DONE: &str = "rolled_back";

/// The hint that what ran before was not restored although that was promised: the node or the executor was gone.
pub const NOT_DONE: &str = "not_rolled_back";

/// The fact that says what became of a roll-back.
pub const FACT: &str = "rollback";

/// That fact, where nothing but the repository had to be restored.
const COMMIT_BACK: &str = "the repository is at the commit before again; nothing else was touched";

/// Returns whether an execution, and those before it, left the node as they had found it.
pub fn is_put_back(outcome: &Outcome) -> bool {
    let is_back = outcome.facts.get(FACT).is_some_and(|fact| fact == COMMIT_BACK);
    outcome.hints.iter().any(|hint| hint == DONE) || (is_back && !outcome.facts.contains_key(RESUMES))
}

/// Returns the fact that a promised roll-back did not happen.
pub fn not_done(why: &str, facts: &BTreeMap<String, String>) -> String {
    format!("not done: {why}; {}", in_words(facts))
}

/// Answers a failure: restores what ran before where the plan says so, and returns the failure with what became of it.
pub fn after(
    plan: &Plan,
    steps: &mut Steps<'_, '_>,
    failure: Failure,
    disturbed: bool,
    health: &mut Option<Health>,
) -> Result<(), Failure> {
    let has_rollback = plan.restores();
    // A node that cannot be reached cannot be restored, either; the repository needs no engine.
    let only_engine = failure.reason == Reason::EngineUnreachable && has_rollback && !disturbed;
    if failure.reason.is_node_s() && !only_engine {
        if disturbed && plan.promises_rollback() {
            steps.outcome.hints.push(NOT_DONE.into());
            let said = not_done("the node does not answer any more", &steps.outcome.facts);
            tell(steps, &said);
        }
        return Err(failure);
    }
    if !has_rollback {
        let is_wanted = plan.promises_rollback();
        return Err(if is_wanted { nothing(steps, failure, "its plan has no steps for that") } else { failure });
    }
    if !disturbed {
        return Err(put_commit_back(plan, steps, failure));
    }
    let ran = steps.before.ran.as_ref().filter(|ran| !ran.images.is_empty());
    let Some(names) = ran.map(|ran| names_of(ran, steps.asker.named_containers())) else {
        return Err(nothing(steps, failure, "no container of the service ran before"));
    };
    steps.log.line("hlctl: restoring what ran before");
    let exit_code = failure.exit_code;
    let result = steps.run(plan, |step| step.phase == Phase::Rollback);
    steps.outcome.exit_code = exit_code;
    if let Err((number, second)) = result {
        tell(steps, &format!("failed at step {number}: {}", second.message));
        let message = format!(
            "step {number} of the roll-back failed ({}): {}; rolled back because of {}: {}",
            second.reason.as_str(),
            second.message,
            failure.reason.as_str(),
            failure.message
        );
        let may_still_run = failure.may_still_run || second.may_still_run;
        return Err(Failure { reason: Reason::RollbackFailed, message, exit_code, may_still_run });
    }
    let verified = verify::after(plan, steps, health, &names);
    steps.outcome.message = None;
    let commit = steps.before.commit.as_deref().map_or(String::new(), |c| format!(" of {}", &c[..c.len().min(12)]));
    match verified {
        Ok(()) => {
            steps.outcome.hints.push(DONE.into());
            tell(steps, &format!("what ran before{commit} was restored"));
            let message = format!("{}; what ran before{commit} was restored", failure.message);
            Err(Failure { message, ..failure })
        }
        Err(second) => {
            tell(steps, &format!("what ran before{commit} was restored and is not healthy either"));
            let message = format!("what ran before{commit} was restored and is not healthy either: {}", second.message);
            Err(Failure { reason: Reason::RollbackFailed, message, ..failure })
        }
    }
}

/// Returns those of the named containers that were there before.
fn names_of(ran: &Ran, mut named: Vec<String>) -> Vec<String> {
    named.retain(|name| ran.all.iter().any(|known| known.name == *name));
    named
}

/// Says that a roll-back was wanted and there is none to be had.
fn nothing(steps: &mut Steps<'_, '_>, failure: Failure, why: &str) -> Failure {
    steps.outcome.hints.push(NOTHING.into());
    tell(steps, &format!("nothing to go back to: {why}"));
    Failure { message: format!("{}; not rolled back: {why}", failure.message), ..failure }
}

/// Puts the repository back where nothing but it was touched, so that what it says is what runs.
fn put_commit_back(plan: &Plan, steps: &mut Steps<'_, '_>, failure: Failure) -> Failure {
    // Where the commit is not known, it is put back all the same: that changes nothing if it is there.
    if steps.before.commit.is_none() || steps.asker.commit() == steps.before.commit {
        return failure;
    }
    match steps.run(plan, |step| step.phase == Phase::Rollback && step.names(name::COMMIT_BEFORE)) {
        Ok(()) => {
            tell(steps, COMMIT_BACK);
            failure
        }
        Err((_, second)) => {
            tell(steps, &format!("the repository could not be put back: {}", second.message));
            let message = format!("{}; and the repository could not be put back: {}", failure.message, second.message);
            Failure { message, ..failure }
        }
    }
}

fn tell(steps: &mut Steps<'_, '_>, what: &str) {
    steps.log.line(&format!("hlctl: {what}"));
    steps.outcome.facts.insert(FACT.into(), what.to_owned());
}
