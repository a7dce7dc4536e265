//! What the verbs of the queue share: finding actions, who asks, what is said of errors.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::fail::{Result, fail};
use crate::flow::action::{ActionId, Via};
use crate::flow::desired::HostError;
use crate::flow::mask::mask;
use crate::flow::reconcile::Ended;
use crate::flow::time::Stamp;
use crate::store::actions::{self, Entry};
use crate::store::root::Root;
use crate::store::transition::{self, Asked};

/// Refuses to decide anything on a mirror.
pub fn refuse_mirror(root: &Root) -> Result<()> {
    if !root.is_mirror() {
        return Ok(());
    }
    let message = format!("{} mirrors another root: nothing is decided here", root.path().display());
    Err(fail(message, "do this on the control plane, or remove state/is-mirror if this is to become one"))
}

/// Returns who asks for a transition on the command line. What they say is kept without secrets.
pub fn asked(cx: &Context, note: Option<&str>) -> Asked {
    let note = note.map(|note| mask(note, &cx.secrets));
    Asked { at: cx.now(), by: cx.operator(), via: Via::Cli, peer: cx.peer.clone(), note }
}

/// Returns an error of a host file with its advice, in one line.
pub fn host_error(error: &HostError) -> String {
    match &error.advice {
        Some(advice) => format!("{error} ({advice})"),
        None => format!("{error} (mend it, then run `hlctl check`)"),
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
                    Ok(entry) => drop(entry.map(|entry| found.insert(id, ended(&entry)))),
                    Err(e) => errors.push(e.to_string()),
                }
            }
            Err(invalid) => errors.push(format!("not an action: {invalid}")),
        }
    }
    found
}

/// Returns what an ended record says about holds and attempts.
pub fn ended(entry: &Entry) -> Ended {
    let error = entry.action.result.as_ref().and_then(|result| {
        let message = result.message.as_deref().map_or(String::new(), |m| format!(": {m}"));
        result.reason.as_deref().map(|reason| format!("{reason}{message}"))
    });
    Ended { state: entry.state, at: entry.since(), attempt: entry.action.attempt, error }
}
