//! The file in which `ingest` keeps what is no event. It may lie anywhere; it is only ever added to.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::store::atomic::WriteError;

/// A file of lines that are no events.
#[derive(Debug)]
pub struct BadLines {
    path: PathBuf,
    file: File,
}

impl BadLines {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, WriteError> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        Ok(Self { path: path.to_owned(), file: file.map_err(|e| WriteError::at(path, "open", e))? })
    }

    /// Adds a line, in one call, so that it is never half of another's.
    pub fn add(&mut self, line: &[u8]) -> Result<(), WriteError> {
        self.file.write_all(&[line, b"\n"].concat()).map_err(|e| WriteError::at(&self.path, "append to", e))
    }
}
