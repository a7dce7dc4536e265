//! One pass: decides which days are looked at, has read what is new in them, and adds it to what was known.

use std::io;
use std::num::NonZero;

use super::batch::{Batch, Looked, unreadable};
use super::{RECENT_MS, Reading};
use crate::flow::intake::{Intake, TOLERANCE_MS};
use crate::flow::time::{HOUR_MS, Stamp};
use crate::store::events::checkpoint::{Checkpoint, Held, Tally};
use crate::store::events::day::{Day, PROOF_NS, Stale};
use crate::store::events::dir::{DayDir, list_day, list_new_day};
use crate::store::events::file::Reader;
use crate::store::events::meter::Meter;
use crate::store::events::tasks::{self, End, Outcome};
use crate::store::root::Root;
use crate::store::world::{self, WorldFiles};

/// How often the files of all days are looked at.
const LOOK_MS: i64 = HOUR_MS;
/// Most entries that the checkpoint remembers beyond its open files.
const MAX_WEIGHT: usize = 10_000;

/// A pass on its way.
pub struct Pass<'a> {
    root: &'a Root,
    now_ns: i64,
    /// The latest time that counts.
    horizon: Stamp,
    /// The first of the days whose files are always looked at.
    recent_from: String,
    look_at_all: bool,
    /// Whether no next pass will ask what was read.
    forgets: bool,
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
            forgets: false,
            changed: false,
            incomplete: false,
            checkpoint,
            added: Intake::default(),
        }
    }

    /// Starts a pass that relies on nothing: `empty` is a checkpoint without a day. One that `forgets` gives the fold and
    /// what was set aside, but nothing for another pass to go on from.
    pub fn afresh(root: &'a Root, now: Stamp, empty: Checkpoint, forgets: bool) -> Self {
        Self { changed: true, look_at_all: true, forgets, ..Self::over(root, now, empty) }
    }

    /// Starts a pass on top of a checkpoint, if the clock allows it.
    pub fn new(root: &'a Root, now: Stamp, checkpoint: Checkpoint) -> Result<Self, Stale> {
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

    /// Looks at the days, and reads what has to be read.
    pub fn run(mut self, listing: &[DayDir], meter: &Meter) -> Result<Reading, Stale> {
        let mut before = std::mem::take(&mut self.checkpoint.days);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let intakes = std::iter::once(std::mem::take(&mut self.added));
        let intakes = intakes.chain(std::iter::repeat_with(Intake::default)).take(cores);
        let mut readers: Vec<_> = intakes.map(|intake| Reader::new(intake, self.horizon, meter)).collect();
        let mut batch = Batch::default();
        for dir in listing {
            match before.remove(&dir.name) {
                Some(old) if !self.must_look(dir, &old) => drop(self.checkpoint.days.insert(dir.name.clone(), old)),
                old => batch.add(self.look(dir, old)?, self.root, self.forgets)?,
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
        let settled = !old.unsettled && old.ctime == dir.ctime && old.unreadable.is_empty() && old.unlisted.is_none();
        self.look_at_all || self.is_recent(&dir.name) || !settled
    }

    /// Lists a day and compares it with what is known of it.
    fn look(&self, dir: &DayDir, old: Option<Day>) -> Result<Looked, Stale> {
        let shown = format!("events/{}", dir.name);
        let unsettled = dir.ctime > self.now_ns.saturating_sub(PROOF_NS);
        let mut day = Day { ctime: dir.ctime, unsettled, settled_before: i64::MIN, ..Day::default() };
        let listed = match dir.obstacle {
            Some(what) => {
                day.odd.add(&shown, None, what);
                Ok((Vec::new(), std::mem::take(&mut day.odd)))
            }
            None if old.is_none() => list_new_day(&self.root.events().join(&dir.name), &shown),
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
        let settled_before = Day::surely_settled_before(self.now_ns, self.is_recent(&dir.name));
        Ok(Looked { name: dir.name.clone(), day, old, settled_before, work })
    }

    /// Reads what has to be read of a batch of days, and makes their records.
    fn work_off(&mut self, batch: Batch, readers: &mut [Reader<'_>]) -> Result<(), Stale> {
        let mut days = batch.days;
        for Outcome { day, name, end } in tasks::run(batch.tasks, readers)? {
            let looked = &mut days[day];
            match end {
                End::Read { known, changed } => {
                    self.changed |= changed;
                    if !self.forgets {
                        looked.work.kept.push((name, known));
                    }
                }
                End::Gone => {}
                End::Unreadable { error, opened } => {
                    // Part of it may be in the intake now, and nothing says which: the next pass starts afresh.
                    self.incomplete |= opened;
                    looked.day.unreadable.insert(name, unreadable(&error));
                }
            }
        }
        for Looked { name, mut day, old, work, .. } in days {
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
