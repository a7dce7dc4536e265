//! What goes wrong on a real engine: clean-ups, an engine that is away, an executor that is killed.

use crate::lab::{Lab, SERVES};

#[test]
fn a_disk_clean_up_reports_what_it_freed_and_leaves_containers_and_volumes() {
    let Some(lab) = Lab::new("min_healthy: 0s") else { return };
    lab.compose(&["up", "-d", "--build"]);
    lab.compose(&["stop", "-t", "1"]);
    let volume = format!("{}-volume", lab.service);
    lab.docker(&["volume", "create", &volume]);
    let container = lab.container();
    lab.hlctl_ok(&["request", "disk_cleanup", "box"]);
    lab.hlctl_ok(&["approve", "disk-cleanup-box"]);
    lab.hlctl_ok(&["execute"]);
    let done = lab.json(&["show", "disk-cleanup-box"]);
    assert_eq!(done["state"], "completed", "{done}");
    assert!(done["result"]["facts"]["freed_bytes"].as_str().is_some_and(|n| n.parse::<u64>().is_ok()), "{done}");
    assert_eq!(lab.container(), container);
    assert!(lab.docker(&["volume", "ls", "-q"]).contains(&volume));
    lab.docker(&["volume", "rm", &volume]);
}

#[test]
fn a_build_that_hangs_is_ended_and_what_runs_goes_on() {
    let Some(lab) = Lab::new("min_healthy: 1s, healthy_deadline: 15s, timeout: 6s, on_failure: rollback") else {
        return;
    };
    lab.compose(&["up", "-d", "--build"]);
    let (container, head) = (lab.container(), lab.head());
    let dockerfile = lab.path("author").join("services").join(&lab.service).join("Dockerfile");
    let text = std::fs::read_to_string(&dockerfile).unwrap() + "RUN [\"/bin/busybox\", \"sleep\", \"300\"]\n";
    std::fs::write(dockerfile, text).unwrap();
    lab.commit("two", SERVES);
    let done = lab.act("redeploy");
    assert_eq!((&done["result"]["reason"], &done["result"]["failed_step"]), (&"timeout".into(), &3.into()), "{done}");
    assert_eq!((lab.container(), lab.head()), (container, head));
    assert_eq!(lab.version(), "one");
}

#[test]
fn an_engine_that_is_away_leaves_the_node_s_other_actions_approved() {
    let Some(lab) = Lab::new("min_healthy: 0s") else { return };
    lab.hlctl_ok(&["request", "disk_cleanup", "box"]);
    lab.hlctl_ok(&["approve", "disk-cleanup-box"]);
    lab.hlctl_ok(&["request", "container_restart", "box", &lab.service]);
    lab.hlctl_ok(&["approve", &lab.id("container_restart")]);
    let ran = lab.command(&["--json", "execute"]).env("DOCKER_HOST", "unix:///nowhere.sock").output().unwrap();
    assert_eq!(ran.status.code(), Some(4), "{ran:?}");
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["actions"][0]["reason"], "engine_unreachable", "{report}");
    assert!(report["left"][lab.id("container_restart")].is_string(), "{report}");
}
