//! What an agent remembers from pass to pass. Decides nothing of what is told.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::control_plane::ControlPlane;
use super::super::event::Level;
use super::super::name::{NodeName, ServiceName};
use super::super::restarts::Restarts;
use super::super::time::Stamp;
use super::{Limits, is_due};

/// The format of the memory.
pub const SCHEMA: &str = "hlctl.agent/v1";

/// How long the engine's version is believed: to ask for it costs a process.
const ENGINE: Duration = Duration::from_secs(3600);

/// What the agent told before: the content of `state/agent_memory.json`. Only a hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The format, [`SCHEMA`].
    pub schema: String,
    /// The node that it is about.
    pub node: NodeName,
    /// The control plane that was told; none where it was this root.
    #[serde(default)]
    pub to: Option<ControlPlane>,
    /// When everything was told last.
    pub refreshed_at: Option<Stamp>,
    /// When the last heartbeat was told.
    pub heartbeat_at: Option<Stamp>,
    /// The disk's last level.
    pub disk: Option<Level>,
    /// Per cent used at which its pressure is high, for as long as a broken host file does not say it.
    #[serde(default)]
    pub disk_high: Option<u8>,
    /// The services.
    pub services: BTreeMap<ServiceName, Remembered>,
    /// What an engine has restarted: containers by their ID, units by their manager and name.
    #[serde(default)]
    pub restarts: BTreeMap<String, Restarts>,
    /// The engine's version.
    #[serde(default)]
    pub engine: Option<Engine>,
}

/// What an engine called itself, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Its version.
    pub version: String,
    /// When it was asked.
    pub asked_at: Stamp,
}

/// What is remembered of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Remembered {
    /// What was told last.
    pub told: Option<State>,
    /// What the last pass that knew saw.
    pub seen: Option<State>,
    /// How many passes in a row saw it fail, up to the limit.
    pub failed: u32,
    /// How many passes in a row saw this very state, up to the limit.
    pub alike: u32,
    /// Since when every pass that knew saw it starting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_since: Option<Stamp>,
}

/// A service's state, as far as an event can tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is as it should be.
    Healthy,
    /// It is not, for this reason.
    Unhealthy(String),
    /// It is not there at all.
    Absent,
    /// It has been starting for too long.
    Starting,
}

impl Memory {
    /// Returns the memory of an agent that has told this one nothing.
    pub fn none(node: &NodeName, to: Option<&ControlPlane>) -> Memory {
        Memory {
            schema: SCHEMA.into(),
            node: node.clone(),
            to: to.cloned(),
            refreshed_at: None,
            heartbeat_at: None,
            disk: None,
            disk_high: None,
            services: BTreeMap::new(),
            restarts: BTreeMap::new(),
            engine: None,
        }
    }

    /// Returns the engine's version, where it need not be asked again.
    pub fn engine(&self, now: Stamp) -> Option<&Engine> {
        self.engine.as_ref().filter(|engine| !is_due(Some(engine.asked_at), ENGINE, now))
    }

    /// Returns whether a heartbeat is due.
    pub fn wants_heartbeat(&self, limits: &Limits, now: Stamp) -> bool {
        is_due(self.heartbeat_at, limits.heartbeat(), now)
    }
}
