//! Reads one file of events into an intake, and says afterwards whether it is still the file that was read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::dir::Identity;
use super::lines::{Line, each_line};
use crate::flow::event::MAX_LINE;
use crate::flow::intake::{Intake, Source};
use crate::flow::time::Stamp;

/// Largest `.json` file that is read, in bytes.
const MAX_DOCUMENT: u64 = 16 << 20;
/// How much of a `.jsonl` file's head and of what was read last is remembered.
const PRINT: u64 = 4096;

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
}

/// Opens a regular file; a link that took its place is not followed, a pipe not waited for.
pub fn open(path: &Path) -> io::Result<(File, Identity)> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok((file, Identity::of(&metadata)))
}

/// Reads the whole lines that stand in the file's first `size` bytes behind `from`.
pub fn read_lines(
    file: &mut File,
    size: u64,
    from: Progress,
    into: &mut Intake,
    source: &Source,
    horizon: Stamp,
) -> io::Result<Progress> {
    file.seek(SeekFrom::Start(from.offset))?;
    // Up to the size that the identity names, so that what is written meanwhile shows as a change.
    let consumed = each_line(file.take(size.saturating_sub(from.offset)), |number, line| {
        let number = from.lines + number;
        match line {
            Line::Whole(line) => into.line(line, number, source, horizon),
            Line::Long => into.rejects.add(&source.file, Some(number), &too_long(MAX_LINE as u64)),
        }
    })?;
    let (offset, lines) = (from.offset + consumed.bytes, from.lines + consumed.lines);
    Ok(Progress { offset, lines, print: print(file, offset)? })
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
    let (mut hash, mut buffer) = (Xxh3::new(), [0; PRINT as usize]);
    for start in [0, offset.saturating_sub(PRINT)] {
        let part = &mut buffer[..PRINT.min(offset) as usize];
        file.read_exact_at(part, start)?;
        hash.update(part);
    }
    Ok(hash.digest())
}

/// Reads a `.json` file. Returns a hash of its content.
pub fn read_document(
    file: &mut File,
    size: u64,
    into: &mut Intake,
    source: &Source,
    horizon: Stamp,
) -> io::Result<u64> {
    match content(file, size)? {
        Some(bytes) => {
            into.document(&bytes, source, horizon);
            Ok(xxh3_64(&bytes))
        }
        None => {
            into.rejects.add(&source.file, None, &too_long(MAX_DOCUMENT));
            Ok(0)
        }
    }
}

/// Returns a hash of a `.json` file's content, as [`read_document`] does.
pub fn hash_document(file: &mut File, size: u64) -> io::Result<u64> {
    Ok(content(file, size)?.map_or(0, |bytes| xxh3_64(&bytes)))
}

fn content(file: &mut File, size: u64) -> io::Result<Option<Vec<u8>>> {
    if size > MAX_DOCUMENT {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(size).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn too_long(limit: u64) -> String {
    format!("longer than {} MiB", limit >> 20)
}
