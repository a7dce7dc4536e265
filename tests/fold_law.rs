//! The law of the fold (contract section 3.1) against an independent reference: random logs, cuts, orders,
//! duplicates, corruption, clock steps; and every pass against a full replay, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/reference.rs"]
mod reference;

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use hlctl::cli;
use hlctl::commands::observe::{self, ObserveReport, Observed};
use hlctl::commands::prune;
use hlctl::context::{Context, Output};
use hlctl::flow::time::{Clock, Stamp};
use hlctl::store::events::{self, Meter};
use hlctl::store::root::Root;
use ruzstd::encoding::CompressionLevel;
use serde_json::Value;

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Stamp {
    Stamp::from_millis(NOW.get())
}

fn context(root: &Path) -> Context {
    Context {
        root: root.to_owned(),
        hosts: None,
        this_node: None,
        alias_map: None,
        sudo_user: None,
        peer: None,
        secrets: Vec::new(),
        home: None,
        environment: Default::default(),
        exe: "hlctl".into(),
        socket: None,
        control_plane: None,
        credentials: None,
        clock: Clock(now),
        output: Output { json: false, verbose: 0, color: false, terminal: false, interactive: false },
    }
}

fn observe(root: &Path, full: bool, dry_run: bool) -> Observed {
    match observe::run(&context(root), &cli::Observe { full, dry_run, every: cli::Every { every: None } }).unwrap() {
        ObserveReport::Done(observed) => observed,
        ObserveReport::Busy { .. } => panic!("nobody else is running"),
    }
}

/// The time of the file system, which is the real one.
fn real_now(root: &Path) -> i64 {
    fs::write(root.join("clock"), "").unwrap();
    fs::metadata(root.join("clock")).unwrap().mtime() * 1000
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

struct Run {
    rng: Rng,
    root: PathBuf,
    trail: Vec<String>,
}

impl Run {
    fn event(&mut self) -> String {
        let rng = &mut self.rng;
        // Few times, so that many are equal; some ahead of the clock.
        let ts = NOW.get() - 600_000 + 60_000 * rng.i64(0..22) + *rng.choice(&[0, 0, 1, 999]).unwrap();
        let ts = match rng.u8(0..3) {
            0 => format!("{}.{:03}", ts / 1000, ts % 1000),
            1 if rng.bool() => {
                let east = rng.i64(-11..14);
                let text = Stamp::from_millis(ts + east * 3_600_000).to_string();
                format!("\"{}7{}{:02}:00\"", text.trim_end_matches('Z'), if east < 0 { '-' } else { '+' }, east.abs())
            }
            _ => format!("\"{}\"", Stamp::from_millis(ts)),
        };
        let node = rng.choice(["a", "b", "node-2", "bad name", "c"]).unwrap();
        let service = rng.choice(["web", "db"]).unwrap();
        let n = rng.u32(0..1000);
        let rest = match rng.u8(0..14) {
            0..3 => format!(r#""type":"service_healthy","service":"{service}","details":{{"n":{n}}}"#),
            3..6 => format!(r#""type":"service_unhealthy","service":"{service}","reason":"r{n}""#),
            6 => format!(r#""event":"service_status","service_name":"{service}","status":"s{n}","data":[ {n} ]"#),
            7 => format!(r#""type":"service_removed","service":"{service}""#),
            8 => format!(r#""type":"node_heartbeat","payload":{{"n":{n}}}"#),
            9 => format!(r#""type":"disk_pressure","level":"high","details":{{"used_percent":{n},"mount":"/"}}"#),
            10 => r#""type":"disk_pressure","details":{"level":"normal"}"#.to_owned(),
            11 => format!(r#""type":"action_failed","service":"{service}""#),
            12 => r#""type":"something_else","reason":null"#.to_owned(),
            _ => format!(r#""type":"service_healthy","service":"{service}","source":"execute""#),
        };
        match rng.u8(0..25) {
            0 => "{\"ts\":".to_owned(),
            1 => format!(r#"{{"ts":{ts},"node":"{node}","type":"service_healthy"}}"#),
            2 => String::new(),
            _ => format!(r#"{{"ts":{ts},"node":"{node}",{rest}}}"#),
        }
    }

    fn lines(&mut self) -> String {
        (0..self.rng.u8(0..5)).map(|_| self.event() + "\n").collect()
    }

    fn content(&mut self, name: &str) -> String {
        if name.ends_with("l") {
            return self.lines();
        }
        match self.rng.u8(0..4) {
            0 => format!("[{}]", self.event()),
            1 => format!("[{},\n{}]", self.event(), self.event()),
            _ => self.event(),
        }
    }

    fn day(&mut self) -> PathBuf {
        let back = *self.rng.choice(&[0, 0, 0, 1, 3, 10, 40]).unwrap();
        let day = self.root.join("events").join(Stamp::from_millis(NOW.get() - back * 86_400_000).day());
        fs::create_dir_all(&day).unwrap();
        day
    }

    fn name(&mut self) -> String {
        let name = self.rng.choice(["a.json", "b.json", "c.json", "a.jsonl", "b.jsonl", "c.jsonl"]).unwrap();
        (*name).to_owned()
    }

    fn any_file(&mut self) -> Option<PathBuf> {
        let days: Vec<_> = fs::read_dir(self.root.join("events")).ok()?.map(|e| e.unwrap().path()).collect();
        let files: Vec<_> = days.iter().flat_map(|d| fs::read_dir(d).unwrap().map(|e| e.unwrap().path())).collect();
        self.rng.choice(files)
    }

    /// Changes a file in place, and waits until its times show it: no observer could tell otherwise.
    fn change(&self, path: &Path, bytes: &[u8]) {
        let before = fs::metadata(path).map(|m| (m.ctime(), m.ctime_nsec())).ok();
        loop {
            fs::write(path, bytes).unwrap();
            let after = fs::metadata(path).map(|m| (m.ctime(), m.ctime_nsec())).ok();
            if before != after {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Does one thing to the root. Old days are only looked at once an hour unless their folder changes.
    fn step(&mut self) {
        // Mostly additions: whatever else happens makes the next pass read everything again.
        let what = match self.rng.u8(0..8) {
            0 => self.rng.u8(0..35),
            1 => *self.rng.choice(&[26, 27, 28, 29, 32, 33]).unwrap(),
            _ => self.rng.u8(0..22),
        };
        let (day, name) = (self.day(), self.name());
        let mut path = day.join(&name);
        match what {
            0..12 => {
                let lines = self.lines();
                let half = if self.rng.u8(0..4) == 0 { "{\"ts\":17" } else { "" };
                path = day.join("a.jsonl");
                let old = fs::read(&path).unwrap_or_default();
                self.change(&path, &[&old, lines.as_bytes(), half.as_bytes()].concat());
            }
            12..20 => {
                path = day.join(format!("{}.json", self.rng.u32(..)));
                let content = self.content("x.json");
                fs::write(&path, content).unwrap();
            }
            20 => {
                // Another content, often a longer one.
                let content = self.content(&name) + &self.content(&name);
                self.change(&path, content.as_bytes());
            }
            21 => {
                let content = self.content(&name);
                fs::write(self.root.join("new"), content).unwrap();
                fs::rename(self.root.join("new"), &path).unwrap();
            }
            22..25 => {
                let Some(any) = self.any_file() else { return };
                path = any;
                let mut bytes = fs::read(&path).unwrap();
                match self.rng.u8(0..4) {
                    0 => fs::remove_file(&path).unwrap(),
                    1 => self.change(&path, &bytes[..bytes.len() / 2]),
                    2 if !bytes.is_empty() => {
                        let at = self.rng.usize(..bytes.len());
                        bytes[at] = b'7';
                        self.change(&path, &bytes);
                    }
                    _ => fs::rename(&path, path.with_file_name(format!("d{}.json", self.rng.u8(..)))).unwrap(),
                }
            }
            25 => drop(fs::remove_dir_all(&day)),
            26 => NOW.set(NOW.get() - 1000 * self.rng.i64(1..4000)),
            27 => NOW.set(NOW.get() + 1000 * self.rng.i64(1..90_000)),
            28..30 => NOW.set(NOW.get() + 60_000),
            30 => {
                let path = self.root.join("state/observer_checkpoint.json");
                let Ok(mut bytes) = fs::read(&path) else { return };
                let at = self.rng.usize(..bytes.len());
                bytes[at] ^= 1;
                bytes.truncate(if self.rng.bool() { at } else { bytes.len() });
                fs::write(path, bytes).unwrap();
            }
            31 => drop(fs::remove_file(self.root.join("world/services.json"))),
            32 => {
                let before = reference::world(&self.root, now());
                let days = |n: u64| std::time::Duration::from_secs(n * 86_400);
                let keep = *self.rng.choice(&[0, 1, 7, 30, 300]).unwrap();
                let compress = *self.rng.choice(&[None, Some(2), Some(9)]).unwrap();
                let args = cli::Prune {
                    keep: Some(days(keep)),
                    compress: compress.map(days),
                    dry_run: self.rng.u8(0..4) == 0,
                    every: cli::Every { every: None },
                };
                drop(prune::run(&context(&self.root), &args).unwrap());
                let after = reference::world(&self.root, now());
                self.trail.push(format!("{args:?}"));
                let why = || format!("root {}\n{}", self.root.display(), self.trail.join("\n"));
                assert_eq!((after.services, after.nodes), (before.services, before.nodes), "{}", why());
            }
            _ => {
                // As an operator's gzip or zstd does it, or as it is found after a kill of one.
                let Some(any) = self.any_file().filter(|f| f.extension().is_some_and(|e| e == "jsonl")) else { return };
                let text = fs::read(&any).unwrap();
                let (suffix, mut packed) = match self.rng.bool() {
                    true => ("gz", gzip(&text)),
                    false => ("zst", ruzstd::encoding::compress_to_vec(&*text, CompressionLevel::Fastest)),
                };
                path = any.with_extension(format!("jsonl.{suffix}"));
                let is_done = self.rng.u8(0..4) > 0;
                if !is_done {
                    packed.truncate(packed.len() / 2);
                }
                fs::write(self.root.join("new"), packed).unwrap();
                fs::rename(self.root.join("new"), &path).unwrap();
                if is_done {
                    fs::remove_file(any).unwrap();
                }
            }
        }
        self.trail.push(format!("{what} {}", path.display()));
    }

    fn check(&mut self, seed: u64) {
        // Old days may have changed in place.
        NOW.set(NOW.get() + 3_600_000 * i64::from(self.rng.u8(0..3) == 0));
        let old_days = Stamp::from_millis(NOW.get() - 7 * 86_400_000).day();
        let is_old = |line: &String| line.split('/').rev().nth(1).is_some_and(|day| day <= old_days.as_str());
        if self.trail.iter().rev().take(4).any(is_old) {
            // More than the hour, because the clock may have gone back since the last look.
            NOW.set(NOW.get() + 5 * 3_600_000);
        }
        let done = observe(&self.root, false, false);
        let want = reference::world(&self.root, now());
        let read = |name: &str| serde_json::from_slice::<Value>(&fs::read(self.root.join(name)).unwrap()).unwrap();
        let why = || format!("seed {seed}, now {}, root {}\n{}", now(), self.root.display(), self.trail.join("\n"));
        assert_eq!(read("world/services.json"), want.services, "{}", why());
        assert_eq!(read("world/nodes.json"), want.nodes, "{}", why());
        let findings = &done.findings;
        assert_eq!(
            (findings.rejected.count, findings.waiting.count, findings.unknown),
            (want.rejected, want.waiting, want.unknown),
            "{}",
            why()
        );
        let replay = observe(&self.root, true, true);
        assert!(!replay.changed, "a full replay gives other bytes: {}", why());
        assert_eq!(replay.findings, done.findings, "{}", why());
        let folded = events::fold(&Root::open(&self.root).unwrap(), now(), &Meter::default()).unwrap();
        assert_eq!(serde_json::to_value(folded.services()).unwrap(), want.services, "a fold that forgets: {}", why());
        assert_eq!(serde_json::to_value(folded.nodes()).unwrap(), want.nodes, "a fold that forgets: {}", why());
    }
}

#[test]
fn a_fold_that_forgets_reads_documents_of_every_size_and_shape() {
    let dir = tempfile::tempdir().unwrap();
    NOW.set(real_now(dir.path()));
    let day = dir.path().join("events").join(now().day());
    fs::create_dir_all(&day).unwrap();
    let event = |service: &str, details: &str| {
        let ts = now().millis() / 1000;
        format!(
            r#"{{"ts":{ts},"node":"n","type":"service_healthy","service":"{service}","details":{{"x":"{details}"}}}}"#
        )
    };
    // Around what one call reads.
    for length in (16 * 1024 - 2..16 * 1024 + 3).chain([70_000]) {
        let service = format!("of-{length}");
        let text = event(&service, &"x".repeat(length - event(&service, "").len()));
        assert_eq!(text.len(), length);
        fs::write(day.join(format!("{length}.json")), text).unwrap();
    }
    let shapes = [
        ("spaces", format!(" \n{}\n\t ", event("spaces", ""))),
        ("array", format!("[{},{}]", event("one", ""), event("two", ""))),
        ("empty", String::new()),
        ("cut", event("cut", "").trim_end_matches('}').to_owned()),
        ("two", event("three", "") + &event("four", "")),
        ("odd", "{\"a\":1}".to_owned()),
    ];
    for (name, text) in shapes {
        fs::write(day.join(format!("{name}.json")), text).unwrap();
    }
    std::os::unix::fs::symlink(day.join("spaces.json"), day.join("link.json")).unwrap();
    fs::create_dir(day.join("folder.json")).unwrap();
    observe(dir.path(), false, false);
    let folded = events::fold(&Root::open(dir.path()).unwrap(), now(), &Meter::default()).unwrap();
    let world: Value = serde_json::from_slice(&fs::read(dir.path().join("world/services.json")).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(folded.services()).unwrap(), world);
    assert_eq!(folded.services().services.len(), 9);
}

fn random_runs(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let dir = tempfile::tempdir().unwrap();
        let mut run = Run { rng: Rng::with_seed(seed), root: dir.path().to_owned(), trail: Vec::new() };
        // The observer's clock agrees with the file system's, lags behind it or leads it.
        let skew = *run.rng.choice(&[0, 0, 4000, -3_000_000_000, 3_000_000_000]).unwrap();
        NOW.set(real_now(dir.path()) + skew);
        for _ in 0..run.rng.u8(1..16) {
            for _ in 0..run.rng.u8(0..4) {
                run.step();
            }
            run.check(seed);
        }
    }
}

#[test]
fn random_logs_and_cuts_give_the_reference_world() {
    random_runs(0..150);
}

#[test]
#[ignore = "minutes: the long form of the test above"]
fn ten_thousand_random_logs_give_the_reference_world() {
    random_runs(1_000..11_000);
}
