//! What execute costs beside the same commands without it. Timed, so run by hand on a quiet machine, with
//! `cargo test --release --test runner -- --ignored --nocapture bars`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sshd::Sshd;
use crate::support::GATE;

/// Nodes, and services of each.
const NODES: usize = 20;
const SERVICES: usize = 10;

fn hlctl(root: &Path, argv: &[&str]) -> Command {
    let mut hlctl = Command::new(GATE);
    hlctl.arg("--root").arg(root).args(argv).stdin(Stdio::null()).stdout(Stdio::null());
    hlctl
}

fn timed(command: &mut Command) -> Duration {
    let begun = Instant::now();
    assert!(command.status().unwrap().success(), "{command:?}");
    begun.elapsed()
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

#[test]
#[ignore = "timed: run by hand"]
fn bars_nothing_approved_costs_little_more_than_to_start() {
    let root = tempfile::tempdir().unwrap();
    timed(&mut hlctl(root.path(), &["init"]));
    let of = |argv: &[&str]| median((0..200).map(|_| timed(&mut hlctl(root.path(), argv))).collect());
    let (version, execute) = (of(&["--version"]), of(&["execute"]));
    eprintln!("--version {version:?}, execute with nothing approved {execute:?}");
    assert!(execute <= version * 3);
}

#[test]
#[ignore = "timed: run by hand"]
fn bars_two_hundred_actions_take_little_longer_than_xargs() {
    let Some(sshd) = Sshd::start() else { return };
    let root = tempfile::tempdir().unwrap();
    timed(&mut hlctl(root.path(), &["init"]));
    let services: Vec<String> = (0..SERVICES)
        .map(|s| format!("{{name: s{s}, runtime: command, recipes: {{redeploy: [[\"true\"]]}}}}"))
        .collect();
    for node in 0..NODES {
        let folder = root.path().join(format!("hosts/n{node}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("services.yaml"), format!("services: [{}]\n", services.join(", "))).unwrap();
        for service in 0..SERVICES {
            let (node, service) = (format!("n{node}"), format!("s{service}"));
            timed(&mut hlctl(root.path(), &["request", "redeploy", &node, &service]));
        }
    }
    timed(&mut hlctl(root.path(), &["approve", "--all"]));
    let path = sshd.search_path();
    let nodes: Vec<String> = (0..SERVICES).flat_map(|_| (0..NODES).map(|n| format!("n{n}"))).collect();
    let xargs = format!(
        "printf '%s\\n' {} | xargs -P 4 -I @ ssh -o BatchMode=yes -o ConnectTimeout=10 -- @ 'timeout -k 10 600 true'",
        nodes.join(" ")
    );
    let alone = timed(Command::new("sh").args(["-c", &xargs]).env("PATH", &path));
    let execute = timed(hlctl(root.path(), &["execute", "--jobs", "4"]).env("PATH", &path));
    eprintln!("xargs -P 4 {alone:?}, execute {execute:?}");
    assert!(execute.as_secs_f64() <= alone.as_secs_f64() * 1.3);
}
