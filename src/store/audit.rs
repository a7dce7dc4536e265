//! The audit log: one JSON line a transition, each carrying the hash of the line before, appended and synced under
//! `state/audit.lock`. Lines are never changed; a half-written last one is cut off, and a line says so.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use serde::{Deserialize, Serialize};

use super::atomic::{self, WriteError};
use super::lock::Lock;
use super::root::Root;
use crate::flow::action::{ActionId, Via};
use crate::flow::digest::sha256_hex;
use crate::flow::json;
use crate::flow::lifecycle::State;
use crate::flow::time::Stamp;

mod read;

pub use read::{Break, files, read, read_newest};

/// The hash before the first line.
pub const FIRST_PREV: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a line tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An action went from one state to another.
    Transition,
    /// It was asked to, and did not.
    Refused,
    /// A transition that an earlier line or history entry tells of was never committed.
    NotCommitted,
    /// The log itself was repaired.
    Repaired,
    /// Somebody logged in on the page.
    Login,
    /// Somebody tried to, or sent a token that is not known.
    LoginRefused,
    /// A token was made.
    TokenAdded,
    /// A token was revoked.
    TokenRevoked,
}

/// What happened, before it is numbered and chained.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Stamp,
    /// What the line tells of.
    pub event: Event,
    /// Of which action.
    pub action: Option<ActionIdText>,
    /// The state before.
    pub from: Option<State>,
    /// The state after, or the one that was asked for.
    pub to: Option<State>,
    /// Who.
    pub by: String,
    /// By which way.
    pub via: Via,
    /// From which address.
    pub peer: Option<String>,
    /// The digest of the plan.
    pub plan: Option<String>,
    /// What they said, or why.
    pub note: Option<String>,
}

/// An action's ID as the log holds it.
pub type ActionIdText = String;

/// A line of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
    /// Counts lines, from 1.
    pub seq: u64,
    /// The sha256 of the line before, without its newline.
    pub prev: String,
}

/// The content of `state/audit_head`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    seq: u64,
    sha256: String,
}

impl Entry {
    /// Makes an entry that is about no action.
    pub fn about(event: Event, at: Stamp, by: &str, via: Via) -> Self {
        Entry { at, event, action: None, from: None, to: None, by: by.into(), via, peer: None, plan: None, note: None }
    }

    /// Makes the entry of a transition of an action.
    pub fn of(event: Event, id: &ActionId, from: Option<State>, to: State, at: Stamp, by: &str, via: Via) -> Self {
        let action = Some(id.to_string());
        Entry { at, event, action, from, to: Some(to), by: by.into(), via, peer: None, plan: None, note: None }
    }
}

/// Appends an entry; it is on disk when this returns.
pub fn append(root: &Root, entry: Entry) -> Result<(), WriteError> {
    let _lock = Lock::take(root, "audit")?;
    let files = files(root).map_err(|e| WriteError::at(&root.audit(), "list", e))?;
    let month = root.audit().join(format!("{}.jsonl", entry.at.month()));
    let path = files.last().filter(|newest| **newest > month).cloned().unwrap_or(month);
    let is_new = !path.exists();
    root.make_dir(&root.audit())?;
    let fail = |doing| {
        let path = path.clone();
        move |e| WriteError::at(&path, doing, e)
    };
    let mut options = OpenOptions::new();
    // A link planted here must not lead the super-user's writes elsewhere.
    options.create(true).append(true).read(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    let mut file = options.open(&path).map_err(fail("open"))?;
    if is_new {
        root.give(&path)?;
    }
    let cut = cut_half_line(&mut file).map_err(fail("repair"))?;
    let mut last = last_line(&mut file, &files, &path).map_err(fail("read"))?;
    // A head that is further on means that lines were cut off the end, one of another hash that the last line was
    // changed: following the head, the new line does not follow from what stands there, and it stays to be seen.
    if let Some(head) = read_head(root).filter(|head| head.seq >= last.seq) {
        last = head;
    }
    let mut lines = String::new();
    if cut > 0 {
        let note = format!("a half-written last line of {cut} bytes was cut off");
        let repair = Entry {
            event: Event::Repaired,
            action: None,
            from: None,
            to: None,
            plan: None,
            note: Some(note),
            ..entry.clone()
        };
        last = chain(&mut lines, repair, last);
    }
    last = chain(&mut lines, entry, last);
    file.write_all(lines.as_bytes()).map_err(fail("append to"))?;
    file.sync_all().map_err(fail("sync"))?;
    if is_new {
        atomic::sync_dir(&root.audit())?;
    }
    write_head(root, &last)
}

/// Adds a line to the text and returns the head after it.
fn chain(text: &mut String, entry: Entry, before: Head) -> Head {
    let line = Line { entry, seq: before.seq + 1, prev: before.sha256 };
    let json = serde_json::to_string(&line).expect("an entry of strings serializes");
    let head = Head { seq: line.seq, sha256: sha256_hex(json.as_bytes()) };
    text.push_str(&json);
    text.push('\n');
    head
}

/// Cuts off what follows the last newline and returns how many bytes that were.
fn cut_half_line(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let keep = end_of_last_line(file, length)?;
    if keep < length {
        file.set_len(keep)?;
    }
    Ok(length - keep)
}

/// Returns the offset behind the last newline within the first `length` bytes.
fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    const BLOCK: u64 = 4096;
    let mut end = length;
    let mut block = vec![0; BLOCK as usize];
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let part = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|b| *b == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Returns the head that the last line makes: of this file, or where it is empty of the one before.
fn last_line(file: &mut File, files: &[PathBuf], path: &Path) -> io::Result<Head> {
    if let Some(head) = head_of(file)? {
        return Ok(head);
    }
    for older in files.iter().rev().filter(|f| f.as_path() != path) {
        if let Some(head) = head_of(&mut File::open(older)?)? {
            return Ok(head);
        }
    }
    Ok(Head { seq: 0, sha256: FIRST_PREV.into() })
}

fn head_of(file: &mut File) -> io::Result<Option<Head>> {
    let length = file.metadata()?.len();
    let end = end_of_last_line(file, length)?;
    if end == 0 {
        return Ok(None);
    }
    let start = end_of_last_line(file, end - 1)?;
    let mut line = vec![0; (end - 1 - start) as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut line)?;
    // A line that cannot be read still has a hash; its number is then the head file's to say.
    let seq = json::from_bytes::<Line>(&line).map_or(0, |l| l.seq);
    Ok(Some(Head { seq, sha256: sha256_hex(&line) }))
}

fn head_path(root: &Root) -> PathBuf {
    root.state("audit_head")
}

fn read_head(root: &Root) -> Option<Head> {
    json::from_bytes(&std::fs::read(head_path(root)).ok()?).ok()
}

/// Writes the head without syncing: it may lag by the lines of one crash, and the log itself is synced.
fn write_head(root: &Root, head: &Head) -> Result<(), WriteError> {
    let path = head_path(root);
    let json = serde_json::to_vec(head).expect("a number and a string serialize");
    atomic::replace_unsynced(&path, &json, root.owner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        root.make_dir(&root.state("")).unwrap();
        (dir, root)
    }

    fn entry(at: &str) -> Entry {
        let id = "redeploy-a-b".parse().unwrap();
        Entry::of(
            Event::Transition,
            &id,
            Some(State::Pending),
            State::Approved,
            Stamp::parse(at).unwrap(),
            "me",
            Via::Cli,
        )
    }

    fn filled() -> (tempfile::TempDir, Root, PathBuf) {
        let (dir, root) = root();
        for at in ["2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z", "2026-11-01T00:00:01Z", "2026-10-31T00:00:00Z"] {
            append(&root, entry(at)).unwrap();
        }
        let november = root.audit().join("2026-11.jsonl");
        (dir, root, november)
    }

    fn causes(root: &Root) -> Vec<String> {
        read(root).unwrap().1.into_iter().map(|b| b.cause).collect()
    }

    #[test]
    fn lines_are_chained_over_months_and_a_clock_set_back() {
        let (_dir, root, november) = filled();
        let (lines, breaks) = read(&root).unwrap();
        assert!(breaks.is_empty(), "{breaks:?}");
        assert_eq!(lines.iter().map(|l| l.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(lines[0].prev, FIRST_PREV);
        assert_eq!(std::fs::read_to_string(november).unwrap().lines().count(), 3, "the newest file goes on");
    }

    #[test]
    fn whatever_is_done_to_a_line_is_found() {
        let edit = |change: &dyn Fn(Vec<String>) -> Vec<String>| {
            let (_dir, root, path) = filled();
            let lines = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
            std::fs::write(&path, change(lines).iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
            causes(&root)
        };
        assert!(edit(&|lines| lines).is_empty());
        assert!(
            !edit(&|mut l| {
                l[0] = l[0].replace("\"me\"", "\"it\"");
                l
            })
            .is_empty(),
            "changed"
        );
        assert!(
            !edit(&|mut l| {
                l[2] = l[2].replace("\"me\"", "\"it\"");
                l
            })
            .is_empty(),
            "the last changed"
        );
        assert!(
            !edit(&|mut l| {
                l.remove(1);
                l
            })
            .is_empty(),
            "removed"
        );
        assert!(
            !edit(&|mut l| {
                l.swap(0, 1);
                l
            })
            .is_empty(),
            "reordered"
        );
        assert!(
            !edit(&|mut l| {
                l.pop();
                l
            })
            .is_empty(),
            "cut off the end"
        );
        assert!(!edit(&|_| vec![]).is_empty(), "emptied");
    }

    #[test]
    fn a_cut_end_stays_visible_after_the_next_line() {
        let (_dir, root, path) = filled();
        let text = std::fs::read_to_string(&path).unwrap();
        let kept: String = text.lines().take(1).map(|l| format!("{l}\n")).collect();
        std::fs::write(&path, kept).unwrap();
        append(&root, entry("2026-11-02T00:00:00Z")).unwrap();
        assert!(!causes(&root).is_empty());
    }

    #[test]
    fn a_half_line_is_cut_off_and_said_so() {
        let (_dir, root, path) = filled();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"at\":\"2026").unwrap();
        assert_eq!(causes(&root), ["a half-written last line"]);
        append(&root, entry("2026-11-02T00:00:00Z")).unwrap();
        let (lines, breaks) = read(&root).unwrap();
        assert!(breaks.is_empty(), "{breaks:?}");
        assert_eq!(lines[4].entry.event, Event::Repaired);
        assert!(lines[4].entry.note.as_ref().unwrap().contains("11 bytes"));
    }

    #[test]
    fn the_newest_lines_are_read_from_the_end_with_what_is_wrong_there() {
        let (_dir, root, november) = filled();
        let newest = |most: usize| -> (Vec<u64>, usize) {
            let (lines, breaks) = read_newest(&root, most).unwrap();
            (lines.into_iter().map(|line| line.seq).collect(), breaks.len())
        };
        assert_eq!([newest(9), newest(4), newest(2)], [(vec![1, 2, 3, 4], 0), (vec![1, 2, 3, 4], 0), (vec![3, 4], 0)]);
        let october = root.audit().join("2026-10.jsonl");
        let first = std::fs::read(&october).unwrap();
        std::fs::write(&october, "").unwrap();
        assert_eq!((newest(2), newest(3).1), ((vec![3, 4], 0), 1), "what is wrong further up is not looked at");
        std::fs::write(&october, &first).unwrap();
        let whole = std::fs::read_to_string(&november).unwrap();
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        for wrong in [lines[..2].concat(), whole.replacen("me", "it", 1), whole[..whole.len() - 1].to_owned()] {
            std::fs::write(&november, wrong).unwrap();
            assert_ne!(newest(3).1, 0);
        }
        // Longer than what is read of it, and with a head that lags by less.
        std::fs::write(&november, &whole).unwrap();
        let long = Entry { note: Some("x".repeat(1000)), ..entry("2026-11-02T00:00:00Z") };
        (0..400).for_each(|_| append(&root, long.clone()).unwrap());
        let (seen, breaks) = newest(300);
        assert!(seen.len() > 150 && seen.len() < 300 && seen.last() == Some(&404) && breaks == 0, "{seen:?} {breaks}");
        assert_eq!(newest(200).0, (205..=404).collect::<Vec<_>>());
    }

    #[test]
    fn a_head_that_lags_is_no_break() {
        let (_dir, root, _) = filled();
        let before = std::fs::read(head_path(&root)).unwrap();
        append(&root, entry("2026-11-02T00:00:00Z")).unwrap();
        std::fs::write(head_path(&root), before).unwrap();
        assert!(causes(&root).is_empty());
    }
}
