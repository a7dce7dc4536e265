//! Rule 1: what cancels a pending action by itself.

use super::*;

#[test]
fn a_pending_redeploy_or_restart_ends_when_its_service_is_healthy() {
    assert_eq!(piha(HEALTHY).open(S::Pending, REDEPLOY).changes(), ["-redeploy-piha-web drift_resolved_auto"]);
    assert_eq!(piha(HEALTHY).open(S::Pending, RESTART).changes(), ["-container-restart-piha-web drift_resolved_auto"]);
}

#[test]
fn it_stays_while_the_service_is_not_healthy_or_absent() {
    for state in [MISSING, ILL, STOPPED, "piha/web starting"] {
        assert_eq!(piha(state).open(S::Pending, REDEPLOY).changes(), nothing(), "{state}");
    }
    assert_eq!(piha(STOPPED).open(S::Pending, RESTART).changes(), nothing());
}

#[test]
fn it_ends_when_its_service_left_services_yaml_whatever_its_state() {
    for state in ["", "piha/web unhealthy", "piha/web healthy"] {
        let lab = Lab::new([("piha", "[other]")], &format!("piha seen=1m\npiha/other healthy\n{state}"));
        assert_eq!(
            lab.open(S::Pending, REDEPLOY).open(S::Pending, RESTART).changes(),
            [
                "-redeploy-piha-web service_removed_from_desired_state",
                "-container-restart-piha-web service_removed_from_desired_state"
            ],
            "{state}"
        );
    }
}

#[test]
fn it_ends_when_its_service_became_unmonitored() {
    let lab = Lab::new([("piha", "[{name: web, monitor: false}]")], "piha seen=1m\npiha/web unhealthy");
    assert_eq!(lab.open(S::Pending, REDEPLOY).changes(), ["-redeploy-piha-web service_removed_from_desired_state"]);
}

#[test]
fn it_ends_when_services_are_an_empty_list() {
    let lab = Lab::new([("piha", "[]")], "piha seen=1m");
    assert_eq!(lab.open(S::Pending, REDEPLOY).changes(), ["-redeploy-piha-web service_removed_from_desired_state"]);
}

#[test]
fn it_ends_when_its_host_folder_is_gone_while_others_stand() {
    for others in [Lab::new([("vps", "[]")], ""), Lab::new([], "").broken("vps")] {
        assert_eq!(
            others.open(S::Pending, REDEPLOY).changes(),
            ["-redeploy-piha-web service_removed_from_desired_state"]
        );
    }
}

#[test]
fn nothing_but_pending_is_ever_cancelled() {
    for state in [S::Approved, S::Running] {
        for lab in [piha(HEALTHY), Lab::new([("piha", "[]")], ""), Lab::new([("vps", "[]")], "")] {
            assert_eq!(lab.open(state, REDEPLOY).open(state, RESTART).changes(), nothing(), "{state}");
        }
    }
}

#[test]
fn a_pending_disk_cleanup_stays_for_the_operator() {
    for world in ["piha disk=normal normal=1m seen=1m", "piha disk=high", ""] {
        for hosts in [Lab::new([("piha", "[]")], world), Lab::new([("vps", "[]")], world)] {
            assert_eq!(hosts.open(S::Pending, "disk_cleanup piha").changes(), nothing(), "{world}");
        }
    }
}

#[test]
fn what_a_person_asked_for_is_never_cancelled_by_itself() {
    for lab in [piha(HEALTHY), Lab::new([("piha", "[]")], "piha/web healthy"), Lab::new([("vps", "[]")], "")] {
        let lab = lab.open_as(S::Pending, REDEPLOY_ID, REDEPLOY, false).open_as(S::Pending, "mine", RESTART, false);
        assert_eq!(lab.changes(), nothing());
    }
}

#[test]
fn an_id_made_by_hand_with_a_drift_is_cancelled_as_any_other() {
    let lab = piha(HEALTHY).open_as(S::Pending, "deploy-web-please", REDEPLOY, true);
    assert_eq!(lab.changes(), ["-deploy-web-please drift_resolved_auto"]);
}

#[test]
fn aliases_count_in_action_files_and_in_the_world() {
    let lab = |world: &str, action: &str| {
        let lab = Lab::new([("piha", "[web]")], world).host_file("piha", "aliases: [node-1]");
        lab.open_as(S::Pending, "x", action, true).changes()
    };
    let cancelled = ["-x drift_resolved_auto"];
    assert_eq!(lab("node-1 seen=1m\nnode-1/web healthy", REDEPLOY), cancelled);
    assert_eq!(lab("piha seen=1m\npiha/web healthy", "redeploy node-1/web"), cancelled);
    assert_eq!(lab("node-1 seen=1m\nnode-1/web healthy", "redeploy node-1/web"), cancelled);
    assert_eq!(lab("node-1 seen=1m\nnode-1/web unhealthy", "redeploy node-1/web"), nothing());
    let mapped = Lab::new([("piha", "[web]")], "piha seen=1m\npiha/web healthy").alias_map(r#"{"node-1":"piha"}"#);
    assert_eq!(mapped.open_as(S::Pending, "x", "redeploy node-1/web", true).changes(), cancelled);
}

#[test]
fn where_two_names_meet_the_newest_event_decides() {
    let lab = |world: &str| {
        let lab = Lab::new([("piha", "[web]")], world).host_file("piha", "aliases: [node-1]");
        lab.open(S::Pending, REDEPLOY).changes()
    };
    assert_eq!(lab("piha/web unhealthy at=2m\nnode-1/web healthy at=1m"), ["-redeploy-piha-web drift_resolved_auto"]);
    assert_eq!(lab("piha/web unhealthy at=1m\nnode-1/web healthy at=2m"), nothing());
}

#[test]
fn an_id_that_nobody_may_touch_is_not_cancelled() {
    assert_eq!(piha(HEALTHY).open(S::Pending, REDEPLOY).blocked(REDEPLOY_ID).changes(), nothing());
}
