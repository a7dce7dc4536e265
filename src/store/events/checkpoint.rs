//! The observer's checkpoint: where reading stopped, and what came of it so far. Only a hint: whatever is wrong
//! with it means that everything is read again.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::day::{Day, Stale};
use super::file;
use crate::flow::fold::Fold;
use crate::flow::intake::{Rejects, Waiting};
use crate::flow::time::Stamp;
use crate::store::atomic::WriteError;
use crate::store::root::Root;

const NAME: &str = "observer_checkpoint.json";
const SCHEMA: &str = "hlctl.checkpoint/v2";
/// The file is one JSON object whose parts stand on lines of their own, so that the fold, which is most of it,
/// need not be looked at by a pass that finds nothing new.
const FOLD: &str = ",\n\"fold\":";
const END: &str = "}\n";

/// What a pass leaves for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// When the files of all days were last looked at.
    pub looked_at: Stamp,
    /// Whether something could not be remembered, so that the next pass has to read everything again.
    pub incomplete: bool,
    /// What was read, by day.
    pub days: BTreeMap<String, Day>,
    /// The events from the future.
    pub waiting: Waiting,
    /// What was set aside.
    pub rejects: Rejects,
    /// What the fold says, in short.
    pub tally: Tally,
    /// The fold.
    #[serde(skip)]
    pub fold: Held,
}

/// A fold in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The newest event folded.
    pub as_of: Option<Stamp>,
    /// How many events were of an unknown type.
    pub unknown: u64,
    /// How many services it shows.
    pub services: usize,
    /// How many nodes it shows.
    pub nodes: usize,
    /// Hashes of `services.json` and `nodes.json` as it gives them.
    pub world: [u64; 2],
}

/// A fold, read only when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// As it stands in the file.
    Text(String),
    /// As a value.
    Value(Box<Fold>),
}

impl Default for Held {
    fn default() -> Self {
        Self::Value(Box::default())
    }
}

impl Held {
    /// Returns the fold.
    pub fn into_value(self) -> Result<Fold, Stale> {
        match self {
            Self::Text(text) => serde_json::from_str(&text).map_err(|_| stale("is damaged")),
            Self::Value(fold) => Ok(*fold),
        }
    }

    fn json(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Value(fold) => serde_json::to_string(fold).expect("a value of strings and numbers serializes"),
        }
    }
}

/// Reads the checkpoint, or says why there is none to trust.
pub fn load(root: &Root) -> Result<Checkpoint, Stale> {
    let mut bytes = Vec::new();
    // A pipe in its place is not waited for.
    file::open(rustix::fs::CWD, &root.state(NAME)).and_then(|(mut file, _)| file.read_to_end(&mut bytes)).map_err(
        |e| match e.kind() {
            std::io::ErrorKind::NotFound => stale("is missing"),
            _ => stale(&format!("cannot be read: {e}")),
        },
    )?;
    parse(&bytes)
}

/// Reads a checkpoint from the bytes of its file.
pub fn parse(bytes: &[u8]) -> Result<Checkpoint, Stale> {
    let text = std::str::from_utf8(bytes).map_err(|_| stale("is damaged"))?;
    let Some(sealed) = text.strip_prefix(&format!("{{\"schema\":\"{SCHEMA}\",\"checksum\":\"")) else {
        return Err(stale(if text.contains("\"hlctl.checkpoint/") { "is of another version" } else { "is damaged" }));
    };
    let parts = sealed.split_once("\",\"index\":").filter(|(sum, body)| *sum == checksum(body));
    let body = parts.ok_or_else(|| stale("is damaged"))?.1;
    let parts = body.strip_suffix(END).and_then(|body| body.split_once(FOLD));
    let (index, fold) = parts.ok_or_else(|| stale("is damaged"))?;
    let mut checkpoint: Checkpoint = serde_json::from_str(index).map_err(|_| stale("is damaged"))?;
    checkpoint.fold = Held::Text(fold.to_owned());
    if checkpoint.incomplete { Err(stale("is incomplete")) } else { Ok(checkpoint) }
}

/// Writes the checkpoint.
pub fn save(root: &Root, checkpoint: &Checkpoint) -> Result<bool, WriteError> {
    root.write(&root.state(NAME), text(checkpoint).as_bytes())
}

fn text(checkpoint: &Checkpoint) -> String {
    let index = serde_json::to_string(checkpoint).expect("a value of strings and numbers serializes");
    sealed(&(index + FOLD + &checkpoint.fold.json() + END))
}

fn sealed(body: &str) -> String {
    format!("{{\"schema\":\"{SCHEMA}\",\"checksum\":\"{}\",\"index\":{body}", checksum(body))
}

/// The way in for the fuzzer, which is the only one outside of this room to look at a checkpoint. No build of the
/// program has it.
#[cfg(any(test, fuzzing))]
pub mod inspect {
    use super::*;

    /// Returns the file with this body behind its checksum, which no fuzzer would ever hit upon.
    pub fn seal(body: &str) -> String {
        sealed(body)
    }

    /// Returns the file as it is written when every part of it was read, or nothing where it is not believed.
    pub fn rewrite(bytes: &[u8]) -> Option<String> {
        let mut checkpoint = parse(bytes).ok()?;
        checkpoint.fold = Held::Value(Box::new(checkpoint.fold.into_value().ok()?));
        Some(text(&checkpoint))
    }
}

fn stale(why: &str) -> Stale {
    Stale(format!("the checkpoint {why}"))
}

fn checksum(body: &str) -> String {
    format!("xxh3:{:016x}", xxh3_64(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        let mut intake = crate::flow::intake::Intake::default();
        let source = crate::flow::intake::Source { path: "p".into(), packing: "" };
        let event = br#"{"ts":1795418000,"node":"n","type":"service_unhealthy","service":"s","details":[1.50]}"#;
        intake.line(event, 1, &source, Stamp::END);
        intake.line(event, 2, &source, Stamp::EARLIEST);
        intake.line(b"x", 3, &source, Stamp::END);
        let day = Day { settled_before: i64::MIN, ctime: -1, ..Day::default() };
        Checkpoint {
            looked_at: Stamp::EARLIEST,
            incomplete: false,
            days: [("2026-11-23".into(), day)].into(),
            waiting: intake.waiting,
            rejects: intake.rejects,
            tally: Tally { as_of: Some(Stamp::END), unknown: 1, services: 2, nodes: 3, world: [u64::MAX, 0] },
            fold: Held::Value(Box::new(intake.fold)),
        }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        assert_eq!(load(&root).unwrap_err().0, "the checkpoint is missing");
        assert!(save(&root, &sample()).unwrap());
        let loaded = load(&root).unwrap();
        assert!(!save(&root, &loaded).unwrap(), "also before its fold was read");
        let fold = Held::Value(Box::new(loaded.fold.clone().into_value().unwrap()));
        assert_eq!(Checkpoint { fold, ..loaded }, sample());
        let text = std::fs::read_to_string(root.state(NAME)).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["fold"]["nodes"]["n"].is_object());
    }

    #[test]
    fn what_is_believed_is_written_again_as_it_was() {
        let file = text(&sample());
        assert_eq!(inspect::rewrite(file.as_bytes()).as_deref(), Some(file.as_str()));
        let body = file.split_once("\"index\":").unwrap().1;
        assert_eq!(inspect::seal(body), file);
        assert_eq!(inspect::rewrite(inspect::seal("{},\n\"fold\":{}}\n").as_bytes()), None);
    }

    #[test]
    fn no_changed_byte_is_believed() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        save(&root, &sample()).unwrap();
        let path = root.state(NAME);
        let bytes = std::fs::read(&path).unwrap();
        for i in 0..bytes.len() - 1 {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            assert!(load(&root).is_err(), "byte {i}");
            std::fs::write(&path, &bytes[..i]).unwrap();
            assert!(load(&root).is_err(), "cut at {i}");
        }
        std::fs::write(&path, String::from_utf8(bytes).unwrap().replace("/v2", "/v3")).unwrap();
        assert_eq!(load(&root).unwrap_err().0, "the checkpoint is of another version");
    }
}
