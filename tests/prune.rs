//! `hlctl prune` through the real binary: what goes, what stays, and that nothing is lost on the way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

mod needs;

struct Root(tempfile::TempDir);

const DAY: i64 = 86_400_000;

impl Root {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn now(&self) -> i64 {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(self.write("clock", "")).unwrap().mtime() * 1000
    }

    fn stamp(&self, days_ago: i64) -> hlctl::flow::time::Stamp {
        hlctl::flow::time::Stamp::from_millis(self.now() - days_ago * DAY)
    }

    /// Returns the path of a file in the folder of a day.
    fn day(&self, days_ago: i64, name: &str) -> String {
        format!("events/{}/{name}", self.stamp(days_ago).day()).trim_end_matches('/').to_owned()
    }

    fn event(&self, days_ago: i64, kind: &str, service: &str) -> String {
        format!(r#"{{"ts":"{}","node":"piha","type":"{kind}","service":"{service}"}}"#, self.stamp(days_ago))
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlctl"));
        let output = command.env_clear().arg("--root").arg(self.0.path()).args(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn world(&self) -> (String, String) {
        assert_eq!(self.run(&["observe", "--full"]).0, 0);
        let read = |name| fs::read_to_string(self.at(name)).unwrap();
        (read("world/services.json"), read("world/nodes.json"))
    }
}

#[test]
fn what_the_world_depends_on_stays_and_the_rest_goes() {
    let root = Root::new();
    let old = root.write(&root.day(60, "a.jsonl"), root.event(60, "service_healthy", "web") + "\n");
    let lines = [
        root.event(50, "service_healthy", "web"),
        root.event(50, "service_healthy", "gone"),
        "broken".into(),
        root.event(51, "service_unhealthy", "web"),
    ];
    let kept = root.write(&root.day(50, "a.jsonl"), lines.join("\n") + "\n{\"half");
    let removed = root.event(50, "service_removed", "removed");
    let array =
        root.write(&root.day(50, "b.json"), format!("[{},{removed}]", root.event(55, "service_healthy", "web")));
    root.write(&root.day(1, "a.jsonl"), root.event(1, "service_healthy", "web") + "\n");
    let other = root.write(&root.day(60, "notes.txt"), "mine");
    let world = root.world();

    let (code, out, _) = root.run(&["prune", "--dry-run"]);
    assert_eq!(code, 0);
    assert!(out.contains("would free 2") && old.exists(), "{out}");
    let (code, out, err) = root.run(&["prune", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["events"].as_array().unwrap().len(), 3);

    assert!(!old.exists() && other.exists());
    assert_eq!(fs::read_to_string(&kept).unwrap(), format!("{}\n{}\n", lines[1], lines[3]));
    assert_eq!(fs::read_to_string(&array).unwrap(), format!("[{removed}]\n"));
    assert_eq!(root.world(), world);
    assert_eq!(root.run(&["prune"]).1, "nothing to prune\n");
}

#[test]
fn closed_days_are_compressed_and_read_as_before() {
    let root = Root::new();
    let text: String = (0..200).map(|i| root.event(9, "service_healthy", &format!("s{i}")) + "\n").collect();
    let plain = root.write(&root.day(9, "a.jsonl"), &text);
    root.write(&root.day(9, "a.jsonl.gz"), "left by a kill");
    let young = root.write(&root.day(2, "a.jsonl"), root.event(2, "service_healthy", "web") + "\nbroken\n");
    let world = root.world();
    let modified = fs::metadata(&plain).unwrap().modified().unwrap();
    assert_eq!(root.run(&["prune", "--compress", "7d"]).0, 0);
    let packed = plain.with_extension("jsonl.gz");
    assert!(!plain.exists() && young.exists() && fs::metadata(&packed).unwrap().len() < text.len() as u64 / 4);
    assert_eq!(fs::metadata(&packed).unwrap().modified().unwrap(), modified);
    assert_eq!(root.world(), world);
    assert_eq!(root.run(&["prune", "--compress", "7d"]).1, "nothing to prune\n");
    // What is needed of a packed day stays packed.
    assert_eq!(root.run(&["prune", "--keep", "3d"]).1, "nothing to prune\n");
    root.write(&root.day(1, "a.jsonl"), root.event(1, "service_healthy", "s7") + "\n");
    let world = root.world();
    assert!(root.run(&["prune", "--keep", "3d"]).1.contains("freed"));
    assert!(packed.exists() && root.world() == world);
}

#[test]
fn ended_actions_go_with_their_output_and_history() {
    let root = Root::new();
    let action = |id: &str, state: &str, days_ago: i64| {
        let at = root.stamp(days_ago);
        let history = format!(r#"[{{"at":"{at}","to":"{state}","by":"x","via":"execute","note":null}}]"#);
        let text = format!(r#"{{"id":"{id}","type":"redeploy","node":"n","service":"s","history":{history}}}"#);
        let log = root.write(&format!("actions/logs/{id}/{}.log", at.file_name()), "output");
        (root.write(&format!("actions/{state}/{id}.json"), text), log)
    };
    let old = action("redeploy-n-old", "failed", 100);
    let young = action("redeploy-n-young", "completed", 10);
    let pending = action("redeploy-n-pending", "pending", 300);
    let history = |days_ago: i64| {
        let name = format!("{}-failed.json", root.stamp(days_ago).file_name());
        root.write(&format!("actions/history/redeploy-n-young/{name}"), "{}")
    };
    let (older, newer) = (history(200), history(20));
    assert!(root.run(&["prune", "--dry-run"]).1.contains("redeploy-n-old") && old.0.exists());
    assert_eq!(root.run(&["prune"]).0, 0);
    assert!(!old.0.exists() && !old.1.exists() && !older.exists() && !root.at("actions/logs/redeploy-n-old").exists());
    assert!(young.0.exists() && young.1.exists() && newer.exists() && pending.0.exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_told_and_the_rest_is_done() {
    let root = Root::new();
    let locked = root.write(&root.day(60, "a.jsonl"), root.event(60, "service_healthy", "web") + "\n");
    let free = root.write(&root.day(50, "a.jsonl"), root.event(60, "service_healthy", "web") + "\n");
    root.write(&root.day(1, "a.jsonl"), root.event(1, "service_healthy", "web") + "\n");
    let dir = locked.parent().unwrap();
    let chattr = |flag: &str| Command::new("chattr").arg(flag).arg(dir).status().is_ok_and(|s| s.success());
    if !needs::there("file system with immutable folders, or right to make them", chattr("+i")) {
        return;
    }
    let (code, _, err) = root.run(&["prune"]);
    chattr("-i");
    assert!(code == 1 && err.contains("cannot remove") && err.contains("help:"), "{code} {err}");
    assert!(locked.exists() && !free.exists());
}

#[test]
fn what_somebody_adds_without_a_lock_while_a_day_is_packed_or_thinned_out_stays() {
    if !needs::strace() {
        return;
    }
    // Packed, between the rename that brings the packed file and the removal of the other; thinned out, before the rename.
    for (args, age, call) in [
        (["--compress", "1d"], 10, "/^rename:delay_exit=4000000:when=1"),
        (["--keep", "30d"], 40, "fsync:delay_exit=1500000"),
    ] {
        let root = Root::new();
        let event = |days, service| root.event(days, "service_healthy", service) + "\n";
        let path = root.write(&root.day(age, "a.jsonl"), event(age, "web") + &event(age + 1, "web"));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-e", "trace=/^rename,fsync", "-e"]).arg(format!("inject={call}"));
        strace.arg(env!("CARGO_BIN_EXE_hlctl")).arg("--root").arg(root.0.path()).arg("prune").args(args);
        let mut running = strace.spawn().unwrap();
        let dir = path.parent().unwrap();
        let is_on = || fs::read_dir(dir).unwrap().any(|e| *e.unwrap().file_name() != *"a.jsonl");
        while !is_on() {
            assert!(running.try_wait().unwrap().is_none(), "{args:?}: it ended without a second file");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        use std::io::Write;
        let late = event(age, "late");
        fs::File::options().append(true).open(&path).unwrap().write_all(late.as_bytes()).unwrap();
        assert!(running.wait().unwrap().success());
        assert!(root.world().0.contains("\"late\""), "{args:?}");
    }
}

#[test]
fn what_killed_passes_left_goes_and_the_empty_folder_with_it() {
    if !needs::program("faketime") {
        return;
    }
    let root = Root::new();
    let left = root.write(&root.day(60, ".hlctl-left.tmp"), "half");
    let packed = root.write(&root.day(10, ".hlctl-left.tmp"), "half");
    let empty = root.at(&root.day(50, ""));
    fs::create_dir_all(&empty).unwrap();
    root.write(&root.day(1, "a.jsonl"), root.event(1, "service_healthy", "web") + "\n");
    assert_eq!(root.run(&["prune", "--compress", "5d"]).0, 0);
    assert!(left.exists() && packed.exists() && !empty.exists(), "they may be somebody's still");
    let mut later = Command::new("faketime");
    later.args(["-f", "+2h", env!("CARGO_BIN_EXE_hlctl"), "--root"]).arg(root.0.path());
    assert!(later.args(["prune", "--compress", "5d"]).status().unwrap().success());
    assert!(!left.parent().unwrap().exists() && !packed.exists());
}

/// A file system of its own; unmounted when it goes.
struct Mounted(PathBuf);

impl Mounted {
    fn new(at: PathBuf, args: &[&str]) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount").args(args).arg(&at).output();
        needs::there("right to mount", mounted.is_ok_and(|o| o.status.success())).then_some(Self(at))
    }

    fn remount(&self, how: &str) {
        let remounted = Command::new("mount").args(["-o", &format!("remount,bind,{how}")]).arg(&self.0).status();
        assert!(remounted.unwrap().success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Fills events of 50 and of 9 days ago in, of which something goes, something stays and something is compressed.
fn three_ages(root: &Root) {
    let lines = [root.event(50, "service_healthy", "web"), root.event(50, "service_healthy", "gone")];
    root.write(&root.day(50, "a.jsonl"), lines.join("\n") + "\n");
    root.write(&root.day(49, "a.jsonl"), root.event(49, "service_healthy", "web") + "\n");
    root.write(&root.day(9, "a.jsonl"), root.event(9, "service_healthy", "web") + "\n");
}

#[test]
fn events_on_another_file_system_are_pruned_as_well() {
    let root = Root::new();
    let Some(_events) = Mounted::new(root.at("events"), &["-t", "tmpfs", "-o", "size=8m", "tmpfs"]) else { return };
    three_ages(&root);
    // And the folder of a day may be a mount point too, which cannot be removed.
    let day = root.at(&root.day(55, ""));
    let Some(_day) = Mounted::new(day.clone(), &["-t", "tmpfs", "-o", "size=1m", "tmpfs"]) else { return };
    root.write(&root.day(55, "a.jsonl"), root.event(55, "service_healthy", "web") + "\n");
    let world = root.world();
    let (code, out, err) = root.run(&["prune", "--keep", "30d", "--compress", "7d"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("in 4 files"), "{out}");
    assert_eq!(fs::read_dir(&day).unwrap().count(), 0);
    assert!(!root.at(&root.day(49, "")).exists() && root.at(&root.day(9, "a.jsonl.gz")).exists());
    assert_eq!(root.world(), world);
    assert_eq!(root.run(&["prune", "--keep", "30d", "--compress", "7d"]).1, "nothing to prune\n");
}

#[test]
fn events_on_a_read_only_file_system_are_left_and_it_is_told_once() {
    let root = Root::new();
    let Some(events) = Mounted::new(root.at("events"), &["-t", "tmpfs", "-o", "size=8m", "tmpfs"]) else { return };
    three_ages(&root);
    let world = root.world();
    let listed = |root: &Root| {
        let all = walkdir::WalkDir::new(root.at("events")).sort_by_file_name().into_iter().map(Result::unwrap);
        let files = all.filter(|e| e.file_type().is_file());
        files.map(|e| (e.path().to_owned(), fs::read(e.path()).unwrap())).collect::<Vec<_>>()
    };
    let before = listed(&root);
    let args = ["prune", "--keep", "30d", "--compress", "7d"];
    events.remount("ro");
    let (code, out, err) = root.run(&args);
    assert_eq!((code, out.as_str()), (1, "nothing to prune\n"));
    let path = root.at("events");
    let told = [
        format!("hlctl: cannot change anything in {}: Read-only file system (os error 30)", path.display()),
        "hlctl: help: mount the file system of that path writable (`mount -o remount,rw`), then run it again: nothing \
         was lost"
            .to_owned(),
    ];
    assert_eq!(err.lines().collect::<Vec<_>>(), told);
    assert!(root.run(&["prune", "--dry-run"]).1.contains("would free"), "what would go can be seen");
    assert_eq!((listed(&root), root.world()), (before, world.clone()));
    events.remount("rw");

    // One day alone: the others are pruned.
    let day = root.at(&root.day(50, ""));
    let Some(day) = Mounted::new(day.clone(), &["--bind", day.to_str().unwrap()]) else { return };
    day.remount("ro");
    let (code, out, err) = root.run(&args);
    assert_eq!(code, 1, "{out}{err}");
    assert!(
        err.contains(&format!("cannot change anything in {}", day.0.display())) && out.contains("in 2 files"),
        "{out}{err}"
    );
    assert_eq!(root.world(), world);
    day.remount("rw");
    assert_eq!(root.run(&args).0, 0);
    assert_eq!(root.world(), world);
}
