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

/// Splits streams into lines, one after the other in the same memory.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    /// `buffer[..filled]` begins a line, of which `dropped` bytes were too many to keep.
    filled: usize,
    dropped: u64,
    consumed: Consumed,
}

impl Lines {
    /// Hands over each line that ends in a newline, with its number from 1. What follows the last one is left.
    pub fn each(&mut self, mut input: impl Read, mut each: impl FnMut(u64, Line<'_>)) -> io::Result<Consumed> {
        (self.filled, self.dropped, self.consumed) = (0, 0, Consumed::default());
        while self.feed(|buffer| input.read(buffer), &mut each)? > 0 {}
        Ok(self.consumed)
    }

    /// Reads once and hands over the lines that are whole now. Returns how many bytes came; none is the end.
    pub fn feed(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
        mut each: impl FnMut(u64, Line<'_>),
    ) -> io::Result<usize> {
        if self.filled == self.buffer.len() {
            if self.filled > MAX_LINE {
                self.dropped += self.filled as u64;
                self.filled = 0;
            } else {
                self.buffer.resize((self.filled * 2).max(CHUNK), 0);
            }
        }
        let filled = self.filled;
        let read = match read(&mut self.buffer[filled..]) {
            Ok(read) => read,
            // Nothing came, and it is not the end.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(1),
            Err(e) => return Err(e),
        };
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', &self.buffer[filled..filled + read]) {
            let end = filled + newline;
            let line = &self.buffer[start..end];
            self.consumed.lines += 1;
            self.consumed.bytes += self.dropped + line.len() as u64 + 1;
            let long = self.dropped > 0 || line.len() > MAX_LINE;
            each(self.consumed.lines, if long { Line::Long } else { Line::Whole(line) });
            self.dropped = 0;
            start = end + 1;
        }
        self.buffer.copy_within(start..filled + read, 0);
        self.filled = filled + read - start;
        Ok(read)
    }

    /// Returns how many lines were handed over.
    pub fn count(&self) -> u64 {
        self.consumed.lines
    }

    /// Returns what follows the last newline.
    pub fn rest(&self) -> Line<'_> {
        if self.dropped > 0 || self.filled > MAX_LINE { Line::Long } else { Line::Whole(&self.buffer[..self.filled]) }
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
        let consumed = Lines::default().each(Dripping(bytes, step), |number, line| {
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
