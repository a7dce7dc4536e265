//! How `observe` tells what it saw.

use super::table::{cell, table, toned};
use super::{Report, Style, Tone, clean};
use crate::commands::observe::{ObserveReport, Observed};
use crate::exit::Exit;
use crate::flow::intake::Rejects;
use crate::flow::time::span;

impl Report for ObserveReport {
    fn text(&self, style: Style) -> String {
        match self {
            Self::Busy { .. } => String::new(),
            Self::Done(observed) => text(observed, style),
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Busy { root } => vec![format!("another observe is running on {}: nothing to do", root.display())],
            Self::Done(observed) => {
                let replayed = observed.replayed.iter().filter(|_| observed.verbose);
                let replayed = replayed.map(|why| format!("all events were read again: {why}"));
                let error = observed.error().map(|e| format!("{e}: the world is made of the others"));
                replayed.chain(error).collect()
            }
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Done(observed) if observed.unreadable > 0 => Exit::Failed,
            Self::Done(_) | Self::Busy { .. } => Exit::Done,
        }
    }
}

fn text(observed: &Observed, style: Style) -> String {
    let state = match (observed.changed, observed.dry_run) {
        (true, false) => "changed",
        (true, true) => "would change",
        (false, _) => "unchanged",
    };
    let as_of = observed.as_of.map_or("no events yet".to_owned(), |t| format!("as of {t}"));
    let mut out = format!(
        "world {state}: {}, {}, {as_of}\n",
        count(observed.services as u64, "service"),
        count(observed.nodes as u64, "node"),
    );
    out += &rejects(&observed.findings.rejected, style);
    let waiting = &observed.findings.waiting;
    if waiting.count > 0 {
        out += &format!("{} from the future, waiting for its time:\n", count(waiting.count, "event"));
        for (node, ts) in &waiting.nodes {
            out += &format!("  {node}: up to {ts}, {} ahead of this clock\n", span(ts.since(observed.now)));
        }
    }
    if observed.findings.unknown > 0 {
        out += &format!("{} of an unknown type\n", count(observed.findings.unknown, "event"));
    }
    out
}

/// Returns what was set aside, for people: how much, and the newest with file, line and cause.
pub fn rejects(rejects: &Rejects, style: Style) -> String {
    if rejects.count == 0 {
        return String::new();
    }
    let shown = rejects.newest.len() as u64;
    let which = if shown < rejects.count { format!("; the newest {shown}") } else { String::new() };
    let head = format!("{} set aside as unreadable{which}:\n", count(rejects.count, "event"));
    let rows = rejects.newest.iter().rev().map(|reject| {
        let line = reject.line.map_or(String::new(), |line| format!(":{line}"));
        vec![cell(format!("{}{line}", reject.file)), toned(&*reject.cause, Tone::Attention)]
    });
    style.paint(&clean(head.trim_end()), Tone::Attention) + "\n" + &table(style, &["file", "cause"], rows.collect())
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
