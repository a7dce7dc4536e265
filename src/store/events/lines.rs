//! Splits a stream into lines with bounded memory. Knows nothing of events.

use std::io::{self, Read};

use crate::flow::event::MAX_LINE;

const CHUNK: usize = 256 * 1024;

/// One line that ended in a newline, without it.
pub enum Line<'a> {
    /// A line, in full.
    Whole(&'a [u8]),
    /// A line longer than [`MAX_LINE`], of which nothing was kept.
    Long,
}

/// How far the whole lines of a stream reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consumed {
    /// The bytes up to the last newline.
    pub bytes: u64,
    /// The newlines.
    pub lines: u64,
}

/// Hands over each line that ends in a newline, with its number from 1. What follows the last one is left.
pub fn each_line(mut input: impl Read, mut each: impl FnMut(u64, Line<'_>)) -> io::Result<Consumed> {
    let mut buffer = vec![0; CHUNK];
    // `buffer[..filled]` begins a line, of which `dropped` bytes were too many to keep.
    let (mut filled, mut dropped) = (0, 0u64);
    let mut consumed = Consumed::default();
    loop {
        if filled == buffer.len() {
            if filled > MAX_LINE {
                dropped += filled as u64;
                filled = 0;
            } else {
                buffer.resize(filled * 2, 0);
            }
        }
        let read = match input.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(consumed),
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', &buffer[filled..filled + read]) {
            let end = filled + newline;
            let line = &buffer[start..end];
            consumed.lines += 1;
            consumed.bytes += dropped + line.len() as u64 + 1;
            let long = dropped > 0 || line.len() > MAX_LINE;
            each(consumed.lines, if long { Line::Long } else { Line::Whole(line) });
            dropped = 0;
            start = end + 1;
        }
        buffer.copy_within(start..filled + read, 0);
        filled = filled + read - start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives few bytes at a time.
    struct Dripping<'a>(&'a [u8], usize);
    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(buffer.len()).min(self.0.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn lines(bytes: &[u8], step: usize) -> (Vec<Option<Vec<u8>>>, Consumed) {
        let mut out = Vec::new();
        let consumed = each_line(Dripping(bytes, step), |number, line| {
            assert_eq!(number, out.len() as u64 + 1);
            out.push(match line {
                Line::Whole(line) => Some(line.to_vec()),
                Line::Long => None,
            });
        });
        (out, consumed.unwrap())
    }

    #[test]
    fn whole_lines_are_handed_over_and_the_rest_waits() {
        for step in [1, 2, 3, 100] {
            let (out, consumed) = lines(b"a\n\nbc\r\nhalf", step);
            assert_eq!(out, [Some(b"a".to_vec()), Some(b"".to_vec()), Some(b"bc\r".to_vec())]);
            assert_eq!(consumed, Consumed { bytes: 7, lines: 3 });
        }
    }

    #[test]
    fn a_long_line_is_dropped_and_the_next_one_read() {
        for (length, kept) in
            [(MAX_LINE, true), (MAX_LINE + 1, false), (5 * MAX_LINE, false), (2 * MAX_LINE + 3, false)]
        {
            let mut bytes = vec![b'x'; length];
            bytes.extend_from_slice(b"\nok\nx");
            let (out, consumed) = lines(&bytes, 70_000);
            assert_eq!((out.len(), out[0].is_some(), out[1].as_deref()), (2, kept, Some(b"ok".as_slice())), "{length}");
            assert_eq!(consumed, Consumed { bytes: length as u64 + 4, lines: 2 });
        }
    }
}
