//! The digest of one action: why, what runs, what happened, what is desired, and what can be done about it.

use super::{desired, inline};
use crate::flow::action::{Action, ActionType};
use crate::flow::desired::Host;
use crate::flow::lifecycle::State;
use crate::flow::plan::Plan;
use crate::flow::time::Stamp;
use crate::store::actions::Entry;

/// Returns the Markdown of one action, with its plan, its node and the last lines of its output where they are known.
pub fn markdown(entry: &Entry, plan: Option<&Plan>, host: Option<&Host>, output: &str, now: Stamp) -> String {
    let Action { id, kind, attempt, drift, hints, result, node, service, .. } = &entry.action;
    let target = service.as_ref().map_or(node.to_string(), |service| format!("{service} on {node}"));
    let mut text = format!("# {id} is {} ({now})\n\n", entry.state);
    text += &format!("- {kind} of {target}, risk {}, attempt {attempt}\n", kind.risk());
    text += &drift.as_ref().map_or("- a person asked for it\n".into(), |d| {
        let reason = d.reason.as_deref().map_or(String::new(), |r| format!(" ({r})"));
        let found = d.detected_at.map_or(String::new(), |at| format!(", found {at}"));
        format!("- because of {}{found}\n", inline(&format!("{}{reason}", d.kind)))
    });
    text.extend(hints.iter().map(|h| format!("- hint: {}\n", inline(h))));
    if let Some(result) = result {
        let told = [result.reason.as_deref(), result.message.as_deref()].into_iter().flatten().collect::<Vec<_>>();
        text += &format!("- result: {}", if told.is_empty() { "well".into() } else { inline(&told.join(": ")) });
        text += &result.exit_code.map_or("\n".into(), |code| format!(", exit code {code}\n"));
    }
    if let Some(plan) = plan {
        text += "\n## Plan\n\n";
        for (n, step) in plan.steps.iter().enumerate() {
            let words = shlex::try_join(step.argv.iter().map(String::as_str)).unwrap_or_default();
            text += &format!("{}. on {}: `{}`\n", n + 1, inline(&step.on), inline(&words));
        }
        text += &plan.verify.as_ref().map_or(String::new(), |v| format!("\nThen verified by {}.\n", inline(&v.check)));
    }
    text += "\n## History\n\n";
    for line in entry.history() {
        let note = line.note.as_deref().map_or(String::new(), |n| format!(": {}", inline(n)));
        text += &format!("- {} {} by {} via {}{note}\n", line.at, line.to, inline(&line.by), line.via);
    }
    if !output.is_empty() {
        text += "\n## Last lines of its output\n\n";
        text.extend(output.lines().map(|line| format!("    {line}\n")));
    }
    text += "\n## Desired state\n\n";
    let desired = host.map_or(Vec::new(), |host| desired::of(host, service.as_ref()));
    text.extend(desired.iter().map(|line| format!("- {line}\n")));
    if desired.is_empty() {
        text += "Nobody desires it.\n";
    }
    format!("{text}\n## What the operator may do\n\n{}\n", advice(entry))
}

/// Says what can be done with an action as it stands now.
fn advice(entry: &Entry) -> String {
    let Action { id, kind, node, service, .. } = &entry.action;
    let request = match service {
        Some(service) => format!("`hlctl request {kind} {node} {service}`"),
        None => format!("`hlctl request {kind} {node}`"),
    };
    let silence = format!(
        "`hlctl silence {node}{} --for 2h --why TEXT`",
        service.as_ref().map_or(String::new(), |s| format!("/{s}"))
    );
    match entry.state {
        State::Pending if *kind == ActionType::Redeploy => {
            format!(
                "`hlctl approve {id}`, `hlctl reject {id} --reason TEXT`, `hlctl plan {id} --fetch` (the commits), \
                 {silence}."
            )
        }
        State::Pending => format!("`hlctl approve {id}`, `hlctl reject {id} --reason TEXT`, {silence}."),
        State::Approved => format!("`hlctl execute` runs it, or says why it does not; {silence}."),
        State::Running => format!("`hlctl logs {id} --follow`; {silence}."),
        State::Completed => format!("`hlctl logs {id}`; {request} does it once more."),
        State::Failed => format!(
            "`hlctl logs {id}` for all of its output; while the drift is there, `hlctl reconcile` queues it again, and \
             {request} does so at once; {silence}."
        ),
        State::Rejected => format!(
            "It is not queued again before the drift has gone once, or `reject_hold` is over; {request} queues it at \
             once."
        ),
        State::Cancelled => {
            format!("Nothing: its drift is gone or is mended otherwise. {request} queues it all the same.")
        }
    }
}
