//! The queue's pages: the list, one action with its plan, and what becomes of the buttons.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use super::records::Records;
use super::{Answer, Page, below_root, clean, may_decide, maybe_stamp, plan, render, stamp, state, state_tone, words};
use crate::cli;
use crate::commands;
use crate::commands::plan::Planned;
use crate::flow::action::{Action, ActionId, ActionType, Risk};
use crate::flow::desired::Desired;
use crate::flow::drift::DriftKind;
use crate::flow::lifecycle::State;
use crate::flow::plan::Plan;
use crate::flow::sort;
use crate::flow::status::{Summary, count};
use crate::flow::time::{Stamp, span};
use crate::store::actions::{self, Entry};
use crate::web::api::actions::{approve_one, known, output, reject_one};
use crate::web::message::{Refusal, Response};
use crate::web::routes::Call;

/// How many ended actions the list shows of each state.
const SHOWN: usize = 50;
/// How much output an action's page shows; all of it is behind a link.
const LOG_SHOWN: usize = 64 * 1024;

/// How many pending rows carry their plan; that of the others is loaded when they are opened, or a link away.
pub const INLINE: usize = 2;

/// Plans by action.
pub type Plans = BTreeMap<ActionId, Planned>;

/// Returns the plans of all pending and approved actions, as they are now.
pub fn plans(call: &Call<'_>, desired: &Desired) -> Result<Plans, Refusal> {
    let report = commands::plan::of(&call.app.cx, desired, &cli::PlanArgs { id: None, node: None, fetch: false })?;
    Ok(report.plans.into_iter().map(|p| (p.id.clone(), p)).collect())
}

/// Returns the pending actions: what disturbs least and was asked first comes first.
pub fn most_urgent_first(entries: &[Entry]) -> Vec<&Entry> {
    let mut pending: Vec<&Entry> = entries.iter().filter(|e| e.state == State::Pending).collect();
    sort::by_key(&mut pending, |e| (e.action.kind != ActionType::ContainerRestart, e.since(), e.action.id.clone()));
    pending
}

/// Returns the list.
pub fn actions(call: &Call<'_>) -> Answer {
    let (desired, summary) = state(call)?;
    let records = Records::newest(call, SHOWN, &|_| true)?;
    let wanted = call.request.head.queries("state").into_iter().next().and_then(|s| s.parse::<State>().ok());
    let plans = plans(call, &desired)?;
    let several = may_decide(call) && call.request.head.query.starts_with("several");
    let mut groups = Vec::new();
    for state in State::ALL.into_iter().filter(|s| wanted.is_none_or(|w| w == *s)) {
        let entries = records.entries.iter().filter(|e| e.state == state);
        let all = records.counts.iter().find(|(of, _)| *of == state).map_or(0, |(_, count)| *count);
        let rows: Vec<Value> = match state {
            State::Pending => {
                let all = most_urgent_first(&records.entries).into_iter().enumerate();
                all.map(|(n, e)| pending_row(call, &summary, e, &plans, !several && n >= INLINE)).collect()
            }
            _ => entries.take(SHOWN).map(|e| line(call, e)).collect(),
        };
        let more = all - rows.len();
        groups.push(context! { state => state.as_str(), tone => state_tone(state), all, more, rows });
    }
    let invalid: Vec<String> = records.invalid.iter().map(|i| below_root(call, &i.to_string())).collect();
    let (wanted, states) = (wanted.map(State::as_str), State::ALL.map(State::as_str));
    let own = context! { groups, invalid, several, wanted, states };
    let page = Page { template: "actions.html", name: "actions", digest: Some(String::new()) };
    render(call, &page, Some(&summary), own)
}

/// Returns an action's deed in words: `restart mosquitto on piha`.
pub fn deed(action: &Action) -> String {
    let verb = match action.kind {
        ActionType::Redeploy => "redeploy",
        ActionType::ContainerRestart => "restart",
        ActionType::DiskCleanup => "clean up the disk",
    };
    match &action.service {
        Some(service) => format!("{verb} {service} on {}", action.node),
        None => format!("{verb} of {}", action.node),
    }
}

/// Says in words why an action was made.
fn why(summary: &Summary, action: &Action) -> String {
    let row = summary.drift.iter().find(|d| d.action.as_deref() == Some(action.id.as_str()));
    let note = || match &action.drift {
        Some(drift) => match &drift.reason {
            Some(reason) => format!("{}: {}", drift.kind.replace('_', " "), words::reason(reason)),
            None => drift.kind.replace('_', " "),
        },
        None => "a person asked for it".into(),
    };
    clean(&row.map_or_else(note, |d| d.why.clone()))
}

/// Says for how long a service has not been well.
fn lasts(summary: &Summary, action: &Action, now: Stamp) -> Option<String> {
    let mut rows = summary.drift.iter().filter(|d| d.kind == DriftKind::UnhealthyService);
    let row = rows.find(|d| d.action.as_deref() == Some(action.id.as_str()))?;
    let ms = now.since(row.since);
    (ms >= 60_000).then(|| span(ms))
}

/// Returns a pending action as a row that opens to its plan, which may be left for later.
pub fn pending_row(call: &Call<'_>, summary: &Summary, entry: &Entry, plans: &Plans, later: bool) -> Value {
    let action = &entry.action;
    let planned = plans.get(&action.id);
    context! {
        id => action.id.as_str(), deed => deed(action), why => why(summary, action),
        node => action.node.as_str(), service => action.service.as_ref().map(|s| s.as_str()),
        risk => action.kind.risk().to_string(), guarded => action.kind.risk() == Risk::Guarded,
        attempt => action.attempt, since => maybe_stamp(entry.since(), call.now),
        lasts => lasts(summary, action, call.now), hints => action.hints.iter().map(|h| clean(h)).collect::<Vec<_>>(),
        plan => planned.and_then(|p| plan::planned(p, call.now)), later,
        error => planned.and_then(|p| p.error.as_deref()).map(clean), after => after_no(call, action),
    }
}

/// Says what follows a rejection.
fn after_no(call: &Call<'_>, action: &Action) -> String {
    let hold = span(i64::try_from(call.app.config.reject_hold.as_millis()).unwrap_or(i64::MAX));
    match &action.drift {
        Some(_) => format!("Rejected, it is not queued again until what is wrong was gone once, or {hold} are over."),
        None => "Rejected, it ends here: nothing is run.".into(),
    }
}

/// Says in words why an action failed.
pub fn failure(entry: &Entry) -> Option<String> {
    let result = entry.action.result.as_ref()?;
    let told = [result.reason.as_deref().map(words::reason), result.message.as_deref()];
    Some(told.into_iter().flatten().collect::<Vec<_>>().join(": "))
}

/// Returns any other action as a row.
pub fn line(call: &Call<'_>, entry: &Entry) -> Value {
    let action = &entry.action;
    let last = entry.history().last();
    let result = action.result.as_ref();
    let told = match entry.state {
        State::Failed => failure(entry),
        State::Completed => result.and_then(|r| r.reason.as_deref()).map(|r| words::reason(r).to_owned()),
        _ => last.and_then(|l| l.note.as_deref()).map(|n| words::reason(n).to_owned()),
    };
    let took = result.and_then(|r| Some(span(r.finished_at?.since(r.started_at?))));
    let newest_output = match entry.state {
        State::Running => output(call, &action.id, 2000).ok().and_then(|t| t.lines().last().map(str::to_owned)),
        _ => None,
    };
    context! {
        id => action.id.as_str(), deed => deed(action), state => entry.state.as_str(), tone => state_tone(entry.state),
        since => maybe_stamp(entry.since(), call.now), told => told.map(|t| clean(&t)), took,
        by => last.map(|l| clean(&l.by)), output => newest_output,
    }
}

/// Returns one action's page.
pub fn action(call: &Call<'_>) -> Answer {
    let entry = known(call)?;
    let (desired, summary) = state(call)?;
    let action = &entry.action;
    let decided = matches!(entry.state, State::Pending | State::Approved);
    let planned = if decided { plans(call, &desired)?.remove(&action.id) } else { None };
    let stored = action.fields.get("plan").and_then(|raw| serde_json::from_str::<Plan>(raw.get()).ok());
    let shown = match &planned {
        Some(planned) => plan::planned(planned, call.now),
        None => stored.as_ref().filter(|_| !decided).map(plan::kept),
    };
    let history: Vec<Value> = entry
        .history()
        .iter()
        .map(|h| {
            context! {
                at => stamp(h.at, call.now), to => h.to.as_str(), tone => state_tone(h.to), by => clean(&h.by),
                via => Some(h.via.to_string()).filter(|via| *via != h.by), note => h.note.as_deref().map(words::reason).map(clean),
            }
        })
        .collect();
    let log = output(call, &action.id, LOG_SHOWN)?;
    let own = context! {
        id => action.id.as_str(), deed => deed(action), why => why(&summary, action), state => entry.state.as_str(),
        state_tone => state_tone(entry.state), risk => action.kind.risk().to_string(),
        guarded => action.kind.risk() == Risk::Guarded, attempt => action.attempt,
        node => action.node.as_str(), service => action.service.as_ref().map(|s| s.as_str()),
        since => maybe_stamp(entry.since(), call.now),
        detected => maybe_stamp(action.drift.as_ref().and_then(|d| d.detected_at), call.now),
        hints => action.hints.iter().map(|h| clean(h)).collect::<Vec<_>>(),
        plan => shown, fetches => action.kind == ActionType::Redeploy, error => planned.as_ref().and_then(|p| p.error.as_deref()).map(clean),
        pinned => planned.as_ref().and_then(|p| p.pinned.as_deref()).map(clean), history, after => after_no(call, action),
        by_hand => entry.standing.by_hand, older => actions::older(&call.app.root, &action.id),
        result => outcome(&entry), log, live => matches!(entry.state, State::Approved | State::Running),
    };
    let digest = Some(format!("?action={}", action.id));
    let page = Page { template: "action.html", name: "action", digest };
    render(call, &page, Some(&summary), own)
}

fn outcome(entry: &Entry) -> Option<Value> {
    let result = entry.action.result.as_ref()?;
    let took = result.finished_at.zip(result.started_at).map(|(to, from)| span(to.since(from)));
    let code = result.reason.as_deref();
    Some(context! {
        reason => code.map(words::reason).map(clean), code => code.map(clean), message => result.message.as_deref().map(clean), took,
        step => result.failed_step, exit => result.exit_code, next => words::next(code),
        hints => result.hints.iter().map(|h| clean(words::reason(h))).collect::<Vec<_>>(),
        facts => result.facts.iter().map(|(n, f)| context! { name => clean(&n.replace('_', " ")), fact => clean(f) }).collect::<Vec<_>>(),
        lines => result.container_log.iter().map(|l| clean(l)).collect::<Vec<_>>(),
        diff => result.diff.as_deref().map(plan::diff), unpinned => result.unpinned,
    })
}

/// The approve button.
pub fn approve(call: &Call<'_>) -> Answer {
    let entry = known(call)?;
    // Whoever looks at a page says yes to what it showed.
    let digest = call.request.field("digest").ok_or_else(no_plan)?;
    approve_one(call, &entry.action.id, Some(&digest), call.request.field("note").as_deref())?;
    Ok(to_action(call, &entry))
}

fn no_plan() -> Refusal {
    Refusal::new(400, "the form does not say which plan is approved")
        .advise("go back, reload the page, and try it again")
}

/// The reject button.
pub fn reject(call: &Call<'_>) -> Answer {
    let entry = known(call)?;
    let (reason, digest) = (call.request.field("reason").unwrap_or_default(), call.request.field("digest"));
    reject_one(call, &entry.action.id, &reason, digest.as_deref())?;
    Ok(to_action(call, &entry))
}

fn to_action(call: &Call<'_>, entry: &Entry) -> Response {
    Response::see_other(format!("{}/actions/{}", call.app.base, entry.action.id))
}

/// The button that approves all that were ticked: each `pick` is an ID and the digest of the plan that was shown.
pub fn approve_several(call: &Call<'_>) -> Answer {
    let picks = call.request.fields("pick");
    if picks.is_empty() {
        return Err(Refusal::new(400, "nothing was ticked").advise("go back and tick what you want to approve"));
    }
    let read = |pick: &String| -> Option<(ActionId, String)> {
        let (id, digest) = pick.split_once(' ').filter(|(_, digest)| !digest.is_empty())?;
        Some((id.parse().ok()?, digest.to_owned()))
    };
    let picks = picks.iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(no_plan)?;
    let mut failed = Vec::new();
    for (id, digest) in &picks {
        if let Err(refusal) = approve_one(call, id, Some(digest), call.request.field("note").as_deref()) {
            failed.push(refusal);
        }
    }
    if let Some(first) = failed.first() {
        let (done, all) = (picks.len() - failed.len(), count(picks.len(), "action"));
        let told: Vec<&str> = failed.iter().map(|f| f.detail.as_str()).collect();
        let refusal = Refusal::new(first.status, format!("{done} of {all} approved; {}", told.join("; ")));
        return Err(refusal.advise("look at the queue again"));
    }
    Ok(Response::see_other(format!("{}/actions", call.app.base)))
}
