//! The other ways for a node's events to travel, in the README's own words: a pipe over ssh, rsync, a broker.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::sshd::Sshd;
use crate::support::{Home, script};
use crate::{events_of, needs, now};

/// A line of shell with all that it started, on a machine.
struct Line(Child);

impl Line {
    /// Starts one on the machine whose root this is: `hlctl` is the one of that root, and `bin/` comes first.
    fn start(on: &Home, words: &str) -> Line {
        let path = format!("{}:{}", on.at("bin").display(), needs::var("PATH").unwrap());
        let mut line = Command::new("sh");
        line.args(["-c", words]).env_clear().env("PATH", path).env("HOME", on.at("home")).process_group(0);
        Line(line.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.0), signal);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Returns the commands of a way, as the README has them.
fn readme(way: &str) -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let row = text.lines().find(|line| line.starts_with(&format!("| {way} |"))).unwrap();
    row.split('`').skip(1).step_by(2).map(|words| words.replace("\\|", "|")).collect()
}

/// Puts the program on a machine's path.
fn with_program(home: Home) -> Home {
    std::fs::create_dir_all(home.at("bin")).unwrap();
    let hlctl = format!("#!/bin/sh\nexec {} --root {} \"$@\"\n", env!("CARGO_BIN_EXE_hlctl"), home.path().display());
    script(&home.at("bin/hlctl"), &hlctl);
    home
}

/// Returns what happened, each thing once.
fn happened(home: &Home) -> BTreeSet<String> {
    let short = |line: &String| {
        let event: Value = serde_json::from_str(line).unwrap();
        format!("{} {} {}", event["ts"], event["type"], event["service"])
    };
    events_of(home).iter().map(short).collect()
}

/// Fails and recovers 20 times, and fails in the end.
fn flaps(piha: &Home) {
    for n in 0..21 {
        agent(piha, n % 2 == 1);
    }
}

/// What a node told and what came of it are the same, and so is what follows from it.
fn nothing_is_lost(piha: &Home, vps: &Home) {
    assert!(happened(piha).len() > 20);
    assert_eq!(happened(vps), happened(piha));
    assert_eq!(piha.run(&["observe"]).code, 0);
    let world = |home: &Home| std::fs::read_to_string(home.at("world/services.json")).unwrap();
    assert_eq!(vps.run(&["observe", "--full"]).code, 0);
    assert_eq!(world(vps), world(piha));
    assert!(vps.run(&["status", "--json"]).out.contains("\"rejected_events\": 0"));
}

/// A node with one service that is healthy while a file is there.
fn node() -> Home {
    let home = Home::new();
    let check = format!("[\"test\", \"-e\", \"{}\"]", home.at("up").display());
    home.put("config.yaml", "agent: {unhealthy_after: 1, refresh: 1h}\n");
    home.put(
        "hosts/piha/services.yaml",
        format!("services:\n  - name: web\n    runtime: command\n    check: {{command: {check}}}\n"),
    );
    home
}

fn agent(home: &Home, healthy: bool) {
    match healthy {
        true => drop(home.put("up", "")),
        false => drop(std::fs::remove_file(home.at("up"))),
    }
    let mut agent = home.hlctl(&["agent", "--node", "piha"]);
    let path = needs::var("PATH").unwrap();
    assert!(agent.env("PATH", path).stdout(Stdio::null()).status().unwrap().success());
}

/// Waits until the control plane has seen the service as it is now.
fn wait_for(vps: &Home, status: &str) {
    let began = Instant::now();
    let wanted = format!("\"status\":\"{status}\"");
    loop {
        assert_eq!(vps.run(&["observe"]).code, 0);
        if std::fs::read_to_string(vps.at("world/services.json")).unwrap().contains(&wanted) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{status} never came: {:?}", events_of(vps));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_pipe_over_ssh_that_is_cut_loses_nothing() {
    let Some(sshd) = Sshd::start() else { return };
    let (piha, vps) = (with_program(node()), with_program(Home::new()));
    // What the account on the control plane has on its path, and whom to kill.
    vps.put("profile", format!("PATH={}:$PATH\n", vps.at("bin").display()));
    let (pid, ssh, profile) = (piha.at("ssh.pid"), sshd.bin().join("ssh"), vps.at("profile"));
    let (at, ssh, profile) = (pid.display(), ssh.display(), profile.display());
    let remote = format!("#!/bin/sh\necho $$ > {at}\nhost=$1; shift\nexec {ssh} \"$host\" \". {profile}; $*\"\n");
    script(&piha.at("bin/ssh"), &remote);
    let words = readme("a pipe over ssh").remove(0);

    let mut line = Line::start(&piha, &words);
    agent(&piha, true);
    wait_for(&vps, "healthy");
    let ssh = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
    rustix::process::kill_process(Pid::from_raw(ssh).unwrap(), Signal::KILL).unwrap();
    line.0.wait().unwrap();
    flaps(&piha);
    let line = Line::start(&piha, &words);
    wait_for(&vps, "unhealthy");
    nothing_is_lost(&piha, &vps);

    // All of it comes again.
    drop(line);
    let before = events_of(&vps).len();
    let _line = Line::start(&piha, &words);
    let began = Instant::now();
    while events_of(&vps).len() < before + events_of(&piha).len() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never came again");
        std::thread::sleep(Duration::from_millis(50));
    }
    nothing_is_lost(&piha, &vps);
}

#[test]
fn a_broker_keeps_what_comes_while_its_subscriber_is_away() {
    if !["mosquitto", "mosquitto_pub", "mosquitto_sub"].into_iter().all(needs::program) {
        return;
    }
    let (piha, vps) = (with_program(node()), with_program(Home::new()));
    let port = crate::far::free_port();
    let config = vps.put(
        "mosquitto.conf",
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_type all\nlog_dest stderr\n"
        ),
    );
    let log = vps.at("mosquitto.log");
    let path = format!("{}:/usr/sbin", needs::var("PATH").unwrap());
    let mut broker = Command::new("mosquitto");
    broker.arg("-c").arg(config).env("PATH", path).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    let _broker = Line(broker.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap());
    for (home, file) in [(&piha, "home/.config/mosquitto_pub"), (&vps, "home/.config/mosquitto_sub")] {
        home.put(file, format!("-h 127.0.0.1\n-p {port}\n"));
    }
    let logged = |what: &str, times: usize| {
        let began = Instant::now();
        while std::fs::read_to_string(&log).unwrap().matches(what).count() < times {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", std::fs::read_to_string(&log).unwrap());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let [publish, subscribe] = <[String; 2]>::try_from(readme("MQTT")).unwrap();

    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let subscriber = Line::start(&vps, &subscribe);
    logged("Received SUBSCRIBE from hlctl", 1);
    let _publisher = Line::start(&piha, &publish);
    agent(&piha, true);
    wait_for(&vps, "healthy");
    // As a unit is stopped.
    subscriber.signal(Signal::TERM);
    drop(subscriber);
    flaps(&piha);
    logged("Received PUBLISH from", events_of(&piha).len());
    let _subscriber = Line::start(&vps, &subscribe);
    wait_for(&vps, "unhealthy");
    nothing_is_lost(&piha, &vps);
}

#[test]
fn rsync_carries_the_folder_of_events() {
    if !needs::program("rsync") {
        return;
    }
    let Some(sshd) = Sshd::start() else { return };
    let (piha, vps) = (node(), Home::new());
    std::fs::create_dir_all(piha.at("bin")).unwrap();
    script(&piha.at("bin/ssh"), &format!("#!/bin/sh\nexec {} \"$@\"\n", sshd.bin().join("ssh").display()));
    let words = readme("rsync").remove(0);
    let [from, to] = [&piha, &vps].map(|home| format!("{}/", home.at("events").display()));
    let words = words.replace("vps:/opt/homelab/events/", &format!("vps:{to}")).replace("/opt/homelab/events/", &from);
    let sync = || assert!(Line::start(&piha, &words).0.wait().unwrap().success(), "{words}");
    for healthy in [true, false, true, false] {
        agent(&piha, healthy);
        sync();
        wait_for(&vps, if healthy { "healthy" } else { "unhealthy" });
    }
    sync();
    assert_eq!(events_of(&vps), events_of(&piha), "a second copy changes nothing");
    // What other nodes report there stays.
    let other = format!(r#"{{"ts":{},"node":"nas","type":"node_heartbeat"}}"#, now());
    vps.put("events/2026-11-23/agent-nas.jsonl", other.clone() + "\n");
    sync();
    assert!(events_of(&vps).contains(&other));
}
