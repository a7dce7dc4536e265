//! Actions that a person asks for.

use super::*;

fn request(lab: &Lab, ended: Option<&Ended>, what: &str) -> Result<New, String> {
    let (kind, target) = what.split_once(' ').unwrap();
    let (of, name) = target.split_once('/').map_or((target, None), |(n, s)| (n, Some(service(s))));
    let open: Vec<_> = lab.open.iter().map(|(state, action)| (*state, action)).collect();
    let desired = lab.desired();
    decide_request(&desired, &open, ended, kind.parse().unwrap(), &node(of), name.as_ref()).map_err(|id| id.to_string())
}

#[test]
fn a_request_has_no_drift_and_the_usual_id() {
    let new = request(&piha(HEALTHY), None, REDEPLOY).unwrap();
    assert_eq!((new.id, new.drift, new.attempt), (id(REDEPLOY_ID), None, 1));
    assert!(new.plan.is_some() && new.hints.is_empty());
    assert_eq!(request(&piha(HEALTHY), None, "disk_cleanup piha").unwrap().id, id("disk-cleanup-piha"));
}

#[test]
fn a_request_ignores_the_settle_and_reject_holds() {
    for state in [S::Completed, S::Rejected] {
        let ended = Ended { state, at: Some(ago("1s")), attempt: 3, error: None };
        assert_eq!(request(&piha(ILL), Some(&ended), REDEPLOY).unwrap().attempt, 1, "{state}");
    }
    let failed = Ended { state: S::Failed, at: Some(ago("1s")), attempt: 3, error: None };
    assert_eq!(request(&piha(ILL), Some(&failed), REDEPLOY).unwrap().attempt, 4);
}

#[test]
fn a_request_never_ignores_rule_2() {
    for state in [S::Approved, S::Running] {
        for (open, open_id) in [(REDEPLOY, REDEPLOY_ID), (RESTART, RESTART_ID)] {
            for asked in [REDEPLOY, RESTART] {
                let lab = piha(HEALTHY).open(state, open);
                assert_eq!(request(&lab, None, asked).unwrap_err(), open_id, "{state} {open} {asked}");
            }
        }
    }
    assert_eq!(request(&piha(HEALTHY).open(S::Pending, REDEPLOY), None, RESTART).unwrap_err(), REDEPLOY_ID);
    assert_eq!(request(&piha(HEALTHY).open(S::Pending, REDEPLOY), None, REDEPLOY).unwrap_err(), REDEPLOY_ID);
    let disk = piha(HEALTHY).open(S::Pending, "disk_cleanup piha");
    assert_eq!(request(&disk, None, "disk_cleanup piha").unwrap_err(), "disk-cleanup-piha");
    assert!(request(&disk, None, REDEPLOY).is_ok());
}

#[test]
fn a_request_under_an_alias_is_for_the_canonical_node() {
    let lab = piha(HEALTHY).host_file("piha", "aliases: [node-1]");
    assert_eq!(request(&lab, None, "redeploy node-1/web").unwrap().id, id(REDEPLOY_ID));
}

#[test]
fn a_request_for_what_has_no_plan_says_so() {
    for what in ["redeploy piha/ghost", "redeploy ghost/web", "disk_cleanup ghost"] {
        let new = request(&piha(HEALTHY), None, what).unwrap();
        assert!(new.plan.is_none() && new.hints[0].contains("no plan can be made"), "{new:?}");
    }
}
