//! Silences: what the operator does not want to hear of for a while. They end by themselves.

use serde::{Deserialize, Serialize};

use super::name::{NodeName, ServiceName};
use super::time::Stamp;

/// The format of `state/silences.json`.
pub const SILENCES_SCHEMA: &str = "hlctl.silences/v1";

/// A silence over a node or one of its services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// The node, by its canonical name.
    pub node: NodeName,
    /// The service; none means all of the node.
    pub service: Option<ServiceName>,
    /// When it ends.
    pub until: Stamp,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub why: String,
}

impl Silence {
    /// Returns whether it covers this service, or this node where no service is meant, now.
    pub fn covers(&self, node: &NodeName, service: Option<&ServiceName>, now: Stamp) -> bool {
        self.until > now && self.node == *node && (self.service.is_none() || self.service.as_ref() == service)
    }

    /// Returns what it is over, `node` or `node/service`.
    pub fn target(&self) -> String {
        match &self.service {
            Some(service) => format!("{}/{service}", self.node),
            None => self.node.to_string(),
        }
    }
}

/// The content of `state/silences.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silences {
    /// The format.
    pub schema: String,
    /// All that were not over when it was written.
    pub silences: Vec<Silence>,
}
