//! Lists `events/` and the folders of its days. Looks at names and times, never at content.

use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::flow::intake::Rejects;
use crate::store::atomic::is_ignored;

/// What tells one state of a file from another without reading it. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub size: u64,
    pub mtime: i64,
    pub ctime: i64,
    pub ino: u64,
}

impl Identity {
    /// Returns the identity that a file's metadata give.
    pub fn of(metadata: &fs::Metadata) -> Self {
        let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            size: metadata.size(),
            mtime: ns(metadata.mtime(), metadata.mtime_nsec()),
            ctime: ns(metadata.ctime(), metadata.ctime_nsec()),
            ino: metadata.ino(),
        }
    }

    /// Returns a hash of the name and the identity; the sum over a folder's files tells whether all are there.
    pub fn digest(&self, name: &str) -> u64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(name.as_bytes());
        for number in [self.size, self.mtime as u64, self.ctime as u64, self.ino] {
            hash.update(&number.to_le_bytes());
        }
        hash.digest()
    }
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
    pub identity: Identity,
}

/// Returns a name without the suffix of its compression: the name under which its events stand.
pub fn plain(name: &str) -> &str {
    match format(name) {
        Some(Format::Gzip) => name.strip_suffix(".gz").unwrap_or(name),
        Some(Format::Zstd) => name.strip_suffix(".zst").unwrap_or(name),
        Some(Format::Document | Format::Lines) | None => name,
    }
}

/// The folder of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayDir {
    /// `YYYY-MM-DD`.
    pub name: String,
    /// When a name in it was last made or removed, in nanoseconds.
    pub mtime: i64,
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
        let obstacle = (!metadata.is_dir()).then(|| what(metadata.file_type()));
        days.push(DayDir { name, mtime: Identity::of(&metadata).mtime, obstacle });
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

/// Returns the files of events in the folder of a day, and what only looks like one.
pub fn list_day(dir: &Path, shown: &str) -> io::Result<(Vec<Entry>, Rejects)> {
    let (mut files, mut odd) = (Vec::new(), Rejects::default());
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let lossy = name.to_string_lossy();
        let Some(format) = format(&lossy).filter(|_| !is_ignored(&lossy)) else { continue };
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        match name.to_str() {
            Some(name) if metadata.is_file() => {
                files.push(Entry { name: name.to_owned(), format, identity: Identity::of(&metadata) });
            }
            Some(_) => odd.add(&format!("{shown}/{lossy}"), None, what(metadata.file_type())),
            None => odd.add(&format!("{shown}/{lossy}"), None, "its name is not UTF-8: not read"),
        }
    }
    // A file beside its compressed twin counts once: the plain one, because whoever compresses it removes it last.
    files.sort_unstable_by(|a, b| (plain(&a.name), a.format).cmp(&(plain(&b.name), b.format)));
    files.dedup_by(|a, b| plain(&a.name) == plain(&b.name));
    Ok((files, odd))
}

fn what(kind: FileType) -> &'static str {
    if kind.is_symlink() {
        "a symbolic link: not followed"
    } else if kind.is_dir() {
        "a folder where a file is expected: not read"
    } else if kind.is_file() {
        "a file where a folder is expected: not read"
    } else if kind.is_fifo() || kind.is_socket() {
        "a pipe or socket: not read"
    } else {
        "a device: not read"
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
        let (files, odd) = list_day(dir.path(), "events/d").unwrap();
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
        let names: Vec<_> = files.iter().map(|f| (f.name.as_str(), plain(&f.name))).collect();
        assert_eq!(names, [("a.jsonl", "a.jsonl"), ("b.jsonl.gz", "b.jsonl"), ("c.jsonl.zst", "c.jsonl")]);
    }
}
