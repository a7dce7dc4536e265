//! What came of the texts read so far: the fold of those that count, the events that wait for their time, and
//! what was set aside. The same set of texts gives the same intake, however it is cut. Never opens a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{Event, EventError, parse, parse_bytes};
use super::fold::{Fold, Place};
use super::name::NodeName;
use super::time::Stamp;
use super::words;

/// How far ahead of the observer's clock an event may be and count at once.
pub const TOLERANCE_MS: i64 = 5 * 60 * 1000;
/// How many of the texts set aside are kept to be shown.
pub const SHOWN_REJECTS: usize = 20;
/// Most waiting events that are kept, and most bytes of them; those of later times are read again when they are due.
const MAX_WAITING: usize = 1000;
const MAX_WAITING_BYTES: usize = 1 << 20;
/// Longest cause that is kept, in characters: it may quote what an attacker sent.
const MAX_CAUSE: usize = 240;

/// A text that cannot be read as an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reject {
    /// Its file, below the root.
    pub file: String,
    /// Its line, where it is not the whole file.
    pub line: Option<u64>,
    /// Why.
    pub cause: String,
}

/// What was set aside: how much, and the newest by file and line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejects {
    /// How many texts.
    pub count: u64,
    /// The last [`SHOWN_REJECTS`] in the order of files and lines.
    pub newest: Vec<Reject>,
}

impl Rejects {
    /// Returns whether nothing was set aside.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Counts one and keeps it if it is among the newest.
    pub fn add(&mut self, file: &str, line: Option<u64>, cause: &str) {
        self.count += 1;
        let full = self.newest.len() >= SHOWN_REJECTS;
        if full && self.newest.first().is_some_and(|r| (r.file.as_str(), r.line) > (file, line)) {
            return;
        }
        let cause = words::cut(cause, MAX_CAUSE).into_owned();
        // By all of it, causes included: what is kept must not depend on the order of reading.
        let reject = Reject { file: file.to_owned(), line, cause };
        self.newest.insert(self.newest.partition_point(|r| *r <= reject), reject);
        if full {
            self.newest.remove(0);
        }
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: &Rejects) {
        let count = self.count + other.count;
        for reject in &other.newest {
            self.add(&reject.file, reject.line, &reject.cause);
        }
        self.count = count;
    }
}

/// The events from the future.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    kept: Vec<Kept>,
    bytes: usize,
    /// Those of later times, once they are too many to keep.
    beyond: Option<Beyond>,
}

/// One waiting event, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    ts: Stamp,
    node: NodeName,
    at: Place,
    text: String,
}

/// What is known of waiting events that are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Beyond {
    count: u64,
    earliest: Stamp,
    nodes: BTreeMap<NodeName, Stamp>,
}

impl Waiting {
    fn add(&mut self, kept: Kept) {
        if let Some(beyond) = self.beyond.as_mut().filter(|beyond| kept.ts >= beyond.earliest) {
            beyond.add(&kept);
            return;
        }
        self.bytes += kept.text.len();
        // In the order of their times: what is kept must not depend on the order of reading.
        let after = self.kept.partition_point(|other| (other.ts, &other.at) <= (kept.ts, &kept.at));
        self.kept.insert(after, kept);
        while self.kept.len() > MAX_WAITING || self.bytes > MAX_WAITING_BYTES {
            let Some(last) = self.kept.last().map(|kept| kept.ts) else { break };
            self.let_go(last);
        }
    }

    /// Keeps none from a time on; the first ones stay at hand, because they are due first.
    fn let_go(&mut self, from: Stamp) {
        let cut = self.kept.partition_point(|kept| kept.ts < from);
        let mut beyond = self.beyond.take().unwrap_or(Beyond { count: 0, earliest: from, nodes: BTreeMap::new() });
        for kept in self.kept.drain(cut..) {
            self.bytes = self.bytes.saturating_sub(kept.text.len());
            beyond.add(&kept);
        }
        self.beyond = Some(beyond);
    }

    fn merge(&mut self, other: Waiting) {
        if let Some(theirs) = other.beyond {
            self.let_go(theirs.earliest);
            if let Some(ours) = &mut self.beyond {
                ours.count += theirs.count;
                ours.earliest = ours.earliest.min(theirs.earliest);
                theirs.nodes.iter().for_each(|(node, ts)| newest(&mut ours.nodes, node, *ts));
            }
        }
        other.kept.into_iter().for_each(|kept| self.add(kept));
    }

    /// Returns how many events wait.
    pub fn count(&self) -> u64 {
        self.kept.len() as u64 + self.beyond.as_ref().map_or(0, |b| b.count)
    }

    /// Returns the newest waiting event of each node: how far its clock is ahead.
    pub fn nodes(&self) -> BTreeMap<NodeName, Stamp> {
        let mut nodes = self.beyond.as_ref().map(|b| b.nodes.clone()).unwrap_or_default();
        self.kept.iter().for_each(|kept| newest(&mut nodes, &kept.node, kept.ts));
        nodes
    }
}

impl Beyond {
    fn add(&mut self, kept: &Kept) {
        self.count += 1;
        self.earliest = self.earliest.min(kept.ts);
        newest(&mut self.nodes, &kept.node, kept.ts);
    }
}

fn newest(nodes: &mut BTreeMap<NodeName, Stamp>, node: &NodeName, ts: Stamp) {
    match nodes.get_mut(node) {
        Some(old) => *old = (*old).max(ts),
        None => drop(nodes.insert(node.clone(), ts)),
    }
}

/// What came of the texts read so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// The events that count.
    pub fold: Fold,
    /// Those whose time has not come.
    pub waiting: Waiting,
    /// What was set aside.
    pub rejects: Rejects,
}

/// A file that is being read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path below `events/` without `.gz` or `.zst`.
    pub path: Arc<str>,
    /// What follows in its name: `.gz`, `.zst` or nothing.
    pub packing: &'static str,
}

impl Source {
    /// Returns its path below the root, for people.
    pub fn file(&self) -> String {
        format!("events/{}{}", self.path, self.packing)
    }

    fn at(&self, index: u64) -> Place {
        Place { path: Arc::clone(&self.path), index }
    }
}

impl Intake {
    /// Takes in one line of a `.jsonl` file; `horizon` is the latest time that counts.
    pub fn line(&mut self, line: &[u8], number: u64, source: &Source, horizon: Stamp) {
        if line.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
            return;
        }
        match parse_bytes(line) {
            Ok(event) => self.event(&event, source.at(number), horizon, || String::from_utf8_lossy(line).into_owned()),
            Err(e) => self.rejects.add(&source.file(), Some(number), &e.to_string()),
        }
    }

    /// Takes in a `.json` file: one event, or an array of them.
    pub fn document(&mut self, bytes: &[u8], source: &Source, horizon: Stamp) {
        let reject = |rejects: &mut Rejects, offset: usize, e: &EventError| {
            let line = 1 + bytes[..offset].iter().filter(|b| **b == b'\n').count() + e.lines_down();
            rejects.add(&source.file(), Some(line as u64), &e.to_string());
        };
        if bytes.is_empty() {
            return self.rejects.add(&source.file(), None, "an empty file");
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => return reject(&mut self.rejects, e.valid_up_to(), &EventError::Utf8(e.valid_up_to())),
        };
        let start = text.len() - text.trim_start_matches(super::event::JSON_SPACE).len();
        if !text[start..].starts_with('[') {
            match parse(text) {
                Ok(event) => self.event(&event, source.at(0), horizon, || text.to_owned()),
                // The parser counts lines from the text's start, the others mean the object's first line.
                Err(e) => reject(&mut self.rejects, if e.lines_down() > 0 { 0 } else { start }, &e),
            }
            return;
        }
        let elements: Vec<&serde_json::value::RawValue> = match serde_json::from_str(text) {
            Ok(elements) => elements,
            Err(e) => return reject(&mut self.rejects, 0, &EventError::json(&e)),
        };
        for (index, element) in elements.iter().enumerate() {
            match parse(element.get()) {
                Ok(event) => self.event(&event, source.at(index as u64), horizon, || element.get().to_owned()),
                Err(e) => reject(&mut self.rejects, element.get().as_ptr() as usize - bytes.as_ptr() as usize, &e),
            }
        }
    }

    fn event(&mut self, event: &Event<'_>, at: Place, horizon: Stamp, text: impl FnOnce() -> String) {
        if event.ts <= horizon {
            return self.fold.add(event, &at);
        }
        if let Ok(node) = event.node.parse() {
            self.waiting.add(Kept { ts: event.ts, node, at, text: text() });
        }
    }

    /// Folds in the waiting events whose time has come. Returns how many, or nothing where they are no longer
    /// at hand and have to be read again.
    pub fn release(&mut self, horizon: Stamp) -> Option<usize> {
        if self.waiting.beyond.as_ref().is_some_and(|b| b.earliest <= horizon) {
            return None;
        }
        let due: Vec<Kept> = self.waiting.kept.extract_if(.., |kept| kept.ts <= horizon).collect();
        for kept in &due {
            // The sum comes from a checkpoint, too.
            self.waiting.bytes = self.waiting.bytes.saturating_sub(kept.text.len());
            // It was an event when it was kept; a checkpoint in which it is none is not to be believed.
            self.fold.add(&parse(&kept.text).ok()?, &kept.at);
        }
        Some(due.len())
    }

    /// Adds what another intake learnt from other texts.
    pub fn merge(&mut self, other: Intake) {
        self.fold.merge(other.fold);
        self.waiting.merge(other.waiting);
        self.rejects.merge(&other.rejects);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source { path: "2026-11-23/a.json".into(), packing: "" }
    }

    fn document(text: &str) -> Intake {
        let mut intake = Intake::default();
        intake.document(text.as_bytes(), &source(), Stamp::END);
        intake
    }

    fn event(ts: i64) -> String {
        format!(r#"{{"ts":{ts},"node":"n","type":"t"}}"#)
    }

    #[test]
    fn a_document_is_one_event_or_an_array_of_them() {
        let good = event(1_795_418_000);
        assert_eq!(document(&good).fold.unknown(), 1);
        assert_eq!(document(&format!("\n[{good},\n{good}]\n")).fold.unknown(), 2);
        assert_eq!(document("[]").rejects.count, 0);
    }

    #[test]
    fn what_is_wrong_in_a_document_is_named_with_its_line() {
        let good = event(1_795_418_000);
        for (text, line, cause) in [
            (String::new(), None, "an empty file"),
            (format!("[{good},\n\n  {{\"ts\":1}}]"), Some(3), "`ts`: 1 is before 2000 or after 2200"),
            (format!("[{good},\n7]"), Some(2), "not a JSON object"),
            (format!("[{good},\n"), Some(2), "not JSON: EOF while parsing a value (column 0)"),
            ("\n\n{\"node\":\"n\"}".into(), Some(3), "no `ts`"),
            ("{\n\"a\":\n}".into(), Some(3), "not JSON: expected value (column 1)"),
            (format!("{good}\n{good}"), Some(2), "not JSON: trailing characters (column 1)"),
        ] {
            let rejects = document(&text).rejects;
            let got: Vec<_> = rejects.newest.iter().map(|r| (r.line, r.cause.as_str())).collect();
            assert_eq!(got, [(line, cause)], "{text:?}");
        }
    }

    #[test]
    fn the_newest_twenty_are_kept_in_any_order() {
        let mut numbers: Vec<u64> = (1..=50).collect();
        for _ in 0..3 {
            let mut rejects = Rejects::default();
            numbers.iter().for_each(|n| rejects.add("f", Some(*n), "x"));
            assert_eq!(rejects.count, 50);
            assert_eq!(
                rejects.newest.iter().map(|r| r.line.unwrap()).collect::<Vec<_>>(),
                (31..=50).collect::<Vec<_>>()
            );
            numbers.rotate_left(17);
        }
    }

    #[test]
    fn a_cause_cannot_be_longer_than_a_line() {
        let mut rejects = Rejects::default();
        rejects.add("f", None, &"ä".repeat(1000));
        assert_eq!(rejects.newest[0].cause.chars().count(), MAX_CAUSE + 1);
    }

    #[test]
    fn waiting_events_are_the_same_in_any_order() {
        let horizon = Stamp::from_millis(1_795_418_000_000);
        let mut numbers: Vec<u64> = (1..=30).collect();
        let line = |intake: &mut Intake, number: u64| {
            intake.line(event(1_795_418_001 + (number % 7) as i64).as_bytes(), number, &source(), horizon);
        };
        let mut whole = Intake::default();
        numbers.iter().for_each(|n| line(&mut whole, *n));
        for cut in [1, 10, 29] {
            numbers.rotate_left(11);
            let (mut first, mut second) = (Intake::default(), Intake::default());
            numbers[..cut].iter().for_each(|n| line(&mut first, *n));
            numbers[cut..].iter().for_each(|n| line(&mut second, *n));
            second.merge(first);
            assert_eq!(second, whole);
        }
    }

    #[test]
    fn of_too_many_waiting_events_the_same_are_kept_in_any_order() {
        let horizon = Stamp::from_millis(1_795_418_000_000);
        let line = |intake: &mut Intake, number: u64| {
            let long = format!(",\"details\":\"{}\"}}", "x".repeat((number as usize * 37) % 5000));
            let text = event(1_795_418_001 + (number / 3) as i64).replace('}', &long);
            intake.line(text.as_bytes(), number, &source(), horizon);
        };
        let mut numbers: Vec<u64> = (1..=1500).collect();
        let mut whole = Intake::default();
        numbers.iter().for_each(|n| line(&mut whole, *n));
        assert!(whole.waiting.kept.len() < MAX_WAITING && whole.waiting.bytes <= MAX_WAITING_BYTES);
        assert_eq!(whole.waiting.count(), 1500);
        let mut rng = fastrand::Rng::with_seed(5);
        for cut in [1, 700, 1499] {
            rng.shuffle(&mut numbers);
            let (mut first, mut second) = (Intake::default(), Intake::default());
            numbers[..cut].iter().for_each(|n| line(&mut first, *n));
            numbers[cut..].iter().for_each(|n| line(&mut second, *n));
            second.merge(first);
            assert!(second == whole, "cut at {cut}");
        }
    }

    #[test]
    fn events_wait_until_their_time_and_too_many_are_read_again() {
        let horizon = Stamp::from_millis(1_795_418_000_000);
        let mut intake = Intake::default();
        let line = |intake: &mut Intake, number: u64| {
            intake.line(event(1_795_418_000 + number as i64).as_bytes(), number, &source(), horizon);
        };
        (0..=MAX_WAITING as u64).for_each(|n| line(&mut intake, n));
        assert_eq!((intake.fold.unknown(), intake.waiting.count()), (1, MAX_WAITING as u64));
        assert_eq!(intake.release(horizon.plus_millis(2000)), Some(2));
        assert_eq!((intake.fold.unknown(), intake.waiting.count()), (3, MAX_WAITING as u64 - 2));
        (2000..2003).for_each(|n| line(&mut intake, n));
        assert_eq!(intake.waiting.count(), MAX_WAITING as u64 + 1);
        assert_eq!(intake.waiting.nodes()["n"].millis(), 1_795_420_002_000);
        assert_eq!(intake.release(horizon.plus_millis(2000)), Some(0));
        assert_eq!(intake.release(horizon.plus_millis(3000)), Some(1), "the first ones are at hand");
        assert_eq!(intake.release(horizon.plus_millis(1_000_000)), Some(997));
        assert_eq!(intake.release(horizon.plus_millis(2_001_000)), Some(2));
        assert_eq!((intake.waiting.count(), intake.release(horizon.plus_millis(2_002_000))), (1, None));
    }
}
