//! What becomes of an approved action at its claim: its plan is made again from the desired state and held against
//! the one that was approved.

use crate::flow::action::Outcome;
use crate::flow::config::Config;
use crate::flow::desired::{Desired, Host};
use crate::flow::diff;
use crate::flow::hostfile::Service;
use crate::flow::plan::Plan;
use crate::flow::reconcile::CLOCK_TOLERANCE_MS;
use crate::flow::time::{Stamp, span};
use crate::flow::window::{self, Gate};
use crate::store::actions::Entry;

/// What becomes of it.
pub enum Verdict<'a> {
    /// It stays approved: what it needs cannot be known now.
    Stays(String),
    /// It fails before anything runs.
    Fails(Outcome),
    /// It runs.
    Runs {
        /// The plan.
        plan: Plan,
        /// On which host.
        host: &'a Host,
        /// For which service.
        service: Option<&'a Service>,
        /// Whether no plan was approved.
        unpinned: bool,
    },
}

/// Decides. What runs comes from the desired state; of the action's file only the pinned digest counts.
pub fn judge<'a>(desired: &'a Desired, config: &Config, entry: &Entry, secrets: &[String], now: Stamp) -> Verdict<'a> {
    let action = &entry.action;
    let node = desired.canonical(&action.node);
    let host = match desired.host(&node) {
        Ok(host) => host,
        Err(_) => {
            let error = desired.broken.get(&node).and_then(|e| e.first()).or(desired.strays.first());
            let why = error.map_or(format!("{} holds no host", desired.path.display()), ToString::to_string);
            return Verdict::Stays(format!("the desired state of {node} is not known: {why}"));
        }
    };
    if let Some(expired) = expired(config, entry, now) {
        return Verdict::Fails(failed("approval_expired", expired, now));
    }
    let changed = |message: String| Verdict::Fails(failed("plan_changed_since_approval", message, now));
    let Some(host) = host else { return changed(format!("{node} has left hosts/")) };
    let service = match &action.service {
        Some(name) => match host.service(name) {
            Some(service) => Some(service),
            None => return changed(format!("{name} has left the services.yaml of {node}")),
        },
        None => None,
    };
    let plan = match Plan::make(host, service, action.kind, action.plan_commit.as_ref()) {
        Ok(plan) => plan,
        Err(e) => return changed(e.to_string()),
    };
    match &action.plan_digest {
        Some(pinned) if *pinned != plan.digest => {
            let message = format!("approved was {pinned}, the plan is now {}", plan.digest);
            let diff = difference(entry, &plan.masked(secrets));
            Verdict::Fails(Outcome { diff, ..failed("plan_changed_since_approval", message, now) })
        }
        pinned => Verdict::Runs { unpinned: pinned.is_none(), plan, host, service },
    }
}

/// Returns how the plan differs from the approved one, where the file tells what that was.
fn difference(entry: &Entry, plan: &Plan) -> Option<String> {
    let approved: serde_json::Value = serde_json::from_str(entry.action.fields.get("plan")?.get()).ok()?;
    let now = serde_json::to_value(plan).ok()?;
    let text = |value| serde_json::to_string_pretty(value).ok().map(|text| text + "\n");
    let (approved, now) = (text(&approved)?, text(&now)?);
    Some(diff::unified((&approved, "approved"), (&now, "now")))
}

/// Returns why an action waits for its node's maintenance window, if it does. One that has expired does not wait.
pub fn waits(desired: &Desired, config: &Config, entry: &Entry, now: Stamp) -> Option<String> {
    let node = desired.canonical(&entry.action.node);
    match window::gate(&config.policy.windows, &node, now) {
        Gate::Closed(until) if expired(config, entry, now).is_none() => {
            let until = until.map_or(String::new(), |until| format!(", which opens at {until}"));
            Some(format!("waits for the maintenance window of {node}{until}"))
        }
        Gate::Closed(_) | Gate::Open => None,
    }
}

fn expired(config: &Config, entry: &Entry, now: Stamp) -> Option<String> {
    let ttl = config.policy.approval_ttl?;
    let approved = entry.since().filter(|at| at.since(now) <= CLOCK_TOLERANCE_MS)?;
    let late = now.since(approved.plus(ttl));
    (late > 0).then(|| format!("the approval of {approved} ended {} ago", span(late)))
}

fn failed(reason: &str, message: String, now: Stamp) -> Outcome {
    let reason = Some(reason.to_owned());
    Outcome { reason, message: Some(message), started_at: Some(now), finished_at: Some(now), ..Outcome::default() }
}
