//! `state/observe_report.json`: what `observe` found besides the world, for `status` and `doctor`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::read::Reading;
use crate::flow::intake::Rejects;
use crate::flow::json;
use crate::flow::name::NodeName;
use crate::flow::time::Stamp;
use crate::store::atomic::WriteError;
use crate::store::root::Root;

const NAME: &str = "observe_report.json";
const SCHEMA: &str = "hlctl.observe_report/v1";

/// What lies in the event log and is not in the world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObserveFindings {
    /// The format.
    pub schema: String,
    /// What was set aside.
    pub rejected: Rejects,
    /// What waits for its time.
    pub waiting: WaitingFindings,
    /// How many events were of an unknown type.
    pub unknown: u64,
}

/// The events from the future.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingFindings {
    /// How many wait.
    pub count: u64,
    /// The newest one of each node: its lead over the clock is the node's skew.
    pub nodes: BTreeMap<NodeName, Stamp>,
}

impl ObserveFindings {
    /// Returns what a pass found.
    pub fn of(reading: &Reading) -> Self {
        let waiting = WaitingFindings { count: reading.waiting().count(), nodes: reading.waiting().nodes() };
        Self { schema: SCHEMA.into(), rejected: reading.rejects(), waiting, unknown: reading.tally().unknown }
    }
}

/// Writes the findings of a pass, if they changed.
pub fn save_report(root: &Root, findings: &ObserveFindings) -> Result<bool, WriteError> {
    let mut bytes = serde_json::to_vec_pretty(findings).expect("a value of strings and numbers serializes");
    bytes.push(b'\n');
    root.write(&root.state(NAME), &bytes)
}

/// Returns the findings of the last pass, or nothing where there are none that can be read.
pub fn report(root: &Root) -> Option<ObserveFindings> {
    let findings: ObserveFindings = json::from_bytes(&std::fs::read(root.state(NAME)).ok()?).ok()?;
    (findings.schema == SCHEMA).then_some(findings)
}
