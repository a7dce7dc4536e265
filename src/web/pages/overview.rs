//! The first page: is all well, what is not, what would happen on a yes, what happened last.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use super::{Answer, Page, below_root, clean, queue, render, stamp, state, world};
use crate::flow::action::ActionType;
use crate::flow::lifecycle::State;
use crate::flow::sort;
use crate::flow::status::{NodeStanding, Pending, Summary, count};
use crate::flow::time::span;
use crate::store::actions::{self, Entry};
use crate::web::message::Refusal;
use crate::web::routes::Call;

/// How many ended actions are shown.
const RECENT: usize = 6;

/// Returns the page.
pub fn overview(call: &Call<'_>) -> Answer {
    let (desired, summary) = state(call)?;
    let listing = actions::list(&call.app.root, &State::ALL).map_err(|e| Refusal::new(503, e.to_string()))?;
    let plans = queue::plans(call, &desired)?;
    let unheard: Vec<&str> =
        summary.node_lines.iter().filter(|n| n.standing == NodeStanding::NeverHeard).map(|n| n.node.as_str()).collect();
    let (mut rows, mut grouped): (Vec<Value>, BTreeMap<&str, Vec<Value>>) = Default::default();
    let mut pending: Vec<&Entry> = listing.entries.iter().filter(|e| e.state == State::Pending).collect();
    sort::by_key(&mut pending, |e| (e.action.kind != ActionType::ContainerRestart, e.since()));
    for entry in pending {
        let row = queue::pending_row(call, &summary, entry, &plans);
        match unheard.iter().find(|n| **n == entry.action.node.as_str()) {
            Some(node) => grouped.entry(node).or_default().push(row),
            None => rows.push(row),
        }
    }
    let grouped: Vec<Value> =
        grouped.into_iter().map(|(node, rows)| context! { node, words => count(rows.len(), "action"), rows }).collect();
    let active = listing.entries.iter().filter(|e| matches!(e.state, State::Approved | State::Running));
    let mut ended: Vec<&Entry> = listing.entries.iter().filter(|e| e.state.is_ended()).collect();
    Entry::newest_first(&mut ended);
    let own = context! {
        verdict => verdict(call, &summary), rows, grouped,
        others => others(&summary).into_iter().map(|s| sentence(call, &summary, &listing.entries, s)).collect::<Vec<_>>(),
        active => active.map(|e| queue::line(call, e)).collect::<Vec<_>>(),
        ended => ended.into_iter().take(RECENT).map(|e| queue::line(call, e)).collect::<Vec<_>>(),
        nodes => world::node_cards(call, &desired, &summary)?,
        unmanaged => summary.unmanaged.iter().map(|u| clean(u)).collect::<Vec<_>>(),
        passes => passes(call, &summary), no_world => summary.as_of.is_none(), no_hosts => summary.nodes.total == 0,
        root => call.app.cx.root.display().to_string(), hosts => call.app.cx.hosts_path().display().to_string(),
    };
    let page = Page { template: "overview.html", name: "overview", digest: Some(String::new()) };
    render(call, &page, Some(&summary), own)
}

/// Returns how many things need a person: each pending action once, with the drift that it would mend.
pub fn needs(summary: &Summary) -> usize {
    let rows = if summary.mirror.is_some() { 0 } else { summary.pending.len() };
    rows + others(summary).len()
}

/// Returns the sentences that no pending action's row tells already.
fn others(summary: &Summary) -> Vec<&str> {
    // A mirror has no rows to decide on.
    let told = |sentence: &str| summary.mirror.is_none() && summary.pending.iter().any(|p| is_about(sentence, p));
    summary.attention.iter().map(String::as_str).filter(|s| !told(s)).collect()
}

/// Returns a sentence of `status` with what it means and where to go on from it.
fn sentence(call: &Call<'_>, summary: &Summary, entries: &[Entry], text: &str) -> Value {
    let failed =
        entries.iter().find(|e| e.state == State::Failed && text.starts_with(&format!("{} failed: ", e.action.id)));
    if let Some(entry) = failed {
        let why = queue::failure(entry).map(|why| clean(&why));
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
            return context! { tone => "bad", word => clean(words), text => format!("{name} on {}", line.node), to };
        }
    }
    let known = [("broken host file: ", "bad", "broken"), ("not an action: ", "attention", "odd file")];
    let found = known.into_iter().find_map(|(begin, tone, word)| Some((text.strip_prefix(begin)?, tone, word)));
    let (text, tone, word) = found.unwrap_or((text, "attention", "look"));
    context! { tone, word, text => below_root(call, text) }
}

fn is_about(sentence: &str, pending: &Pending) -> bool {
    let waits = sentence.strip_prefix(pending.id.as_str()).is_some_and(|r| r.starts_with(" waits for approval"));
    let drift = match &pending.service {
        Some(service) => sentence.starts_with(&format!("{service} on {} is ", pending.node)),
        None => sentence.starts_with(&format!("the disk of {} is under pressure", pending.node)),
    };
    let failed = sentence.strip_prefix(pending.id.as_str()).is_some_and(|r| r.starts_with(" failed: "));
    waits || drift || failed
}

fn verdict(call: &Call<'_>, summary: &Summary) -> Value {
    let observed = summary.passes.get("observe").and_then(|p| p.last_finished);
    let services = &summary.services;
    let facts = format!(
        "{} of {} healthy on {}",
        services.healthy,
        count(services.total, "service"),
        count(summary.nodes.total, "node")
    );
    let old = observed.filter(|at| call.now.since(*at) > crate::flow::status::OLD_PASS_MS);
    let is_empty = summary.as_of.is_none() && summary.nodes.total == 0;
    let words = match (old, needs(summary)) {
        _ if is_empty => "Nothing to watch yet".into(),
        (Some(at), _) => format!("Nobody has looked for {}", span(call.now.since(at))),
        (None, 0) => "All quiet".into(),
        (None, 1) => "1 thing needs you".into(),
        (None, n) => format!("{n} things need you"),
    };
    context! { words, facts, looked => super::maybe_stamp(observed, call.now) }
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
