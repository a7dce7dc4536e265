//! Retention of the event log: older events go, but for those that the world still depends on; days that are
//! closed are compressed. Every change is one rename or one removal after which the log gives the same world.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::StatVfsMountFlags;
use serde::Serialize;

use super::ReadError;
use super::dir::{Entry, Format, Identity, format, list_day, list_days, sort};
use crate::flow::retention::{Kept, Retention};
use crate::flow::time::{DAY_MS, HOUR_MS, Stamp};
use crate::store::atomic::{WriteError, sync_dir};
use crate::store::root::Root;

mod change;
mod content;

use change::is_as_it_was;

/// A temporary file so old belongs to a writer that was killed.
const ABANDONED_MS: i64 = HOUR_MS;

/// What is pruned.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time of the pass.
    pub now: Stamp,
    /// Events before this go.
    pub keep_from: Stamp,
    /// Days that ended before this are compressed.
    pub compress_before: Option<Stamp>,
    /// Whether nothing is to be changed.
    pub dry_run: bool,
}

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its path below the root.
    pub file: String,
    /// What was done.
    pub change: Change,
    /// How many bytes that freed.
    pub freed: u64,
}

/// What is done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is removed.
    Removed,
    /// It keeps what the world depends on.
    Shrunk,
    /// It is compressed.
    Compressed,
}

/// What came of a pruning.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The files that changed.
    pub files: Vec<FileChange>,
    /// What could not be done.
    pub errors: Vec<WriteError>,
}

/// Prunes the event log. The caller holds the lock of `observe`, so that no pass finds a file gone between the
/// listing of a folder and its reading.
pub fn prune(root: &Root, keep: &Retention<'_>, limits: Limits) -> Result<Pruned, ReadError> {
    let events = root.events();
    let days = list_days(&events).map_err(|e| ReadError::at(&events, "list the folder", e))?.unwrap_or_default();
    let mut pruned = Pruned::default();
    if let Err(error) = check_writable(&events, limits) {
        // Told once, and not for each file.
        pruned.errors.push(error);
        return Ok(pruned);
    }
    for day in days.iter().filter(|day| day.obstacle.is_none()) {
        let Ok(begin) = Stamp::parse(&format!("{}T00:00:00Z", day.name)) else { continue };
        let end = begin.plus_millis(DAY_MS);
        let goes = end <= limits.keep_from;
        if !goes && limits.compress_before.is_none_or(|before| end > before) {
            continue;
        }
        let dir = Folder { root, path: events.join(&day.name), shown: format!("events/{}", day.name), limits };
        let before = pruned.files.len();
        if let Err(error) = dir.prune(goes.then_some(keep), &mut pruned) {
            pruned.errors.push(error);
        }
        if limits.dry_run {
            continue;
        }
        // Empty now, or by an earlier pass that was killed, or not: what is not ours stays, and the folder with it.
        let synced = match goes && fs::remove_dir(&dir.path).is_ok() {
            true => sync_dir(&events),
            false if pruned.files.len() == before => Ok(()),
            false => sync_dir(&dir.path),
        };
        pruned.errors.extend(synced.err());
    }
    Ok(pruned)
}

/// Makes sure that a folder's file system takes changes, if there are to be any. Days may be mounted one by one.
fn check_writable(path: &Path, limits: Limits) -> Result<(), WriteError> {
    // Where that is not known, the first change tells.
    let known = rustix::fs::statvfs(path).ok().filter(|_| !limits.dry_run);
    match known.is_some_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        true => Err(WriteError::at(path, "change anything in", rustix::io::Errno::ROFS.into())),
        false => Ok(()),
    }
}

struct Folder<'a> {
    root: &'a Root,
    path: PathBuf,
    shown: String,
    limits: Limits,
}

impl Folder<'_> {
    /// Goes through the files of a day: with something to keep, the rest of it goes; else they are compressed.
    fn prune(&self, keep: Option<&Retention<'_>>, pruned: &mut Pruned) -> Result<(), WriteError> {
        check_writable(&self.path, self.limits)?;
        let (mut files, _) = list_day(&self.path, &self.shown).map_err(|e| WriteError::at(&self.path, "list", e))?;
        sort(&mut files);
        for entry in files {
            let done = match keep {
                Some(keep) => self.thin_out(&entry, keep, &mut pruned.files),
                None if entry.format == Format::Lines => self.compress(&entry, &mut pruned.files),
                None => Ok(()),
            };
            pruned.errors.extend(done.err());
        }
        if !self.limits.dry_run {
            self.sweep();
        }
        Ok(())
    }

    /// Removes what killed writers left.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with(".hlctl-")) {
            // Its `ctime`: a file that was made from an old one has that one's `mtime`.
            let changed = entry.metadata().map(|metadata| Identity::of(&metadata).ctime / 1_000_000);
            if changed.is_ok_and(|changed| self.limits.now.since(Stamp::from_millis(changed)) > ABANDONED_MS) {
                // The next pass tries again.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn thin_out(&self, entry: &Entry, keep: &Retention<'_>, changes: &mut Vec<FileChange>) -> Result<(), WriteError> {
        let path = self.path.join(&entry.name);
        let fail = |doing| {
            let path = &path;
            move |e: io::Error| WriteError::at(path, doing, e)
        };
        let Some((mut file, identity)) = self.lock(&path)? else { return Ok(()) };
        let mut text = None;
        let (kept, dropped) = match entry.format {
            Format::Document => match content::document(&mut file, keep).map_err(fail("read"))? {
                Kept::All => (1, 0),
                Kept::Nothing => (0, 1),
                Kept::Some(rest) => {
                    text = Some(rest);
                    (1, 1)
                }
            },
            Format::Lines | Format::Gzip | Format::Zstd => {
                let (mut kept, mut dropped) = (0u64, 0u64);
                let rest = content::each(&mut file, entry.format, |line| match line {
                    Some(line) if keep.keeps(line) => kept += 1,
                    _ => dropped += 1,
                });
                dropped += u64::from(rest.map_err(fail("read"))?);
                (kept, dropped)
            }
        };
        // Those in its shadow would come to light with its end.
        for shadow in self.shadows(entry) {
            self.remove(&self.path.join(&shadow), &shadow, changes)?;
        }
        if kept == 0 {
            return self.remove(&path, &entry.name, changes);
        }
        if dropped == 0 {
            return Ok(());
        }
        let to = match entry.format {
            Format::Gzip | Format::Zstd => format!("{}.gz", entry.plain()),
            Format::Document | Format::Lines => entry.name.clone(),
        };
        let size = self.replace(&mut file, identity, &to, |file, out| match (&text, entry.format) {
            (Some(text), _) => out.write_all(text.as_bytes()),
            (None, Format::Gzip | Format::Zstd) => {
                let mut packed = GzEncoder::new(out, Compression::default());
                content::copy_kept(file, entry.format, keep, &mut packed)?;
                packed.finish().map(drop)
            }
            (None, Format::Document | Format::Lines) => content::copy_kept(file, entry.format, keep, out),
        })?;
        let Some(size) = size else { return Ok(()) };
        if to != entry.name {
            self.unlink(&path)?;
        }
        changes.push(self.changed(&entry.name, Change::Shrunk, identity.size.saturating_sub(size)));
        Ok(())
    }

    fn compress(&self, entry: &Entry, changes: &mut Vec<FileChange>) -> Result<(), WriteError> {
        let path = self.path.join(&entry.name);
        let Some((mut file, identity)) = self.lock(&path)? else { return Ok(()) };
        let name = format!("{}.gz", entry.name);
        let size = self.replace(&mut file, identity, &name, |file, out| {
            let mut packed = GzEncoder::new(out, Compression::default());
            io::copy(file, &mut packed)?;
            packed.finish().map(drop)
        })?;
        let Some(size) = size else { return Ok(()) };
        if !is_as_it_was(&file, identity) {
            return self.unlink(&self.path.join(name));
        }
        // Until here the plain file counts, from here the compressed one.
        self.unlink(&path)?;
        changes.push(self.changed(&entry.name, Change::Compressed, identity.size.saturating_sub(size)));
        Ok(())
    }

    /// Returns the compressed files that do not count because this one does.
    fn shadows(&self, entry: &Entry) -> Vec<String> {
        let packed = [".gz", ".zst"].map(|suffix| format!("{}{suffix}", entry.plain()));
        let is_shadow = |name: &String| {
            format(name).is_some_and(|f| f > entry.format) && self.path.join(name).symlink_metadata().is_ok()
        };
        packed.into_iter().filter(is_shadow).collect()
    }
}
