//! `hlctl demo` through the real binary, in a cleared environment: the story ends well, and nothing is left of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

mod needs;

const HLCTL: &str = env!("CARGO_BIN_EXE_hlctl");

/// What the story mends.
const MENDED: [&str; 3] = ["container-restart-piha-mosquitto", "redeploy-edge-camera", "redeploy-vps-blog"];

/// Returns a command without any environment but the little that a demo may need.
fn bare(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

fn hlctl(args: &[&str]) -> (i32, String, String) {
    let home = tempfile::tempdir().unwrap();
    let out = bare(HLCTL, home.path()).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
}

/// Returns where the homelab lies, as the demo says in its first lines.
fn place(text: &str) -> PathBuf {
    let line = text.lines().find_map(|line| line.strip_prefix("Everything lies in "));
    line.unwrap_or_else(|| panic!("no place in {text}")).trim().into()
}

/// Returns the command lines that name a folder, of processes that have not ended.
fn processes(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|e| std::fs::read(e.path().join("cmdline")).ok());
    let lines = lines.map(|l| String::from_utf8_lossy(&l).replace('\0', " "));
    lines.filter(|l| l.contains(&*dir.to_string_lossy())).collect()
}

/// Waits until something holds, for as long as even a busy machine may take.
fn wait_until(mut holds: impl FnMut() -> bool) -> bool {
    (0..200).any(|_| {
        holds() || {
            std::thread::sleep(Duration::from_millis(50));
            false
        }
    })
}

fn assert_gone(dir: &Path) {
    assert!(!dir.exists(), "{} is left", dir.display());
    assert_eq!(processes(dir), Vec::<String>::new());
}

#[test]
fn the_script_ends_with_every_service_healthy_and_leaves_nothing() {
    let (code, out, err) = hlctl(&["demo", "--script"]);
    assert_eq!(code, 0, "{out}{err}");
    for verb in ["init", "check", "observe", "reconcile", "plan", "approve", "execute", "status", "audit"] {
        assert!(out.contains(&format!("\n$ hlctl {verb}")), "{verb}: {out}");
    }
    for id in MENDED {
        assert!(out.contains(&format!("queued {id}")), "{out}");
        assert!(out.contains(&format!("approved {id}")), "{out}");
        assert!(out.lines().any(|l| l.starts_with(id) && l.contains("completed")), "{out}");
    }
    assert_eq!(out.matches("\nno drift\n").count(), 2, "before and after: {out}");
    assert!(out.contains("all quiet: 6 of 6 services healthy on 3 nodes"), "{out}");
    assert!(out.contains("each follows from the one before"), "{out}");
    assert!(out.contains("\n    http://127.0.0.1:") && out.contains("  # log in with "), "the page: {out}");
    assert!(!out.contains('\u{1b}'), "no colours in a pipe");
    assert_gone(&place(&out));
}

#[test]
fn what_is_kept_is_a_root_like_any_other_and_its_services_end_with_their_folder() {
    let (code, out, err) = hlctl(&["demo", "--script", "--keep"]);
    assert_eq!(code, 0, "{out}{err}");
    let dir = place(&out);
    let root = dir.join("root");
    assert!(out.contains(&format!("export HLCTL_ROOT={}", root.display())), "{out}");
    assert!(out.contains(&format!("rm -r {}", dir.display())), "{out}");
    let at = root.to_string_lossy().into_owned();

    let (code, out, _) = hlctl(&["--root", &at, "--json", "status", "--check"]);
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &status["healthy"], &status["services"]["healthy"]), (0, &true.into(), &6.into()), "{out}");
    assert_eq!(hlctl(&["--root", &at, "audit", "verify"]).0, 0);
    for id in MENDED {
        assert!(root.join(format!("actions/completed/{id}.json")).is_file());
        let (_, log, _) = hlctl(&["--root", &at, "logs", id]);
        assert!(log.contains("runs"), "{log}");
    }
    assert_eq!(processes(&dir).len(), 6);

    std::fs::remove_dir_all(&dir).unwrap();
    assert!(wait_until(|| processes(&dir).is_empty()), "{:?}", processes(&dir));
}

#[test]
fn an_interruption_ends_it_in_order() {
    let home = tempfile::tempdir().unwrap();
    let mut child = bare(HLCTL, home.path()).args(["demo", "--script"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let dir = place(&lines.find(|l| l.starts_with("Everything lies in")).unwrap());
    assert!(lines.any(|l| l == "The services run:"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|l| l.starts_with("The demo was interrupted.")), "{rest:?}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_gone(&dir);
}

#[test]
fn json_is_the_commands_own_and_the_story_goes_to_stderr() {
    let (code, out, err) = hlctl(&["--json", "demo"]);
    assert_eq!(code, 0, "{err}");
    let reports: Vec<serde_json::Value> =
        serde_json::Deserializer::from_str(&out).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(reports.last().unwrap()["healthy"], true);
    assert_gone(&place(&err));
}

#[test]
fn at_a_terminal_the_decision_is_the_readers() {
    if !needs::program("script") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let line = format!("{HLCTL} --color never demo");
    let mut command = bare("script", home.path());
    let mut child = command.args(["-qec", &line, "/dev/null"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let dir = place(&lines.find(|l| l.starts_with("Everything lies in")).unwrap());
    assert!(lines.any(|l| l.starts_with("It is your turn.")));
    // The page decides as well as the command does.
    let page = lines.find(|l| l.contains("  # log in with ")).unwrap();
    let (address, token) = page.trim().split_once("  # log in with ").unwrap();
    let approve = format!("{address}api/v1/actions/{}/approve", MENDED[0]);
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    let answer = agent.post(&approve).header("authorization", format!("Bearer {token}")).send("{}").unwrap();
    assert_eq!(answer.status(), 200);
    assert!(lines.any(|l| l.contains(&format!("HLCTL_ROOT={}/root {HLCTL} approve", dir.display()))));
    let root = dir.join("root").to_string_lossy().into_owned();
    assert!(dir.join("root/actions/approved").join(format!("{}.json", MENDED[0])).exists(), "it waits for the others");
    assert_eq!(hlctl(&["--root", &root, "reject", "--all", "--reason", "not today"]).0, 0);
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|l| l.contains("4 of 6 services healthy")), "{rest:?}");
    assert!(rest.iter().any(|l| l.starts_with("What you turned down stays as it is")), "{rest:?}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_gone(&dir);
}
