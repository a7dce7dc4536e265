//! The whole loop on one root, killed at random moments, while a hand moves files: nothing is lost, nothing is
//! executed twice or after its rejection, every file stays readable. `HLCTL_KILLS` says how many kills.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod lab;
mod needs;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lab::{Lab, Run, STATES};
use serde_json::Value;

const SERVICES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A root whose recipe writes a line with the record's own time of approval, so that each execution names what
/// allowed it.
fn root() -> Lab {
    let lab = Lab::new();
    lab.put("config.yaml", "settle: 0s\nreject_hold: 0s\n");
    lab.host("piha", desired());
    lab
}

fn desired() -> String {
    let recipe = |name: &str| format!("[[\"sh\", \"-c\", \"echo ran {name} >> $LEDGER\"]]");
    let one = |name: &&str| {
        format!(
            "  - {{name: {name}, runtime: command, recipes: {{redeploy: {0}, container_restart: {0}}}}}\n",
            recipe(name)
        )
    };
    format!("services:\n{}", SERVICES.iter().map(one).collect::<String>())
}

fn start(lab: &Lab, args: &[&str]) -> Child {
    // A step that outlives its executor must not be waited for through a pipe.
    lab.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Moves a file between pending and approved, as a hand would: never over another.
fn hand(lab: &Lab) {
    let id = format!("redeploy-piha-{}", fastrand::choice(SERVICES).unwrap());
    let (from, to) = if fastrand::u8(..4) > 0 { ("pending", "approved") } else { ("approved", "pending") };
    let _ =
        Command::new("mv").arg("-n").arg(lab.action(from, &id)).arg(lab.action(to, &id)).stderr(Stdio::null()).status();
}

/// Every record of an ID, wherever it stands: live, ended or older. Each must be readable.
fn records(lab: &Lab) -> BTreeMap<String, Vec<(String, Value)>> {
    let mut all: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for entry in walkdir::WalkDir::new(lab.at("actions")).into_iter().map(Result::unwrap) {
        let path = entry.path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|e| e != "json") || name.starts_with('.') {
            continue;
        }
        let record: Value =
            serde_json::from_slice(&fs::read(path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let place = path.strip_prefix(lab.at("actions")).unwrap().components().next().unwrap();
        let id = record["id"].as_str().unwrap().to_owned();
        all.entry(id).or_default().push((place.as_os_str().to_string_lossy().into_owned(), record));
    }
    all
}

/// The states through which a record went, uncommitted last entries and all.
fn way(record: &Value) -> Vec<&str> {
    record["history"].as_array().unwrap().iter().map(|line| line["to"].as_str().unwrap()).collect()
}

#[test]
fn whatever_is_killed_nothing_is_lost_or_done_twice_or_after_its_rejection() {
    let lab = root();
    let kills = needs::number("HLCTL_KILLS", 60);
    let seed = needs::number("HLCTL_SEED", 7) as u64;
    fastrand::seed(seed);
    let is_over = AtomicBool::new(false);
    let (mut killed, mut ended) = (BTreeMap::<String, usize>::new(), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            fastrand::seed(seed + 1);
            while !is_over.load(Ordering::Relaxed) {
                hand(&lab);
                std::thread::sleep(Duration::from_millis(fastrand::u64(..20)));
            }
        });
        let mut round = 0;
        while killed.values().sum::<usize>() < kills {
            round += 1;
            for service in SERVICES {
                // Now missing, now unhealthy, now well.
                let kind = fastrand::choice(["service_unhealthy", "service_healthy", "service_removed"]).unwrap();
                if fastrand::u8(..4) == 0 {
                    lab.event(kind, service, "");
                }
            }
            let id = format!("redeploy-piha-{}", fastrand::choice(SERVICES).unwrap());
            let verbs: [&[&str]; 6] = [
                &["observe"],
                &["reconcile"],
                &["approve", "--all"],
                &["reject", &id, "--reason", "no"],
                &["execute"],
                &["request", "redeploy", "piha", &id[14..]],
            ];
            let verb = verbs[if round % 3 == 0 { 4 } else { fastrand::usize(..verbs.len()) }];
            let mut children: Vec<(String, Child)> = vec![(verb[0].to_owned(), start(&lab, verb))];
            if fastrand::bool() {
                children.push(("approve".into(), start(&lab, &["approve", "--all"])));
            }
            let longest = fastrand::choice([5_000, 25_000, 200_000]).unwrap();
            std::thread::sleep(Duration::from_micros(fastrand::u64(..longest)));
            for (name, mut child) in children {
                if child.try_wait().unwrap().is_none() {
                    child.kill().unwrap();
                }
                match child.wait().unwrap().code() {
                    None => *killed.entry(name).or_default() += 1,
                    Some(_) => ended += 1,
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    // What is left is brought to its end.
    for verb in [&["execute"][..], &["observe"], &["reconcile"], &["execute"]] {
        let run: Run = lab.run(verb);
        assert!([0, 1, 4].contains(&run.code), "{verb:?}: {run:?}");
    }
    let (mut all, mut doubled, mut interrupted) = (0, 0, 0);
    for (id, records) in records(&lab) {
        let live: Vec<&String> =
            records.iter().map(|(place, _)| place).filter(|p| STATES[..3].contains(&p.as_str())).collect();
        doubled += usize::from(live.len() > 1);
        for (place, record) in &records {
            all += 1;
            let way = way(record);
            let starts = way.iter().filter(|state| **state == "running").count();
            assert!(starts <= 1, "{id} was claimed twice: {record:#}");
            assert!(!(place == "rejected" && starts > 0), "{id} ran and is rejected: {record:#}");
            let rejected = way.iter().position(|state| *state == "rejected");
            assert!(rejected.is_none_or(|at| at == way.len() - 1), "{id} went on after its rejection: {record:#}");
            if starts == 1 {
                let at = way.iter().position(|state| *state == "running").unwrap();
                assert_eq!(way[at - 1], "approved", "{id}: {record:#}");
            }
            interrupted += usize::from(record["result"]["reason"] == "executor_interrupted");
            assert_ne!(place, "running", "{id} was brought to its end: {record:#}");
        }
    }
    assert_eq!(doubled, 0, "no ID stands in two live states");
    // Every execution is one of a record that was claimed: no line more than claims.
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for line in lab.ledger() {
        *lines.entry(line.strip_prefix("ran ").unwrap().to_owned()).or_default() += 1;
    }
    for (service, count) in &lines {
        let claims = records(&lab)
            .iter()
            .filter(|(id, _)| id.ends_with(&format!("-piha-{service}")))
            .flat_map(|(_, records)| records)
            .filter(|(_, record)| way(record).contains(&"running"))
            .count();
        assert!(*count <= claims, "{service} ran {count} times for {claims} claims");
    }
    // Nothing is lost: what the log says was queued is somewhere, once for each time.
    let audit = lab.json(&["audit"]);
    let log = audit["lines"].as_array().unwrap();
    let mut queued: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in log.iter().filter(|l| l["event"] == "transition" && l["from"].is_null() && l["to"] == "pending") {
        queued.entry(line["action"].as_str().unwrap()).or_default().insert(line["at"].as_str().unwrap());
    }
    let found = records(&lab);
    for (id, records) in &found {
        let made: BTreeSet<&str> = records.iter().map(|(_, r)| r["history"][0]["at"].as_str().unwrap()).collect();
        assert_eq!(made.len(), records.len(), "{id}: no record is there twice");
        assert!(made.is_subset(&queued[id.as_str()]), "{id}: {made:?}");
        // What was claimed is still there, less the claims that were never committed.
        let told = |event: &str| {
            log.iter().filter(|l| l["event"] == event && l["action"] == id.as_str() && l["to"] == "running").count()
        };
        let claimed = records.iter().filter(|(_, record)| way(record).contains(&"running")).count();
        assert!(claimed + told("not_committed") >= told("transition"), "{id}: a claimed record is lost");
    }
    let verified = lab.run(&["audit", "verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let world = walkdir::WalkDir::new(lab.at("world")).into_iter().map(Result::unwrap).filter(|e| e.path().is_file());
    for entry in world.filter(|e| e.path().extension().is_some_and(|x| x == "json")) {
        serde_json::from_slice::<Value>(&fs::read(entry.path()).unwrap()).unwrap();
    }
    let before = lab.read("world/services.json") + &lab.read("world/nodes.json");
    lab.ok(&["observe", "--full"]);
    assert_eq!(
        lab.read("world/services.json") + &lab.read("world/nodes.json"),
        before,
        "a replay gives the same world"
    );
    eprintln!(
        "{} killed ({killed:?}), {ended} ended; {all} records, {} executions, {interrupted} interrupted, {} audit lines",
        killed.values().sum::<usize>(),
        lab.ledger().len(),
        log.len()
    );
}
