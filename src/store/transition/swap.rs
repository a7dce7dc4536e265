//! Replaces the content of an action's file so that a hand that moves it meanwhile wins.

use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::NotDone;
use crate::flow::action::ActionId;
use crate::flow::fields::Fields;
use crate::flow::lifecycle::State;
use crate::store::actions;
use crate::store::atomic::{self, WriteError};
use crate::store::root::Root;

/// Why a swap did not happen.
pub enum SwapLost {
    /// The file is gone, or was not what it had been.
    Hand,
    /// The disk said no.
    Write(WriteError),
}

impl SwapLost {
    /// Returns it as the transition's error.
    pub fn of(self, root: &Root, id: &ActionId) -> NotDone {
        match self {
            Self::Write(e) => e.into(),
            Self::Hand => {
                let state = State::ALL.into_iter().find(|s| actions::path(root, *s, id).symlink_metadata().is_ok());
                NotDone::Hand { id: id.clone(), state }
            }
        }
    }
}

/// Replaces a file's content only if the file is still there with the bytes that were read: what it held is
/// swapped out and looked at, so that a file that a hand has moved does not come back.
pub fn swap(root: &Root, path: &Path, expected: &[u8], fields: &Fields) -> Result<(), SwapLost> {
    let new = fields.to_bytes();
    let temporary = atomic::temporary(path, &new, 0o644, root.owner()).map_err(SwapLost::Write)?;
    let exchange = || match renameat_with(CWD, temporary.path(), CWD, path, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::NOENT) => Err(SwapLost::Hand),
        Err(e) => Err(SwapLost::Write(WriteError::at(path, "swap the content of", e.into()))),
    };
    let swapped_out = || std::fs::read(temporary.path()).map_err(|e| SwapLost::Write(WriteError::at(path, "read", e)));
    exchange()?;
    if swapped_out()? == expected {
        return Ok(());
    }
    // It held something else: put that back, until what comes out is our own.
    while swapped_out()? != new {
        exchange()?;
    }
    Err(SwapLost::Hand)
}
