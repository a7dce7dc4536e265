//! Rule 4 and the silences: how long an ended record holds its ID.

use super::*;

/// Whether the ID of `piha/web` is held, and until when.
fn held(state: &str, ended: S, at: Stamp) -> Option<Stamp> {
    let lab = piha(state).ended(REDEPLOY_ID, ended, at).ended(RESTART_ID, ended, at);
    let decision = lab.decide();
    let row = &decision.rows[0];
    assert_eq!(row.held_until.is_some(), decision.create.is_empty(), "{decision:?}");
    assert_eq!(row.held_until.is_some(), row.held_by.is_some(), "each hold says why");
    row.held_until
}

#[test]
fn after_completed_an_id_is_held_for_settle() {
    for state in [MISSING, ILL, STOPPED] {
        assert_eq!(held(state, S::Completed, ago("4m59s")), Some(ago("-1s")), "{state}");
        assert_eq!(held(state, S::Completed, ago("5m")), None, "{state}");
    }
}

#[test]
fn after_completed_even_a_drift_that_was_gone_is_held() {
    let state = "piha/web unhealthy at=1m healthy=2m";
    assert_eq!(held(state, S::Completed, ago("3m")), Some(ago("-2m")));
}

#[test]
fn after_rejected_an_id_is_held_for_reject_hold() {
    assert_eq!(held(ILL, S::Rejected, ago("59m")), Some(ago("59m").plus_millis(24 * 3_600_000)));
    assert_eq!(held(MISSING, S::Rejected, ago("23h59m")), Some(ago("-1m")));
    assert_eq!(held(MISSING, S::Rejected, ago("24h")), None);
}

#[test]
fn a_rejection_holds_until_the_drift_was_gone_once() {
    let seen_well = |ago_healthy: &str| format!("piha/web unhealthy at=1m healthy={ago_healthy}");
    assert_eq!(held(&seen_well("59m"), S::Rejected, ago("1h")), None, "healthy after the rejection");
    assert!(held(&seen_well("61m"), S::Rejected, ago("1h")).is_some(), "healthy before it only");
    assert!(held(&seen_well("1h"), S::Rejected, ago("1h")).is_some(), "later, not as late");
}

#[test]
fn a_rejected_disk_cleanup_holds_until_the_disk_was_normal_once() {
    let disk = |normal: &str| {
        let lab = Lab::new([("piha", "[]")], &format!("piha seen=1m disk=high {normal}"));
        lab.ended("disk-cleanup-piha", S::Rejected, ago("1h")).changes()
    };
    assert_eq!(disk(""), nothing());
    assert_eq!(disk("normal=2h"), nothing());
    assert_eq!(disk("normal=30m"), ["+disk-cleanup-piha"]);
}

#[test]
fn the_hold_of_one_id_is_not_the_hold_of_another() {
    assert_eq!(piha(ILL).ended(RESTART_ID, S::Rejected, ago("1m")).changes(), ["+redeploy-piha-web"]);
    assert_eq!(piha(STOPPED).ended(REDEPLOY_ID, S::Completed, ago("1m")).changes(), ["+container-restart-piha-web"]);
}

#[test]
fn a_time_more_than_five_minutes_ahead_holds_nothing() {
    for ended in [S::Completed, S::Rejected] {
        assert!(held(ILL, ended, ago("-5m")).is_some(), "{ended}");
        assert_eq!(held(ILL, ended, ago("-5m").plus_millis(1)), None, "{ended}");
    }
}

#[test]
fn cancelled_and_failed_hold_nothing() {
    for ended in [S::Cancelled, S::Failed] {
        assert_eq!(held(ILL, ended, ago("1s")), None, "{ended}");
    }
}

#[test]
fn a_record_that_does_not_tell_when_it_ended_holds_nothing() {
    let ended = Ended { state: S::Rejected, at: None, attempt: 1, error: None };
    assert_eq!(piha(ILL).ended_as(REDEPLOY_ID, ended).changes(), ["+redeploy-piha-web"]);
}

#[test]
fn settle_and_reject_hold_are_as_config_yaml_says() {
    let lab = |ended, at| piha(ILL).config("settle: 1m\nreject_hold: 2m").ended(REDEPLOY_ID, ended, at).changes();
    assert_eq!(lab(S::Completed, ago("59s")), nothing());
    assert_eq!(lab(S::Completed, ago("1m")), ["+redeploy-piha-web"]);
    assert_eq!(lab(S::Rejected, ago("119s")), nothing());
    assert_eq!(lab(S::Rejected, ago("2m")), ["+redeploy-piha-web"]);
}

#[test]
fn after_failed_it_is_queued_at_once_as_the_next_attempt_with_the_last_error() {
    let ended = |attempt, error: Option<&str>| Ended {
        state: S::Failed,
        at: Some(ago("1s")),
        attempt,
        error: error.map(str::to_owned),
    };
    let new = |ended| piha(ILL).ended_as(REDEPLOY_ID, ended).decide().create.remove(0);
    let second = new(ended(1, Some("exit code 7")));
    assert_eq!(second.attempt, 2);
    assert!(second.hints[0].contains("exit code 7") && second.hints[0].contains('2'), "{:?}", second.hints);
    assert_eq!(new(ended(41, None)).attempt, 42);
    assert_eq!(new(ended(u32::MAX, None)).attempt, u32::MAX);
}

#[test]
fn after_anything_but_failed_the_attempts_begin_anew() {
    for state in [S::Completed, S::Rejected, S::Cancelled] {
        let ended = Ended { state, at: Some(ago("9d")), attempt: 5, error: Some("x".into()) };
        let new = piha(ILL).ended_as(REDEPLOY_ID, ended).decide().create.remove(0);
        assert_eq!((new.attempt, new.hints.len()), (1, 0), "{state}");
    }
}

#[test]
fn a_silence_holds_new_actions_until_its_end() {
    for target in ["piha", "piha/web"] {
        let decision = piha(ILL).silence(target, ago("-2h")).decide();
        assert_eq!(changes(&decision), nothing(), "{target}");
        assert_eq!(decision.rows[0].held_until, Some(ago("-2h")));
        assert!(decision.rows[0].held_by.as_ref().unwrap().contains("works"), "says why");
    }
}

#[test]
fn a_silence_over_something_else_or_past_its_end_holds_nothing() {
    for (target, until) in [("vps", ago("-1h")), ("piha/db", ago("-1h")), ("piha", NOW), ("piha/web", ago("1s"))] {
        assert_eq!(piha(ILL).silence(target, until).changes(), ["+redeploy-piha-web"], "{target}");
    }
    let disk =
        |target: &str| Lab::new([("piha", "[]")], "piha seen=1m disk=high").silence(target, ago("-1h")).changes();
    assert_eq!(disk("piha"), nothing());
    assert_eq!(disk("piha/web"), ["+disk-cleanup-piha"]);
}

#[test]
fn a_silence_does_not_keep_what_is_pending_from_being_cancelled() {
    let lab = piha(HEALTHY).open(S::Pending, REDEPLOY).silence("piha", ago("-1h"));
    assert_eq!(lab.changes(), ["-redeploy-piha-web drift_resolved_auto"]);
}
