//! The executor, or what it runs, killed at random moments over a real container: each approved restart happened at
//! most once and ended with a true reason, and a redeploy that was cut off anywhere does not hide what ran before it.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::Lab;
use crate::needs::var;
use crate::sshd::Sshd;

/// Rounds of the full size with `HLCTL_FULL=1`, else few.
fn rounds() -> usize {
    if var("HLCTL_FULL").is_some_and(|v| v == "1") { 300 } else { 8 }
}

/// Returns the processes that a process has started itself.
pub fn children(of: u32) -> Vec<Pid> {
    let threads = std::fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let all: Vec<String> = lists.flat_map(|list| list.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect();
    all.iter().filter_map(|pid| Pid::from_raw(pid.trim().parse().ok()?)).collect()
}

pub fn kill_one(pids: &[Pid]) -> bool {
    let chosen = (!pids.is_empty()).then(|| pids[fastrand::usize(0..pids.len())]);
    chosen.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Waits until nothing that names a container is on its way any more: what a killed client or connection had asked for
/// may still be.
pub fn settle(name: &str, verb: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    let is_busy = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = all.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
        lines.filter(|line| line.contains("docker")).any(|line| line.contains(verb) && line.contains(name))
    };
    while is_busy() {
        assert!(Instant::now() < end, "a {verb} of {name} does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(1500));
}

/// Restarts the lab's container again and again, each time killing something in the middle.
fn restarts(lab: &Lab, longest_ms: u64, reasons: &[&str], kill: impl Fn(&mut Child)) {
    let container = lab.container();
    let id = lab.id("container_restart");
    let mut failed = 0;
    for round in 0..rounds() {
        settle(&lab.service, "restart");
        let since = lab.now();
        lab.hlctl_ok(&["request", "container_restart", "box", &lab.service]);
        lab.hlctl_ok(&["approve", &id]);
        let mut executor = lab.command(&["execute"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..longest_ms)));
        kill(&mut executor);
        executor.wait().unwrap();
        lab.hlctl(&["execute"]);
        let done = lab.execute("container_restart");
        settle(&lab.service, "restart");
        let (until, filter) = (lab.now(), format!("container={container}"));
        let window = ["--since", &since, "--until", &until, "--filter", &filter, "--filter", "event=restart"];
        let events = lab.docker(&[&["events"], &window[..]].concat());
        let count = events.lines().count();
        assert!(count <= 1, "round {round}: {done} {events}");
        match (done["state"].as_str().unwrap(), done["result"]["reason"].as_str()) {
            ("completed", None) => assert_eq!(count, 1, "round {round}: {done}"),
            // The server's child was killed before it had let anyone in, or the gate before it had become the step.
            ("failed", Some("ssh_unreachable" | "not_started")) => {
                assert_eq!(count, 0, "round {round}: what was never begun has not happened: {done}");
                failed += 1;
            }
            ("failed", Some(reason)) if reasons.contains(&reason) => failed += 1,
            other => panic!("round {round}: {other:?}: {done}"),
        }
    }
    eprintln!("{failed} of {} were interrupted", rounds());
    assert!(failed > 0, "no kill hit anything");
    lab.hlctl_ok(&["audit", "verify"]);
}

#[test]
fn a_restart_that_is_killed_anywhere_happens_at_most_once() {
    let Some(lab) = Lab::new("min_healthy: 0s, healthy_deadline: 5s") else { return };
    lab.compose(&["up", "-d", "--build"]);
    restarts(&lab, 1500, &["executor_interrupted", "step_failed"], |executor| {
        // Its child is docker or Compose, or the gate that becomes it.
        if !(fastrand::bool() && kill_one(&children(executor.id()))) {
            drop(executor.kill());
        }
    });
}

#[test]
fn a_restart_over_ssh_that_is_killed_on_either_side_happens_at_most_once() {
    let Some(sshd) = Sshd::start() else { return };
    if Lab::new("min_healthy: 0s").is_none() {
        return;
    }
    let Some(lab) = Lab::over(&sshd, "min_healthy: 0s, healthy_deadline: 10s") else { return };
    lab.compose(&["up", "-d", "--build"]);
    let name = lab.docker(&["inspect", "--format", "{{.Name}}", &lab.container()]);
    let name = name.trim().trim_start_matches('/');
    lab.settings(&format!("min_healthy: 0s, healthy_deadline: 10s, containers: [{name}]"));
    restarts(&lab, 1200, &["executor_interrupted", "ssh_connection_lost"], |executor| {
        let is_killed = match fastrand::u8(0..3) {
            0 => kill_one(&children(executor.id())),
            1 => kill_one(&children(sshd.id())),
            _ => false,
        };
        if !is_killed {
            drop(executor.kill());
        }
    });
}

#[test]
fn a_redeploy_that_is_killed_anywhere_leaves_the_next_one_what_ran_before() {
    let Some(lab) = Lab::new("min_healthy: 0s, healthy_deadline: 3s, on_failure: rollback") else { return };
    lab.compose(&["up", "-d", "--build"]);
    let head = lab.head();
    let rounds = if rounds() > 100 { 60 } else { 4 };
    let mut interrupted = 0;
    for round in 0..rounds {
        lab.commit(&format!("broken {round}"), "exit 1");
        let container = lab.container();
        lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
        lab.hlctl_ok(&["approve", &lab.id("redeploy")]);
        let mut executor = lab.command(&["execute"]).spawn().unwrap();
        // Spread over all of it, whatever chance says.
        std::thread::sleep(Duration::from_millis((12_000 * round + fastrand::u64(0..12_000)) / rounds));
        drop(executor.kill());
        executor.wait().unwrap();
        lab.hlctl(&["execute"]);
        let done = lab.execute("redeploy");
        settle(&lab.service, "up -d");
        let log = String::from_utf8_lossy(&lab.hlctl(&["logs", &lab.id("redeploy")]).stdout).into_owned();
        for once in ["up -d --build", "up -d --no-build", "git -C", "restoring what ran before"] {
            let count = log.lines().filter(|line| line.contains(once) && !line.contains("reset --keep")).count();
            assert!(count <= 1, "round {round}: {once} happened {count} times: {done} {log}");
        }
        match (done["state"].as_str().unwrap(), done["result"]["reason"].as_str()) {
            ("failed", Some("not_healthy_after")) => assert_eq!(lab.version(), "one", "round {round}: {done} {log}"),
            ("failed", Some("executor_interrupted")) => {
                interrupted += 1;
                if done["result"]["hints"] == serde_json::json!(["not_rolled_back"]) {
                    assert!(log.contains("up -d --build"), "round {round}: {done} {log}");
                } else {
                    let now = (lab.container(), lab.version());
                    assert_eq!(now, (container, "one".to_owned()), "round {round}: {done} {log}");
                }
            }
            other => panic!("round {round}: {other:?}: {done} {log}"),
        }
        let done = lab.act("redeploy");
        let log = lab.log("redeploy");
        assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "round {round}: {done} {log}");
        assert_eq!((lab.head(), lab.version()), (head.clone(), "one".to_owned()), "round {round}: {done} {log}");
    }
    eprintln!("{interrupted} of {rounds} were interrupted");
    assert!(interrupted > 0, "no kill hit anything");
    lab.hlctl_ok(&["audit", "verify"]);
}
