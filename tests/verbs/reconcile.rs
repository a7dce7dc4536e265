use crate::assert_session;
use crate::lab::Lab;

fn observed() -> Lab {
    let lab = Lab::new();
    lab.services(&["web", "db"]);
    lab.event("service_unhealthy", "db", r#","reason":"containers_not_running""#);
    lab.ok(&["observe"]);
    lab
}

#[test]
fn queues_what_the_drift_takes_and_only_once() {
    let mut lab = observed();
    lab.type_in("reconcile --dry-run");
    assert!(lab.states("redeploy-piha-web").is_empty());
    lab.type_in("reconcile");
    lab.type_in("reconcile --json");
    assert_session!(lab);
}

#[test]
fn cancels_what_is_no_longer_needed_and_says_why() {
    let mut lab = observed();
    lab.ok(&["reconcile"]);
    lab.event("service_healthy", "web", "");
    lab.services(&["web"]);
    lab.ok(&["observe"]);
    lab.type_in("reconcile");
    lab.type_in("reconcile");
    assert_session!(lab);
}

#[test]
fn a_broken_host_is_an_error_and_the_others_are_done() {
    let mut lab = observed();
    lab.host("vps", "services: [\n");
    lab.type_in("reconcile");
    assert_eq!(lab.states("redeploy-piha-web"), ["pending"]);
    lab.type_in("reconcile --json");
    assert_session!(lab);
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::new();
    lab.services(&["web"]);
    lab.type_in("reconcile");
    lab.ok(&["observe"]);
    lab.type_in("reconcile now");
    lab.type_in("reconcile --node ../x");
    lab.put("config.yaml", "setle: 5m\n");
    lab.type_in("reconcile");
    assert_session!(lab);
}

#[test]
fn an_alias_map_that_is_none_is_an_error_before_anything_is_written() {
    let mut lab = observed();
    let before = lab.snapshot();
    for map in ["[]", "{\"a\":1}", "{", "{\"a\":\"../b\"}"] {
        for verb in ["reconcile", "status", "check", "digest"] {
            let run = crate::lab::Run::of(lab.command(&[verb]).env("NODE_ALIAS_MAP", map).output().unwrap());
            assert_eq!(run.code, 1, "{verb} with {map}: {run:?}");
            if verb == "reconcile" {
                lab.take_down(&format!("reconcile # NODE_ALIAS_MAP={map}"), &run);
            }
        }
    }
    assert_eq!(lab.snapshot(), before);
    assert_session!(lab);
}
