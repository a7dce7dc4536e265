//! The event log below `events/`: finding and reading what is new, the checkpoint that says what was read, and
//! appending. Never writes `world/`.

use std::io;
use std::path::{Path, PathBuf};

mod append;
mod bad_lines;
mod browse;
mod checkpoint;
mod day;
mod dir;
mod file;
mod findings;
mod lines;
mod meter;
mod prune;
mod read;
mod recent;
mod tasks;
mod unpack;

pub use append::{add_lines, append};
pub use bad_lines::BadLines;
pub use browse::{At, Browser};
pub use checkpoint::Tally;
#[cfg(fuzzing)]
pub use checkpoint::inspect as checkpoint_inspect;
pub use dir::size;
pub use findings::{ObserveFindings, WaitingFindings, report, save_report};
pub use lines::{Line, Lines};
pub use meter::Meter;
pub use prune::{Change, FileChange, Limits, Pruned, prune};
pub use read::{RECENT_MS, Reading, fold, read, save};
pub use recent::{Look, Recent};

/// A part of the event log that cannot be read at all, so that nothing can be said of the world.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub struct ReadError {
    /// The path that was read.
    pub path: PathBuf,
    /// What was being done, fitting «cannot …».
    pub doing: &'static str,
    /// The system's word.
    pub source: io::Error,
}

impl ReadError {
    fn at(path: &Path, doing: &'static str, source: io::Error) -> Self {
        Self { path: path.to_owned(), doing, source }
    }

    /// Returns what the operator should do about it.
    pub fn advice(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => "run hlctl as the owner of the root, or with sudo".into(),
            io::ErrorKind::NotADirectory => "move the file that stands in the folder's place aside".into(),
            _ => "check the disk and the mount; the world was left as it was".into(),
        }
    }
}
