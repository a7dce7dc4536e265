//! The digest of a part: one node or one service, as Markdown, what is wrong with it first.

use super::{RECENT, desired, event_line, inline, literal, note};
use crate::commands::events::Shown;
use crate::flow::action::Action;
use crate::flow::desired::{Host, HostError};
use crate::flow::drift::DriftRow;
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::status::{NodeStanding, Summary};
use crate::flow::time::{Stamp, span};
use crate::flow::world::{NodeRow, ServiceRow};
use crate::store::actions::Entry;

/// What is known of a node, or of one service on it.
#[derive(Debug)]
pub struct Part<'a> {
    /// The node.
    pub node: &'a NodeName,
    /// The service, where it is about one.
    pub service: Option<&'a ServiceName>,
    /// The state of everything.
    pub summary: &'a Summary,
    /// The node's desired state, where it is known.
    pub host: Option<&'a Host>,
    /// What is wrong with its host files.
    pub errors: &'a [HostError],
    /// What the node said last.
    pub row: Option<&'a NodeRow>,
    /// What was said last of its services, or of the one.
    pub rows: Vec<&'a ServiceRow>,
    /// Its actions.
    pub entries: &'a [Entry],
    /// The end of the output of what runs or was done last.
    pub outputs: Vec<(&'a Entry, String)>,
    /// What changed lately, newest first.
    pub events: Vec<Shown>,
    /// The time.
    pub now: Stamp,
}

/// Returns the Markdown of a node or of a service.
pub fn markdown(part: &Part<'_>) -> String {
    let Part { node, service, summary, now, .. } = part;
    let mut text = match service {
        Some(service) => format!("# {service} on {node} {} ({now})\n\n", is(part, service)),
        None => format!("# {node} is {} ({now})\n\n", standing(part).as_str()),
    };
    text += &section("What needs a person", sentences(part), "Nothing.");
    let drift =
        summary.drift.iter().filter(|d| d.node == **node && (service.is_none() || d.service.as_ref() == *service));
    text += &section("Drift", drift.map(drift_line), "None.");
    let (open, mut ended): (Vec<&Entry>, Vec<&Entry>) = part.entries.iter().partition(|e| !e.state.is_ended());
    Entry::newest_first(&mut ended);
    text += &section("Open actions", open.into_iter().map(|e| action_line(e, *now)), "None.");
    let ended = ended.into_iter().take(RECENT).map(|e| action_line(e, *now));
    text += &section("Ended actions, newest first", ended, "None.");
    text += &section("What was reported", reported(part), "Nothing was ever reported.");
    text += &section(
        "What changed in the last day, newest first",
        part.events.iter().map(|e| event_line(e, false)),
        "Nothing.",
    );
    text.extend(part.outputs.iter().map(|(entry, output)| {
        let title = format!("Last lines of {}, which is {}", entry.action.id, entry.state);
        format!("{}\n", literal(&title, output.lines()))
    }));
    let desired = part.host.map_or(Vec::new(), |host| desired::of(host, *service));
    text += &section("Desired state", desired, "Nobody desires it.");
    let (target, request) = match service {
        Some(service) => (format!("{node}/{service}"), format!("`hlctl request redeploy {node} {service}`, ")),
        None => (node.to_string(), format!("`hlctl request disk_cleanup {node}`, ")),
    };
    text + &format!(
        "## What the operator may do\n\n`hlctl show ID`, `hlctl approve ID`, `hlctl reject ID --reason TEXT`, `hlctl logs ID`, \
         {request}`hlctl silence {target} --for 2h --why TEXT`.\n"
    )
}

fn section(title: &str, lines: impl IntoIterator<Item = String>, none: &str) -> String {
    let lines: String = lines.into_iter().map(|line| format!("- {line}\n")).collect();
    format!("## {title}\n\n{}\n", if lines.is_empty() { format!("{none}\n") } else { lines })
}

fn standing(part: &Part<'_>) -> NodeStanding {
    let line = part.summary.node_lines.iter().find(|n| n.node == *part.node);
    line.map_or(NodeStanding::Unwatched, |line| line.standing)
}

/// Says in words how a service is.
fn is(part: &Part<'_>, service: &ServiceName) -> String {
    let row = part.rows.iter().find(|row| row.service == *service);
    let Some(row) = row else { return "is missing: nothing was reported of it".into() };
    let reason = row.reason.as_ref().map_or(String::new(), |reason| format!(" ({})", inline(reason)));
    format!("is {}{reason}", inline(&row.status))
}

/// Returns the sentences that are about the part: those that name it or one of its actions.
fn sentences(part: &Part<'_>) -> Vec<String> {
    let names = |sentence: &str, name: &str| {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        sentence.split(|c: char| !plain(c)).any(|word| word == name)
    };
    let is_about = |sentence: &&String| {
        let service = part.service.is_none_or(|service| names(sentence, service.as_str()));
        (service && names(sentence, part.node.as_str()))
            || part.entries.iter().any(|e| names(sentence, e.action.id.as_str()))
    };
    let told = part.summary.attention.iter().filter(is_about).map(|sentence| inline(sentence));
    let errors = part.errors.iter().map(|e| inline(&format!("broken host file: {e}")));
    let mut all: Vec<String> = errors.collect();
    all.extend(told.filter(|sentence| !sentence.starts_with("broken host file: ")));
    all
}

fn drift_line(row: &DriftRow) -> String {
    let service = row.service.as_ref().map_or(String::new(), |service| format!("{service}: "));
    let answer = match (&row.action, &row.held_by) {
        (Some(id), _) => format!("; action `{}`", inline(id)),
        (None, Some(why)) => format!("; held: {}", inline(why)),
        (None, None) => String::new(),
    };
    format!("{service}{}: {} (since {}){answer}", row.kind.as_str(), inline(&row.why), row.since)
}

fn action_line(entry: &Entry, now: Stamp) -> String {
    let Action { id, kind, attempt, drift, hints, result, .. } = &entry.action;
    let age = entry.since().map_or(String::new(), |at| format!(" since {at}, {}", span(now.since(at))));
    let mut line = format!("`{id}` {}{age}, risk {}, attempt {attempt}", entry.state, kind.risk());
    if let Some(drift) = drift {
        line += &format!(", because of {}", inline(&drift.kind));
        line += &drift.reason.as_ref().map_or(String::new(), |reason| format!(" ({})", inline(reason)));
    }
    if let Some(last) = entry.history().last() {
        line += &format!(", by {} via {}", inline(&last.by), last.via);
        line += &note(entry).map_or(String::new(), |note| format!(": {note}"));
    }
    let told = result.iter().flat_map(|r| [r.reason.as_deref(), r.message.as_deref()]).flatten();
    line.extend(told.map(|told| format!("; {}", inline(told))));
    line.extend(hints.iter().map(|hint| format!("; hint: {}", inline(hint))));
    line
}

fn reported(part: &Part<'_>) -> Vec<String> {
    let told = |at: Option<Stamp>| at.map_or("never".into(), |at| at.to_string());
    let mut lines = Vec::new();
    if let Some(row) = part.row.filter(|_| part.service.is_none()) {
        let disk = part.summary.node_lines.iter().find(|n| n.node == *part.node).map_or("", |n| n.disk.as_str());
        let disk = if disk.is_empty() { String::new() } else { format!("; disk {}", inline(disk)) };
        lines.push(format!("the node was last heard {}{disk}{}", told(row.last_seen), details(row.details.get())));
    }
    lines.extend(part.rows.iter().map(|row| {
        format!(
            "{} {} at {}; last healthy {}; last unhealthy {}{}",
            row.service,
            is(part, &row.service),
            row.last_event,
            told(row.last_healthy),
            told(row.last_unhealthy),
            details(row.details.get())
        )
    }));
    lines
}

fn details(json: &str) -> String {
    if json == "{}" { String::new() } else { format!("; details {}", inline(json)) }
}
