//! `state/spool/`: events on their way to the control plane, oldest first, until it says that it has them. Bounded:
//! what a full spool does without is decided by `flow`. Knows nothing of how they are sent.
//!
//! `current.jsonl` is appended to; `<number>.jsonl` are closed and only ever shrink. A kill at any moment leaves each
//! event in one of them, at worst one that was delivered already.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::atomic::{WriteError, sync_dir};
use super::events;
use super::lock::Lock;
use super::root::Root;
use crate::flow::json;
use crate::flow::sort;
use crate::flow::spool::{Dropped, Sorter, shed};

/// Most bytes that wait.
pub const MOST: u64 = 16 << 20;
/// Most bytes of a file, and of one batch on the wire: a proxy often takes no more than 1 MiB.
pub const SEGMENT: usize = 256 << 10;
/// Once it is full, it is brought down to this, so that not every pass has to.
const ROOM: u64 = MOST / 8 * 7;

const CURRENT: &str = "current.jsonl";
const DROPPED: &str = "dropped.json";

/// The spool, while nobody else has it.
#[derive(Debug)]
pub struct Spool<'a> {
    root: &'a Root,
    dir: PathBuf,
    most: u64,
    _lock: Lock,
}

impl<'a> Spool<'a> {
    /// Opens the spool of a root, waiting for whoever has it.
    pub fn open(root: &'a Root) -> Result<Spool<'a>, WriteError> {
        let dir = root.state("spool");
        root.make_dir(&dir)?;
        Ok(Spool { root, dir, most: MOST, _lock: Lock::take(root, "spool")? })
    }

    /// Adds JSON lines. When it returns, they are on disk; where there were too many, the least of them are gone.
    pub fn add(&self, lines: &[String]) -> Result<Dropped, WriteError> {
        let mut dropped = Dropped::default();
        let mut batch = Vec::new();
        for line in lines {
            // Between the tokens of JSON a newline is a space; inside of a line it would end it.
            let line = line.replace('\n', " ");
            if line.len() < SEGMENT {
                batch.extend_from_slice(line.as_bytes());
                batch.push(b'\n');
            } else {
                dropped.too_long += 1;
            }
        }
        if !dropped.is_none() {
            self.count(dropped)?;
        }
        if !batch.is_empty() {
            let path = self.dir.join(CURRENT);
            if std::fs::metadata(&path).is_ok_and(|m| m.len() as usize + batch.len() > SEGMENT) {
                self.close()?;
            }
            let is_new = !path.exists();
            let mut file = open(OpenOptions::new().read(true).append(true).create(true).mode(0o644), &path)?;
            self.root.give(&path)?;
            events::add_lines(&path, &mut file, &batch)?;
            if is_new {
                sync_dir(&self.dir)?;
            }
        }
        dropped.add(self.make_room()?);
        Ok(dropped)
    }

    /// Returns the files that wait, oldest first; what is added from now on goes into another one.
    pub fn batches(&self) -> Result<Vec<PathBuf>, WriteError> {
        self.close()?;
        Ok(self.closed()?.into_iter().map(|number| self.path_of(number)).collect())
    }

    /// Returns the whole lines of a file.
    pub fn read(&self, batch: &Path) -> Result<Vec<u8>, WriteError> {
        let mut bytes = std::fs::read(batch).map_err(|e| WriteError::at(batch, "read", e))?;
        // Behind the last newline is what a killed writer left, and reports again.
        bytes.truncate(memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1));
        Ok(bytes)
    }

    /// Lets the first bytes of a file go, because they were delivered; `rest` is what follows them.
    pub fn delivered(&self, batch: &Path, rest: &[u8]) -> Result<(), WriteError> {
        if rest.is_empty() { remove(batch) } else { self.root.write(batch, rest).map(drop) }
    }

    /// Returns how many lines wait.
    pub fn count_waiting(&self) -> Result<u64, WriteError> {
        let mut count = 0;
        for path in self.files()? {
            let read = each_line(&path, |_| count += 1);
            read.map_err(|e| WriteError::at(&path, "read", e))?;
        }
        Ok(count)
    }

    /// Returns what was lost since that was last forgotten. A kill in between may have counted some of it twice.
    pub fn lost(&self) -> Dropped {
        let bytes = std::fs::read(self.dir.join(DROPPED)).unwrap_or_default();
        json::from_bytes(&bytes).unwrap_or_default()
    }

    /// Forgets what was lost: somebody was told.
    pub fn forget_lost(&self) -> Result<(), WriteError> {
        remove(&self.dir.join(DROPPED))
    }

    /// Writes down what is about to be lost.
    fn count(&self, dropped: Dropped) -> Result<(), WriteError> {
        let mut all = self.lost();
        all.add(dropped);
        let bytes = serde_json::to_vec(&all).expect("numbers serialize");
        self.root.write(&self.dir.join(DROPPED), &bytes).map(drop)
    }

    /// Closes the current file under the next number.
    fn close(&self) -> Result<(), WriteError> {
        let current = self.dir.join(CURRENT);
        let to = self.path_of(self.closed()?.last().map_or(1, |last| last + 1));
        match std::fs::rename(&current, &to) {
            Ok(()) => sync_dir(&self.dir),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(WriteError::at(&current, "rename", e)),
        }
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:016}.jsonl"))
    }

    /// Returns the numbers of the closed files in order.
    fn closed(&self) -> Result<Vec<u64>, WriteError> {
        let fail = |e| WriteError::at(&self.dir, "list", e);
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            let number = name.to_str().and_then(|n| n.strip_suffix(".jsonl")?.parse::<u64>().ok());
            numbers.extend(number.filter(|n| self.path_of(*n).file_name() == Some(&name)));
        }
        sort::by(&mut numbers, Ord::cmp);
        Ok(numbers)
    }

    /// Returns all files in order, the current one last.
    fn files(&self) -> Result<Vec<PathBuf>, WriteError> {
        let current = Some(self.dir.join(CURRENT)).filter(|path| path.exists());
        Ok(self.closed()?.into_iter().map(|number| self.path_of(number)).chain(current).collect())
    }

    /// Lets go what is too much, once it is.
    fn make_room(&self) -> Result<Dropped, WriteError> {
        let files = self.files()?;
        let size: u64 = files.iter().filter_map(|path| path.metadata().ok()).map(|m| m.len()).sum();
        if size <= self.most {
            return Ok(Dropped::default());
        }
        let (mut sorter, mut lines, mut ends) = (Sorter::default(), Vec::new(), Vec::new());
        for path in &files {
            let read = each_line(path, |line| {
                lines.push((sorter.worth(line), u32::try_from(line.len()).unwrap_or(u32::MAX)));
            });
            read.map_err(|e| WriteError::at(path, "read", e))?;
            ends.push(lines.len());
        }
        let (goes, dropped) = shed(&lines, size - ROOM.min(self.most / 8 * 7));
        self.count(dropped)?;
        let mut from = 0;
        for (path, end) in files.iter().zip(ends) {
            let goes = &goes[from..end];
            from = end;
            if goes.iter().any(|g| *g) {
                let (mut kept, mut at) = (Vec::new(), 0);
                let read = each_line(path, |line| {
                    if !goes[at] {
                        kept.extend_from_slice(line);
                    }
                    at += 1;
                });
                read.map_err(|e| WriteError::at(path, "read", e))?;
                self.delivered(path, &kept)?;
            }
        }
        Ok(dropped)
    }
}

fn open(options: &mut OpenOptions, path: &Path) -> Result<File, WriteError> {
    // A link planted here must not lead the super-user elsewhere.
    let options = options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options.open(path).map_err(|e| WriteError::at(path, "open", e))
}

/// Hands over the whole lines of a file, each with its newline.
fn each_line(path: &Path, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.ends_with(b"\n") {
            each(&line);
        }
        line.clear();
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), WriteError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(WriteError::at(path, "remove", e)),
        // Not synced: at worst it is sent again.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        (dir, root)
    }

    fn line(kind: &str, n: usize) -> String {
        format!(r#"{{"ts":{},"node":"n","type":"{kind}","service":"s","status":"{n}"}}"#, 1_795_418_000 + n)
    }

    fn all(spool: &Spool<'_>) -> String {
        let batches = spool.batches().unwrap();
        batches.iter().map(|b| String::from_utf8(spool.read(b).unwrap()).unwrap()).collect()
    }

    #[test]
    fn what_was_added_waits_in_order_until_it_was_delivered() {
        let (_dir, root) = root();
        let spool = Spool::open(&root).unwrap();
        assert!(spool.add(&["{\"a\":\n1}".into(), "{\"b\":2}".into()]).unwrap().is_none());
        let first = spool.batches().unwrap();
        spool.add(&["{\"c\":3}".into()]).unwrap();
        assert_eq!(all(&spool), "{\"a\": 1}\n{\"b\":2}\n{\"c\":3}\n");
        spool.delivered(&first[0], b"{\"b\":2}\n").unwrap();
        assert_eq!((all(&spool).as_str(), spool.count_waiting().unwrap()), ("{\"b\":2}\n{\"c\":3}\n", 2));
        spool.delivered(&first[0], b"").unwrap();
        spool.delivered(&first[0], b"").unwrap();
        assert_eq!(all(&spool), "{\"c\":3}\n");
    }

    #[test]
    fn half_a_line_of_a_killed_writer_is_not_taken_for_one() {
        let (dir, root) = root();
        let current = dir.path().join("state/spool/current.jsonl");
        let spool = Spool::open(&root).unwrap();
        std::fs::write(&current, "{\"a\":1}\n{\"ha").unwrap();
        spool.add(&["{\"b\":2}".into()]).unwrap();
        assert_eq!(std::fs::read_to_string(&current).unwrap(), "{\"a\":1}\n{\"b\":2}\n");
        std::fs::write(&current, "{\"a\":1}\n{\"ha").unwrap();
        assert_eq!((spool.count_waiting().unwrap(), all(&spool).as_str()), (1, "{\"a\":1}\n"));
    }

    #[test]
    fn a_full_spool_loses_heartbeats_first_and_says_so() {
        let (_dir, root) = root();
        let mut spool = Spool::open(&root).unwrap();
        spool.most = 64 << 10;
        let mut dropped = Dropped::default();
        for n in 0..2000 {
            let kind = if n % 10 == 0 { "service_status" } else { "node_heartbeat" };
            dropped.add(spool.add(&[line(kind, n)]).unwrap());
        }
        assert!(dropped.heartbeats > 0 && (dropped.repeats, dropped.changes) == (0, 0), "{dropped:?}");
        assert_eq!(spool.lost(), dropped);
        let kept = all(&spool);
        assert_eq!(kept.matches("service_status").count(), 200, "no change is lost");
        assert_eq!(kept.matches("node_heartbeat").count() as u64 + dropped.heartbeats, 1800);
        assert!(kept.len() as u64 <= spool.most);
        assert!(kept.ends_with(&(line("node_heartbeat", 1999) + "\n")), "the newest stay");
        let times: Vec<&str> = kept.lines().map(|l| &l[..18]).collect();
        assert!(times.is_sorted(), "in order");
        spool.forget_lost().unwrap();
        assert!(spool.lost().is_none());
        let too_long = format!(r#"{{"ts":1795418000,"node":"n","type":"{}"}}"#, "x".repeat(SEGMENT));
        assert_eq!(spool.add(&[too_long]).unwrap().too_long, 1);
    }
}
