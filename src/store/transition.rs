//! Transitions of actions: the only code that moves a file of the queue. All of it happens under one lock, in the
//! order of contract 5.2, so that a kill anywhere leaves either the old state or the new one, and a hand that
//! moves a file meanwhile wins.

use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::value::RawValue;

use super::actions::{self, Entry};
use super::atomic::{self, WriteError};
use super::audit;
use super::lock::Lock;
use super::root::Root;
use crate::flow::action::{self, ActionId, HistoryEntry, Via};
use crate::flow::fields::Fields;
use crate::flow::lifecycle::{State, Transition};
use crate::flow::mask::mask;
use crate::flow::time::Stamp;
pub use not_done::NotDone;
use swap::{SwapLost, swap};

mod not_done;
mod swap;

/// Who asks for a transition, and how.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When.
    pub at: Stamp,
    /// Who.
    pub by: String,
    /// By which way.
    pub via: Via,
    /// From which address.
    pub peer: Option<String>,
    /// What they say.
    pub note: Option<String>,
}

impl Asked {
    /// Returns the same without secrets in what they say.
    pub fn masked(&self, secrets: &[String]) -> Asked {
        Asked { note: self.note.as_deref().map(|note| mask(note, secrets)), ..self.clone() }
    }
}

/// What a transition changes in the file beside its history.
#[derive(Debug, Default)]
pub struct Changes {
    /// Fields to set.
    pub set: Vec<(&'static str, Box<RawValue>)>,
    /// The digest of the plan, for the audit log.
    pub plan: Option<String>,
}

/// Takes an action from one state to the next. What else changes in its file, `prepare` says from the action as it
/// is under the lock; an error of `prepare` is the transition's, and is audited as a refusal.
pub fn apply(
    root: &Root,
    id: &ActionId,
    transition: Transition,
    asked: &Asked,
    prepare: impl FnOnce(&Entry) -> Result<Changes, NotDone>,
) -> Result<Entry, NotDone> {
    let mut prepare = Some(prepare);
    // One copy of all that follows, not one for each who calls.
    let mut once = |entry: &Entry| prepare.take().expect("it is asked once")(entry);
    under_lock(root, id, transition, asked, &mut once)
}

type Prepare<'a> = &'a mut dyn FnMut(&Entry) -> Result<Changes, NotDone>;

fn under_lock(
    root: &Root,
    id: &ActionId,
    transition: Transition,
    asked: &Asked,
    prepare: Prepare<'_>,
) -> Result<Entry, NotDone> {
    let _lock = Lock::take(root, "actions")?;
    carry_out(root, id, transition, asked, prepare).map_err(|error| refused(root, id, transition, asked, error))
}

fn carry_out(
    root: &Root,
    id: &ActionId,
    transition: Transition,
    asked: &Asked,
    prepare: Prepare<'_>,
) -> Result<Entry, NotDone> {
    let entry = settle_history(root, locate(root, id, transition)?, asked.at)?;
    let changes = prepare(&entry)?;
    let to = entry.state.next(transition).expect("locate found the action in the state that the transition needs");
    if to.is_ended() {
        retire(root, id)?;
    }
    let line = HistoryEntry { at: asked.at, to, by: asked.by.clone(), via: asked.via, note: asked.note.clone() };
    let mut fields = action::with_entry(&entry.action, entry.standing.committed, &line);
    for (name, value) in changes.set {
        fields.set(name, value);
    }
    let from_path = actions::path(root, entry.state, id);
    let to_path = actions::path(root, to, id);
    root.make_dir(to_path.parent().unwrap_or(&to_path))?;
    if to_path.symlink_metadata().is_ok() {
        return Err(NotDone::Doubled { id: id.clone(), states: vec![entry.state, to] });
    }
    swap(root, &from_path, &entry.bytes, &fields).map_err(|lost| lost.of(root, id))?;
    let mut told =
        audit::Entry::of(audit::Event::Transition, id, Some(entry.state), to, asked.at, &asked.by, asked.via);
    told.peer = asked.peer.clone();
    told.plan = changes.plan.or_else(|| entry.action.plan_digest.clone());
    told.note = asked.note.clone();
    audit::append(root, told)?;
    match renameat_with(CWD, &from_path, CWD, &to_path, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(rustix::io::Errno::NOENT) => return Err(SwapLost::Hand.of(root, id)),
        Err(rustix::io::Errno::EXIST) => {
            return Err(NotDone::Doubled { id: id.clone(), states: vec![entry.state, to] });
        }
        Err(e) => return Err(WriteError::at(&to_path, "rename an action to", e.into()).into()),
    }
    sync_parents(&from_path, &to_path)?;
    actions::read(root, to, id)?.ok_or_else(|| SwapLost::Hand.of(root, id))
}

/// Returns the error after the audit log was told of it; what is no action has no transitions.
fn refused(root: &Root, id: &ActionId, transition: Transition, asked: &Asked, error: NotDone) -> NotDone {
    let from = match &error {
        NotDone::Lost { state, .. } => Some(*state),
        NotDone::Hand { state, .. } => *state,
        NotDone::Refused { .. } => Some(transition.from()),
        NotDone::Doubled { .. } => None,
        NotDone::Unknown { .. } | NotDone::Invalid(_) | NotDone::Write(_) => return error,
    };
    let to = transition.from().next(transition).expect("each transition is possible from its own state");
    let mut told = audit::Entry::of(audit::Event::Refused, id, from, to, asked.at, &asked.by, asked.via);
    told.peer = asked.peer.clone();
    told.note = Some(error.to_string());
    match audit::append(root, told) {
        Ok(()) => error,
        Err(e) => e.into(),
    }
}

/// Finds the action where the transition needs it.
fn locate(root: &Root, id: &ActionId, transition: Transition) -> Result<Entry, NotDone> {
    let places = actions::find(root, id)?;
    if places.live.len() > 1 {
        let states = places.live.iter().map(|e| e.state).collect();
        return Err(NotDone::Doubled { id: id.clone(), states });
    }
    let Some(current) = places.current() else {
        return Err(NotDone::Unknown { id: id.clone(), nearest: actions::nearest_id(root, id) });
    };
    match current.state.next(transition) {
        Ok(_) => Ok(current.clone()),
        Err(_) => Err(NotDone::Lost { id: id.clone(), state: current.state, winner: winner(current) }),
    }
}

/// Says who brought an action into its state.
fn winner(entry: &Entry) -> Option<String> {
    if entry.standing.by_hand {
        return Some(format!("by {} ({})", entry.owner, Via::Hand));
    }
    let last = entry.history().last().filter(|e| e.to == entry.state)?;
    Some(format!("by {} ({}) at {}", last.by, last.via, last.at))
}

/// Brings a file's history in line with its directory: an entry that was never committed is audited as such (the
/// next rewrite drops it), a move by hand is written down.
fn settle_history(root: &Root, entry: Entry, at: Stamp) -> Result<Entry, NotDone> {
    let id = &entry.action.id;
    let standing = &entry.standing;
    if standing.uncommitted {
        let lost = &entry.action.history[standing.committed];
        let mut told =
            audit::Entry::of(audit::Event::NotCommitted, id, Some(entry.state), lost.to, at, &lost.by, lost.via);
        told.note = Some(format!("the transition of {} was never committed", lost.at));
        audit::append(root, told)?;
    }
    if !standing.by_hand {
        return Ok(entry);
    }
    let from = entry.action.history.last().map(|e| e.to);
    let mut told = audit::Entry::of(audit::Event::Transition, id, from, entry.state, at, &entry.owner, Via::Hand);
    told.plan = entry.action.plan_digest.clone();
    audit::append(root, told)?;
    let line = HistoryEntry { at, to: entry.state, by: entry.owner.clone(), via: Via::Hand, note: None };
    let fields = action::with_entry(&entry.action, standing.committed, &line);
    let path = actions::path(root, entry.state, id);
    swap(root, &path, &entry.bytes, &fields).map_err(|lost| lost.of(root, id))?;
    actions::read(root, entry.state, id)?.ok_or_else(|| SwapLost::Hand.of(root, id))
}

/// Writes down every move by hand among the live actions, and moves ended records that a newer one has replaced
/// to the history. What cannot be settled is returned.
pub fn settle(root: &Root, entries: Vec<Entry>, at: Stamp) -> (Vec<Entry>, Vec<NotDone>) {
    let (mut settled, mut failed) = (Vec::new(), Vec::new());
    let _lock = match Lock::take(root, "actions") {
        Ok(lock) => lock,
        Err(e) => return (entries, vec![e.into()]),
    };
    for entry in entries {
        let result = if entry.standing.by_hand { settle_history(root, entry, at) } else { Ok(entry) };
        match result.and_then(|entry| retire(root, &entry.action.id).map(|()| entry)) {
            Ok(entry) => settled.push(entry),
            // Somebody moved it: whoever looks next sees it where it is.
            Err(NotDone::Hand { .. }) => {}
            Err(e) => failed.push(e),
        }
    }
    (settled, failed)
}

/// Writes down that a hand moved a record into an ended state.
pub fn settle_ended(root: &Root, entry: Entry, at: Stamp) -> Result<Entry, NotDone> {
    let _lock = Lock::take(root, "actions")?;
    settle_history(root, entry, at)
}

/// Replaces fields of an action without a transition: the running step, say. Its history stays.
pub fn annotate(root: &Root, entry: &Entry, set: Vec<(&'static str, Box<RawValue>)>) -> Result<Entry, NotDone> {
    let _lock = Lock::take(root, "actions")?;
    let mut fields = entry.action.fields.clone();
    for (name, value) in set {
        fields.set(name, value);
    }
    let id = &entry.action.id;
    let path = actions::path(root, entry.state, id);
    swap(root, &path, &entry.bytes, &fields).map_err(|lost| lost.of(root, id))?;
    atomic::sync_dir(path.parent().unwrap_or(&path))?;
    actions::read(root, entry.state, id)?.ok_or_else(|| SwapLost::Hand.of(root, id))
}

/// Creates a pending action, then moves an older ended record of its ID to the history.
pub fn create(
    root: &Root,
    id: &ActionId,
    mut fields: Fields,
    asked: &Asked,
    plan: Option<String>,
) -> Result<Entry, NotDone> {
    let _lock = Lock::take(root, "actions")?;
    let places = actions::find(root, id)?;
    if let Some(live) = places.live.first() {
        return Err(NotDone::Lost { id: id.clone(), state: live.state, winner: winner(live) });
    }
    let state = State::Pending;
    let line = HistoryEntry { at: asked.at, to: state, by: asked.by.clone(), via: asked.via, note: asked.note.clone() };
    fields.set("history", action::raw(&[line]));
    let path = actions::path(root, state, id);
    root.make_dir(path.parent().unwrap_or(&path))?;
    let temporary = atomic::temporary(&path, &fields.to_bytes(), 0o644, root.owner())?;
    let mut told = audit::Entry::of(audit::Event::Transition, id, None, state, asked.at, &asked.by, asked.via);
    told.peer = asked.peer.clone();
    told.plan = plan;
    told.note = asked.note.clone();
    audit::append(root, told)?;
    temporary.persist_noclobber(&path).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => NotDone::Hand { id: id.clone(), state: Some(state) },
        _ => WriteError::at(&path, "make an action at", e.error).into(),
    })?;
    atomic::sync_dir(path.parent().unwrap_or(&path))?;
    retire(root, id)?;
    actions::read(root, state, id)?.ok_or_else(|| SwapLost::Hand.of(root, id))
}

/// Moves the ended records of an ID to `history/ID/`, never over another. A live one must have taken their place:
/// what was rejected since the caller looked, by whomever, is no older record.
fn retire(root: &Root, id: &ActionId) -> Result<(), NotDone> {
    let ended = actions::ended(root, id)?;
    // Only now: what a hand moves from here on is not among them.
    if !State::LIVE.iter().any(|state| actions::path(root, *state, id).symlink_metadata().is_ok()) {
        return Ok(());
    }
    for old in ended {
        let from = actions::path(root, old.state, id);
        let dir = root.actions().join("history").join(id.as_str());
        root.make_dir(&dir)?;
        let stem = old.since().map_or("unknown".into(), Stamp::file_name);
        for n in 1.. {
            let name =
                if n == 1 { format!("{stem}-{}.json", old.state) } else { format!("{stem}-{}.{n}.json", old.state) };
            let to = dir.join(name);
            match renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
                Ok(()) => sync_parents(&from, &to)?,
                Err(rustix::io::Errno::EXIST) => continue,
                Err(rustix::io::Errno::NOENT) => {}
                Err(e) => return Err(WriteError::at(&to, "move an ended record to", e.into()).into()),
            }
            break;
        }
    }
    Ok(())
}

fn sync_parents(from: &Path, to: &Path) -> Result<(), WriteError> {
    atomic::sync_dir(to.parent().unwrap_or(to))?;
    atomic::sync_dir(from.parent().unwrap_or(from))
}
