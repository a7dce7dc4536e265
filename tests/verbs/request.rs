use crate::assert_session;
use crate::lab::Lab;

#[test]
fn queues_what_a_person_wants_without_drift() {
    let mut lab = Lab::new();
    lab.services(&["web", "db"]);
    lab.type_args(&["request", "redeploy", "piha", "web", "--note", "a new commit", "--dry-run"]);
    assert!(lab.states("redeploy-piha-web").is_empty());
    lab.type_args(&["request", "redeploy", "piha", "web", "--note", "a new commit"]);
    lab.type_in("request container-restart piha db --json");
    let action: serde_json::Value = serde_json::from_str(&lab.read("actions/pending/redeploy-piha-web.json")).unwrap();
    assert!(action["drift"].is_null());
    assert_eq!(action["history"][0]["note"], "a new commit");
    lab.type_in("show redeploy-piha-web");
    assert_session!(lab);
}

#[test]
fn where_no_plan_can_be_made_it_is_queued_with_a_hint_and_approve_refuses_it() {
    let mut lab = Lab::new();
    lab.host("piha", "services: [{name: web, runtime: command}]\n");
    lab.type_in("request redeploy piha web");
    lab.type_in("approve redeploy-piha-web");
    lab.type_in("request disk_cleanup piha");
    assert_session!(lab);
}

#[test]
fn one_open_action_a_service() {
    let mut lab = Lab::drifted();
    lab.type_in("request redeploy piha web");
    lab.ok(&["approve", "redeploy-piha-web"]);
    lab.type_in("request container_restart piha web");
    assert_session!(lab);
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::new();
    lab.services(&["web"]);
    lab.type_in("request restart piha web");
    lab.type_in("request redeploy pihaa web");
    lab.type_in("request redeploy piha wbe");
    lab.type_in("request redeploy piha");
    lab.type_in("request disk_cleanup piha web");
    lab.type_args(&["request", "redeploy", "piha", "$(reboot)"]);
    assert_session!(lab);
}
