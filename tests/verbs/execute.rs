use std::process::Stdio;

use serde_json::json;

use crate::assert_session;
use crate::lab::{Lab, Run, until};

const WEB: &str = "redeploy-piha-web";
const DB: &str = "container-restart-piha-db";

/// A root whose `web` has the steps given, queued and approved.
fn approved(steps: &serde_json::Value, more: &str) -> Lab {
    let lab = Lab::new();
    let service = format!("{{name: web, runtime: command, recipes: {{redeploy: {steps}}}{more}}}");
    lab.host("piha", format!("services: [{service}]\n"));
    lab.ok(&["request", "redeploy", "piha", "web"]);
    lab.ok(&["approve", WEB]);
    lab
}

#[test]
fn runs_what_was_approved_once() {
    let mut lab = Lab::drifted();
    lab.type_in("execute");
    lab.ok(&["approve", "--all"]);
    lab.type_in("execute --dry-run");
    assert!(lab.ledger().is_empty());
    lab.type_in("execute --jobs 1");
    lab.type_in("execute --json");
    assert_eq!(lab.ledger(), ["container_restart db", "redeploy web"], "the oldest approval first");
    assert_session!(lab);
}

#[test]
fn what_is_pending_rejected_or_cancelled_is_never_run() {
    let lab = Lab::drifted();
    lab.ok(&["reject", WEB, "--reason", "no"]);
    lab.action_by_hand("cancelled", "redeploy-piha-db", json!({"service": "db"}));
    lab.ok(&["execute"]);
    assert!(lab.ledger().is_empty());
}

#[test]
fn a_step_that_fails_is_exit_4_and_the_next_is_not_run() {
    let mut lab = approved(
        &json!([["sh", "-c", "echo one >> $LEDGER; echo gone >&2; exit 3"], ["sh", "-c", "echo two >> $LEDGER"]]),
        "",
    );
    lab.type_in("execute");
    assert_eq!(lab.ledger(), ["one"]);
    lab.type_in(&format!("show {WEB}"));
    assert_session!(lab);
}

#[test]
fn the_json_form_of_a_failure() {
    let mut lab = approved(&json!([["/no/such/program"]]), "");
    lab.type_in("execute --json");
    assert_session!(lab);
}

#[test]
fn a_check_closes_the_loop_without_an_agent() {
    let check = ", check: {command: [\"test\", \"-e\", \"healthy\"]}, min_healthy: 0s, healthy_deadline: 30s";
    let mut lab = approved(&json!([["touch", "healthy"]]), check);
    lab.type_in("execute");
    lab.ok(&["observe"]);
    lab.type_in("status");
    assert_session!(lab);
}

#[test]
fn health_that_does_not_come_is_a_failure() {
    let check = ", check: {command: [\"false\"]}, min_healthy: 0s, healthy_deadline: 1s";
    let lab = approved(&json!([["true"]]), check);
    let run = lab.run(&["execute"]);
    assert_eq!(run.code, 4, "{run:?}");
    assert_eq!(lab.json(&["show", WEB])["result"]["reason"], "not_healthy_after");
    lab.ok(&["observe"]);
    let world: serde_json::Value = serde_json::from_str(&lab.read("world/services.json")).unwrap();
    assert_eq!(world["services"][0]["status"], "unhealthy");
}

#[test]
fn a_plan_that_changed_since_its_approval_is_not_run() {
    let mut lab = Lab::drifted();
    lab.ok(&["approve", "--all"]);
    let services = lab.read("hosts/piha/services.yaml").replace("echo redeploy", "echo changed");
    lab.put("hosts/piha/services.yaml", services);
    lab.type_in("execute");
    assert_eq!(lab.ledger(), ["container_restart db"]);
    assert_session!(lab);
}

#[test]
fn a_service_that_left_the_desired_state_is_not_run() {
    let lab = Lab::drifted();
    lab.ok(&["approve", "--all"]);
    lab.services(&["db"]);
    assert_eq!(lab.run(&["execute"]).code, 4);
    assert_eq!(lab.json(&["show", WEB])["result"]["reason"], "plan_changed_since_approval");
    assert_eq!(lab.ledger(), ["container_restart db"]);
}

#[test]
fn a_broken_host_leaves_it_approved_and_is_exit_1() {
    let mut lab = Lab::drifted();
    lab.ok(&["approve", "--all"]);
    lab.host("piha", "services: [\n");
    lab.type_in("execute");
    assert_eq!((lab.states(WEB), lab.states(DB)), (vec!["approved"], vec!["approved"]));
    std::fs::remove_dir_all(lab.at("hosts")).unwrap();
    lab.type_in("execute");
    assert_eq!((lab.states(WEB), lab.states(DB)), (vec!["approved"], vec!["approved"]));
    assert!(lab.ledger().is_empty());
    assert_session!(lab);
}

#[test]
fn an_approval_by_hand_pins_the_plan_of_the_file_or_none() {
    let lab = Lab::drifted();
    std::fs::rename(lab.action("pending", WEB), lab.action("approved", WEB)).unwrap();
    lab.action_by_hand("approved", "by-hand", json!({"service": "db", "type": "container_restart"}));
    std::fs::remove_file(lab.action("pending", DB)).unwrap();
    lab.ok(&["execute"]);
    assert_eq!(lab.states(WEB), ["completed"]);
    let history = lab.json(&["show", WEB])["history"].clone();
    assert_eq!(history[1]["via"], "hand", "{history}");
    let unpinned = lab.json(&["show", "by-hand"]);
    assert_eq!(unpinned["result"]["unpinned"], true, "{unpinned}");
    assert_eq!(lab.ledger().len(), 2);
}

#[test]
fn only_the_desired_state_says_what_runs() {
    let lab = Lab::drifted();
    let mut action: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(lab.action("pending", WEB)).unwrap()).unwrap();
    action["plan"]["steps"][0]["argv"] = json!(["sh", "-c", "echo forged >> $LEDGER"]);
    std::fs::remove_file(lab.action("pending", WEB)).unwrap();
    std::fs::write(lab.action("approved", WEB), action.to_string()).unwrap();
    lab.ok(&["execute"]);
    assert_eq!(lab.ledger(), ["redeploy web"]);
}

#[test]
fn a_second_execute_says_that_one_is_running() {
    let mut lab =
        approved(&json!([["sh", "-c", "echo on >> $LEDGER; while [ ! -e $LEDGER.go ]; do sleep 0.05; done"]]), "");
    let mut first = lab.command(&["execute"]).stdout(Stdio::null()).spawn().unwrap();
    until("the step", || lab.ledger() == ["on"]);
    lab.type_in("execute");
    lab.type_in("execute --json");
    lab.type_in("status");
    std::fs::write(lab.beside("ledger.go"), "").unwrap();
    assert!(first.wait().unwrap().success());
    assert_session!(lab);
}

#[test]
fn an_executor_that_died_is_told_and_nothing_is_run_again() {
    let mut lab = approved(&json!([["sh", "-c", "echo $$ >> $LEDGER; exec sleep 600"]]), "");
    let mut first = lab.command(&["execute"]).stdout(Stdio::null()).spawn().unwrap();
    until("the step", || lab.ledger().len() == 1);
    first.kill().unwrap();
    first.wait().unwrap();
    lab.type_in("execute");
    lab.type_in("execute");
    assert_eq!(lab.ledger().len(), 1);
    let step = std::path::PathBuf::from("/proc").join(&lab.ledger()[0]);
    until("the end of what was left of it", || {
        std::fs::read_to_string(step.join("stat")).map_or(true, |stat| stat.contains(") Z "))
    });
    let result = lab.json(&["show", WEB])["result"].clone();
    assert_eq!((&result["reason"], &result["failed_step"]), (&json!("executor_interrupted"), &json!(1)));
    assert_session!(lab);
}

#[test]
fn the_files_of_an_execution_are_where_the_contract_says() {
    let lab = Lab::drifted();
    lab.ok(&["approve", WEB]);
    lab.ok(&["execute"]);
    let result = lab.json(&["show", WEB])["result"].clone();
    assert_eq!(result["exit_code"], 0);
    assert!(result["failed_step"].is_null() && result["reason"].is_null());
    let log = result["log"].as_str().unwrap();
    assert!(log.starts_with(&format!("actions/logs/{WEB}/")), "{log}");
    assert!(lab.read(log).contains("redeploy web"));
    let events: String = walkdir::WalkDir::new(lab.at("events"))
        .into_iter()
        .map(Result::unwrap)
        .filter(|e| e.file_type().is_file())
        .map(|e| std::fs::read_to_string(e.path()).unwrap())
        .collect();
    for kind in ["action_started", "action_completed"] {
        assert!(events.contains(&format!("\"{kind}\"")), "{events}");
    }
    // They are no sign of life and no state of the service.
    let world = |lab: &Lab| {
        let nodes: serde_json::Value = serde_json::from_str(&lab.read("world/nodes.json")).unwrap();
        (lab.read("world/services.json"), nodes["nodes"].clone())
    };
    let before = world(&lab);
    lab.ok(&["observe"]);
    assert_eq!(world(&lab), before);
}

/// Puts a program on the path that records its words, one call a line.
fn recorder(lab: &Lab, name: &str, body: &str) {
    let text = format!(
        "#!/bin/sh\nprintf '{name}' >> \"$LEDGER\"\nfor word; do printf ' <%s>' \"$word\" >> \"$LEDGER\"; done\necho >> \"$LEDGER\"\n{body}\n"
    );
    lab.program(name, &text);
}

/// An engine on which a container runs that is all of the services.
const RUNS: &str = r#"case "$*" in
*" ps "*) echo 0123456789ab ;;
ps*) echo 0123456789ab ;;
"inspect --type container"*)
  state='"State":{"Status":"running"},"Image":"i","Config":{"Labels":null}'
  echo "[{\"Id\":\"0123456789ab\",\"Name\":\"/web\",$state},{\"Id\":\"0123456789ac\",\"Name\":\"/web-db\",$state}]" ;;
esac"#;

/// The calls of the recorders, where they name the lab's own paths redacted.
fn calls(lab: &Lab) -> String {
    lab.redacted(&lab.ledger().join("\n"))
}

#[test]
fn compose_runs_the_commands_of_the_contract() {
    let lab = Lab::new();
    recorder(&lab, "docker", RUNS);
    recorder(&lab, "git", "");
    let quick = "min_healthy: 0s, healthy_deadline: 20s";
    let services =
        format!("{{name: web, containers: [web, web-db], {quick}}}, {{name: db, compose: stacks/db, {quick}}}");
    lab.host("piha", format!("services: [{services}]\n"));
    lab.put("hosts/piha/host.yaml", "repo: /srv/lab\n");
    lab.put("hosts/piha/runtime/web/docker-compose.override.yml", "");
    for args in [["redeploy", "web"], ["redeploy", "db"], ["container_restart", "web"], ["container_restart", "db"]] {
        lab.ok(&["request", args[0], "piha", args[1]]);
        lab.ok(&["approve", "--all"]);
        lab.ok(&["execute"]);
    }
    lab.ok(&["request", "disk_cleanup", "piha"]);
    lab.ok(&["approve", "--all"]);
    lab.ok(&["execute"]);
    insta::assert_snapshot!(calls(&lab));
}

#[test]
fn docker_compose_stands_in_where_the_plugin_does_not_answer() {
    let lab = Lab::new();
    recorder(&lab, "docker", &format!("[ \"$1\" != compose ] || exit 1\n{RUNS}"));
    recorder(&lab, "docker-compose", RUNS);
    std::fs::create_dir_all(lab.beside("home/homelab/services/web")).unwrap();
    lab.host("piha", "services: [{name: web, min_healthy: 0s, healthy_deadline: 20s}]\n");
    lab.ok(&["request", "container_restart", "piha", "web"]);
    lab.ok(&["approve", "--all"]);
    lab.ok(&["execute"]);
    assert_eq!(lab.json(&["show", "container-restart-piha-web"])["result"]["facts"]["compose"], "docker-compose");
    insta::assert_snapshot!(calls(&lab));
}

#[test]
fn without_either_compose_both_are_named() {
    let mut lab = Lab::new();
    for name in ["docker", "docker-compose"] {
        lab.program(name, "#!/bin/sh\nexit 1\n");
    }
    lab.host("piha", "services: [web]\n");
    lab.ok(&["request", "container_restart", "piha", "web"]);
    lab.ok(&["approve", "--all"]);
    let run = lab.type_in("execute");
    assert_eq!(run.code, 4);
    assert_session!(lab);
}

#[test]
fn ssh_gets_each_word_quoted_behind_a_double_dash() {
    let lab = Lab::new();
    recorder(&lab, "ssh", "");
    let words = json!([["echo", "two words", "it's", "$(reboot)", "a\nb", "\"", "-oProxyCommand=x", "ü"]]);
    lab.host("vps", format!("services: [{{name: web, runtime: command, recipes: {{redeploy: {words}}}}}]\n"));
    lab.put("hosts/vps/host.yaml", "ssh: oskar@100.95.58.48\nrepo: ~/my lab\n");
    lab.ok(&["request", "redeploy", "vps", "web"]);
    lab.ok(&["approve", "--all"]);
    lab.ok(&["execute"]);
    let told = calls(&lab);
    assert!(told.contains("<-o> <BatchMode=yes> <-o> <ConnectTimeout=10>"), "{told}");
    assert!(told.contains("<--> <oskar@100.95.58.48> <timeout -k 10 600 "), "{told}");
    insta::assert_snapshot!(told);
    // The other side's shell takes the line apart into the words of the plan.
    let line = std::fs::read_to_string(lab.beside("ledger")).unwrap();
    let line = line.split("<oskar@100.95.58.48> <").nth(1).unwrap().trim_end().strip_suffix('>').unwrap().to_owned();
    let plan = lab.json(&["show", "redeploy-vps-web"])["plan"]["steps"][0]["argv"].clone();
    assert_eq!(json!(shlex::split(&line).unwrap()), plan);
}

#[test]
fn a_node_that_cannot_be_reached_keeps_its_other_actions_approved() {
    let mut lab = Lab::new();
    recorder(&lab, "ssh", "echo 'ssh: connect to host vps port 22: No route to host' >&2; exit 255");
    let service = |name: &str| format!("{{name: {name}, runtime: command, recipes: {{redeploy: [[\"true\"]]}}}}");
    lab.host("vps", format!("services: [{}, {}]\n", service("web"), service("db")));
    lab.host("piha", format!("services: [{}]\n", service("web")));
    for target in [["vps", "web"], ["vps", "db"], ["piha", "web"]] {
        lab.ok(&["request", "redeploy", target[0], target[1]]);
        lab.ok(&["approve", "--all"]);
    }
    let run = lab.run(&["execute", "--jobs", "1"]);
    lab.take_down("execute --jobs 1", &run);
    assert_eq!(run.code, 4);
    assert_eq!(lab.states("redeploy-vps-web"), ["failed"]);
    assert_eq!(lab.states("redeploy-vps-db"), ["approved"]);
    assert_eq!(lab.states("redeploy-piha-web"), ["completed"]);
    assert_session!(lab);
}

#[test]
fn secrets_are_shown_nowhere() {
    let lab = Lab::new();
    lab.host(
        "piha",
        "services: [{name: web, runtime: command, recipes: {redeploy: [[\"sh\", \"-c\", \"echo s3cr3t-value $MY_TOKEN; echo $MY_TOKEN >&2; exit 1\"]]}}]\n",
    );
    let run = |args: &[&str]| {
        let run = Run::of(lab.command(args).env("MY_TOKEN", "s3cr3t-value").output().unwrap());
        assert!(!run.out.contains("s3cr3t") && !run.err.contains("s3cr3t"), "{args:?}: {run:?}");
        run
    };
    run(&["request", "redeploy", "piha", "web", "--note", "s3cr3t-value"]);
    run(&["plan"]);
    run(&["plan", "--json"]);
    run(&["approve", WEB, "--note", "it is s3cr3t-value"]);
    assert_eq!(run(&["execute"]).code, 4);
    run(&["silence", "piha", "--for", "1h", "--why", "s3cr3t-value"]);
    run(&["reconcile"]);
    for args in [vec!["show", WEB], vec!["logs", WEB], vec!["audit"], vec!["actions", "--json"], vec!["digest"]] {
        run(&args);
    }
    for (path, (_, bytes)) in lab.snapshot() {
        let is_desired = path.starts_with(lab.at("hosts"));
        assert!(is_desired || !String::from_utf8_lossy(&bytes).contains("s3cr3t"), "{}", path.display());
    }
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::new();
    lab.type_in("execute --jobs 0");
    lab.type_in("execute redeploy-piha-web");
    lab.put("state/is-mirror", "");
    lab.type_in("execute");
    assert_session!(lab);
}
