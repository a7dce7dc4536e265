//! A root that mirrors another one: its mark `state/is-mirror`, the tags of what was fetched, and the files it
//! fetched. When the control plane answered last is the time of `state/mirror_tags.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::actions;
use super::atomic::WriteError;
use super::root::Root;
use crate::flow::control_plane::ControlPlane;
use crate::flow::digest::sha256_hex;
use crate::flow::json;
use crate::flow::lifecycle::State;
use crate::flow::time::Stamp;

/// The format of `state/is-mirror`.
pub const MIRROR_SCHEMA: &str = "hlctl.mirror/v1";

const MARK: &str = "is-mirror";
const TAGS: &str = "mirror_tags.json";

#[derive(Serialize, Deserialize)]
struct Mark {
    schema: String,
    from: ControlPlane,
}

/// Marks a root as a mirror of a control plane.
pub fn mark(root: &Root, from: &ControlPlane) -> Result<(), WriteError> {
    let mark = Mark { schema: MIRROR_SCHEMA.into(), from: from.clone() };
    let mut bytes = serde_json::to_vec(&mark).expect("a URL serializes");
    bytes.push(b'\n');
    root.write(&root.state(MARK), &bytes).map(drop)
}

/// Takes the mark from a root to which nothing was brought.
pub fn unmark(root: &Root) -> Result<(), WriteError> {
    let path = root.state(MARK);
    std::fs::remove_file(&path).map_err(|e| WriteError::at(&path, "remove", e))
}

/// Returns whom a root mirrors; nothing where its mark, made by hand, does not say.
pub fn source(root: &Root) -> Option<ControlPlane> {
    let mark: Mark = json::from_bytes(&std::fs::read(root.state(MARK)).ok()?).ok()?;
    Some(mark.from)
}

/// Returns what a root has of its own that no mirror has.
pub fn own(root: &Root) -> Option<&'static str> {
    let has_events = walkdir::WalkDir::new(root.events()).min_depth(2).into_iter().flatten().next().is_some();
    let has_actions = actions::list(root, &State::ALL).is_ok_and(|l| !l.entries.is_empty() || !l.invalid.is_empty());
    match (has_events, has_actions) {
        (true, _) => Some("events"),
        (_, true) => Some("actions"),
        _ => root.state("observer_checkpoint.json").exists().then_some("a world"),
    }
}

/// What was fetched: by the name below `world/`, the tag and the hash of what is in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    from: ControlPlane,
    files: BTreeMap<String, (String, String)>,
}

impl Tags {
    /// Reads the tags of this source; none are known of another.
    pub fn read(root: &Root, from: &ControlPlane) -> Tags {
        let bytes = std::fs::read(root.state(TAGS)).unwrap_or_default();
        let none = || Tags { from: from.clone(), files: BTreeMap::new() };
        json::from_bytes(&bytes).ok().filter(|tags: &Tags| tags.from == *from).unwrap_or_else(none)
    }

    /// Returns the tag of a file, if that is still what was fetched.
    pub fn of(&self, root: &Root, name: &str) -> Option<&str> {
        let (tag, hash) = self.files.get(name)?;
        let is_there = std::fs::read(root.world(name)).is_ok_and(|bytes| sha256_hex(&bytes) == *hash);
        is_there.then_some(tag.as_str())
    }

    /// Writes a file of the world and keeps its tag.
    pub fn put(&mut self, root: &Root, name: &str, bytes: &[u8], tag: Option<String>) -> Result<(), WriteError> {
        root.write(&root.world(name), bytes)?;
        match tag {
            Some(tag) => self.files.insert(name.to_owned(), (tag, sha256_hex(bytes))),
            None => self.files.remove(name),
        };
        Ok(())
    }

    /// Writes the tags; the time of their file says when all was answered last. Not synced: they are a hint.
    pub fn save(&self, root: &Root, all_answered: bool) -> Result<(), WriteError> {
        let path = root.state(TAGS);
        let fail = |e| WriteError::at(&path, "set the time of", e);
        let mut bytes = serde_json::to_vec(self).expect("texts serialize");
        bytes.push(b'\n');
        let heard = std::fs::metadata(&path).and_then(|m| m.modified()).unwrap_or(std::time::UNIX_EPOCH);
        let is_same = std::fs::read(&path).is_ok_and(|old| old == bytes);
        if !is_same {
            super::atomic::replace_unsynced(&path, &bytes, root.owner())?;
        }
        let file = std::fs::File::options().write(true).open(&path).map_err(fail)?;
        match (all_answered, is_same) {
            (true, _) => touch(&file).map_err(fail),
            (false, false) => file.set_modified(heard).map_err(fail),
            (false, true) => Ok(()),
        }
    }
}

fn touch(file: &std::fs::File) -> std::io::Result<()> {
    let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW as _ };
    let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
    rustix::fs::futimens(file, &times).map_err(Into::into)
}

/// Returns when the control plane answered last, all of it.
pub fn heard(root: &Root) -> Option<Stamp> {
    written(&root.state(TAGS)).filter(|at| at.millis() > 0)
}

/// Returns when a file of the world was written.
pub fn taken(root: &Root, name: &str) -> Option<Stamp> {
    written(&root.world(name))
}

fn written(path: &std::path::Path) -> Option<Stamp> {
    Stamp::of(std::fs::metadata(path).ok()?.modified().ok()?)
}

/// Returns a file of the world as it was fetched.
pub fn read(root: &Root, name: &str) -> Option<Vec<u8>> {
    std::fs::read(root.world(name)).ok()
}
