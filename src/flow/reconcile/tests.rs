//! The rules of contract section 5, each under its name.

use super::super::action::Risk;
use super::super::drift::DriftKind;
use super::super::fixtures::{Lab, NOW, ago, changes, id, node, service};
use super::*;
use State as S;

mod the_action_that_a_drift_gets;
mod rule_1_auto_cancel;
mod what_is_unknown_is_not_empty;
mod rule_2_one_open_action_a_service;
mod rule_3_idempotent;
mod rule_4_holds;
mod rule_5_flood_guard;
mod shared_ids;
mod requests;

/// A node that was heard a minute ago, desired to run `web`, with this line about it in the world.
fn piha(state: &str) -> Lab {
    Lab::new([("piha", "[web]")], &format!("piha seen=1m\n{state}"))
}

const MISSING: &str = "";
const HEALTHY: &str = "piha/web healthy";
const STOPPED: &str = "piha/web unhealthy reason=containers_not_running healthy=1h";
const ILL: &str = "piha/web unhealthy reason=check_failed healthy=1h";

const RESTART: &str = "container_restart piha/web";
const REDEPLOY: &str = "redeploy piha/web";
const RESTART_ID: &str = "container-restart-piha-web";
const REDEPLOY_ID: &str = "redeploy-piha-web";

fn nothing() -> [&'static str; 0] {
    []
}

#[test]
fn the_words_of_the_contract_for_a_cancellation() {
    assert_eq!(CancelReason::DriftResolved.as_str(), "drift_resolved_auto");
    assert_eq!(CancelReason::ServiceRemoved.as_str(), "service_removed_from_desired_state");
}

#[test]
fn the_plan_is_made_from_the_canonical_host() {
    let lab = piha(HEALTHY).host_file("piha", "aliases: [node-1]\nssh: o@h");
    let desired = lab.desired();
    let plan =
        |name: &str| make_plan(&desired, &node(name), Some(&service("web")), ActionType::Redeploy, None).unwrap();
    assert_eq!(plan("node-1"), plan("piha"));
    assert_eq!(plan("piha").steps[0].on, "o@h");
}
