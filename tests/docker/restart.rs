//! From a stopped container to a healthy one, without a person but for the approval.

use crate::lab::{Lab, SERVES};

const QUICK: &str = "min_healthy: 1s, healthy_deadline: 20s";

#[test]
fn a_stopped_container_is_reported_restarted_verified_and_healthy_again() {
    let Some(lab) = Lab::new(QUICK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    lab.compose(&["stop", "-t", "1"]);
    lab.event("\"type\":\"service_unhealthy\",\"reason\":\"containers_not_running\"");
    lab.hlctl_ok(&["observe"]);
    lab.hlctl_ok(&["reconcile"]);
    let id = lab.id("container_restart");
    let plan = lab.json(&["plan", &id]);
    assert_eq!(plan["plans"][0]["plan"]["verify"]["check"], "engine", "{plan}");
    lab.hlctl_ok(&["approve", &id]);
    let done = lab.execute("container_restart");
    assert_eq!((&done["state"], &done["result"]["reason"]), (&"completed".into(), &().into()), "{done}");
    assert!(done["result"]["facts"]["verified"].as_str().unwrap().starts_with("healthy for 1 s"), "{done}");
    assert_eq!(lab.version(), "one");
    // What the check saw is told to the event log, so the loop closes without an agent.
    lab.hlctl_ok(&["observe"]);
    let again = lab.json(&["reconcile"]);
    assert_eq!(again["drift"].as_array().unwrap().len(), 0, "{again}");
}

#[test]
fn named_containers_are_restarted_and_no_others() {
    let Some(lab) = Lab::new(QUICK) else { return };
    let two = format!(
        "version: '3'\nx-web: &web {{build: ., image: '{}:latest', command: [sh, -c, {}]}}\nservices:\n  a: *web\n  b: *web\n",
        lab.service,
        serde_json::to_string(SERVES).unwrap()
    );
    lab.commit_compose("two", &two);
    lab.git(&["-C", lab.path("repo").to_str().unwrap(), "pull", "-q", "--ff-only"]);
    lab.compose(&["up", "-d", "--build"]);
    let started = |name: &str| lab.docker(&["inspect", "--format", "{{.State.StartedAt}}", name]);
    let separator =
        if lab.docker(&["ps", "--format", "{{.Names}}"]).contains(&format!("{}_a_1", lab.service)) { "_" } else { "-" };
    let names = ["a", "b"].map(|s| format!("{}{separator}{s}{separator}1", lab.service));
    let before = [started(&names[0]), started(&names[1])];
    lab.settings(&format!("{QUICK}, containers: ['{}']", names[0]));
    let done = lab.act("container_restart");
    assert_eq!(done["state"], "completed", "{done}");
    assert_ne!(started(&names[0]), before[0]);
    assert_eq!(started(&names[1]), before[1]);
}

#[test]
fn a_container_that_never_becomes_healthy_fails_with_its_last_lines() {
    let Some(lab) = Lab::new("min_healthy: 1s, healthy_deadline: 3s") else { return };
    lab.commit("two", "echo the cellar floods; exit 3");
    lab.git(&["-C", lab.path("repo").to_str().unwrap(), "pull", "-q", "--ff-only"]);
    lab.compose(&["up", "-d", "--build"]);
    let done = lab.act("container_restart");
    assert_eq!((&done["state"], &done["result"]["reason"]), (&"failed".into(), &"not_healthy_after".into()), "{done}");
    assert!(done["result"]["message"].as_str().unwrap().contains("exited (exit code 3)"), "{done}");
    let lines = done["result"]["container_log"].to_string();
    assert!(lines.contains("the cellar floods"), "{done}");
}
