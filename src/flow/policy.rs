//! What is approved without a person, and when that stops: after three automatic approvals of one ID within an hour
//! without health, and while the action is flapping.

use std::time::Duration;

use super::action::{Action, ActionId, HistoryEntry, Via};
use super::config::Policy;
use super::lifecycle::State;
use super::name::NodeName;
use super::reconcile::CLOCK_TOLERANCE_MS;
use super::time::Stamp;

/// How many automatic approvals of one ID without health are enough.
const BRAKE: usize = 3;

/// How far the brake looks back.
pub const BRAKE_WITHIN: Duration = Duration::from_secs(3600);

/// How often the same action is needed within the window for it to be flapping.
pub const FLAPS: usize = 3;

/// The earlier records of an ID that still matter: when it was queued, when approved by the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// When it was queued because of a drift.
    pub queued: Vec<Stamp>,
    /// When the policy approved it.
    pub auto_approved: Vec<Stamp>,
}

impl Past {
    /// Adds what a record's history tells.
    pub fn add(&mut self, history: &[HistoryEntry]) {
        let is = |via: Via, to: State| move |e: &&HistoryEntry| e.via == via && e.to == to;
        self.queued.extend(history.iter().filter(is(Via::Reconcile, State::Pending)).map(|e| e.at));
        self.auto_approved.extend(history.iter().filter(is(Via::Policy, State::Approved)).map(|e| e.at));
    }

    /// Returns how often the action was queued within the window up to now.
    pub fn times(&self, window: Duration, now: Stamp) -> usize {
        self.queued.iter().filter(|at| is_within(**at, window, now)).count()
    }
}

fn is_within(at: Stamp, window: Duration, now: Stamp) -> bool {
    at.plus(window) > now && at.since(now) <= CLOCK_TOLERANCE_MS
}

/// Returns the hint of an action that is being queued for the third time and more.
pub fn flapping_hint(past: &Past, window: Duration, now: Stamp) -> Option<String> {
    let times = past.times(window, now) + 1;
    (times >= FLAPS).then(|| flapping(times, window))
}

/// Says how often an action was needed.
pub fn flapping(times: usize, window: Duration) -> String {
    let window = humantime::format_duration(window);
    format!("flapping: needed {times} times within {window}; look for the cause, it is not approved by itself")
}

/// What the policy does with a pending action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auto {
    /// Nothing: no rule is about it.
    No,
    /// It approves it.
    Approve,
    /// A rule is about it, but it waits for the operator.
    Wait(String),
}

/// Decides on a pending action; `past` holds its own record, too.
pub fn decide(
    policy: &Policy,
    window: Duration,
    (action, node): (&Action, &NodeName),
    past: &Past,
    last_healthy: Option<Stamp>,
    now: Stamp,
) -> Auto {
    let fits = policy.auto_approve.iter().any(|rule| {
        rule.risk.is_none_or(|risk| risk == action.kind.risk())
            && rule.kind.is_none_or(|kind| kind == action.kind)
            && (rule.nodes.is_empty() || rule.nodes.contains(node))
            && (rule.services.is_empty() || action.service.as_ref().is_some_and(|s| rule.services.contains(s)))
    });
    // What a person asked for, a person approves; what has no plan, nobody.
    if !fits || action.drift.is_none() || action.plan_digest.is_none() {
        return Auto::No;
    }
    let times = past.times(window, now);
    if times >= FLAPS {
        return Auto::Wait(format!("{} waits for you: {}", action.id, flapping(times, window)));
    }
    let approvals = past.auto_approved.iter().filter(|at| is_within(**at, BRAKE_WITHIN, now));
    let without_health = approvals.filter(|at| last_healthy.is_none_or(|healthy| healthy < **at)).count();
    if without_health >= BRAKE {
        return Auto::Wait(waits(&action.id, without_health));
    }
    Auto::Approve
}

fn waits(id: &ActionId, times: usize) -> String {
    format!("{id} waits for you: it was approved by itself {times} times within an hour and brought no health")
}

#[cfg(test)]
mod tests {
    use super::super::{config, fixtures};
    use super::*;

    const MINUTE: i64 = 60_000;

    fn minutes(all: &[i64]) -> Vec<Stamp> {
        all.iter().map(|m| Stamp::from_millis(fixtures::NOW.millis() - m * MINUTE)).collect()
    }

    fn decided(rules: &str, past: &Past, healthy: Option<i64>) -> Auto {
        let policy = config::parse(&format!("policy: {{auto_approve: [{rules}]}}"), &fixtures::ZONES).unwrap().policy;
        let text = r#"{"type":"container_restart","node":"a","service":"x","plan":{"digest":"sha256:1"},
            "drift":{"type":"unhealthy_service","detected_at":"2026-11-23T07:00:00.000Z"}}"#;
        let action = Action::parse(&"container-restart-a-x".parse().unwrap(), text.as_bytes()).unwrap();
        let healthy = healthy.map(|m| minutes(&[m])[0]);
        let window = Duration::from_secs(600);
        decide(&policy, window, (&action, &"a".parse().unwrap()), past, healthy, fixtures::NOW)
    }

    #[test]
    fn all_that_a_rule_names_must_fit() {
        let none = Past::default();
        for rule in [
            "{risk: low}",
            "{type: container_restart, nodes: [a]}",
            "{services: [y, x]}",
            "{risk: guarded}, {nodes: [a]}",
        ] {
            assert_eq!(decided(rule, &none, None), Auto::Approve, "{rule}");
        }
        for rule in ["", "{risk: guarded}", "{risk: low, nodes: [b]}", "{type: redeploy, services: [x]}"] {
            assert_eq!(decided(rule, &none, None), Auto::No, "{rule}");
        }
    }

    #[test]
    fn three_approvals_within_an_hour_without_health_are_enough() {
        let past = |approved: &[i64]| Past { queued: vec![], auto_approved: minutes(approved) };
        assert_eq!(decided("{risk: low}", &past(&[50, 30]), None), Auto::Approve);
        assert!(matches!(decided("{risk: low}", &past(&[50, 30, 15]), None), Auto::Wait(_)));
        assert_eq!(decided("{risk: low}", &past(&[61, 30, 15]), None), Auto::Approve);
        assert_eq!(decided("{risk: low}", &past(&[50, 30, 15]), Some(20)), Auto::Approve, "it was healthy between");
    }

    #[test]
    fn what_flaps_is_not_approved_and_its_action_says_so() {
        let past = Past { queued: minutes(&[9, 5, 0]), auto_approved: vec![] };
        assert!(matches!(decided("{risk: low}", &past, None), Auto::Wait(why) if why.contains("3 times within 10m")));
        let window = Duration::from_secs(600);
        let twice = Past { queued: minutes(&[9, 5]), ..Past::default() };
        assert!(flapping_hint(&twice, window, fixtures::NOW).unwrap().starts_with("flapping: needed 3 times"));
        assert_eq!(flapping_hint(&Past { queued: minutes(&[11, 5]), ..twice }, window, fixtures::NOW), None);
    }
}
