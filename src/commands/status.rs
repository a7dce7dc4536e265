//! `hlctl status`: everything at one glance. Changes nothing.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::fail::{Advised, Result};
use crate::flow::action::ActionId;
use crate::flow::config::Config;
use crate::flow::desired::Desired;
use crate::flow::drift::DriftRow;
use crate::flow::lifecycle::State;
use crate::flow::policy::FLAPS;
use crate::flow::reconcile::{self, Ended};
use crate::flow::sort;
use crate::flow::status::{self, Flapping, Inputs, PassFacts, Summary};
use crate::flow::time::Stamp;
use crate::flow::world::{self, Nodes};
use crate::store;
use crate::store::actions::Listing;
use crate::store::pass;
use crate::store::root::Root;

/// Makes the summary.
pub fn run(cx: &Context) -> Result<Summary> {
    of(cx, &cx.desired()?)
}

/// Makes the summary, the desired state being known.
pub fn of(cx: &Context, desired: &Desired) -> Result<Summary> {
    let root = cx.root()?;
    if root.is_mirror() {
        return super::mirror::summary(&root, cx.now());
    }
    let config = store::config::read(&root).advised()?;
    let services = store::world::read_services(&root).advised()?;
    let nodes = store::world::read_nodes(&root).advised()?.unwrap_or_else(Nodes::none);
    let world = services.map(|services| world::canonical(&services, &nodes, &desired.aliases));
    let mut drift = store::drift::read(&root).unwrap_or_default();
    let live = store::actions::list(&root, &State::LIVE)?;
    for row in &mut drift {
        tell_hold(cx, &root, &config, &live, row);
    }
    let findings = store::events::report(&root).unwrap_or_default();
    let Troubles { failed, invalid } = troubles(&root, &live)?;
    let pending = live.entries.iter().filter(|e| e.state == State::Pending);
    Ok(status::summarize(&Inputs {
        desired,
        world: world.as_ref().map(|(services, nodes)| (services, nodes)),
        drift: &drift,
        pending: pending.map(|e| (&e.action, e.since())).collect(),
        failed,
        counts: store::actions::count(&root)?,
        passes: pass::SHOWN.into_iter().map(|name| (name, facts(&root, name))).collect(),
        rejects: findings.rejected,
        waiting: findings.waiting.count,
        waiting_nodes: findings.waiting.nodes,
        flapping: flapping(&root, &drift, &live, &config, cx.now()),
        invalid,
        silent_after: config.silent_after,
        now: cx.now(),
    }))
}

/// Returns the actions of the drift and of the queue that were needed again and again within the window.
fn flapping(root: &Root, drift: &[DriftRow], live: &Listing, config: &Config, now: Stamp) -> Vec<Flapping> {
    let of_drift = drift.iter().filter_map(|row| row.action.as_ref()?.parse::<ActionId>().ok());
    let ids: BTreeSet<ActionId> = of_drift.chain(live.entries.iter().map(|e| e.action.id.clone())).collect();
    ids.into_iter().filter_map(|id| flapping_of(root, id, config, now)).collect()
}

/// Returns when an action was queued within the window, where that is so often that it is flapping.
pub fn flapping_of(root: &Root, id: ActionId, config: &Config, now: Stamp) -> Option<Flapping> {
    let since = now.plus_millis(-i64::try_from(config.flap_window.as_millis()).unwrap_or(i64::MAX));
    let mut queued = store::actions::past(root, &id, since).queued;
    queued.retain(|at| *at > since);
    sort::by(&mut queued, Ord::cmp);
    (queued.len() >= FLAPS).then_some(Flapping { id, queued })
}

/// An action that has ended since the last reconcile is no longer the answer to its drift: says how long it holds
/// its ID.
fn tell_hold(cx: &Context, root: &Root, config: &Config, live: &Listing, row: &mut DriftRow) {
    let Some(id) = row.action.as_ref().and_then(|id| id.parse::<ActionId>().ok()) else { return };
    if live.entries.iter().any(|e| e.action.id == id) {
        return;
    }
    row.action = None;
    let newest = store::actions::ended(root, &id).ok().and_then(|list| list.into_iter().next());
    let hold = newest.and_then(|entry| reconcile::hold_after(&super::queue::ended(&entry), None, config, cx.now()));
    if let Some(hold) = hold {
        row.held_until = hold.until;
        row.held_by = Some(hold.why);
    }
}

fn facts(root: &Root, name: &str) -> Option<PassFacts> {
    let last = pass::last_run(root, name)?;
    Some(PassFacts { finished: last.finished, took: last.took, ok: last.record.ok, error: last.record.error })
}

/// What is wrong with the queue.
struct Troubles {
    /// The IDs whose newest record failed, and why.
    failed: Vec<(ActionId, String)>,
    /// Files that are no actions, and IDs in two states.
    invalid: Vec<String>,
}

fn troubles(root: &Root, live: &Listing) -> Result<Troubles> {
    let open: BTreeSet<&ActionId> = live.entries.iter().map(|e| &e.action.id).collect();
    let (mut failed, mut invalid) = (Vec::new(), Vec::new());
    store::actions::each(root, &State::ENDED, &mut |read| match read {
        Ok(entry) if entry.state == State::Failed && !open.contains(&entry.action.id) => {
            let Ended { error, .. } = super::queue::ended(&entry);
            failed.push((entry.action.id, error.unwrap_or_else(|| "no reason was recorded".into())));
        }
        Ok(_) => {}
        Err(one) => invalid.push(one),
    })?;
    // A record that ended otherwise later is beside it only after a crash or a hand's work.
    failed.retain(|(id, _)| {
        let newest = store::actions::ended(root, id).ok().and_then(|list| list.into_iter().next());
        newest.is_none_or(|newest| newest.state == State::Failed)
    });
    sort::by(&mut failed, Ord::cmp);
    sort::by(&mut invalid, |a, b| a.path.cmp(&b.path));
    let no_action = live.invalid.iter().chain(&invalid).map(|i| format!("not an action: {i}"));
    let doubled =
        live.doubled().into_keys().map(|id| format!("{id} stands in two states at once: remove one of the files"));
    Ok(Troubles { failed, invalid: no_action.chain(doubled).collect() })
}
