//! Retention of the queue: ended actions, their older records and the output of their executions go when they are
//! old. What is pending, approved or running is never touched.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::actions;
use super::atomic::{WriteError, sync_dir};
use super::lock::Lock;
use super::root::Root;
use crate::flow::lifecycle::State;
use crate::flow::sort;
use crate::flow::time::{DAY_MS, Stamp};

/// An execution begins before its action ends: its output is kept so much longer.
const EXECUTION_MS: i64 = DAY_MS;

/// What went.
#[derive(Debug, Default)]
pub struct Removed {
    /// The files, below the root, and their sizes.
    pub files: Vec<(String, u64)>,
    /// What could not be done.
    pub errors: Vec<WriteError>,
}

/// Removes what ended before `from`, or says what would be.
pub fn prune(root: &Root, from: Stamp, dry_run: bool) -> Result<Removed, WriteError> {
    // Like a transition: nobody moves a record while it is looked at.
    let _lock = if dry_run { None } else { Some(Lock::take(root, "actions")?) };
    let mut pruning = Pruning { root, dry_run, removed: Removed::default() };
    let listing = actions::list(root, &State::ALL);
    let listing = listing.map_err(|e| WriteError::at(&root.actions(), "list the actions in", e))?;
    let mut kept = BTreeSet::new();
    for entry in &listing.entries {
        let path = actions::path(root, entry.state, &entry.action.id);
        let since = entry.since().or_else(|| modified(&path));
        if !entry.state.is_ended() || since.is_none_or(|since| since >= from) || !pruning.remove(&path) {
            kept.insert(entry.action.id.to_string());
        }
    }
    // A file that is no action may be one after a hand mended it.
    kept.extend(listing.invalid.iter().filter_map(|i| Some(i.path.file_stem()?.to_string_lossy().into_owned())));
    for (folder, margin) in [("history", 0), ("logs", EXECUTION_MS)] {
        for dir in children(&root.actions().join(folder)) {
            let id = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let has_history = root.actions().join("history").join(&id).exists();
            for file in children(&dir) {
                let at = stamp(&file).or_else(|| modified(&file));
                let is_old = at.is_some_and(|at| at.plus_millis(margin) < from);
                // Output of which no record is left says nothing to anybody.
                if is_old || (folder == "logs" && !kept.contains(&id) && !has_history) {
                    pruning.remove(&file);
                }
            }
            if !dry_run && fs::remove_dir(&dir).is_ok() {
                pruning.removed.errors.extend(sync_dir(&root.actions().join(folder)).err());
            }
        }
    }
    Ok(pruning.removed)
}

struct Pruning<'a> {
    root: &'a Root,
    dry_run: bool,
    removed: Removed,
}

impl Pruning<'_> {
    /// Removes a file. Returns whether it is gone.
    fn remove(&mut self, path: &Path) -> bool {
        let Ok(metadata) = path.symlink_metadata() else { return true };
        if !metadata.is_file() {
            return false;
        }
        if !self.dry_run
            && let Err(e) = fs::remove_file(path)
            && e.kind() != io::ErrorKind::NotFound
        {
            self.removed.errors.push(WriteError::at(path, "remove", e));
            return false;
        }
        let shown = path.strip_prefix(self.root.path()).unwrap_or(path);
        self.removed.files.push((shown.display().to_string(), metadata.size()));
        true
    }
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
    sort::by(&mut all, Ord::cmp);
    all
}

/// Returns the time that a file's name begins with, as [`Stamp::file_name`] writes it.
fn stamp(path: &Path) -> Option<Stamp> {
    let name = path.file_name()?.to_str()?.trim_start_matches('.');
    let time = chrono::NaiveDateTime::parse_from_str(name.get(..19)?, "%Y%m%dT%H%M%S%3fZ").ok()?;
    Some(Stamp::from_millis(time.and_utc().timestamp_millis()))
}

fn modified(path: &Path) -> Option<Stamp> {
    let metadata = path.symlink_metadata().ok()?;
    Some(Stamp::from_millis(metadata.mtime().saturating_mul(1000)))
}
