//! The single values of host files, none of which can be taken for something else: commands, paths, destinations.

use std::path::{Path, PathBuf};

use crate::flow::name::{NodeName, ServiceName};

/// A program and its arguments: at least the program, no NUL.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Argv(Vec<String>);

impl Argv {
    /// Returns the words.
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for Argv {
    type Error = String;
    fn try_from(words: Vec<String>) -> Result<Self, String> {
        match words.first() {
            None => Err("a command needs at least a program".into()),
            Some(program) if program.is_empty() || program.starts_with('-') => {
                Err(format!("{program:?} is not a program"))
            }
            Some(_) if words.iter().any(|w| w.contains('\0')) => Err("a command cannot hold a NUL character".into()),
            Some(_) => Ok(Argv(words)),
        }
    }
}

/// The commands of an action, at least one: an action that does nothing would always end well.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Vec<Argv>")]
pub struct Recipe(Vec<Argv>);

impl Recipe {
    /// Returns the commands in their order.
    pub fn steps(&self) -> &[Argv] {
        &self.0
    }
}

impl TryFrom<Vec<Argv>> for Recipe {
    type Error = &'static str;
    fn try_from(steps: Vec<Argv>) -> Result<Self, Self::Error> {
        if steps.is_empty() { Err("a recipe needs at least one command") } else { Ok(Recipe(steps)) }
    }
}

/// A path as a host file may give it: no control characters, not looking like an option.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct HostPath(String);

impl HostPath {
    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HostPath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
            return Err(format!("{text:?} is not a path that can be used here"));
        }
        Ok(HostPath(text))
    }
}

/// Returns where a path of a host file lies on this machine: what is not absolute lies in the home of the user who runs
/// this, with or without a leading `~`. None where that home would have to be known and is not.
pub fn on_this_machine(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    let path = Path::new(path);
    let below = path.strip_prefix("~").unwrap_or(path);
    if below.is_absolute() { Some(below.to_owned()) } else { home.map(|home| home.join(below)) }
}

/// A path below the repository: relative, without `..`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "HostPath")]
pub struct RepoPath(String);

impl RepoPath {
    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<HostPath> for RepoPath {
    type Error = String;
    fn try_from(path: HostPath) -> Result<Self, String> {
        if path.0.starts_with(['/', '~']) || path.0.split('/').any(|part| part == "..") {
            return Err(format!("{:?} must lie below the repository: relative, without `..`", path.0));
        }
        Ok(RepoPath(path.0))
    }
}

/// What `depends_on` names: a service of the same node or of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Dependency {
    /// The node, where it is another.
    pub node: Option<NodeName>,
    /// The service.
    pub service: ServiceName,
}

impl TryFrom<String> for Dependency {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let (node, service) = match text.split_once('/') {
            Some((node, service)) => (Some(node.parse().map_err(|e| format!("{e}"))?), service),
            None => (None, text.as_str()),
        };
        Ok(Dependency { node, service: service.parse().map_err(|e| format!("{e}"))? })
    }
}

/// A whole number from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "u64")]
pub struct Percent(pub u8);

impl TryFrom<u64> for Percent {
    type Error = String;
    fn try_from(n: u64) -> Result<Self, String> {
        if (1..=100).contains(&n) {
            Ok(Percent(n as u8))
        } else {
            Err(format!("{n} is not a percentage from 1 to 100"))
        }
    }
}

/// A destination of ssh that cannot be taken for an option: `user@host`, or a host of the ssh config.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Destination(String);

impl Destination {
    /// Returns the destination as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Destination {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let fine = |b: u8| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@' | b':' | b'[' | b']' | b'/' | b'%')
        };
        if text.is_empty() || text.starts_with('-') || text.contains("@-") || !text.bytes().all(fine) {
            return Err(format!("{text:?} is not a destination of ssh such as oskar@100.95.58.48"));
        }
        Ok(Destination(text))
    }
}
