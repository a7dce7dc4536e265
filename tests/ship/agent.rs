//! The agent that sends what it sees: off-line and back, killed at any call and at any moment, against a server that
//! dies too. No change is lost, none counts twice.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use fastrand::Rng;
use hlctl::store::spool::Spool;
use serde_json::Value;

use crate::far::free_port;
use crate::server::Server;
use crate::support::{Home, Run};
use crate::{events_of, needs, now};

/// A node with services that are healthy while their file is there, and the token of its agent.
fn node(server: &Server, services: &[&str]) -> Home {
    let home = Home::new();
    let service = |name: &&str| {
        let file = home.at(name).display().to_string();
        format!("  - name: {name}\n    runtime: command\n    check: {{command: [\"test\", \"-e\", \"{file}\"]}}\n")
    };
    let services: String = services.iter().map(service).collect();
    let services = if services.is_empty() { "services: []\n".into() } else { format!("services:\n{services}") };
    home.put("hosts/piha/services.yaml", services);
    home.put("config.yaml", "agent: {unhealthy_after: 1, refresh: 1h}\n");
    home.put("token", server.token(&["piha", "--agent"]));
    home
}

fn agent(home: &Home, url: &str) -> Command {
    let token = home.at("token").display().to_string();
    let mut agent = home.hlctl(&["agent", "--json", "--node", "piha", "--to", url, "--token-file", &token]);
    agent.env("PATH", needs::var("PATH").unwrap());
    agent
}

fn pass(home: &Home, url: &str) -> Run {
    Run::of(agent(home, url).output().unwrap())
}

/// Returns the changes that a pass that ran to its end says it has written: when, what and of which service.
fn changes(run: &Run) -> Vec<(String, String, String)> {
    let report: Value = serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}: {run:?}"));
    report["events"].as_array().unwrap().iter().filter_map(change).collect()
}

fn change(event: &Value) -> Option<(String, String, String)> {
    let text = |name: &str| event[name].as_str().map(str::to_owned);
    Some((text("ts")?, text("type")?, text("service")?))
}

/// Returns the changes that wait in a node's spool.
fn waiting(home: &Home) -> Vec<(String, String, String)> {
    let spool = Spool::open(&home.root).unwrap();
    let files = spool.batches().unwrap();
    let texts = files.iter().map(|file| String::from_utf8(spool.read(file).unwrap()).unwrap());
    texts
        .flat_map(|t| t.lines().filter_map(|l| change(&serde_json::from_str(l).unwrap())).collect::<Vec<_>>())
        .collect()
}

/// Returns the changes that the server has, in order, and how many lines say one that another line says, too.
fn arrived(server: &Server) -> (BTreeSet<(String, String, String)>, usize) {
    let lines = events_of(&server.home);
    let all: Vec<_> = lines.iter().filter_map(|l| change(&serde_json::from_str(l).unwrap())).collect();
    let set: BTreeSet<_> = all.iter().cloned().collect();
    let doubled = all.len() - set.len();
    (set, doubled)
}

fn flip(home: &Home, service: &str, up: bool) {
    match up {
        true => drop(home.put(service, "")),
        false => drop(std::fs::remove_file(home.at(service))),
    }
}

fn assert_world(server: &Server, want: &[(&str, bool)]) {
    assert_eq!(server.home.run(&["observe", "--full"]).code, 0);
    let world: Value = serde_json::from_str(&server.get("/api/v1/world/services").body).unwrap();
    let rows = world["services"].as_array().unwrap();
    let got: Vec<(&str, bool)> =
        rows.iter().map(|r| (r["service"].as_str().unwrap(), r["status"] == "healthy")).collect();
    assert_eq!(got, want);
}

#[test]
fn what_was_seen_off_line_arrives_in_order() {
    let server = Server::start("");
    let home = node(&server, &["web"]);
    let (gone, there) = (format!("http://127.0.0.1:{}", free_port()), format!("http://{}", server.address));
    let mut seen = Vec::new();
    for up in [true, false, true, false, true, false] {
        flip(&home, "web", up);
        let run = pass(&home, &gone);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.err.contains("cannot reach") && run.err.contains("wait in the spool"), "{run:?}");
        seen.extend(changes(&run));
    }
    assert_eq!(seen.len(), 6);
    assert!(!home.at("events").exists(), "what is sent is not written here");
    let back = pass(&home, &there);
    assert_eq!(back.code, 0, "{back:?}");
    let report: Value = serde_json::from_str(&back.out).unwrap();
    assert!(report["sent"]["accepted"].as_u64().unwrap() >= 7, "{report}");
    assert_eq!(report["sent"]["waiting"], 0);
    assert_eq!(changes(&back).len(), 1, "another destination is told everything");
    seen.extend(changes(&back));
    let (got, doubled) = arrived(&server);
    assert_eq!((got.into_iter().collect::<Vec<_>>(), doubled), (seen, 0));
    assert_world(&server, &[("web", false)]);
    // Without its token it goes on watching, and says what is missing.
    std::fs::remove_file(home.at("token")).unwrap();
    flip(&home, "web", true);
    let mute = pass(&home, &there);
    assert!(mute.code == 1 && mute.err.contains("cannot take a token") && changes(&mute).len() == 1, "{mute:?}");
}

#[test]
fn a_check_that_says_much_is_heard_of_all_the_same() {
    let server = Server::start("");
    let home = node(&server, &["web"]);
    let says =
        format!("test -e {} || {{ head -c 20000 /dev/zero | tr '\\0' '\"'; exit 1; }}", home.at("web").display());
    home.put("says.sh", says);
    let check = format!("check: {{command: [\"sh\", \"{}\"]}}", home.at("says.sh").display());
    home.put("hosts/piha/services.yaml", format!("services:\n  - name: web\n    runtime: command\n    {check}\n"));
    let url = format!("http://{}", server.address);
    for up in [true, false] {
        flip(&home, "web", up);
        let run = pass(&home, &url);
        assert_eq!((run.code, changes(&run).len()), (0, 1), "{run:?}");
        assert_world(&server, &[("web", up)]);
    }
    let world = server.get("/api/v1/world/services").body;
    assert!(world.contains(r#"sh ended with 1: \"\"\""#) && world.len() < 2000, "{world}");
}

#[test]
fn what_this_root_was_told_the_control_plane_was_not() {
    let server = Server::start("");
    let home = node(&server, &["web"]);
    let (gone, there) = (format!("http://127.0.0.1:{}", free_port()), format!("http://{}", server.address));
    let by_hand = || {
        let mut agent = home.hlctl(&["agent", "--json", "--node", "piha"]);
        Run::of(agent.env("PATH", needs::var("PATH").unwrap()).output().unwrap())
    };
    flip(&home, "web", true);
    assert_eq!(changes(&pass(&home, &there)).len(), 1);
    assert_eq!(changes(&pass(&home, &there)).len(), 0);
    flip(&home, "web", false);
    let run = by_hand();
    assert!(changes(&run).len() == 1 && !run.err.contains("state/spool/"), "{run:?}");
    assert_eq!(changes(&pass(&home, &there)).len(), 1, "its own memory ends with another destination");
    assert_world(&server, &[("web", false)]);
    assert_eq!(changes(&pass(&home, &gone)).len(), 1);
    assert!(by_hand().err.contains("events wait in state/spool/: send them with --to"), "{:?}", by_hand());
}

#[test]
fn a_pass_that_lost_something_or_broke_off_says_so() {
    let server = Server::start("");
    let home = node(&server, &["web"]);
    let there = format!("http://{}", server.address);
    let record = || std::fs::read_to_string(home.at("state/agent.json")).unwrap();
    assert_eq!(pass(&home, &there).code, 0);
    assert!(record().contains("\"ok\": true"), "{}", record());
    Spool::open(&home.root).unwrap().add(&["{\"ts\":1}".into()]).unwrap();
    let refused = pass(&home, &there);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("took 1 lines for no events: line 1: "), "{refused:?}");
    assert!(record().contains("took 1 lines for no events: line 1: "), "{}", record());
    assert_eq!(pass(&home, &there).code, 0, "it is gone");
    // Nothing can be read from it, nor put in its place.
    std::fs::create_dir(home.at("state/spool/0000000000000001.jsonl")).unwrap();
    let broken = pass(&home, &there);
    assert!(broken.code == 1 && broken.err.contains("0000000000000001.jsonl"), "{broken:?}");
    assert!(record().contains("\"ok\": false") && record().contains("0000000000000001.jsonl"), "{}", record());
}

#[test]
fn killed_at_any_call_it_loses_nothing_that_waited() {
    if !needs::strace() {
        return;
    }
    let server = Server::start("");
    let home = node(&server, &[]);
    let url = format!("http://{}", server.address);
    let (mut kills, mut number, mut places) = (0, 0, BTreeMap::new());
    let mut sent = BTreeSet::new();
    for call in [
        "write",
        "fsync",
        "fdatasync",
        "rename",
        "renameat",
        "renameat2",
        "unlink",
        "unlinkat",
        "flock",
        "ftruncate",
        "mkdir",
        "utimensat",
        "sendto",
        "recvfrom",
        "connect",
        "openat",
    ] {
        // Most files that are opened are the program's libraries.
        for n in (1..).step_by(if call == "openat" { 3 } else { 1 }) {
            let lines: Vec<String> = (number..number + 3)
                .map(|n| {
                    format!(r#"{{"ts":{},"node":"piha","type":"service_status","service":"s","status":"s{n}"}}"#, now())
                })
                .collect();
            number += 3;
            Spool::open(&home.root).unwrap().add(&lines).unwrap();
            sent.extend(lines);
            // Told anew each time, so that the spool is written too.
            let _ = std::fs::remove_file(home.at("state/agent_memory.json"));
            let program = agent(&home, &url);
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace=?{call}")]);
            strace.args(["-e", &format!("inject=?{call}:signal=SIGKILL:when={n}"), "-e", "signal=none", "--"]);
            strace.arg(program.get_program()).args(program.get_args()).env_clear();
            let status = strace.output().unwrap().status;
            if status.signal() != Some(9) && status.code() != Some(137) {
                break;
            }
            kills += 1;
            *places.entry(call).or_insert(0) += 1;
            let again = pass(&home, &url);
            assert_eq!(again.code, 0, "{call} {n}: {again:?}");
            let got = events_of(&server.home);
            let set: BTreeSet<String> = got.iter().filter(|l| l.contains("service_status")).cloned().collect();
            let doubled = got.iter().filter(|l| l.contains("service_status")).count() - set.len();
            assert_eq!(set, sent, "{call} {n}");
            assert_eq!(doubled, 0, "{call} {n}: the key of a batch is known again");
        }
    }
    assert!(kills > 25, "only {kills} places to kill at");
    eprintln!("killed at {kills} calls: {places:?}");
}

#[test]
fn killed_at_any_moment_on_both_sides_the_world_is_the_nodes() {
    let mut rng = Rng::with_seed(11);
    let mut server = Server::start("");
    let services = ["a", "b", "c"];
    let home = node(&server, &services);
    let mut up = [false; 3];
    let mut seen = BTreeSet::new();
    let (mut killed, mut unheard) = (0, 0);
    for _ in 0..needs::number("HLCTL_SHIP_ROUNDS", 60) {
        let i = rng.usize(0..3);
        up[i] = !up[i];
        flip(&home, services[i], up[i]);
        let url = match rng.u8(0..4) {
            0 => format!("http://127.0.0.1:{}", free_port()),
            _ => format!("http://{}", server.address),
        };
        if rng.bool() {
            let run = pass(&home, &url);
            seen.extend(changes(&run));
            continue;
        }
        let mut child = agent(&home, &url).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.u64(0..80)));
        if rng.u8(0..3) == 0 {
            let _ = server.child.kill();
            let _ = server.child.wait();
        }
        let _ = child.kill();
        killed += usize::from(child.wait().unwrap().signal() == Some(9));
        // What it had written before it was killed is either still here or there.
        let wrote: BTreeSet<_> = waiting(&home).into_iter().chain(arrived(&server).0).collect();
        unheard += wrote.difference(&seen).count();
        seen.extend(wrote);
        if server.child.try_wait().unwrap().is_some() {
            server = Server::of(std::mem::replace(&mut server.home, Home::new()), &[]);
        }
    }
    assert!(killed > 5, "only {killed} kills");
    let last = pass(&home, &format!("http://{}", server.address));
    assert_eq!(last.code, 0, "{last:?}");
    seen.extend(changes(&last));
    let (got, _) = arrived(&server);
    let lost: Vec<_> = seen.difference(&got).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert_world(&server, &services.iter().copied().zip(up).collect::<Vec<_>>());
    eprintln!("{killed} kills, {} changes, {unheard} of them by passes that said nothing", got.len());
}
