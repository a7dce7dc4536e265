//! Names of nodes and services: validated where they enter, so that every later use as a path,
//! an argument or a table cell is safe by type. Never holds an unchecked string.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Longest name, in characters (contract section 2).
pub const MAX_NAME: usize = 64;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("an empty name")]
    Empty,
    /// The text has more than [`MAX_NAME`] characters.
    #[error("a name of {0} characters (at most {MAX_NAME})")]
    Long(usize),
    /// The text holds a character that no name may have, or begins with one that it may not begin with.
    #[error("{0:?} is not a name: use a-z A-Z 0-9 . _ - and begin with a letter or a digit")]
    Character(String),
}

/// Returns the text if it is a name: 1 to 64 of `a-z A-Z 0-9 . _ -`, beginning with a letter or a digit.
pub fn check_name(text: &str) -> Result<&str, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_NAME {
        return Err(NameError::Long(text.chars().count()));
    }
    if !hlctl_line::is_name(text) {
        return Err(NameError::Character(text.to_owned()));
    }
    Ok(text)
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check_name(text).map(|t| Self(t.to_owned()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let text = String::deserialize(input)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type! {
    /// The name of a node (a machine).
    NodeName
}
name_type! {
    /// The name of a service on a node.
    ServiceName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_contract_pass() {
        for good in ["a", "7", "piha", "node-2", "A.b_c-d", &"x".repeat(64)] {
            assert!(good.parse::<NodeName>().is_ok(), "{good}");
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for bad in ["", ".", "..", "-rf", "_x", "a/b", "a b", "a\n", "a\0", "ä", "$(id)", "a;b", &"x".repeat(65)] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad:?}");
        }
    }
}
