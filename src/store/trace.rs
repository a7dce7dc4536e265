//! The traces that changes leave: when each file and folder that a report of the state is made of was changed, how
//! large and which it is. Opens none of them but the folder of the hosts, and never walks what grows with time.

use std::path::Path;

use rustix::fs::Stat;
use xxhash_rust::xxh3::Xxh3;

use super::root::Root;
use crate::flow::lifecycle::State;
use crate::flow::time::Stamp;

/// What a change takes to be seen by its time: some kernels and file systems count in steps of that size.
const COARSE_MS: i64 = 2_000;

/// The passes whose lock is all that an unchanged run touches.
const LOCKS: [&str; 3] = ["observe.lock", "reconcile.lock", "execute.lock"];
/// Files of the world that somebody might write in place.
const WORLD: [&str; 5] = ["services.json", "nodes.json", "drift.json", "summary.json", "digest.md"];

/// The traces, as one number, and the newest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    sum: u128,
    newest_ms: i64,
}

impl Trace {
    /// Returns the traces in a root and in the folder of its hosts.
    ///
    /// What happens within a folder's files without a new name in the folder is not among them, but for the files that
    /// people edit: it is for the caller not to trust equal traces for long.
    pub fn of(root: &Root, hosts: &Path) -> Trace {
        let mut trace = Trace { sum: 0, newest_ms: 0 };
        trace.add(&root.config());
        for name in WORLD {
            trace.add(&root.world(name));
        }
        for state in State::ALL {
            trace.add(&root.actions().join(state.as_str()));
        }
        for name in ["", "silences.json"].into_iter().chain(LOCKS) {
            trace.add(&root.state(name));
        }
        trace.add(hosts);
        for folder in std::fs::read_dir(hosts).into_iter().flatten().flatten() {
            if folder.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let folder = folder.path();
            trace.add(&folder);
            trace.add(&folder.join("services.yaml"));
            trace.add(&folder.join("host.yaml"));
        }
        trace
    }

    /// Returns whether these traces are old enough for a later change to leave others.
    pub fn is_settled(&self, now: Stamp) -> bool {
        now.millis() - self.newest_ms >= COARSE_MS
    }

    /// Adds the traces of a path, in whatever order.
    fn add(&mut self, path: &Path) {
        let mut sum = Xxh3::new();
        sum.update(path.as_os_str().as_encoded_bytes());
        if let Ok(stat) = rustix::fs::stat(path) {
            let Stat { st_dev, st_ino, st_size, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec, .. } = stat;
            let numbers = [i128::from(st_mtime), i128::from(st_mtime_nsec), i128::from(st_ctime), st_ctime_nsec.into()];
            for number in numbers.into_iter().chain([st_dev.into(), st_ino.into(), st_size.into()]) {
                sum.update(&number.to_le_bytes());
            }
            // Nobody can set this one: whatever was changed, was changed then.
            let changed = i128::from(st_ctime) * 1000 + i128::from(st_ctime_nsec) / 1_000_000;
            self.newest_ms = self.newest_ms.max(i64::try_from(changed).unwrap_or(i64::MAX));
        }
        self.sum = self.sum.wrapping_add(sum.digest128());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pass_a_transition_and_a_hand_change_leaves_another_trace() {
        let dir = tempfile::tempdir().unwrap();
        let at = |below: &str| dir.path().join(below);
        for below in ["world", "actions/pending", "state", "hosts/piha"] {
            std::fs::create_dir_all(at(below)).unwrap();
        }
        let root = Root::open(dir.path()).unwrap();
        let trace = || Trace::of(&root, &at("hosts"));
        let mut seen = vec![trace()];
        assert_eq!(trace(), seen[0]);
        let mut other = |what: &str| {
            let new = trace();
            assert!(!seen.contains(&new), "{what}");
            seen.push(new);
        };
        for file in [
            "config.yaml",
            "world/services.json",
            "actions/pending/a.json",
            "state/observe.json",
            "state/execute.lock",
            "state/silences.json",
            "hosts/piha/services.yaml",
            "hosts/piha/host.yaml",
        ] {
            std::fs::write(at(file), "a").unwrap();
            other(file);
        }
        for file in ["config.yaml", "world/services.json", "hosts/piha/services.yaml"] {
            std::fs::write(at(file), "ab").unwrap();
            other(file);
        }
        let later = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        std::fs::File::options().write(true).open(at("state/execute.lock")).unwrap().set_modified(later).unwrap();
        other("the touch of a lock");
        std::fs::rename(at("actions/pending/a.json"), at("actions/a.json")).unwrap();
        other("a move");
        std::fs::create_dir(at("hosts/vps")).unwrap();
        other("a host");
    }

    #[test]
    fn young_traces_prove_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let trace = Trace::of(&Root::open(dir.path()).unwrap(), dir.path());
        let at = |ms: i64| Stamp::from_millis(trace.newest_ms + ms);
        assert!(trace.newest_ms > 0);
        assert!(!trace.is_settled(at(-1)) && !trace.is_settled(at(1_999)) && trace.is_settled(at(2_000)));
    }
}
