//! `observe`, `ingest` and `prune` side by side, killed at any moment: what `ingest` acknowledged is in the log,
//! and the world is the reference's.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/reference.rs"]
#[expect(dead_code, reason = "the counts are compared in fold_law.rs")]
mod reference;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fastrand::Rng;
use hlctl::flow::time::Stamp;

const DAY: i64 = 86_400_000;

fn spawn(root: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlctl"));
    command.env_clear().arg("--root").arg(root).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn now(root: &Path) -> i64 {
    fs::write(root.join("clock"), "").unwrap();
    fs::metadata(root.join("clock")).unwrap().mtime() * 1000
}

fn world(root: &Path) -> (serde_json::Value, serde_json::Value) {
    let read = |name| serde_json::from_slice(&fs::read(root.join(name)).unwrap()).unwrap();
    (read("world/services.json"), read("world/nodes.json"))
}

fn kills(wanted: u32, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mut rng = Rng::with_seed(seed);
    let (mut killed, mut number) = (0, 0);
    let mut acknowledged = BTreeSet::new();
    while killed < wanted {
        let now = now(root);
        // Old days, for prune to work on.
        for _ in 0..3 {
            number += 1;
            let at = Stamp::from_millis(now - rng.i64(2..60) * DAY);
            let day = root.join("events").join(at.day());
            fs::create_dir_all(&day).unwrap();
            let lines: String =
                (0..50).map(|i| event(at.plus_millis(i), &format!("old-{}", (number + i) % 70))).collect();
            fs::write(day.join(format!("{number}.jsonl")), lines).unwrap();
        }
        let ids: Vec<i64> = (0..rng.i64(1..400)).map(|_| (number += 1, number).1).collect();
        let mut ingest = spawn(root, &["ingest"]);
        let lines: String = ids.iter().map(|id| event(Stamp::from_millis(now), &format!("new-{id}"))).collect();
        // It may be killed before it has read all of it.
        let _ = ingest.stdin.take().unwrap().write_all(lines.as_bytes());
        let mut running =
            [ingest, spawn(root, &["observe"]), spawn(root, &["prune", "--keep", "20d", "--compress", "5d"])];
        for child in &mut running {
            std::thread::sleep(Duration::from_micros(rng.u64(0..4000)));
            if rng.bool() {
                child.kill().unwrap();
            }
        }
        let ends = running.each_mut().map(|child| child.wait().unwrap());
        killed += ends.iter().filter(|end| end.code().is_none()).count() as u32;
        assert!(ends.iter().all(|end| end.code().is_none_or(|code| code == 0)), "seed {seed}: {ends:?}");
        if ends[0].success() {
            acknowledged.extend(ids.into_iter().map(|id| format!("new-{id}")));
        }
        if rng.u8(0..4) == 0 {
            assert!(spawn(root, &["observe"]).wait().unwrap().success());
            let want = reference::world(root, Stamp::from_millis(now));
            assert_eq!(world(root), (want.services, want.nodes), "seed {seed}");
            assert_eq!(want.rejected, 0, "half a line was followed by a whole one: seed {seed}");
        }
    }
    assert!(spawn(root, &["observe"]).wait().unwrap().success());
    let (services, _) = world(root);
    let known: BTreeSet<&str> =
        services["services"].as_array().unwrap().iter().map(|row| row["service"].as_str().unwrap()).collect();
    assert!(acknowledged.len() > 100, "seed {seed}: {} were acknowledged", acknowledged.len());
    let lost: Vec<_> = acknowledged.iter().filter(|id| !known.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "seed {seed}: {lost:?}");
    assert!((0..70).filter(|i| known.contains(format!("old-{i}").as_str())).count() > 60);
}

fn event(ts: Stamp, service: &str) -> String {
    format!("{{\"ts\":\"{ts}\",\"node\":\"n\",\"type\":\"service_healthy\",\"service\":\"{service}\"}}\n")
}

#[test]
fn a_few_kills_lose_nothing() {
    kills(20, 1);
}

#[test]
#[ignore = "a minute: the long form of the test above"]
fn three_hundred_kills_lose_nothing() {
    // In small roots, because the reference takes its time.
    (0..15).for_each(|seed| kills(20, seed));
}
