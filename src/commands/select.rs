//! Which pending actions a command line means, and what is said of those that could not be had.

use serde::Serialize;

use crate::cli;
use crate::fail::{Result, unknown, usage};
use crate::flow::action::ActionId;
use crate::flow::desired::{Desired, Host};
use crate::flow::lifecycle::{State, Transition};
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::yaml::nearest;
use crate::store::actions::{self, Entry};
use crate::store::root::Root;
use crate::store::transition::NotDone;

/// An action that was not changed.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// Its ID.
    pub id: ActionId,
    /// Why.
    pub error: String,
    /// What to do about it.
    pub advice: String,
}

impl Failure {
    /// Makes a failure of an error.
    pub fn new(id: ActionId, error: &NotDone) -> Self {
        Self { id, error: error.to_string(), advice: error.advice() }
    }

    /// Returns it as lines for stderr.
    pub fn lines(&self) -> Vec<String> {
        vec![format!("error: {}", self.error), format!("help: {}", self.advice)]
    }
}

/// Returns the IDs of the pending actions that are meant.
pub fn ids(root: &Root, desired: &Desired, select: &cli::Select) -> Result<Vec<ActionId>> {
    if !select.ids.is_empty() {
        let mut ids = select.ids.clone();
        let mut seen = std::collections::BTreeSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        return Ok(ids);
    }
    if !select.all && select.risk.is_none() && select.node.is_none() {
        return Err(usage(
            "no action was named",
            "give IDs, or --all, --risk or --node; on a terminal you are asked one by one",
        ));
    }
    let node = select.node.as_ref().map(|node| known_node(desired, node)).transpose()?;
    let entries = actions::list(root, &[State::Pending])?.entries;
    let fits = |entry: &&Entry| {
        select.risk.is_none_or(|risk| entry.action.kind.risk() == risk)
            && node.as_ref().is_none_or(|node| desired.canonical(&entry.action.node) == *node)
    };
    Ok(entries.iter().filter(fits).map(|entry| entry.action.id.clone()).collect())
}

/// Returns the canonical name of a node of the desired state; an unknown one is an error that names the nearest.
pub fn known_node(desired: &Desired, node: &NodeName) -> Result<NodeName> {
    let canonical = desired.canonical(node);
    if desired.hosts.contains_key(&canonical) || desired.broken.contains_key(&canonical) {
        return Ok(canonical);
    }
    let known = desired.hosts.keys().chain(desired.broken.keys()).map(NodeName::as_str);
    let advice = match nearest(node.as_str(), known) {
        Some(other) => format!("did you mean {other}?"),
        None => format!("the nodes are the folders of {}", desired.path.display()),
    };
    Err(unknown(format!("there is no node {node}"), advice))
}

/// Makes sure that a host has a service; an unknown one is an error that names the nearest.
pub fn known_service(host: &Host, name: &ServiceName) -> Result<()> {
    if host.service(name).is_some() {
        return Ok(());
    }
    let known = host.services.iter().map(|s| s.name.as_str());
    let advice = match nearest(name.as_str(), known) {
        Some(other) => format!("did you mean {other}?"),
        None => format!("the services of {} are in its services.yaml", host.node),
    };
    Err(unknown(format!("{} has no service {name}", host.node), advice))
}

/// Returns a pending action, or why a transition of it would not be possible.
pub fn pending(root: &Root, id: &ActionId, transition: Transition) -> std::result::Result<Entry, NotDone> {
    let places = actions::find(root, id)?;
    match places.current() {
        Some(entry) if entry.state.next(transition).is_ok() => Ok(entry.clone()),
        Some(entry) => Err(NotDone::Lost { id: id.clone(), state: entry.state, winner: None }),
        None => Err(NotDone::Unknown { id: id.clone(), nearest: actions::nearest_id(root, id) }),
    }
}
