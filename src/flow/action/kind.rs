//! What actions do, and how much they can break.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionType {
    /// Brings a service to what the repository says.
    Redeploy,
    /// Restarts a service's containers.
    ContainerRestart,
    /// Frees disk space on a node.
    DiskCleanup,
}

impl ActionType {
    /// All types, as the command line names them.
    pub const ALL: [ActionType; 3] = [Self::Redeploy, Self::ContainerRestart, Self::DiskCleanup];

    /// Returns the name in files: `container_restart`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redeploy => "redeploy",
            Self::ContainerRestart => "container_restart",
            Self::DiskCleanup => "disk_cleanup",
        }
    }

    /// Returns the risk that the operator is shown.
    pub fn risk(self) -> Risk {
        match self {
            Self::ContainerRestart => Risk::Low,
            Self::Redeploy | Self::DiskCleanup => Risk::Guarded,
        }
    }
}

impl fmt::Display for ActionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ActionType {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.replace('-', "_");
        let known = Self::ALL.into_iter().find(|t| t.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is not a type of action: redeploy, container_restart or disk_cleanup"))
    }
}

/// How much an action can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Restarts what is already there.
    Low,
    /// Changes what runs or deletes something.
    Guarded,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Guarded => "guarded",
        })
    }
}
