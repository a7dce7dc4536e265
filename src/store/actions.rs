//! The queue on disk: the directory is the state. Reads it, and finds what was moved by hand; changes are made in
//! [`super::transition`].

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::atomic;
use super::people;
use super::root::Root;
use crate::flow::action::{Action, ActionId};
use crate::flow::lifecycle::{self, Standing, State};
use crate::flow::policy::Past;
use crate::flow::sort;
use crate::flow::time::Stamp;
use crate::flow::yaml::nearest;

/// Largest action file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// An action in its state.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its state: the directory.
    pub state: State,
    /// What the file says.
    pub action: Action,
    /// How its history relates to the directory.
    pub standing: Standing,
    /// Who owns the file.
    pub owner: String,
    /// The file's bytes.
    pub bytes: Vec<u8>,
}

impl Entry {
    /// Sorts entries, the newest first.
    pub fn newest_first(entries: &mut Vec<&Entry>) {
        sort::by_key(entries, |e| std::cmp::Reverse((e.since(), e.action.id.clone())));
    }

    /// Returns the true part of the history.
    pub fn history(&self) -> &[crate::flow::action::HistoryEntry] {
        &self.action.history[..self.standing.committed]
    }

    /// Returns when it came into its state, if its history tells.
    pub fn since(&self) -> Option<Stamp> {
        self.history().last().filter(|e| e.to == self.state).map(|e| e.at)
    }
}

/// A file in the queue that is no action.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Invalid {
    /// Its path.
    #[serde(serialize_with = "crate::flow::json::path")]
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.cause)
    }
}

/// The actions of some states.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// The actions, by ID, then state.
    pub entries: Vec<Entry>,
    /// What is no action.
    pub invalid: Vec<Invalid>,
}

impl Listing {
    /// Returns the IDs that stand in two of pending, approved and running, with these states: a hand must remove
    /// one of them before anything happens to them.
    pub fn doubled(&self) -> BTreeMap<ActionId, Vec<State>> {
        let mut states: BTreeMap<ActionId, Vec<State>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|e| !e.state.is_ended()) {
            states.entry(entry.action.id.clone()).or_default().push(entry.state);
        }
        states.retain(|_, s| s.len() > 1);
        states
    }
}

/// Returns the path of an action's file.
pub fn path(root: &Root, state: State, id: &ActionId) -> PathBuf {
    root.actions().join(state.as_str()).join(format!("{id}.json"))
}

/// Lists the actions of some states. A file that is none is reported and skipped.
pub fn list(root: &Root, states: &[State]) -> io::Result<Listing> {
    let mut listing = Listing::default();
    each(root, states, &mut |read| match read {
        Ok(entry) => listing.entries.push(entry),
        Err(invalid) => listing.invalid.push(invalid),
    })?;
    sort::by(&mut listing.entries, |a, b| (&a.action.id, a.state).cmp(&(&b.action.id, b.state)));
    sort::by(&mut listing.invalid, |a, b| a.path.cmp(&b.path));
    Ok(listing)
}

/// Reads the actions of some states one after the other, in no order, so that not all have to be held.
pub fn each(root: &Root, states: &[State], found: &mut dyn FnMut(Result<Entry, Invalid>)) -> io::Result<()> {
    for state in states {
        for (name, path) in names(root, *state)? {
            let read = id_of(&name).map_err(|cause| Invalid { path, cause }).and_then(|id| read(root, *state, &id));
            read.transpose().into_iter().for_each(&mut *found);
        }
    }
    Ok(())
}

/// Returns how many files each state holds, without reading them.
pub fn count(root: &Root) -> io::Result<BTreeMap<State, usize>> {
    State::ALL.into_iter().map(|state| Ok((state, names(root, state)?.len()))).collect()
}

fn names(root: &Root, state: State) -> io::Result<Vec<(String, PathBuf)>> {
    let dir = root.actions().join(state.as_str());
    let list = match std::fs::read_dir(&dir) {
        Ok(list) => list,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io::Error::new(e.kind(), format!("cannot list {}: {e}", dir.display()))),
    };
    let mut names = Vec::new();
    for entry in list {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !atomic::is_ignored(&name) {
            names.push((name, entry.path()));
        }
    }
    Ok(names)
}

fn id_of(name: &str) -> Result<ActionId, String> {
    let stem = name.strip_suffix(".json").ok_or("its name does not end in .json")?;
    stem.parse()
}

/// Reads an action in a state; nothing where it is not there.
pub fn read(root: &Root, state: State, id: &ActionId) -> Result<Option<Entry>, Invalid> {
    let path = path(root, state, id);
    let invalid = |cause: String| Invalid { path: path.clone(), cause };
    let (bytes, owner) = match read_file(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(invalid(e.to_string())),
    };
    let action = Action::parse(id, &bytes).map_err(|e| invalid(e.to_string()))?;
    let standing = lifecycle::standing(state, &action.history);
    Ok(Some(Entry { state, action, standing, owner: people::user_name(owner), bytes }))
}

/// Reads a regular file and its owner; a link is not followed, a pipe not waited for.
pub(super) fn read_file(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => std::fs::File::from(file),
        Err(rustix::io::Errno::LOOP) => return Err(io::Error::other("it is a symbolic link")),
        Err(e) => return Err(e.into()),
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if meta.len() > MAX_FILE {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, MAX_FILE + 1), &mut bytes)?;
    Ok((bytes, meta.uid()))
}

/// Where an ID stands.
#[derive(Debug, Clone)]
pub struct Places {
    /// In pending, approved or running; more than one is a hand's doing.
    pub live: Vec<Entry>,
    /// Ended, outside `history/`; the newest first.
    pub ended: Vec<Entry>,
}

impl Places {
    /// Returns the record that counts: the live one, else the one that ended last.
    pub fn current(&self) -> Option<&Entry> {
        self.live.first().or_else(|| self.ended.first())
    }
}

/// Looks an ID up in all states.
pub fn find(root: &Root, id: &ActionId) -> Result<Places, Invalid> {
    let read_all = |states: &[State]| -> Result<Vec<Entry>, Invalid> {
        states.iter().filter_map(|state| read(root, *state, id).transpose()).collect()
    };
    let live = read_all(&State::LIVE)?;
    Ok(Places { live, ended: ended(root, id)? })
}

/// Returns the ended records of an ID outside `history/`, the newest first.
pub fn ended(root: &Root, id: &ActionId) -> Result<Vec<Entry>, Invalid> {
    let all = State::ENDED.iter().filter_map(|state| read(root, *state, id).transpose());
    let mut ended = all.collect::<Result<Vec<Entry>, Invalid>>()?;
    sort::by_key(&mut ended, |e| std::cmp::Reverse(e.since()));
    Ok(ended)
}

/// Returns the ended records of an ID, the newest first: those outside `history/`, then those in it. What cannot be
/// read is left out.
pub fn all_ended(root: &Root, id: &ActionId) -> impl Iterator<Item = Action> {
    let outside = ended(root, id).unwrap_or_default().into_iter().map(|entry| entry.action);
    let dir = std::fs::read_dir(root.actions().join("history").join(id.as_str()));
    let mut older: Vec<PathBuf> = dir.into_iter().flatten().flatten().map(|file| file.path()).collect();
    sort::by(&mut older, |a, b| b.cmp(a));
    outside.chain(older.into_iter().filter_map(|path| Action::parse(id, &read_file(&path).ok()?.0).ok()))
}

/// Returns what the records of an ID tell of the time since `since`: the one that counts, and older ones by the time
/// in their names. What cannot be read tells nothing.
pub fn past(root: &Root, id: &ActionId, since: Stamp) -> Past {
    let mut past = Past::default();
    for entry in State::ALL.iter().filter_map(|state| read(root, *state, id).ok()?) {
        past.add(entry.history());
    }
    let dir = root.actions().join("history").join(id.as_str());
    let oldest = since.file_name();
    for file in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().as_ref() < oldest.as_str() {
            continue;
        }
        if let Ok((bytes, _)) = read_file(&file.path())
            && let Ok(action) = Action::parse(id, &bytes)
        {
            past.add(&action.history);
        }
    }
    past
}

/// Returns whether a state's directory may have changed since a time: names came or went. The minute before it
/// proves nothing: file systems' times are coarse, and the last look was not at its end.
pub fn changed_since(root: &Root, state: State, since: Option<Stamp>) -> bool {
    let modified = std::fs::metadata(root.actions().join(state.as_str())).and_then(|m| m.modified()).ok();
    let (Some(modified), Some(since)) = (modified.and_then(Stamp::of), since) else { return true };
    modified.millis() >= since.millis() - 60_000
}

/// Returns how many older records of an ID `history/` holds.
pub fn older(root: &Root, id: &ActionId) -> usize {
    std::fs::read_dir(root.actions().join("history").join(id.as_str())).map_or(0, Iterator::count)
}

/// Returns the known ID that looks most like one that is not there.
pub fn nearest_id(root: &Root, id: &ActionId) -> Option<String> {
    let all: Vec<String> = State::ALL
        .into_iter()
        .filter_map(|state| names(root, state).ok())
        .flatten()
        .filter_map(|(name, _)| Some(id_of(&name).ok()?.to_string()))
        .collect();
    nearest(id.as_str(), all.iter().map(String::as_str)).map(str::to_owned)
}
