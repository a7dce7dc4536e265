//! What goes wrong on a real engine: clean-ups, an engine that is away, an executor that is killed.

use std::process::Command;
use std::time::Duration;

use crate::engine::Engine;
use crate::lab::{Lab, SERVES, output, write};

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
fn a_disk_clean_up_frees_old_images_without_a_name_and_none_that_a_roll_back_needs() {
    // Nothing of the machine's own engine may be lost in a test.
    let Some(engine) = Engine::start("64m") else { return };
    let Some(lab) = Lab::on(&engine, "min_healthy: 0s") else { return };
    let before = format!("hlctl-before/{}:1", lab.service);
    let old = load(&lab, "old", "2020-01-01T00:00:00Z", None);
    let young = load(&lab, "young", &lab.docker(&["info", "--format", "{{.SystemTime}}"]), None);
    let kept = load(&lab, "kept", "2020-01-01T00:00:00Z", Some(&before));
    lab.hlctl_ok(&["request", "disk_cleanup", "box"]);
    lab.hlctl_ok(&["approve", "disk-cleanup-box"]);
    lab.hlctl_ok(&["execute"]);
    let done = lab.json(&["show", "disk-cleanup-box"]);
    let freed: u64 = done["result"]["facts"]["freed_bytes"].as_str().unwrap().parse().unwrap();
    // What the engine says is rounded to three digits.
    assert!((LAYER - LAYER / 100..LAYER + LAYER / 100).contains(&freed), "{done}");
    let left = lab.docker(&["images", "-a", "-q", "--no-trunc"]);
    assert!(!left.contains(&old) && left.contains(&young) && left.contains(&kept), "{left}");
    assert!(lab.docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).contains(&before));
}

/// Bytes of the one file in an image that is loaded.
const LAYER: u64 = 1_500_000;

/// Loads an image that was made at some time, with or without a name; returns its ID.
fn load(lab: &Lab, name: &str, created: &str, tag: Option<&str>) -> String {
    let dir = lab.path(name);
    std::fs::create_dir(&dir).unwrap();
    let tar = |file: &str, names: &[&str]| {
        output(Command::new("tar").arg("-C").arg(&dir).arg("-cf").arg(dir.join(file)).args(names));
    };
    std::fs::write(dir.join("file"), name.bytes().cycle().take(LAYER as usize).collect::<Vec<_>>()).unwrap();
    tar("layer.tar", &["file"]);
    let sum = output(Command::new("sha256sum").arg(dir.join("layer.tar")));
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "created": created.trim(), "config": {},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", &sum[..64])]},
    });
    write(&dir.join("config.json"), &config.to_string());
    let tags: Vec<&str> = tag.into_iter().collect();
    let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": tags, "Layers": ["layer.tar"]}]);
    write(&dir.join("manifest.json"), &manifest.to_string());
    tar("image.tar", &["manifest.json", "config.json", "layer.tar"]);
    lab.docker(&["load", "-q", "-i", dir.join("image.tar").to_str().unwrap()]);
    format!("sha256:{}", &output(Command::new("sha256sum").arg(dir.join("config.json")))[..64])
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

/// Returns the process of the lab's container, as the engine's own namespace has it, and when it was started.
fn started(lab: &Lab) -> String {
    lab.docker(&[
        "inspect",
        "--format",
        "{{.Id}} {{.State.Status}} {{.State.Pid}} {{.State.StartedAt}}",
        &lab.container(),
    ])
}

#[test]
fn an_engine_that_is_killed_in_a_build_leaves_what_runs_running_and_the_repository_as_it_was() {
    let Some(engine) = Engine::start("300m") else { return };
    let Some(lab) = Lab::on(&engine, "min_healthy: 1s, healthy_deadline: 15s, on_failure: rollback") else { return };
    lab.compose(&["up", "-d", "--build"]);
    let (container, head) = (started(&lab), lab.head());
    let dockerfile = lab.path("author").join("services").join(&lab.service).join("Dockerfile");
    let text = std::fs::read_to_string(&dockerfile).unwrap() + "RUN [\"/bin/busybox\", \"sleep\", \"300\"]\n";
    std::fs::write(dockerfile, text).unwrap();
    lab.commit("two", SERVES);
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    lab.hlctl_ok(&["approve", &lab.id("redeploy")]);
    lab.hlctl_ok(&["request", "disk_cleanup", "box"]);
    lab.hlctl_ok(&["approve", "disk-cleanup-box"]);
    let mut executor = lab.command(&["execute"]).spawn().unwrap();
    lab.until("redeploy", "\"300\"]");
    engine.kill();
    assert_eq!(executor.wait().unwrap().code(), Some(4));
    let done = lab.json(&["show", &lab.id("redeploy")]);
    assert_eq!(
        (&done["result"]["reason"], &done["result"]["failed_step"]),
        (&"engine_unreachable".into(), &3.into()),
        "{done} {}",
        lab.log("redeploy")
    );
    let left = lab.json(&["show", "disk-cleanup-box"]);
    assert_eq!(left["state"], "approved", "an engine that is away is not asked again in the same pass: {left}");
    engine.revive();
    assert_eq!(started(&lab), container, "what ran goes on running");
    assert_eq!(lab.head(), head, "which needs no engine");
    lab.hlctl_ok(&["execute"]);
    assert_eq!(lab.json(&["show", "disk-cleanup-box"])["state"], "completed");
}

#[test]
fn an_engine_that_is_killed_while_containers_are_replaced_is_named_and_nothing_is_run_again() {
    let Some(engine) = Engine::start("300m") else { return };
    let Some(lab) = Lab::on(&engine, "min_healthy: 1s, healthy_deadline: 15s, on_failure: rollback") else { return };
    // It takes its time to stop: the replacement waits for that.
    lab.commit("one", "trap '' TERM; while :; do /bin/busybox sleep 0.1; done");
    lab.git(&["-C", lab.path("repo").to_str().unwrap(), "pull", "-q", "--ff-only"]);
    lab.compose(&["up", "-d", "--build"]);
    lab.commit("two", SERVES);
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    lab.hlctl_ok(&["approve", &lab.id("redeploy")]);
    let mut executor = lab.command(&["execute"]).spawn().unwrap();
    lab.until("redeploy", "Recreat");
    std::thread::sleep(Duration::from_millis(500));
    engine.kill();
    assert_eq!(executor.wait().unwrap().code(), Some(4));
    let done = lab.json(&["show", &lab.id("redeploy")]);
    assert_eq!(done["result"]["reason"], "engine_unreachable", "{done} {}", lab.log("redeploy"));
    assert!(!lab.log("redeploy").contains("restoring what ran before"), "no engine, no roll-back");
    engine.revive();
    lab.hlctl_ok(&["execute"]);
    assert_eq!(lab.json(&["show", &lab.id("redeploy")])["state"], "failed", "never again without an approval");
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert_eq!(lab.version(), "two");
}

#[test]
fn a_disk_that_fills_up_in_a_build_leaves_what_runs_running() {
    let Some(engine) = Engine::start("48m") else { return };
    let Some(lab) = Lab::on(&engine, "min_healthy: 1s, healthy_deadline: 15s, on_failure: rollback") else { return };
    lab.compose(&["up", "-d", "--build"]);
    let (container, head) = (started(&lab), lab.head());
    let dockerfile = lab.path("author").join("services").join(&lab.service).join("Dockerfile");
    let good = std::fs::read_to_string(&dockerfile).unwrap();
    let fills = "RUN [\"/bin/busybox\", \"dd\", \"if=/dev/zero\", \"of=/full\", \"bs=1M\", \"count=64\"]\n";
    std::fs::write(&dockerfile, format!("{good}{fills}")).unwrap();
    lab.commit("two", SERVES);
    let done = lab.act("redeploy");
    assert_eq!(
        (&done["result"]["reason"], &done["result"]["failed_step"]),
        (&"fetch_failed".into(), &3.into()),
        "{done} {}",
        lab.log("redeploy")
    );
    assert!(lab.log("redeploy").to_lowercase().contains("no space left on device"), "{}", lab.log("redeploy"));
    assert_eq!((started(&lab), lab.head(), lab.version()), (container, head, "one".to_owned()));
}
