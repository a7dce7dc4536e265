//! What is kept of the event log between requests, so that a page that is looked at again reads only what is new. Nobody
//! waits here for what somebody else reads: whoever comes meanwhile goes on with what is known.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::pages::history::Mark;
use super::{lock, try_lock};
use crate::flow::desired::Desired;
use crate::flow::event::{Event, Kind};
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::sort;
use crate::flow::time::{DAY_MS, HOUR_MS, Stamp};
use crate::flow::world::ServiceRow;
use crate::store::events::{Look, Recent};
use crate::store::root::Root;

mod single;

pub use single::Singles;

/// Most bytes of events that are read at once, the newest first.
const MOST: u64 = 64 << 20;
/// For how long the strips of all services are believed.
const BELIEVED_MS: i64 = 30_000;
/// Marks that say nothing new are kept for so long: another that came late may stand between them.
const LATE_MS: i64 = 2 * HOUR_MS;
/// Most marks of one service that are kept, the newest; an agent may be out of its mind.
const MARKS: usize = 2000;
/// Most marks that are kept of all services together, 1 MiB of them, and of how many services.
const ALL_MARKS: usize = 64 * 1024;
const SERVICES: usize = 4096;

/// The last day of all services.
#[derive(Default)]
pub struct All {
    /// How far was read. Held by the one who reads.
    recent: Mutex<Recent>,
    /// Held for a moment only.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    looked: Option<Stamp>,
    marks: Marks,
}

/// The marks of the last day, by the names that the events give.
#[derive(Debug, Default)]
struct Marks {
    nodes: BTreeMap<String, BTreeMap<String, Vec<Mark>>>,
    services: usize,
    count: usize,
}

/// What is known of the last day.
pub struct Days<'a> {
    all: &'a All,
    /// The names that the events give to nodes.
    names: Vec<(NodeName, String)>,
    /// Whether somebody else reads it for the first time.
    pub are_unread: bool,
}

/// Returns the folders of so many days, the newest first; a node's clock may be ahead.
fn folders(now: Stamp, days: i64) -> Vec<String> {
    (-1..days).map(|back| now.plus_millis(-back * DAY_MS).day()).collect()
}

fn mark(event: &Event<'_>) -> Option<Mark> {
    let well = match event.kind {
        Kind::Removed => None,
        _ => Some(event.status()? == "healthy"),
    };
    Some(Mark { at: event.ts, well })
}

impl Days<'_> {
    /// Returns the marks of a service, in no order.
    pub fn of(&self, node: &NodeName, service: &ServiceName) -> Vec<Mark> {
        let known = lock(&self.all.known);
        let of_name = |name: &String| known.marks.nodes.get(name)?.get(service.as_str());
        let names = self.names.iter().filter(|(canonical, _)| canonical == node);
        names.filter_map(|(_, name)| of_name(name)).flatten().copied().collect()
    }
}

impl All {
    /// Returns what the last day's files say of all services.
    pub fn days(&self, root: &Root, desired: &Desired, now: Stamp) -> Days<'_> {
        self.look(root, now);
        let known = lock(&self.known);
        let canonical = |name: &String| Some((desired.canonical(&name.parse().ok()?), name.clone()));
        let names = known.marks.nodes.keys().filter_map(canonical).collect();
        Days { all: self, names, are_unread: known.looked.is_none() }
    }

    fn look(&self, root: &Root, now: Stamp) {
        let Some(mut recent) = try_lock(&self.recent) else { return };
        if lock(&self.known).looked.is_some_and(|looked| (0..BELIEVED_MS).contains(&now.since(looked))) {
            return;
        }
        let mut fresh = Marks::default();
        let look = Look { days: &folders(now, 2), open: 3, most: MOST };
        let is_service = |line: &[u8]| memchr::memmem::find(line, b"service").is_some();
        recent.read(root, look, &is_service, &mut |event| {
            if let (Some(service), Some(mark)) = (event.service.as_deref(), mark(event)) {
                fresh.add(&event.node, service, mark, now);
            }
        });
        let mut known = lock(&self.known);
        for (node, services) in &fresh.nodes {
            for (service, marks) in services {
                marks.iter().for_each(|mark| known.marks.add(node, service, *mark, now));
            }
        }
        known.marks.thin(now);
        known.looked = Some(now);
    }
}

impl Marks {
    fn add(&mut self, node: &str, service: &str, mark: Mark, now: Stamp) {
        if !self.nodes.contains_key(node) {
            self.nodes.insert(node.to_owned(), BTreeMap::new());
        }
        let Some(services) = self.nodes.get_mut(node) else { return };
        match services.get_mut(service) {
            Some(marks) => {
                marks.push(mark);
                self.count += 1;
                if marks.len() >= 2 * MARKS {
                    self.count -= marks.len();
                    thin(marks, now, MARKS);
                    self.count += marks.len();
                }
            }
            None if self.services < SERVICES => {
                services.insert(service.to_owned(), vec![mark]);
                self.services += 1;
                self.count += 1;
            }
            None => {}
        }
        if self.count >= 2 * ALL_MARKS {
            self.thin(now);
        }
    }

    /// Keeps of each service what its share of the room holds.
    fn thin(&mut self, now: Stamp) {
        let most = (ALL_MARKS / self.services.max(1)).min(MARKS);
        (self.services, self.count) = (0, 0);
        for services in self.nodes.values_mut() {
            services.retain(|_, marks| {
                thin(marks, now, most);
                marks.last().is_some_and(|last| now.since(last.at) <= 2 * DAY_MS)
            });
            self.services += services.len();
            self.count += services.values().map(Vec::len).sum::<usize>();
        }
        self.nodes.retain(|_, services| !services.is_empty());
    }
}

/// Sorts marks and drops those that say what the one before them said, but for the newest.
fn thin(marks: &mut Vec<Mark>, now: Stamp, most: usize) {
    sort::by(marks, Ord::cmp);
    marks.dedup();
    for late in [LATE_MS, 0] {
        let mut last: Option<Mark> = None;
        marks.retain(|mark| {
            let says = now.since(mark.at) <= late || last.is_none_or(|last| last.well != mark.well);
            last = Some(*mark);
            says
        });
        if marks.len() <= most {
            break;
        }
    }
    let old = marks.iter().take_while(|mark| now.since(mark.at) > DAY_MS).count();
    marks.drain(..old.saturating_sub(1).max(marks.len().saturating_sub(most)));
    marks.shrink_to_fit();
}

/// Returns what the world says of a service: the newest of its kind, perhaps from before the day.
pub fn of_row(row: &ServiceRow) -> Vec<Mark> {
    let newest = (row.last_event, row.is_healthy());
    let of_kind = [row.last_healthy.map(|at| (at, true)), row.last_unhealthy.map(|at| (at, false))];
    let all = of_kind.into_iter().flatten().chain([newest]);
    all.map(|(at, well)| Mark { at, well: Some(well) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Stamp = Stamp::from_millis(1_795_418_000_000);

    fn mark(seconds_ago: usize, well: bool) -> Mark {
        Mark { at: NOW.plus_millis(-1000 * seconds_ago as i64), well: Some(well) }
    }

    #[test]
    fn of_more_than_is_kept_what_says_nothing_new_goes_first_and_then_the_oldest() {
        let steady = || (0..5000).map(|n| mark(n, n < 5)).chain([mark(80_000, true)]);
        let mut marks: Vec<Mark> = steady().collect();
        thin(&mut marks, NOW, MARKS);
        assert_eq!(marks, [mark(80_000, true), mark(4999, false), mark(4, true), mark(0, true)]);
        let mut wild: Vec<Mark> = (0..5000).map(|n| mark(n, n % 2 == 0)).collect();
        thin(&mut wild, NOW, MARKS);
        assert_eq!((wild.len(), wild[0], wild[MARKS - 1]), (MARKS, mark(1999, false), mark(0, true)));
    }

    #[test]
    fn all_services_share_the_room_for_marks_and_each_keeps_its_newest() {
        let mut marks = Marks::default();
        for n in (0..400).rev() {
            for service in 0..1000 {
                marks.add("piha", &format!("s{service}"), mark(n, n % 2 == 0), NOW);
                assert!(marks.count < 2 * ALL_MARKS);
            }
        }
        marks.thin(NOW);
        assert_eq!((marks.services, marks.count), (1000, 65_000));
        assert_eq!(marks.nodes["piha"]["s999"].last(), Some(&mark(0, true)));
        (0..SERVICES).for_each(|n| marks.add("nas", &format!("s{n}"), mark(0, true), NOW));
        assert_eq!(marks.services, SERVICES, "and no more of them");
    }

    #[test]
    fn whoever_comes_while_somebody_reads_gets_what_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let (root, desired) = (Root::open(dir.path()).unwrap(), Desired::default());
        let tell = |second: i64| {
            let at = NOW.plus_millis(1000 * second);
            let event = format!(r#"{{"ts":"{at}","node":"piha","type":"service_healthy","service":"web"}}"#);
            std::fs::create_dir_all(root.events().join(NOW.day())).unwrap();
            std::fs::write(root.events().join(format!("{}/{second}.json", NOW.day())), event).unwrap();
        };
        let all = All::default();
        let ask = |after: i64| {
            let days = all.days(&root, &desired, NOW.plus_millis(after));
            let marks = days.of(&"piha".parse().unwrap(), &"web".parse().unwrap());
            (marks.len(), days.are_unread)
        };
        tell(-60);
        let reading = all.recent.lock().unwrap();
        assert_eq!(ask(0), (0, true));
        drop(reading);
        assert_eq!(ask(0), (1, false));
        tell(-30);
        let reading = all.recent.lock().unwrap();
        assert_eq!(ask(BELIEVED_MS), (1, false));
        drop(reading);
        assert_eq!(ask(BELIEVED_MS), (2, false));
    }
}
