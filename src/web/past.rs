//! What is kept of the event log between requests, so that a page that is looked at again reads only what is new.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::lock;
use super::pages::history::{Change, Mark};
use crate::flow::desired::Desired;
use crate::flow::drift::in_words;
use crate::flow::event::{Event, Kind};
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::sort;
use crate::flow::time::{DAY_MS, Stamp};
use crate::flow::world::ServiceRow;
use crate::store::events::{Look, Recent};
use crate::store::root::Root;
use crate::view::clean;

/// Most bytes of events that are read at once, the newest first.
const MOST: u64 = 64 << 20;
/// For how long the strips of all services are believed.
const BELIEVED_MS: i64 = 30_000;
/// Marks that say nothing new are kept for so long: another that came late may stand between them.
const LATE_MS: i64 = 2 * 3_600_000;
/// How many services are remembered with their words.
const REMEMBERED: usize = 4;
/// Most marks of one service and most of its changes that are kept, the newest; an agent may be out of its mind.
const MARKS: usize = 2000;
const CHANGES: usize = 5000;
/// Longest words of a change, in characters.
const WORDS: usize = 240;

/// The pasts of services.
#[derive(Default)]
pub struct Pasts {
    all: Mutex<All>,
    single: Mutex<Vec<Single>>,
}

/// The last day of all services, under the names that the events give.
#[derive(Default)]
struct All {
    looked: Option<Stamp>,
    recent: Recent,
    marks: BTreeMap<String, BTreeMap<String, Vec<Mark>>>,
}

/// The last week of one service.
struct Single {
    node: NodeName,
    service: ServiceName,
    recent: Recent,
    changes: Vec<Change>,
    cut: bool,
}

/// The marks of the last day by node and service.
pub type Days = BTreeMap<(NodeName, ServiceName), Vec<Mark>>;

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

impl Pasts {
    /// Returns what the last day's files say of all services.
    pub fn all(&self, root: &Root, desired: &Desired, now: Stamp) -> Days {
        let mut all = lock(&self.all);
        if all.looked.is_none_or(|looked| !(0..BELIEVED_MS).contains(&now.since(looked))) {
            all.look(root, now);
        }
        let mut days = Days::new();
        for (name, services) in &all.marks {
            let Ok(name) = name.parse::<NodeName>() else { continue };
            let node = desired.aliases.get(name.as_str()).unwrap_or(&name);
            for (service, marks) in services {
                let Ok(service) = service.parse() else { continue };
                let known = days.entry((node.clone(), service)).or_default();
                known.extend(marks);
                sort::by(known, Ord::cmp);
            }
        }
        days
    }

    /// Returns what the last week's files say of a service, and whether there was too much to read all of it.
    pub fn single(
        &self,
        root: &Root,
        desired: &Desired,
        node: &NodeName,
        service: &ServiceName,
        now: Stamp,
    ) -> (Vec<Change>, bool) {
        let mut remembered = lock(&self.single);
        let known = remembered.iter().position(|s| s.node == *node && s.service == *service);
        let mut past = known.map_or_else(|| Single::new(node, service), |i| remembered.remove(i));
        past.look(root, desired, now);
        let told = (past.changes.clone(), past.cut);
        remembered.push(past);
        let too_many = remembered.len().saturating_sub(REMEMBERED);
        remembered.drain(..too_many);
        told
    }
}

impl All {
    fn look(&mut self, root: &Root, now: Stamp) {
        self.looked = Some(now);
        let marks = &mut self.marks;
        let look = Look { days: &folders(now, 2), open: 3, most: MOST };
        let is_service = |line: &[u8]| memchr::memmem::find(line, b"service").is_some();
        self.recent.read(root, look, &is_service, &mut |event| {
            if let (Some(service), Some(mark)) = (event.service.as_deref(), mark(event)) {
                if !marks.contains_key(&*event.node) {
                    marks.insert(event.node.to_string(), BTreeMap::new());
                }
                let Some(services) = marks.get_mut(&*event.node) else { return };
                match services.get_mut(service) {
                    Some(marks) => {
                        marks.push(mark);
                        if marks.len() >= 2 * MARKS {
                            thin(marks, now);
                        }
                    }
                    None => drop(services.insert(service.to_owned(), vec![mark])),
                }
            }
        });
        for services in marks.values_mut() {
            services.retain(|_, marks| {
                thin(marks, now);
                marks.last().is_some_and(|last| now.since(last.at) <= 2 * DAY_MS)
            });
        }
        marks.retain(|_, services| !services.is_empty());
    }
}

/// Sorts marks and drops those that say what the one before them said, but for the newest.
fn thin(marks: &mut Vec<Mark>, now: Stamp) {
    sort::by(marks, Ord::cmp);
    marks.dedup();
    for late in [LATE_MS, 0] {
        let mut last: Option<Mark> = None;
        marks.retain(|mark| {
            let says = now.since(mark.at) <= late || last.is_none_or(|last| last.well != mark.well);
            last = Some(*mark);
            says
        });
        if marks.len() <= MARKS {
            break;
        }
    }
    let old = marks.iter().take_while(|mark| now.since(mark.at) > DAY_MS).count();
    marks.drain(..old.saturating_sub(1).max(marks.len().saturating_sub(MARKS)));
    marks.shrink_to_fit();
}

impl Single {
    fn new(node: &NodeName, service: &ServiceName) -> Self {
        let (node, service) = (node.clone(), service.clone());
        Self { node, service, recent: Recent::default(), changes: Vec::new(), cut: false }
    }

    fn look(&mut self, root: &Root, desired: &Desired, now: Stamp) {
        let Self { node, service, recent, changes, cut } = self;
        let finder = memchr::memmem::Finder::new(service.as_str());
        let look = Look { days: &folders(now, 8), open: 3, most: MOST };
        let mut too_many = false;
        *cut |= recent.read(root, look, &|line| finder.find(line).is_some(), &mut |event| {
            let is_node = event.node == node.as_str() || desired.aliases.get(&*event.node) == Some(node);
            if !is_node || event.service.as_deref() != Some(service.as_str()) {
                return;
            }
            if let Some(mark) = mark(event) {
                let reason = event.reason.as_deref().map_or(String::new(), |r| format!(": {}", in_words(r)));
                let words = format!("{}{reason}", event.status().unwrap_or("removed"));
                let words = match words.char_indices().nth(WORDS) {
                    Some((end, _)) => format!("{}…", &words[..end]),
                    None => words,
                };
                changes.push(Change { mark, words: clean(&words).into_owned() });
                if changes.len() >= 2 * CHANGES {
                    too_many |= settle(changes, now);
                }
            }
        });
        *cut |= settle(changes, now) || too_many;
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
        thin(&mut marks, NOW);
        assert_eq!(marks, [mark(80_000, true), mark(4999, false), mark(4, true), mark(0, true)]);
        let mut wild: Vec<Mark> = (0..5000).map(|n| mark(n, n % 2 == 0)).collect();
        thin(&mut wild, NOW);
        assert_eq!((wild.len(), wild[0], wild[MARKS - 1]), (MARKS, mark(1999, false), mark(0, true)));

        let change = |mark: Mark, words: &str| Change { mark, words: words.into() };
        let mut changes: Vec<Change> = (0..9000).map(|n| change(mark(n, true), "healthy")).collect();
        assert!(!settle(&mut changes, NOW));
        assert_eq!(changes.len(), 2, "{changes:?}");
        let mut wild: Vec<Change> = (0..9000).map(|n| change(mark(n, false), &format!("x{n}"))).collect();
        assert!(settle(&mut wild, NOW));
        assert_eq!((wild.len(), &*wild[CHANGES - 1].words), (CHANGES, "x0"));
    }
}
