//! The end of a long output: a file that grows to 2 MiB and is then cut to its last 1 MiB, so that it stays bounded
//! while the step runs. Its first line says how much was left out.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// The size that the file never exceeds.
pub const MOST: u64 = 2 << 20;

/// What is kept of it when it is cut.
const KEPT: u64 = 1 << 20;

/// How far the cut may move to fall on the end of a line.
const LINE: u64 = 4096;

/// Largest single write, so that a cut always makes enough room.
const PIECE: usize = 256 * 1024;

/// Writes the end of an output.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    owner: Option<(u32, u32)>,
    file: Option<File>,
    size: u64,
    marker: u64,
    left_out: u64,
}

/// Returns the line that says how much was left out before it.
pub fn marker(left_out: u64) -> String {
    format!("[hlctl: {left_out} bytes left out]\n")
}

/// Returns how much a tail's first line says was left out, and the line's length.
pub fn parse_marker(start: &[u8]) -> Option<(u64, u64)> {
    let line = &start[..start.iter().position(|b| *b == b'\n')?];
    let number = std::str::from_utf8(line).ok()?.strip_prefix("[hlctl: ")?.strip_suffix(" bytes left out]")?;
    Some((number.parse().ok()?, line.len() as u64 + 1))
}

impl Tail {
    /// Makes the writer of a file that does not exist until there is something to write.
    pub fn new(path: PathBuf, owner: Option<(u32, u32)>) -> Tail {
        Tail { path, owner, file: None, size: 0, marker: 0, left_out: 0 }
    }

    /// Adds output.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            if self.size + piece.len() as u64 > MOST {
                self.cut()?;
            }
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(super::open(&self.path, self.owner)?),
            };
            file.write_all(piece)?;
            self.size += piece.len() as u64;
        }
        Ok(())
    }

    /// Replaces the file by its own end. A reader that has the old one open reads it to its end undisturbed.
    fn cut(&mut self) -> io::Result<()> {
        let mut end = vec![0; (KEPT + LINE) as usize];
        let from = self.size - end.len() as u64;
        File::open(&self.path)?.read_exact_at(&mut end, from)?;
        let line = end[..LINE as usize].iter().position(|b| *b == b'\n').map_or(LINE as usize, |at| at + 1);
        self.left_out += from - self.marker + line as u64;
        let marker = marker(self.left_out);
        let temporary = self.path.with_extension("tmp");
        // What a killed executor left there would be appended to.
        let _ = std::fs::remove_file(&temporary);
        let mut new = super::open(&temporary, self.owner)?;
        new.write_all(marker.as_bytes())?;
        new.write_all(&end[line..])?;
        std::fs::rename(&temporary, &self.path)?;
        (self.marker, self.size) = (marker.len() as u64, marker.len() as u64 + (end.len() - line) as u64);
        self.file = Some(new);
        Ok(())
    }
}
