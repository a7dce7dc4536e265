//! The record of one day's folder: enough to tell on the next pass what is new in it, and to notice when
//! anything that was read is no longer what it was. Compares values; never opens a file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dir::{Entry, Identity};
use super::file::Progress;
use crate::flow::intake::Rejects;

/// File systems keep times as coarse as this (FAT): a younger time does not prove that nothing changed since.
pub const PROOF_NS: i64 = 2_000_000_000;

/// What was read of the folder of a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Day {
    /// The folder's own time of change, before it was listed: its `ctime`, which nobody can set back.
    pub ctime: i64,
    /// Whether that time was too young to prove anything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
    /// Files whose status changed before this (`ctime`, which nobody can set) are in the digest alone.
    pub settled_before: i64,
    /// How many files the digest covers.
    pub count: u64,
    /// The sum of the digests of their identities.
    pub digest: u64,
    /// Files read too soon after their last change, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub young: BTreeMap<String, Young>,
    /// `.jsonl` files that may grow, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub open: BTreeMap<String, Open>,
    /// Files that could not be read, by name, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<String, String>,
    /// What lay there and was no file.
    #[serde(skip_serializing_if = "Rejects::is_empty")]
    pub odd: Rejects,
    /// Why the folder could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<String>,
}

/// A whole file that may have changed since without a trace in its times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Young {
    pub identity: Identity,
    /// A hash of its content.
    pub content: u64,
}

/// A `.jsonl` file that may grow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    pub identity: Identity,
    pub progress: Progress,
}

/// A file that was read, as the record has to remember it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Only its identity: it was read long after its last change.
    Settled(Identity),
    /// A whole file.
    Whole(Young),
    /// Lines.
    Lines(Open),
}

/// What has to be looked at in a listed folder.
#[derive(Debug, Default)]
pub struct Work {
    /// Files that nothing is known of.
    pub fresh: Vec<Entry>,
    /// `.jsonl` files that grew, or are too young to believe that they did not.
    pub grown: Vec<(Entry, Open)>,
    /// Whole files that look the same and are too young to believe it.
    pub doubtful: Vec<(Entry, Young)>,
    /// Files that are as they were.
    pub kept: Vec<(String, Known)>,
}

impl Work {
    /// Returns whether there is a file to open.
    pub fn is_any(&self) -> bool {
        !(self.fresh.is_empty() && self.grown.is_empty() && self.doubtful.is_empty())
    }
}

/// Why what was read before no longer stands, so that everything has to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale(pub String);

impl Day {
    /// Returns whether anything of the folder was read.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.young.is_empty() && self.open.is_empty()
    }

    /// Compares a listing with the record.
    pub fn compare(&self, name: &str, files: Vec<Entry>) -> Result<Work, Stale> {
        let stale = |file: &str, what: &str| Stale(format!("events/{name}/{file} {what}"));
        let mut work = Work::default();
        let (mut count, mut digest, mut seen) = (0, 0u64, 0);
        for entry in files {
            let identity = entry.identity;
            if let Some(open) = self.open.get(&entry.name) {
                seen += 1;
                if identity.ino != open.identity.ino {
                    return Err(stale(&entry.name, "was replaced"));
                } else if identity.size < open.progress.offset {
                    return Err(stale(&entry.name, "shrank"));
                } else if identity == open.identity && identity.ctime < self.settled_before {
                    work.kept.push((entry.name, Known::Lines(open.clone())));
                } else if identity.size == open.identity.size && identity != open.identity {
                    return Err(stale(&entry.name, "was rewritten"));
                } else {
                    work.grown.push((entry, open.clone()));
                }
            } else if let Some(young) = self.young.get(&entry.name) {
                seen += 1;
                if identity != young.identity {
                    return Err(stale(&entry.name, "was rewritten"));
                }
                work.doubtful.push((entry, young.clone()));
            } else if identity.ctime < self.settled_before && !self.unreadable.contains_key(&entry.name) {
                count += 1;
                digest = digest.wrapping_add(identity.digest(&entry.name));
                work.kept.push((entry.name, Known::Settled(identity)));
            } else {
                work.fresh.push(entry);
            }
        }
        if seen != self.open.len() + self.young.len() || (count, digest) != (self.count, self.digest) {
            return Err(Stale(format!("a file in events/{name} changed or is gone")));
        }
        Ok(work)
    }

    /// Returns the time before which a file's last change settles it, whatever else is read of its folder in this pass:
    /// [`Day::settle`] proves nothing younger than [`PROOF_NS`] before the newest file, or before now.
    pub fn surely_settled_before(now_ns: i64, recent: bool) -> i64 {
        if recent { i64::MIN } else { now_ns.saturating_sub(2 * PROOF_NS) }
    }

    /// Takes the files that were read into a new record. `recent` says that its `.jsonl` files are kept open.
    pub fn settle(&mut self, files: Vec<(String, Known)>, previous: i64, now_ns: i64, recent: bool) {
        let newest = files.iter().map(|(_, known)| known.identity().ctime).max().unwrap_or(i64::MIN);
        let proven = if now_ns.saturating_sub(newest) > PROOF_NS {
            newest.saturating_add(1)
        } else {
            newest.min(now_ns).saturating_sub(PROOF_NS)
        };
        // What was proven once stays so, also where a clock went back.
        self.settled_before = proven.max(previous);
        for (name, known) in files {
            let settled = known.identity().ctime < self.settled_before;
            match known {
                Known::Lines(open) if recent || !settled => drop(self.open.insert(name, open)),
                Known::Whole(young) if !settled => drop(self.young.insert(name, young)),
                Known::Settled(identity)
                | Known::Lines(Open { identity, .. })
                | Known::Whole(Young { identity, .. }) => {
                    self.count += 1;
                    self.digest = self.digest.wrapping_add(identity.digest(&name));
                }
            }
        }
    }

    /// Returns how many entries the record holds beyond what its age would need.
    pub fn weight(&self, recent: bool) -> usize {
        self.young.len() + self.unreadable.len() + if recent { 0 } else { self.open.len() }
    }
}

impl Known {
    fn identity(&self) -> Identity {
        match self {
            Self::Settled(identity) => *identity,
            Self::Whole(young) => young.identity,
            Self::Lines(open) => open.identity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn identity(ctime: i64) -> Identity {
        Identity { size: 10, mtime: ctime, ctime, ino: 7 }
    }

    fn entry(name: &str, identity: Identity) -> Entry {
        let format = super::super::dir::format(name).unwrap();
        Entry { name: name.into(), format, identity }
    }

    fn known(name: &str, ctime: i64) -> (String, Known) {
        let identity = identity(ctime);
        let progress = Progress { offset: 8, lines: 2, print: 1 };
        let known = match name.ends_with("l") {
            true => Known::Lines(Open { identity, progress }),
            false => Known::Whole(Young { identity, content: 5 }),
        };
        (name.into(), known)
    }

    fn record(files: &[(&str, i64)], now: i64) -> Day {
        let mut day = Day::default();
        day.settle(files.iter().map(|(n, c)| known(n, *c)).collect(), i64::MIN, now, true);
        day
    }

    fn tally(day: &Day, files: Vec<Entry>) -> Result<[usize; 4], Stale> {
        let work = day.compare("d", files)?;
        Ok([work.fresh.len(), work.grown.len(), work.doubtful.len(), work.kept.len()])
    }

    #[test]
    fn long_after_the_last_change_all_is_settled_and_the_next_file_is_new() {
        let day = record(&[("a.json", SECOND), ("b.jsonl", 2 * SECOND)], 9 * SECOND);
        assert_eq!((day.count, day.young.len(), day.open.len()), (1, 0, 1));
        let (a, b) = (entry("a.json", identity(SECOND)), entry("b.jsonl", identity(2 * SECOND)));
        assert_eq!(tally(&day, vec![a.clone(), b.clone()]), Ok([0, 0, 0, 2]));
        let new = entry("c.json", identity(2 * SECOND + 1));
        assert_eq!(tally(&day, vec![a, b, new]), Ok([1, 0, 0, 2]));
    }

    #[test]
    fn within_two_seconds_nothing_is_believed() {
        let day = record(&[("a.json", SECOND), ("b.json", 5 * SECOND), ("c.jsonl", 5 * SECOND)], 6 * SECOND);
        assert_eq!((day.count, day.young.len(), day.open.len()), (1, 1, 1));
        let files = [("a.json", 1), ("b.json", 5), ("c.jsonl", 5)].map(|(n, s)| entry(n, identity(s * SECOND)));
        assert_eq!(tally(&day, files.to_vec()), Ok([0, 1, 1, 1]));
    }

    #[test]
    fn what_is_surely_settled_is_settled_beside_any_newest_file() {
        let now = 100 * SECOND;
        let sure = Day::surely_settled_before(now, false);
        for newest in [sure, now - PROOF_NS - 1, now - PROOF_NS, now - PROOF_NS + 1, now, now + 9 * SECOND] {
            let mut day = Day::default();
            day.settle(vec![known("a.jsonl", sure - 1), known("b.jsonl", newest)], i64::MIN, now, false);
            assert!(!day.open.contains_key("a.jsonl") && sure <= day.settled_before, "{newest}");
        }
        assert_eq!(Day::surely_settled_before(now, true), i64::MIN);
    }

    #[test]
    fn a_clock_behind_the_files_settles_nothing_and_loses_nothing() {
        let day = record(&[("a.json", 100 * SECOND)], 10 * SECOND);
        assert_eq!((day.count, day.young.len(), day.settled_before), (0, 1, 8 * SECOND));
        let files = vec![entry("a.json", identity(100 * SECOND)), entry("b.json", identity(11 * SECOND))];
        assert_eq!(tally(&day, files), Ok([1, 0, 1, 0]));
    }

    #[test]
    fn whatever_else_changed_means_a_replay() {
        let day = record(&[("a.json", SECOND), ("b.jsonl", SECOND), ("y.json", 8 * SECOND)], 9 * SECOND);
        let whole = || {
            vec![
                entry("a.json", identity(SECOND)),
                entry("b.jsonl", identity(SECOND)),
                entry("y.json", identity(8 * SECOND)),
            ]
        };
        assert!(tally(&day, whole()).is_ok());
        for gone in 0..3 {
            let mut files = whole();
            files.remove(gone);
            assert!(tally(&day, files).is_err(), "{gone} is gone");
        }
        type Change = fn(&mut Identity);
        let changes: [Change; 4] = [|i| i.size = 7, |i| i.ino = 9, |i| i.mtime -= 1, |i| i.ctime -= 1];
        for file in 0..3 {
            for (which, change) in changes.iter().enumerate() {
                let mut files = whole();
                change(&mut files[file].identity);
                assert!(tally(&day, files).is_err(), "{file}: change {which}");
            }
        }
        let older = entry("c.json", identity(SECOND - 1));
        assert!(tally(&day, [whole(), vec![older]].concat()).is_err(), "an older file appeared");
    }

    #[test]
    fn a_file_that_only_grew_is_read_on() {
        let day = record(&[("b.jsonl", SECOND)], 9 * SECOND);
        let grown = Identity { size: 20, mtime: 10 * SECOND, ctime: 10 * SECOND, ino: 7 };
        assert_eq!(tally(&day, vec![entry("b.jsonl", grown)]), Ok([0, 1, 0, 0]));
        let cut_tail = Identity { size: 8, ..grown };
        assert_eq!(tally(&day, vec![entry("b.jsonl", cut_tail)]), Ok([0, 1, 0, 0]));
    }
}
