//! `hlctl approve`: pins the plan as it is now and lets it run. The same call serves the command line and the web.

use serde::Serialize;

use super::select;
use crate::cli;
use crate::context::Context;
use crate::fail::Result;
use crate::flow::action::{ActionId, raw};
use crate::flow::desired::Desired;
use crate::flow::lifecycle::Transition;
use crate::flow::plan::Plan;
use crate::flow::reconcile;
use crate::store::actions::Entry;
use crate::store::root::Root;
use crate::store::transition::{self, Asked, Changes, NotDone};

/// What was approved.
#[derive(Debug, Default, Serialize)]
pub struct ApproveReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The approved actions with their plans.
    pub approved: Vec<Approved>,
    /// What was not, and why.
    pub failed: Vec<select::Failure>,
}

/// An approved action.
#[derive(Debug, Serialize)]
pub struct Approved {
    /// Its ID.
    pub id: ActionId,
    /// The digest that is pinned now.
    pub digest: String,
    /// What will run.
    pub plan: Plan,
}

/// Approves the actions that the command line selects.
pub fn run(cx: &Context, args: &cli::Approve) -> Result<ApproveReport> {
    let root = cx.root()?;
    super::queue::refuse_mirror(&root)?;
    let desired = cx.desired()?;
    let cx = &cx.knowing(&desired);
    let ids = select::ids(&root, &desired, &args.select)?;
    let mut report = ApproveReport { dry_run: args.dry_run, ..ApproveReport::default() };
    for id in ids {
        let asked = super::queue::asked(cx, args.note.as_deref());
        let done = if args.dry_run {
            preview(&root, &desired, &id, args.digest.as_deref())
        } else {
            approve(cx, &root, &desired, &id, args.digest.as_deref(), &asked)
        };
        match done {
            Ok(plan) => {
                report.approved.push(Approved { id, digest: plan.digest.clone(), plan: plan.masked(&cx.secrets) })
            }
            Err(e) => report.failed.push(select::Failure::new(id, &e)),
        }
    }
    Ok(report)
}

/// Approves one action: its plan is made from the desired state as it is now, written into the file and pinned.
/// Another digest than the one given is refused. What is written knows the secrets of the projects, whoever calls.
pub fn approve(
    cx: &Context,
    root: &Root,
    desired: &Desired,
    id: &ActionId,
    digest: Option<&str>,
    asked: &Asked,
) -> std::result::Result<Plan, NotDone> {
    let cx = &cx.knowing(desired);
    let mut pinned = None;
    transition::apply(root, id, Transition::Approve, &asked.masked(&cx.secrets), |entry| {
        let plan = plan_to_pin(desired, entry, digest)?;
        let set = vec![("plan", raw(&plan.masked(&cx.secrets)))];
        let changes = Changes { set, plan: Some(plan.digest.clone()) };
        pinned = Some(plan);
        Ok(changes)
    })?;
    Ok(pinned.expect("an approval that was committed was prepared"))
}

/// Returns the plan of an action as it would be pinned now.
pub fn plan_to_pin(desired: &Desired, entry: &Entry, digest: Option<&str>) -> std::result::Result<Plan, NotDone> {
    let action = &entry.action;
    let node = desired.canonical(&action.node);
    if let Some(errors) = desired.broken.get(&node) {
        let first = errors.first().map_or(String::new(), ToString::to_string);
        let message = format!("cannot approve {}: the files of {node} cannot be believed: {first}", action.id);
        return Err(NotDone::Refused { message, advice: "mend the host file (`hlctl check`), then approve".into() });
    }
    let plan = reconcile::plan_of(desired, action, entry.state).map_err(|e| {
        let message = format!("cannot approve {}: no plan can be made: {e}", action.id);
        NotDone::Refused { message, advice: "change hosts/, or reject the action".into() }
    })?;
    match digest {
        Some(wanted) if wanted != plan.digest => Err(NotDone::Refused {
            message: format!("cannot approve {}: its plan is now {}, not {wanted}", action.id, plan.digest),
            advice: format!("read what would run now with `hlctl plan {}`", action.id),
        }),
        _ => Ok(plan),
    }
}

fn preview(root: &Root, desired: &Desired, id: &ActionId, digest: Option<&str>) -> std::result::Result<Plan, NotDone> {
    plan_to_pin(desired, &select::pending(root, id, Transition::Approve)?, digest)
}
