//! Retention of the event log: older events go, but for those that the world still depends on; days that are
//! closed are compressed. Every change is one rename or one removal after which the log gives the same world.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::append::stands_at;
use super::dir::{Entry, Format, Identity, format, list_day, list_days, plain};
use super::lines::{Line, Lines};
use super::{ReadError, unpack};
use crate::flow::retention::{Kept, Retention};
use crate::flow::time::Stamp;
use crate::store::atomic::{self, WriteError, sync_dir};
use crate::store::root::Root;

const DAY_MS: i64 = 86_400_000;
/// A temporary file so old belongs to a writer that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// What is pruned.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
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
        if limits.dry_run || pruned.files.len() == before {
            continue;
        }
        // Empty now, or not: what is not ours stays, and the folder with it.
        let synced = match fs::remove_dir(&dir.path) {
            Ok(()) => sync_dir(&events),
            Err(_) => sync_dir(&dir.path),
        };
        pruned.errors.extend(synced.err());
    }
    Ok(pruned)
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
        let (files, _) = list_day(&self.path, &self.shown).map_err(|e| WriteError::at(&self.path, "list", e))?;
        for entry in files {
            let done = match keep {
                Some(keep) => self.thin_out(&entry, keep, &mut pruned.files),
                None if entry.format == Format::Lines => self.compress(&entry, &mut pruned.files),
                None => Ok(()),
            };
            pruned.errors.extend(done.err());
        }
        if keep.is_some() && !self.limits.dry_run {
            self.sweep();
        }
        Ok(())
    }

    /// Removes what killed writers left.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with(".hlctl-")) {
            let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| self.now().duration_since(t).ok());
            if age.is_some_and(|age| age > ABANDONED) {
                // The next pass tries again.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// The latest time that is certainly past.
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.limits.keep_from.millis().max(0) as u64)
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
            Format::Document => match document(&mut file, keep).map_err(fail("read"))? {
                Kept::All => (1, 0),
                Kept::Nothing => (0, 1),
                Kept::Some(rest) => {
                    text = Some(rest);
                    (1, 1)
                }
            },
            Format::Lines | Format::Gzip | Format::Zstd => {
                let (mut kept, mut dropped) = (0u64, 0u64);
                let rest = each(&mut file, entry.format, |line| match line {
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
            Format::Gzip | Format::Zstd => format!("{}.gz", plain(&entry.name)),
            Format::Document | Format::Lines => entry.name.clone(),
        };
        let size = self.replace(&mut file, &to, |file, out| match (&text, entry.format) {
            (Some(text), _) => out.write_all(text.as_bytes()),
            (None, Format::Gzip | Format::Zstd) => {
                let mut packed = GzEncoder::new(out, Compression::default());
                copy_kept(file, entry.format, keep, &mut packed)?;
                packed.finish().map(drop)
            }
            (None, Format::Document | Format::Lines) => copy_kept(file, entry.format, keep, out),
        })?;
        if to != entry.name {
            self.unlink(&path)?;
        }
        changes.push(self.changed(&entry.name, Change::Shrunk, identity.size.saturating_sub(size)));
        Ok(())
    }

    fn compress(&self, entry: &Entry, changes: &mut Vec<FileChange>) -> Result<(), WriteError> {
        let path = self.path.join(&entry.name);
        let Some((mut file, identity)) = self.lock(&path)? else { return Ok(()) };
        let size = self.replace(&mut file, &format!("{}.gz", entry.name), |file, out| {
            let mut packed = GzEncoder::new(out, Compression::default());
            io::copy(file, &mut packed)?;
            packed.finish().map(drop)
        })?;
        // Until here the plain file counts, from here the compressed one.
        self.unlink(&path)?;
        changes.push(self.changed(&entry.name, Change::Compressed, identity.size.saturating_sub(size)));
        Ok(())
    }

    /// Returns the compressed files that do not count because this one does.
    fn shadows(&self, entry: &Entry) -> Vec<String> {
        let packed = [".gz", ".zst"].map(|suffix| format!("{}{suffix}", plain(&entry.name)));
        let is_shadow = |name: &String| {
            format(name).is_some_and(|f| f > entry.format) && self.path.join(name).symlink_metadata().is_ok()
        };
        packed.into_iter().filter(is_shadow).collect()
    }

    /// Opens a file and waits until nobody appends to it; nothing where it went away.
    fn lock(&self, path: &Path) -> Result<Option<(File, Identity)>, WriteError> {
        let opened = super::file::open(rustix::fs::CWD, path);
        let (file, _) = match opened {
            Ok(opened) => opened,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(WriteError::at(path, "read", e)),
        };
        file.lock().map_err(|e| WriteError::at(path, "lock", e))?;
        let identity = file.metadata().map_err(|e| WriteError::at(path, "look at", e))?;
        Ok(stands_at(&file, path).then(|| (file, Identity::of(&identity))))
    }

    /// Writes a file of the folder anew, with the time of the one that it is made from. Returns its size.
    fn replace(
        &self,
        from: &mut File,
        name: &str,
        write: impl FnOnce(&mut File, &mut dyn Write) -> io::Result<()>,
    ) -> Result<u64, WriteError> {
        let path = self.path.join(name);
        let fail = |doing| {
            let path = &path;
            move |e: io::Error| WriteError::at(path, doing, e)
        };
        from.rewind().map_err(fail("read what becomes of"))?;
        if self.limits.dry_run {
            let mut counted = Counted(0);
            write(from, &mut counted).map_err(fail("read what becomes of"))?;
            return Ok(counted.0);
        }
        let temporary = atomic::temporary(&path, b"", 0o644, self.root.owner())?;
        let mut out = BufWriter::with_capacity(64 * 1024, temporary.as_file());
        write(from, &mut out).and_then(|()| out.flush()).map_err(fail("write"))?;
        drop(out);
        // Its times tell what may lie in it.
        let modified = from.metadata().and_then(|m| m.modified()).map_err(fail("look at"))?;
        temporary.as_file().set_modified(modified).map_err(fail("set the time of"))?;
        temporary.as_file().sync_all().map_err(fail("sync"))?;
        let size = temporary.as_file().metadata().map_err(fail("look at"))?.size();
        temporary.persist(&path).map_err(|e| WriteError::at(&path, "rename a temporary file to", e.error))?;
        sync_dir(&self.path)?;
        Ok(size)
    }

    fn remove(&self, path: &Path, name: &str, changes: &mut Vec<FileChange>) -> Result<(), WriteError> {
        let size = fs::symlink_metadata(path).map_or(0, |m| m.size());
        self.unlink(path)?;
        changes.push(self.changed(name, Change::Removed, size));
        Ok(())
    }

    fn unlink(&self, path: &Path) -> Result<(), WriteError> {
        match self.limits.dry_run {
            true => Ok(()),
            false => fs::remove_file(path).map_err(|e| WriteError::at(path, "remove", e)),
        }
    }

    fn changed(&self, name: &str, change: Change, freed: u64) -> FileChange {
        FileChange { file: format!("{}/{name}", self.shown), change, freed }
    }
}

/// Hands over each line of a file, none for one that is too long. Returns whether something follows the last.
fn each(file: &mut File, format: Format, mut each: impl FnMut(Option<&[u8]>)) -> io::Result<bool> {
    let mut lines = Lines::default();
    let each = |_, line: Line<'_>| match line {
        Line::Whole(line) => each(Some(line)),
        Line::Long => each(None),
    };
    let (read, is_packed) = match format {
        Format::Gzip => (lines.each(unpack::gzip(&mut *file), each), true),
        Format::Zstd => (lines.each(unpack::zstd(&mut *file), each), true),
        Format::Document | Format::Lines => (lines.each(&mut *file, each), false),
    };
    match read {
        // What stands before the damage of a packed file counts, unless it is the disk that is damaged.
        Err(_) if is_packed => {
            file.rewind()?;
            io::copy(file, &mut io::sink()).map(|_| true)
        }
        Err(e) => Err(e),
        Ok(_) => Ok(!matches!(lines.rest(), Line::Whole([]))),
    }
}

fn copy_kept(file: &mut File, format: Format, keep: &Retention<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut written = Ok(());
    each(file, format, |line| {
        if let Some(line) = line.filter(|line| written.is_ok() && keep.keeps(line)) {
            written = out.write_all(line).and_then(|()| out.write_all(b"\n"));
        }
    })?;
    written
}

fn document(file: &mut File, keep: &Retention<'_>) -> io::Result<Kept> {
    let mut bytes = Vec::new();
    file.take(super::file::MAX_DOCUMENT + 1).read_to_end(&mut bytes)?;
    // Larger ones never counted.
    Ok(if bytes.len() as u64 > super::file::MAX_DOCUMENT { Kept::Nothing } else { keep.document(&bytes) })
}

/// Counts what would be written.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
