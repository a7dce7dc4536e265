//! The data directory: where each file lives and who owns what is made. Builds paths; never reads what they hold.

use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid};

use super::atomic::{self, WriteError};
use crate::flow::action::ActionId;

/// The data directory of hlctl, known to exist.
#[derive(Debug, Clone)]
pub struct Root {
    path: PathBuf,
    owner: Option<(u32, u32)>,
}

/// Why a root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// There is nothing at the path.
    #[error("no data directory at {}", .0.display())]
    Missing(PathBuf),
    /// The path is not a folder.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// The path cannot be looked at.
    #[error("cannot read {}: {}", .0.display(), .1)]
    Unreadable(PathBuf, #[source] std::io::Error),
}

impl RootError {
    /// Returns what the operator should do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Missing(path) => {
                format!("run `hlctl --root {} init`, or name another root with --root or HLCTL_ROOT", path.display())
            }
            Self::NotAFolder(_) => "name a folder with --root or HLCTL_ROOT".into(),
            Self::Unreadable(..) => "run hlctl as the owner of the root, or with sudo".into(),
        }
    }
}

impl Root {
    /// Opens an existing root. As the super-user, everything made in it will belong to the root's owner.
    pub fn open(path: &Path) -> Result<Root, RootError> {
        let stat = match rustix::fs::stat(path) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT) => return Err(RootError::Missing(path.to_owned())),
            Err(e) => return Err(RootError::Unreadable(path.to_owned(), e.into())),
        };
        if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() {
            return Err(RootError::NotAFolder(path.to_owned()));
        }
        rustix::fs::access(path, rustix::fs::Access::READ_OK | rustix::fs::Access::EXEC_OK)
            .map_err(|e| RootError::Unreadable(path.to_owned(), e.into()))?;
        let owner = rustix::process::geteuid().is_root().then_some((stat.st_uid, stat.st_gid));
        Ok(Root { path: path.to_owned(), owner })
    }

    /// Returns the root's own path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whom new files are given to (user and group ID), where that is not this process itself.
    pub fn owner(&self) -> Option<(u32, u32)> {
        self.owner
    }

    /// Returns `events/`.
    pub fn events(&self) -> PathBuf {
        self.path.join("events")
    }

    /// Returns `world/NAME`.
    pub fn world(&self, name: &str) -> PathBuf {
        self.path.join("world").join(name)
    }

    /// Returns `actions/`.
    pub fn actions(&self) -> PathBuf {
        self.path.join("actions")
    }

    /// Returns `actions/logs/ID`.
    pub fn logs(&self, id: &ActionId) -> PathBuf {
        self.actions().join("logs").join(id.as_str())
    }

    /// Returns `audit/`.
    pub fn audit(&self) -> PathBuf {
        self.path.join("audit")
    }

    /// Returns `state/NAME`.
    pub fn state(&self, name: &str) -> PathBuf {
        self.path.join("state").join(name)
    }

    /// Returns `config.yaml`.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.yaml")
    }

    /// Returns whether this root mirrors another: nothing may be decided here.
    pub fn is_mirror(&self) -> bool {
        self.state("is-mirror").exists()
    }

    /// Makes a folder and those above it, below the root, owned as the root is.
    pub fn make_dir(&self, path: &Path) -> Result<(), WriteError> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent().filter(|p| p.starts_with(&self.path)) {
            self.make_dir(parent)?;
        }
        match std::fs::create_dir(path) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
            Err(e) => return Err(WriteError::at(path, "make the folder", e)),
        }
        self.give(path)?;
        atomic::sync_dir(path.parent().unwrap_or(path))
    }

    /// Gives a file or folder to the root's owner, where this process is the super-user.
    pub fn give(&self, path: &Path) -> Result<(), WriteError> {
        let Some((uid, gid)) = self.owner else { return Ok(()) };
        rustix::fs::chownat(
            rustix::fs::CWD,
            path,
            Some(Uid::from_raw(uid)),
            Some(Gid::from_raw(gid)),
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(|e| WriteError::at(path, "change the owner of", e.into()))
    }

    /// Writes a whole file below the root: see [`atomic::write`]. Returns whether its bytes changed.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<bool, WriteError> {
        self.make_dir(path.parent().unwrap_or(path))?;
        atomic::write(path, bytes, 0o644, self.owner)
    }

    /// Writes a whole file that only its owner may read (mode 0600).
    pub fn write_secret(&self, path: &Path, bytes: &[u8]) -> Result<bool, WriteError> {
        self.make_dir(path.parent().unwrap_or(path))?;
        atomic::write(path, bytes, 0o600, self.owner)
    }
}
