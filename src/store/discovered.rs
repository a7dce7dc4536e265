//! Writes host files that were discovered: the one place that writes into `hosts/`, and only when it is asked to.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::atomic::{self, WriteError};
use crate::flow::name::NodeName;
use crate::flow::yaml::YamlError;

/// Returns the text of a node's host file, or nothing where there is none.
pub fn read(path: &Path) -> Result<Option<String>, YamlError> {
    super::hosts::text(path)
}

/// Returns where a node's host file lies.
pub fn path(hosts: &Path, node: &NodeName, name: &str) -> PathBuf {
    hosts.join(node.as_str()).join(name)
}

/// Writes a node's host file; a new one belongs to the owner of `hosts/`. What a link leads to is written, not the link.
pub fn write(hosts: &Path, path: &Path, text: &str) -> Result<(), WriteError> {
    let above = std::fs::metadata(hosts).map_err(|e| WriteError::at(hosts, "look at", e))?;
    let owner = rustix::process::geteuid().is_root().then(|| (above.uid(), above.gid()));
    let folder = path.parent().unwrap_or(hosts);
    if !folder.is_dir() {
        std::fs::create_dir(folder).map_err(|e| WriteError::at(folder, "make the folder", e))?;
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(folder, Some(uid), Some(gid))
                .map_err(|e| WriteError::at(folder, "change the owner of", e))?;
        }
        atomic::sync_dir(hosts)?;
    }
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let before = std::fs::metadata(&path).ok();
    let mode = before.as_ref().map_or(0o644, |meta| meta.permissions().mode() & 0o777);
    let owner = owner.map(|owner| before.map_or(owner, |meta| (meta.uid(), meta.gid())));
    atomic::write(&path, text.as_bytes(), mode, owner).map(drop)
}
