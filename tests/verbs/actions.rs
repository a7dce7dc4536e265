use serde_json::json;

use crate::assert_session;
use crate::lab::Lab;

#[test]
fn lists_the_queue_by_state() {
    let mut lab = Lab::new();
    lab.type_in("actions");
    lab.drift();
    lab.type_in("actions");
    lab.ok(&["approve", "redeploy-piha-web"]);
    lab.type_in("actions --state approved --json");
    lab.type_in("actions --state failed --state running");
    assert_session!(lab);
}

#[test]
fn a_file_that_is_no_action_is_named_and_the_rest_is_listed() {
    let mut lab = Lab::drifted();
    lab.put("actions/pending/notes.txt", "x");
    lab.put("actions/approved/empty.json", "");
    lab.action_by_hand("approved", "other", json!({"service": "../web"}));
    lab.type_in("actions");
    lab.type_in("actions --state approved --json");
    assert_session!(lab);
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::drifted();
    lab.type_in("actions --state done");
    lab.type_in("actions pending");
    lab.type_in("actions --stat pending");
    assert_session!(lab);
}
