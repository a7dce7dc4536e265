//! Whole-file writes that survive a kill and a power cut: temporary name in the same folder, fsync, rename,
//! fsync of the folder. Never writes a file whose bytes would not change.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid};

/// A write that failed: what was being done, to which path, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub struct WriteError {
    /// The path that was written.
    pub path: PathBuf,
    /// What was being done, fitting «cannot …».
    pub doing: &'static str,
    /// The system's word.
    pub source: io::Error,
}

impl WriteError {
    /// Makes the error of one step of a write.
    pub fn at(path: &Path, doing: &'static str, source: io::Error) -> Self {
        Self { path: path.to_owned(), doing, source }
    }

    /// Returns what the operator should do about it.
    pub fn advice(&self) -> String {
        advice_for(self.source.kind())
    }
}

/// Returns what the operator should do about an error of the system.
pub fn advice_for(kind: io::ErrorKind) -> String {
    use io::ErrorKind as K;
    match kind {
        K::StorageFull | K::QuotaExceeded => {
            "free some space (`df -h` on that path), then run it again: nothing was lost".into()
        }
        K::PermissionDenied => "run hlctl as the owner of the root, or with sudo".into(),
        K::ReadOnlyFilesystem => {
            "mount the file system of that path writable (`mount -o remount,rw`), then run it again: nothing was lost"
                .into()
        }
        K::IsADirectory | K::NotADirectory | K::AlreadyExists => {
            "move what stands in the way aside: a file and a folder were taken for each other".into()
        }
        _ => "mend the cause and run it again: nothing was lost".into(),
    }
}

/// Writes a whole file with a mode and, where given, an owner. Returns whether its bytes changed.
pub fn write(path: &Path, bytes: &[u8], mode: u32, owner: Option<(u32, u32)>) -> Result<bool, WriteError> {
    // A pipe in its place is not waited for, but replaced.
    let is_pipe = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo());
    match (!is_pipe).then(|| std::fs::read(path)) {
        Some(Ok(old)) if old == bytes => return Ok(false),
        Some(Err(e)) if e.kind() == io::ErrorKind::IsADirectory => return Err(WriteError::at(path, "write", e)),
        _ => {}
    }
    let temporary = temporary(path, bytes, mode, owner)?;
    temporary.persist(path).map_err(|e| WriteError::at(path, "rename a temporary file to", e.error))?;
    sync_dir(path.parent().unwrap_or(path))?;
    Ok(true)
}

/// Writes bytes to a synced temporary file beside `path`, whose name readers ignore.
pub fn temporary(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    owner: Option<(u32, u32)>,
) -> Result<tempfile::NamedTempFile, WriteError> {
    let file = unsynced(path, bytes, mode, owner)?;
    file.as_file().sync_all().map_err(|e| WriteError::at(path, "sync", e))?;
    Ok(file)
}

fn unsynced(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    owner: Option<(u32, u32)>,
) -> Result<tempfile::NamedTempFile, WriteError> {
    let fail = |doing| move |e: io::Error| WriteError::at(path, doing, e);
    let dir = path.parent().unwrap_or(path);
    let mut file = tempfile::Builder::new()
        .prefix(".hlctl-")
        .suffix(".tmp")
        .permissions(std::fs::Permissions::from_mode(mode))
        .tempfile_in(dir)
        .map_err(fail("make a temporary file for"))?;
    file.write_all(bytes).map_err(fail("write"))?;
    if let Some((uid, gid)) = owner {
        rustix::fs::fchown(file.as_file(), Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
            .map_err(|e| WriteError::at(path, "change the owner of", e.into()))?;
    }
    Ok(file)
}

/// Replaces a whole file without syncing: for what may lag behind a crash.
pub fn replace_unsynced(path: &Path, bytes: &[u8], owner: Option<(u32, u32)>) -> Result<(), WriteError> {
    let temporary = unsynced(path, bytes, 0o644, owner)?;
    temporary.persist(path).map_err(|e| WriteError::at(path, "rename a temporary file to", e.error))?;
    Ok(())
}

/// Syncs a folder, so that names made or removed in it survive a power cut.
pub fn sync_dir(dir: &Path) -> Result<(), WriteError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| WriteError::at(dir, "sync the folder", e))
}

/// Returns whether readers of the root must ignore a file of this name.
pub fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || name.ends_with(".tmp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.json");
        assert!(write(&path, b"a", 0o644, None).unwrap());
        let inode = |p: &Path| std::os::unix::fs::MetadataExt::ino(&p.metadata().unwrap());
        let before = inode(&path);
        assert!(!write(&path, b"a", 0o644, None).unwrap());
        assert_eq!(inode(&path), before);
        assert!(write(&path, b"b", 0o644, None).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"b");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_folder_in_the_way_is_an_error_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(dir.path(), b"a", 0o644, None).unwrap_err();
        assert!(error.to_string().contains(&dir.path().display().to_string()));
        assert!(error.advice().contains("in the way"), "{}", error.advice());
    }
}
