//! One pass over the event log: what is new is read on top of the checkpoint; where that cannot be trusted,
//! everything is read. Either way gives the same intake.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::ReadError;
use super::checkpoint::{self, Checkpoint};
use super::day::{Day, Known, Open, PROOF_NS, Stale, Work, Young, is_lines};
use super::dir::{DayDir, Entry, list_day, list_days};
use super::file::{self, Progress};
use crate::flow::intake::{Intake, Rejects, Source, TOLERANCE_MS};
use crate::flow::time::Stamp;
use crate::store::atomic::WriteError;
use crate::store::root::Root;

/// How long a day's files are looked at on every pass.
const RECENT_MS: i64 = 7 * 24 * 3600 * 1000;
/// How often the files of all days are looked at.
const LOOK_MS: i64 = 3600 * 1000;
/// Most entries that the checkpoint remembers beyond its open files.
const MAX_WEIGHT: usize = 1000;

/// What a pass knows when it has read.
#[derive(Debug)]
pub struct Reading {
    checkpoint: Checkpoint,
    /// Whether the next pass needs to know anything that this one did not know from the last.
    changed: bool,
    /// Why everything was read again, where it was.
    pub replayed: Option<String>,
}

impl Reading {
    /// Returns what came of all events.
    pub fn intake(&self) -> &Intake {
        &self.checkpoint.intake
    }

    /// Returns everything that was set aside: lines, files and folders.
    pub fn rejects(&self) -> Rejects {
        let mut all = self.checkpoint.intake.rejects.clone();
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
pub fn read(root: &Root, now: Stamp, full: bool) -> Result<Reading, ReadError> {
    let events = root.events();
    let listing = list_days(&events).map_err(|e| ReadError::at(&events, "list the folder", e))?.unwrap_or_default();
    let stale = match full {
        true => "it was asked for".to_owned(),
        false => match checkpoint::load(root).and_then(|from| Pass::new(root, now, from)?.run(&listing)) {
            Ok(reading) => return Ok(reading),
            Err(Stale(why)) => why,
        },
    };
    let empty = Checkpoint { looked_at: now, incomplete: false, days: BTreeMap::new(), intake: Intake::default() };
    let pass = Pass { changed: true, look_at_all: true, ..Pass::over(root, now, empty) };
    // Nothing can be stale to a pass that relies on nothing.
    let mut reading = pass.run(&listing).map_err(|Stale(why)| ReadError::at(&events, "read", io::Error::other(why)))?;
    reading.replayed = Some(stale);
    Ok(reading)
}

/// Writes the checkpoint, if the next pass needs a new one.
pub fn save(root: &Root, reading: &Reading) -> Result<bool, WriteError> {
    if reading.changed { checkpoint::save(root, &reading.checkpoint) } else { Ok(false) }
}

struct Pass<'a> {
    root: &'a Root,
    now_ns: i64,
    /// The latest time that counts.
    horizon: Stamp,
    /// The first of the days whose files are always looked at.
    recent_from: String,
    look_at_all: bool,
    changed: bool,
    incomplete: bool,
    checkpoint: Checkpoint,
}

impl<'a> Pass<'a> {
    fn over(root: &'a Root, now: Stamp, checkpoint: Checkpoint) -> Self {
        Self {
            root,
            now_ns: now.millis().saturating_mul(1_000_000),
            horizon: now.plus_millis(TOLERANCE_MS),
            recent_from: now.plus_millis(-RECENT_MS).day(),
            look_at_all: false,
            changed: false,
            incomplete: false,
            checkpoint,
        }
    }

    /// Starts a pass on top of a checkpoint, if the clock allows it.
    fn new(root: &'a Root, now: Stamp, checkpoint: Checkpoint) -> Result<Self, Stale> {
        let mut pass = Self::over(root, now, checkpoint);
        if pass.checkpoint.intake.fold.as_of() > Some(pass.horizon) {
            return Err(Stale("the clock is behind the world".into()));
        }
        let due = pass.checkpoint.intake.release(pass.horizon);
        pass.changed = due.ok_or_else(|| Stale("the time of waiting events has come".into()))? > 0;
        let since = now.since(pass.checkpoint.looked_at);
        if !(0..LOOK_MS).contains(&since) {
            (pass.look_at_all, pass.changed, pass.checkpoint.looked_at) = (true, true, now);
        }
        Ok(pass)
    }

    fn run(mut self, listing: &[DayDir]) -> Result<Reading, Stale> {
        let mut before = std::mem::take(&mut self.checkpoint.days);
        for dir in listing {
            let old = before.remove(&dir.name);
            if let Some(day) = self.day(dir, old)? {
                self.checkpoint.days.insert(dir.name.clone(), day);
            }
        }
        for (name, day) in before {
            if !day.is_empty() {
                return Err(Stale(format!("events/{name} is gone")));
            }
            self.changed = true;
        }
        let weight = self.checkpoint.days.iter().map(|(name, day)| day.weight(self.is_recent(name))).sum::<usize>();
        self.checkpoint.incomplete = self.incomplete || weight > MAX_WEIGHT;
        Ok(Reading { checkpoint: self.checkpoint, changed: self.changed, replayed: None })
    }

    fn is_recent(&self, day: &str) -> bool {
        day >= self.recent_from.as_str()
    }

    fn day(&mut self, dir: &DayDir, old: Option<Day>) -> Result<Option<Day>, Stale> {
        let must_look =
            |d: &Day| d.unsettled || d.mtime != dir.mtime || !d.unreadable.is_empty() || d.unlisted.is_some();
        if !self.look_at_all && !self.is_recent(&dir.name) && old.as_ref().is_some_and(|d| !must_look(d)) {
            return Ok(old);
        }
        let new = self.look(dir, old.as_ref())?;
        let (Some(old), Some(day)) = (old, &new) else {
            self.changed = true;
            return Ok(new);
        };
        // Times that only moved on, and youth that only passed, are no reason to write.
        let is_same = (&old.unreadable, &old.odd, &old.unlisted) == (&day.unreadable, &day.odd, &day.unlisted);
        self.changed |= !is_same;
        Ok(new)
    }

    fn look(&mut self, dir: &DayDir, old: Option<&Day>) -> Result<Option<Day>, Stale> {
        let shown = format!("events/{}", dir.name);
        let path = self.root.events().join(&dir.name);
        let unsettled = dir.mtime > self.now_ns.saturating_sub(PROOF_NS);
        let mut day = Day { mtime: dir.mtime, unsettled, settled_before: i64::MIN, ..Day::default() };
        let listed = match dir.obstacle {
            Some(what) => {
                day.odd.add(&shown, None, what);
                Ok((Vec::new(), std::mem::take(&mut day.odd)))
            }
            None => list_day(&path, &shown),
        };
        let files = match listed {
            Ok((files, odd)) => {
                day.odd = odd;
                files
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => {
                day.unlisted = Some(unreadable(&e));
                Vec::new()
            }
        };
        let nothing = Day { settled_before: i64::MIN, ..Day::default() };
        let old = old.unwrap_or(&nothing);
        let Work { fresh, grown, doubtful, kept: mut known } = old.compare(&dir.name, files)?;
        for (entry, young) in doubtful {
            self.doubt(&path, &entry, &young, &shown)?;
            known.push((entry.name, Known::Whole(young)));
        }
        for (entry, open) in grown {
            let open = self.read_on(&path, &entry, open, &dir.name, &shown)?;
            known.push((entry.name, Known::Lines(open)));
        }
        for entry in fresh {
            match self.read_whole(&path, &entry, &dir.name) {
                Ok(read) => {
                    self.changed = true;
                    known.push((entry.name, read));
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => drop(day.unreadable.insert(entry.name, unreadable(&e))),
            }
        }
        day.settle(known, old.settled_before, self.now_ns, self.is_recent(&dir.name));
        Ok(Some(day))
    }

    fn source(day: &str, name: &str) -> Source {
        Source { file: format!("events/{day}/{name}"), path: format!("{day}/{name}").into() }
    }

    /// Makes sure that a young file still holds what was read of it.
    fn doubt(&self, dir: &Path, entry: &Entry, young: &Young, shown: &str) -> Result<(), Stale> {
        let path = dir.join(&entry.name);
        let content = file::open(&path).and_then(|(mut f, identity)| file::hash_document(&mut f, identity.size));
        if content.is_ok_and(|hash| hash == young.content) {
            return Ok(());
        }
        Err(Stale(format!("{shown}/{} was rewritten", entry.name)))
    }

    /// Reads what was added to a `.jsonl` file.
    fn read_on(&mut self, dir: &Path, entry: &Entry, from: Open, day: &str, shown: &str) -> Result<Open, Stale> {
        let stale = |what: &str| Stale(format!("{shown}/{} {what}", entry.name));
        let (mut file, identity) =
            file::open(&dir.join(&entry.name)).map_err(|e| stale(&format!("cannot be read: {e}")))?;
        let is_same = identity.ino == from.identity.ino && identity.size >= from.progress.offset;
        if !is_same || !file::is_intact(&file, from.progress).is_ok_and(|intact| intact) {
            return Err(stale("was rewritten"));
        }
        let into = &mut self.checkpoint.intake;
        let progress = file::read_lines(
            &mut file,
            identity.size,
            from.progress,
            into,
            &Self::source(day, &entry.name),
            self.horizon,
        )
        .map_err(|e| stale(&format!("cannot be read: {e}")))?;
        let open = Open { identity, progress };
        self.changed |= open != from;
        Ok(open)
    }

    /// Reads a file that nothing is known of.
    fn read_whole(&mut self, dir: &Path, entry: &Entry, day: &str) -> io::Result<Known> {
        let (mut file, identity) = file::open(&dir.join(&entry.name))?;
        let (into, source) = (&mut self.checkpoint.intake, Self::source(day, &entry.name));
        let known = if is_lines(entry) {
            file::read_lines(&mut file, identity.size, Progress::START, into, &source, self.horizon)
                .map(|progress| Known::Lines(Open { identity, progress }))
        } else {
            file::read_document(&mut file, identity.size, into, &source, self.horizon)
                .map(|content| Known::Whole(Young { identity, content }))
        };
        // Part of it may be in the intake now, and nothing says which: the next pass starts afresh.
        self.incomplete |= known.is_err();
        known
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}
