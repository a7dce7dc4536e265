//! What a check found: a value that probes make and that verification, events and pages read.

/// What is known of a service's health after one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The check passed.
    Healthy,
    /// The check did not pass.
    Unhealthy {
        /// The word for events: [`MQTT_UNREACHABLE`] or [`CHECK_FAILED`].
        reason: &'static str,
        /// What was seen, for a person.
        detail: String,
    },
    /// The node itself could not be asked; nothing is known of the service.
    Unknown {
        /// Why not, for a person.
        detail: String,
    },
}

/// The reason of a broker that does not answer.
pub const MQTT_UNREACHABLE: &str = "mqtt_unreachable";

/// The reason of every other check that did not pass.
pub const CHECK_FAILED: &str = "check_failed";

impl Health {
    /// Returns an unhealthy state for the reason that most checks give.
    pub fn failed(detail: impl Into<String>) -> Health {
        Health::Unhealthy { reason: CHECK_FAILED, detail: detail.into() }
    }

    /// Returns the state of what could not be asked.
    pub fn unknown(detail: impl Into<String>) -> Health {
        Health::Unknown { detail: detail.into() }
    }

    /// Returns whether the check passed.
    pub fn is_healthy(&self) -> bool {
        matches!(self, Health::Healthy)
    }
}

impl std::fmt::Display for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Health::Healthy => f.write_str("healthy"),
            Health::Unhealthy { reason, detail } => write!(f, "unhealthy ({reason}): {detail}"),
            Health::Unknown { detail } => write!(f, "not known: {detail}"),
        }
    }
}
