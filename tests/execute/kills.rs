//! The executor killed at random moments: what was approved ran at most once and ends with a true reason.

use std::time::Duration;

use crate::lab::{Lab, service};

/// Kills as often as the full size says, or a tenth of it.
fn rounds(full: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run, not of the program")]
    let is_full = std::env::var("HLCTL_FULL").is_ok_and(|v| v == "1");
    if is_full { full } else { full / 10 }
}

#[test]
fn an_executor_killed_anywhere_runs_nothing_twice() {
    let lab = Lab::new("[]");
    let mark = lab.path("runs").display().to_string();
    let script = |name: &str| format!("echo {name} begins >>{mark}; sleep 0.03; echo {name} ends >>{mark}");
    let names: Vec<String> = (0..4).map(|n| format!("s{n}")).collect();
    let services: Vec<String> = names.iter().map(|n| service(n, &script(n), "")).collect();
    lab.host("box", "connection: local", &format!("[{}]", services.join(", ")));
    let mut interrupted = 0;
    for round in 0..rounds(300) {
        std::fs::write(lab.path("runs"), "").unwrap();
        let all: Vec<String> = names.iter().map(|n| format!("box/{n}")).collect();
        lab.approve(&all.iter().map(String::as_str).collect::<Vec<_>>());
        let mut executor = lab.start(&["execute"]);
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..250)));
        executor.kill().unwrap();
        executor.wait().unwrap();
        for _ in 0..2 {
            lab.run(&["execute"]);
        }
        let runs = lab.read("runs");
        for name in &names {
            let done = lab.show(&format!("redeploy-box-{name}"));
            let count = |word: &str| runs.lines().filter(|l| *l == format!("{name} {word}")).count();
            let (begun, ended) = (count("begins"), count("ends"));
            assert!(begun <= 1 && ended <= begun, "round {round}: {name} ran {begun} times: {done}");
            match (done["state"].as_str().unwrap(), done["result"]["reason"].as_str()) {
                ("completed", None) => assert_eq!(ended, 1, "round {round}: {done}"),
                ("failed", Some("executor_interrupted")) => interrupted += 1,
                other => panic!("round {round}: {other:?}: {done}"),
            }
        }
    }
    lab.ok(&["audit", "verify"]);
    assert!(interrupted > 0, "no kill hit anything");
}

#[test]
fn of_several_steps_each_ran_at_most_once_and_in_their_order() {
    let lab = Lab::new("[]");
    let mark = lab.path("runs").display().to_string();
    let step = |n: usize| format!("[sh, -c, 'echo {n} >>{mark}; sleep 0.05']");
    let steps: Vec<String> = (1..=4).map(step).collect();
    let recipes = format!("recipes: {{redeploy: [{}]}}", steps.join(", "));
    lab.host("box", "connection: local", &format!("[{{name: s, runtime: command, {recipes}}}]"));
    let mut interrupted = 0;
    for round in 0..rounds(100) {
        std::fs::write(lab.path("runs"), "").unwrap();
        lab.approve(&["box/s"]);
        let mut executor = lab.start(&["execute"]);
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..300)));
        executor.kill().unwrap();
        executor.wait().unwrap();
        for _ in 0..2 {
            lab.run(&["execute"]);
        }
        let (done, runs) = (lab.show("redeploy-box-s"), lab.read("runs"));
        assert!("1\n2\n3\n4\n".starts_with(&runs), "round {round}: {runs:?}: {done}");
        match (done["state"].as_str().unwrap(), done["result"]["reason"].as_str()) {
            ("completed", None) => assert_eq!(runs.lines().count(), 4, "round {round}: {done}"),
            ("failed", Some("executor_interrupted")) => {
                interrupted += 1;
                let last = runs.lines().count() as u64;
                // It is noted before the step begins.
                let noted = done["result"]["failed_step"].as_u64().unwrap_or(0);
                assert!(noted == last || noted == last + 1, "round {round}: {runs:?}: {done}");
            }
            other => panic!("round {round}: {other:?}: {done}"),
        }
    }
    assert!(interrupted > 0, "no kill hit anything");
}
