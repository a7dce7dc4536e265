//! The rules of contract section 5, each under its name.

use super::super::action::Risk;
use super::super::fixtures::{Lab, NOW, ago, changes, id, node, service};
use super::*;
use State as S;

/// A node that was heard a minute ago, desired to run `web`, with this line about it in the world.
fn piha(state: &str) -> Lab {
    Lab::new([("piha", "[web]")], &format!("piha seen=1m\n{state}"))
}

const MISSING: &str = "";
const HEALTHY: &str = "piha/web healthy";
const STOPPED: &str = "piha/web unhealthy reason=containers_not_running healthy=1h";
const ILL: &str = "piha/web unhealthy reason=check_failed healthy=1h";

const RESTART: &str = "container_restart piha/web";
const REDEPLOY: &str = "redeploy piha/web";
const RESTART_ID: &str = "container-restart-piha-web";
const REDEPLOY_ID: &str = "redeploy-piha-web";

fn nothing() -> [&'static str; 0] {
    []
}

mod the_action_that_a_drift_gets {
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
        let names: Vec<_> =
            unmanaged(&desired, &services).iter().map(|r| format!("{}/{}", r.node, r.service)).collect();
        assert_eq!(names, ["ghost/web", "piha/old"], "not of a broken host");
    }
}

mod rule_1_auto_cancel {
    use super::*;

    #[test]
    fn a_pending_redeploy_or_restart_ends_when_its_service_is_healthy() {
        assert_eq!(piha(HEALTHY).open(S::Pending, REDEPLOY).changes(), ["-redeploy-piha-web drift_resolved_auto"]);
        assert_eq!(
            piha(HEALTHY).open(S::Pending, RESTART).changes(),
            ["-container-restart-piha-web drift_resolved_auto"]
        );
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
        assert_eq!(
            lab("piha/web unhealthy at=2m\nnode-1/web healthy at=1m"),
            ["-redeploy-piha-web drift_resolved_auto"]
        );
        assert_eq!(lab("piha/web unhealthy at=1m\nnode-1/web healthy at=2m"), nothing());
    }

    #[test]
    fn an_id_that_nobody_may_touch_is_not_cancelled() {
        assert_eq!(piha(HEALTHY).open(S::Pending, REDEPLOY).blocked(REDEPLOY_ID).changes(), nothing());
    }
}

mod what_is_unknown_is_not_empty {
    use super::*;

    #[test]
    fn a_broken_host_is_neither_cancelled_nor_created_for_and_the_others_are() {
        let lab = Lab::new([("vps", "[web]")], "piha seen=1m disk=high\nvps seen=1m").broken("piha");
        let lab = lab.open(S::Pending, REDEPLOY).open(S::Pending, RESTART).open(S::Pending, "disk_cleanup piha");
        assert_eq!(lab.changes(), ["+redeploy-vps-web"]);
    }

    #[test]
    fn a_broken_host_is_not_cancelled_for_although_the_world_says_healthy() {
        let lab = Lab::new([("vps", "[]")], "piha/web healthy").broken("piha");
        assert_eq!(lab.open(S::Pending, REDEPLOY).changes(), nothing());
    }

    #[test]
    fn an_alias_of_a_broken_host_is_as_unknown_as_the_host() {
        let lab = Lab::new([("vps", "[]")], "").broken("piha").alias_map(r#"{"node-1":"piha"}"#);
        assert_eq!(lab.open(S::Pending, "redeploy node-1/web").changes(), nothing());
    }

    #[test]
    fn an_alias_that_two_hosts_claim_is_as_unknown_as_they_are() {
        let lab = Lab::new([("a", "[web]"), ("b", "[]"), ("c", "[]")], "");
        let lab = lab.host_file("a", "aliases: [x]").host_file("b", "aliases: [x]");
        assert_eq!(lab.open(S::Pending, "redeploy x/web").open(S::Pending, "redeploy a/web").changes(), nothing());
    }

    #[test]
    fn missing_hosts_cancel_and_create_nothing() {
        let lab = Lab::new([], "piha seen=1m disk=high\npiha/web healthy").open(S::Pending, REDEPLOY);
        let missing = Desired { missing: true, ..Desired::default() };
        assert_eq!(changes(&lab.decide_with(&missing)), nothing());
    }

    #[test]
    fn empty_hosts_cancel_and_create_nothing() {
        let lab = Lab::new([], "piha seen=1m disk=high\npiha/web healthy").open(S::Pending, REDEPLOY);
        assert_eq!(lab.changes(), nothing());
    }

    #[test]
    fn a_hosts_folder_that_could_be_listed_in_part_only_cancels_nothing() {
        let lab = Lab::new([("vps", "[]")], "").open(S::Pending, REDEPLOY);
        let half = Desired { missing: true, ..lab.desired() };
        assert_eq!(changes(&lab.decide_with(&half)), nothing());
    }
}

mod rule_2_one_open_action_a_service {
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
}

mod rule_3_idempotent {
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
}

mod rule_4_holds {
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
        assert_eq!(
            piha(STOPPED).ended(REDEPLOY_ID, S::Completed, ago("1m")).changes(),
            ["+container-restart-piha-web"]
        );
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
}

mod rule_5_flood_guard {
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
}

mod shared_ids {
    use super::*;

    const WORLD: &str = "a seen=1m\na-b seen=1m\na-b/d healthy";

    fn lab(world: &str) -> Lab {
        Lab::new([("a", "[b-c]"), ("a-b", "[c, d]")], world)
    }

    #[test]
    fn both_pairs_are_named_and_nothing_is_created_for_them() {
        let decision = lab("a seen=1m\na-b seen=1m").decide();
        assert_eq!(changes(&decision), ["+redeploy-a-b-d"]);
        assert!(!decision.conflicts.is_empty());
        for conflict in &decision.conflicts {
            assert!(conflict.contains("a/b-c") && conflict.contains("a-b/c"), "{conflict}");
        }
        let held: Vec<_> = decision.rows.iter().filter(|r| r.held_by.is_some()).map(|r| r.node.as_str()).collect();
        assert_eq!(held, ["a", "a-b"]);
    }

    #[test]
    fn nothing_is_cancelled_for_them() {
        for of in ["redeploy a/b-c", "redeploy a-b/c", "container_restart a/b-c"] {
            let healthy = lab(&format!("{WORLD}\na/b-c healthy\na-b/c healthy"));
            assert_eq!(healthy.open(S::Pending, of).changes(), nothing(), "{of}");
        }
        let by_hand = lab(&format!("{WORLD}\na/b-c healthy\na-b/c healthy"));
        assert_eq!(by_hand.open_as(S::Pending, "mine", "redeploy a/b-c", true).changes(), nothing());
        let other = lab(&format!("{WORLD}\na/b-c healthy\na-b/c healthy")).open(S::Pending, "redeploy a-b/d");
        assert_eq!(other.changes(), ["-redeploy-a-b-d drift_resolved_auto"], "the others are");
    }

    #[test]
    fn a_broken_host_does_not_lose_its_action_to_the_pair_that_shares_its_id() {
        let lab = Lab::new([("a-b", "[c]")], "a-b seen=1m").broken("a").open(S::Pending, "redeploy a/b-c");
        assert_eq!(lab.changes(), nothing());
    }
}

mod requests {
    use super::*;

    fn request(lab: &Lab, ended: Option<&Ended>, what: &str) -> Result<New, String> {
        let (kind, target) = what.split_once(' ').unwrap();
        let (of, name) = target.split_once('/').map_or((target, None), |(n, s)| (n, Some(service(s))));
        let open: Vec<_> = lab.open.iter().map(|(state, action)| (*state, action)).collect();
        let desired = lab.desired();
        decide_request(&desired, &open, ended, kind.parse().unwrap(), &node(of), name.as_ref())
            .map_err(|id| id.to_string())
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
}

#[test]
fn the_words_of_the_contract_for_a_cancellation() {
    assert_eq!(CancelReason::DriftResolved.as_str(), "drift_resolved_auto");
    assert_eq!(CancelReason::ServiceRemoved.as_str(), "service_removed_from_desired_state");
}

#[test]
fn the_plan_is_made_from_the_canonical_host() {
    let lab = piha(HEALTHY).host_file("piha", "aliases: [node-1]\nssh: o@h");
    let desired = lab.desired();
    let plan =
        |name: &str| make_plan(&desired, &node(name), Some(&service("web")), ActionType::Redeploy, None).unwrap();
    assert_eq!(plan("node-1"), plan("piha"));
    assert_eq!(plan("piha").steps[0].on, "o@h");
}
