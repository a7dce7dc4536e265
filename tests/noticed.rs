//! What an incremental pass has to notice of the log, whatever the times of files and folders say: afterwards the world is
//! that of a full replay. And what it does not look at: the folders of old days.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[path = "lab/terminal.rs"]
#[expect(dead_code, reason = "nothing is typed here")]
mod terminal;

mod needs;
mod run;

use run::Run;
use terminal::Terminal;

/// A day that is not among the recent ones.
const OLD: &str = "2026-01-05";
const T: i64 = 1_767_600_000;
/// Longer than a time within which no change is believed.
const SETTLED: Duration = Duration::from_millis(2200);

struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn dir(&self, day: &str) -> PathBuf {
        let dir = self.0.path().join("events").join(day);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn today(&self) -> PathBuf {
        fs::write(self.0.path().join("clock"), "").unwrap();
        let now = fs::metadata(self.0.path().join("clock")).unwrap().mtime();
        self.dir(&hlctl::flow::time::Stamp::from_millis(now * 1000).day())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlctl"));
        command.env_clear().arg("--root").arg(self.0.path()).args(args);
        command
    }

    fn observe(&self) -> String {
        let run = Run::of(self.command(&["observe"]).output().unwrap());
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
        run.out
    }

    fn world(&self) -> String {
        ["world/services.json", "world/nodes.json"]
            .map(|name| fs::read_to_string(self.0.path().join(name)).unwrap())
            .concat()
    }

    /// Makes a pass, and holds the world against that of a replay of everything.
    fn check(&self) -> String {
        self.observe();
        let world = self.world();
        assert!(self.command(&["observe", "--full"]).output().unwrap().status.success());
        assert_eq!(world, self.world());
        world
    }
}

fn event(second: i64, kind: &str, service: &str) -> String {
    format!("{{\"ts\":{},\"node\":\"piha\",\"type\":\"{kind}\",\"service\":\"{service}\"}}\n", T + second)
}

fn set_back(path: &Path, to: std::time::SystemTime) {
    fs::File::open(path).unwrap().set_modified(to).unwrap();
}

#[test]
fn a_backup_that_is_restored_with_all_its_times() {
    let root = Root::new();
    let dir = root.dir(OLD);
    let healthy = event(0, "service_healthy", "web");
    fs::write(dir.join("a.jsonl"), format!("{healthy}{}", event(1, "service_unhealthy", "web"))).unwrap();
    let before = fs::metadata(&dir).unwrap().modified().unwrap();
    std::thread::sleep(SETTLED);
    root.observe();
    // As rsync and tar do it: a new file, and the folder's time as it was.
    fs::write(dir.join(".a.new"), &healthy).unwrap();
    fs::rename(dir.join(".a.new"), dir.join("a.jsonl")).unwrap();
    set_back(&dir, before);
    assert!(root.check().contains("\"status\":\"healthy\""));
}

#[test]
fn a_late_file_in_a_folder_whose_time_was_set_back() {
    let root = Root::new();
    let dir = root.dir(OLD);
    fs::write(dir.join("a.jsonl"), event(0, "service_healthy", "web")).unwrap();
    let before = fs::metadata(&dir).unwrap().modified().unwrap();
    std::thread::sleep(SETTLED);
    root.observe();
    fs::write(dir.join("b.json"), event(1, "service_healthy", "late")).unwrap();
    set_back(&dir, before);
    assert!(root.check().contains("late"));
}

#[test]
fn a_line_that_is_changed_in_place_in_a_file_that_also_grows() {
    let root = Root::new();
    let path = root.today().join("a.jsonl");
    let lines: Vec<String> = (0..1200).map(|i| event(i, "service_healthy", &format!("s{i:04}"))).collect();
    fs::write(&path, lines.concat()).unwrap();
    assert!((90_000..128 * 1024).contains(&fs::metadata(&path).unwrap().len()));
    root.observe();
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(lines[..600].concat().len() as u64)).unwrap();
    file.write_all(lines[600].replace("healthy", "removed").as_bytes()).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    file.write_all(event(5000, "service_healthy", "new").as_bytes()).unwrap();
    let world = root.check();
    assert!(world.contains("new") && !world.contains("s0600"));
}

#[test]
fn a_burst_of_files_is_read_once() {
    let root = Root::new();
    let dir = root.today();
    fs::write(dir.join("a.jsonl"), event(0, "service_healthy", "web")).unwrap();
    root.observe();
    for i in 0..1100 {
        fs::write(dir.join(format!("{i}.json")), event(i, "service_healthy", "web")).unwrap();
    }
    root.observe();
    for _ in 0..2 {
        let told = root.observe();
        assert!(!told.contains("read again"), "{told}");
    }
    root.check();
}

#[test]
fn a_checkpoint_that_is_a_pipe_is_not_waited_for() {
    let root = Root::new();
    fs::write(root.dir(OLD).join("a.jsonl"), event(0, "service_healthy", "web")).unwrap();
    root.observe();
    let path = root.0.path().join("state/observer_checkpoint.json");
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    fs::remove_file(root.0.path().join("world/services.json")).unwrap();
    assert!(root.check().contains("web") && path.is_file());
}

#[test]
fn a_pass_that_finds_nothing_opens_no_old_day_and_syncs_nothing() {
    if !needs::strace() {
        return;
    }
    let root = Root::new();
    fs::write(root.dir(OLD).join("a.jsonl"), event(0, "service_healthy", "web")).unwrap();
    let today = root.today();
    fs::write(today.join("a.jsonl"), event(1, "service_healthy", "web")).unwrap();
    std::thread::sleep(SETTLED);
    root.observe();
    let trace = root.0.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-o"]).arg(&trace).arg(env!("CARGO_BIN_EXE_hlctl"));
    assert!(strace.arg("--root").arg(root.0.path()).arg("observe").status().unwrap().success());
    let trace = fs::read_to_string(trace).unwrap();
    let opened = |day: &str| trace.lines().any(|line| line.contains("open") && line.contains(day));
    assert!(opened(today.file_name().unwrap().to_str().unwrap()), "{trace}");
    assert!(!opened(OLD), "{trace}");
    assert!(!trace.contains("sync("), "{trace}");
}

#[test]
fn progress_is_shown_on_a_terminal_and_nowhere_else() {
    if !needs::strace() {
        return;
    }
    let root = Root::new();
    let path = root.dir(OLD).join("a.jsonl");
    fs::write(&path, event(0, "service_healthy", "web")).unwrap();
    let slow = || {
        let mut strace = Command::new("strace");
        strace.env_clear().env("TERM", "xterm").args(["-f", "-o", "/dev/null", "-P"]).arg(&path);
        strace.args(["-e", "trace=read", "-e", "inject=read:delay_enter=2500000:when=1"]);
        strace.arg(env!("CARGO_BIN_EXE_hlctl")).arg("--root").arg(root.0.path()).args(["observe", "--full"]);
        strace
    };
    let (said, code) = Terminal::start(slow()).end();
    assert!(code == 0 && said.contains("events,") && said.contains("left"), "{said}");
    let run = Run::of(slow().output().unwrap());
    assert_eq!((run.code, run.err.as_str()), (0, ""));
}
