//! `hlctl plan`: prints what would run, made from the desired state as it is now. Changes nothing, but for `--fetch`,
//! which notes in a pending action the commits that it would bring.

use std::collections::BTreeMap;

use serde::Serialize;

use super::select;
use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result};
use crate::flow::action::ActionId;
use crate::flow::desired::Desired;
use crate::flow::lifecycle::State;
use crate::flow::plan::{Fetched, Plan};
use crate::flow::reconcile;
use crate::store::actions::{self, Entry};
use crate::store::transition::NotDone;
use config::ConfigChange;
use images::ImageChange;

pub mod config;
mod fetch;
pub mod images;

/// The plans.
#[derive(Debug, Serialize)]
pub struct PlanReport {
    /// One a selected action.
    pub plans: Vec<Planned>,
}

/// The plan of one action.
#[derive(Debug, Serialize)]
pub struct Planned {
    /// The action.
    pub id: ActionId,
    /// Its state.
    pub state: State,
    /// What would run now, if that can be said.
    pub plan: Option<Plan>,
    /// Why not.
    pub error: Option<String>,
    /// What was fetched, and when: the commits that it brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched: Option<Fetched>,
    /// What has changed in the rendered Compose config since the last redeploy, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigChange>,
    /// The images that would be used as they are now, beside those that the last redeploy used, where that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageChange>,
    /// The digest that an approval has pinned, where it is another than the plan's.
    pub pinned: Option<String>,
}

/// Makes the plans of the selected actions.
pub fn run(cx: &Context, args: &cli::PlanArgs) -> Result<PlanReport> {
    of(cx, &cx.desired()?, args)
}

/// Makes the plans of the selected actions, and has the nodes say what has changed since the last redeploy.
pub fn with_changes(cx: &Context, args: &cli::PlanArgs) -> Result<PlanReport> {
    make(cx, &cx.desired()?, args, true)
}

/// Makes the plans of the selected actions, the desired state being known.
pub fn of(cx: &Context, desired: &Desired, args: &cli::PlanArgs) -> Result<PlanReport> {
    make(cx, desired, args, false)
}

fn make(cx: &Context, desired: &Desired, args: &cli::PlanArgs, with_changes: bool) -> Result<PlanReport> {
    let root = cx.root()?;
    let cx = &cx.knowing(desired);
    let mut entries = match &args.id {
        Some(id) => {
            let places = actions::find(&root, id).map_err(NotDone::from).advised()?;
            let unknown = || NotDone::Unknown { id: id.clone(), nearest: actions::nearest_id(&root, id) };
            vec![places.current().cloned().ok_or_else(unknown).advised()?]
        }
        None => {
            let node = args.node.as_ref().map(|node| select::known_node(desired, node)).transpose()?;
            let mut entries = actions::list(&root, &[State::Pending, State::Approved])?.entries;
            entries.retain(|e| node.as_ref().is_none_or(|node| desired.canonical(&e.action.node) == *node));
            entries
        }
    };
    let mut failed = BTreeMap::new();
    if args.fetch {
        super::queue::refuse_mirror(&root)?;
        for entry in &mut entries {
            if let Err(why) = fetch::into(cx, &root, desired, entry) {
                failed.insert(entry.action.id.clone(), why);
            }
        }
    }
    let planned = |entry: &Entry| {
        let action = &entry.action;
        let made = reconcile::plan_of(desired, action, entry.state);
        let now = made.as_ref().ok().map(|plan| plan.digest.clone());
        let pinned =
            action.plan_digest.clone().filter(|pin| entry.state == State::Approved && now.as_ref() != Some(pin));
        let change = |plan: &Plan| config::change(cx, &root, entry, plan, args.fetch);
        let (config, images) = made.as_ref().ok().filter(|_| with_changes).and_then(change).unzip();
        Planned {
            config,
            images: images.unwrap_or_default(),
            id: action.id.clone(),
            state: entry.state,
            error: made.as_ref().err().map(ToString::to_string).or_else(|| failed.get(&action.id).cloned()),
            fetched: action.fetched.clone().filter(|f| action.commit(entry.state) == Some(&f.to)),
            plan: made.ok().map(|plan| plan.masked(&cx.secrets)),
            pinned,
        }
    };
    Ok(PlanReport { plans: entries.iter().map(planned).collect() })
}
