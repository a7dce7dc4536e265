//! The whole log read back, and where it is not what was written.

use std::io;
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

/// Reads the whole log. Returns its lines, those that can be read, and where the chain is broken.
pub fn read(root: &Root) -> io::Result<(Vec<Line>, Vec<Break>)> {
    let (mut lines, mut breaks) = (Vec::new(), Vec::new());
    let mut expected = Head { seq: 0, sha256: FIRST_PREV.into() };
    let stored = read_head(root);
    let mut stored_seen = stored.as_ref().is_none_or(|h| h.seq == 0);
    let mut last_file = root.audit();
    for path in files(root)? {
        let bytes = std::fs::read(&path)?;
        let mut rest = bytes.as_slice();
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let broken = |cause: String| Break { file: path.clone(), line: number, cause };
            let Some(end) = rest.iter().position(|b| *b == b'\n') else {
                breaks.push(broken("a half-written last line".into()));
                break;
            };
            let (raw, tail) = (&rest[..end], &rest[end + 1..]);
            rest = tail;
            let hash = sha256_hex(raw);
            match json::from_bytes::<Line>(raw) {
                Err(e) => {
                    breaks.push(broken(format!("cannot be read: {e}")));
                    expected = Head { seq: expected.seq + 1, sha256: hash };
                }
                Ok(line) => {
                    if line.seq != expected.seq + 1 {
                        breaks.push(broken(format!(
                            "has the number {}, not {}: lines were removed or reordered",
                            line.seq,
                            expected.seq + 1
                        )));
                    } else if line.prev != expected.sha256 {
                        breaks.push(broken(
                            "does not follow from the line before: that one or this one was changed".into(),
                        ));
                    }
                    if let Some(head) = stored.as_ref().filter(|h| h.seq == line.seq) {
                        stored_seen = true;
                        if head.sha256 != hash {
                            breaks.push(broken("is not the line that was written with this number".into()));
                        }
                    }
                    expected = Head { seq: line.seq, sha256: hash };
                    lines.push(line);
                }
            }
        }
        last_file = path;
    }
    let at_end = |cause: String| Break { file: last_file.clone(), line: 0, cause };
    match &stored {
        Some(head) if !stored_seen => {
            breaks.push(at_end(format!("line {} was written last and is not there: the end was cut off", head.seq)));
        }
        // A crash before the first head was written leaves at most a repair and a line.
        None if lines.len() > 2 || head_path(root).exists() => {
            breaks.push(at_end(
                "state/audit_head is missing or unreadable: whether the end was cut off cannot be told".into(),
            ));
        }
        _ => {}
    }
    Ok((lines, breaks))
}
