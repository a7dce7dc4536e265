//! How much `events/` holds, in all and of each source. A day that is past is measured again only when its folder
//! changed: what a request costs must not grow with the age of the root.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::flow::sort;
use crate::flow::time::{DAY_MS, Stamp};
use crate::store::root::Root;

/// For how long a measure is believed.
const AGE_MS: i64 = 10_000;
/// For how long a day's files may grow after its end: a write that began before.
const GROWS_MS: i64 = DAY_MS;

/// Bytes by the name of the file without its ending.
type Sources = HashMap<String, u64>;

/// What was measured last, with what came since.
#[derive(Default)]
pub struct Sizes {
    at: Option<Stamp>,
    all: u64,
    of_source: Sources,
    /// In the order of their paths.
    days: Vec<Day>,
}

/// The folder of a day: when it changed last, and what it held.
struct Day {
    path: PathBuf,
    changed: (i64, i64),
    sources: Sources,
}

impl Sizes {
    /// Measures again what may have changed, unless that was done a short time ago.
    pub fn bring_up(&mut self, root: &Root, now: Stamp) {
        if self.at.is_some_and(|at| (0..AGE_MS).contains(&now.since(at))) {
            return;
        }
        let mut before = std::mem::take(self);
        self.at = Some(now);
        let growing = root.events().join(now.plus_millis(-GROWS_MS).day());
        let entries = std::fs::read_dir(root.events()).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        sort::by(&mut paths, Ord::cmp);
        for path in paths {
            let Ok(meta) = path.symlink_metadata() else { continue };
            let changed = (meta.ctime(), meta.ctime_nsec());
            let known = before.days.binary_search_by(|day| day.path.cmp(&path)).ok().map(|at| &mut before.days[at]);
            let sources = match known {
                Some(day) if day.changed == changed && path < growing => std::mem::take(&mut day.sources),
                _ => measure(&path),
            };
            for (source, size) in &sources {
                self.add(source, *size);
            }
            self.days.push(Day { path, changed, sources });
        }
    }

    /// Counts what was written since.
    pub fn add(&mut self, source: &str, bytes: u64) {
        self.all += bytes;
        *self.of_source.entry(source.to_owned()).or_default() += bytes;
    }

    /// Returns how much there is.
    pub fn all(&self) -> u64 {
        self.all
    }

    /// Returns how much is of one source: its file, and those with a number behind its name.
    pub fn of(&self, source: &str) -> u64 {
        let is_its = |stem: &str| match stem.strip_prefix(source) {
            Some(rest) => rest.is_empty() || rest.strip_prefix('.').is_some_and(|n| n.parse::<u32>().is_ok()),
            None => false,
        };
        self.of_source.iter().filter(|(stem, _)| is_its(stem)).map(|(_, size)| size).sum()
    }
}

/// Measures what lies below a folder.
fn measure(folder: &Path) -> Sources {
    let mut sources = Sources::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok) {
        let Some(size) = entry.metadata().ok().filter(|m| m.is_file()).map(|m| m.len()) else { continue };
        let name = entry.file_name().to_string_lossy();
        *sources.entry(name.split(".jsonl").next().unwrap_or_default().to_owned()).or_default() += size;
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_is_past_is_measured_when_its_folder_changed() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let noon = Stamp::from_millis(1_795_435_200_000);
        let put = |day: &str, name: &str, size: usize| {
            std::fs::create_dir_all(root.events().join(day)).unwrap();
            std::fs::write(root.events().join(day).join(name), vec![b'x'; size]).unwrap();
        };
        let mut sizes = Sizes::default();
        let mut look = |seconds: i64| {
            sizes.bring_up(&root, noon.plus_millis(seconds * 1000));
            (sizes.all(), sizes.of("piha"))
        };
        assert_eq!(look(0), (0, 0));
        put("2026-11-01", "piha.jsonl.zst", 10);
        put("2026-11-22", "piha.2.jsonl", 100);
        put("2026-11-23", "piha.x.jsonl", 1000);
        assert_eq!(look(9), (0, 0), "it is too early to look again");
        assert_eq!(look(10), (1110, 110));
        put("2026-11-01", "piha.jsonl.zst", 11);
        put("2026-11-22", "piha.2.jsonl", 200);
        put("2026-11-23", "piha.jsonl", 2000);
        assert_eq!(look(20), (3210, 2210), "the old file is the same one, only longer");
        put("2026-11-01", "vps.jsonl", 5);
        assert_eq!(look(30), (3216, 2211));
        std::fs::remove_dir_all(root.events().join("2026-11-01")).unwrap();
        assert_eq!(look(40), (3200, 2200));
        sizes.add("piha", 50);
        assert_eq!((sizes.all(), sizes.of("piha")), (3250, 2250));
    }
}
