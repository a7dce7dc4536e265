//! The changes to a day's folder: each one rename or one removal, and nothing at all in a dry run. Never decides what
//! goes.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Change, FileChange, Folder};
use crate::store::atomic::{self, WriteError, sync_dir};
use crate::store::events::append::stands_at;
use crate::store::events::dir::Identity;
use crate::store::events::file::open;

impl Folder<'_> {
    /// Opens a file and waits until nobody appends to it; nothing where it went away.
    pub(super) fn lock(&self, path: &Path) -> Result<Option<(File, Identity)>, WriteError> {
        let (file, _) = match open(rustix::fs::CWD, path) {
            Ok(opened) => opened,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(WriteError::at(path, "read", e)),
        };
        file.lock().map_err(|e| WriteError::at(path, "lock", e))?;
        let identity = file.metadata().map_err(|e| WriteError::at(path, "look at", e))?;
        Ok(stands_at(&file, path).then(|| (file, Identity::of(&identity))))
    }

    /// Writes a file of the folder anew, with the time of the one that it is made from. Returns its size, or nothing where
    /// somebody wrote to that one meanwhile: not every agent locks what it appends to.
    pub(super) fn replace(
        &self,
        from: &mut File,
        identity: Identity,
        name: &str,
        write: impl FnOnce(&mut File, &mut dyn Write) -> io::Result<()>,
    ) -> Result<Option<u64>, WriteError> {
        let path = self.path.join(name);
        let fail = |doing| {
            let path = &path;
            move |e: io::Error| WriteError::at(path, doing, e)
        };
        from.rewind().map_err(fail("read what becomes of"))?;
        if self.limits.dry_run {
            let mut counted = Counted(0);
            write(from, &mut counted).map_err(fail("read what becomes of"))?;
            return Ok(Some(counted.0));
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
        if !is_as_it_was(from, identity) {
            return Ok(None);
        }
        temporary.persist(&path).map_err(|e| WriteError::at(&path, "rename a temporary file to", e.error))?;
        sync_dir(&self.path)?;
        Ok(Some(size))
    }

    /// Removes a file of events.
    pub(super) fn remove(&self, path: &Path, name: &str, changes: &mut Vec<FileChange>) -> Result<(), WriteError> {
        let size = fs::symlink_metadata(path).map_or(0, |m| m.size());
        self.unlink(path)?;
        changes.push(self.changed(name, Change::Removed, size));
        Ok(())
    }

    /// Removes what counts no longer.
    pub(super) fn unlink(&self, path: &Path) -> Result<(), WriteError> {
        match self.limits.dry_run {
            true => Ok(()),
            false => fs::remove_file(path).map_err(|e| WriteError::at(path, "remove", e)),
        }
    }

    /// Returns what is told of a change.
    pub(super) fn changed(&self, name: &str, change: Change, freed: u64) -> FileChange {
        FileChange { file: format!("{}/{name}", self.shown), change, freed }
    }
}

/// Returns whether nobody wrote to an open file since it was looked at.
pub(super) fn is_as_it_was(file: &File, identity: Identity) -> bool {
    file.metadata().is_ok_and(|now| (now.size(), Identity::of(&now).mtime) == (identity.size, identity.mtime))
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
