//! `hlctl observe`: folds the events into the world.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Fail, Result, fail};
use crate::flow::time::Stamp;
use crate::store::events::{self, Meter, ObserveFindings, ReadError, Reading};
use crate::store::pass::Pass;
use crate::store::root::Root;
use crate::store::world;
use crate::view::progress;

/// What a pass did.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ObserveReport {
    /// Another one is running.
    Busy {
        /// The root of both.
        #[serde(serialize_with = "crate::flow::json::path")]
        root: PathBuf,
    },
    /// It looked at the events.
    Done(Observed),
}

/// What the events say.
#[derive(Debug, Serialize)]
pub struct Observed {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether the world is another one than before.
    pub changed: bool,
    /// The newest event folded.
    pub as_of: Option<Stamp>,
    /// How many services are known.
    pub services: usize,
    /// How many nodes are known.
    pub nodes: usize,
    /// What is not in the world.
    pub findings: ObserveFindings,
    /// How many files and folders could not be read.
    pub unreadable: usize,
    /// Why all events were read again, where they were.
    pub replayed: Option<String>,
    /// When the pass began, against which skews are told.
    #[serde(skip)]
    pub now: Stamp,
    /// Whether to tell why all events were read again.
    #[serde(skip)]
    pub verbose: bool,
}

/// Runs one pass.
pub fn run(cx: &Context, args: &cli::Observe) -> Result<ObserveReport> {
    let root = cx.root()?;
    if root.is_mirror() {
        return Err(fail(
            format!("{} is a mirror: its world comes from the control plane", cx.root.display()),
            "run `hlctl mirror` here, and `hlctl observe` on the control plane",
        ));
    }
    let now = cx.now();
    let full = args.full;
    let mut observed = if args.dry_run {
        let reading = read(&root, now, full).advised()?;
        let differs = reading.world().is_some_and(|files| world::hashes(&root) != Some(files.hashes()));
        observed(now, &reading, differs)
    } else {
        let Some(pass) = Pass::start(&root, "observe").advised()? else {
            return Ok(ObserveReport::Busy { root: cx.root.clone() });
        };
        match observe(&root, now, full) {
            Ok(observed) => {
                pass.end(observed.error(), observed.counts()).advised()?;
                observed
            }
            Err(error) => {
                pass.fail(&error);
                return Err(error.into());
            }
        }
    };
    (observed.dry_run, observed.verbose) = (args.dry_run, cx.output.verbose > 0);
    Ok(ObserveReport::Done(observed))
}

/// Reads the events, with a progress bar where somebody may be waiting.
fn read(root: &Root, now: Stamp, full: bool) -> std::result::Result<Reading, ReadError> {
    let meter = Meter::default();
    progress::show(&meter, || events::size(&root.events()), || events::read(root, now, full, &meter))
}

/// Reads what is new and writes what changed; the checkpoint last, so that a pass that is killed is repeated.
fn observe(root: &Root, now: Stamp, full: bool) -> std::result::Result<Observed, Fail> {
    let reading = read(root, now, full).map_err(|e: ReadError| Fail::from(e))?;
    let changed = reading.world().map_or(Ok(false), |files| files.write(root))?;
    let observed = observed(now, &reading, changed);
    events::save_report(root, &observed.findings)?;
    events::save(root, &reading)?;
    Ok(observed)
}

fn observed(now: Stamp, reading: &Reading, changed: bool) -> Observed {
    let tally = reading.tally();
    Observed {
        dry_run: false,
        changed,
        as_of: tally.as_of,
        services: tally.services,
        nodes: tally.nodes,
        findings: ObserveFindings::of(reading),
        unreadable: reading.unreadable(),
        replayed: reading.replayed.clone(),
        now,
        verbose: false,
    }
}

impl Observed {
    /// Returns what went wrong, in one line.
    pub fn error(&self) -> Option<String> {
        let many = if self.unreadable == 1 { "file or folder" } else { "files or folders" };
        (self.unreadable > 0).then(|| format!("{} {many} of events cannot be read", self.unreadable))
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let counts = [
            ("services", self.services as u64),
            ("nodes", self.nodes as u64),
            ("rejected", self.findings.rejected.count),
            ("waiting", self.findings.waiting.count),
            ("unknown", self.findings.unknown),
        ];
        counts.map(|(name, count)| (name.to_owned(), count)).into()
    }
}
