//! A pass that has nothing to do writes nothing: SD cards wear, and whoever watches the tree is not woken.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::lab::{HLCTL, Lab};
use crate::needs;

const PASSES: [&str; 3] = ["observe", "reconcile", "execute"];

/// Returns inode, times and size of everything below the root, the times of locks apart.
/// A name's inode, size and, but for locks, its times.
type Mark = (u64, u64, Option<(i64, i64, i64, i64)>);

fn marks(lab: &Lab) -> BTreeMap<PathBuf, Mark> {
    let all = walkdir::WalkDir::new(lab.root()).into_iter().map(Result::unwrap);
    all.map(|entry| {
        let meta = entry.path().symlink_metadata().unwrap();
        let is_lock = entry.path().extension().is_some_and(|e| e == "lock");
        let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
        (entry.into_path(), (meta.ino(), meta.size(), (!is_lock).then_some(times)))
    })
    .collect()
}

/// A root with everything in it: drift of each kind, a hold, a failure, a broken host, what was set aside.
fn settled() -> Lab {
    let lab = Lab::drifted();
    lab.host("vps", "services: [\n");
    lab.put("events/2026-11-22/bad.jsonl", "bad\n");
    lab.put("config.yaml", "settle: 1h\n");
    lab.ok(&["reject", "redeploy-piha-web", "--reason", "no"]);
    for _ in 0..2 {
        for pass in PASSES {
            lab.run(&[pass]);
        }
    }
    lab
}

#[test]
fn a_pass_without_anything_to_do_touches_its_lock_and_nothing_else() {
    let lab = settled();
    let before = marks(&lab);
    for pass in PASSES {
        let lock = lab.at(&format!("state/{pass}.lock"));
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        std::fs::File::options().write(true).open(&lock).unwrap().set_modified(old).unwrap();
        lab.run(&[pass]);
        assert_eq!(marks(&lab), before, "{pass}");
        assert!(lock.metadata().unwrap().modified().unwrap() > old, "{pass} touched its lock");
    }
}

#[test]
fn what_only_reads_writes_nothing_at_all() {
    let lab = settled();
    let before = marks(&lab);
    let verbs: &[&[&str]] = &[
        &["status"],
        &["status", "--json"],
        &["actions"],
        &["show", "redeploy-piha-web"],
        &["plan"],
        &["audit"],
        &["audit", "verify"],
        &["check"],
        &["digest"],
        &["silence"],
        &["observe", "--dry-run"],
        &["reconcile", "--dry-run"],
        &["execute", "--dry-run"],
        &["approve", "--all", "--dry-run"],
        &["reject", "--all", "--reason", "x", "--dry-run"],
        &["request", "redeploy", "piha", "web", "--dry-run"],
        &["init"],
        &["init", "--dry-run"],
    ];
    for verb in verbs {
        lab.run(verb);
        assert_eq!(marks(&lab), before, "{verb:?}");
    }
}

#[test]
fn no_system_call_of_such_a_pass_creates_renames_unlinks_writes_or_syncs_below_the_root() {
    if !needs::strace() {
        return;
    }
    let lab = settled();
    let root = lab.root().display().to_string();
    for pass in PASSES {
        let trace = lab.beside(&format!("{pass}.strace"));
        let mut strace = lab.called_by("strace", &["-f", "-y", "-s", "4096", "-e", "trace=%file,%desc", "-o"]);
        strace.arg(&trace).arg(HLCTL).arg(pass).output().unwrap();
        let trace = std::fs::read_to_string(&trace).unwrap();
        assert!(trace.contains(&format!("{root}/state/{pass}.lock")), "{pass} was traced");
        let touches: Vec<&str> = trace.lines().filter(|l| l.contains("utimensat")).collect();
        assert_eq!(touches.len(), 1, "{pass}: {touches:#?}");
        for line in trace.lines().filter(|line| line.contains(&root) && !line.contains("<pipe:")) {
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            let name = call.split('(').next().unwrap();
            let is_lock = line.contains(&format!("{root}/state/{pass}.lock"));
            let opens = name.starts_with("open");
            let writes =
                opens && ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"].iter().any(|f| line.contains(f));
            // The lock of transitions is opened, not written, where a pass looks at what a hand did.
            let opens_lock =
                writes && line.contains(".lock\"") && !line.contains("O_CREAT") && !line.contains("O_TRUNC");
            assert!(!writes || opens_lock, "{pass}: {line}");
            let changes = [
                "creat",
                "mkdir",
                "rename",
                "unlink",
                "rmdir",
                "link",
                "symlink",
                "mknod",
                "truncate",
                "ftruncate",
                "write",
                "pwrite",
                "writev",
                "fallocate",
                "chmod",
                "fchmod",
                "chown",
                "fchown",
                "lchown",
                "setxattr",
                "fsync",
                "fdatasync",
                "sync",
                "copy_file_range",
                "sendfile",
            ];
            let is_change = changes
                .iter()
                .any(|c| name == *c || name.strip_prefix(c).is_some_and(|r| ["at", "at2", "64", "v"].contains(&r)));
            assert!(!is_change, "{pass}: {line}");
            assert!(!name.contains("utime") || is_lock, "{pass}: {line}");
        }
    }
}
