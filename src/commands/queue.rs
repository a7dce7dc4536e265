//! What the verbs of the queue share: finding actions, who asks, what is said of errors.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::fail::{Result, fail};
use crate::flow::action::{ActionId, Via};
use crate::flow::desired::HostError;
use crate::flow::lifecycle::State;
use crate::flow::mask::mask;
use crate::flow::reconcile::Ended;
use crate::flow::time::Stamp;
use crate::store::actions::{self, Entry};
use crate::store::mirror;
use crate::store::pass;
use crate::store::root::Root;
use crate::store::transition::{self, Asked};
use crate::view::clean;

/// Refuses to decide anything on a mirror.
pub fn refuse_mirror(root: &Root) -> Result<()> {
    if !root.is_mirror() {
        return Ok(());
    }
    let from = mirror::source(root).map_or_else(|| "another root".to_owned(), String::from);
    let message = format!("{} mirrors {from}: nothing is decided here", root.path().display());
    Err(fail(message, "do this on the control plane, or remove state/is-mirror if this is to become one"))
}

/// Returns who asks for a transition on the command line. What they say is kept without secrets.
pub fn asked(cx: &Context, note: Option<&str>) -> Asked {
    let note = note.map(|note| mask(note, &cx.secrets));
    Asked { at: cx.now(), by: cx.operator(), via: Via::Cli, peer: cx.peer.clone(), note }
}

/// Returns an error of a host file with its advice on a line of its own.
pub fn host_error(error: &HostError) -> String {
    let said = error.to_string();
    let said = clean(&said);
    match &error.advice {
        Some(advice) => format!("{said}\nhelp: {}", clean(advice)),
        None => format!("{said}\nhelp: mend it, then run `hlctl check`"),
    }
}

/// Looks up the ended records of some IDs. A move by hand into an ended state is written down unless this is a dry
/// run.
pub fn ended_of(
    root: &Root,
    ids: impl Iterator<Item = ActionId>,
    now: Stamp,
    dry_run: bool,
    errors: &mut Vec<String>,
) -> BTreeMap<ActionId, Ended> {
    let mut found = BTreeMap::new();
    for id in ids {
        match actions::ended(root, &id) {
            Ok(records) => {
                let newest = records.into_iter().next();
                let settled = newest.map(|entry| match entry.standing.by_hand && !dry_run {
                    true => transition::settle_ended(root, entry, now),
                    false => Ok(entry),
                });
                match settled.transpose() {
                    // What a hand moved there ends when it is first seen.
                    Ok(entry) => drop(entry.map(|entry| {
                        let seen = entry.standing.by_hand.then_some(now);
                        let ended = ended(&entry);
                        found.insert(id, Ended { at: ended.at.or(seen), ..ended })
                    })),
                    Err(e) => errors.push(e.to_string()),
                }
            }
            Err(invalid) => errors.push(format!("not an action: {invalid}")),
        }
    }
    found
}

/// Writes down what a hand moved into an ended state since the last reconcile: only folders that changed since then
/// are looked at, so that the cost does not grow with the age of the root.
pub fn settle_ended(root: &Root, now: Stamp) -> Vec<String> {
    let since = pass::last_run(root, "reconcile").map(|last| last.finished);
    let changed: Vec<State> =
        State::ENDED.into_iter().filter(|state| actions::changed_since(root, *state, since)).collect();
    let listing = match actions::list(root, &changed) {
        Ok(listing) => listing,
        Err(e) => return vec![e.to_string()],
    };
    let by_hand = listing.entries.into_iter().filter(|entry| entry.standing.by_hand);
    by_hand.filter_map(|entry| transition::settle_ended(root, entry, now).err()).map(|e| e.to_string()).collect()
}

/// Returns what an ended record says about holds and attempts.
pub fn ended(entry: &Entry) -> Ended {
    let error = entry.action.result.as_ref().and_then(|result| {
        let message = result.message.as_deref().map_or(String::new(), |m| format!(": {m}"));
        result.reason.as_deref().map(|reason| format!("{reason}{message}"))
    });
    Ended { state: entry.state, at: entry.since(), attempt: entry.action.attempt, error }
}
