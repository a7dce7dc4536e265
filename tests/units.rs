//! The units and the crontab in `cron/`: systemd reads them, they are as tight as they are said to be, and the
//! system calls that the passes make are among those that they may.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

mod needs;

const HLCTL: &str = env!("CARGO_BIN_EXE_hlctl");

fn cron() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cron")
}

fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Copies the units with the built program in the place of the installed one. Returns their paths.
fn units(into: &Path) -> Vec<PathBuf> {
    let mut copies = Vec::new();
    for entry in std::fs::read_dir(cron()).expect("cron/ is there") {
        let path = entry.expect("it can be listed").path();
        let is_unit =
            path.extension().is_some_and(|e| ["service", "socket", "timer", "path"].iter().any(|known| e == *known));
        if is_unit {
            let text = std::fs::read_to_string(&path).expect("units are text");
            let copy = into.join(path.file_name().expect("a file has a name"));
            std::fs::write(&copy, text.replace("/usr/local/bin/hlctl", HLCTL)).expect("the copy can be written");
            copies.push(copy);
        }
    }
    copies.sort();
    copies
}

#[test]
fn systemd_reads_every_unit_without_a_word() {
    if !needs::program("systemd-analyze") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let units = units(dir.path());
    assert_eq!(units.len(), 13);
    let out = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output().unwrap();
    assert!(out.status.success(), "{}", text_of(&out));
    // A misspelt key is only a warning to systemd. What it says of the machine's own units is not about ours.
    let ours: Vec<String> = text_of(&out).lines().filter(|l| l.contains("hlctl")).map(str::to_owned).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

#[test]
fn each_pass_is_as_tight_as_it_can_be() {
    if !needs::program("systemd-analyze") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    units(dir.path());
    // In tenths of systemd's exposure level, of which 100 is a unit without any hardening.
    for (pass, threshold) in
        [("agent", "20"), ("observe", "8"), ("reconcile", "8"), ("execute", "28"), ("serve", "13"), ("mirror", "13")]
    {
        let unit = dir.path().join(format!("hlctl-{pass}.service"));
        let threshold = format!("--threshold={threshold}");
        let out = Command::new("systemd-analyze").args(["security", "--offline=true", &threshold]).arg(unit).output();
        let out = out.unwrap();
        assert!(out.status.success(), "{pass}: {}", text_of(&out));
    }
}

#[test]
fn every_command_that_is_scheduled_exists() {
    let mut scheduled = BTreeSet::new();
    let files = walkdir::WalkDir::new(cron()).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file());
    for entry in files {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for line in text.lines().filter(|l| l.starts_with("ExecStart=") || l.starts_with(['*', '0'])) {
            scheduled.extend(
                line.split("hlctl ").skip(1).filter_map(|rest| rest.split_whitespace().next().map(str::to_owned)),
            );
        }
    }
    for pass in ["agent", "observe", "reconcile", "execute", "status"] {
        assert!(scheduled.contains(pass), "{pass} is not scheduled: {scheduled:?}");
    }
    for verb in scheduled.iter().filter(|v| v.chars().all(|c| c.is_ascii_lowercase())) {
        assert!(Command::new(HLCTL).args([verb, "--help"]).output().unwrap().status.success(), "{verb}");
    }
}

#[test]
fn the_crontab_has_a_schedule_and_an_account_on_each_line() {
    let text = std::fs::read_to_string(cron().join("crontab")).unwrap();
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if line.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')) {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(words[..5].iter().all(|w| w.chars().all(|c| c.is_ascii_digit() || "*/,-".contains(c))), "{line}");
        assert_eq!(words[5], "homelab", "{line}");
        assert!(!line.contains('%'), "cron reads % as a line break: {line}");
    }
}

#[test]
fn the_passes_make_no_system_call_that_their_units_forbid() {
    if !needs::program("systemd-analyze") || !needs::strace() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    let hlctl = |args: &[&str]| {
        let out = Command::new(HLCTL).arg("--root").arg(&root).args(args).env_clear().output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", text_of(&out));
    };
    hlctl(&["init"]);
    std::fs::create_dir_all(root.join("hosts/piha")).unwrap();
    std::fs::write(root.join("hosts/piha/services.yaml"), "services: [mosquitto]\n").unwrap();
    std::fs::create_dir_all(root.join("hosts/box")).unwrap();
    let checked = "services: [{name: web, runtime: command, check: {command: ['true']}}]\n";
    std::fs::write(root.join("hosts/box/services.yaml"), checked).unwrap();
    std::fs::create_dir_all(root.join("events/2026-11-23")).unwrap();
    let event = "{\"ts\":\"2026-11-23T07:13:05Z\",\"node\":\"piha\",\"type\":\"service_unhealthy\",\"service\":\"mosquitto\"}\n";
    std::fs::write(root.join("events/2026-11-23/piha.jsonl"), event).unwrap();

    // A control plane of another root, for those that talk to one.
    let vps = dir.path().join("vps");
    let there = |args: &[&str]| {
        let mut hlctl = Command::new(HLCTL);
        hlctl.arg("--root").arg(&vps).args(args).env_clear();
        hlctl
    };
    let mut made = String::new();
    for args in [&["init"][..], &["observe"], &["token", "add", "box", "--agent"]] {
        let out = there(args).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", text_of(&out));
        made = String::from_utf8(out.stdout).unwrap();
    }
    let token = dir.path().join("token").display().to_string();
    std::fs::write(&token, made).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let at = format!("127.0.0.1:{port}");
    let _serve = Running(there(&["serve", "--listen", &at]).stderr(Stdio::null()).spawn().unwrap());
    let began = Instant::now();
    while TcpStream::connect(&at).is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "serve does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    let url = format!("http://{at}");
    let mirror = dir.path().join("mirror");
    std::fs::create_dir_all(mirror.join("state")).unwrap();

    let allowed = &calls("@system-service") - &(&calls("@privileged") | &calls("@resources"));
    // Given away is what the super-user makes, and only then; the units run as the root's owner.
    let chown: BTreeSet<String> = ["fchown", "fchownat", "lchown", "chown"].map(str::to_owned).into();
    // A check that asks nobody else: what a check talks to is its own.
    for (root, args) in [
        (&root, &["observe"][..]),
        (&root, &["reconcile"]),
        (&root, &["agent"]),
        (&root, &["agent", "--to", &url, "--token-file", &token]),
        (&mirror, &["mirror", "--from", &url]),
    ] {
        let pass = args.join(" ");
        let trace = dir.path().join("trace");
        let run = Command::new("strace")
            .arg("-f")
            .arg("-o")
            .arg(&trace)
            .arg(HLCTL)
            .arg("--root")
            .arg(root)
            .args(args)
            .env("HLCTL_NODE", "box")
            .output();
        let run = run.unwrap();
        assert!(run.status.success(), "{pass}: {}", text_of(&run));
        let trace = std::fs::read_to_string(&trace).unwrap();
        let made: BTreeSet<String> = trace.lines().filter_map(call).collect();
        assert!(made.contains("openat"), "{made:?}");
        let forbidden: Vec<&String> = made.difference(&allowed).filter(|c| !chown.contains(*c)).collect();
        assert!(forbidden.is_empty(), "{pass}: {forbidden:?}");
        // The system's user database may be asked over a socket on this machine, and the control plane where one is
        // named; nobody else is.
        let to = format!("htons({port})");
        let is_meant = |l: &str| l.contains("AF_UNIX") || (args.len() > 1 && l.contains(&to));
        let calls: Vec<&str> = trace.lines().filter(|l| l.contains(" connect(")).collect();
        assert_eq!(calls.iter().any(|l| l.contains(&to)), args.len() > 1, "{pass}: {calls:#?}");
        let abroad: Vec<&&str> = calls.iter().filter(|l| !is_meant(l)).collect();
        assert!(abroad.is_empty(), "{pass}: {abroad:#?}");
    }
}

/// A server that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the name of the call in a line of strace.
fn call(line: &str) -> Option<String> {
    let after_pid = line.split_once(' ').map(|(_, rest)| rest.trim_start())?;
    let (name, _) = after_pid.split_once('(')?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then(|| name.to_owned())
}

/// Returns the calls of one of systemd's sets.
fn calls(set: &str) -> BTreeSet<String> {
    let out = Command::new("systemd-analyze").args(["syscall-filter", set]).output().expect("systemd-analyze starts");
    let mut all = BTreeSet::new();
    for word in
        String::from_utf8_lossy(&out.stdout).lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'))
    {
        match word.strip_prefix('@') {
            Some(_) if word != set => all.append(&mut calls(word)),
            Some(_) => {}
            None => drop(all.insert(word.to_owned())),
        }
    }
    all
}
