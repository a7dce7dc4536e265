use crate::assert_session;
use crate::lab::Lab;

#[test]
fn holds_new_actions_until_it_is_ended() {
    let mut lab = Lab::new();
    lab.services(&["web"]);
    lab.ok(&["observe"]);
    lab.type_in("silence");
    lab.type_args(&["silence", "piha/web", "--for", "2h", "--why", "new disk", "--dry-run"]);
    assert!(!lab.at("state/silences.json").exists());
    lab.type_args(&["silence", "piha/web", "--for", "2h", "--why", "new disk"]);
    lab.type_in("reconcile");
    assert!(lab.states("redeploy-piha-web").is_empty());
    lab.type_in("silence --json");
    lab.type_in("silence piha/web --end");
    lab.type_in("reconcile");
    assert_session!(lab);
}

#[test]
fn a_node_s_silence_holds_all_of_it_and_ends_by_itself() {
    let lab = Lab::new();
    lab.services(&["web", "db"]);
    lab.ok(&["observe"]);
    lab.ok(&["silence", "piha", "--for", "1ms", "--why", "short"]);
    crate::lab::until("its end", || lab.json(&["silence"])["silences"] == serde_json::json!([]));
    lab.ok(&["silence", "piha", "--for", "1d", "--why", "long"]);
    lab.ok(&["reconcile"]);
    assert!(lab.states("redeploy-piha-web").is_empty() && lab.states("redeploy-piha-db").is_empty());
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::new();
    lab.services(&["web"]);
    lab.type_in("silence piha");
    lab.type_in("silence pihaa --for 2h --why x");
    lab.type_in("silence piha/wbe --for 2h --why x");
    lab.type_in("silence piha --for long --why x");
    lab.type_in("silence piha --end");
    lab.type_in("silence ../x --for 2h --why x");
    lab.put("state/silences.json", "{");
    lab.type_in("silence");
    assert_session!(lab);
}
