//! How the queue and its transitions look.

use super::plan::{diff, plan, planned};
use super::table::{Toned, cell, table, toned};
use super::{Report, Style, Tone, clean};
use crate::commands::actions::{ActionsReport, ShowReport};
use crate::commands::approve::ApproveReport;
use crate::commands::reject::RejectReport;
use crate::commands::request::RequestReport;
use crate::commands::select::Failure;
use crate::exit::Exit;
use crate::flow::lifecycle::State;
use crate::flow::time::{Stamp, span};
use crate::store::actions::Entry;

impl Report for ActionsReport {
    fn text(&self, style: Style) -> String {
        if self.entries.is_empty() {
            return "the queue is empty\n".into();
        }
        let head = ["id", "state", "risk", "attempt", "age", "why"];
        table(style, &head, self.entries.iter().map(|e| row(e, self.now)).collect())
    }

    fn notes(&self) -> Vec<String> {
        self.invalid.iter().map(|i| format!("not an action: {i}")).collect()
    }

    fn exit(&self) -> Exit {
        if self.invalid.is_empty() { Exit::Done } else { Exit::Failed }
    }
}

fn row(entry: &Entry, now: Stamp) -> Vec<Toned> {
    let action = &entry.action;
    vec![
        cell(action.id.as_str()),
        toned(entry.state.as_str(), tone(entry.state)),
        cell(action.kind.risk().to_string()),
        cell(action.attempt.to_string()),
        cell(entry.since().map_or("-".into(), |since| span(now.since(since)))),
        cell(why(entry)),
    ]
}

fn tone(state: State) -> Tone {
    match state {
        State::Pending | State::Approved | State::Running => Tone::Attention,
        State::Completed => Tone::Good,
        State::Failed => Tone::Bad,
        State::Rejected | State::Cancelled => Tone::Quiet,
    }
}

/// Says in a few words why an action is where it is.
fn why(entry: &Entry) -> String {
    let action = &entry.action;
    let result = action.result.as_ref().and_then(|r| r.reason.clone());
    let note = entry.history().last().and_then(|e| e.note.clone());
    let drift = || {
        action.drift.as_ref().map_or("requested".into(), |d| match &d.reason {
            Some(reason) => format!("{}: {reason}", d.kind),
            None => d.kind.clone(),
        })
    };
    match entry.state {
        State::Failed | State::Completed => result.unwrap_or_else(drift),
        State::Rejected | State::Cancelled => note.unwrap_or_else(drift),
        State::Pending | State::Approved | State::Running => drift(),
    }
}

impl Report for ShowReport {
    fn text(&self, style: Style) -> String {
        let (entry, action) = (&self.entry, &self.entry.action);
        let target = action.service.as_ref().map_or(action.node.to_string(), |s| format!("{s} on {}", action.node));
        let mut text =
            format!("{} is {}\n", style.bold(action.id.as_str()), style.paint(entry.state.as_str(), tone(entry.state)));
        text += &format!("{} {target}, risk {}, attempt {}\n", action.kind, action.kind.risk(), action.attempt);
        text += &match &action.drift {
            Some(drift) => {
                let reason = drift.reason.as_ref().map_or(String::new(), |r| format!(" ({r})"));
                let since = drift.detected_at.map_or(String::new(), |t| format!(", since {t}"));
                format!("because of {}{since}\n", clean(&format!("{}{reason}", drift.kind)))
            }
            None => "because a person asked for it\n".into(),
        };
        for hint in &action.hints {
            text += &format!("{} {}\n", style.paint("hint:", Tone::Attention), clean(hint));
        }
        text += &self.flapping.as_ref().map_or(String::new(), super::status::flapping);
        if let Some(now) = &self.planned {
            text += &format!("\nplan\n{}", planned(style, now));
        }
        text += "\nhistory\n";
        for line in entry.history() {
            let note = line.note.as_ref().map_or(String::new(), |n| format!(": {n}"));
            let line = format!("{}  {:<9} by {} ({}){note}", line.at, line.to, line.by, line.via);
            text += &format!("  {}\n", clean(&line));
        }
        if entry.standing.by_hand {
            text += &format!("  moved to {} by hand, not yet written down\n", entry.state);
        }
        if self.older > 0 {
            text += &format!("  older records: {} in actions/history/{}/\n", self.older, action.id);
        }
        text + &result(style, entry)
    }
}

fn result(style: Style, entry: &Entry) -> String {
    let Some(result) = &entry.action.result else { return String::new() };
    let mut facts = Vec::new();
    facts.extend(result.reason.clone());
    facts.extend(result.failed_step.map(|n| format!("step {n}")));
    facts.extend(result.exit_code.map(|code| format!("exit code {code}")));
    if let (Some(from), Some(to)) = (result.started_at, result.finished_at) {
        facts.push(format!("took {}", span(to.since(from))));
    }
    let mut text = format!("\nresult: {}\n", clean(&facts.join(", ")));
    for line in result.message.iter().chain(&result.hints) {
        text += &format!("  {}\n", clean(line));
    }
    for (name, fact) in &result.facts {
        text += &format!("  {}: {}\n", clean(name), clean(fact));
    }
    for line in &result.container_log {
        text += &format!("  | {}\n", clean(line));
    }
    text += &result.diff.as_ref().map_or(String::new(), |text| diff(style, text));
    if result.log.is_some() {
        text += &format!("  output: hlctl logs {}\n", entry.action.id);
    }
    text
}

fn failure_exit(failed: &[Failure]) -> Exit {
    if failed.is_empty() { Exit::Done } else { Exit::Failed }
}

impl Report for ApproveReport {
    fn text(&self, style: Style) -> String {
        if self.approved.is_empty() && self.failed.is_empty() {
            return "nothing is pending\n".into();
        }
        let verb = if self.dry_run { "would approve" } else { "approved" };
        let one = |a: &crate::commands::approve::Approved| {
            format!("{verb} {}\n{}", style.bold(a.id.as_str()), plan(style, &a.plan))
        };
        self.approved.iter().map(one).collect()
    }

    fn notes(&self) -> Vec<String> {
        self.failed.iter().flat_map(Failure::lines).collect()
    }

    fn exit(&self) -> Exit {
        failure_exit(&self.failed)
    }
}

impl Report for RejectReport {
    fn text(&self, _: Style) -> String {
        if self.rejected.is_empty() && self.failed.is_empty() {
            return "nothing is pending\n".into();
        }
        let verb = if self.dry_run { "would reject" } else { "rejected" };
        self.rejected.iter().map(|id| format!("{verb} {id}\n")).collect()
    }

    fn notes(&self) -> Vec<String> {
        self.failed.iter().flat_map(Failure::lines).collect()
    }

    fn exit(&self) -> Exit {
        failure_exit(&self.failed)
    }
}

impl Report for RequestReport {
    fn text(&self, style: Style) -> String {
        let verb = if self.dry_run { "would queue" } else { "queued" };
        let made = self.plan.as_ref().map_or(String::new(), |made| plan(style, made));
        let next = if self.dry_run { String::new() } else { format!("next: hlctl approve {}\n", self.id) };
        format!("{verb} {}\n{made}{next}", style.bold(self.id.as_str()))
    }

    fn notes(&self) -> Vec<String> {
        self.hints.iter().map(|h| format!("hint: {h}")).collect()
    }
}
