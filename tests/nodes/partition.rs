//! Hours of a bad network: plugs are pulled, a fifth of all frames is lost, answers are late or never heard, the clocks
//! differ, and every process is killed now and then. What the agent wrote is what the control plane has in the end.
//!
//! A second of this test stands for a minute of a homelab: passes of a minute run every second or more often,
//! `refresh` is 5 s. A round is such a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;

use crate::lab::{Lab, Running, becomes};
use crate::needs;
use crate::relay::Relay;

/// By how much the clock of `edge` is wrong: little enough that nothing waits.
const SKEW: &str = "-40s";
/// Of a hundred frames so many are lost.
const LOSS: u8 = 20;
/// How many services `edge` has.
const SERVICES: usize = 6;

/// What runs in the lab and is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Agent,
    Serve,
    Observe,
    Reconcile,
    Mirror,
}

const PARTS: [Part; 5] = [Part::Agent, Part::Serve, Part::Observe, Part::Reconcile, Part::Mirror];

/// The lab, while everything goes wrong.
struct Storm {
    lab: Lab,
    rng: Rng,
    running: BTreeMap<Part, Running>,
    /// For how many more rounds something that was killed stays away.
    away: BTreeMap<Part, u32>,
    /// For how many more rounds a node's plug is out.
    unplugged: BTreeMap<&'static str, u32>,
    up: [bool; SERVICES],
    /// How the agent and the mirror reach the control plane.
    urls: (String, String),
    /// The library that sets a clock wrong.
    faketime: String,
    traces: u32,
    kills: BTreeMap<Part, u32>,
    flips: u32,
    partitions: u32,
}

#[test]
fn a_bad_network_and_kills_lose_no_change_and_count_none_twice() {
    if !needs::program("faketime") || !needs::strace() {
        return;
    }
    let rounds = if needs::number("HLCTL_FULL", 0) > 0 { 120 } else { 30 };
    let rounds = needs::number("HLCTL_NODES_ROUNDS", rounds);
    let seed = needs::number("HLCTL_NODES_SEED", fastrand::u32(..) as usize) as u64;
    eprintln!("HLCTL_NODES_SEED={seed}");
    let Some(mut storm) = Storm::new(seed) else { return };
    let net = std::sync::Arc::clone(&storm.lab.net);
    let (of_agent, to_agent) = Relay::start(&net, "edge", seed);
    let (of_mirror, to_mirror) = Relay::start(&net, "piha", seed + 1);
    storm.urls = (to_agent, to_mirror);
    for part in PARTS {
        storm.start(part);
    }
    assert!(becomes(|| storm.lab.status("piha", "s0") == "unhealthy"), "it begins well");
    let began = Instant::now();
    net.lose(LOSS);
    let unheard = || [&of_agent, &of_mirror].map(|r| r.unheard.load(Ordering::Relaxed));
    // What chance left out must come, too: for a while more rounds are made.
    for round in 0..4 * rounds {
        if round >= rounds && storm.has_had_all() && unheard() != [0, 0] {
            break;
        }
        storm.round();
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(storm.has_had_all(), "{} partitions, kills {:?}", storm.partitions, storm.kills);
    assert_ne!(unheard(), [0, 0], "no answer was lost");
    net.lose(0);
    let (stormed, waiting) = (began.elapsed(), storm.waiting());
    storm.calm();
    let settled = began.elapsed() - stormed;
    drop(std::mem::take(&mut storm.running));
    storm.flush();
    let (written, doubled) = storm.assert_none_lost();
    storm.assert_same_world();
    let changes = written.iter().filter(|line| line.contains("\"service_")).count();
    let unheard = unheard();
    let taken = [&of_agent, &of_mirror].map(|r| r.taken.load(Ordering::Relaxed));
    eprintln!(
        "{rounds} rounds or more in {stormed:.0?}, {waiting} events waited at their end, all was there {settled:.0?} later\n\
         {} flips, {} events written, {changes} of services, {} partitions, kills {:?}\n\
         connections {taken:?}, answers unheard {unheard:?}; {doubled} lines stand in the log twice",
        storm.flips,
        written.len(),
        storm.partitions,
        storm.kills,
    );
}

impl Storm {
    fn new(seed: u64) -> Option<Storm> {
        let config = "agent: {refresh: 5s, unhealthy_after: 1}\nsettle: 5s\n";
        let lab = Lab::new(config, "services: []\n")?;
        let service = |n: usize| {
            let file = lab.path(&format!("up/s{n}")).display().to_string();
            format!(
                "  - {{name: s{n}, runtime: command, check: {{command: [test, -e, '{file}']}}, \
                 recipes: {{redeploy: [['true']], container_restart: [['true']]}}}}\n"
            )
        };
        let services: String = (0..SERVICES).map(service).collect();
        lab.put("hosts/edge/services.yaml", format!("services:\n{services}"));
        std::fs::create_dir(lab.path("up")).unwrap();
        lab.token("edge", &["edge", "--agent"]);
        // The program `faketime` would stand between the agent and whoever kills it.
        let shown = Command::new("faketime").args(["-f", "+0", "sh", "-c", "echo $LD_PRELOAD"]).output().unwrap();
        Some(Storm {
            lab,
            rng: Rng::with_seed(seed),
            running: BTreeMap::new(),
            away: BTreeMap::new(),
            unplugged: BTreeMap::new(),
            up: [false; SERVICES],
            urls: Default::default(),
            faketime: String::from_utf8(shown.stdout).unwrap().trim().to_owned(),
            traces: 0,
            kills: BTreeMap::new(),
            flips: 0,
            partitions: 0,
        })
    }

    /// Returns how the agent is started: its clock is wrong, and what it writes into its spool is written down by
    /// strace, which stands beside it: the process that is killed is the agent's own.
    fn agent_wrapper(&mut self) -> Vec<String> {
        self.traces += 1;
        let trace = self.lab.path("edge").join(format!("{}.trace", self.traces)).display().to_string();
        let spool = self.lab.at("edge", "state/spool/current.jsonl").display().to_string();
        let strace = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-xx", "-s", "10000000", "-o", &trace];
        let only = ["-e", "trace=write", "-e", "signal=none", "-P", &spool, "--", "env"];
        let faked = [format!("LD_PRELOAD={}", self.faketime), format!("FAKETIME={SKEW}")];
        let words = strace.into_iter().chain(only).map(str::to_owned);
        words.chain(faked).chain(["FAKETIME_DISABLE_SHM=1".to_owned()]).collect()
    }

    fn start(&mut self, part: Part) {
        let token = self.lab.path("edge/token").display().to_string();
        let (to_agent, to_mirror) = self.urls.clone();
        let every = ["--every", "500ms"];
        let running = match part {
            Part::Agent => {
                let wrapper = self.agent_wrapper();
                let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
                let args = [&["agent", "--to", &to_agent, "--token-file", &token], &every[..]].concat();
                self.lab.start("edge", &wrapper, &args)
            }
            Part::Serve => self.lab.start("vps", &[], &["serve", "--listen", "0.0.0.0:18180"]),
            Part::Observe => self.lab.start("vps", &[], &[&["observe"], &every[..]].concat()),
            Part::Reconcile => self.lab.start("vps", &[], &[&["reconcile"], &every[..]].concat()),
            Part::Mirror => self.lab.start("piha", &[], &[&["mirror", "--from", &to_mirror], &every[..]].concat()),
        };
        self.running.insert(part, running);
    }

    /// A minute of the homelab.
    fn round(&mut self) {
        if self.rng.u8(0..10) < 8 {
            let n = self.rng.usize(0..SERVICES);
            self.set(n, !self.up[n]);
        }
        for node in crate::net::NODES {
            match self.unplugged.remove(node) {
                Some(0) => self.lab.net.plug(node, true),
                Some(left) => drop(self.unplugged.insert(node, left - 1)),
                None => {}
            }
        }
        if self.rng.u8(0..100) < 12 {
            let node = crate::net::NODES[self.rng.usize(0..3)];
            self.lab.net.plug(node, false);
            self.unplugged.insert(node, self.rng.u32(0..10));
            self.partitions += 1;
        }
        if self.rng.bool() {
            // At any moment of a pass, not only at its beginning.
            std::thread::sleep(Duration::from_millis(self.rng.u64(0..300)));
            let part = PARTS[self.rng.usize(0..PARTS.len())];
            if let Some(mut running) = self.running.remove(&part) {
                running.kill();
                *self.kills.entry(part).or_default() += 1;
                self.away.insert(part, self.rng.u32(0..3));
            }
        }
        for part in PARTS {
            match self.away.remove(&part) {
                Some(0) => self.start(part),
                Some(left) => drop(self.away.insert(part, left - 1)),
                None => {}
            }
            let ended = self.running.get_mut(&part).and_then(|running| running.0.try_wait().unwrap());
            assert_eq!(ended, None, "{part:?} ended by itself");
        }
        for name in ["services.json", "nodes.json", "drift.json", "summary.json"] {
            for node in ["vps", "piha"] {
                let text = self.lab.read(node, &format!("world/{name}"));
                let whole: Result<Value, _> = serde_json::from_str(&text);
                assert!(text.is_empty() || whole.is_ok(), "{name} of {node} is torn");
            }
        }
    }

    /// Returns whether everything was killed at least once, and a plug pulled.
    fn has_had_all(&self) -> bool {
        self.partitions > 0 && PARTS.iter().all(|part| self.kills.contains_key(part))
    }

    fn set(&mut self, n: usize, up: bool) {
        let file = self.lab.path(&format!("up/s{n}"));
        match up {
            true => std::fs::write(file, "").unwrap(),
            false => std::fs::remove_file(file).unwrap(),
        }
        self.up[n] = up;
        self.flips += 1;
    }

    /// Returns how many events wait in the agent's spool.
    fn waiting(&self) -> usize {
        let files = std::fs::read_dir(self.lab.at("edge", "state/spool")).unwrap().filter_map(Result::ok);
        let files = files.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "jsonl"));
        files.filter_map(|p| std::fs::read_to_string(p).ok()).map(|t| t.lines().count()).sum()
    }

    /// Mends the network, starts what is away, and waits until the mirror shows what is true.
    fn calm(&mut self) {
        for node in crate::net::NODES {
            self.lab.net.plug(node, true);
        }
        for part in PARTS {
            if !self.running.contains_key(&part) {
                self.start(part);
            }
        }
        let (lab, up) = (&self.lab, self.up);
        let is_true = |n: usize| lab.status("piha", &format!("s{n}")) == if up[n] { "healthy" } else { "unhealthy" };
        assert!(becomes(|| (0..SERVICES).all(is_true)), "{}", lab.read("piha", "world/services.json"));
    }

    /// Lets the agent send what it wrote last, and the mirror bring what became of it, by the straight way.
    fn flush(&mut self) {
        let _serve = self.lab.serve();
        let wrapper = self.agent_wrapper();
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        let token = self.lab.path("edge/token").display().to_string();
        let args = ["agent", "--to", "http://vps:18180", "--token-file", &token];
        self.lab.ok_wrapped("edge", &wrapper, &args);
        assert_eq!(self.waiting(), 0);
        self.lab.ok("vps", &["observe"]);
        self.lab.ok("vps", &["reconcile"]);
        self.lab.ok("piha", &["mirror", "--from", "http://vps:18180"]);
    }

    /// Compares what the agent wrote into its spool with what the control plane has in its log. Returns the events,
    /// and how many lines of the log say one that another line says, too.
    fn assert_none_lost(&self) -> (BTreeSet<String>, usize) {
        let files = walkdir::WalkDir::new(self.lab.at("vps", "events")).into_iter().map(Result::unwrap);
        let texts = files.filter(|e| e.file_type().is_file()).map(|e| std::fs::read_to_string(e.path()).unwrap());
        let lines: Vec<String> = texts.flat_map(|t| t.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        let arrived: BTreeSet<String> = lines.iter().cloned().collect();
        // The tracer of the last pass may still be at its last line.
        let nobodys = || {
            let (written, perhaps) = self.written();
            arrived.iter().filter(|line| !written.contains(*line) && !perhaps.contains(*line)).cloned().collect()
        };
        let mut foreign: Vec<String> = nobodys();
        for _ in 0..50 {
            if foreign.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
            foreign = nobodys();
        }
        assert!(foreign.is_empty(), "nobody wrote: {foreign:#?}");
        let (written, _) = self.written();
        assert!(written.len() > SERVICES && self.traces > 1, "{written:?}");
        let lost: Vec<_> = written.difference(&arrived).collect();
        assert!(lost.is_empty(), "lost: {lost:#?}");
        let doubled = lines.len() - arrived.len();
        // Only a server that dies between the events and the key of their batch takes a batch again.
        let mut seen = BTreeSet::new();
        let again: Vec<bool> = lines.iter().map(|line| !seen.insert(line)).collect();
        let batches = again.chunk_by(|a, b| a == b).filter(|run| run[0]).count();
        let kills = self.kills.get(&Part::Serve).copied().unwrap_or_default();
        assert!(batches <= kills as usize, "{batches} batches with {doubled} lines stand there twice");
        (arrived, doubled)
    }

    /// Returns the lines that strace saw the agent write into its spool, and those of calls that a kill met, which may
    /// have been done or not.
    fn written(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut written, mut perhaps) = (BTreeSet::new(), BTreeSet::new());
        for n in 1..=self.traces {
            let trace = std::fs::read_to_string(self.lab.path(&format!("edge/{n}.trace"))).unwrap_or_default();
            for call in trace.lines().filter(|line| line.contains("write(")) {
                let text = String::from_utf8(bytes_of(call)).unwrap();
                let is_done = call.rsplit_once(" = ").is_some_and(|(_, n)| n == text.len().to_string());
                let into = if is_done { &mut written } else { &mut perhaps };
                into.extend(text.lines().map(str::to_owned));
            }
        }
        (written, perhaps)
    }

    fn assert_same_world(&self) {
        let lab = &self.lab;
        let world = |node| ["services", "nodes", "drift"].map(|name| lab.read(node, &format!("world/{name}.json")));
        assert_eq!(world("vps"), world("piha"));
        let before = world("vps");
        lab.ok("vps", &["observe", "--full"]);
        assert_eq!(world("vps"), before, "a full replay gives the same");
        let told: Vec<bool> = (0..SERVICES).map(|n| lab.status("vps", &format!("s{n}")) == "healthy").collect();
        assert_eq!(told, self.up);
        lab.ok("vps", &["audit", "verify"]);
        let status = lab.json("vps", &["status"]);
        assert_eq!((&status["rejected_events"], &status["waiting_events"]), (&0.into(), &0.into()), "{status:#}");
        lab.assert_calm();
    }
}

/// Returns the bytes that strace saw in a call: `write(5, "\x7b\x22", 2) = 2`.
fn bytes_of(call: &str) -> Vec<u8> {
    let text = call.split('"').nth(1).unwrap_or_default();
    text.split("\\x").skip(1).map(|hex| u8::from_str_radix(hex, 16).unwrap()).collect()
}
