//! `world/drift.json`: written by `reconcile` (and by `mirror`), read by everyone.

use super::atomic::WriteError;
use super::root::Root;
use crate::flow::drift::{DRIFT_SCHEMA, DriftFile, DriftRow};
use crate::flow::json;

const NAME: &str = "drift.json";

/// Returns the drift that the last reconcile found; nothing where it cannot be read, since the next one finds it
/// again.
pub fn read(root: &Root) -> Option<Vec<DriftRow>> {
    let bytes = std::fs::read(root.world(NAME)).ok()?;
    let file: DriftFile = json::from_bytes(&bytes).ok()?;
    (file.schema == DRIFT_SCHEMA).then_some(file.drift)
}

/// Writes the drift, one row a line, if it changed.
pub fn write(root: &Root, rows: &[DriftRow]) -> Result<bool, WriteError> {
    let rows: Vec<String> =
        rows.iter().map(|row| serde_json::to_string(row).expect("names, times and texts serialize")).collect();
    let list = if rows.is_empty() { "[]".into() } else { format!("[\n{}\n]", rows.join(",\n")) };
    root.write(&root.world(NAME), format!("{{\"schema\":\"{DRIFT_SCHEMA}\",\"drift\":{list}}}\n").as_bytes())
}
