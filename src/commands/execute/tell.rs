//! What execute writes into the event log: the life of actions, for the history, and the health that its checks saw,
//! so that the loop closes without an agent.

use serde_json::json;

use super::Shared;
use crate::flow::action::{Action, Outcome};
use crate::flow::health::Health;
use crate::flow::lifecycle::State;
use crate::store::events;

/// The source that events of this pass name, and their file.
const SOURCE: &str = "execute";

/// Tells that an action is being executed.
pub fn started(shared: &Shared<'_>, action: &Action) {
    write(shared, action, "action_started", json!({}), json!({}));
}

/// Tells how it ended.
pub fn ended(shared: &Shared<'_>, action: &Action, state: State, outcome: &Outcome) {
    let kind = if state == State::Completed { "action_completed" } else { "action_failed" };
    write(shared, action, kind, json!({ "reason": outcome.reason }), json!({ "exit_code": outcome.exit_code }));
}

/// Tells what the last check found, where one was made.
pub fn health(shared: &Shared<'_>, action: &Action, health: Option<&Health>) {
    match health {
        Some(Health::Healthy) => write(shared, action, "service_healthy", json!({}), json!({})),
        Some(Health::Unhealthy { reason, detail }) => {
            write(shared, action, "service_unhealthy", json!({ "reason": reason }), json!({ "seen": detail }));
        }
        Some(Health::Unknown { .. }) | None => {}
    }
}

fn write(shared: &Shared<'_>, action: &Action, kind: &str, more: serde_json::Value, details: serde_json::Value) {
    let now = shared.cx.now();
    let mut event = json!({
        "ts": now, "node": shared.desired.canonical(&action.node), "type": kind, "source": SOURCE,
        "details": { "action": action.id, "attempt": action.attempt },
    });
    if let Some(service) = &action.service {
        event["service"] = json!(service);
    }
    merge(&mut event, more);
    merge(&mut event["details"], details);
    if let Err(e) = events::append(shared.root, now, SOURCE, &[event.to_string()]) {
        shared.report(|r| r.errors.push(format!("the event log was not told of {}: {e}", action.id)));
    }
}

fn merge(into: &mut serde_json::Value, from: serde_json::Value) {
    if let (Some(into), serde_json::Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from.into_iter().filter(|(_, value)| !value.is_null()));
    }
}
