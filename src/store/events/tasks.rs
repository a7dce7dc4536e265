//! The files that a pass has to read, one task each, worked off on all cores. The order does not matter: what
//! comes of the parts is merged, and the fold of the whole is that of the parts.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use super::day::{Known, Open, Stale, Young};
use super::dir::{Entry, Format, Identity};
use super::file::{self, Progress, Reader};
use crate::flow::intake::Source;

/// Below so many bytes a second thread costs more than it saves.
const WORTH_A_THREAD: u64 = 2 << 20;
/// What a file that was not looked at is taken for, in bytes: opening it costs as much as reading so many.
const ONE_EVENT: u64 = 4096;

/// The folder of a day, opened.
#[derive(Debug)]
pub struct Folder {
    /// The day.
    pub name: String,
    /// The folder itself, so that each file is found without walking its path again.
    pub fd: OwnedFd,
    /// Of a file whose status changed before this, in nanoseconds, nothing but its identity has to be known.
    pub settled_before: i64,
    /// Whether nobody will ask for the identities of its files.
    pub forgets: bool,
}

/// A file to look into.
#[derive(Debug)]
pub struct Task {
    /// The day's place in the batch.
    pub day: usize,
    /// Its folder.
    pub folder: Arc<Folder>,
    /// The file as it was listed.
    pub entry: Entry,
    /// What to do.
    pub job: Job,
}

/// What has to be done with a file.
#[derive(Debug)]
pub enum Job {
    /// Read it: nothing is known of it.
    Fresh,
    /// Read on behind what was read.
    Grown(Open),
    /// Make sure that it still holds what was read of it.
    Doubtful(Young),
}

/// What came of a task.
#[derive(Debug)]
pub struct Outcome {
    /// The day's place in the batch.
    pub day: usize,
    /// The file's name.
    pub name: String,
    /// What is known of it now.
    pub end: End,
}

/// How a task ended.
#[derive(Debug)]
pub enum End {
    /// It was read; `changed` says whether there was anything new in it.
    Read { known: Known, changed: bool },
    /// It went away since it was listed.
    Gone,
    /// It cannot be read. Some of it may have been taken in if it was opened.
    Unreadable { error: io::Error, opened: bool },
}

/// Works tasks off, with as many of the readers as they are worth.
pub fn run(mut tasks: Vec<Task>, readers: &mut [Reader<'_>]) -> Result<Vec<Outcome>, Stale> {
    let bytes: u64 = tasks.iter().map(Task::bytes).sum();
    let threads = readers.len().min(1 + usize::try_from(bytes / WORTH_A_THREAD).unwrap_or(usize::MAX));
    if threads == 1 || tasks.len() == 1 {
        let run =
            |task: Task| task.run(&mut readers[0]).map(|end| Outcome { day: task.day, name: task.entry.name, end });
        return tasks.into_iter().map(run).collect();
    }
    // The largest first, so that none is left alone with a large one at the end.
    tasks.sort_by_key(|task| std::cmp::Reverse(task.entry.identity.size));
    let (tasks, next) = (&tasks, &AtomicUsize::new(0));
    let work = |reader: &mut Reader<'_>| -> Result<Vec<Outcome>, Stale> {
        let mut outcomes = Vec::new();
        while let Some(task) = tasks.get(next.fetch_add(1, Relaxed)) {
            outcomes.push(Outcome { day: task.day, name: task.entry.name.clone(), end: task.run(reader)? });
        }
        Ok(outcomes)
    };
    thread::scope(|scope| {
        let (own, others) = readers[..threads].split_at_mut(1);
        let others: Vec<_> = others.iter_mut().map(|reader| scope.spawn(|| work(reader))).collect();
        let mut outcomes = work(&mut own[0]);
        for other in others {
            let theirs = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if let Ok(ours) = &mut outcomes {
                match theirs {
                    Ok(theirs) => ours.extend(theirs),
                    Err(stale) => outcomes = Err(stale),
                }
            }
        }
        outcomes
    })
}

impl Task {
    /// Returns how many bytes there are to read.
    pub fn bytes(&self) -> u64 {
        let size = self.entry.identity.size;
        match &self.job {
            Job::Fresh if self.entry.identity == Identity::UNSEEN => ONE_EVENT,
            Job::Fresh | Job::Doubtful(_) => size,
            Job::Grown(from) => size.saturating_sub(from.progress.offset),
        }
    }

    fn run(&self, reader: &mut Reader<'_>) -> Result<End, Stale> {
        match &self.job {
            Job::Fresh => Ok(self.read_whole(reader)),
            Job::Grown(from) => self.read_on(reader, from),
            Job::Doubtful(young) => self.doubt(young),
        }
    }

    fn stale(&self, what: &str) -> Stale {
        Stale(format!("events/{}/{} {what}", self.folder.name, self.entry.name))
    }

    fn source(&self) -> Source {
        let path = [&self.folder.name, "/", self.entry.plain()].concat();
        Source { path: path.into(), packing: self.entry.format.packing() }
    }

    fn open(&self) -> io::Result<(std::fs::File, Identity)> {
        file::open(&self.folder.fd, Path::new(&self.entry.name))
    }

    /// Makes sure that a young file still holds what was read of it.
    fn doubt(&self, young: &Young) -> Result<End, Stale> {
        let content = self.open().and_then(|(mut file, identity)| file::hash(&mut file, identity.size));
        if content.is_ok_and(|hash| hash == young.content) {
            return Ok(End::Read { known: Known::Whole(young.clone()), changed: false });
        }
        Err(self.stale("was rewritten"))
    }

    /// Reads what was added to a `.jsonl` file.
    fn read_on(&self, reader: &mut Reader<'_>, from: &Open) -> Result<End, Stale> {
        let unreadable = |e: io::Error| self.stale(&format!("cannot be read: {e}"));
        let (mut file, identity) = self.open().map_err(unreadable)?;
        let is_same = identity.ino == from.identity.ino && identity.size >= from.progress.offset;
        if !is_same || !file::is_intact(&file, from.progress).is_ok_and(|intact| intact) {
            return Err(self.stale("was rewritten"));
        }
        let progress = reader.lines(&mut file, identity.size, from.progress, &self.source());
        let progress = progress.and_then(|progress| progress.printed(&file)).map_err(unreadable)?;
        let open = Open { identity, progress };
        let changed = open != *from;
        Ok(End::Read { known: Known::Lines(open), changed })
    }

    /// Reads a short `.json` file without asking what it is, which takes as long as reading it. Returns false where it may be
    /// anything else, and was not taken in.
    fn read_short(&self, reader: &mut Reader<'_>) -> io::Result<bool> {
        let mut file = file::open_unseen(&self.folder.fd, Path::new(&self.entry.name))?;
        reader.short_document(&mut file, &self.source())
    }

    /// Reads a file that nothing is known of.
    fn read_whole(&self, reader: &mut Reader<'_>) -> End {
        if self.folder.forgets && self.entry.format == Format::Document {
            match self.read_short(reader) {
                Ok(true) => return End::Read { known: Known::Settled(Identity::UNSEEN), changed: true },
                Err(e) if e.kind() == io::ErrorKind::NotFound => return End::Gone,
                // Whatever it is, the long way says it.
                Ok(false) | Err(_) => {}
            }
        }
        let (mut file, identity) = match self.open() {
            Ok(opened) => opened,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return End::Gone,
            Err(error) => return End::Unreadable { error, opened: false },
        };
        let (file, size, source) = (&mut file, identity.size, self.source());
        let is_settled = identity.ctime < self.folder.settled_before;
        let known = match self.entry.format {
            Format::Lines => reader.lines(file, size, Progress::START, &source).and_then(|progress| match is_settled {
                true => Ok(Known::Settled(identity)),
                false => Ok(Known::Lines(Open { identity, progress: progress.printed(file)? })),
            }),
            Format::Document => {
                reader.document(file, size, &source).map(|content| Known::Whole(Young { identity, content }))
            }
            Format::Gzip | Format::Zstd => reader
                .packed(file, size, self.entry.format, &source)
                .map(|content| Known::Whole(Young { identity, content })),
        };
        match known {
            Ok(known) => End::Read { known, changed: true },
            Err(error) => End::Unreadable { error, opened: true },
        }
    }
}
