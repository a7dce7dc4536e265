//! Many processes and a hand want one action: one of them wins, the others are told, nothing is done twice.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::os::unix::fs::MetadataExt;
use std::process::{Child, Stdio};

use hlctl::flow::lifecycle::State;
use hlctl::store::lock::Lock;
use support::{Home, Run};

const ID: &str = "redeploy-piha-web";
const RACERS: usize = 60;

/// How often each race is run: `HLCTL_RACES`, else a few times.
fn rounds() -> usize {
    support::needs::number("HLCTL_RACES", 4)
}

fn home() -> Home {
    let home = Home::new();
    home.put("hosts/piha/services.yaml", "services: [web]\n");
    home.create(ID);
    home
}

/// The arguments of racer `n`: some approve, some reject.
fn args(n: usize) -> Vec<&'static str> {
    if n.is_multiple_of(3) { vec!["reject", ID, "--reason", "too many"] } else { vec!["approve", ID] }
}

fn start(home: &Home, n: usize) -> Child {
    let mut command = home.hlctl(&args(n));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Returns how many processes wait for a lock.
fn waiting(home: &Home, lock: &str) -> usize {
    let inode = std::fs::metadata(home.at(lock)).unwrap().ino();
    let inode = format!(":{inode} ");
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    locks.lines().filter(|l| l.contains("-> FLOCK") && l.contains(&inode)).count()
}

/// Returns how many bytes the files of a folder hold.
fn length(dir: &std::path::Path) -> u64 {
    std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum()
}

fn end(racers: Vec<Child>) -> Vec<Run> {
    racers.into_iter().map(|racer| Run::of(racer.wait_with_output().unwrap())).collect()
}

/// What must hold after every race, whoever won: the state it ended in.
fn judge(home: &Home, runs: &[Run], winners: usize) -> State {
    let won: Vec<usize> = (0..runs.len()).filter(|n| runs[*n].code == 0).collect();
    assert_eq!(won.len(), winners, "{runs:#?}");
    let states = home.states(ID);
    assert_eq!(states.len(), 1, "{states:?}");
    let state = states[0];
    for (n, run) in runs.iter().enumerate().filter(|(n, _)| !won.contains(n)) {
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.err.contains(ID) && run.err.contains(state.as_str()), "loser {n} is not told the state: {run:?}");
    }
    for n in won {
        let wanted = if args(n)[0] == "approve" { State::Approved } else { State::Rejected };
        assert_eq!(state, wanted, "what was reported is what is");
    }
    assert!(home.leftovers().is_empty());
    let verified = home.run(&["audit", "verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    state
}

#[test]
fn of_sixty_that_approve_and_reject_one_wins_and_the_others_are_told_who() {
    if !support::needs::there("/proc/locks", std::path::Path::new("/proc/locks").exists()) {
        return;
    }
    for round in 0..rounds() {
        let home = home();
        // All of them wait at the same gate in every other round; else they come as they come.
        let gate = (round % 2 == 0).then(|| Lock::take(&home.root, "actions").unwrap());
        let racers: Vec<Child> = (0..RACERS).map(|n| start(&home, n)).collect();
        if gate.is_some() {
            while waiting(&home, "state/actions.lock") < RACERS {
                std::thread::yield_now();
            }
        }
        drop(gate);
        let runs = end(racers);
        let state = judge(&home, &runs, 1);
        assert_eq!(home.entry(state, ID).history().len(), 2);
        let audit = home.audit();
        assert_eq!(audit.iter().filter(|l| l.starts_with("transition")).count(), 2, "{audit:#?}");
        assert_eq!(audit.iter().filter(|l| l.starts_with(&format!("refused {state}→"))).count(), RACERS - 1);
        let who = home.entry(state, ID).history()[1].by.clone();
        assert!(runs.iter().filter(|r| r.code == 1).all(|r| r.err.contains(&who)), "{runs:#?}");
    }
}

#[test]
fn a_hand_in_the_race_wins_or_loses_as_any_other() {
    if !support::needs::there("/proc/locks", std::path::Path::new("/proc/locks").exists()) {
        return;
    }
    let (mut hand_won, mut hand_lost) = (0, 0);
    for round in 0..rounds() * 5 {
        let home = home();
        let inode = std::fs::metadata(home.file(State::Pending, ID)).unwrap().ino();
        let audited = length(&home.at("audit"));
        let gate = Lock::take(&home.root, "actions").unwrap();
        let racers: Vec<Child> = (0..RACERS / 4).map(|n| start(&home, n)).collect();
        while waiting(&home, "state/actions.lock") < racers.len() {
            std::thread::yield_now();
        }
        drop(gate);
        // The hand strikes at once, when a transition's file is made, swapped in, audited, or when all is over.
        let pending = home.file(State::Pending, ID);
        let moments: [&dyn Fn() -> bool; 5] = [
            &|| true,
            &|| !home.leftovers().is_empty(),
            &|| std::fs::metadata(&pending).map_or(0, |m| m.ino()) != inode,
            &|| length(&home.at("audit")) > audited,
            &|| !pending.exists(),
        ];
        while !moments[round % moments.len()]() && pending.exists() {
            std::hint::spin_loop();
        }
        let moved = std::fs::rename(home.file(State::Pending, ID), home.file(State::Approved, ID)).is_ok();
        let runs = end(racers);
        if moved {
            hand_won += 1;
            assert_eq!(judge(&home, &runs, 0), State::Approved);
        } else {
            hand_lost += 1;
            judge(&home, &runs, 1);
        }
    }
    eprintln!("the hand won {hand_won} and lost {hand_lost} races");
}
