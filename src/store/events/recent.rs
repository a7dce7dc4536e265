//! Reads the last days of the event log for who looks at them again and again: the first look reads them, each later
//! one only what is new. Remembers sizes and hashes, not content, and reads a bounded amount.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::browse::tell_document;
use super::dir::{Entry, Format, Identity, list_day};
use super::file::{self, MAX_DOCUMENT};
use super::lines::{Line, Lines};
use super::unpack;
use crate::flow::event::{Event, parse_bytes};
use crate::store::root::Root;

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The folders, the newest first.
    pub days: &'a [String],
    /// How many of them are still written to; of the others it is believed that their files do not grow.
    pub open: usize,
    /// Most bytes that are read, the newest first.
    pub most: u64,
}

/// How far the days were read.
#[derive(Debug, Default)]
pub struct Recent(BTreeMap<String, Day>);

#[derive(Debug, Default)]
struct Day {
    ctime: Option<i64>,
    /// How far files that may grow were read.
    growing: BTreeMap<String, (Identity, u64)>,
    /// The hashes of the names and identities of those that are written once.
    whole: HashSet<u64>,
}

/// Whoever hears of what is read.
struct Listener<'a> {
    /// Which lines are worth to be parsed.
    wanted: &'a dyn Fn(&[u8]) -> bool,
    each: &'a mut dyn FnMut(&Event<'_>),
    budget: u64,
    lines: Lines,
}

impl Recent {
    /// Returns about how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        let names = |day: &Day| day.growing.keys().map(|name| 64 + name.len()).sum::<usize>();
        self.0.values().map(|day| 128 + names(day) + 16 * day.whole.len()).sum()
    }

    /// Hands over the events that were not handed over before, in no order and some of them perhaps again. Returns
    /// whether there were more than may be read.
    pub fn read(
        &mut self,
        root: &Root,
        look: Look<'_>,
        wanted: &dyn Fn(&[u8]) -> bool,
        each: &mut dyn FnMut(&Event<'_>),
    ) -> bool {
        self.0.retain(|name, _| look.days.contains(name));
        let mut listener = Listener { wanted, each, budget: look.most, lines: Lines::default() };
        for (i, name) in look.days.iter().enumerate() {
            let dir = root.events().join(name);
            let Ok(metadata) = std::fs::metadata(&dir) else { continue };
            let ctime = Some(Identity::of(&metadata).ctime);
            let day = self.0.entry(name.clone()).or_default();
            let is_open = i < look.open;
            if !is_open && day.ctime == ctime {
                continue;
            }
            day.ctime = ctime;
            // What cannot be read is `observe`'s to tell.
            let Ok((files, _)) = list_day(&dir, name) else { continue };
            for entry in files {
                let opened = || file::open(rustix::fs::CWD, &dir.join(&entry.name));
                drop(day.read(&entry, opened, &mut listener));
            }
            if !is_open {
                (day.growing, day.whole) = Default::default();
            }
        }
        listener.budget == 0
    }
}

impl Day {
    fn read(
        &mut self,
        entry: &Entry,
        open: impl FnOnce() -> io::Result<(File, Identity)>,
        listener: &mut Listener<'_>,
    ) -> io::Result<()> {
        if entry.format != Format::Lines {
            if !self.whole.insert(entry.identity.digest(&entry.name)) {
                return Ok(());
            }
            let (file, _) = open()?;
            return match entry.format {
                Format::Gzip => listener.lines(unpack::gzip(file)).map(drop),
                Format::Zstd => listener.lines(unpack::zstd(file)).map(drop),
                Format::Document | Format::Lines => listener.document(file, entry.identity.size),
            };
        }
        let before = self.growing.get(&entry.name).filter(|(before, _)| before.ino == entry.identity.ino);
        if before.is_some_and(|(before, _)| *before == entry.identity) {
            return Ok(());
        }
        let (mut file, identity) = open()?;
        let before = before.map_or(0, |(_, offset)| *offset).min(identity.size);
        // The line in which this begins may be cut, and is then none.
        let start = before.max(identity.size.saturating_sub(listener.budget));
        file.seek(SeekFrom::Start(start))?;
        let read = listener.lines(file)?;
        self.growing.insert(entry.name.clone(), (identity, start + read));
        Ok(())
    }
}

impl Listener<'_> {
    /// Returns how many bytes of whole lines there were.
    fn lines(&mut self, input: impl Read) -> io::Result<u64> {
        let Self { wanted, each, budget, lines } = self;
        let mut input = input.take(*budget);
        let consumed = lines.each(&mut input, |_, line| {
            if let Line::Whole(line) = line
                && wanted(line)
                && let Ok(event) = parse_bytes(line)
            {
                each(&event);
            }
        });
        *budget = input.limit();
        Ok(consumed?.bytes)
    }

    fn document(&mut self, mut file: File, size: u64) -> io::Result<()> {
        let mut text = String::new();
        if size > MAX_DOCUMENT.min(self.budget) {
            return Ok(());
        }
        self.budget -= size;
        file.read_to_string(&mut text)?;
        if (self.wanted)(text.as_bytes()) {
            tell_document(&text, &mut |_, event| (self.each)(event));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn line(n: u32) -> String {
        format!(
            "{{\"ts\":\"2026-11-23T07:00:{n:02}Z\",\"node\":\"n\",\"type\":\"service_healthy\",\"service\":\"s{n}\"}}\n"
        )
    }

    fn look(recent: &mut Recent, root: &Root, most: u64) -> (Vec<String>, bool) {
        let days = ["2026-11-23", "2026-11-22"].map(str::to_owned);
        let look = Look { days: &days, open: 1, most };
        let mut heard = Vec::new();
        let cut = recent.read(root, look, &|line| !line.is_empty(), &mut |event| {
            heard.push(event.service.as_deref().unwrap_or_default().to_owned());
        });
        heard.sort();
        (heard, cut)
    }

    #[test]
    fn a_second_look_reads_what_came_since() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let at = |below: &str| root.events().join(below);
        for day in ["2026-11-22", "2026-11-23", "2026-11-21"] {
            fs::create_dir_all(at(day)).unwrap();
        }
        fs::write(at("2026-11-23/a.jsonl"), line(1) + &line(2)[..20]).unwrap();
        fs::write(at("2026-11-23/b.json"), format!("[{},{}]", line(3), line(4))).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all((line(5) + &line(6)).as_bytes()).unwrap();
        fs::write(at("2026-11-22/a.jsonl.gz"), gzip.finish().unwrap()).unwrap();
        fs::write(at("2026-11-21/a.jsonl"), line(7)).unwrap();
        let mut recent = Recent::default();
        assert_eq!(
            look(&mut recent, &root, 1 << 20),
            (["s1", "s3", "s4", "s5", "s6"].map(str::to_owned).into(), false)
        );
        assert_eq!(look(&mut recent, &root, 1 << 20), (Vec::new(), false));
        let mut file = fs::OpenOptions::new().append(true).open(at("2026-11-23/a.jsonl")).unwrap();
        file.write_all(&line(2).as_bytes()[20..]).unwrap();
        fs::write(at("2026-11-22/late.json"), line(8)).unwrap();
        let (heard, _) = look(&mut recent, &root, 1 << 20);
        assert!(heard.contains(&"s2".to_owned()) && heard.contains(&"s8".to_owned()), "{heard:?}");
        assert!(!heard.contains(&"s1".to_owned()), "{heard:?}");
    }

    #[test]
    fn of_too_much_the_newest_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        fs::create_dir_all(root.events().join("2026-11-23")).unwrap();
        let text: String = (10..60).map(line).collect();
        fs::write(root.events().join("2026-11-23/a.jsonl"), &text).unwrap();
        let (heard, cut) = look(&mut Recent::default(), &root, 3 * line(10).len() as u64);
        assert_eq!((heard, cut), (["s57", "s58", "s59"].map(str::to_owned).into(), true));
    }
}
