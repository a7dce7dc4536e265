//! What reconcile decides (the rules of contract section 5, in their order): which actions are made, which are
//! cancelled, which are held and until when. Values in, values out.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{Action, ActionId, ActionType};
use super::config::Config;
use super::desired::{Desired, Wanted};
use super::drift::{Drift, DriftRow};
use super::lifecycle::State;
use super::name::{NodeName, ServiceName};
use super::policy::Past;
use super::silence::Silence;
use super::time::Stamp;
use super::world::Services;

mod hold;
mod new;

use hold::hold;
pub use hold::{CLOCK_TOLERANCE_MS, Hold, hold_after};
use new::new_action;
pub use new::{New, attempt, make_plan, plan_of};

/// The newest ended record of an ID outside `history/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub state: State,
    /// When, if its history tells.
    pub at: Option<Stamp>,
    /// Which attempt it was.
    pub attempt: u32,
    /// What went wrong, in one line.
    pub error: Option<String>,
}

/// Everything that a decision depends on.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The desired state.
    pub desired: &'a Desired,
    /// The world with canonical names.
    pub services: &'a Services,
    /// The drift found in it: see [`super::drift::find`].
    pub drift: &'a [Drift],
    /// The pending, approved and running actions.
    pub open: Vec<(State, &'a Action)>,
    /// IDs that nobody may touch: doubled ones, and files that are no action.
    pub blocked: &'a BTreeSet<ActionId>,
    /// The ended records of the IDs that the drift calls for.
    pub ended: &'a BTreeMap<ActionId, Ended>,
    /// The earlier records of these IDs, as far as they still matter.
    pub past: &'a BTreeMap<ActionId, Past>,
    /// The silences.
    pub silences: &'a [Silence],
    /// The rows of the last `drift.json`, for how long a drift has lasted.
    pub before: &'a [DriftRow],
    /// The operator's settings.
    pub config: &'a Config,
    /// The time.
    pub now: Stamp,
}

/// Why a pending action is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// The service is healthy.
    DriftResolved,
    /// The service left the desired state, or is no longer watched.
    ServiceRemoved,
    /// Its drift now calls for a redeploy.
    Superseded,
}

impl CancelReason {
    /// Returns the word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DriftResolved => "drift_resolved_auto",
            Self::ServiceRemoved => "service_removed_from_desired_state",
            Self::Superseded => "superseded",
        }
    }
}

/// What reconcile decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// The actions to queue. One that replaces a pending restart is followed by its cancellation in `superseded`.
    pub create: Vec<New>,
    /// The pending actions to cancel.
    pub cancel: Vec<(ActionId, CancelReason)>,
    /// The pending restarts to cancel once the redeploy in their place was made: (restart, redeploy).
    pub superseded: Vec<(ActionId, ActionId)>,
    /// The rows of `drift.json`.
    pub rows: Vec<DriftRow>,
    /// What stands in the way of a decision, in words.
    pub conflicts: Vec<String>,
}

/// Decides.
pub fn decide(inputs: &Inputs<'_>) -> Decision {
    let shared = inputs.desired.shared_ids();
    let mut decision = Decision { conflicts: name_conflicts(&shared), ..Decision::default() };
    let untouchable = |id: &ActionId| shared.contains_key(id) || inputs.blocked.contains(id);
    for (_, action) in inputs.open.iter().filter(|(state, action)| *state == State::Pending && action.drift.is_some()) {
        if !untouchable(&action.id) && !is_shared(inputs.desired, &shared, action) {
            decision.cancel.extend(cancel_reason(inputs, action).map(|reason| (action.id.clone(), reason)));
        }
    }
    let cancelled: BTreeSet<ActionId> = decision.cancel.iter().map(|(id, _)| id.clone()).collect();
    for drift in inputs.drift {
        let mut row = row(inputs, drift);
        if let Some(id) = drift.id() {
            match answer(inputs, drift, &id, &cancelled) {
                _ if untouchable(&id) => row.held_by = Some(format!("{id} cannot be queued: see the errors")),
                Answer::Open(open) => row.action = Some(open.to_string()),
                Answer::Held(hold) => {
                    row.held_until = hold.until;
                    row.held_by = Some(hold.why);
                }
                Answer::Create { supersede } => {
                    row.action = Some(id.to_string());
                    decision.create.push(new_action(inputs, drift, id.clone(), row.since));
                    decision.superseded.extend(supersede.into_iter().map(|restart| (restart, id.clone())));
                }
            }
        }
        decision.rows.push(row);
    }
    decision
}

fn name_conflicts(shared: &BTreeMap<ActionId, Vec<(NodeName, ServiceName)>>) -> Vec<String> {
    let name = |(id, pairs): (&ActionId, &Vec<(NodeName, ServiceName)>)| {
        let pairs: Vec<String> = pairs.iter().map(|(node, service)| format!("{node}/{service}")).collect();
        format!(
            "{} share the ID {id}: rename one of these services; nothing is queued or cancelled for them",
            pairs.join(" and ")
        )
    };
    shared.iter().map(name).collect()
}

/// Returns whether an action, whatever its own ID is, is about a pair that shares its ID with another.
fn is_shared(desired: &Desired, shared: &BTreeMap<ActionId, Vec<(NodeName, ServiceName)>>, action: &Action) -> bool {
    let node = desired.canonical(&action.node);
    shared.values().flatten().any(|(of, service)| *of == node && action.service.as_ref() == Some(service))
}

/// Rule 1: why a pending action with a drift is cancelled, if it is.
fn cancel_reason(inputs: &Inputs<'_>, action: &Action) -> Option<CancelReason> {
    match action.kind {
        ActionType::Redeploy | ActionType::ContainerRestart => {}
        // A disk that is fine again was perhaps not cleaned up for good: this is the operator's to say.
        ActionType::DiskCleanup => return None,
    }
    let node = inputs.desired.canonical(&action.node);
    let service = action.service.as_ref()?;
    match inputs.desired.wants(&node, service) {
        Wanted::Unknown => None,
        Wanted::No | Wanted::Unwatched(..) => Some(CancelReason::ServiceRemoved),
        Wanted::Yes(..) => {
            let row = inputs.services.get(node.as_str(), service.as_str())?;
            row.is_healthy().then_some(CancelReason::DriftResolved)
        }
    }
}

/// What a drift is answered with.
enum Answer {
    /// An action is open for it.
    Open(ActionId),
    /// One would be made, but not now.
    Held(Hold),
    /// One is made, in the place of the pending restarts that there are.
    Create { supersede: Vec<ActionId> },
}

fn answer(inputs: &Inputs<'_>, drift: &Drift, id: &ActionId, cancelled: &BTreeSet<ActionId>) -> Answer {
    let open = open_for(inputs.desired, &inputs.open, &drift.node, drift.service.as_ref());
    let kind = drift.mend.unwrap_or(ActionType::Redeploy);
    if let Some(open) = blocking(&open, kind, id) {
        return Answer::Open(open.clone());
    }
    let by_another = inputs.open.iter().find(|(_, action)| action.id == *id && !cancelled.contains(id));
    if let Some((_, other)) = by_another {
        return Answer::Held(Hold {
            until: None,
            why: format!("the ID {id} is taken by an action about {}", target(other)),
        });
    }
    if let Some(hold) = hold(inputs, drift, id) {
        return Answer::Held(hold);
    }
    // Only pending restarts gave way to get here.
    let restarts = open.iter().filter(|(_, a)| a.drift.is_some() && !inputs.blocked.contains(&a.id));
    Answer::Create { supersede: restarts.map(|(_, action)| action.id.clone()).collect() }
}

/// Returns what an action is about, `node` or `node/service`.
fn target(action: &Action) -> String {
    match &action.service {
        Some(service) => format!("{}/{service}", action.node),
        None => action.node.to_string(),
    }
}

/// Returns the open actions about a service, or about a node's disk.
fn open_for<'a>(
    desired: &Desired,
    open: &[(State, &'a Action)],
    node: &NodeName,
    service: Option<&ServiceName>,
) -> Vec<(State, &'a Action)> {
    open.iter().filter(|(_, a)| desired.canonical(&a.node) == *node && a.service.as_ref() == service).copied().collect()
}

/// Rule 2: the open action because of which none is made. Of pending ones only a restart gives way, to a redeploy.
fn blocking<'a>(open: &[(State, &'a Action)], kind: ActionType, id: &ActionId) -> Option<&'a ActionId> {
    let gives_way = |state: State, action: &Action| {
        state == State::Pending
            && action.id != *id
            && action.kind == ActionType::ContainerRestart
            && kind == ActionType::Redeploy
    };
    open.iter().find(|(state, action)| !gives_way(*state, action)).map(|(_, action)| &action.id)
}

fn row(inputs: &Inputs<'_>, drift: &Drift) -> DriftRow {
    let same = |row: &&DriftRow| row.kind == drift.kind && row.node == drift.node && row.service == drift.service;
    // A drift that was gone meanwhile is a new one.
    let lasts = |since: &Stamp| drift.last_gone.is_none_or(|gone| *since > gone);
    let before = inputs.before.iter().find(same).map(|row| row.since).filter(lasts);
    DriftRow {
        kind: drift.kind,
        node: drift.node.clone(),
        service: drift.service.clone(),
        reason: drift.reason.clone(),
        why: drift.why.clone(),
        since: before.or(drift.since).unwrap_or(inputs.now),
        action: None,
        held_until: None,
        held_by: None,
    }
}

/// Decides on an action that a person asks for: the holds do not count, rule 2 does.
pub fn decide_request(
    desired: &Desired,
    open: &[(State, &Action)],
    ended: Option<&Ended>,
    kind: ActionType,
    node: &NodeName,
    service: Option<&ServiceName>,
) -> Result<New, ActionId> {
    let node = desired.canonical(node);
    let id = ActionId::of(kind, &node, service);
    let open = open_for(desired, open, &node, service);
    if let Some(open) = blocking(&open, kind, &id) {
        return Err(open.clone());
    }
    let (attempt, mut hints) = attempt(ended);
    let plan = make_plan(desired, &node, service, kind, None);
    hints.extend(plan.as_ref().err().map(|e| format!("no plan can be made: {e}")));
    Ok(New { id, kind, node, service: service.cloned(), attempt, drift: None, hints, plan: plan.ok() })
}

/// Returns the services of the world that nobody desires, on hosts of which that can be said.
pub fn unmanaged<'a>(desired: &Desired, services: &'a Services) -> Vec<&'a super::world::ServiceRow> {
    let nobody_s = |row: &&super::world::ServiceRow| matches!(desired.wants(&row.node, &row.service), Wanted::No);
    services.services.iter().filter(nobody_s).collect()
}

#[cfg(test)]
mod tests;
