//! The first page: is all well, what is not, what would happen on a yes, what happened last.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use super::records::Records;
use super::{Answer, Page, below_root, clean, maybe_stamp, queue, render, stamp, state, words, world};
use crate::flow::drift::DriftRow;
use crate::flow::lifecycle::State;
use crate::flow::status::{NodeStanding, Summary, count};
use crate::flow::time::span;
use crate::store::actions::{self, Entry};
use crate::web::routes::Call;

/// How many ended actions are shown.
const RECENT: usize = 6;

/// Returns the page.
pub fn overview(call: &Call<'_>) -> Answer {
    let (desired, summary) = state(call)?;
    let entries = Records::newest(call, RECENT, &|_| true)?.entries;
    let plans = queue::plans(call, &desired)?;
    let unheard: Vec<&str> =
        summary.node_lines.iter().filter(|n| n.standing == NodeStanding::NeverHeard).map(|n| n.node.as_str()).collect();
    let (mut rows, mut grouped): (Vec<Value>, BTreeMap<&str, Vec<Value>>) = Default::default();
    for entry in queue::most_urgent_first(&entries) {
        let node = unheard.iter().find(|n| **n == entry.action.node.as_str());
        let row = queue::pending_row(call, &summary, entry, &plans, node.is_some() || rows.len() >= queue::INLINE);
        match node {
            Some(node) => grouped.entry(node).or_default().push(row),
            None => rows.push(row),
        }
    }
    let grouped: Vec<Value> =
        grouped.into_iter().map(|(node, rows)| context! { node, words => count(rows.len(), "action"), rows }).collect();
    let active = entries.iter().filter(|e| matches!(e.state, State::Approved | State::Running));
    let mut ended: Vec<&Entry> = entries.iter().filter(|e| e.state.is_ended()).collect();
    Entry::newest_first(&mut ended);
    let own = context! {
        verdict => verdict(call, &summary), rows, grouped,
        others => summary.others().iter().map(|s| sentence(call, &summary, s)).collect::<Vec<_>>(),
        active => active.map(|e| queue::line(call, e)).collect::<Vec<_>>(),
        ended => ended.into_iter().take(RECENT).map(|e| queue::line(call, e)).collect::<Vec<_>>(),
        nodes => world::node_cards(call, &desired, &summary)?,
        unmanaged => summary.unmanaged.iter().map(|u| clean(u)).collect::<Vec<_>>(),
        held => held(call, &summary), passes => passes(call, &summary), no_world => summary.as_of.is_none(), no_hosts => summary.nodes.total == 0,
        root => call.app.cx.root.display().to_string(), hosts => call.app.cx.hosts_path().display().to_string(),
    };
    let page = Page { template: "overview.html", name: "overview", digest: Some(String::new()) };
    render(call, &page, Some(&summary), own)
}

/// Returns the drift for which nothing is queued for now, and until when.
fn held(call: &Call<'_>, summary: &Summary) -> Vec<Value> {
    let held = summary.drift.iter().filter(|d| d.action.is_none() && d.held_by.is_some());
    let row = |d: &DriftRow| {
        let (node, why) = (d.node.as_str(), d.held_by.as_deref().map(clean));
        let (what, to) = match &d.service {
            Some(service) => (format!("{service} on {node}"), format!("/services/{node}/{service}")),
            None => (node.to_owned(), format!("/nodes#node-{node}")),
        };
        context! { what, to, is => clean(&d.why), why, until => maybe_stamp(d.held_until, call.now) }
    };
    held.map(row).collect()
}

/// Returns a sentence of `status` with what it means and where to go on from it.
fn sentence(call: &Call<'_>, summary: &Summary, text: &str) -> Value {
    let id = text.split_once(" failed: ").and_then(|(id, _)| id.parse().ok());
    let failed = id.and_then(|id| actions::read(&call.app.root, State::Failed, &id).ok()?);
    if let Some(entry) = failed {
        let why = queue::failure(&entry).map(|why| clean(&why));
        return context! {
            tone => "bad", word => "failed", text => queue::deed(&entry.action), why, to => format!("/actions/{}", entry.action.id),
        };
    }
    for line in &summary.node_lines {
        if let Some(rest) = text.strip_prefix(line.node.as_str()).and_then(|r| r.strip_prefix(" has been silent for "))
        {
            let (text, to) =
                (format!("{} has said nothing for {rest}", line.node), format!("/nodes#node-{}", line.node));
            let why = "what runs there may still be well: look at its agent and its network";
            return context! { tone => "attention", word => "silent", text, why, to };
        }
        let of = line.services.iter().find(|(name, _, _)| text.starts_with(&format!("{name} on {} is ", line.node)));
        if let Some((name, words, _)) = of {
            let to = format!("/services/{}/{name}", line.node);
            let (word, why) = words.split_once(" (").unwrap_or((words, ""));
            let why = Some(words::reason(why.trim_end_matches(')'))).filter(|why| !why.is_empty()).map(clean);
            return context! { tone => "bad", word => clean(word), text => format!("{name} on {}", line.node), why, to };
        }
    }
    let disk_of = summary.node_lines.iter().find(|l| text.starts_with(&format!("the disk of {} is ", l.node)));
    let to = disk_of.map(|line| format!("/nodes#node-{}", line.node));
    let late = "what happened since is not known: is the timer running? systemctl list-timers, or the crontab, tells";
    let why = (text.ends_with(" ago") || text.ends_with(" never ran")).then_some(late);
    let (text, tone, word) = KNOWN
        .iter()
        .find_map(|(begin, end, tone, word)| {
            let rest = text.strip_prefix(begin).filter(|_| text.ends_with(end))?;
            Some((if begin.ends_with(": ") { rest } else { text }, *tone, *word))
        })
        .unwrap_or(match text {
            // A mirror has no records to tell it from.
            _ if text.contains(" failed: ") => (text, "bad", "failed"),
            _ if text.contains(" waits for approval") => (text, "attention", "waits"),
            _ => (text, "attention", "note"),
        });
    context! { tone, word, why, to, text => below_root(call, text) }
}

/// How sentences begin and end, with their tone and a word for them; what is before a colon need not be repeated.
const KNOWN: [(&str, &str, &str, &str); 12] = [
    ("broken host file: ", "", "bad", "broken"),
    ("not an action: ", "", "attention", "odd file"),
    ("the disk of ", "", "attention", "disk full"),
    ("there is no world yet", "", "attention", "no world"),
    ("", " could not be read", "attention", "unreadable"),
    ("", ": a node's clock is ahead", "attention", "clock"),
    ("", " ago", "bad", "late"),
    ("", " never ran", "bad", "late"),
    ("observe failed", "", "bad", "failed"),
    ("reconcile failed", "", "bad", "failed"),
    ("execute failed", "", "bad", "failed"),
    ("", ": remove one of the files", "attention", "twice"),
];

fn verdict(call: &Call<'_>, summary: &Summary) -> Value {
    let observed = summary.passes.get("observe").and_then(|p| p.last_finished);
    let old = observed.filter(|at| call.now.since(*at) > crate::flow::status::OLD_PASS_MS);
    let is_empty = summary.as_of.is_none() && summary.nodes.total == 0;
    let words = match old {
        _ if is_empty => "Nothing to watch yet".to_owned(),
        Some(at) => format!("Nobody has looked for {}", span(call.now.since(at))),
        None => summary.verdict(),
    };
    context! { words, facts => summary.health(), looked => maybe_stamp(observed, call.now) }
}

fn passes(call: &Call<'_>, summary: &Summary) -> Vec<Value> {
    let order = crate::store::pass::SHOWN.iter().filter_map(|name| Some((name, summary.passes.get(*name)?)));
    order
        .map(|(name, pass)| {
            let old = pass.age_seconds.is_none_or(|age| age * 1000 > crate::flow::status::OLD_PASS_MS);
            let (tone, word) = match (pass.age_seconds, pass.ok, old) {
                (None, _, _) => ("bad", "never ran"),
                (_, false, _) => ("bad", "failed"),
                (_, true, true) => ("bad", "late"),
                (_, true, false) => ("good", "well"),
            };
            let at = pass.last_finished.map(|at| stamp(at, call.now));
            context! { name => *name, tone, word, at, error => pass.error.as_deref().map(clean) }
        })
        .collect()
}
