//! What a file of events holds and what of it stays, read as a pass reads it. Never changes a file.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use crate::flow::retention::{Kept, Retention};
use crate::store::events::dir::Format;
use crate::store::events::file::MAX_DOCUMENT;
use crate::store::events::lines::{Line, Lines};
use crate::store::events::unpack;

/// Hands over each line of a file, none for one that is too long. Returns whether something follows the last.
pub fn each(file: &mut File, format: Format, mut each: impl FnMut(Option<&[u8]>)) -> io::Result<bool> {
    let mut lines = Lines::default();
    let each = |_, line: Line<'_>| match line {
        Line::Whole(line) => each(Some(line)),
        Line::Long => each(None),
    };
    let (read, is_packed) = match format {
        Format::Gzip => (lines.each(unpack::gzip(&mut *file), each), true),
        Format::Zstd => (lines.each(unpack::zstd(&mut *file), each), true),
        Format::Document | Format::Lines => (lines.each(&mut *file, each), false),
    };
    match read {
        // What stands before the damage of a packed file counts, unless it is the disk that is damaged.
        Err(_) if is_packed => {
            file.rewind()?;
            io::copy(file, &mut io::sink()).map(|_| true)
        }
        Err(e) => Err(e),
        Ok(_) => Ok(!matches!(lines.rest(), Line::Whole([]))),
    }
}

/// Copies the lines that stay.
pub fn copy_kept(file: &mut File, format: Format, keep: &Retention<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut written = Ok(());
    each(file, format, |line| {
        if let Some(line) = line.filter(|line| written.is_ok() && keep.keeps(line)) {
            written = out.write_all(line).and_then(|()| out.write_all(b"\n"));
        }
    })?;
    written
}

/// Returns what stays of a `.json` file.
pub fn document(file: &mut File, keep: &Retention<'_>) -> io::Result<Kept> {
    let mut bytes = Vec::new();
    file.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes)?;
    // Larger ones never counted.
    Ok(if bytes.len() as u64 > MAX_DOCUMENT { Kept::Nothing } else { keep.document(&bytes) })
}
