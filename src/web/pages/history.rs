//! What became of one service in the last week, from the event log: the strips of its page and its last events.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use minijinja::{Value, context};

use super::{clean, stamp};
use crate::flow::desired::Desired;
use crate::flow::event::{self, Kind};
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::sort;
use crate::flow::status::count;
use crate::flow::time::{Stamp, span};
use crate::store::root::Root;
use crate::web::message::Refusal;

const DAY_MS: i64 = 86_400_000;
/// How many days are looked at: a week, and the day in which it begins.
const DAYS: i64 = 8;
/// Most bytes of events that are read for a page, the newest first.
const MOST: u64 = 64 << 20;
/// How many events are listed.
const LISTED: usize = 12;

/// A time that a strip shows, and in how many bars.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    ms: i64,
    bars: i64,
    words: &'static str,
}

impl Span {
    /// The last day, half an hour a bar.
    pub const DAY: Span = Span { ms: DAY_MS, bars: 48, words: "the last 24 hours" };
    /// The last week, three and a half hours a bar.
    pub const WEEK: Span = Span { ms: 7 * DAY_MS, bars: 48, words: "the last 7 days" };
}

/// What an event said of the service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    at: Stamp,
    /// Nothing where the service was removed.
    well: Option<bool>,
    words: String,
}

/// A service's past.
#[derive(Debug)]
pub struct Past {
    points: Vec<Point>,
    /// Whether there was too much to read all of it.
    pub cut: bool,
}

/// Reads what the event log says of a service.
pub fn read(
    root: &Root,
    desired: &Desired,
    node: &NodeName,
    service: &ServiceName,
    now: Stamp,
) -> Result<Past, Refusal> {
    let (mut points, mut budget) = (Vec::new(), MOST);
    let wanted = memchr::memmem::Finder::new(service.as_str());
    for days in -1..DAYS {
        let dir = root.events().join(now.plus_millis(-days * DAY_MS).day());
        let Ok(list) = std::fs::read_dir(&dir) else { continue };
        let names = list.flatten().map(|e| e.path());
        for path in names.filter(|p| p.extension().is_some_and(|e| e == "jsonl" || e == "json")) {
            let bytes = newest(&path, budget).map_err(|e| Refusal::new(503, format!("cannot read events: {e}")))?;
            budget = budget.saturating_sub(bytes.len() as u64);
            for text in bytes.split(|b| *b == b'\n').filter(|line| wanted.find(line).is_some()) {
                let Ok(event) = event::parse_bytes(text.trim_ascii()) else { continue };
                let is_node = event.node == node.as_str() || desired.aliases.get(&*event.node) == Some(node);
                if !is_node || event.service.as_deref() != Some(service.as_str()) {
                    continue;
                }
                let removed = event.kind == Kind::Removed;
                let Some(status) = event.status().or(removed.then_some("removed")) else { continue };
                let reason = event.reason.as_deref().map_or(String::new(), |r| format!(" ({r})"));
                let words = clean(&format!("{status}{reason}"));
                points.push(Point { at: event.ts, well: (!removed).then_some(status == "healthy"), words });
            }
        }
    }
    points.retain(|p| now.since(p.at) <= DAYS * DAY_MS && p.at <= now);
    sort::by(&mut points, Ord::cmp);
    points.dedup();
    Ok(Past { points, cut: budget == 0 })
}

/// Returns the last bytes of a file; what is not there any more is empty.
fn newest(path: &std::path::Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(bytes),
        Err(e) => return Err(e),
    };
    let metadata = file.metadata()?;
    if metadata.is_file() {
        file.seek(SeekFrom::Start(metadata.len().saturating_sub(most)))?;
        file.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

impl Past {
    /// Returns the bars of a time, each as bad as the worst in it, and the words that say the same.
    pub fn strip(&self, now: Stamp, over: Span) -> Value {
        let begin = now.plus_millis(-over.ms);
        let width = over.ms / over.bars;
        let mut bars = Vec::new();
        let mut state = self.points.iter().take_while(|p| p.at < begin).last().and_then(|p| p.well);
        let (mut well_ms, mut known_ms, mut breaks) = (0, 0, 0);
        let mut rest = self.points.iter().skip_while(|p| p.at < begin).peekable();
        for i in 0..over.bars {
            let from = begin.plus_millis(i * width);
            let to = from.plus_millis(width);
            let mut worst = state;
            let mut at = from;
            while let Some(point) = rest.next_if(|p| p.at < to) {
                tally(state, point.at.since(at), &mut well_ms, &mut known_ms);
                breaks += usize::from(point.well == Some(false) && state != Some(false));
                at = point.at;
                state = point.well;
                worst = match (worst, state) {
                    (Some(a), Some(b)) => Some(a && b),
                    (a, b) => a.or(b),
                };
            }
            tally(state, to.since(at), &mut well_ms, &mut known_ms);
            let (tone, word) = match worst {
                Some(true) => ("good", "healthy"),
                Some(false) => ("bad", "not healthy"),
                None => ("quiet", "not heard"),
            };
            bars.push(context! { x => i * 10, tone, word, from => from.to_string() });
        }
        let share = if known_ms > 0 { well_ms * 1000 / known_ms } else { 0 };
        let words = match known_ms {
            0 => format!("nothing was heard in {}", over.words),
            _ => format!("healthy {}.{} % of {}, {}", share / 10, share % 10, over.words, count(breaks, "break")),
        };
        context! { bars, words, width => over.bars * 10, span => span(over.ms) }
    }

    /// Returns the newest changes, the newest first.
    pub fn newest(&self, now: Stamp) -> Vec<Value> {
        let mut changes: Vec<&Point> = Vec::new();
        for point in &self.points {
            if changes.last().is_none_or(|last| last.words != point.words) {
                changes.push(point);
            }
        }
        let tone = |p: &Point| match p.well {
            Some(true) => "good",
            Some(false) => "bad",
            None => "quiet",
        };
        let shown = changes.iter().rev().take(LISTED);
        shown.map(|p| context! { at => stamp(p.at, now), words => p.words.clone(), tone => tone(p) }).collect()
    }
}

fn tally(state: Option<bool>, ms: i64, well_ms: &mut i64, known_ms: &mut i64) {
    if let Some(well) = state {
        *known_ms += ms;
        *well_ms += if well { ms } else { 0 };
    }
}
