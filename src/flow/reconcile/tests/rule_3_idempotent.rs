//! Rule 3: a second pass changes nothing.

use super::*;

#[test]
fn an_id_that_becomes_free_in_this_pass_is_created_in_it() {
    let lab = Lab::new([("piha", "[web, db]")], "piha seen=1m\npiha/db healthy");
    let lab = lab.open_as(S::Pending, REDEPLOY_ID, "redeploy piha/db", true);
    assert_eq!(lab.changes(), ["-redeploy-piha-web drift_resolved_auto", "+redeploy-piha-web"]);
}

#[test]
fn what_is_pending_already_is_left_as_it_is() {
    for (state, what) in [(MISSING, REDEPLOY), (ILL, REDEPLOY), (STOPPED, RESTART)] {
        for has_drift in [true, false] {
            let id = if what == REDEPLOY { REDEPLOY_ID } else { RESTART_ID };
            let lab = piha(state).open_as(S::Pending, id, what, has_drift);
            assert_eq!(lab.changes(), nothing(), "{state} {what}");
            assert_eq!(lab.decide().rows[0].action.as_deref(), Some(id));
        }
    }
    let disk = Lab::new([("piha", "[]")], "piha disk=high seen=1m").open(S::Pending, "disk_cleanup piha");
    assert_eq!(disk.changes(), nothing());
}

#[test]
fn a_second_pass_over_what_the_first_one_did_changes_nothing() {
    let world = "piha seen=1m disk=high\npiha/ill unhealthy\npiha/fine healthy";
    let lab = || Lab::new([("piha", "[gone, ill, fine]"), ("vps", "[x]")], world);
    let first = lab().decide();
    assert_eq!(first.create.len(), 4);
    let mut second = lab().before(first.rows.clone());
    for new in &first.create {
        let target = new.service.as_ref().map_or(new.node.to_string(), |s| format!("{}/{s}", new.node));
        second = second.open(S::Pending, &format!("{} {target}", new.kind));
    }
    let second = second.decide();
    assert_eq!(changes(&second), nothing());
    assert_eq!(second.rows, first.rows);
}

#[test]
fn a_drift_keeps_its_beginning_from_pass_to_pass() {
    let first = piha(MISSING).decide().rows;
    assert_eq!(first[0].since, NOW, "an absent service tells no time");
    let mut before = first;
    before[0].since = ago("3d");
    let decision = piha(MISSING).before(before.clone()).decide();
    assert_eq!(decision.rows[0].since, ago("3d"));
    assert_eq!(decision.create[0].drift.as_ref().unwrap().detected_at, Some(ago("3d")));
    assert_eq!(piha(ILL).before(before.clone()).decide().rows[0].since, ago("1m"), "another kind is another drift");
    let mut other = before.clone();
    other[0].service = Some(service("db"));
    assert_eq!(piha(MISSING).before(other).decide().rows[0].since, NOW, "as is another service's");
    before[0].kind = DriftKind::UnhealthyService;
    assert_eq!(piha(ILL).before(before).decide().rows[0].since, ago("1m"), "it was healthy meanwhile");
}
