//! Days whose files are read together. Opens their folders; never a file.

use std::io;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::store::events::day::{Day, Stale, Work};
use crate::store::events::dir::Entry;
use crate::store::events::tasks::{Folder, Job, Task};
use crate::store::root::Root;

/// A day that was listed.
pub struct Looked {
    /// `YYYY-MM-DD`.
    pub name: String,
    /// Its record, as far as the listing gives it.
    pub day: Day,
    /// What was known of it.
    pub old: Option<Day>,
    /// Its files whose status changed before this, in nanoseconds, will be settled by this pass.
    pub settled_before: i64,
    /// What has to be looked at in it.
    pub work: Work,
}

/// Days that are read together: enough to keep all cores busy, few enough to be remembered.
#[derive(Default)]
pub struct Batch {
    /// The days.
    pub days: Vec<Looked>,
    /// Their files that have to be opened.
    pub tasks: Vec<Task>,
    bytes: u64,
}

impl Batch {
    /// Adds a day; its folder is opened if there is anything to read in it. `forgets` is that of the pass.
    pub fn add(&mut self, mut looked: Looked, root: &Root, forgets: bool) -> Result<(), Stale> {
        if looked.work.is_any() {
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
            let (day, folder) = (
                self.days.len(),
                Arc::new(Folder { name: looked.name.clone(), fd, settled_before: looked.settled_before, forgets }),
            );
            let mut add = |entry: Entry, job: Job| {
                let task = Task { day, folder: Arc::clone(&folder), entry, job };
                self.bytes += task.bytes();
                self.tasks.push(task);
            };
            let work = &mut looked.work;
            work.fresh.drain(..).for_each(|entry| add(entry, Job::Fresh));
            work.grown.drain(..).for_each(|(entry, open)| add(entry, Job::Grown(open)));
            work.doubtful.drain(..).for_each(|(entry, young)| add(entry, Job::Doubtful(young)));
        }
        self.days.push(looked);
        Ok(())
    }

    /// Returns whether it is time to read.
    pub fn is_full(&self) -> bool {
        self.bytes > 256 << 20 || self.tasks.len() > 4096 || self.days.len() > 64
    }
}

/// Returns what is told of an error.
pub fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}
