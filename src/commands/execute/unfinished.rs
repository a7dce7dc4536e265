//! What an earlier attempt left undone: the next one goes back to what ran before both of them, not to what the first
//! one brought.

use super::{Shared, one};
use crate::flow::action::{Action, Outcome};
use crate::flow::lifecycle::State;
use crate::runner::{Unfinished, rollback};
use crate::store::{actions, world};

/// Returns the newest attempt at an action that ran, where it neither ended well nor was put back.
pub fn find(shared: &Shared<'_>, action: &Action) -> Option<Unfinished> {
    for record in actions::all_ended(shared.root, &action.id) {
        match record.history.last().map(|entry| entry.to) {
            Some(State::Completed) => return None,
            Some(State::Failed) => {}
            _ => continue,
        }
        // One that did not come as far as to know what ran tells nothing.
        let Some(result) = record.result.as_ref().filter(|r| r.facts.contains_key("commit_before")) else { continue };
        if rollback::is_put_back(result) {
            return None;
        }
        let step = result.failed_step.and_then(|number| one::step_of(&record, number));
        return Some(Unfinished::new(result, step.as_ref(), is_healthy_since(shared, action, result)));
    }
    None
}

/// Returns whether the service has been healthy since, and still is.
fn is_healthy_since(shared: &Shared<'_>, action: &Action, result: &Outcome) -> bool {
    let Some(ended) = result.finished_at else { return false };
    let node = shared.desired.canonical(&action.node);
    // A world that cannot be read tells of no health.
    let rows = world::read_services(shared.root).ok().flatten().map(|world| world.services).unwrap_or_default();
    let mut rows = rows.iter().filter(|row| action.service.as_ref() == Some(&row.service));
    rows.any(|row| {
        let is_its = shared.desired.canonical(&row.node) == node;
        is_its && row.is_healthy() && row.last_healthy.is_some_and(|at| at > ended)
    })
}
