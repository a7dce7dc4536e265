//! Restores what ran before, once, where the operator asked for it: the steps of the plan that are marked so. What it
//! cannot restore it says loudly.

use super::step::Steps;
use super::verdict::{Failure, Reason};
use super::verify;
use crate::flow::health::Health;
use crate::flow::plan::{Phase, Plan, What, name};

/// The hint that there was nothing to go back to.
pub const NOTHING: &str = "nothing_to_roll_back_to";

/// The hint that what ran before was restored.
pub const DONE: &str = "rolled_back";

/// The fact that says what became of a roll-back.
pub const FACT: &str = "rollback";

/// Answers a failure: restores what ran before where the plan says so, and returns the failure with what became of that.
pub fn after(
    plan: &Plan,
    steps: &mut Steps<'_, '_>,
    failure: Failure,
    disturbed: bool,
    health: &mut Option<Health>,
) -> Result<(), Failure> {
    let has_rollback = plan.steps.iter().any(|step| step.phase == Phase::Rollback);
    // A node that cannot be reached cannot be restored, either; the repository needs no engine.
    let only_engine = failure.reason == Reason::EngineUnreachable && has_rollback && !disturbed;
    if failure.reason.is_node_s() && !only_engine {
        return Err(failure);
    }
    if !has_rollback {
        let is_wanted = plan.verify.as_ref().is_some_and(|verify| verify.on_failure == "rollback");
        return Err(if is_wanted { nothing(steps, failure, "its plan has no steps for that") } else { failure });
    }
    if !disturbed {
        return Err(put_commit_back(plan, steps, failure));
    }
    if steps.before.images.is_empty() {
        return Err(nothing(steps, failure, "no container of the service ran before"));
    }
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
    let verified = verify::after(plan, steps, health);
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

/// Says that a roll-back was wanted and there is none to be had.
fn nothing(steps: &mut Steps<'_, '_>, failure: Failure, why: &str) -> Failure {
    steps.outcome.hints.push(NOTHING.into());
    tell(steps, &format!("nothing to go back to: {why}"));
    Failure { message: format!("{}; not rolled back: {why}", failure.message), ..failure }
}

/// Puts the repository back where nothing but it was touched, so that what it says is what runs.
fn put_commit_back(plan: &Plan, steps: &mut Steps<'_, '_>, failure: Failure) -> Failure {
    let now = steps.asker.answer(What::Commit).map(|c| c.trim().to_owned());
    if now.is_none() || now == steps.before.commit {
        return failure;
    }
    match steps.run(plan, |step| step.phase == Phase::Rollback && step.names(name::COMMIT_BEFORE)) {
        Ok(()) => {
            tell(steps, "the repository is at the commit before again; nothing else was touched");
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
