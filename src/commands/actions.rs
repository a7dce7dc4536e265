//! `hlctl actions` and `hlctl show`: the queue, and one action with its plan and history.

use serde::Serialize;

use super::plan::{self, Planned};
use super::status;
use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result};
use crate::flow::action::raw;
use crate::flow::fields::Fields;
use crate::flow::lifecycle::State;
use crate::flow::sort;
use crate::flow::status::Flapping;
use crate::flow::time::Stamp;
use crate::store;
use crate::store::actions::{self, Entry, Invalid};
use crate::store::transition::NotDone;

/// The queue.
#[derive(Debug, Serialize)]
pub struct ActionsReport {
    /// Each is its file's object plus `state`.
    pub actions: Vec<Fields>,
    /// What is no action.
    pub invalid: Vec<Invalid>,
    /// The same as values.
    #[serde(skip)]
    pub entries: Vec<Entry>,
    /// The time, for ages.
    #[serde(skip)]
    pub now: Stamp,
}

/// Lists the queue: all states, or those asked for.
pub fn list(cx: &Context, args: &cli::Actions) -> Result<ActionsReport> {
    let root = cx.root()?;
    let states = if args.state.is_empty() { &State::ALL[..] } else { &args.state };
    let mut listing = actions::list(&root, states)?;
    sort::by(&mut listing.entries, |a, b| (a.state, a.since(), &a.action.id).cmp(&(b.state, b.since(), &b.action.id)));
    Ok(ActionsReport {
        actions: listing.entries.iter().map(with_state).collect(),
        invalid: listing.invalid,
        entries: listing.entries,
        now: cx.now(),
    })
}

/// Returns an action's object plus its state, its history as far as it is true.
pub fn with_state(entry: &Entry) -> Fields {
    let mut fields = entry.action.fields.clone();
    fields.set("id", raw(&entry.action.id));
    fields.set("state", raw(&entry.state));
    if entry.standing.uncommitted {
        fields.set("history", raw(entry.history()));
    }
    fields
}

/// One action: its file's object plus `state`, and beside it what is known of it now.
#[derive(Debug)]
pub struct ShowReport {
    /// Its file's object plus `state`.
    pub action: Fields,
    /// Its plan as it is now.
    pub planned: Option<Planned>,
    /// When it was queued, where that is so often within the window that it is flapping.
    pub flapping: Option<Flapping>,
    /// How many older records of the ID there are in `actions/history/`.
    pub older: usize,
    /// The same as a value.
    pub entry: Entry,
    /// The time, for ages.
    pub now: Stamp,
}

impl Serialize for ShowReport {
    fn serialize<S: serde::Serializer>(&self, output: S) -> std::result::Result<S::Ok, S::Error> {
        let mut fields = self.action.clone();
        fields.set("planned", raw(&self.planned));
        fields.set("older", raw(&self.older));
        if let Some(flapping) = &self.flapping {
            fields.set("flapping", raw(&flapping.queued));
        }
        fields.serialize(output)
    }
}

/// Looks one action up.
pub fn show(cx: &Context, args: &cli::Show) -> Result<ShowReport> {
    let root = cx.root()?;
    let places = actions::find(&root, &args.id).map_err(NotDone::from).advised()?;
    if places.live.len() > 1 {
        let states = places.live.iter().map(|e| e.state).collect();
        return Err(NotDone::Doubled { id: args.id.clone(), states }).advised();
    }
    let unknown = || NotDone::Unknown { id: args.id.clone(), nearest: actions::nearest_id(&root, &args.id) };
    let entry = places.current().cloned().ok_or_else(unknown).advised()?;
    let planned = match entry.state {
        State::Pending | State::Approved => {
            plan::with_changes(cx, &cli::PlanArgs { id: Some(args.id.clone()), node: None, fetch: false })?.plans.pop()
        }
        _ => None,
    };
    let older = actions::older(&root, &args.id);
    // What is wrong with the settings, the passes say.
    let config = store::config::read(&root).unwrap_or_default();
    let flapping = status::flapping_of(&root, args.id.clone(), &config, cx.now());
    Ok(ShowReport { action: with_state(&entry), planned, flapping, older, entry, now: cx.now() })
}
