//! The other ways for a node's events to travel, as the README gives them: a pipe over ssh, and rsync.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::sshd::{GOOD, Sshd};
use crate::support::Home;
use crate::{events_of, needs, now};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
fn a_pipe_over_ssh_carries_events_as_they_come() {
    let Some(sshd) = Sshd::start() else { return };
    let (piha, vps) = (node(), Home::new());
    agent(&piha, true);
    let mut events = piha.hlctl(&["events", "--json", "--follow", "--last", "1000"]);
    let mut events = Running(events.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let remote = format!("{} --root {} ingest --source piha", env!("CARGO_BIN_EXE_hlctl"), vps.path().display());
    let mut ssh = Command::new(sshd.bin().join("ssh"));
    ssh.args(["-o", "BatchMode=yes", GOOD, &remote]).stdin(Stdio::from(events.0.stdout.take().unwrap()));
    let mut ssh = Running(ssh.stdout(Stdio::null()).spawn().unwrap());
    wait_for(&vps, "healthy");
    agent(&piha, false);
    wait_for(&vps, "unhealthy");
    agent(&piha, true);
    wait_for(&vps, "healthy");
    drop(events);
    assert!(ssh.0.wait().unwrap().success(), "every line was an event");
    assert!(vps.run(&["status", "--json"]).out.contains("\"rejected_events\": 0"));
}

#[test]
fn rsync_carries_the_folder_of_events() {
    if !needs::program("rsync") {
        return;
    }
    let Some(sshd) = Sshd::start() else { return };
    let (piha, vps) = (node(), Home::new());
    let sync = || {
        let mut rsync = Command::new("rsync");
        rsync.args(["-a", "-e"]).arg(sshd.bin().join("ssh")).arg(format!("{}/", piha.at("events").display()));
        let done = rsync.arg(format!("{GOOD}:{}/", vps.at("events").display())).status().unwrap();
        assert!(done.success());
    };
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
