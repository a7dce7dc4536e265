//! The last week of single services, of as many as fit into a few megabytes, read by a few at a time.

use std::sync::{Arc, Mutex};

use super::{LATE_MS, MOST, folders, mark};
use crate::flow::desired::Desired;
use crate::flow::drift::in_words;
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::sort;
use crate::flow::time::{DAY_MS, Stamp};
use crate::flow::words::cut;
use crate::store::events::{Look, Recent};
use crate::store::root::Root;
use crate::view::clean;
use crate::web::pages::history::{Change, Mark};
use crate::web::{lock, try_lock};

/// How many requests may read at the same time: fewer than there are threads for all of them.
const READERS: usize = 2;
/// How many bytes of pasts are remembered; the newest, however large it is.
const REMEMBERED: usize = 4 << 20;
/// Most changes of one service that are kept, the newest.
const CHANGES: usize = 5000;
/// Longest words of a change, in characters.
const WORDS: usize = 240;

/// The pasts that are remembered, the one asked for last at the end.
#[derive(Default)]
pub struct Singles {
    readers: [Mutex<()>; READERS],
    /// Held for a moment only.
    remembered: Mutex<Vec<Arc<Single>>>,
}

struct Single {
    node: NodeName,
    service: ServiceName,
    /// How far was read. Held by the one who reads.
    recent: Mutex<Recent>,
    told: Mutex<Told>,
}

/// What is known of a service's last week.
#[derive(Clone)]
pub struct Told {
    /// What changed, the oldest first.
    pub changes: Arc<Vec<Change>>,
    /// Whether there was too much to read or keep all of it.
    pub is_cut: bool,
    /// Whether it was not read yet, since others are being read.
    pub is_unread: bool,
    bytes: usize,
}

impl Singles {
    /// Returns what the last week's files say of a service, or what is known of that while too many read.
    pub fn told(&self, root: &Root, desired: &Desired, node: &NodeName, service: &ServiceName, now: Stamp) -> Told {
        let single = self.single(node, service);
        if let Some(_reader) = self.readers.iter().find_map(try_lock)
            && let Some(mut recent) = try_lock(&single.recent)
        {
            single.look(&mut recent, root, desired, now);
            self.forget();
        }
        lock(&single.told).clone()
    }

    fn single(&self, node: &NodeName, service: &ServiceName) -> Arc<Single> {
        let mut remembered = lock(&self.remembered);
        let known = remembered.iter().position(|s| s.node == *node && s.service == *service);
        let single = known.map_or_else(|| Arc::new(Single::new(node, service)), |i| remembered.remove(i));
        remembered.push(single.clone());
        single
    }

    /// Forgets those asked for longest ago of more than are remembered.
    fn forget(&self) {
        let mut remembered = lock(&self.remembered);
        let mut bytes = 0;
        let fitting = remembered.iter().rev().take_while(|single| {
            bytes += lock(&single.told).bytes;
            bytes <= REMEMBERED
        });
        let too_many = remembered.len() - fitting.count().max(1);
        remembered.drain(..too_many);
    }
}

impl Single {
    fn new(node: &NodeName, service: &ServiceName) -> Self {
        let told = Told { changes: Arc::default(), is_cut: false, is_unread: true, bytes: size_of::<Self>() };
        Self { node: node.clone(), service: service.clone(), recent: Mutex::default(), told: Mutex::new(told) }
    }

    fn look(&self, recent: &mut Recent, root: &Root, desired: &Desired, now: Stamp) {
        let Self { node, service, .. } = self;
        let finder = memchr::memmem::Finder::new(service.as_str());
        let look = Look { days: &folders(now, 8), open: 3, most: MOST };
        let (mut fresh, mut too_many) = (Vec::new(), false);
        let is_cut = recent.read(root, look, &|line| finder.find(line).is_some(), &mut |event| {
            let is_node = event.node == node.as_str() || desired.aliases.get(&*event.node) == Some(node);
            if !is_node || event.service.as_deref() != Some(service.as_str()) {
                return;
            }
            if let Some(mark) = mark(event) {
                let reason = event.reason.as_deref().map_or(String::new(), |r| format!(": {}", in_words(r)));
                let words = format!("{}{reason}", event.status().unwrap_or("removed"));
                fresh.push(Change { mark, words: clean(&cut(&words, WORDS)).into_owned() });
                if fresh.len() >= 2 * CHANGES {
                    too_many |= settle(&mut fresh, now);
                }
            }
        });
        let before = lock(&self.told).clone();
        let changes = if fresh.is_empty() {
            before.changes
        } else {
            fresh.extend_from_slice(&before.changes);
            too_many |= settle(&mut fresh, now);
            fresh.shrink_to_fit();
            Arc::new(fresh)
        };
        let words: usize = changes.iter().map(|change| size_of::<Change>() + change.words.capacity()).sum();
        let bytes = size_of::<Self>() + words + recent.size();
        *lock(&self.told) = Told { changes, is_cut: before.is_cut | is_cut | too_many, is_unread: false, bytes };
    }
}

/// Sorts changes and drops those that say what the one before them said. Returns whether there were more than are
/// kept.
fn settle(changes: &mut Vec<Change>, now: Stamp) -> bool {
    changes.retain(|c| now.since(c.mark.at) <= 8 * DAY_MS);
    sort::by(changes, Ord::cmp);
    for late in [LATE_MS, 0] {
        let mut last: Option<(Mark, String)> = None;
        changes.retain(|change| {
            let is_new =
                last.as_ref().is_none_or(|(mark, words)| mark.well != change.mark.well || *words != change.words);
            let is_late = now.since(change.mark.at) <= late && last.as_ref().is_none_or(|(m, _)| *m != change.mark);
            last = Some((change.mark, change.words.clone()));
            is_new || is_late
        });
        if changes.len() <= CHANGES {
            return false;
        }
    }
    changes.drain(..changes.len() - CHANGES);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Stamp = Stamp::from_millis(1_795_418_000_000);

    fn change(seconds_ago: usize, well: bool, words: &str) -> Change {
        let mark = Mark { at: NOW.plus_millis(-1000 * seconds_ago as i64), well: Some(well) };
        Change { mark, words: words.into() }
    }

    #[test]
    fn of_more_than_is_kept_what_says_nothing_new_goes_first_and_then_the_oldest() {
        let mut changes: Vec<Change> = (0..9000).map(|n| change(n, true, "healthy")).collect();
        assert!(!settle(&mut changes, NOW));
        assert_eq!(changes.len(), 2, "{changes:?}");
        let mut wild: Vec<Change> = (0..9000).map(|n| change(n, false, &format!("x{n}"))).collect();
        assert!(settle(&mut wild, NOW));
        assert_eq!((wild.len(), &*wild[CHANGES - 1].words), (CHANGES, "x0"));
    }

    /// A root with an event of each service.
    struct Desk {
        singles: Singles,
        root: Root,
        _dir: tempfile::TempDir,
    }

    impl Desk {
        fn new(services: &[String], reason: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let root = Root::open(dir.path()).unwrap();
            let at = NOW.plus_millis(-60_000);
            let event = |service: &String| {
                format!(
                    r#"{{"ts":"{at}","node":"piha","type":"service_unhealthy","service":"{service}","reason":"{reason}"}}"#
                ) + "\n"
            };
            std::fs::create_dir_all(root.events().join(at.day())).unwrap();
            std::fs::write(
                root.events().join(at.day()).join("a.jsonl"),
                services.iter().map(event).collect::<String>(),
            )
            .unwrap();
            Self { singles: Singles::default(), root, _dir: dir }
        }

        fn ask(&self, service: &str) -> (usize, bool) {
            let (node, service) = ("piha".parse().unwrap(), service.parse().unwrap());
            let told = self.singles.told(&self.root, &Desired::default(), &node, &service, NOW);
            (told.changes.len(), told.is_unread)
        }
    }

    #[test]
    fn two_read_at_the_same_time_and_a_third_gets_what_is_known() {
        let desk = Desk::new(&["a".into(), "b".into()], "x");
        assert_eq!(desk.ask("a"), (1, false));
        let readers = desk.singles.readers.each_ref().map(|reader| reader.lock().unwrap());
        assert_eq!((desk.ask("a"), desk.ask("b")), ((1, false), (0, true)));
        drop(readers);
        let single = desk.singles.single(&"piha".parse().unwrap(), &"b".parse().unwrap());
        let reading = single.recent.lock().unwrap();
        assert_eq!(desk.ask("b"), (0, true), "it is being read");
        drop(reading);
        assert_eq!(desk.ask("b"), (1, false));
    }

    #[test]
    fn what_is_remembered_fits_into_its_room_and_the_newest_is_kept() {
        let services: Vec<String> = (0..9).map(|n| format!("s{n}")).collect();
        let desk = Desk::new(&services, "x");
        let size = |mut bytes: usize| {
            std::mem::swap(&mut bytes, &mut lock(&lock(&desk.singles.remembered)[0].told).bytes);
        };
        for (n, service) in services.iter().enumerate() {
            desk.ask(service);
            assert_eq!(lock(&desk.singles.remembered).len(), n + 1);
        }
        size(REMEMBERED);
        desk.ask("s1");
        assert_eq!(lock(&desk.singles.remembered).len(), 8, "the one that is large and was asked for first is gone");
        let last = desk.singles.single(&"piha".parse().unwrap(), &"s5".parse().unwrap());
        lock(&last.told).bytes = 2 * REMEMBERED;
        desk.singles.forget();
        assert_eq!(lock(&desk.singles.remembered).len(), 1);
    }
}
