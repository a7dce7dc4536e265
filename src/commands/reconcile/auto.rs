//! What the policy approves after a reconcile, recorded as its own doing.

use std::collections::BTreeMap;

use super::ReconcileReport;
use crate::commands::approve;
use crate::context::Context;
use crate::fail::Result;
use crate::flow::action::{ActionId, Via};
use crate::flow::config::Config;
use crate::flow::desired::Desired;
use crate::flow::lifecycle::State;
use crate::flow::policy::{self, Auto, Past};
use crate::flow::time::Stamp;
use crate::flow::world::Services;
use crate::store::actions;
use crate::store::root::Root;
use crate::store::transition::Asked;

/// What it depends on.
pub struct Inputs<'a> {
    /// The surroundings.
    pub cx: &'a Context,
    /// The data directory.
    pub root: &'a Root,
    /// The settings.
    pub config: &'a Config,
    /// The desired state.
    pub desired: &'a Desired,
    /// The world with canonical names.
    pub services: &'a Services,
}

/// Returns the earlier records of some IDs, as far as flapping and the brake look back.
pub fn past(root: &Root, ids: impl Iterator<Item = ActionId>, config: &Config, now: Stamp) -> BTreeMap<ActionId, Past> {
    ids.map(|id| (id.clone(), actions::past(root, &id, since(config, now)))).collect()
}

fn since(config: &Config, now: Stamp) -> Stamp {
    let window = config.flap_window.max(policy::BRAKE_WITHIN);
    now.plus_millis(-i64::try_from(window.as_millis()).unwrap_or(i64::MAX))
}

/// Approves what the policy says; without a rule, nothing is looked at.
pub fn approve(inputs: &Inputs<'_>, report: &mut ReconcileReport) -> Result<()> {
    let Inputs { cx, root, config, desired, services } = inputs;
    if config.policy.auto_approve.is_empty() {
        return Ok(());
    }
    let now = cx.now();
    let pending = actions::list(root, &[State::Pending])?;
    let doubled = actions::list(root, &State::LIVE)?.doubled();
    for entry in pending.entries.iter().filter(|e| !doubled.contains_key(&e.action.id)) {
        let action = &entry.action;
        let node = desired.canonical(&action.node);
        let row = action.service.as_ref().and_then(|service| services.get(node.as_str(), service.as_str()));
        let past = actions::past(root, &action.id, since(config, now));
        let last_healthy = row.and_then(|row| row.last_healthy);
        match policy::decide(&config.policy, config.flap_window, (action, &node), &past, last_healthy, now) {
            Auto::No => {}
            Auto::Wait(why) => report.hints.push(why),
            Auto::Approve => {
                let asked = Asked { at: now, by: "policy".into(), via: Via::Policy, peer: None, note: None };
                match approve::approve(cx, root, desired, &action.id, None, &asked) {
                    Ok(_) => report.approved.push(action.id.clone()),
                    Err(e) => report.hints.push(format!("not approved by itself: {e}")),
                }
            }
        }
    }
    Ok(())
}
