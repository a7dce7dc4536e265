use serde_json::json;

use crate::assert_session;
use crate::lab::Lab;

#[test]
fn shows_plan_and_history_before_and_after() {
    let mut lab = Lab::drifted();
    lab.type_in("show redeploy-piha-web");
    lab.ok(&["approve", "redeploy-piha-web"]);
    lab.ok(&["execute"]);
    lab.type_in("show redeploy-piha-web");
    lab.type_in("show redeploy-piha-web --json");
    assert_session!(lab);
}

#[test]
fn a_plan_that_changed_after_its_approval_is_said() {
    let mut lab = Lab::drifted();
    lab.ok(&["approve", "redeploy-piha-web"]);
    let services = lab.read("hosts/piha/services.yaml").replace("echo", "echo changed");
    lab.put("hosts/piha/services.yaml", services);
    lab.type_in("show redeploy-piha-web");
    assert_session!(lab);
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::drifted();
    lab.type_in("show");
    lab.type_in("show redeploy-phia-web");
    lab.type_in("show nothing-like-it");
    lab.action_by_hand("approved", "redeploy-piha-web", json!({}));
    lab.type_in("show redeploy-piha-web");
    lab.put("actions/pending/broken.json", "{");
    lab.type_in("show broken");
    assert_session!(lab);
}
