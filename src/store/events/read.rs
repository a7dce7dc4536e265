//! One pass over the event log: what is new is read on top of the checkpoint; where that cannot be trusted,
//! everything is read. Either way gives the same intake.

use std::collections::BTreeMap;
use std::io;

use self::pass::Pass;
use super::ReadError;
use super::checkpoint::{self, Checkpoint, Held, Tally};
use super::day::Stale;
use super::dir::{DayDir, list_days};
use super::meter::Meter;
use crate::flow::fold::Fold;
use crate::flow::intake::{Rejects, Waiting};
use crate::flow::time::{DAY_MS, Stamp};
use crate::store::atomic::WriteError;
use crate::store::root::Root;
use crate::store::world::WorldFiles;

mod batch;
mod pass;

/// How long a day's files are looked at on every pass, in milliseconds.
pub const RECENT_MS: i64 = 7 * DAY_MS;

/// What a pass knows when it has read.
#[derive(Debug)]
pub struct Reading {
    checkpoint: Checkpoint,
    /// The world's files, where those on disk may be others.
    world: Option<WorldFiles>,
    /// Whether the next pass needs to know anything that this one did not know from the last.
    changed: bool,
    /// Why everything was read again, where it was.
    pub replayed: Option<String>,
}

impl Reading {
    /// Returns the world's files, unless those on disk are right.
    pub fn world(&self) -> Option<&WorldFiles> {
        self.world.as_ref()
    }

    /// Returns what the events say, in short.
    pub fn tally(&self) -> &Tally {
        &self.checkpoint.tally
    }

    /// Returns the events from the future.
    pub fn waiting(&self) -> &Waiting {
        &self.checkpoint.waiting
    }

    /// Returns everything that was set aside: lines, files and folders.
    pub fn rejects(&self) -> Rejects {
        let mut all = self.checkpoint.rejects.clone();
        for (name, day) in &self.checkpoint.days {
            all.merge(&day.odd);
            day.unreadable.iter().for_each(|(file, why)| all.add(&format!("events/{name}/{file}"), None, why));
            day.unlisted.iter().for_each(|why| all.add(&format!("events/{name}"), None, why));
        }
        all
    }

    /// Returns how many files and folders could not be read.
    pub fn unreadable(&self) -> usize {
        self.checkpoint.days.values().map(|d| d.unreadable.len() + usize::from(d.unlisted.is_some())).sum()
    }
}

/// Reads the events that are there and count at `now`. With `full`, all of them again.
pub fn read(root: &Root, now: Stamp, full: bool, meter: &Meter) -> Result<Reading, ReadError> {
    let listing = list(root)?;
    let stale = match full {
        true => "it was asked for".to_owned(),
        false => match checkpoint::load(root).and_then(|from| Pass::new(root, now, from)?.run(&listing, meter)) {
            Ok(reading) => return Ok(reading),
            Err(Stale(why)) => why,
        },
    };
    let mut reading = afresh(root, now, &listing, false, meter)?;
    reading.replayed = Some(stale);
    Ok(reading)
}

/// Folds all events afresh, and says nothing of it to the next pass.
pub fn fold(root: &Root, now: Stamp, meter: &Meter) -> Result<Fold, ReadError> {
    let listing = list(root)?;
    let reading = afresh(root, now, &listing, true, meter)?;
    reading
        .checkpoint
        .fold
        .into_value()
        .map_err(|Stale(why)| ReadError::at(&root.events(), "fold", io::Error::other(why)))
}

fn list(root: &Root) -> Result<Vec<DayDir>, ReadError> {
    let events = root.events();
    Ok(list_days(&events).map_err(|e| ReadError::at(&events, "list the folder", e))?.unwrap_or_default())
}

fn afresh(root: &Root, now: Stamp, listing: &[DayDir], forgets: bool, meter: &Meter) -> Result<Reading, ReadError> {
    let empty = Checkpoint {
        looked_at: now,
        incomplete: false,
        days: BTreeMap::new(),
        waiting: Waiting::default(),
        rejects: Rejects::default(),
        tally: Tally::default(),
        fold: Held::default(),
    };
    // Nothing can be stale to a pass that relies on nothing.
    let reading = Pass::afresh(root, now, empty, forgets).run(listing, meter);
    reading.map_err(|Stale(why)| ReadError::at(&root.events(), "read", io::Error::other(why)))
}

/// Writes the checkpoint, if the next pass needs a new one.
pub fn save(root: &Root, reading: &Reading) -> Result<bool, WriteError> {
    if reading.changed { checkpoint::save(root, &reading.checkpoint) } else { Ok(false) }
}
