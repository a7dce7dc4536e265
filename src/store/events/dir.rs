//! Lists `events/` and the folders of its days. Looks at names and times, never at content.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::flow::intake::Rejects;
use crate::store::atomic::is_ignored;

/// How many bytes of a folder's names are asked for at once.
const LISTED_AT_ONCE: usize = 32 * 1024;

/// What tells one state of a file from another without reading it. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub size: u64,
    pub mtime: i64,
    pub ctime: i64,
    pub ino: u64,
}

impl Identity {
    /// That of a file which was only listed.
    pub const UNSEEN: Identity = Identity { size: 0, mtime: 0, ctime: 0, ino: 0 };

    /// Returns the identity that a file's metadata give.
    pub fn of(metadata: &fs::Metadata) -> Self {
        Self {
            size: metadata.size(),
            mtime: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            ino: metadata.ino(),
        }
    }

    fn of_listed(stat: &Stat) -> Self {
        Self {
            size: stat.st_size as u64,
            mtime: nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i64),
            ctime: nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i64),
            ino: stat.st_ino,
        }
    }

    /// Returns a hash of the name and the identity; the sum over a folder's files tells whether all are there.
    pub fn digest(&self, name: &str) -> u64 {
        let mut words = [[0; 8]; 5];
        let numbers = [xxh3_64(name.as_bytes()), self.size, self.mtime as u64, self.ctime as u64, self.ino];
        words.iter_mut().zip(numbers).for_each(|(word, number)| *word = number.to_le_bytes());
        xxh3_64(words.as_flattened())
    }
}

fn nanoseconds(seconds: i64, ns: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(ns)
}

/// How the events stand in a file; of twins the first is the one that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One event or an array of them: `.json`.
    Document,
    /// One event a line: `.jsonl`.
    Lines,
    /// The same in gzip: `.jsonl.gz`.
    Gzip,
    /// The same in Zstandard: `.jsonl.zst`.
    Zstd,
}

impl Format {
    /// Returns what the name has behind the name under which the events stand.
    pub fn packing(self) -> &'static str {
        match self {
            Self::Document | Self::Lines => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// Returns the format that a file's name gives, or nothing where it holds no events.
pub fn format(name: &str) -> Option<Format> {
    if name.ends_with(".jsonl") {
        Some(Format::Lines)
    } else if name.ends_with(".jsonl.gz") {
        Some(Format::Gzip)
    } else if name.ends_with(".jsonl.zst") {
        Some(Format::Zstd)
    } else if name.ends_with(".json") {
        Some(Format::Document)
    } else {
        None
    }
}

/// A file of events in the folder of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub format: Format,
    /// What it was when it was listed, or [`Identity::UNSEEN`].
    pub identity: Identity,
}

impl Entry {
    /// Returns the name without the suffix of its compression: the name under which its events stand.
    pub fn plain(&self) -> &str {
        &self.name[..self.name.len() - self.format.packing().len()]
    }
}

/// The folder of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayDir {
    /// `YYYY-MM-DD`.
    pub name: String,
    /// When it last changed, in nanoseconds: its `ctime`, because whoever restores a backup also restores the `mtime`.
    pub ctime: i64,
    /// Whether it is something else than a folder, and what.
    pub obstacle: Option<&'static str>,
}

/// Returns the days of `events/` in order, or nothing where it is missing.
pub fn list_days(events: &Path) -> io::Result<Option<Vec<DayDir>>> {
    let entries = match fs::read_dir(events) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut days = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().filter(|n| is_day(n)).map(str::to_owned) else { continue };
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        let obstacle = (!metadata.is_dir()).then(|| what(FileType::from_raw_mode(metadata.mode())));
        days.push(DayDir { name, ctime: Identity::of(&metadata).ctime, obstacle });
    }
    days.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(Some(days))
}

/// Returns how many bytes of events there are, as far as they can be seen.
pub fn size(events: &Path) -> u64 {
    let days = list_days(events).ok().flatten().unwrap_or_default();
    let files = days.iter().filter_map(|day| list_day(&events.join(&day.name), &day.name).ok());
    files.flat_map(|(files, _)| files).map(|entry| entry.identity.size).sum()
}

/// Returns whether a name is a day of the calendar as `YYYY-MM-DD`.
fn is_day(name: &str) -> bool {
    name.len() == 10
        && name.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
        && name.parse::<chrono::NaiveDate>().is_ok()
}

/// Returns the files of events in the folder of a day, in no order, and what only looks like one.
pub fn list_day(dir: &Path, shown: &str) -> io::Result<(Vec<Entry>, Rejects)> {
    list(dir, shown, |_| true)
}

/// Returns the same of a day of which nothing is known. Its `.json` files are not looked at: each of them will be opened.
pub fn list_new_day(dir: &Path, shown: &str) -> io::Result<(Vec<Entry>, Rejects)> {
    list(dir, shown, |format| format != Format::Document)
}

fn list(dir: &Path, shown: &str, look_at: impl Fn(Format) -> bool) -> io::Result<(Vec<Entry>, Rejects)> {
    let (mut files, mut odd) = (Vec::new(), Rejects::default());
    let folder = rustix::fs::open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = Vec::with_capacity(LISTED_AT_ONCE);
    // Not by std's own reader: it makes two copies of each name, and there may be a hundred thousand.
    let mut entries = RawDir::new(&folder, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        let lossy = name.to_string_lossy();
        let Some(format) = format(&lossy).filter(|_| !is_ignored(&lossy)) else { continue };
        let (mut kind, mut identity) = (entry.file_type(), Identity::UNSEEN);
        // Some file systems do not tell the kind.
        if look_at(format) || kind == FileType::Unknown {
            let stat = match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(e) => return Err(e.into()),
            };
            (kind, identity) = (FileType::from_raw_mode(stat.st_mode), Identity::of_listed(&stat));
        }
        if kind != FileType::RegularFile {
            odd.add(&format!("{shown}/{lossy}"), None, what(kind));
        } else if let Cow::Borrowed(name) = lossy {
            files.push(Entry { name: name.to_owned(), format, identity });
        } else {
            odd.add(&format!("{shown}/{lossy}"), None, "its name is not UTF-8: not read");
        }
    }
    if files.iter().any(|file| matches!(file.format, Format::Gzip | Format::Zstd)) {
        // A file beside its compressed twin counts once: the plain one, because whoever compresses it removes it last.
        sort(&mut files);
        files.dedup_by(|a, b| a.plain() == b.plain());
    }
    Ok((files, odd))
}

/// Sorts files by the names under which their events stand; of twins, the one that counts comes first.
pub fn sort(files: &mut [Entry]) {
    files.sort_unstable_by(|a, b| a.plain().cmp(b.plain()).then(a.format.cmp(&b.format)));
}

fn what(kind: FileType) -> &'static str {
    match kind {
        FileType::Symlink => "a symbolic link: not followed",
        FileType::Directory => "a folder where a file is expected: not read",
        FileType::RegularFile => "a file where a folder is expected: not read",
        FileType::Fifo | FileType::Socket => "a pipe or socket: not read",
        _ => "a device: not read",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_of_the_calendar_are_days() {
        assert!(is_day("2026-11-23") && is_day("2024-02-29"));
        for bad in ["2026-13-01", "2025-02-29", "2026-1-1", "20261123", "+026-11-23", "2026-11-23x", "2026_11_23"] {
            assert!(!is_day(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_no_file_of_events_is_named_or_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["a.json", "b.jsonl", ".c.json", "d.json.tmp", "e.txt"] {
            fs::write(at(name), "").unwrap();
        }
        fs::create_dir(at("x.json")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("y.jsonl")).unwrap();
        let (mut files, odd) = list_day(dir.path(), "events/d").unwrap();
        sort(&mut files);
        assert_eq!(files.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["a.json", "b.jsonl"]);
        let odd: Vec<_> = odd.newest.iter().map(|r| format!("{}: {}", r.file, r.cause)).collect();
        assert_eq!(
            odd,
            [
                "events/d/x.json: a folder where a file is expected: not read",
                "events/d/y.jsonl: a symbolic link: not followed"
            ]
        );
    }

    #[test]
    fn of_twins_one_counts() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.jsonl.gz", "a.jsonl", "b.jsonl.zst", "b.jsonl.gz", "c.jsonl.zst", "d.json.gz", "e.jsonl.gz.tmp"]
        {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let (files, _) = list_day(dir.path(), "events/d").unwrap();
        let names: Vec<_> = files.iter().map(|f| (f.name.as_str(), f.plain())).collect();
        assert_eq!(names, [("a.jsonl", "a.jsonl"), ("b.jsonl.gz", "b.jsonl"), ("c.jsonl.zst", "c.jsonl")]);
    }
}
