//! Rule 5: nodes that were never heard.

use super::*;

fn bootstrap(config: &str, world: &str) -> Decision {
    Lab::new([("piha", "[a, b, c]"), ("vps", "[x]")], world).config(config).decide()
}

#[test]
fn missing_services_of_a_node_never_heard_are_queued_with_a_hint_each() {
    let decision = bootstrap("", "vps seen=1m");
    assert_eq!(decision.create.len(), 4);
    for new in &decision.create {
        let is_hinted = new.hints.iter().any(|h| h.contains("piha") && h.contains("never heard"));
        assert_eq!(is_hinted, new.node.as_str() == "piha", "{new:?}");
    }
}

#[test]
fn silent_nodes_hold_keeps_them_from_being_queued_and_no_others() {
    let decision = bootstrap("silent_nodes: hold", "vps seen=1m");
    assert_eq!(changes(&decision), ["+redeploy-vps-x"]);
    let held: Vec<_> = decision.rows.iter().filter(|r| r.held_by.is_some()).collect();
    assert_eq!(held.len(), 3);
    assert!(held.iter().all(|r| r.held_until.is_none() && r.action.is_none()), "{held:?}");
}

#[test]
fn silent_nodes_hold_is_about_missing_services_only() {
    let decision = bootstrap("silent_nodes: hold", "piha disk=high\npiha/a unhealthy\nvps seen=1m\nvps/x healthy");
    assert_eq!(changes(&decision), ["+disk-cleanup-piha", "+redeploy-piha-a"]);
}

#[test]
fn the_hint_is_about_missing_services_only() {
    let decision = bootstrap("", "piha/a unhealthy");
    let hinted = |service: &str| {
        let new = decision.create.iter().find(|new| new.service.as_ref().is_some_and(|s| s.as_str() == service));
        !new.unwrap().hints.is_empty()
    };
    assert!(!hinted("a") && hinted("b"));
}

#[test]
fn a_node_that_was_heard_once_is_not_held_however_silent_it_is_now() {
    let decision = bootstrap("silent_nodes: hold", "piha seen=300d\nvps seen=1m\nvps/x healthy");
    assert_eq!(decision.create.len(), 3);
    assert!(decision.create.iter().all(|new| new.hints.is_empty()), "{:?}", decision.create);
}

#[test]
fn a_node_heard_under_an_alias_was_heard() {
    let lab = Lab::new([("piha", "[a]")], "node-1 seen=1m").host_file("piha", "aliases: [node-1]");
    assert_eq!(lab.config("silent_nodes: hold").changes(), ["+redeploy-piha-a"]);
}

#[test]
fn an_empty_world_is_a_verdict() {
    assert_eq!(bootstrap("", "").create.len(), 4);
}
