//! Two services that share one ID.

use super::*;

const WORLD: &str = "a seen=1m\na-b seen=1m\na-b/d healthy";

fn lab(world: &str) -> Lab {
    Lab::new([("a", "[b-c]"), ("a-b", "[c, d]")], world)
}

#[test]
fn both_pairs_are_named_and_nothing_is_created_for_them() {
    let decision = lab("a seen=1m\na-b seen=1m").decide();
    assert_eq!(changes(&decision), ["+redeploy-a-b-d"]);
    assert!(!decision.conflicts.is_empty());
    for conflict in &decision.conflicts {
        assert!(conflict.contains("a/b-c") && conflict.contains("a-b/c"), "{conflict}");
    }
    let held: Vec<_> = decision.rows.iter().filter(|r| r.held_by.is_some()).map(|r| r.node.as_str()).collect();
    assert_eq!(held, ["a", "a-b"]);
}

#[test]
fn nothing_is_cancelled_for_them() {
    for of in ["redeploy a/b-c", "redeploy a-b/c", "container_restart a/b-c"] {
        let healthy = lab(&format!("{WORLD}\na/b-c healthy\na-b/c healthy"));
        assert_eq!(healthy.open(S::Pending, of).changes(), nothing(), "{of}");
    }
    let by_hand = lab(&format!("{WORLD}\na/b-c healthy\na-b/c healthy"));
    assert_eq!(by_hand.open_as(S::Pending, "mine", "redeploy a/b-c", true).changes(), nothing());
    let other = lab(&format!("{WORLD}\na/b-c healthy\na-b/c healthy")).open(S::Pending, "redeploy a-b/d");
    assert_eq!(other.changes(), ["-redeploy-a-b-d drift_resolved_auto"], "the others are");
}

#[test]
fn a_broken_host_does_not_lose_its_action_to_the_pair_that_shares_its_id() {
    let lab = Lab::new([("a-b", "[c]")], "a-b seen=1m").broken("a").open(S::Pending, "redeploy a/b-c");
    assert_eq!(lab.changes(), nothing());
}
