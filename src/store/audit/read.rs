//! The log read back, all of it or its end, and where it is not what was written.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use serde::Serialize;

use super::{FIRST_PREV, Head, Line, head_path, read_head};
use crate::flow::digest::sha256_hex;
use crate::flow::{json, sort};
use crate::store::root::Root;

/// Returns the log's files, oldest first.
pub fn files(root: &Root) -> io::Result<Vec<PathBuf>> {
    let list = match std::fs::read_dir(root.audit()) {
        Ok(list) => list,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut files = Vec::new();
    for entry in list {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Only a month's own file: a copy beside it is nobody's log.
        let month = name
            .strip_suffix(".jsonl")
            .is_some_and(|m| chrono::NaiveDate::parse_from_str(&format!("{m}-01"), "%Y-%m-%d").is_ok() && m.len() == 7);
        if month {
            files.push(path);
        }
    }
    sort::by(&mut files, Ord::cmp);
    Ok(files)
}

/// A place where the log is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    /// The file.
    #[serde(serialize_with = "crate::flow::json::path")]
    pub file: PathBuf,
    /// The line, from 1; 0 for the end of the log.
    pub line: usize,
    /// What is wrong there.
    pub cause: String,
}

/// Most bytes of the log that are read for its newest lines.
const TAIL: u64 = 256 << 10;

/// Reads the whole log. Returns its lines, those that can be read, and where the chain is broken.
pub fn read(root: &Root) -> io::Result<(Vec<Line>, Vec<Break>)> {
    let mut chain = Chain::of(root);
    for path in files(root)? {
        let bytes = std::fs::read(&path)?;
        chain.follow(path, &bytes, Some(0));
    }
    Ok(chain.end(root))
}

/// Reads the newest lines, at most so many: what that costs does not grow with the age of the log. Returns them, and
/// where the chain is broken in the end of the log that was read; the number of a line in its file is not known.
pub fn read_newest(root: &Root, most: usize) -> io::Result<(Vec<Line>, Vec<Break>)> {
    // What was written last is read first: what is appended meanwhile is behind it.
    let mut chain = Chain::of(root);
    let (mut parts, mut count, mut room) = (Vec::new(), 0, TAIL);
    for path in files(root)?.into_iter().rev() {
        // One more than is wanted: from it the first of them follows.
        if room == 0 || count > most {
            chain.expected = None;
            break;
        }
        let mut file = File::open(&path)?;
        let length = file.metadata()?.len();
        let begin = length.saturating_sub(room);
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.take(length - begin).read_to_end(&mut bytes)?;
        room -= length - begin;
        if begin > 0 {
            // Nobody knows where the first line of these began.
            chain.expected = None;
            let cut = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |end| end + 1);
            bytes.drain(..cut);
        }
        count += bytes.iter().filter(|b| **b == b'\n').count();
        parts.push((path, bytes));
    }
    for (path, bytes) in parts.into_iter().rev() {
        chain.follow(path, &bytes, None);
    }
    let (mut lines, breaks) = chain.end(root);
    lines.drain(..lines.len().saturating_sub(most));
    Ok((lines, breaks))
}

/// The chain as far as it was followed.
struct Chain {
    /// What was written last.
    stored: Option<Head>,
    stored_seen: bool,
    /// What the next line follows from; nothing where the log is read from somewhere in it.
    expected: Option<Head>,
    lines: Vec<Line>,
    breaks: Vec<Break>,
    last_file: PathBuf,
}

impl Chain {
    /// Begins it at the first line.
    fn of(root: &Root) -> Self {
        let stored = read_head(root);
        let stored_seen = stored.as_ref().is_none_or(|h| h.seq == 0);
        let expected = Some(Head { seq: 0, sha256: FIRST_PREV.into() });
        Self { stored, stored_seen, expected, lines: Vec::new(), breaks: Vec::new(), last_file: root.audit() }
    }

    /// Follows the chain through lines of a file, behind so many others of it where that is known.
    fn follow(&mut self, path: PathBuf, bytes: &[u8], before: Option<usize>) {
        let mut rest = bytes;
        let mut number = before;
        while !rest.is_empty() {
            number = number.map(|number| number + 1);
            let broken = |cause: String| Break { file: path.clone(), line: number.unwrap_or_default(), cause };
            let Some(end) = rest.iter().position(|b| *b == b'\n') else {
                self.breaks.push(broken("a half-written last line".into()));
                break;
            };
            let (raw, tail) = (&rest[..end], &rest[end + 1..]);
            rest = tail;
            let hash = sha256_hex(raw);
            match json::from_bytes::<Line>(raw) {
                Err(e) => {
                    self.breaks.push(broken(format!("cannot be read: {e}")));
                    self.expected = self.expected.take().map(|head| Head { seq: head.seq + 1, sha256: hash });
                }
                Ok(line) => {
                    match &self.expected {
                        Some(head) if line.seq != head.seq + 1 => self.breaks.push(broken(format!(
                            "has the number {}, not {}: lines were removed or reordered",
                            line.seq,
                            head.seq + 1
                        ))),
                        Some(head) if line.prev != head.sha256 => self.breaks.push(broken(
                            "does not follow from the line before: that one or this one was changed".into(),
                        )),
                        _ => {}
                    }
                    if let Some(head) = self.stored.as_ref().filter(|h| h.seq == line.seq) {
                        self.stored_seen = true;
                        if head.sha256 != hash {
                            self.breaks.push(broken("is not the line that was written with this number".into()));
                        }
                    }
                    self.expected = Some(Head { seq: line.seq, sha256: hash });
                    self.lines.push(line);
                }
            }
        }
        self.last_file = path;
    }

    /// Returns what was found, with whether the end is what was written last.
    fn end(self, root: &Root) -> (Vec<Line>, Vec<Break>) {
        let Chain { stored, stored_seen, lines, mut breaks, last_file, .. } = self;
        let at_end = |cause: String| Break { file: last_file.clone(), line: 0, cause };
        // A head that lags is that of a line before the first that was read.
        let first = lines.first().map_or(0, |line| line.seq);
        match &stored {
            Some(head) if !stored_seen && head.seq >= first => {
                let cause = format!("line {} was written last and is not there: the end was cut off", head.seq);
                breaks.push(at_end(cause));
            }
            // A crash before the first head was written leaves at most a repair and a line.
            None if lines.len() > 2 || head_path(root).exists() => {
                breaks.push(at_end(
                    "state/audit_head is missing or unreadable: whether the end was cut off cannot be told".into(),
                ));
            }
            _ => {}
        }
        (lines, breaks)
    }
}
