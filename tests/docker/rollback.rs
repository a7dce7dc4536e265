//! What a roll-back goes back to after an attempt that was cut off, what it removes, and how it fails.

use crate::lab::{Lab, SERVES, write};

const BACK: &str = "min_healthy: 1s, healthy_deadline: 6s, on_failure: rollback";

#[test]
fn after_an_executor_that_died_in_the_build_the_next_one_goes_back_to_what_ran() {
    let Some(lab) = Lab::new(BACK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let before = lab.head();
    let broken = lab.commit("broken", "exit 1");
    lab.before_compose(
        "case \" $* \" in *' build '*) [ -e $marks/built ] || { touch $marks/built; sleep 300; } ;; esac",
    );
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    lab.hlctl_ok(&["approve", &lab.id("redeploy")]);
    let mut executor = lab.command(&["execute"]).spawn().unwrap();
    crate::lab::until("the build", || lab.path("bin/built").exists());
    executor.kill().unwrap();
    executor.wait().unwrap();
    let done = lab.execute("redeploy");
    assert_eq!(done["result"]["reason"], "executor_interrupted", "{done}");
    assert_eq!(lab.head(), broken, "it had pulled");
    let done = lab.act("redeploy");
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done} {}", lab.log("redeploy"));
    assert_eq!(done["result"]["facts"]["commit_before"], before.as_str(), "{done}");
    assert_eq!((lab.head(), lab.version()), (before, "one".to_owned()));
}

#[test]
fn an_executor_that_dies_after_up_says_that_nothing_was_restored_and_the_next_one_restores_it() {
    let Some(lab) = Lab::new(&BACK.replace("6s", "60s")) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let before = lab.head();
    lab.commit("broken", "exit 1");
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    lab.hlctl_ok(&["approve", &lab.id("redeploy")]);
    let mut executor = lab.command(&["execute"]).spawn().unwrap();
    lab.until("redeploy", "exited (exit code 1)");
    executor.kill().unwrap();
    executor.wait().unwrap();
    let done = lab.execute("redeploy");
    assert_eq!(done["result"]["reason"], "executor_interrupted", "{done}");
    assert_eq!(done["result"]["hints"], serde_json::json!(["not_rolled_back"]), "{done}");
    let fact = done["result"]["facts"]["rollback"].as_str().unwrap();
    assert!(fact.contains(&before) && fact.contains("sha256:"), "{fact}");
    lab.settings(BACK);
    let done = lab.act("redeploy");
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done} {}", lab.log("redeploy"));
    assert_eq!((lab.head(), lab.version()), (before, "one".to_owned()));
}

#[test]
fn what_a_broken_commit_added_is_removed_and_what_was_an_orphan_before_is_not() {
    let Some(lab) = Lab::new(BACK) else { return };
    let text = |extra: &str, script: &str| {
        let service = |script: &str| {
            let script = serde_json::to_string(&script.replace('$', "$$")).unwrap();
            format!("{{build: ., image: '{}:latest', restart: always, command: [sh, -c, {script}]}}", lab.service)
        };
        let extra = if extra.is_empty() { String::new() } else { format!("  {extra}: {}\n", service("exit 1")) };
        format!("version: '3'\nservices:\n  web: {}\n{extra}", service(script))
    };
    let services = || {
        let filter = format!("label=com.docker.compose.project={}", lab.service);
        let format = "{{.Label \"com.docker.compose.service\"}}";
        let all = lab.docker(&["ps", "-a", "--filter", &filter, "--format", format]);
        let mut all: Vec<String> = all.lines().map(str::to_owned).collect();
        all.sort();
        all
    };
    for extra in ["old", ""] {
        lab.commit_compose("one", &text(extra, SERVES));
        lab.git(&["-C", lab.path("repo").to_str().unwrap(), "pull", "-q", "--ff-only"]);
        lab.compose(&["up", "-d", "--build"]);
    }
    assert_eq!(services(), ["old", "web"]);
    lab.commit_compose("two", &text("extra", SERVES));
    let plan = lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    assert!(plan.contains("docker rm --force '<container-added>'"), "the operator sees it: {plan}");
    lab.hlctl_ok(&["approve", &lab.id("redeploy")]);
    let done = lab.execute("redeploy");
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done} {}", lab.log("redeploy"));
    assert!(done["result"]["facts"]["removed"].as_str().unwrap().contains("extra"), "{done}");
    assert_eq!(services(), ["old", "web"]);
}

#[test]
fn a_roll_back_that_fails_is_said_and_nothing_is_rolled_back_twice() {
    let Some(lab) = Lab::new(BACK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    lab.commit("broken", "exit 1");
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    lab.hlctl_ok(&["approve", &lab.id("redeploy")]);
    let mut executor = lab.command(&["execute"]).spawn().unwrap();
    // Somebody edits what the roll-back would have to overwrite.
    lab.until("redeploy", "waiting for");
    write(&lab.project().join("version"), "edited by hand");
    assert_eq!(executor.wait().unwrap().code(), Some(4));
    let id = lab.id("redeploy");
    let done = lab.json(&["show", &id]);
    assert_eq!(done["result"]["reason"], "rollback_failed", "{done} {}", lab.log("redeploy"));
    let message = done["result"]["message"].as_str().unwrap();
    assert!(message.contains("of the roll-back failed") && message.contains("not_healthy_after"), "{done}");
    assert!(done["result"]["facts"]["rollback"].as_str().unwrap().starts_with("failed at step"), "{done}");
    lab.hlctl_ok(&["execute"]);
    assert_eq!(lab.json(&["show", &id])["result"], done["result"], "what failed is not tried again");
    assert_eq!(lab.log("redeploy").matches("restoring what ran before").count(), 1, "{}", lab.log("redeploy"));
    // Once the edit is out of the way, the next attempt goes back to what ran before the first one.
    lab.git(&["-C", lab.path("repo").to_str().unwrap(), "checkout", "-q", "."]);
    let done = lab.act("redeploy");
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done} {}", lab.log("redeploy"));
    assert_eq!(lab.version(), "one");
}
