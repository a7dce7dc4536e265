//! Reads one file of events after the other into an intake, and says afterwards whether a file is still the one
//! that was read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::dir::{Format, Identity};
use super::lines::{Line, Lines};
use super::meter::Meter;
use super::unpack;
use crate::flow::event::MAX_LINE;
use crate::flow::intake::{Intake, Source};
use crate::flow::time::Stamp;

/// What a `.json` file of one event is shorter than, as a rule, in bytes.
const SHORT_DOCUMENT: usize = 16 * 1024;
/// Largest `.json` file that is read, in bytes.
pub const MAX_DOCUMENT: u64 = 16 << 20;
/// How much of a `.jsonl` file's head and of what was read last is remembered, in bytes: of a file of twice this size, all.
/// Behind that, only what is written over in place with as many bytes, between two passes that see the file grow, passes
/// unseen.
const PRINT: u64 = 64 * 1024;

/// How far a `.jsonl` file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The bytes up to the last newline.
    pub offset: u64,
    /// The newlines up to there.
    pub lines: u64,
    /// A hash of the first and the last bytes before the offset.
    pub print: u64,
}

impl Progress {
    /// Nothing was read.
    pub const START: Progress = Progress { offset: 0, lines: 0, print: 0 };

    /// Takes the print of what was read of a file.
    pub fn printed(self, file: &File) -> io::Result<Self> {
        Ok(Self { print: print(file, self.offset)?, ..self })
    }
}

/// Opens a regular file in a folder; a link that took its place is not followed, a pipe not waited for.
pub fn open(dir: impl AsFd, path: &Path) -> io::Result<(File, Identity)> {
    let file = open_unseen(dir, path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok((file, Identity::of(&metadata)))
}

/// Opens what stands in a file's place, without asking what it is.
pub fn open_unseen(dir: impl AsFd, path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(dir, path, flags, Mode::empty())?))
}

/// Reads files, one after the other in the same memory.
#[derive(Debug)]
pub struct Reader<'a> {
    /// What came of them.
    pub intake: Intake,
    lines: Lines,
    bytes: Vec<u8>,
    horizon: Stamp,
    meter: &'a Meter,
}

impl<'a> Reader<'a> {
    /// Makes a reader that adds to an intake what counts at `horizon`.
    pub fn new(intake: Intake, horizon: Stamp, meter: &'a Meter) -> Self {
        Self { intake, lines: Lines::default(), bytes: Vec::new(), horizon, meter }
    }

    /// Reads the whole lines that stand in the file's first `size` bytes behind `from`. Returns how far they reach, still
    /// with the print of `from`.
    pub fn lines(&mut self, file: &mut File, size: u64, from: Progress, source: &Source) -> io::Result<Progress> {
        file.seek(SeekFrom::Start(from.offset))?;
        // Up to the size that the identity names, so that what is written meanwhile shows as a change.
        let input = Metered { input: (&mut *file).take(size.saturating_sub(from.offset)), meter: self.meter };
        let (into, horizon) = (&mut self.intake, self.horizon);
        let consumed = self.lines.each(input, |number, line| take_in(into, from.lines + number, line, source, horizon));
        let consumed = consumed?;
        self.meter.add_events(consumed.lines);
        Ok(Progress { offset: from.offset + consumed.bytes, lines: from.lines + consumed.lines, ..from })
    }

    /// Reads the lines of a compressed file. Returns a hash of its bytes.
    pub fn packed(&mut self, file: &mut File, size: u64, format: Format, source: &Source) -> io::Result<u64> {
        let mut failed = None;
        let mut input = Hashed {
            input: Metered { input: (&mut *file).take(size), meter: self.meter },
            hash: Xxh3::new(),
            failed: &mut failed,
        };
        let (into, horizon) = (&mut self.intake, self.horizon);
        let each = |number, line: Line<'_>| take_in(into, number, line, source, horizon);
        let read = match format {
            Format::Zstd => self.lines.each(unpack::zstd(&mut input), each),
            _ => self.lines.each(unpack::gzip(&mut input), each),
        };
        // To the end, so that the hash is that of all of it also where it is damaged.
        let rest = io::copy(&mut input, &mut io::sink());
        let hash = input.hash.digest();
        if let Some(error) = failed {
            return Err(error);
        }
        rest?;
        self.meter.add_events(self.lines.count());
        if let Err(damage) = read {
            // What stands before the damage counts, as the lines before a torn one do.
            let cause = format!("damaged from here on: {damage}");
            self.intake.rejects.add(&source.file(), Some(self.lines.count() + 1), &cause);
        }
        Ok(hash)
    }

    /// Reads a `.json` file by one call. Returns false where that may not be all of it, and then nothing was taken in.
    pub fn short_document(&mut self, file: &mut File, source: &Source) -> io::Result<bool> {
        if self.bytes.len() < SHORT_DOCUMENT {
            self.bytes.resize(SHORT_DOCUMENT, 0);
        }
        let read = file.read(&mut self.bytes[..SHORT_DOCUMENT])?;
        let text = &self.bytes[..read];
        // A regular file gives less than it was asked for only at its end, or where the disk failed: then the end of what it
        // gives is hardly that of an event.
        if read == SHORT_DOCUMENT || !matches!(text.trim_ascii_end(), [b'{', .., b'}']) {
            return Ok(false);
        }
        self.meter.add_bytes(read as u64);
        self.meter.add_events(1);
        self.intake.document(text, source, self.horizon);
        Ok(true)
    }

    /// Reads a `.json` file. Returns a hash of its content.
    pub fn document(&mut self, file: &mut File, size: u64, source: &Source) -> io::Result<u64> {
        if size > MAX_DOCUMENT {
            self.intake.rejects.add(&source.file(), None, &too_long(MAX_DOCUMENT));
            return hash(file, size);
        }
        self.bytes.clear();
        self.bytes.reserve(size as usize);
        file.take(size).read_to_end(&mut self.bytes)?;
        self.meter.add_bytes(self.bytes.len() as u64);
        self.meter.add_events(1);
        self.intake.document(&self.bytes, source, self.horizon);
        Ok(xxh3_64(&self.bytes))
    }
}

fn take_in(into: &mut Intake, number: u64, line: Line<'_>, source: &Source, horizon: Stamp) {
    match line {
        Line::Whole(line) => into.line(line, number, source, horizon),
        Line::Long => into.rejects.add(&source.file(), Some(number), &too_long(MAX_LINE as u64)),
    }
}

/// Returns whether the file still holds what was read of it, as far as its head and the last bytes tell.
pub fn is_intact(file: &File, progress: Progress) -> io::Result<bool> {
    match print(file, progress.offset) {
        Ok(print) => Ok(print == progress.print),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

fn print(file: &File, offset: u64) -> io::Result<u64> {
    let (mut hash, mut buffer) = (Xxh3::new(), vec![0; PRINT.min(offset) as usize]);
    let tail = offset.saturating_sub(PRINT).max(buffer.len() as u64);
    for (start, end) in [(0, buffer.len() as u64), (tail, offset)] {
        let part = &mut buffer[..(end - start) as usize];
        file.read_exact_at(part, start)?;
        hash.update(part);
    }
    Ok(hash.digest())
}

/// Returns a hash of a file's content, as reading it whole gives it.
pub fn hash(file: &mut File, size: u64) -> io::Result<u64> {
    let (mut hash, mut buffer) = (Xxh3::new(), vec![0; 64 * 1024]);
    let mut input = file.take(size);
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(hash.digest()),
            Ok(read) => hash.update(&buffer[..read]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn too_long(limit: u64) -> String {
    format!("longer than {} MiB", limit >> 20)
}

/// A stream whose bytes are counted for the progress bar.
struct Metered<'a, R> {
    input: R,
    meter: &'a Meter,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer).inspect(|read| self.meter.add_bytes(*read as u64))
    }
}

/// A stream that remembers a hash of what was read, and whether the system, not the content, failed.
struct Hashed<'a, R> {
    input: R,
    hash: Xxh3,
    failed: &'a mut Option<io::Error>,
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Ok(read) => {
                self.hash.update(&buffer[..read]);
                Ok(read)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                let told = io::Error::new(e.kind(), e.to_string());
                *self.failed = Some(e);
                Err(told)
            }
        }
    }
}
