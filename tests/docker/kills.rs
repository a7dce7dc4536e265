//! The executor, or what it runs, killed at random moments over a real container: each approved restart happened at
//! most once and ended with a true reason.

use std::time::Duration;

use crate::lab::Lab;

/// Rounds of the full size with `HLCTL_FULL=1`, else few.
fn rounds() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run, not of the program")]
    let is_full = std::env::var("HLCTL_FULL").is_ok_and(|v| v == "1");
    if is_full { 300 } else { 8 }
}

#[test]
fn a_restart_that_is_killed_anywhere_happens_at_most_once() {
    let Some(lab) = Lab::new("min_healthy: 0s, healthy_deadline: 5s") else { return };
    lab.compose(&["up", "-d", "--build"]);
    let container = lab.container();
    let id = lab.id("container_restart");
    let running = lab.path("root/actions/running").join(format!("{id}.json"));
    for round in 0..rounds() {
        // What a killed client had asked for may still be under way in the engine.
        std::thread::sleep(Duration::from_millis(1500));
        let since = lab.now();
        lab.hlctl_ok(&["request", "container_restart", "box", &lab.service]);
        lab.hlctl_ok(&["approve", &id]);
        let mut executor = lab.command(&["execute"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..1500)));
        let group = std::fs::read(&running).ok().and_then(|bytes| {
            let action: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
            i32::try_from(action["running"]["group"]["pgid"].as_i64()?).ok()
        });
        match group.and_then(rustix::process::Pid::from_raw).filter(|_| fastrand::bool()) {
            // The step's own process, which is docker or Compose.
            Some(leader) => drop(rustix::process::kill_process(leader, rustix::process::Signal::KILL)),
            None => drop(executor.kill()),
        }
        executor.wait().unwrap();
        lab.hlctl(&["execute"]);
        let done = lab.execute("container_restart");
        let until = lab.now();
        let filter = format!("container={container}");
        let events = lab.docker(&[
            "events",
            "--since",
            &since,
            "--until",
            &until,
            "--filter",
            &filter,
            "--filter",
            "event=restart",
        ]);
        assert!(events.lines().count() <= 1, "round {round}: {done} {events}");
        match (done["state"].as_str().unwrap(), done["result"]["reason"].as_str()) {
            ("completed", None) => assert_eq!(events.lines().count(), 1, "round {round}: {done}"),
            ("failed", Some("executor_interrupted" | "step_failed")) => {}
            other => panic!("round {round}: {other:?}: {done}"),
        }
    }
    lab.hlctl_ok(&["audit", "verify"]);
}
