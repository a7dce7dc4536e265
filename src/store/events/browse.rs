//! Goes through the event log for a reader: all of it once, then what is added. Remembers sizes, not content.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use serde_json::value::RawValue;

use super::ReadError;
use super::dir::{Entry, Format, Identity, list_day, list_days, sort};
use super::file::{self, MAX_DOCUMENT};
use super::lines::{Line, Lines};
use super::unpack;
use crate::flow::event::{Event, JSON_SPACE, parse, parse_bytes};
use crate::flow::time::Stamp;
use crate::store::root::Root;

/// A file younger than its events, by so much: a node's clock may run ahead.
const CLOCK_NS: i64 = 24 * 3600 * 1_000_000_000;

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At<'a> {
    /// Its file below `events/`, without `.gz` or `.zst`.
    pub file: &'a str,
    /// Its line, or its place in the array.
    pub index: u64,
}

/// A reader of the event log who remembers how far it came.
#[derive(Debug)]
pub struct Browser<'a> {
    root: &'a Root,
    /// Files that last changed before this have nothing to tell. By `ctime`: an `mtime` may be any.
    since_ns: i64,
    days: BTreeMap<String, DaySeen>,
    lines: Lines,
}

#[derive(Debug, Default)]
struct DaySeen {
    ctime: i64,
    files: BTreeMap<String, Seen>,
}

/// How far a file was read.
#[derive(Debug, Clone, Copy)]
struct Seen {
    identity: Identity,
    offset: u64,
    lines: u64,
}

impl<'a> Browser<'a> {
    /// Makes a reader of the events since a time; of all, without one.
    pub fn new(root: &'a Root, since: Option<Stamp>) -> Self {
        let since_ns = since.map_or(i64::MIN, |t| t.millis().saturating_mul(1_000_000).saturating_sub(CLOCK_NS));
        Self { root, since_ns, days: BTreeMap::new(), lines: Lines::default() }
    }

    /// Hands over each event that was not handed over before; `pause` is called after the files of each day. Days
    /// before `recent` are only looked at when their folder changed.
    pub fn read(
        &mut self,
        recent: &str,
        mut each: impl FnMut(At<'_>, &Event<'_>),
        mut pause: impl FnMut() -> io::Result<()>,
    ) -> Result<(), ReadError> {
        let events = self.root.events();
        let days = list_days(&events).map_err(|e| ReadError::at(&events, "list the folder", e))?;
        for day in days.unwrap_or_default().into_iter().filter(|day| day.obstacle.is_none()) {
            let seen = self.days.entry(day.name.clone()).or_default();
            if seen.ctime == day.ctime && day.name.as_str() < recent {
                continue;
            }
            seen.ctime = day.ctime;
            let dir = events.join(&day.name);
            // What cannot be read is `observe`'s to tell.
            let Ok((mut files, _)) = list_day(&dir, &day.name) else { continue };
            sort(&mut files);
            for entry in files.into_iter().filter(|entry| entry.identity.ctime >= self.since_ns) {
                let before = seen.files.get(&entry.name).copied().filter(|s| s.identity.ino == entry.identity.ino);
                if before.is_some_and(|before| before.identity == entry.identity) {
                    continue;
                }
                let file = format!("{}/{}", day.name, entry.plain());
                let opened = file::open(rustix::fs::CWD, &dir.join(&entry.name));
                let told = opened.and_then(|(open, identity)| {
                    let mut each = |index, event: &Event<'_>| each(At { file: &file, index }, event);
                    tell(open, &entry, identity, before, &mut self.lines, &mut each)
                });
                if let Ok(now) = told {
                    seen.files.insert(entry.name, now);
                }
            }
            pause().map_err(|e| ReadError::at(&events, "tell of", e))?;
        }
        Ok(())
    }
}

fn tell(
    mut file: File,
    entry: &Entry,
    identity: Identity,
    before: Option<Seen>,
    lines: &mut Lines,
    each: &mut dyn FnMut(u64, &Event<'_>),
) -> io::Result<Seen> {
    let mut seen = Seen { identity, offset: 0, lines: 0 };
    match entry.format {
        Format::Lines => {
            if let Some(before) = before.filter(|before| before.offset <= identity.size) {
                (seen.offset, seen.lines) = (before.offset, before.lines);
            }
            file.seek(SeekFrom::Start(seen.offset))?;
            let consumed = lines.each(file, |number, line| tell_line(seen.lines + number, line, each))?;
            seen.offset += consumed.bytes;
            seen.lines += consumed.lines;
        }
        // A packed file that grew is a new one; a damaged one is told as far as it can be read.
        Format::Gzip => drop(lines.each(unpack::gzip(file), |number, line| tell_line(number, line, each))),
        Format::Zstd => drop(lines.each(unpack::zstd(file), |number, line| tell_line(number, line, each))),
        Format::Document => {
            let mut text = String::new();
            if identity.size <= MAX_DOCUMENT && file.read_to_string(&mut text).is_ok() {
                tell_document(&text, each);
            }
        }
    }
    Ok(seen)
}

fn tell_line(number: u64, line: Line<'_>, each: &mut dyn FnMut(u64, &Event<'_>)) {
    if let Line::Whole(line) = line
        && let Ok(event) = parse_bytes(line)
    {
        each(number, &event);
    }
}

/// Hands over the events of a `.json` file.
pub(super) fn tell_document(text: &str, each: &mut dyn FnMut(u64, &Event<'_>)) {
    if !text.trim_start_matches(JSON_SPACE).starts_with('[') {
        return parse(text).iter().for_each(|event| each(0, event));
    }
    for (index, element) in serde_json::from_str::<Vec<&RawValue>>(text).unwrap_or_default().iter().enumerate() {
        parse(element.get()).iter().for_each(|event| each(index as u64, event));
    }
}
