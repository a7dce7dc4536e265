//! One pass over the event log: what is new is read on top of the checkpoint; where that cannot be trusted,
//! everything is read. Either way gives the same intake.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZero;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::ReadError;
use super::checkpoint::{self, Checkpoint, Held, Tally};
use super::day::{Day, PROOF_NS, Stale, Work};
use super::dir::{DayDir, Entry, list_day, list_days};
use super::file::Reader;
use super::meter::Meter;
use super::tasks::{self, End, Folder, Job, Outcome, Task};
use crate::flow::fold::Fold;
use crate::flow::intake::{Intake, Rejects, TOLERANCE_MS, Waiting};
use crate::flow::time::Stamp;
use crate::store::atomic::WriteError;
use crate::store::root::Root;
use crate::store::world::{self, WorldFiles};

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
    let events = root.events();
    let listing = list_days(&events).map_err(|e| ReadError::at(&events, "list the folder", e))?.unwrap_or_default();
    let stale = match full {
        true => "it was asked for".to_owned(),
        false => match checkpoint::load(root).and_then(|from| Pass::new(root, now, from)?.run(&listing, meter)) {
            Ok(reading) => return Ok(reading),
            Err(Stale(why)) => why,
        },
    };
    let empty = Checkpoint {
        looked_at: now,
        incomplete: false,
        days: BTreeMap::new(),
        waiting: Waiting::default(),
        rejects: Rejects::default(),
        tally: Tally::default(),
        fold: Held::default(),
    };
    let pass = Pass { changed: true, look_at_all: true, ..Pass::over(root, now, empty) };
    // Nothing can be stale to a pass that relies on nothing.
    let reading = pass.run(&listing, meter);
    let mut reading = reading.map_err(|Stale(why)| ReadError::at(&events, "read", io::Error::other(why)))?;
    reading.replayed = Some(stale);
    Ok(reading)
}

/// Folds all events afresh, and says nothing of it to the next pass.
pub fn fold(root: &Root, now: Stamp, meter: &Meter) -> Result<Fold, ReadError> {
    let reading = read(root, now, true, meter)?;
    reading
        .checkpoint
        .fold
        .into_value()
        .map_err(|Stale(why)| ReadError::at(&root.events(), "fold", io::Error::other(why)))
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
    /// What this pass adds to the checkpoint's fold, and all that waits.
    added: Intake,
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
            added: Intake::default(),
        }
    }

    /// Starts a pass on top of a checkpoint, if the clock allows it.
    fn new(root: &'a Root, now: Stamp, checkpoint: Checkpoint) -> Result<Self, Stale> {
        let mut pass = Self::over(root, now, checkpoint);
        if pass.checkpoint.tally.as_of > Some(pass.horizon) {
            return Err(Stale("the clock is behind the world".into()));
        }
        pass.added.waiting = std::mem::take(&mut pass.checkpoint.waiting);
        let due = pass.added.release(pass.horizon);
        pass.changed = due.ok_or_else(|| Stale("the time of waiting events has come".into()))? > 0;
        let since = now.since(pass.checkpoint.looked_at);
        if !(0..LOOK_MS).contains(&since) {
            (pass.look_at_all, pass.changed, pass.checkpoint.looked_at) = (true, true, now);
        }
        Ok(pass)
    }

    fn run(mut self, listing: &[DayDir], meter: &Meter) -> Result<Reading, Stale> {
        let mut before = std::mem::take(&mut self.checkpoint.days);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let intakes = std::iter::once(std::mem::take(&mut self.added));
        let intakes = intakes.chain(std::iter::repeat_with(Intake::default)).take(cores);
        let mut readers: Vec<_> = intakes.map(|intake| Reader::new(intake, self.horizon, meter)).collect();
        let mut batch = Batch::default();
        for dir in listing {
            match before.remove(&dir.name) {
                Some(old) if !self.must_look(dir, &old) => drop(self.checkpoint.days.insert(dir.name.clone(), old)),
                old => batch.add(self.look(dir, old)?, self.root)?,
            }
            if batch.is_full() {
                self.work_off(std::mem::take(&mut batch), &mut readers)?;
            }
        }
        self.work_off(batch, &mut readers)?;
        for (name, day) in before {
            if !day.is_empty() {
                return Err(Stale(format!("events/{name} is gone")));
            }
            self.changed = true;
        }
        readers.into_iter().for_each(|reader| self.added.merge(reader.intake));
        let world = self.conclude()?;
        let weight = self.checkpoint.days.iter().map(|(name, day)| day.weight(self.is_recent(name))).sum::<usize>();
        self.checkpoint.incomplete = self.incomplete || weight > MAX_WEIGHT;
        Ok(Reading { checkpoint: self.checkpoint, world, changed: self.changed, replayed: None })
    }

    /// Adds what was read to what was known. Returns the world's files, unless those on disk are right.
    fn conclude(&mut self) -> Result<Option<WorldFiles>, Stale> {
        let Intake { fold: added, waiting, rejects } = std::mem::take(&mut self.added);
        let checkpoint = &mut self.checkpoint;
        checkpoint.waiting = waiting;
        checkpoint.rejects.merge(&rejects);
        if added.as_of().is_none() && world::hashes(self.root) == Some(checkpoint.tally.world) {
            return Ok(None);
        }
        let mut fold = std::mem::take(&mut checkpoint.fold).into_value()?;
        fold.merge(added);
        let (services, nodes) = (fold.services(), fold.nodes());
        let files = WorldFiles::new(&services, &nodes);
        checkpoint.tally = Tally {
            as_of: fold.as_of(),
            unknown: fold.unknown(),
            services: services.services.len(),
            nodes: nodes.nodes.len(),
            world: files.hashes(),
        };
        checkpoint.fold = Held::Value(Box::new(fold));
        Ok(Some(files))
    }

    fn is_recent(&self, day: &str) -> bool {
        day >= self.recent_from.as_str()
    }

    /// Returns whether a day that was read before has to be looked at again.
    fn must_look(&self, dir: &DayDir, old: &Day) -> bool {
        let settled = !old.unsettled && old.mtime == dir.mtime && old.unreadable.is_empty() && old.unlisted.is_none();
        self.look_at_all || self.is_recent(&dir.name) || !settled
    }

    /// Lists a day and compares it with what is known of it.
    fn look(&self, dir: &DayDir, old: Option<Day>) -> Result<Looked, Stale> {
        let shown = format!("events/{}", dir.name);
        let unsettled = dir.mtime > self.now_ns.saturating_sub(PROOF_NS);
        let mut day = Day { mtime: dir.mtime, unsettled, settled_before: i64::MIN, ..Day::default() };
        let listed = match dir.obstacle {
            Some(what) => {
                day.odd.add(&shown, None, what);
                Ok((Vec::new(), std::mem::take(&mut day.odd)))
            }
            None => list_day(&self.root.events().join(&dir.name), &shown),
        };
        let mut files = Vec::new();
        match listed {
            Ok(listed) => (files, day.odd) = listed,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => day.unlisted = Some(unreadable(&e)),
        }
        let nothing = Day { settled_before: i64::MIN, ..Day::default() };
        let work = old.as_ref().unwrap_or(&nothing).compare(&dir.name, files)?;
        Ok(Looked { name: dir.name.clone(), day, old, work })
    }

    /// Reads what has to be read of a batch of days, and makes their records.
    fn work_off(&mut self, batch: Batch, readers: &mut [Reader<'_>]) -> Result<(), Stale> {
        let mut days = batch.days;
        for Outcome { day, name, end } in tasks::run(batch.tasks, readers)? {
            let looked = &mut days[day];
            match end {
                End::Read { known, changed } => {
                    self.changed |= changed;
                    looked.work.kept.push((name, known));
                }
                End::Gone => {}
                End::Unreadable { error, opened } => {
                    // Part of it may be in the intake now, and nothing says which: the next pass starts afresh.
                    self.incomplete |= opened;
                    looked.day.unreadable.insert(name, unreadable(&error));
                }
            }
        }
        for Looked { name, mut day, old, work } in days {
            let previous = old.as_ref().map_or(i64::MIN, |old| old.settled_before);
            day.settle(work.kept, previous, self.now_ns, self.is_recent(&name));
            // Times that only moved on, and youth that only passed, are no reason to write.
            self.changed |= old.is_none_or(|old| {
                (&old.unreadable, &old.odd, &old.unlisted) != (&day.unreadable, &day.odd, &day.unlisted)
            });
            self.checkpoint.days.insert(name, day);
        }
        Ok(())
    }
}

/// A day that was listed.
struct Looked {
    name: String,
    day: Day,
    old: Option<Day>,
    work: Work,
}

/// Days that are read together: enough to keep all cores busy, few enough to be remembered.
#[derive(Default)]
struct Batch {
    days: Vec<Looked>,
    tasks: Vec<Task>,
    bytes: u64,
}

impl Batch {
    fn add(&mut self, mut looked: Looked, root: &Root) -> Result<(), Stale> {
        let (day, work) = (self.days.len(), &mut looked.work);
        let fresh = work.fresh.drain(..).map(|entry| (entry, Job::Fresh));
        let grown = work.grown.drain(..).map(|(entry, open)| (entry, Job::Grown(open)));
        let doubtful = work.doubtful.drain(..).map(|(entry, young)| (entry, Job::Doubtful(young)));
        let jobs: Vec<(Entry, Job)> = fresh.chain(grown).chain(doubtful).collect();
        if !jobs.is_empty() {
            let path = root.events().join(&looked.name);
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let fd = match rustix::fs::open(&path, flags, Mode::empty()) {
                Ok(fd) => fd,
                Err(e) if looked.old.is_some() => {
                    return Err(Stale(format!("events/{} cannot be opened: {}", looked.name, io::Error::from(e))));
                }
                // It went away since it was listed.
                Err(Errno::NOENT) => return Ok(()),
                Err(e) => {
                    looked.day.unlisted = Some(unreadable(&e.into()));
                    self.days.push(looked);
                    return Ok(());
                }
            };
            let folder = Arc::new(Folder { name: looked.name.clone(), fd });
            for (entry, job) in jobs {
                let task = Task { day, folder: Arc::clone(&folder), entry, job };
                self.bytes += task.bytes();
                self.tasks.push(task);
            }
        }
        self.days.push(looked);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.bytes > 256 << 20 || self.tasks.len() > 4096 || self.days.len() > 64
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}
