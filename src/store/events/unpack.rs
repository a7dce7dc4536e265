//! Streams out of `.gz` and `.zst` files, which may be several packed one behind the other.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::BlockDecodingStrategy::UptoBlocks;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

/// Largest window of a Zstandard file, in bytes: what `zstd --ultra -20` uses. It is held in memory.
const MAX_WINDOW: u64 = 32 << 20;

/// How much is asked of the gzip decoder at once: it drops what it made of the last request before damage, and
/// what counts of a damaged file must not depend on who reads it.
const BLOCK: usize = 32 * 1024;

/// Returns what a gzip file holds.
pub fn gzip(packed: impl Read) -> impl Read {
    let decoder = MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, packed));
    Blocks { decoder, block: vec![0; BLOCK], given: 0, filled: 0 }
}

/// A stream that is always asked for as much.
struct Blocks<R> {
    decoder: R,
    block: Vec<u8>,
    given: usize,
    filled: usize,
}

impl<R: Read> Read for Blocks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.filled {
            (self.given, self.filled) = (0, 0);
            self.filled = self.decoder.read(&mut self.block)?;
        }
        let n = buffer.len().min(self.filled - self.given);
        buffer[..n].copy_from_slice(&self.block[self.given..][..n]);
        self.given += n;
        Ok(n)
    }
}

/// Returns what a Zstandard file holds.
pub fn zstd(packed: impl Read) -> impl Read {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_WINDOW);
    Zstd { packed: BufReader::with_capacity(64 * 1024, packed), decoder, in_frame: false }
}

/// The frames of a Zstandard file, one after the other; the library reads one.
struct Zstd<R> {
    packed: BufReader<R>,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: Read> Zstd<R> {
    /// Begins the next frame. Returns whether there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if io::BufRead::fill_buf(&mut self.packed)?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut (&mut self.packed).take(u64::from(length)), &mut io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(e) => return Err(io::Error::other(e)),
            }
        }
    }

    fn is_intact(&self) -> bool {
        self.decoder.get_checksum_from_data().is_none_or(|sum| Some(sum) == self.decoder.get_calculated_checksum())
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            self.in_frame = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder.decode_blocks(&mut self.packed, UptoBlocks(1)).map_err(io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if !self.is_intact() {
                return Err(io::Error::other("its checksum is another one"));
            }
            self.in_frame = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn unpacked(packed: &[u8], is_gzip: bool) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let read = if is_gzip { gzip(packed).read_to_end(&mut out) } else { zstd(packed).read_to_end(&mut out) };
        read.map(|_| out)
    }

    fn packed(text: &[u8], is_gzip: bool) -> Vec<u8> {
        if is_gzip {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            return encoder.finish().unwrap();
        }
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn several_behind_one_another_are_one_stream() {
        let text: Vec<u8> = (0..300_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        for is_gzip in [true, false] {
            let mut file = packed(&text, is_gzip);
            if !is_gzip {
                // A frame to be skipped, as pzstd writes them.
                file.extend_from_slice(&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
            }
            file.extend(packed(b"tail\n", is_gzip));
            assert_eq!(unpacked(&file, is_gzip).unwrap(), [&text, &b"tail\n"[..]].concat());
            assert_eq!(unpacked(b"", false).unwrap(), b"");
        }
    }

    #[test]
    fn damage_is_an_error() {
        for is_gzip in [true, false] {
            let file = packed(&b"some text, some text\n".repeat(50), is_gzip);
            for cut in 1..file.len() {
                assert!(unpacked(&file[..cut], is_gzip).is_err(), "gzip {is_gzip}: cut at {cut}");
            }
            let mut changed = file.clone();
            let at = file.len() - 5;
            changed[at] ^= 1;
            assert!(unpacked(&changed, is_gzip).is_err(), "gzip {is_gzip}: changed at {at}");
            assert!(unpacked(b"plain text, not packed", is_gzip).is_err());
        }
    }
}
