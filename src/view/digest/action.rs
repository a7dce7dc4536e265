//! The digest of one action: why, what runs, what happened, what is desired, and what can be done about it.

use super::{clean, desired, event_line, inline, literal};
use crate::commands::events::Shown;
use crate::flow::action::{Action, ActionType};
use crate::flow::desired::Host;
use crate::flow::lifecycle::State;
use crate::flow::plan::Plan;
use crate::flow::time::Stamp;
use crate::store::actions::Entry;

/// How many of the last lines of its containers' logs are told.
const LINES: usize = 40;

/// What is known of an action.
#[derive(Debug)]
pub struct Told<'a> {
    /// Its record.
    pub entry: &'a Entry,
    /// What would run, or ran, where that can be said.
    pub plan: Option<&'a Plan>,
    /// The desired state of its node.
    pub host: Option<&'a Host>,
    /// The last lines of its output.
    pub output: &'a str,
    /// What changed lately with its service or node, newest first.
    pub events: &'a [Shown],
    /// The time.
    pub now: Stamp,
}

/// Returns the Markdown of one action.
pub fn markdown(told: &Told<'_>) -> String {
    let Told { entry, plan, host, output, events, now } = *told;
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
        text.extend(result.hints.iter().map(|h| format!("- hint of its result: {}\n", inline(h))));
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
        text += &format!("\n{}", literal("Last lines of its output", output.lines()));
    }
    let log: Vec<_> =
        result.iter().flat_map(|r| r.container_log.iter().rev().take(LINES).rev().map(|l| clean(l))).collect();
    if !log.is_empty() {
        text += &format!("\n{}", literal("Last lines of its containers", log.iter().map(AsRef::as_ref)));
    }
    text += "\n## What changed in the last day, newest first\n\n";
    text.extend(events.iter().map(|e| format!("- {}\n", event_line(e, false))));
    if events.is_empty() {
        text += "Nothing.\n";
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::lifecycle;

    #[test]
    fn what_an_execution_left_behind_is_told_and_is_bounded() {
        let id = "redeploy-piha-web".parse().unwrap();
        let lines: Vec<String> = (0..99).map(|n| format!("line {n}\u{1b}")).collect();
        let action = serde_json::json!({
            "type": "redeploy", "node": "piha", "service": "web",
            "result": { "reason": "timeout", "hints": ["may_still_run"], "container_log": lines },
        });
        let bytes = action.to_string().into_bytes();
        let action = Action::parse(&id, &bytes).unwrap();
        let standing = lifecycle::standing(State::Failed, &action.history);
        let entry = Entry { state: State::Failed, action, standing, owner: "root".into(), bytes };
        let now = Stamp::from_millis(0);
        let text = markdown(&Told { entry: &entry, plan: None, host: None, output: "", events: &[], now });
        assert!(text.contains("- hint of its result: may_still_run\n"), "{text}");
        let log = text.split("## Last lines of its containers\n\n").nth(1).unwrap();
        assert!(log.starts_with("    line 59\\u{1b}\n") && log.contains("    line 98\\u{1b}\n\n## "), "{text}");
    }
}
