//! The action that each drift gets.

use super::*;

#[test]
fn each_row_of_the_table_queues_its_action() {
    for (state, expected) in [
        (MISSING, vec!["+redeploy-piha-web"]),
        (ILL, vec!["+redeploy-piha-web"]),
        (STOPPED, vec!["+container-restart-piha-web"]),
        ("piha/web unhealthy reason=mqtt_unreachable", vec!["+container-restart-piha-web"]),
        (HEALTHY, vec![]),
    ] {
        assert_eq!(piha(state).changes(), expected, "{state}");
    }
    assert_eq!(Lab::new([("piha", "[]")], "piha seen=1m disk=high").changes(), ["+disk-cleanup-piha"]);
    assert_eq!(Lab::new([("piha", "[]")], "vps seen=1m disk=high").changes(), nothing(), "unmanaged");
}

#[test]
fn a_silent_node_is_shown_and_gets_no_action() {
    let decision = Lab::new([("piha", "[web]")], "piha seen=2h\npiha/web healthy").decide();
    assert_eq!(changes(&decision), nothing());
    let [row] = decision.rows.try_into().unwrap();
    assert_eq!((row.kind, row.since, row.action), (DriftKind::SilentNode, ago("2h"), None));
}

#[test]
fn it_carries_its_drift_its_plan_and_attempt_one() {
    let [new] = piha(STOPPED).decide().create.try_into().unwrap();
    assert_eq!((new.kind, new.kind.risk(), new.attempt), (ActionType::ContainerRestart, Risk::Low, 1));
    assert_eq!((new.node, new.service), (node("piha"), Some(service("web"))));
    let note = new.drift.unwrap();
    assert_eq!((note.kind.as_str(), note.reason.as_deref()), ("unhealthy_service", Some("containers_not_running")));
    assert_eq!(note.detected_at, Some(ago("1m")));
    assert!(new.plan.unwrap().digest.starts_with("sha256:"));
    assert!(new.hints.is_empty(), "{:?}", new.hints);
}

#[test]
fn where_no_plan_can_be_made_it_is_queued_without_one_and_says_so() {
    let [new] =
        Lab::new([("piha", "[{name: web, runtime: command}]")], "piha seen=1m").decide().create.try_into().unwrap();
    assert_eq!(new.plan, None);
    assert!(new.hints[0].contains("no plan can be made") && new.hints[0].contains("recipe"), "{:?}", new.hints);
}

#[test]
fn each_row_of_the_drift_names_the_action_for_it() {
    let [row] = piha(MISSING).decide().rows.try_into().unwrap();
    assert_eq!((row.action.as_deref(), row.held_until, row.held_by), (Some(REDEPLOY_ID), None, None));
    let [row] = piha(MISSING).open(S::Approved, REDEPLOY).decide().rows.try_into().unwrap();
    assert_eq!(row.action.as_deref(), Some(REDEPLOY_ID));
}

#[test]
fn unmanaged_services_are_listed_and_never_acted_on() {
    let lab = Lab::new(
        [("piha", "[web, {name: quiet, monitor: false}]")],
        "piha/old unhealthy\npiha/quiet unhealthy\npiha/web healthy\nghost/web healthy\nvps/x healthy",
    )
    .broken("vps");
    assert_eq!(lab.changes(), nothing());
    let (services, _) = lab.canonical_world();
    let desired = lab.desired();
    let names: Vec<_> = unmanaged(&desired, &services).iter().map(|r| format!("{}/{}", r.node, r.service)).collect();
    assert_eq!(names, ["ghost/web", "piha/old"], "not of a broken host");
}
