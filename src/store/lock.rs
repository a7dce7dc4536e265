//! Locks of passes and of transitions: advisory locks of the kernel, so that none outlives its process.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{OFlags, Timespec, Timestamps, UTIME_NOW};

use super::atomic::WriteError;
use super::root::Root;

/// A lock held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes `state/NAME.lock` if no other process holds it.
    pub fn try_take(root: &Root, name: &str) -> Result<Option<Lock>, WriteError> {
        let (path, file) = open(root, name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(WriteError::at(&path, "lock", e)),
        }
    }

    /// Takes `state/NAME.lock`, waiting for whoever holds it.
    pub fn take(root: &Root, name: &str) -> Result<Lock, WriteError> {
        let (path, file) = open(root, name)?;
        file.lock().map_err(|e| WriteError::at(&path, "lock", e))?;
        Ok(Lock { file })
    }

    /// Sets the lock file's modification to now, which is how a pass says that it ended, and its access to how long it
    /// took, counted from 1970: one call, so that nobody sees the one without the other. Not synced.
    pub fn touch(&self, took: Duration) -> std::io::Result<()> {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW as _ };
        let last_access = Timespec::try_from(took).unwrap_or(now);
        rustix::fs::futimens(&self.file, &Timestamps { last_access, last_modification: now }).map_err(Into::into)
    }
}

fn open(root: &Root, name: &str) -> Result<(std::path::PathBuf, File), WriteError> {
    let path = root.state(&format!("{name}.lock"));
    let file = match options().open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => create(root, &path)?,
        Err(e) => return Err(WriteError::at(&path, "open the lock", e)),
    };
    Ok((path, file))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    // A link planted here must not lead the super-user elsewhere.
    options.read(true).write(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options
}

fn create(root: &Root, path: &Path) -> Result<File, WriteError> {
    root.make_dir(path.parent().unwrap_or(path))?;
    let file =
        options().create(true).truncate(false).open(path).map_err(|e| WriteError::at(path, "make the lock", e))?;
    root.give(path)?;
    Ok(file)
}
