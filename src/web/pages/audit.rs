//! The audit log as a page: newest first, and whether its chain holds so far. Followed from its first line, the page
//! would cost more with every line.

use minijinja::{Value, context};

use super::{Answer, Page, clean, render, stamp, state, words};
use crate::commands;
use crate::store::audit::Event;
use crate::web::routes::Call;

/// How many lines are shown.
const SHOWN: usize = 200;

/// Returns the page.
pub fn audit(call: &Call<'_>) -> Answer {
    // The log needs no world: who looks for what damaged that can read it.
    let summary = state(call).ok().map(|(_, summary)| summary);
    let report = commands::audit::newest(&call.app.cx, SHOWN)?;
    let lines: Vec<Value> = report
        .lines
        .iter()
        .rev()
        .map(|line| {
            let entry = &line.entry;
            let (what, tone) = match entry.event {
                Event::Transition => {
                    (entry.to.map_or("made", |s| s.as_str()), entry.to.map_or("quiet", super::state_tone))
                }
                Event::Refused => ("refused", "attention"),
                Event::NotCommitted => ("not committed", "attention"),
                Event::Repaired => ("log repaired", "attention"),
                Event::Login => ("login", "quiet"),
                Event::LoginRefused => ("login refused", "attention"),
                Event::TokenAdded => ("token added", "quiet"),
                Event::TokenRevoked => ("token revoked", "quiet"),
            };
            context! {
                seq => line.seq, at => stamp(entry.at, call.now), what, tone,
                action => entry.action.as_deref().map(clean), by => clean(&entry.by), via => entry.via.to_string(),
                peer => entry.peer.as_deref().map(clean), note => entry.note.as_deref().map(words::reason).map(clean),
            }
        })
        .collect();
    let breaks: Vec<String> = report
        .breaks
        .iter()
        .map(|b| clean(&format!("{}: {}", call.app.cx.short(&b.file).display(), b.cause)))
        .collect();
    let page = Page { template: "audit.html", name: "audit", digest: Some(String::new()) };
    render(call, &page, summary.as_ref(), context! { lines, breaks, shown => SHOWN })
}
