//! The action that is queued: its attempt, hints and plan.

use super::{Ended, Inputs};
use crate::flow::action::{ACTION_SCHEMA, Action, ActionId, ActionType, DriftNote, raw};
use crate::flow::desired::Desired;
use crate::flow::drift::{Drift, DriftKind};
use crate::flow::fields::Fields;
use crate::flow::lifecycle::State;
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::plan::{Commit, NoPlan, Plan};
use crate::flow::policy;
use crate::flow::time::Stamp;

/// An action to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// Its ID.
    pub id: ActionId,
    /// What it does.
    pub kind: ActionType,
    /// Where.
    pub node: NodeName,
    /// To which service.
    pub service: Option<ServiceName>,
    /// Which attempt it is.
    pub attempt: u32,
    /// Why; none where a person asked for it.
    pub drift: Option<DriftNote>,
    /// What the operator should know.
    pub hints: Vec<String>,
    /// What would run, if that can be said.
    pub plan: Option<Plan>,
}

impl New {
    /// Returns the fields of its file but for the history, which the store writes; secrets masked.
    pub fn fields(&self, secrets: &[String]) -> Fields {
        let mut fields = Fields::default();
        let mut set = |name: &str, value| fields.set(name, value);
        set("schema", raw(ACTION_SCHEMA));
        set("id", raw(&self.id));
        set("type", raw(&self.kind));
        set("risk", raw(&self.kind.risk()));
        set("node", raw(&self.node));
        set("service", raw(&self.service));
        set("attempt", raw(&self.attempt));
        set("drift", raw(&self.drift));
        set("hints", raw(&self.hints));
        set("plan", raw(&self.plan.as_ref().map(|plan| plan.masked(secrets))));
        set("history", raw(&[(); 0]));
        set("result", raw(&()));
        fields
    }
}

/// Returns the action that a drift calls for.
pub(super) fn new_action(inputs: &Inputs<'_>, drift: &Drift, id: ActionId, since: Stamp) -> New {
    let kind = drift.mend.unwrap_or(ActionType::Redeploy);
    let ended = inputs.ended.get(&id);
    let (attempt, mut hints) = attempt(ended);
    if drift.kind == DriftKind::MissingService && drift.node_unheard {
        hints.push(format!("the agent of {} was never heard: it may be that only its reports are missing", drift.node));
    }
    let past = inputs.past.get(&id);
    hints.extend(past.and_then(|past| policy::flapping_hint(past, inputs.config.flap_window, inputs.now)));
    let plan = make_plan(inputs.desired, &drift.node, drift.service.as_ref(), kind, None);
    hints.extend(plan.as_ref().err().map(|e| format!("no plan can be made: {e}")));
    let kind_of_drift = drift.kind.as_str().to_owned();
    let note = DriftNote { kind: kind_of_drift, reason: drift.reason.clone(), detected_at: Some(since) };
    New {
        id,
        kind,
        node: drift.node.clone(),
        service: drift.service.clone(),
        attempt,
        drift: Some(note),
        hints,
        plan: plan.ok(),
    }
}

/// Returns which attempt comes after an ended record, with the hint that tells of a failure.
pub fn attempt(ended: Option<&Ended>) -> (u32, Vec<String>) {
    match ended {
        Some(Ended { state: State::Failed, attempt, error, .. }) => {
            let next = attempt.saturating_add(1);
            let error = error.as_deref().unwrap_or("no reason was recorded");
            (next, vec![format!("attempt {next}: the last one failed: {error}")])
        }
        _ => (1, Vec::new()),
    }
}

/// Makes the plan of a recorded action, in this state, from the desired state as it is now.
pub fn plan_of(desired: &Desired, action: &Action, state: State) -> Result<Plan, NoPlan> {
    make_plan(desired, &action.node, action.service.as_ref(), action.kind, action.commit(state))
}

/// Makes the plan of an action from the desired state as it is now; with a commit, one that goes to exactly that.
pub fn make_plan(
    desired: &Desired,
    node: &NodeName,
    service: Option<&ServiceName>,
    kind: ActionType,
    commit: Option<&Commit>,
) -> Result<Plan, NoPlan> {
    let node = desired.canonical(node);
    let host = desired.hosts.get(&node).ok_or_else(|| NoPlan(format!("{node} has no readable files in hosts/")))?;
    let found = service.map(|name| host.service(name).ok_or_else(|| NoPlan(format!("{node} has no service {name}"))));
    Plan::make(host, found.transpose()?, kind, commit)
}
