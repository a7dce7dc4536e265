//! `state/silences.json`: the operator's silences. Those that are over are dropped when it is written again.

use std::path::PathBuf;

use super::atomic::WriteError;
use super::lock::Lock;
use super::root::Root;
use crate::flow::json;
use crate::flow::silence::{SILENCES_SCHEMA, Silence, Silences};
use crate::flow::sort;
use crate::flow::time::Stamp;

/// Why the silences cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {cause}", path.display())]
pub struct SilencesError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

impl SilencesError {
    /// Returns what the operator should do about it.
    pub fn advice(&self) -> String {
        format!("mend {}, or remove it: then nothing is silenced", self.path.display())
    }
}

fn path(root: &Root) -> PathBuf {
    root.state("silences.json")
}

/// Returns the silences that are not over.
pub fn read(root: &Root, now: Stamp) -> Result<Vec<Silence>, SilencesError> {
    let path = path(root);
    let fail = |cause: String| SilencesError { path: path.clone(), cause };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(fail(e.to_string())),
    };
    let file: Silences = json::from_bytes(&bytes).map_err(|e| fail(e.to_string()))?;
    if file.schema != SILENCES_SCHEMA {
        return Err(fail(format!("its schema is {:?}, this hlctl knows {SILENCES_SCHEMA:?}", file.schema)));
    }
    Ok(file.silences.into_iter().filter(|s| s.until > now).collect())
}

/// Changes the silences under their lock.
pub fn change(root: &Root, now: Stamp, edit: impl FnOnce(&mut Vec<Silence>)) -> Result<(), ChangeError> {
    let _lock = Lock::take(root, "silences")?;
    let mut silences = read(root, now)?;
    edit(&mut silences);
    sort::by(&mut silences, |a, b| (&a.node, &a.service).cmp(&(&b.node, &b.service)));
    let file = Silences { schema: SILENCES_SCHEMA.into(), silences };
    let mut bytes = serde_json::to_vec_pretty(&file).expect("names, times and texts serialize");
    bytes.push(b'\n');
    root.write(&path(root), &bytes)?;
    Ok(())
}

/// Why the silences were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// They cannot be read.
    #[error(transparent)]
    Read(#[from] SilencesError),
    /// They cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ChangeError {
    /// Returns what the operator should do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Read(e) => e.advice(),
            Self::Write(e) => e.advice(),
        }
    }
}
