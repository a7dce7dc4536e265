//! Automatic approval, its brake, and flapping.

use crate::lab::Lab;

fn lab(config: &str) -> Lab {
    let lab = Lab::new("[{name: web, runtime: command, recipes: {container_restart: [[sh, -c, exit 1]]}}]");
    lab.config(config);
    let text = r#"{"ts":"2026-01-01T00:00:00Z","node":"box","service":"web","type":"service_unhealthy","reason":"containers_not_running"}"#;
    lab.event("1", text);
    lab.ok(&["observe"]);
    lab
}

const ID: &str = "container-restart-box-web";

#[test]
fn what_a_rule_names_is_approved_by_the_policy() {
    let lab = lab("policy: {auto_approve: [{risk: low, nodes: [box]}]}\n");
    let report = lab.json(&["reconcile"]);
    assert_eq!(report["approved"][0], ID, "{report}");
    let history = lab.show(ID)["history"].clone();
    assert_eq!((&history[1]["by"], &history[1]["via"]), (&"policy".into(), &"policy".into()), "{history}");
    assert!(lab.ok(&["audit"]).contains("policy"), "the audit log tells");
}

#[test]
fn a_rule_knows_its_nodes_by_their_aliases_and_check_names_those_that_there_are_not() {
    let lab = lab("policy: {auto_approve: [{risk: low, nodes: [node-1]}]}\n");
    std::fs::write(lab.path("hosts/box/host.yaml"), "connection: local\naliases: [node-1]\n").unwrap();
    assert_eq!(lab.json(&["reconcile"])["approved"][0], ID);
    lab.ok(&["check"]);
    lab.config("policy: {auto_approve: [{risk: low, nodes: [bxo]}]}\n");
    let output = lab.run(&["check"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("line 1, column 45: `policy.auto_approve` names bxo"), "{said}");
}

#[test]
fn after_three_approvals_without_health_the_action_waits_for_a_person() {
    let lab = lab("flap_window: 1ms\npolicy: {auto_approve: [{type: container_restart}]}\n");
    for attempt in 1..=3 {
        assert_eq!(lab.json(&["reconcile"])["approved"][0], ID, "attempt {attempt}");
        assert_eq!(lab.run(&["execute"]).status.code(), Some(4));
    }
    let report = lab.json(&["reconcile"]);
    assert_eq!(report["created"][0], ID, "{report}");
    assert_eq!(report["approved"].as_array().unwrap().len(), 0, "{report}");
    assert!(report["hints"].to_string().contains("3 times within an hour"), "{report}");
    assert_eq!(lab.show(ID)["state"], "pending");
}

#[test]
fn an_action_that_is_needed_again_and_again_is_flapping() {
    let lab = lab("policy: {auto_approve: [{risk: low}]}\n");
    for _ in 1..=2 {
        lab.ok(&["reconcile"]);
        lab.run(&["execute"]);
    }
    let report = lab.json(&["reconcile"]);
    assert_eq!(report["approved"].as_array().unwrap().len(), 0, "{report}");
    let hints = lab.show(ID)["hints"].to_string();
    assert!(hints.contains("flapping: needed 3 times within 1h"), "{hints}");
    let shown = lab.show(ID);
    assert_eq!(shown["flapping"].as_array().unwrap().len(), 3, "{shown}");
    let times: Vec<&str> = shown["flapping"].as_array().unwrap().iter().map(|at| at.as_str().unwrap()).collect();
    let line = format!("flapping: {ID} was needed at {}\n", times.join(", "));
    assert!(lab.ok(&["show", ID]).contains(&line), "{line}");
    let status = lab.json(&["status"]);
    assert_eq!(status["flapping"][0]["queued"].as_array().unwrap().len(), 3, "{status}");
    assert!(lab.ok(&["digest"]).contains("Flapping"));
}
