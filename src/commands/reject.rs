//! `hlctl reject`: says no to pending actions, with a reason.

use serde::Serialize;

use super::select;
use crate::cli;
use crate::context::Context;
use crate::fail::{Result, usage};
use crate::flow::action::ActionId;
use crate::flow::desired::Desired;
use crate::flow::lifecycle::Transition;
use crate::flow::reconcile;
use crate::store::actions::Entry;
use crate::store::root::Root;
use crate::store::transition::{self, Asked, Changes, NotDone};

/// What was rejected.
#[derive(Debug, Default, Serialize)]
pub struct RejectReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The rejected actions.
    pub rejected: Vec<ActionId>,
    /// What was not, and why.
    pub failed: Vec<select::Failure>,
}

/// Rejects the actions that the command line selects.
pub fn run(cx: &Context, args: &cli::Reject) -> Result<RejectReport> {
    let root = cx.root()?;
    super::queue::refuse_mirror(&root)?;
    if args.reason.trim().is_empty() {
        return Err(usage("a rejection needs a reason", "say why: `--reason \"not tonight\"`"));
    }
    let desired = cx.desired()?;
    let ids = select::ids(&root, &desired, &args.select)?;
    let mut report = RejectReport { dry_run: args.dry_run, ..RejectReport::default() };
    for id in ids {
        let asked = super::queue::asked(cx, Some(&args.reason));
        let done = if args.dry_run {
            select::pending(&root, &id, Transition::Reject).map(drop)
        } else {
            reject(cx, &root, &desired, &id, None, &asked)
        };
        match done {
            Ok(()) => report.rejected.push(id),
            Err(e) => report.failed.push(select::Failure::new(id, &e)),
        }
    }
    Ok(report)
}

/// Rejects one action; the reason is the note of `asked`. Where its plan was shown and is another one now, nobody has seen
/// what is rejected: that is refused. What is written knows the secrets of the projects, whoever calls.
pub fn reject(
    cx: &Context,
    root: &Root,
    desired: &Desired,
    id: &ActionId,
    shown: Option<&str>,
    asked: &Asked,
) -> std::result::Result<(), NotDone> {
    let check = |entry: &Entry| {
        let Some(digest) = shown else { return Ok(Changes::default()) };
        let plan = reconcile::plan_of(desired, &entry.action, entry.state);
        let now = plan.as_ref().map_or("none", |plan| &plan.digest);
        if now == digest {
            return Ok(Changes::default());
        }
        let message = format!("cannot reject {id}: its plan is now {now}, not {digest}");
        Err(NotDone::Refused { message, advice: "read what would run now, then decide".into() })
    };
    let asked = asked.masked(&cx.knowing(desired).secrets);
    transition::apply(root, id, Transition::Reject, &asked, check).map(drop)
}
