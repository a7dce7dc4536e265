//! `hlctl observe` through the real binary: what it tells, what it writes, and what it leaves alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes a file of events into the folder of one day.
    fn day(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at("events/2026-11-23").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlctl"));
        command.env_clear().arg("--root").arg(self.0.path()).args(args);
        command
    }

    fn observe(&self, args: &[&str]) -> (i32, String, String) {
        result(&self.command(&[&["observe"], args].concat()).output().unwrap())
    }

    fn services(&self) -> String {
        fs::read_to_string(self.at("world/services.json")).unwrap()
    }

    /// Every file below the root with its inode, its times and its bytes; locks only by name.
    fn snapshot(&self) -> Vec<String> {
        fn walk(dir: &Path, out: &mut Vec<String>) {
            use std::os::unix::fs::MetadataExt;
            for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
                let (path, meta) = (entry.path(), entry.metadata().unwrap());
                let is_lock = path.extension().is_some_and(|e| e == "lock");
                let times = (meta.ino(), meta.ctime(), meta.ctime_nsec(), meta.size());
                out.push(format!("{} {:?}", path.display(), (!is_lock).then_some(times)));
                if meta.is_dir() {
                    walk(&path, out);
                }
            }
        }
        let mut out = Vec::new();
        walk(self.0.path(), &mut out);
        out.sort();
        out
    }
}

fn result(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn event(ts: i64, kind: &str) -> String {
    format!(r#"{{"ts":{ts},"node":"piha","type":"{kind}","service":"web","reason":"r"}}"#)
}

const T: i64 = 1_795_400_000;

#[test]
fn no_events_are_a_verdict() {
    let root = Root::new();
    let (code, out, err) = root.observe(&[]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "world changed: 0 services, 0 nodes, no events yet\n", ""));
    assert_eq!(root.services(), "{\"schema\":\"hlctl.services/v1\",\"as_of\":null,\"services\":[]}\n");
}

#[test]
fn a_second_pass_on_an_unchanged_tree_writes_nothing() {
    let root = Root::new();
    root.day("a.jsonl", event(T, "service_healthy") + "\nbroken\n" + &event(T * 2, "service_healthy") + "\n{\"half");
    root.day("b.json", event(T + 1, "service_unhealthy"));
    root.day("empty.json", "");
    assert_eq!(root.observe(&[]).0, 0);
    let before = root.snapshot();
    for pause in [0, 2100, 0] {
        std::thread::sleep(std::time::Duration::from_millis(pause));
        let (code, out, err) = root.observe(&["-v"]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.starts_with("world unchanged: 1 service, 1 node, as of 2026-11-23T02:13:21.000Z\n"), "{out}");
        assert_eq!(root.snapshot(), before);
    }
}

#[test]
fn what_is_set_aside_is_told_with_file_line_and_cause() {
    let root = Root::new();
    let good = event(T, "service_healthy");
    let mut lines = format!("{good}\n\n{{\"ts\":\nnull\n").into_bytes();
    lines.extend_from_slice(b"{\"ts\":\"\xff\"}\n{\"ts\":\"\0\"}\n");
    lines.extend(std::iter::repeat_n(b'x', 3 << 20));
    lines.extend_from_slice(b"\n{\"ts\":1,\"\\u0074s\":1}\n");
    root.day("a.jsonl", lines);
    root.day("hostile.json", "{\"ts\":1795400000,\"node\":\"\\u001b[2J\u{9b}31m\",\"type\":\"t\"}");
    root.day("empty.json", "");
    root.day("huge.json", vec![b' '; (16 << 20) + 1]);
    fs::create_dir(root.at("events/2026-11-23/folder.json")).unwrap();
    symlink("/etc/passwd", root.at("events/2026-11-23/link.json")).unwrap();
    symlink("/etc", root.at("events/2026-11-22")).unwrap();
    fs::write(root.at("events/2026-11-21"), "").unwrap();
    root.day(".hidden.json", "x");
    root.day("written.json.tmp", "x");
    root.day("notes.txt", "x");
    let (code, out, err) = root.observe(&[]);
    assert_eq!((code, err.as_str()), (0, ""));
    let told: Vec<String> = out.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        told,
        [
            "world changed: 1 service, 1 node, as of 2026-11-23T02:13:20.000Z",
            "13 events set aside as unreadable:",
            "FILE CAUSE",
            "events/2026-11-23/link.json a symbolic link: not followed",
            "events/2026-11-23/huge.json longer than 16 MiB",
            "events/2026-11-23/hostile.json:1 `node`: \"\\u{1b}[2J\\u{9b}31m\" is not a name: use a-z A-Z 0-9 . _ - and begin with a letter or a digit",
            "events/2026-11-23/folder.json a folder where a file is expected: not read",
            "events/2026-11-23/empty.json an empty file",
            "events/2026-11-23/a.jsonl:8 the key \"ts\" stands twice",
            "events/2026-11-23/a.jsonl:7 longer than 1 MiB",
            "events/2026-11-23/a.jsonl:6 not JSON: control character (\\u0000-\\u001F) found while parsing a string (column 7)",
            "events/2026-11-23/a.jsonl:5 invalid UTF-8 (byte 7)",
            "events/2026-11-23/a.jsonl:4 not a JSON object",
            "events/2026-11-23/a.jsonl:3 not JSON: EOF while parsing a value (column 6)",
            "events/2026-11-22 a symbolic link: not followed",
            "events/2026-11-21 a file where a folder is expected: not read",
        ]
    );
}

#[test]
fn a_hundred_megabytes_in_one_line_are_not_held() {
    let root = Root::new();
    let path = root.day("a.jsonl", "");
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(100 << 20).unwrap();
    let rest = format!("\n{}\n", event(T, "service_healthy"));
    std::io::Write::write_all(&mut fs::OpenOptions::new().append(true).open(&path).unwrap(), rest.as_bytes()).unwrap();
    let script =
        format!("ulimit -v 60000; exec {} --root {} observe", env!("CARGO_BIN_EXE_hlctl"), root.0.path().display());
    let (code, out, err) = result(&Command::new("sh").args(["-c", &script]).output().unwrap());
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("1 service") && out.contains("a.jsonl:1  longer than 1 MiB"), "{out}");
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_done() {
    let root = Root::new();
    root.day("good.json", event(T, "service_healthy"));
    let bad = root.day("bad.json", event(T + 1, "service_unhealthy"));
    fs::set_permissions(&bad, fs::Permissions::from_mode(0o000)).unwrap();
    // The super-user can read everything: then somebody else is asked.
    let observe = || match rustix::process::geteuid().is_root() {
        false => root.observe(&[]),
        true => {
            give(root.0.path());
            let exe = root.at("hlctl");
            fs::copy(env!("CARGO_BIN_EXE_hlctl"), &exe).unwrap();
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&exe).env_clear();
            result(
                &command.env("PATH", "/usr/bin:/bin").arg("--root").arg(root.0.path()).arg("observe").output().unwrap(),
            )
        }
    };
    let (code, out, err) = observe();
    assert_eq!(
        (code, err.as_str()),
        (1, "hlctl: 1 file or folder of events cannot be read: the world is made of the others\n")
    );
    assert!(out.contains("bad.json") && out.contains("Permission denied"), "{out}");
    fs::set_permissions(&bad, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(observe().0, 0);
    assert!(root.services().contains("unhealthy"));
}

/// Gives a tree to nobody.
fn give(path: &Path) {
    std::os::unix::fs::lchown(path, Some(65534), Some(65534)).unwrap();
    for entry in fs::read_dir(path).into_iter().flatten() {
        give(&entry.unwrap().path());
    }
}

#[test]
fn a_pass_that_runs_is_left_alone() {
    let root = Root::new();
    assert_eq!(root.observe(&[]).0, 0);
    let lock = fs::File::open(root.at("state/observe.lock")).unwrap();
    lock.lock().unwrap();
    let (code, out, err) = root.observe(&[]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.contains("another observe is running"), "{err}");
    assert_eq!(root.observe(&["--dry-run"]).0, 0, "a dry run takes no lock");
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let root = Root::new();
    root.day("a.json", event(T, "service_healthy"));
    let before = root.snapshot();
    let (code, out, _) = root.observe(&["--dry-run"]);
    assert_eq!(
        (code, out.lines().next()),
        (0, Some("world would change: 1 service, 1 node, as of 2026-11-23T02:13:20.000Z"))
    );
    assert_eq!(root.snapshot(), before);
}

#[test]
fn a_mirror_is_refused_and_a_missing_root_is_told() {
    let root = Root::new();
    fs::create_dir(root.at("state")).unwrap();
    fs::write(root.at("state/is-mirror"), "").unwrap();
    let (code, _, err) = root.observe(&[]);
    assert!(code == 1 && err.contains("is a mirror") && err.contains("help:"), "{err}");
    let missing = Root::new();
    fs::remove_dir(missing.0.path()).unwrap();
    let (code, _, err) = missing.observe(&[]);
    assert!(code == 1 && err.contains("init"), "{err}");
}

#[test]
fn the_checkpoint_is_only_a_hint() {
    let root = Root::new();
    root.day("a.jsonl", event(T, "service_healthy") + "\n");
    let checkpoint = root.at("state/observer_checkpoint.json");
    for (content, why) in [
        (None, "is missing"),
        (Some(""), "is damaged"),
        (Some("{}"), "is damaged"),
        (Some("{\"schema\":\"hlctl.checkpoint/v9\",\"checksum\":\"\",\"body\":{}}"), "is of another version"),
    ] {
        match content {
            Some(content) => fs::write(&checkpoint, content).unwrap(),
            None => drop(fs::remove_file(&checkpoint)),
        }
        let (code, _, err) = root.observe(&["-v"]);
        assert_eq!((code, err), (0, format!("hlctl: all events were read again: the checkpoint {why}\n")));
        assert!(root.services().contains("\"healthy\""));
    }
    let (_, _, err) = root.observe(&["-v", "--full"]);
    assert_eq!(err, "hlctl: all events were read again: it was asked for\n");
}

#[test]
fn json_on_request() {
    let root = Root::new();
    root.day("a.jsonl", event(T, "service_healthy") + "\nx\n");
    let (code, out, _) = root.observe(&["--json"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["state"], &report["services"]), (0, &"done".into(), &1.into()));
    assert_eq!(report["findings"]["rejected"]["newest"][0]["line"], 2);
}
