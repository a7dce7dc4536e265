//! A node over a real sshd, on a real engine: restarted, deployed, put back.

use crate::kills::{children, kill_one, settle};
use crate::lab::{Lab, SERVES, write};
use crate::sshd::Sshd;

#[test]
fn a_project_over_ssh_is_restarted_deployed_and_put_back() {
    let Some(sshd) = Sshd::start() else { return };
    let settings = "min_healthy: 1s, healthy_deadline: 15s, on_failure: rollback";
    let Some(lab) = Lab::over(&sshd, settings) else { return };
    // The node's own name for the file, and an override that lies in its checkout of the repository.
    let author = lab.path("author");
    let folder = author.join("services").join(&lab.service);
    let over = format!("hosts/box/runtime/{}", lab.service);
    for base in [author.clone(), lab.path("root")] {
        std::fs::create_dir_all(base.join(&over)).unwrap();
        let text = "version: '3'\nservices:\n  web:\n    environment: {OVER: here}\n";
        write(&base.join(&over).join("docker-compose.override.yml"), text);
    }
    std::fs::rename(folder.join("docker-compose.yml"), folder.join("compose.yaml")).unwrap();
    let commit = |version: &str, script: &str| {
        let text = std::fs::read_to_string(folder.join("compose.yaml")).unwrap();
        let line = text.lines().find(|line| line.contains("command:")).unwrap();
        let command = serde_json::to_string(&script.replace('$', "$$")).unwrap();
        write(&folder.join("compose.yaml"), &text.replace(line, &format!("    command: [sh, -c, {command}]")));
        write(&folder.join("version"), version);
        lab.push(version)
    };
    commit("two", SERVES);
    // The first deployment: there is nothing to go back to, and nothing is needed.
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert_eq!((lab.version().as_str(), &done["result"]["facts"]["compose_file"]), ("two", &"compose.yaml".into()));
    let environment = lab.docker(&["inspect", "--format", "{{.Config.Env}}", &lab.container()]);
    assert!(environment.contains("OVER=here"), "{environment}");

    lab.docker(&["stop", "-t", "1", &lab.container()]);
    let done = lab.act("container_restart");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("container_restart"));
    assert!(done["result"]["facts"]["verified"].is_string() && lab.version() == "two", "{done}");

    // The plan shows the commit that then runs.
    let shown = commit("three", SERVES);
    let id = lab.id("redeploy");
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    let planned = lab.json(&["plan", &id, "--fetch"])["plans"][0].clone();
    assert_eq!(planned["fetched"]["to"], shown.as_str(), "{planned}");
    assert!(planned["config"]["diff"].is_string(), "the node rendered its config: {planned}");
    lab.hlctl_ok(&["approve", &id, "--digest", planned["plan"]["digest"].as_str().unwrap()]);
    let done = lab.execute("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert_eq!((lab.version(), lab.head()), ("three".to_owned(), shown.clone()));

    commit("broken", "echo no config; exit 1");
    let done = lab.act("redeploy");
    assert_eq!(done["result"]["reason"], "not_healthy_after", "{done} {}", lab.log("redeploy"));
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done}");
    assert!(done["result"]["container_log"].to_string().contains("no config"), "{done}");
    assert_eq!((lab.version(), lab.head()), ("three".to_owned(), shown));
}

#[test]
fn a_redeploy_that_is_cut_off_says_so_and_the_next_one_goes_back_to_what_ran() {
    let Some(sshd) = Sshd::start() else { return };
    let Some(lab) = Lab::over(&sshd, "min_healthy: 1s, healthy_deadline: 8s, on_failure: rollback") else { return };
    // It takes its time to stop: the replacement waits for that.
    lab.commit("one", "trap '' TERM; while :; do /bin/busybox sleep 0.1; done");
    lab.git(&["-C", lab.path("repo").to_str().unwrap(), "pull", "-q", "--ff-only"]);
    lab.compose(&["up", "-d", "--build"]);
    let before = lab.head();
    let broken = lab.commit("broken", "exit 1");
    lab.hlctl_ok(&["request", "redeploy", "box", &lab.service]);
    lab.hlctl_ok(&["approve", &lab.id("redeploy")]);
    let mut executor = lab.command(&["execute"]).spawn().unwrap();
    lab.until("redeploy", "Recreat");
    assert!(kill_one(&children(sshd.id())));
    assert_eq!(executor.wait().unwrap().code(), Some(4));
    let done = lab.json(&["show", &lab.id("redeploy")]);
    assert_eq!(done["result"]["reason"], "ssh_connection_lost", "{done} {}", lab.log("redeploy"));
    assert_eq!(done["result"]["hints"], serde_json::json!(["not_rolled_back", "may_still_run"]), "{done}");
    let fact = done["result"]["facts"]["rollback"].as_str().unwrap();
    assert!(fact.contains(&before) && fact.contains("sha256:"), "{fact}");
    settle(&lab.service, "up");
    assert_eq!(lab.head(), broken);
    let done = lab.act("redeploy");
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done} {}", lab.log("redeploy"));
    assert_eq!((lab.head(), lab.version()), (before, "one".to_owned()), "{done} {}", lab.log("redeploy"));
}
