//! `hlctl request`: queues an action that a person wants, whatever the drift. The holds do not count, an open
//! action of the service does.

use serde::Serialize;

use super::{queue, reconcile as pass, select};
use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result, fail, usage};
use crate::flow::action::{ActionId, ActionType};
use crate::flow::lifecycle::State;
use crate::flow::plan::Plan;
use crate::flow::reconcile;
use crate::store::actions;

/// What was queued.
#[derive(Debug, Serialize)]
pub struct RequestReport {
    /// Its ID.
    pub id: ActionId,
    /// What would run, if that can be said.
    pub plan: Option<Plan>,
    /// What the operator should know.
    pub hints: Vec<String>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// Queues one action.
pub fn run(cx: &Context, args: &cli::Request) -> Result<RequestReport> {
    let root = cx.root()?;
    queue::refuse_mirror(&root)?;
    let desired = cx.desired()?;
    let cx = &cx.knowing(&desired);
    match (args.kind, &args.service) {
        (ActionType::DiskCleanup, Some(_)) => {
            return Err(usage("a disk_cleanup is of a node, not of a service", "leave the service out"));
        }
        (ActionType::Redeploy | ActionType::ContainerRestart, None) => {
            return Err(usage(
                format!("a {} needs a service", args.kind),
                format!("hlctl request {} {} SERVICE", args.kind, args.node),
            ));
        }
        _ => {}
    }
    let node = select::known_node(&desired, &args.node)?;
    let Some(host) = desired.hosts.get(&node) else {
        return Err(fail(format!("the files of {node} cannot be believed"), "mend them: `hlctl check` says where"));
    };
    if let Some(service) = &args.service {
        select::known_service(host, service)?;
    }
    let id = ActionId::of(args.kind, &node, args.service.as_ref());
    if let Some(pairs) = desired.shared_ids().get(&id) {
        let names: Vec<String> = pairs.iter().map(|(node, service)| format!("{node}/{service}")).collect();
        return Err(fail(format!("{} share the ID {id}", names.join(" and ")), "rename one of these services"));
    }
    let listing = actions::list(&root, &State::LIVE)?;
    let open: Vec<_> = listing.entries.iter().map(|e| (e.state, &e.action)).collect();
    let mut errors = Vec::new();
    let ended = queue::ended_of(&root, std::iter::once(id.clone()), cx.now(), args.dry_run, &mut errors);
    if let Some(error) = errors.pop() {
        return Err(fail(error, "mend the file, or move it out of actions/"));
    }
    let new = reconcile::decide_request(&desired, &open, ended.get(&id), args.kind, &node, args.service.as_ref())
        .map_err(|open| {
            let state = listing.entries.iter().find(|e| e.action.id == open).map_or(State::Pending, |e| e.state);
            fail(
                format!("{open} is already {state}: one open action a service"),
                format!("look at it with `hlctl show {open}`"),
            )
        })?;
    if !args.dry_run {
        pass::create(cx, &root, &new, &queue::asked(cx, args.note.as_deref())).advised()?;
    }
    let plan = new.plan.map(|plan| plan.masked(&cx.secrets));
    Ok(RequestReport { id: new.id, plan, hints: new.hints, dry_run: args.dry_run })
}
