//! The names of actions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::super::name::{NodeName, ServiceName};
use super::ActionType;

/// The name of an action, safe as a file name and as an argument.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ActionId(String);

impl ActionId {
    /// Longest ID: `container-restart-`, two names of 64 and a hyphen, and some room for IDs made by hand.
    pub const MAX: usize = 200;

    /// Returns the ID that a drift of this service always gets.
    ///
    /// ```
    /// use hlctl::flow::action::{ActionId, ActionType};
    ///
    /// let (node, service) = ("piha".parse().unwrap(), "mosquitto".parse().unwrap());
    /// let id = ActionId::of(ActionType::ContainerRestart, &node, Some(&service));
    /// assert_eq!(id.as_str(), "container-restart-piha-mosquitto");
    /// ```
    pub fn of(kind: ActionType, node: &NodeName, service: Option<&ServiceName>) -> Self {
        let kind = kind.as_str().replace('_', "-");
        Self(match service {
            Some(service) => format!("{kind}-{node}-{service}"),
            None => format!("{kind}-{node}"),
        })
    }

    /// Returns the ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ActionId> for String {
    fn from(id: ActionId) -> Self {
        id.0
    }
}

impl TryFrom<String> for ActionId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for ActionId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let all = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if first && all && text.len() <= Self::MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text:?} is not an action ID: up to {} of a-z A-Z 0-9 . _ -", Self::MAX))
        }
    }
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
