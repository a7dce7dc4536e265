//! What a head says of the length of its body, read beside hyper: that one drops a length beside `Transfer-Encoding`
//! unsaid, and a proxy that believed the length would take the end of such a request for the next one.

/// The longer of the two names.
const LONGEST: usize = "transfer-encoding".len();

/// A head as far as it has come.
#[derive(Default)]
pub struct Heading {
    /// The beginning of the line that is coming, in lower case, and how long that line is.
    name: [u8; LONGEST],
    column: usize,
    is_begun: bool,
    has_ended: bool,
    has_length: bool,
    has_encoding: bool,
}

impl Heading {
    /// Reads what belongs to the head. Returns how much that was.
    pub fn read(&mut self, bytes: &[u8]) -> usize {
        for (i, byte) in bytes.iter().enumerate() {
            if self.has_ended {
                return i;
            }
            match byte {
                b'\r' => continue,
                b'\n' => {
                    // Lines before the first are let pass, as hyper does.
                    self.has_ended = self.is_begun && self.column == 0;
                    self.column = 0;
                    continue;
                }
                b':' if self.column <= LONGEST => {
                    self.has_length |= self.name[..self.column] == *b"content-length";
                    self.has_encoding |= self.name[..self.column] == *b"transfer-encoding";
                }
                _ => {}
            }
            self.is_begun = true;
            if let Some(place) = self.name.get_mut(self.column) {
                *place = byte.to_ascii_lowercase();
            }
            self.column += 1;
        }
        bytes.len()
    }

    /// Returns whether any of it has come.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Returns whether it gives both a length and a transfer encoding.
    pub fn is_ambiguous(&self) -> bool {
        self.has_length && self.has_encoding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_to_its_end_and_no_further() {
        for (head, rest, ambiguous) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", false),
            ("\r\n\n\r\nGET / HTTP/1.1\n\n", "\r\n", false),
            ("GET / HTTP/1.1\r\n", "", false),
            ("P\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "0", true),
            ("P\nTRANSFER-ENCODING:chunked\nCONTENT-LENGTH:3\n\n", "", true),
            ("P\r\nTransfer-Encoding: content-length: 3\r\n\r\n", "content-length: 3", false),
            ("P\r\nTransfer-Encodings: x\r\nTransfer-Encoding: x\r\nX-Content-Length: 3\r\n\r\n", "", false),
            ("P\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n\r\ncontent-length: 3", false),
        ] {
            let text = [head, rest].concat();
            for cut in 0..text.len() {
                let (mut heading, (a, b)) = (Heading::default(), text.as_bytes().split_at(cut));
                assert_eq!(heading.read(a) + heading.read(b), head.len(), "{text:?} cut at {cut}");
                assert_eq!(heading.is_ambiguous(), ambiguous, "{text:?} cut at {cut}");
            }
        }
    }
}
