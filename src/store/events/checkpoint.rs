//! The observer's checkpoint: where reading stopped, and what came of it so far. Only a hint: whatever is wrong
//! with it means that everything is read again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use super::day::{Day, Stale};
use crate::flow::intake::Intake;
use crate::flow::time::Stamp;
use crate::store::atomic::WriteError;
use crate::store::root::Root;

const NAME: &str = "observer_checkpoint.json";
const SCHEMA: &str = "hlctl.checkpoint/v1";

/// What a pass leaves for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// When the files of all days were last looked at.
    pub looked_at: Stamp,
    /// Whether something could not be remembered, so that the next pass has to read everything again.
    pub incomplete: bool,
    /// What was read, by day.
    pub days: BTreeMap<String, Day>,
    /// What came of it.
    pub intake: Intake,
}

#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    schema: String,
    checksum: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Reads the checkpoint, or says why there is none to trust.
pub fn load(root: &Root) -> Result<Checkpoint, Stale> {
    let stale = |why: &str| Stale(format!("the checkpoint {why}"));
    let bytes = std::fs::read(root.state(NAME)).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => stale("is missing"),
        _ => stale(&format!("cannot be read: {e}")),
    })?;
    let sealed: Sealed<'_> = serde_json::from_slice(&bytes).map_err(|_| stale("is damaged"))?;
    if sealed.schema != SCHEMA {
        return Err(stale("is of another version"));
    }
    if sealed.checksum != checksum(sealed.body.get()) {
        return Err(stale("is damaged"));
    }
    let checkpoint: Checkpoint = serde_json::from_str(sealed.body.get()).map_err(|_| stale("is damaged"))?;
    if checkpoint.incomplete { Err(stale("is incomplete")) } else { Ok(checkpoint) }
}

/// Writes the checkpoint.
pub fn save(root: &Root, checkpoint: &Checkpoint) -> Result<bool, WriteError> {
    let body = serde_json::to_string(checkpoint).expect("a value of strings and numbers serializes");
    let text = format!("{{\"schema\":\"{SCHEMA}\",\"checksum\":\"{}\",\"body\":{body}}}\n", checksum(&body));
    root.write(&root.state(NAME), text.as_bytes())
}

fn checksum(body: &str) -> String {
    format!("xxh3:{:016x}", xxh3_64(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        let mut intake = Intake::default();
        let source = crate::flow::intake::Source { file: "f".into(), path: "p".into() };
        let event = br#"{"ts":1795418000,"node":"n","type":"service_unhealthy","service":"s","details":[1.50]}"#;
        intake.line(event, 1, &source, Stamp::END);
        intake.line(event, 2, &source, Stamp::EARLIEST);
        intake.line(b"x", 3, &source, Stamp::END);
        let day = Day { settled_before: i64::MIN, mtime: -1, ..Day::default() };
        Checkpoint { looked_at: Stamp::EARLIEST, incomplete: false, days: [("2026-11-23".into(), day)].into(), intake }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        assert_eq!(load(&root).unwrap_err().0, "the checkpoint is missing");
        assert!(save(&root, &sample()).unwrap());
        assert_eq!(load(&root).unwrap(), sample());
        assert!(!save(&root, &sample()).unwrap());
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
        std::fs::write(&path, String::from_utf8(bytes).unwrap().replace("/v1", "/v2")).unwrap();
        assert_eq!(load(&root).unwrap_err().0, "the checkpoint is of another version");
    }
}
