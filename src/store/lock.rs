//! Locks of passes and of transitions: advisory locks of the kernel, so that none outlives its process.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

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

    /// Sets the lock file's modification to now, which is how a pass says that it ended, and its access to when it
    /// began. Not synced.
    pub fn touch(&self, took: Duration) -> std::io::Result<()> {
        let special = |which| Timespec { tv_sec: 0, tv_nsec: which };
        let (now, as_it_is) = (special(UTIME_NOW as _), special(UTIME_OMIT as _));
        rustix::fs::futimens(&self.file, &Timestamps { last_access: now, last_modification: now })?;
        let began = self.file.metadata()?.modified()?.checked_sub(took);
        let began = began.and_then(|at| Timespec::try_from(at.duration_since(UNIX_EPOCH).ok()?).ok());
        let times = Timestamps { last_access: began.unwrap_or(now), last_modification: as_it_is };
        rustix::fs::futimens(&self.file, &times).map_err(Into::into)
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
