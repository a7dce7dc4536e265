//! Rule 2: one open action a service.

use super::*;

#[test]
fn while_one_is_approved_or_running_none_is_created() {
    for state in [S::Approved, S::Running] {
        for open in [REDEPLOY, RESTART] {
            for drift in [MISSING, ILL, STOPPED] {
                assert_eq!(piha(drift).open(state, open).changes(), nothing(), "{state} {open} {drift}");
                let by_hand = piha(drift).open_as(state, "by-hand", open, false);
                assert_eq!(by_hand.changes(), nothing(), "{state} {open} {drift} by hand");
            }
        }
    }
}

#[test]
fn a_pending_redeploy_keeps_a_restart_away() {
    assert_eq!(piha(STOPPED).open(S::Pending, REDEPLOY).changes(), nothing());
    assert_eq!(piha(STOPPED).open_as(S::Pending, "mine", REDEPLOY, false).changes(), nothing());
}

#[test]
fn a_pending_restart_gives_way_to_the_redeploy_that_its_drift_now_calls_for() {
    let expected = ["+redeploy-piha-web", "-container-restart-piha-web superseded by redeploy-piha-web"];
    assert_eq!(piha(ILL).open(S::Pending, RESTART).changes(), expected);
    assert_eq!(piha(MISSING).open(S::Pending, RESTART).changes(), expected);
    assert_eq!(CancelReason::Superseded.as_str(), "superseded");
}

#[test]
fn a_pending_restart_under_an_id_made_by_hand_keeps_another_restart_away() {
    for has_drift in [true, false] {
        let lab = piha(STOPPED).open_as(S::Pending, "mine", RESTART, has_drift);
        assert_eq!(lab.changes(), nothing());
        assert_eq!(lab.decide().rows[0].action.as_deref(), Some("mine"));
    }
}

#[test]
fn a_pending_restart_under_the_redeploy_s_id_is_the_open_action() {
    let lab = piha(ILL).open_as(S::Pending, REDEPLOY_ID, RESTART, true);
    assert_eq!(lab.changes(), nothing());
    assert_eq!(lab.decide().rows[0].action.as_deref(), Some(REDEPLOY_ID));
}

#[test]
fn a_restart_is_superseded_only_where_the_redeploy_is_created() {
    let held = piha(ILL).open(S::Pending, RESTART).ended(REDEPLOY_ID, S::Rejected, ago("1m"));
    assert_eq!(held.changes(), nothing(), "the redeploy is held");
    let silenced = piha(ILL).open(S::Pending, RESTART).silence("piha", ago("-1h"));
    assert_eq!(silenced.changes(), nothing(), "the redeploy is silenced");
    let blocked = piha(ILL).open(S::Pending, RESTART).blocked(REDEPLOY_ID);
    assert_eq!(blocked.changes(), nothing(), "the redeploy cannot be made");
    let approved = piha(ILL).open(S::Pending, RESTART).open_as(S::Approved, "other", REDEPLOY, true);
    assert_eq!(approved.changes(), nothing(), "another one is approved");
}

#[test]
fn every_pending_restart_of_the_service_is_superseded_alias_names_too() {
    let lab = Lab::new([("piha", "[web]")], "piha seen=1m\npiha/web unhealthy");
    let lab = lab.host_file("piha", "aliases: [node-1]");
    assert_eq!(
        lab.open(S::Pending, RESTART).open(S::Pending, "container_restart node-1/web").changes(),
        [
            "+redeploy-piha-web",
            "-container-restart-piha-web superseded by redeploy-piha-web",
            "-container-restart-node-1-web superseded by redeploy-piha-web",
        ]
    );
}

#[test]
fn a_restart_that_nobody_may_touch_is_not_superseded() {
    let lab = piha(ILL).open_as(S::Pending, "stuck", RESTART, true).blocked("stuck");
    assert!(!lab.changes().iter().any(|c| c.starts_with("-stuck")), "{:?}", lab.changes());
}

#[test]
fn a_restart_that_a_person_asked_for_is_not_superseded() {
    let lab = piha(ILL).open_as(S::Pending, RESTART_ID, RESTART, false);
    assert!(lab.decide().superseded.is_empty());
}

#[test]
fn an_approved_restart_is_never_superseded() {
    for state in [S::Approved, S::Running] {
        assert_eq!(piha(ILL).open(state, RESTART).changes(), nothing(), "{state}");
    }
}

#[test]
fn an_open_action_under_another_of_the_node_s_names_counts() {
    for what in ["redeploy node-1/web", "container_restart node-1/web"] {
        let lab = Lab::new([("piha", "[web]")], "piha seen=1m").host_file("piha", "aliases: [node-1]");
        assert_eq!(lab.open(S::Approved, what).changes(), nothing(), "{what}");
    }
    let lab = Lab::new([("piha", "[web]")], "piha seen=1m").host_file("piha", "aliases: [node-1]");
    let lab = lab.open(S::Pending, "redeploy node-1/web");
    assert_eq!(lab.changes(), nothing());
    assert_eq!(lab.decide().rows[0].action.as_deref(), Some("redeploy-node-1-web"));
}

#[test]
fn an_open_action_of_another_service_or_node_does_not_count() {
    let lab = Lab::new([("piha", "[web, db]"), ("vps", "[web]")], "piha seen=1m\nvps seen=1m");
    let lab = lab.open(S::Approved, "redeploy piha/db").open(S::Running, "redeploy vps/web");
    assert_eq!(lab.changes(), ["+redeploy-piha-web"]);
    let disk = Lab::new([("piha", "[web]")], "piha seen=1m disk=high").open(S::Approved, "disk_cleanup piha");
    assert_eq!(disk.changes(), ["+redeploy-piha-web"], "a disk clean-up is not about a service");
    let web = Lab::new([("piha", "[web]")], "piha seen=1m disk=high").open(S::Approved, REDEPLOY);
    assert_eq!(web.changes(), ["+disk-cleanup-piha"], "nor a redeploy about the disk");
}

#[test]
fn an_id_that_an_action_about_something_else_holds_is_not_created_a_second_time() {
    for state in S::LIVE {
        let lab = Lab::new([("piha", "[web, db]")], "piha seen=1m\npiha/db unhealthy");
        let lab = lab.open_as(state, REDEPLOY_ID, "redeploy piha/db", false);
        assert_eq!(lab.changes(), nothing(), "{state}");
        let rows = lab.decide().rows;
        let row = rows.iter().find(|r| r.service == Some(service("web"))).unwrap();
        let why = row.held_by.as_deref().unwrap_or_default();
        assert!(row.action.is_none() && why.contains(REDEPLOY_ID) && why.contains("piha/db"), "{row:?}");
    }
}
