//! Transitions on a real disk: the order of contract 5.2, what a hand may do meanwhile, and what is left when
//! something goes wrong at each step.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use hlctl::flow::action::{Action, Via};
use hlctl::flow::lifecycle::{State, Transition};
use hlctl::flow::time::Stamp;
use hlctl::store::transition::{self, Changes, NotDone};
use hlctl::store::{actions, audit};
use serde_json::Value;
use support::{Home, asked, at, names, way_to};

const ID: &str = "redeploy-piha-web";

fn settle(home: &Home) -> Vec<String> {
    let (_, failed) = transition::settle(&home.root, home.live(), at());
    failed.iter().map(ToString::to_string).collect()
}

/// The history of a file as it stands there, in short: `state by via`.
fn history(home: &Home, state: State, id: &str) -> Vec<String> {
    let json = home.json(state, id);
    let short = |e: &Value| format!("{} {} {}", text(&e["to"]), text(&e["by"]), text(&e["via"]));
    json["history"].as_array().unwrap().iter().map(short).collect()
}

/// Returns what the lines of the audit log tell of.
fn events(home: &Home) -> Vec<audit::Event> {
    audit::read(&home.root).unwrap().0.into_iter().map(|line| line.entry.event).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The text of a pending action with these states in its history, as a program that died would leave it.
fn with_history(states: &[State]) -> String {
    let line =
        |s: &State| format!(r#"{{"at":"2026-11-23T07:00:00.000Z","to":"{s}","by":"oskar","via":"cli","note":null}}"#);
    let lines: Vec<String> = states.iter().map(line).collect();
    format!(r#"{{"type":"redeploy","node":"piha","service":"web","history":[{}]}}"#, lines.join(","))
}

mod states {
    use super::*;

    #[test]
    fn each_transition_moves_the_file_writes_its_history_and_one_line_of_audit() {
        for to in State::ALL {
            let home = Home::new();
            home.create_in(ID, to);
            assert_eq!(home.states(ID), [to]);
            let mut expected = vec!["pending reconcile reconcile".to_owned()];
            let mut audited = vec!["transition -→pending reconcile reconcile".to_owned()];
            let mut state = State::Pending;
            for transition in way_to(to) {
                let next = state.next(*transition).unwrap();
                expected.push(format!("{next} oskar cli"));
                audited.push(format!("transition {state}→{next} oskar cli"));
                state = next;
            }
            assert_eq!(history(&home, to, ID), expected);
            assert_eq!(home.audit(), audited);
            assert!(home.leftovers().is_empty());
        }
    }

    #[test]
    fn every_other_transition_is_refused_named_and_audited_and_changes_nothing() {
        for state in State::ALL {
            let home = Home::new();
            home.create_in(ID, state);
            let before = std::fs::read(home.file(state, ID)).unwrap();
            for transition in Transition::ALL.into_iter().filter(|t| t.from() != state) {
                let lines = home.audit().len();
                let error = home.apply(ID, transition, "eve").unwrap_err();
                assert!(
                    matches!(&error, NotDone::Lost { state: s, .. } if *s == state),
                    "{state} {transition:?}: {error}"
                );
                assert!(error.to_string().contains(&format!("already {state}")), "{error}");
                let audit = home.audit();
                assert_eq!(audit.len(), lines + 1);
                let to = transition.from().next(transition).unwrap();
                assert_eq!(audit.last().unwrap(), &format!("refused {state}→{to} eve cli"));
            }
            assert_eq!(std::fs::read(home.file(state, ID)).unwrap(), before, "{state}");
            assert_eq!(home.states(ID), [state]);
        }
    }

    #[test]
    fn a_note_a_peer_and_a_plan_are_in_the_audit_log_and_the_note_in_the_file() {
        let home = Home::new();
        home.create(ID);
        let mut asked = asked("oskar", Via::Web);
        (asked.note, asked.peer) = (Some("not tonight".into()), Some("100.64.0.7".into()));
        let changes = || Changes { set: Vec::new(), plan: Some("sha256:ab".into()) };
        transition::apply(&home.root, &ID.parse().unwrap(), Transition::Reject, &asked, |_| Ok(changes())).unwrap();
        let line = audit::read(&home.root).unwrap().0.pop().unwrap().entry;
        assert_eq!(line.note.as_deref(), Some("not tonight"));
        assert_eq!((line.peer.as_deref(), line.plan.as_deref()), (Some("100.64.0.7"), Some("sha256:ab")));
        assert_eq!(home.json(State::Rejected, ID)["history"][1]["note"], "not tonight");
    }

    #[test]
    fn an_unknown_id_names_the_nearest() {
        let home = Home::new();
        home.create(ID);
        let error = home.apply("redeploy-piha-wbe", Transition::Approve, "oskar").unwrap_err();
        assert!(matches!(error, NotDone::Unknown { .. }), "{error}");
        assert!(error.advice().contains(ID), "{}", error.advice());
    }

    #[test]
    fn what_the_caller_refuses_changes_nothing_and_is_audited() {
        let home = Home::new();
        home.create(ID);
        let before = std::fs::read(home.file(State::Pending, ID)).unwrap();
        let refuse = |_: &actions::Entry| Err(NotDone::Refused { message: "no plan".into(), advice: "mend it".into() });
        let asked = asked("oskar", Via::Cli);
        let error =
            transition::apply(&home.root, &ID.parse().unwrap(), Transition::Approve, &asked, refuse).unwrap_err();
        assert_eq!((error.to_string(), error.advice()), ("no plan".into(), "mend it".into()));
        assert_eq!(std::fs::read(home.file(State::Pending, ID)).unwrap(), before);
        assert_eq!(home.audit()[1..], ["refused pending→approved oskar cli"]);
    }
}

mod a_lost_race {
    use super::*;

    #[test]
    fn the_loser_is_told_who_won_and_which_state_it_is_in() {
        let home = Home::new();
        home.create(ID);
        home.apply(ID, Transition::Approve, "anna").unwrap();
        let error = home.apply(ID, Transition::Reject, "oskar").unwrap_err().to_string();
        assert!(error.contains("already approved") && error.contains("anna") && error.contains("cli"), "{error}");
    }

    #[test]
    fn the_loser_to_a_hand_is_told_so() {
        let home = Home::new();
        home.create(ID);
        home.mv(ID, State::Pending, State::Approved);
        let error = home.apply(ID, Transition::Reject, "oskar").unwrap_err().to_string();
        assert!(error.contains("already approved") && error.contains("hand"), "{error}");
    }

    #[test]
    fn an_id_that_is_open_cannot_be_created_again() {
        for state in State::LIVE {
            let home = Home::new();
            home.create_in(ID, state);
            let before = home.snapshot();
            let error = home.try_create(ID).unwrap_err();
            assert!(error.to_string().contains(&format!("already {state}")), "{error}");
            assert_eq!(home.snapshot(), before);
        }
    }
}

mod the_order_of_5_2 {
    use super::*;

    /// A root whose audit log cannot be written: what stands in its place is no folder.
    fn without_audit(home: &Home) {
        std::fs::rename(home.at("audit"), home.at("audit.aside")).unwrap();
        std::fs::write(home.at("audit"), "").unwrap();
    }

    fn with_audit_again(home: &Home) {
        std::fs::remove_file(home.at("audit")).unwrap();
        std::fs::rename(home.at("audit.aside"), home.at("audit")).unwrap();
    }

    #[test]
    fn first_the_file_is_rewritten_then_the_audit_line_then_the_rename() {
        let home = Home::new();
        home.create(ID);
        without_audit(&home);
        home.apply(ID, Transition::Approve, "oskar").unwrap_err();
        assert_eq!(home.states(ID), [State::Pending], "not renamed without its line");
        assert_eq!(
            history(&home, State::Pending, ID),
            ["pending reconcile reconcile", "approved oskar cli"],
            "rewritten before"
        );
        with_audit_again(&home);
        let entry = home.entry(State::Pending, ID);
        assert_eq!(entry.history().len(), 1, "readers ignore what was never committed");
        assert!(entry.standing.uncommitted && !entry.standing.by_hand);
    }

    #[test]
    fn where_the_target_s_folder_cannot_be_made_nothing_is_written() {
        let home = Home::new();
        home.create(ID);
        let pulled = || {
            let dir = home.at("actions/approved");
            std::fs::remove_dir(&dir).unwrap();
            std::os::unix::fs::symlink(home.at("nowhere"), &dir).unwrap();
        };
        let error = home.apply_while(ID, Transition::Approve, pulled).unwrap_err();
        assert!(matches!(error, NotDone::Write(_)), "{error}");
        assert_eq!(home.states(ID), [State::Pending]);
        assert_eq!(history(&home, State::Pending, ID).len(), 1, "and nothing was");
        assert_eq!(home.audit().len(), 1);
    }

    #[test]
    fn an_entry_that_was_never_committed_is_dropped_by_the_next_transition_and_audited() {
        let home = Home::new();
        home.put("actions/pending/redeploy-piha-web.json", with_history(&[State::Pending, State::Approved]));
        home.apply(ID, Transition::Reject, "anna").unwrap();
        assert_eq!(history(&home, State::Rejected, ID), ["pending oskar cli", "rejected anna cli"]);
        assert_eq!(home.audit(), ["not_committed pending→approved oskar cli", "transition pending→rejected anna cli"]);
    }

    #[test]
    fn an_uncommitted_entry_is_audited_once_and_stays_ignored_until_then() {
        let home = Home::new();
        let path = home.put(
            "actions/approved/redeploy-piha-web.json",
            with_history(&[State::Pending, State::Approved, State::Running]),
        );
        let before = std::fs::read(&path).unwrap();
        assert!(settle(&home).is_empty());
        assert_eq!(std::fs::read(&path).unwrap(), before, "the next transition drops it, not a look at it");
        assert!(home.audit().is_empty());
        assert_eq!(home.entry(State::Approved, ID).since(), Some(Stamp::parse("2026-11-23T07:00:00Z").unwrap()));
        home.apply(ID, Transition::Claim, "execute").unwrap();
        assert_eq!(home.audit().iter().filter(|l| l.starts_with("not_committed")).count(), 1);
    }

    #[test]
    fn a_folder_where_the_file_should_go_stops_it_before_anything_is_written() {
        let home = Home::new();
        home.create(ID);
        let before = std::fs::read(home.file(State::Pending, ID)).unwrap();
        std::fs::create_dir(home.file(State::Approved, ID)).unwrap();
        home.apply(ID, Transition::Approve, "oskar").unwrap_err();
        assert_eq!(std::fs::read(home.file(State::Pending, ID)).unwrap(), before);
        assert_eq!(home.audit().len(), 1);
    }

    #[test]
    fn nothing_is_ever_renamed_over_another_file() {
        let home = Home::new();
        home.create(ID);
        let other = with_history(&[State::Pending, State::Approved]);
        let hand = || std::fs::write(home.file(State::Approved, ID), &other).unwrap();
        let error = home.apply_while(ID, Transition::Approve, hand).unwrap_err();
        assert!(matches!(error, NotDone::Doubled { .. }), "{error}");
        assert_eq!(home.states(ID), [State::Pending, State::Approved]);
        assert_eq!(std::fs::read_to_string(home.file(State::Approved, ID)).unwrap(), other);
        assert_eq!(history(&home, State::Pending, ID).len(), 1, "nothing was written but the refusal");
        assert_eq!(events(&home), [audit::Event::Transition, audit::Event::Refused]);
    }

    #[test]
    fn the_record_is_created_before_the_older_one_moves_away() {
        let home = Home::new();
        home.create_in(ID, State::Failed);
        std::fs::write(home.at("actions/history"), "in the way").unwrap();
        home.try_create(ID).unwrap_err();
        assert_eq!(home.states(ID), [State::Pending, State::Failed], "the new one stands, the old one is not lost");
        let current = actions::find(&home.root, &ID.parse().unwrap()).unwrap();
        assert_eq!(current.current().unwrap().state, State::Pending, "readers take the live one");
        std::fs::remove_file(home.at("actions/history")).unwrap();
        assert!(settle(&home).is_empty());
        assert_eq!(home.states(ID), [State::Pending], "the next reconcile finishes the move");
        assert_eq!(home.older(ID).len(), 1);
    }
}

mod a_hand {
    use super::*;

    #[test]
    fn a_move_by_hand_is_adopted_with_the_file_s_owner_once() {
        let home = Home::new();
        home.create(ID);
        home.mv(ID, State::Pending, State::Approved);
        assert!(settle(&home).is_empty());
        let owner = home.entry(State::Approved, ID).owner;
        assert_eq!(
            history(&home, State::Approved, ID),
            ["pending reconcile reconcile".to_owned(), format!("approved {owner} hand")]
        );
        assert_eq!(home.audit()[1..], [format!("transition pending→approved {owner} hand")]);
        let line = audit::read(&home.root).unwrap().0.pop().unwrap();
        assert_eq!(line.entry.plan.as_deref(), Some("sha256:00"), "the plan that the file had is what it pins");
        let before = home.snapshot();
        assert!(settle(&home).is_empty());
        assert_eq!(home.snapshot(), before, "the second look writes nothing");
    }

    #[test]
    fn the_owner_is_the_file_s_and_not_the_one_who_looks() {
        let home = Home::new();
        if !support::needs::super_user() {
            return;
        }
        home.create(ID);
        home.mv(ID, State::Pending, State::Approved);
        std::os::unix::fs::chown(home.file(State::Approved, ID), Some(54321), None).unwrap();
        assert!(settle(&home).is_empty());
        assert_eq!(history(&home, State::Approved, ID)[1], "approved uid 54321 hand");
    }

    #[test]
    fn a_file_that_only_says_what_it_needs_is_adopted_and_run_through_all_states() {
        for (name, text) in [
            ("mine", r#"{"type":"redeploy","node":"piha","service":"web"}"#),
            ("disk", r#"{"id":"disk","type":"disk_cleanup","node":"piha"}"#),
            (
                "nulls",
                r#"{"type":"redeploy","node":"piha","service":"web","history":null,"plan":null,"drift":null,"result":null,"hints":null,"attempt":null}"#,
            ),
        ] {
            let home = Home::new();
            home.put(&format!("actions/approved/{name}.json"), text);
            assert!(settle(&home).is_empty(), "{name}");
            home.apply(name, Transition::Claim, "execute").unwrap();
            home.apply(name, Transition::Complete, "execute").unwrap();
            let owner = home.entry(State::Completed, name).owner;
            assert_eq!(
                history(&home, State::Completed, name),
                [format!("approved {owner} hand"), "running execute cli".into(), "completed execute cli".into()]
            );
        }
    }

    #[test]
    fn a_transition_adopts_what_a_hand_moved_before_it() {
        let home = Home::new();
        home.create(ID);
        home.mv(ID, State::Pending, State::Approved);
        home.apply(ID, Transition::Claim, "execute").unwrap();
        let owner = home.entry(State::Running, ID).owner;
        assert_eq!(
            home.audit()[1..],
            [format!("transition pending→approved {owner} hand"), "transition approved→running execute cli".into()]
        );
    }

    #[test]
    fn a_hand_that_overtook_a_transition_is_adopted_and_the_transition_was_never_committed() {
        let home = Home::new();
        home.put("actions/approved/redeploy-piha-web.json", with_history(&[State::Pending, State::Rejected]));
        assert!(settle(&home).is_empty());
        let owner = home.entry(State::Approved, ID).owner;
        assert_eq!(
            history(&home, State::Approved, ID),
            ["pending oskar cli".to_owned(), format!("approved {owner} hand")]
        );
        assert!(home.audit()[0].starts_with("not_committed approved→rejected"), "{:?}", home.audit());
        assert!(home.audit()[1].ends_with("hand"));
    }

    #[test]
    fn a_move_into_an_ended_state_is_adopted_too() {
        let home = Home::new();
        home.create(ID);
        home.mv(ID, State::Pending, State::Rejected);
        let entry = home.entry(State::Rejected, ID);
        assert_eq!(entry.since(), None, "nobody knows yet");
        let entry = transition::settle_ended(&home.root, entry, at()).unwrap();
        assert_eq!(entry.since(), Some(at()), "it holds its ID from now on");
        assert!(home.audit()[1].starts_with("transition pending→rejected") && home.audit()[1].ends_with("hand"));
    }

    #[test]
    fn a_file_moved_meanwhile_does_not_come_back() {
        for to in [State::Approved, State::Rejected, State::Running] {
            for transition in [Transition::Approve, Transition::Reject, Transition::Cancel] {
                let home = Home::new();
                home.create(ID);
                let bytes = std::fs::read(home.file(State::Pending, ID)).unwrap();
                let error = home.apply_while(ID, transition, || home.mv(ID, State::Pending, to)).unwrap_err();
                let (text, lost) = (error.to_string(), matches!(error, NotDone::Hand { .. } | NotDone::Doubled { .. }));
                assert!(lost && text.contains(to.as_str()), "{to} {transition:?}: {text}");
                assert_eq!(home.states(ID), [to]);
                assert_eq!(std::fs::read(home.file(to, ID)).unwrap(), bytes);
                assert_eq!(
                    events(&home),
                    [audit::Event::Transition, audit::Event::Refused],
                    "what did not happen is refused"
                );
                assert!(home.leftovers().is_empty());
            }
        }
    }

    #[test]
    fn a_file_changed_meanwhile_keeps_the_change() {
        let home = Home::new();
        home.create(ID);
        let edited = std::fs::read_to_string(home.file(State::Pending, ID)).unwrap().replace("guarded", "low");
        let edit = || std::fs::write(home.file(State::Pending, ID), &edited).unwrap();
        let error = home.apply_while(ID, Transition::Approve, edit).unwrap_err();
        assert!(matches!(error, NotDone::Hand { state: Some(State::Pending), .. }), "{error}");
        assert_eq!(std::fs::read_to_string(home.file(State::Pending, ID)).unwrap(), edited);
        assert_eq!(home.states(ID), [State::Pending]);
        assert!(home.leftovers().is_empty());
        home.apply(ID, Transition::Approve, "oskar").unwrap();
        assert_eq!(home.json(State::Approved, ID)["risk"], "low");
    }

    #[test]
    fn a_file_replaced_by_an_editor_meanwhile_keeps_the_replacement() {
        let home = Home::new();
        home.create(ID);
        let edited = std::fs::read_to_string(home.file(State::Pending, ID)).unwrap() + "\n";
        let edit = || {
            let beside = home.put("actions/pending/.web.swp", &edited);
            std::fs::rename(beside, home.file(State::Pending, ID)).unwrap();
        };
        let error = home.apply_while(ID, Transition::Reject, edit).unwrap_err();
        assert!(matches!(error, NotDone::Hand { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(home.file(State::Pending, ID)).unwrap(), edited);
    }

    #[test]
    fn a_file_removed_meanwhile_stays_removed() {
        let home = Home::new();
        home.create(ID);
        let remove = || std::fs::remove_file(home.file(State::Pending, ID)).unwrap();
        let error = home.apply_while(ID, Transition::Approve, remove).unwrap_err();
        assert!(matches!(error, NotDone::Hand { state: None, .. }), "{error}");
        assert!(home.states(ID).is_empty() && home.leftovers().is_empty());
    }

    #[test]
    fn what_is_noted_in_a_running_action_is_lost_to_a_hand_too() {
        let home = Home::new();
        home.create_in(ID, State::Running);
        let entry = home.entry(State::Running, ID);
        let note = |entry| transition::annotate(&home.root, entry, vec![("step", hlctl::flow::action::raw(&2))]);
        let noted = note(&entry).unwrap();
        assert_eq!(home.json(State::Running, ID)["step"], 2);
        assert_eq!(noted.history(), entry.history(), "no transition");
        assert!(matches!(note(&entry).unwrap_err(), NotDone::Hand { .. }), "the bytes are no longer those read");
        home.mv(ID, State::Running, State::Failed);
        assert!(matches!(note(&noted).unwrap_err(), NotDone::Hand { state: Some(State::Failed), .. }));
    }
}

mod doubled_ids {
    use super::*;

    #[test]
    fn an_id_in_two_live_states_is_refused_whatever_is_asked() {
        for (one, other) in
            [(State::Pending, State::Approved), (State::Pending, State::Running), (State::Approved, State::Running)]
        {
            let home = Home::new();
            home.create_in(ID, one);
            std::fs::copy(home.file(one, ID), home.file(other, ID)).unwrap();
            let actions =
                || home.snapshot().into_iter().filter(|(path, _)| path.starts_with("actions")).collect::<Vec<_>>();
            let before = actions();
            for transition in Transition::ALL {
                let error = home.apply(ID, transition, "oskar").unwrap_err();
                let text = error.to_string();
                assert!(text.contains(one.as_str()) && text.contains(other.as_str()), "{text}");
                assert!(error.advice().contains("remove"), "{}", error.advice());
            }
            home.try_create(ID).unwrap_err();
            assert_eq!(actions(), before);
            let listing = actions::list(&home.root, &State::LIVE).unwrap();
            assert_eq!(listing.doubled().into_values().collect::<Vec<_>>(), [[one, other]]);
            std::fs::remove_file(home.file(one, ID)).unwrap();
            assert!(settle(&home).is_empty(), "once one is removed it goes on");
        }
    }

    #[test]
    fn an_ended_record_beside_a_live_one_is_not_doubled() {
        let home = Home::new();
        home.create_in(ID, State::Failed);
        let text = with_history(&[State::Pending]);
        home.put("actions/pending/redeploy-piha-web.json", text);
        assert!(actions::list(&home.root, &State::ALL).unwrap().doubled().is_empty());
        home.apply(ID, Transition::Approve, "oskar").unwrap();
    }
}

mod older_records {
    use super::*;

    #[test]
    fn each_new_record_moves_the_ended_one_to_the_history_and_none_is_overwritten() {
        let home = Home::new();
        for n in 1..=4 {
            // All at the same millisecond: the names must not meet.
            home.create_in(ID, State::Failed);
            assert_eq!(home.older(ID).len(), n - 1);
        }
        home.create_in(ID, State::Rejected);
        assert_eq!(home.older(ID).len(), 4);
        home.create(ID);
        assert_eq!((home.older(ID).len(), home.states(ID)), (5, vec![State::Pending]));
        for name in home.older(ID) {
            let bytes = std::fs::read(home.at("actions/history").join(ID).join(&name)).unwrap();
            Action::parse(&ID.parse().unwrap(), &bytes).unwrap();
        }
    }

    #[test]
    fn an_ended_record_in_every_ended_state_is_moved() {
        let home = Home::new();
        for state in State::ENDED {
            home.put(&format!("actions/{state}/{ID}.json"), with_history(&[State::Pending, state]));
        }
        home.create(ID);
        assert_eq!((home.older(ID).len(), home.states(ID)), (4, vec![State::Pending]));
    }

    #[test]
    fn a_transition_into_an_ended_state_makes_room_for_itself() {
        let home = Home::new();
        home.create(ID);
        home.put(&format!("actions/rejected/{ID}.json"), with_history(&[State::Pending, State::Rejected]));
        home.apply(ID, Transition::Reject, "anna").unwrap();
        assert_eq!(home.states(ID), [State::Rejected]);
        assert_eq!(history(&home, State::Rejected, ID).last().unwrap(), "rejected anna cli");
        assert_eq!(home.older(ID).len(), 1);
    }

    #[test]
    fn what_was_rejected_since_a_pass_looked_stays_rejected_and_holds_its_id() {
        for (transition, to) in [(Transition::Reject, State::Rejected), (Transition::Cancel, State::Cancelled)] {
            let home = Home::new();
            home.create(ID);
            let seen = home.live();
            home.apply(ID, transition, "oskar").unwrap();
            transition::settle(&home.root, seen, at());
            assert_eq!(home.states(ID), [to]);
            assert!(home.older(ID).is_empty());
        }
    }

    #[test]
    fn what_a_hand_ended_since_a_pass_looked_stays_there() {
        let home = Home::new();
        home.create(ID);
        home.mv(ID, State::Pending, State::Approved);
        let seen = home.live();
        home.mv(ID, State::Approved, State::Rejected);
        let (settled, failed) = transition::settle(&home.root, seen, at());
        assert!(settled.is_empty() && failed.is_empty(), "whoever looks next sees it");
        assert_eq!(home.states(ID), [State::Rejected]);
    }
}

mod unknown_fields {
    use super::*;

    const FOREIGN: &str = r#"{
  "x-first": 1.10e2, "type": "redeploy",
  "node":"piha", "service": "web",
  "big": 123456789012345678901234567890,
  "nested": {"b":  [1,2, {"a":"\u00e9\ud83d\ude00"}], "a": null},
  "risk": "whatever", "hints": ["from outside"],
  "plan": {"digest": "sha256:77", "steps": [], "foreign":  true},
  "drift": {"type":"missing_service","reason":null,"detected_at":"2026-11-23T07:00:00Z","more": [ ]},
  "history": [{"at":"2026-11-23T07:00:00.000Z","to":"pending","by":"x","via":"cli","note":null,"extra":  1}]
}"#;

    #[test]
    fn they_stay_to_the_byte_and_in_their_order_through_every_transition() {
        let home = Home::new();
        home.put("actions/pending/mine.json", FOREIGN);
        for transition in way_to(State::Completed) {
            home.apply("mine", *transition, "oskar").unwrap();
        }
        let text = std::fs::read_to_string(home.file(State::Completed, "mine")).unwrap();
        let mut from = 0;
        for kept in [
            r#""x-first": 1.10e2"#,
            r#""type": "redeploy""#,
            r#""big": 123456789012345678901234567890"#,
            r#""nested": {"b":  [1,2, {"a":"\u00e9\ud83d\ude00"}], "a": null}"#,
            r#""risk": "whatever""#,
            r#""plan": {"digest": "sha256:77", "steps": [], "foreign":  true}"#,
            r#""detected_at":"2026-11-23T07:00:00Z","more": [ ]}"#,
            r#"{"at":"2026-11-23T07:00:00.000Z","to":"pending","by":"x","via":"cli","note":null,"extra":  1}"#,
        ] {
            let found = text[from..].find(kept);
            assert!(found.is_some(), "{kept} is not in its place in\n{text}");
            from += found.unwrap();
        }
        assert_eq!(history(&home, State::Completed, "mine").len(), 4);
        assert_eq!(home.audit().len(), 3);
    }

    #[test]
    fn a_changed_field_keeps_its_place_and_a_new_one_comes_last() {
        let home = Home::new();
        home.put("actions/pending/mine.json", FOREIGN);
        let set = || Changes {
            set: vec![("risk", hlctl::flow::action::raw("low")), ("brand-new", hlctl::flow::action::raw(&1))],
            plan: None,
        };
        transition::apply(&home.root, &"mine".parse().unwrap(), Transition::Approve, &asked("o", Via::Cli), |_| {
            Ok(set())
        })
        .unwrap();
        let text = std::fs::read_to_string(home.file(State::Approved, "mine")).unwrap();
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in {text}"));
        assert!(at("\"nested\"") < at("\"risk\": \"low\"") && at("\"risk\"") < at("\"hints\""), "{text}");
        assert!(at("\"brand-new\": 1") > at("\"history\""), "{text}");
    }
}

mod files_that_are_no_action {
    use super::*;

    #[test]
    fn what_nobody_needs_of_a_file_made_by_hand_may_be_missing() {
        let home = Home::new();
        for (name, bytes) in [
            (
                "drift",
                br#"{"type":"redeploy","node":"piha","service":"web","drift":{"type":"missing_service"}}"#.as_slice(),
            ),
            ("disk", br#"{"type":"disk_cleanup","node":"piha","service":"web"}"#),
        ] {
            home.put(&format!("actions/pending/{name}.json"), bytes);
        }
        let listing = actions::list(&home.root, &State::LIVE).unwrap();
        let read: Vec<_> =
            listing.entries.iter().map(|e| (e.action.drift.is_some(), e.action.service.is_some())).collect();
        assert_eq!((read, listing.invalid), (vec![(false, false), (true, true)], vec![]));
    }

    #[test]
    fn they_are_reported_left_where_they_are_and_never_moved() {
        let long = format!(r#"{{"type":"redeploy","node":"piha","service":"web","x":"{}"}}"#, "y".repeat(1 << 20));
        let deep = format!(r#"{{"type":"redeploy","node":"piha","service":"web","x":{}}}"#, "[".repeat(100_000));
        let cases: Vec<(&str, &[u8])> = vec![
            ("empty", b""),
            ("blank", b" \n"),
            ("word", b"null"),
            ("list", b"[]"),
            ("half", br#"{"type":"redeploy","no"#),
            ("two", br#"{"type":"redeploy","node":"piha","service":"web"} {}"#),
            ("no-type", br#"{"node":"piha","service":"web"}"#),
            ("other-type", br#"{"type":"rm","node":"piha","service":"web"}"#),
            ("no-node", br#"{"type":"redeploy","service":"web"}"#),
            ("no-service", br#"{"type":"redeploy","node":"piha"}"#),
            ("bad-node", br#"{"type":"redeploy","node":"../../etc","service":"web"}"#),
            ("bad-service", br#"{"type":"redeploy","node":"piha","service":"$(id)"}"#),
            ("option", br#"{"type":"redeploy","node":"-oProxyCommand=id","service":"web"}"#),
            ("other-id", br#"{"id":"somebody-else","type":"redeploy","node":"piha","service":"web"}"#),
            ("newer", br#"{"schema":"hlctl.action/v2","type":"redeploy","node":"piha","service":"web"}"#),
            ("doubled-key", br#"{"type":"redeploy","node":"piha","service":"web","node":"vps"}"#),
            ("bad-history", br#"{"type":"redeploy","node":"piha","service":"web","history":{}}"#),
            ("bad-attempt", br#"{"type":"redeploy","node":"piha","service":"web","attempt":-1}"#),
            ("nul", b"{\"type\":\"redeploy\",\"node\":\"pi\0ha\",\"service\":\"web\"}"),
            ("not-utf8", b"{\"type\":\"redeploy\",\"node\":\"piha\",\"service\":\"web\",\"x\":\"\xff\"}"),
            ("long", long.as_bytes()),
            ("deep", deep.as_bytes()),
        ];
        let home = Home::new();
        for (name, bytes) in &cases {
            home.put(&format!("actions/pending/{name}.json"), bytes);
        }
        std::fs::create_dir(home.file(State::Pending, "folder")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", home.file(State::Pending, "link")).unwrap();
        std::os::unix::fs::symlink(home.path(), home.file(State::Pending, "link-to-folder")).unwrap();
        let pipe = home.file(State::Pending, "pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for odd in ["no-suffix", "-rf.json", "a b.json", "..json.json", "ä.json"] {
            home.put(&format!("actions/pending/{odd}"), r#"{"type":"redeploy","node":"piha","service":"web"}"#);
        }
        home.create("fine");
        let before = home.snapshot();

        let listing = actions::list(&home.root, &State::LIVE).unwrap();
        let ids: Vec<_> = listing.entries.iter().map(|e| e.action.id.to_string()).collect();
        assert_eq!(ids, ["fine"], "the others go on");
        assert_eq!(listing.invalid.len(), cases.len() + 4 + 5 - 1, "{:?}", listing.invalid);
        assert!(listing.invalid.iter().all(|i| !i.cause.is_empty()));
        for name in cases.iter().map(|(name, _)| *name).chain(["folder", "link", "link-to-folder", "pipe"]) {
            let error = home.apply(name, Transition::Approve, "oskar").unwrap_err();
            assert!(matches!(error, NotDone::Invalid(_)), "{name}: {error}");
            assert!(error.to_string().contains(name), "{error}");
            let error = home.try_create(name).unwrap_err();
            assert!(matches!(error, NotDone::Invalid(_)), "{name}: {error}");
        }
        assert_eq!(home.snapshot(), before);
    }

    #[test]
    fn names_that_readers_ignore_are_no_action_and_no_error() {
        let home = Home::new();
        for name in [".hidden.json", ".hlctl-x.tmp", "half.tmp", "x.json.tmp"] {
            home.put(&format!("actions/approved/{name}"), r#"{"type":"redeploy","node":"piha","service":"web"}"#);
        }
        let listing = actions::list(&home.root, &State::ALL).unwrap();
        assert!(listing.entries.is_empty() && listing.invalid.is_empty(), "{listing:?}");
        assert_eq!(names(&home.at("actions/approved")).len(), 4);
    }
}

mod ownership {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn whatever_the_super_user_makes_belongs_to_the_owner_of_the_root() {
        if !support::needs::super_user() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(dir.path(), Some(1000), Some(1000)).unwrap();
        let root = hlctl::store::root::Root::open(dir.path()).unwrap();
        let id = ID.parse().unwrap();
        for _ in 0..2 {
            transition::create(&root, &id, support::fields(ID), &asked("o", Via::Cli), None).unwrap();
            for t in way_to(State::Failed) {
                transition::apply(&root, &id, *t, &asked("o", Via::Cli), |_| Ok(Changes::default())).unwrap();
            }
        }
        let mut seen = 0;
        for entry in walkdir::WalkDir::new(dir.path()).into_iter().map(Result::unwrap) {
            let meta = entry.metadata().unwrap();
            assert_eq!((meta.uid(), meta.gid()), (1000, 1000), "{}", entry.path().display());
            seen += 1;
        }
        assert!(seen > 10, "records, history, audit, head and locks");
    }
}
