//! One approved action from its claim to its end.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::claim::{self, Verdict};
use super::{Done, Shared, tell, unfinished};
use crate::flow::action::{Action, ActionId, Outcome, Via, raw};
use crate::flow::desired::Host;
use crate::flow::health::Health;
use crate::flow::hostfile::{Service, on_this_machine};
use crate::flow::lifecycle::{State, Transition};
use crate::flow::mask::mask;
use crate::flow::order::End;
use crate::flow::plan::{Plan, Step};
use crate::flow::time::Stamp;
use crate::probe;
use crate::runner::{self, Group, Job, Node};
use crate::store::actions::Entry;
use crate::store::transition::{self, Asked, Changes, NotDone};

/// What the file of a running action holds of its execution, so that whoever finds it can end what is left of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    /// When the execution began: it names the log.
    pub started_at: Stamp,
    /// Where the step runs: `local`, or an ssh destination.
    pub on: Option<String>,
    /// The step's process group.
    pub group: Option<Group>,
    /// What only the node knew, as far as it is known.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// Runs an approved action in its turn.
pub fn run(shared: &Shared<'_>, entry: &Entry, node: &mut Node) -> End {
    if let Verdict::Stays(why) = claim::judge(shared.desired, shared.config, entry, &shared.cx.secrets, shared.cx.now())
    {
        // An error, and so not among those that are left for a reason of this pass.
        let error = format!("{} stays approved: {why}\nhelp: mend the host file (`hlctl check`)", entry.action.id);
        shared.report(|r| r.errors.push(error));
        return End::Left;
    }
    run_one(shared, &entry.action.id, node).unwrap_or_else(|e| {
        shared.report(|r| r.errors.push(format!("{}: {e}", entry.action.id)));
        End::Failed
    })
}

/// Claims an action, runs it and records its end.
fn run_one(shared: &Shared<'_>, id: &ActionId, node: &mut Node) -> Result<End, NotDone> {
    let started = shared.cx.now();
    let mut verdict = None;
    let claimed = transition::apply(shared.root, id, Transition::Claim, &asked(started, None), |entry| {
        let judged = claim::judge(shared.desired, shared.config, entry, &shared.cx.secrets, started);
        let running = Running { started_at: started, on: None, group: None, facts: BTreeMap::new() };
        let mut changes = Changes { set: vec![("running", raw(&running))], plan: None };
        match &judged {
            Verdict::Stays(why) => {
                let advice = "mend the host file (`hlctl check`)".into();
                return Err(NotDone::Refused { message: why.clone(), advice });
            }
            // Should this process die before the end is recorded, the next one knows why it had to fail.
            Verdict::Fails(outcome) => changes.set.push(("result", raw(outcome))),
            Verdict::Runs { plan, .. } => {
                changes.set.push(("result", raw(&())));
                changes.set.push(("plan", raw(&plan.masked(&shared.cx.secrets))));
                changes.plan = Some(plan.digest.clone());
            }
        }
        verdict = Some(judged);
        Ok(changes)
    })?;
    match verdict {
        Some(Verdict::Runs { plan, host, service, unpinned }) => {
            (shared.say)(&format!("{id}: {} on {}", super::steps(&plan), host.node));
            tell::started(shared, &claimed.action);
            let ran = run_plan(shared, &claimed, &plan, host, service, node)?;
            let outcome = Outcome { unpinned, ..ran.outcome.clone() };
            finish(shared, &claimed.action, outcome)?;
            tell::health(shared, &claimed.action, ran.health.as_ref());
            Ok(match ran {
                runner::Ran { node_unavailable: true, .. } => End::NodeAway,
                runner::Ran { is_success: true, .. } => End::Well,
                runner::Ran { is_success: false, .. } => End::Failed,
            })
        }
        Some(Verdict::Fails(outcome)) => finish(shared, &claimed.action, outcome).map(|()| End::Failed),
        Some(Verdict::Stays(_)) | None => Ok(End::Left),
    }
}

fn run_plan(
    shared: &Shared<'_>,
    claimed: &Entry,
    plan: &Plan,
    host: &Host,
    service: Option<&Service>,
    node: &mut Node,
) -> Result<runner::Ran, NotDone> {
    let (cx, root, id) = (shared.cx, shared.root, &claimed.action.id);
    let started = running_of(&claimed.action).map_or_else(|| cx.now(), |r| r.started_at);
    let logs = root.logs(id);
    root.make_dir(&logs)?;
    let home = cx.home();
    let mut current = claimed.clone();
    let mut record = |group: &Group, facts: &BTreeMap<String, String>| {
        let on = plan.steps.get(group.step.saturating_sub(1)).map(|step| step.on.clone());
        let running = Running { started_at: started, on, group: Some(group.clone()), facts: facts.clone() };
        let noted = transition::annotate(root, &current, vec![("running", raw(&running))]);
        current = noted.map_err(|e| io::Error::other(e.to_string()))?;
        Ok(())
    };
    let dir = working_dir(host, home.as_deref());
    let dir = dir.as_deref();
    let mut look = service
        .and_then(|s| s.settings.check.as_ref())
        .map(|check| move || masked(probe::check(check, &host.connection, dir, probe::TIMEOUT), &cx.secrets));
    let job = Job {
        gate: &cx.exe,
        home: home.as_deref(),
        clock: cx.clock,
        secrets: &cx.secrets,
        started,
        logs: &logs,
        owner: root.owner(),
        record: &mut record,
        probe: look.as_mut().map(|look| look as &mut dyn FnMut() -> Health),
        unfinished: unfinished::find(shared, &claimed.action),
    };
    let mut ran = runner::run_plan(plan, job, node);
    ran.outcome.log = Some(format!("actions/logs/{id}/{}.log", started.file_name()));
    Ok(ran)
}

/// Returns where a host's recipes and checks run on this machine: in its repository, else in the home.
pub fn working_dir(host: &Host, home: Option<&Path>) -> Option<PathBuf> {
    let repo = host.file.repo.as_ref().map_or("~", |repo| repo.as_str());
    on_this_machine(repo, home).filter(|dir| dir.is_dir())
}

/// Returns what a check saw without the secrets in it: it goes into the event log and the record.
pub fn masked(health: Health, secrets: &[String]) -> Health {
    match health {
        Health::Healthy => Health::Healthy,
        Health::Unhealthy { reason, detail } => Health::Unhealthy { reason, detail: mask(&detail, secrets) },
        Health::Unknown { detail } => Health::Unknown { detail: mask(&detail, secrets) },
    }
}

/// Returns what the file says of its execution.
pub fn running_of(action: &Action) -> Option<Running> {
    serde_json::from_str(action.fields.get("running")?.get()).ok()
}

/// Returns the plan of an execution, as the file tells it.
pub fn plan_of(action: &Action) -> Option<Plan> {
    serde_json::from_str(action.fields.get("plan")?.get()).ok()
}

/// Returns a step of that plan by its number.
pub fn step_of(action: &Action, number: usize) -> Option<Step> {
    plan_of(action)?.steps.into_iter().nth(number.checked_sub(1)?)
}

/// Records the end of a running action, tells the event log of it and reports it.
pub fn finish(shared: &Shared<'_>, action: &Action, outcome: Outcome) -> Result<(), NotDone> {
    let now = shared.cx.now();
    let (transition, state) = match outcome.reason {
        None => (Transition::Complete, State::Completed),
        Some(_) => (Transition::Fail, State::Failed),
    };
    let asked = asked(now, outcome.reason.clone());
    let set = vec![("result", raw(&outcome)), ("running", raw(&()))];
    transition::apply(shared.root, &action.id, transition, &asked, |_| Ok(Changes { set, plan: None }))?;
    tell::ended(shared, action, state, &outcome);
    let took_ms = outcome.finished_at.zip(outcome.started_at).map_or(0, |(to, from)| to.since(from).max(0));
    let done = Done { id: action.id.clone(), state, reason: outcome.reason, message: outcome.message, took_ms };
    (shared.say)(&format!("{}: {state}{}", done.id, done.reason.as_ref().map_or(String::new(), |r| format!(" ({r})"))));
    shared.report(|r| r.actions.push(done));
    Ok(())
}

fn asked(at: Stamp, note: Option<String>) -> Asked {
    Asked { at, by: "execute".into(), via: Via::Execute, peer: None, note }
}
