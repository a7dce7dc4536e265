//! A program that dies at any system call leaves the old state or the new one, and can be run again. `strace` kills
//! it on entering its n-th call of a kind, for every n that there is.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use hlctl::flow::lifecycle::State;
use support::{Home, Run};

const ID: &str = "redeploy-piha-web";

/// The calls that change something, or decide about it.
const CALLS: [&str; 14] = [
    "openat",
    "write",
    "fsync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "flock",
    "ftruncate",
    "mkdir",
    "chmod",
    "fchmod",
    "utimensat",
];

/// Runs the program on a new root for each call at which it can be killed, and lets `check` look at what is left.
fn at_every_call(args: &[&str], home: impl Fn() -> Home, check: impl Fn(&Home, &str)) {
    let mut kills = 0;
    for call in CALLS {
        for n in 1.. {
            let home = home();
            if !kill_at(&home, args, call, n) {
                break;
            }
            kills += 1;
            check(&home, &format!("killed at {call} number {n}"));
        }
    }
    assert!(kills > 20, "only {kills} places to kill at: is this still the program's way of writing?");
    eprintln!("killed at {kills} calls");
}

/// Runs the program and kills it on entering its n-th call of a kind; returns whether it came that far.
fn kill_at(home: &Home, args: &[&str], call: &str, n: usize) -> bool {
    let program = home.hlctl(args);
    let mut strace = Command::new("strace");
    // A call that this machine does not know is no error (`?`).
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace=?{call}")]);
    strace.args(["-e", &format!("inject=?{call}:signal=SIGKILL:when={n}"), "-e", "signal=none", "--"]);
    strace.arg(program.get_program()).args(program.get_args()).env_clear();
    let status = strace.output().unwrap().status;
    status.signal() == Some(9) || status.code() == Some(137)
}

/// A root with the desired state, a world without `web`, and nothing queued.
fn empty() -> Home {
    let home = Home::new();
    home.put("hosts/piha/services.yaml", "services: [web]\n");
    home.put("world/services.json", r#"{"schema":"hlctl.services/v1","as_of":null,"services":[]}"#);
    home.put("world/nodes.json", r#"{"schema":"hlctl.nodes/v1","as_of":null,"nodes":[]}"#);
    home
}

/// The same with the action queued.
fn pending() -> Home {
    let home = empty();
    home.create(ID);
    home
}

/// What must hold wherever it was killed, before anything is run again.
fn is_whole(home: &Home, place: &str) -> State {
    let states = home.states(ID);
    assert_eq!(states.len(), 1, "{place}: {states:?}");
    let entry = home.entry(states[0], ID);
    let last = entry.history().last().unwrap();
    assert_eq!(last.to, states[0], "{place}: what readers believe is the directory");
    states[0]
}

fn is_fine(run: &Run, place: &str) {
    assert_eq!(run.code, 0, "{place}: {run:?}");
}

/// Returns how many lines say that the ID came into a state, less those that say that it did not.
fn committed(home: &Home, place: &str, state: State) -> usize {
    let verified = home.run(&["audit", "verify"]);
    is_fine(&verified, place);
    let audit = home.audit();
    let tells =
        |event: &str| audit.iter().filter(|l| l.starts_with(event) && l.contains(&format!("→{state} "))).count();
    tells("transition").saturating_sub(tells("not_committed"))
}

#[test]
fn approve_leaves_the_action_pending_or_approved_and_can_be_run_again() {
    if !support::needs::strace() {
        return;
    }
    at_every_call(&["approve", ID], pending, |home, place| {
        let state = is_whole(home, place);
        let again = home.run(&["approve", ID]);
        match state {
            State::Pending => is_fine(&again, place),
            State::Approved => assert!(again.code == 1 && again.err.contains("already approved"), "{place}: {again:?}"),
            other => panic!("{place}: it is {other}"),
        }
        let history: Vec<State> = home.entry(State::Approved, ID).history().iter().map(|e| e.to).collect();
        assert_eq!(history, [State::Pending, State::Approved], "{place}");
        assert_eq!(home.json(State::Approved, ID)["history"].as_array().unwrap().len(), 2, "{place}");
        assert!(committed(home, place, State::Approved) <= 1, "{place}: {:?}", home.audit());
        assert!(home.audit().iter().any(|l| l.starts_with("transition pending→approved")), "{place}");
    });
}

#[test]
fn reject_over_an_older_record_loses_neither() {
    if !support::needs::strace() {
        return;
    }
    let home = || {
        let home = pending();
        // As a reconcile leaves it that died before it moved the older record away.
        let older = std::fs::read_to_string(home.file(State::Pending, ID)).unwrap();
        home.put(&format!("actions/failed/{ID}.json"), older.replace("\"to\":\"pending\"", "\"to\":\"failed\""));
        home
    };
    at_every_call(&["reject", ID, "--reason", "no"], home, |home, place| {
        let again = home.run(&["reject", ID, "--reason", "no"]);
        assert!(again.code == 0 || again.err.contains("already rejected"), "{place}: {again:?}");
        assert_eq!(home.states(ID), [State::Rejected], "{place}");
        assert_eq!(home.older(ID).len(), 1, "{place}");
        assert!(committed(home, place, State::Rejected) <= 1, "{place}");
    });
}

#[test]
fn reconcile_queues_once_and_cancels_once_however_often_it_dies() {
    if !support::needs::strace() {
        return;
    }
    at_every_call(&["reconcile"], empty, |home, place| {
        assert!(home.states(ID).len() <= 1, "{place}");
        is_fine(&home.run(&["reconcile"]), place);
        assert_eq!(is_whole(home, place), State::Pending, "{place}");
        let before = std::fs::read(home.file(State::Pending, ID)).unwrap();
        is_fine(&home.run(&["reconcile"]), place);
        assert_eq!(std::fs::read(home.file(State::Pending, ID)).unwrap(), before, "{place}");
        is_fine(&home.run(&["audit", "verify"]), place);
    });
    let healthy = || {
        let home = pending();
        let row = r#"{"node":"piha","service":"web","status":"healthy","reason":null,"last_event":"2026-11-23T07:13:05.123Z"}"#;
        home.put("world/services.json", format!(r#"{{"schema":"hlctl.services/v1","as_of":null,"services":[{row}]}}"#));
        home
    };
    at_every_call(&["reconcile"], healthy, |home, place| {
        let state = is_whole(home, place);
        assert!([State::Pending, State::Cancelled].contains(&state), "{place}: {state}");
        is_fine(&home.run(&["reconcile"]), place);
        assert_eq!(is_whole(home, place), State::Cancelled, "{place}");
        assert!(committed(home, place, State::Cancelled) <= 1, "{place}");
    });
}

#[test]
fn reconcile_that_adopts_a_move_by_hand_adopts_it_once() {
    if !support::needs::strace() {
        return;
    }
    let moved = || {
        let home = pending();
        home.mv(ID, State::Pending, State::Approved);
        home
    };
    at_every_call(&["reconcile"], moved, |home, place| {
        is_fine(&home.run(&["reconcile"]), place);
        assert_eq!(is_whole(home, place), State::Approved, "{place}");
        let history: Vec<State> = home.entry(State::Approved, ID).history().iter().map(|e| e.to).collect();
        assert_eq!(history, [State::Pending, State::Approved], "{place}");
        is_fine(&home.run(&["audit", "verify"]), place);
    });
}
