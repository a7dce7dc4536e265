//! Digests over typed fields, each with its length before it, so that no two different lists of fields give the
//! same bytes. A JSON value is never hashed: its order is nobody's promise.

use sha2::{Digest as _, Sha256};

/// Collects fields into a sha256.
#[derive(Debug, Default)]
pub struct Digester(Sha256);

impl Digester {
    /// Adds a text.
    pub fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    /// Adds a text that may be missing.
    pub fn maybe(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.number(1).text(text),
            None => self.number(0),
        }
    }

    /// Adds a number.
    pub fn number(mut self, number: u64) -> Self {
        self.0.update(number.to_le_bytes());
        self
    }

    /// Adds a list of texts.
    pub fn list<'a>(self, list: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let length = list.len() as u64;
        list.fold(self.number(length), Digester::text)
    }

    /// Returns the digest as `sha256:` and 64 hex digits.
    pub fn finish(self) -> String {
        format!("sha256:{}", hex(&self.0.finalize()))
    }
}

/// Collects bytes into a sha256, however many they are.
#[derive(Debug, Default)]
pub struct Sum(Sha256);

impl Sum {
    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the sha256 as 64 hex digits.
    pub fn hex(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Returns the sha256 of bytes as 64 hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_field_ends_counts() {
        let one = Digester::default().text("ab").text("c").finish();
        let other = Digester::default().text("a").text("bc").finish();
        assert_ne!(one, other);
        assert_ne!(Digester::default().maybe(None).finish(), Digester::default().maybe(Some("")).finish());
    }

    #[test]
    fn the_known_sha256_of_nothing() {
        assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
