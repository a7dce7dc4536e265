//! The record of each pass: its lock, when it last ended and how long it took (the lock's modification and access) and how
//! (`state/PASS.json`).
//! What a pass found lies elsewhere; a pass that changed nothing leaves nothing but the touch of its lock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::atomic::WriteError;
use super::lock::Lock;
use super::root::Root;
use crate::flow::json;
use crate::flow::time::Stamp;

/// Longer than any pass takes: an access that is later than this after 1970 is one of somebody who read the lock.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// The passes whose age `status` shows, in the order of the loop.
pub const SHOWN: [&str; 3] = ["observe", "reconcile", "execute"];

/// How the last run of a pass ended: the content of `state/PASS.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRecord {
    /// The format, `hlctl.pass/v1`.
    pub schema: String,
    /// Whether all of it went well.
    pub ok: bool,
    /// What went wrong, in one line.
    pub error: Option<String>,
    /// What it counted; the same again when nothing changed.
    pub counts: BTreeMap<String, u64>,
}

/// A running pass: holds its lock and records its end.
#[derive(Debug)]
pub struct Pass<'a> {
    root: &'a Root,
    name: &'static str,
    lock: Lock,
    began: Instant,
}

impl<'a> Pass<'a> {
    /// Starts a pass, unless another one of its kind is running.
    pub fn start(root: &'a Root, name: &'static str) -> Result<Option<Pass<'a>>, WriteError> {
        Ok(Lock::try_take(root, name)?.map(|lock| Pass { root, name, lock, began: Instant::now() }))
    }

    /// Ends the pass: its record is written if it changed, its lock touched.
    pub fn end(self, error: Option<String>, counts: BTreeMap<String, u64>) -> Result<(), WriteError> {
        let record = PassRecord { schema: "hlctl.pass/v1".into(), ok: error.is_none(), error, counts };
        let path = self.root.state(&format!("{}.json", self.name));
        let mut bytes = serde_json::to_vec_pretty(&record).expect("a record of strings and numbers serializes");
        bytes.push(b'\n');
        self.root.write(&path, &bytes)?;
        self.lock.touch(self.began.elapsed()).map_err(|e| WriteError::at(&path, "touch the lock of", e))
    }

    /// Ends the pass with an error. The disk may be full: that this cannot be recorded either adds nothing to it.
    pub fn fail(self, error: &impl std::fmt::Display) {
        let _ = self.end(Some(error.to_string()), BTreeMap::new());
    }
}

/// What is known of a pass's last run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// When it ended.
    pub finished: Stamp,
    /// How long it took, unless the lock was read since: then nobody knows.
    pub took: Option<Duration>,
    /// How it ended.
    pub record: PassRecord,
}

/// Returns the last run of a pass, or nothing where it never ended or its record cannot be read.
pub fn last_run(root: &Root, name: &str) -> Option<LastRun> {
    let record = std::fs::read(root.state(&format!("{name}.json"))).ok()?;
    let record = json::from_bytes(&record).ok()?;
    let lock = std::fs::metadata(root.state(&format!("{name}.lock"))).ok()?;
    let modified = lock.modified().ok()?;
    let took =
        lock.accessed().ok().and_then(|took| took.duration_since(UNIX_EPOCH).ok()).filter(|took| *took < LONGEST);
    Some(LastRun { finished: Stamp::of(modified)?, took, record })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_that_changed_nothing_says_when_it_ended_and_how_long_it_took() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let written = || std::fs::metadata(root.state("observe.json")).unwrap().modified().unwrap();
        let run = || {
            let pass = Pass::start(&root, "observe").unwrap().unwrap();
            let pass = Pass { began: pass.began.checked_sub(Duration::from_secs(90)).unwrap(), ..pass };
            pass.end(None, BTreeMap::new()).unwrap();
            last_run(&root, "observe").unwrap()
        };
        let (first, first_written) = (run(), written());
        assert!(first.took.unwrap() >= Duration::from_secs(90) && first.took.unwrap() < Duration::from_secs(180));
        std::thread::sleep(Duration::from_millis(20));
        let second = run();
        assert!(second.finished > first.finished && second.record == first.record);
        assert_eq!(written(), first_written);
        // Taking the lock moves nothing.
        drop(Pass::start(&root, "observe").unwrap().unwrap());
        assert_eq!(last_run(&root, "observe").unwrap(), second);
    }
}
