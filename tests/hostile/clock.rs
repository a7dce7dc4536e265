//! A clock that jumps: nothing panics, the world is that of a replay, and no hold lasts because of it.

use crate::lab::{HLCTL, Lab, Run};
use crate::needs;

/// Runs the program with the clock somewhere else.
fn at(lab: &Lab, offset: &str, args: &[&str]) -> Run {
    let all = [&["-f", offset, HLCTL], args].concat();
    Run::of(lab.called_by("faketime", &all).output().unwrap())
}

#[test]
fn a_clock_set_back_between_passes_gives_the_world_that_a_replay_gives() {
    if !needs::program("faketime") {
        return;
    }
    let lab = Lab::drifted();
    for (offset, kind) in [
        ("+3h", "service_healthy"),
        ("-2d", "service_unhealthy"),
        ("+0", "service_healthy"),
        ("-1h", "service_unhealthy"),
    ] {
        lab.event(kind, "web", "");
        for verb in [&["observe"][..], &["reconcile"], &["execute"], &["status"], &["digest"], &["actions"]] {
            let run = at(&lab, offset, verb);
            assert!([0, 1].contains(&run.code), "{offset} {verb:?}: {run:?}");
            assert!(!run.err.contains("panicked"), "{offset} {verb:?}: {run:?}");
        }
        let world = lab.read("world/services.json") + &lab.read("world/nodes.json");
        assert_eq!(at(&lab, offset, &["observe", "--full"]).code, 0);
        assert_eq!(lab.read("world/services.json") + &lab.read("world/nodes.json"), world, "{offset}");
    }
    assert_eq!(lab.run(&["observe"]).code, 0);
    assert_eq!(lab.json(&["observe"])["findings"]["waiting"]["count"], 0, "their time has come");
    lab.ok(&["audit", "verify"]);
}

#[test]
fn a_rejection_from_the_future_holds_nothing() {
    if !needs::program("faketime") {
        return;
    }
    let lab = Lab::drifted();
    assert_eq!(at(&lab, "+2d", &["reject", "redeploy-piha-web", "--reason", "no"]).code, 0);
    lab.ok(&["reconcile"]);
    assert_eq!(lab.states("redeploy-piha-web"), ["pending"]);
    lab.ok(&["audit", "verify"]);
}
