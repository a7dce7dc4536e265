//! What the agent leaves in the root: its events, and the memory of what it has told. The memory is only a hint:
//! without it everything is told once more.

use super::atomic::WriteError;
use super::events;
use super::root::Root;
use super::spool::Spool;
use crate::flow::control_plane::ControlPlane;
use crate::flow::json;
use crate::flow::name::{MAX_NAME, NodeName};
use crate::flow::outgoing::Outgoing;
use crate::flow::time::Stamp;
use crate::flow::watch::{self, Memory};

/// Appends an agent's events to `events/<day of now>/agent-<node>.jsonl`. When it returns, they are on disk.
pub fn write_events(root: &Root, now: Stamp, node: &NodeName, told: &[Outgoing]) -> Result<(), WriteError> {
    let lines: Vec<String> = told.iter().map(Outgoing::to_line).collect();
    let mut source = format!("agent-{node}");
    // Two nodes whose long names begin alike share a file, which harms nothing: each line names its node.
    source.truncate(MAX_NAME);
    events::append(root, now, &source, &lines)
}

/// Puts an agent's events into the spool, on their way to the control plane. When it returns, they are on disk.
pub fn spool_events(root: &Root, told: &[Outgoing]) -> Result<(), WriteError> {
    let lines: Vec<String> = told.iter().map(Outgoing::to_line).collect();
    // What a full spool loses is counted there, and told with what is sent.
    Spool::open(root)?.add(&lines).map(drop)
}

/// Returns how many events still wait for a control plane.
pub fn count_spooled(root: &Root) -> Result<u64, WriteError> {
    if !root.state("spool").exists() {
        return Ok(0);
    }
    Spool::open(root)?.count_waiting()
}

/// Where the memory lies; `state/agent.json` is the record of the pass.
const MEMORY: &str = "agent_memory.json";

/// Returns what the agent of a node remembers of what it told a control plane, or this root. One that cannot be read,
/// is of another version, of another node, or of what somebody else was told is none.
pub fn memory(root: &Root, node: &NodeName, to: Option<&ControlPlane>) -> Memory {
    let found = std::fs::read(root.state(MEMORY)).ok().and_then(|bytes| json::from_bytes::<Memory>(&bytes).ok());
    found
        .filter(|m| m.schema == watch::SCHEMA && m.node == *node && m.to.as_ref() == to)
        .unwrap_or_else(|| Memory::none(node, to))
}

/// Keeps the memory.
pub fn remember(root: &Root, memory: &Memory) -> Result<(), WriteError> {
    let mut bytes = serde_json::to_vec(memory).expect("a memory of strings and numbers serializes");
    bytes.push(b'\n');
    root.write(&root.state(MEMORY), &bytes).map(drop)
}
