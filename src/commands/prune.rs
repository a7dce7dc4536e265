//! `hlctl prune`: what is old and no longer needed goes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Fail, Result};
use crate::flow::retention::Retention;
use crate::flow::time::Stamp;
use crate::store::atomic::WriteError;
use crate::store::events::{self, FileChange, Limits, Meter};
use crate::store::lock::Lock;
use crate::store::pass::Pass;
use crate::store::root::Root;
use crate::store::{config, ended};
use crate::view::progress;

/// `append` writes into the folder of today; a clock may be a little off.
const NEVER_COMPRESSED: Duration = Duration::from_secs(86_400);

/// What a pass did.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PruneReport {
    /// Another one is running.
    Busy {
        /// The root of both.
        root: PathBuf,
    },
    /// It looked at everything.
    Done(Pruned),
}

/// What went.
#[derive(Debug, Default, Serialize)]
pub struct Pruned {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// How many bytes that freed.
    pub freed: u64,
    /// The files of events that changed.
    pub events: Vec<FileChange>,
    /// The files of ended actions, their output and their history that were removed.
    pub actions: Vec<String>,
    /// What could not be done.
    pub errors: Vec<String>,
    /// What to do about it.
    #[serde(skip)]
    pub advice: Option<String>,
}

/// Runs one pass.
pub fn run(cx: &Context, args: &cli::Prune) -> Result<PruneReport> {
    let root = cx.root()?;
    let keep = config::read(&root).advised()?.keep;
    let now = cx.now();
    let before = |age: Duration| now.plus_millis(-i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    let limits = Limits {
        now,
        keep_from: before(args.keep.unwrap_or(keep.events)),
        compress_before: args.compress.map(|age| before(age.max(NEVER_COMPRESSED))),
        dry_run: args.dry_run,
    };
    let actions_from = before(keep.actions);
    if args.dry_run {
        return prune(&root, now, limits, actions_from).map(PruneReport::Done).advised();
    }
    let Some(pass) = Pass::start(&root, "prune").advised()? else {
        return Ok(PruneReport::Busy { root: cx.root.clone() });
    };
    match prune(&root, now, limits, actions_from) {
        Ok(pruned) => {
            pass.end(pruned.errors.first().cloned(), BTreeMap::new()).advised()?;
            Ok(PruneReport::Done(pruned))
        }
        Err(error) => {
            pass.fail(&error);
            Err(error.into())
        }
    }
}

fn prune(root: &Root, now: Stamp, limits: Limits, actions_from: Stamp) -> std::result::Result<Pruned, Fail> {
    let meter = Meter::default();
    let fold = progress::show(&meter, || events::size(&root.events()), || events::fold(root, now, &meter))?;
    let keep = Retention { fold: &fold, from: limits.keep_from };
    // An observe that had listed a folder would miss what moves in it meanwhile; it waits for its next round.
    let lock = if limits.dry_run { None } else { Some(Lock::take(root, "observe")?) };
    let of_events = events::prune(root, &keep, limits)?;
    drop(lock);
    let of_actions = ended::prune(root, actions_from, limits.dry_run)?;
    let errors: Vec<WriteError> = of_events.errors.into_iter().chain(of_actions.errors).collect();
    let freed = of_events.files.iter().map(|f| f.freed).chain(of_actions.files.iter().map(|f| f.1)).sum();
    Ok(Pruned {
        dry_run: limits.dry_run,
        freed,
        events: of_events.files,
        actions: of_actions.files.into_iter().map(|(file, _)| file).collect(),
        advice: errors.first().map(WriteError::advice),
        errors: errors.iter().map(ToString::to_string).collect(),
    })
}
