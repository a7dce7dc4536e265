//! `state/spool/`: events on their way to the control plane, oldest first, until it says that it has them. Bounded:
//! what a full spool does without is decided by `flow`. Knows nothing of how they are sent.
//!
//! `current.jsonl` is appended to; `<number>.jsonl` are closed and only ever shrink. `<number>@<node>.jsonl` is what
//! was in such a file of one node, once the control plane would not have all of it: `rm *@NODE.jsonl` lets a node's go.
//! A kill at any moment leaves each event in one of them, at worst one that was delivered already, or in two.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::atomic::{WriteError, sync_dir};
use super::events;
use super::lock::Lock;
use super::root::Root;
use crate::flow::json;
use crate::flow::name::check_name;
use crate::flow::sort;
use crate::flow::spool::{Dropped, Sorter, shed};

/// Most bytes that wait.
pub const MOST: u64 = 16 << 20;
/// Most bytes of a file, and of one batch on the wire: a proxy often takes no more than 1 MiB.
pub const SEGMENT: usize = 256 << 10;
/// Once it is full, it is brought down to this, so that not every pass has to.
const ROOM: u64 = MOST / 8 * 7;

/// Digits of a closed file's number: by name they are in order.
const DIGITS: usize = 16;

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
        self.closed()
    }

    /// Parts a file by node. Returns what takes its place.
    pub fn part(&self, batch: &Path, parts: &[(String, Vec<u8>)]) -> Result<Vec<PathBuf>, WriteError> {
        let number = number(batch);
        let mut paths = Vec::new();
        for (node, lines) in parts {
            let path = self.dir.join(format!("{number:0DIGITS$}@{node}.jsonl"));
            self.root.write(&path, lines)?;
            paths.push(path);
        }
        remove(batch)?;
        Ok(paths)
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
        let number = self.closed()?.last().map_or(1, |last| number(last) + 1);
        let to = self.dir.join(format!("{number:0DIGITS$}.jsonl"));
        match std::fs::rename(&current, &to) {
            Ok(()) => sync_dir(&self.dir),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(WriteError::at(&current, "rename", e)),
        }
    }

    /// Returns the closed files in order.
    fn closed(&self) -> Result<Vec<PathBuf>, WriteError> {
        let fail = |e| WriteError::at(&self.dir, "list", e);
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            paths.extend(entry.file_name().to_str().and_then(parsed).map(|_| entry.path()));
        }
        // By number, and of one number the whole before its parts.
        sort::by(&mut paths, Ord::cmp);
        Ok(paths)
    }

    /// Returns all files in order, the current one last.
    fn files(&self) -> Result<Vec<PathBuf>, WriteError> {
        let current = Some(self.dir.join(CURRENT)).filter(|path| path.exists());
        Ok(self.closed()?.into_iter().chain(current).collect())
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

/// Returns the node of a closed file that holds the lines of one.
pub fn node(batch: &Path) -> Option<&str> {
    parsed(batch.file_name()?.to_str()?)?.1
}

fn number(batch: &Path) -> u64 {
    batch.file_name().and_then(|name| parsed(name.to_str()?)).map_or(0, |(number, _)| number)
}

/// Returns what the name of a closed file says: its number, and its node.
fn parsed(name: &str) -> Option<(u64, Option<&str>)> {
    let stem = name.strip_suffix(".jsonl")?;
    let (number, node) = stem.split_once('@').map_or((stem, None), |(number, node)| (number, Some(node)));
    let is_number = number.len() == DIGITS && number.bytes().all(|b| b.is_ascii_digit());
    (is_number && node.is_none_or(|node| check_name(node).is_ok())).then_some((number.parse().ok()?, node))
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
    fn a_file_is_parted_by_node_and_no_other_name_is_one() {
        let (dir, root) = root();
        let spool = Spool::open(&root).unwrap();
        let of = |node: &str| line("service_removed", 1).replace("\"n\"", &format!("\"{node}\""));
        spool.add(&[of("b"), of("a.b"), of("b")]).unwrap();
        let whole = spool.batches().unwrap().remove(0);
        spool.add(&[of("c")]).unwrap();
        assert_eq!(node(&whole), None);
        let parts = spool.part(&whole, &crate::flow::spool::by_node(&spool.read(&whole).unwrap())).unwrap();
        assert_eq!(parts.iter().map(|p| node(p).unwrap()).collect::<Vec<_>>(), ["b", "a.b"]);
        for name in ["0000000000000009@../x.jsonl", "9@a.jsonl", "0000000000000009@.jsonl", "+000000000000009.jsonl"] {
            assert_eq!(parsed(name), None, "{name}");
        }
        std::fs::write(dir.path().join("state/spool/0000000000000009@b c.jsonl"), "x\n").unwrap();
        let all = spool.batches().unwrap();
        assert_eq!(
            all.iter().map(|p| (number(p), node(p))).collect::<Vec<_>>(),
            [(1, Some("a.b")), (1, Some("b")), (2, None)]
        );
        assert_eq!(spool.count_waiting().unwrap(), 4);
    }

    #[test]
    fn what_was_set_aside_goes_before_newer_changes() {
        let (_dir, root) = root();
        let mut spool = Spool::open(&root).unwrap();
        spool.most = 64 << 10;
        let (mut old, mut new) = (0, 0);
        while old < 300 {
            spool.add(&[line("service_status", old)]).unwrap();
            old += 1;
        }
        let whole = spool.batches().unwrap().remove(0);
        spool.part(&whole, &[("n".into(), spool.read(&whole).unwrap())]).unwrap();
        let mut dropped = Dropped::default();
        while dropped.changes == 0 {
            dropped.add(spool.add(&[line("service_status", old + new)]).unwrap());
            new += 1;
        }
        let kept = all(&spool);
        assert_eq!(kept.lines().count() as u64, (old + new) as u64 - dropped.changes);
        assert!(kept.ends_with(&(line("service_status", old + new - 1) + "\n")));
        assert!(kept.contains(&line("service_status", old)), "the newer node's changes are all there");
        assert_eq!(spool.lost(), dropped);
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
