//! Full names of commits: what an approval pins, checked where it is read.

use serde::{Deserialize, Serialize};

/// The full name of a commit: 40 or 64 hexadecimal digits, so that no branch or option can stand in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Commit(String);

impl Commit {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first digits, as people say them.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl TryFrom<String> for Commit {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex && matches!(text.len(), 40 | 64) {
            Ok(Commit(text))
        } else {
            Err(format!("{text:?} is not the full name of a commit"))
        }
    }
}

impl From<Commit> for String {
    fn from(commit: Commit) -> String {
        commit.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_object_name_is_one() {
        assert!(Commit::try_from("a".repeat(40)).is_ok());
        assert!(Commit::try_from("0".repeat(64)).is_ok());
        for bad in ["", "HEAD", "--exec=id", "abcdef", &"A".repeat(40), &"a".repeat(41), &"g".repeat(40)] {
            assert!(Commit::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
