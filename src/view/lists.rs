//! How the smaller lists look: the audit log, the silences, what `check` found.

use super::table::{cell, table, toned};
use super::{Report, Style, Tone};
use crate::commands::audit::{AuditReport, VerifyReport};
use crate::commands::check::CheckReport;
use crate::commands::silence::SilenceReport;
use crate::exit::Exit;
use crate::flow::lifecycle::State;
use crate::flow::status::count;
use crate::store::audit::{Break, Event, Line};

impl Report for AuditReport {
    fn text(&self, style: Style) -> String {
        if self.lines.is_empty() {
            return "nothing happened yet\n".into();
        }
        let state = |s: Option<State>| s.map_or("-", State::as_str).to_owned();
        let row = |line: &Line| {
            let entry = &line.entry;
            let event = match entry.event {
                Event::Transition => cell(format!("{} → {}", state(entry.from), state(entry.to))),
                Event::Refused => toned(format!("refused {}", state(entry.to)), Tone::Attention),
                Event::NotCommitted => toned(format!("not committed {}", state(entry.to)), Tone::Attention),
                Event::Repaired => toned("log repaired", Tone::Attention),
                Event::Login => cell("login"),
                Event::LoginRefused => toned("login refused", Tone::Attention),
                Event::TokenAdded => cell("token added"),
                Event::TokenRevoked => cell("token revoked"),
            };
            vec![
                cell(line.seq.to_string()),
                cell(entry.at.to_string()),
                event,
                cell(entry.action.clone().unwrap_or_else(|| "-".into())),
                cell(format!("{} ({})", entry.by, entry.via)),
                cell(entry.note.clone().unwrap_or_default()),
            ]
        };
        table(style, &["seq", "at", "what", "action", "by", "note"], self.lines.iter().map(row).collect())
    }

    fn notes(&self) -> Vec<String> {
        breaks(&self.breaks)
    }

    fn exit(&self) -> Exit {
        if self.breaks.is_empty() { Exit::Done } else { Exit::Failed }
    }
}

fn breaks(breaks: &[Break]) -> Vec<String> {
    let one = |b: &Break| match b.line {
        0 => format!("{}: {}", b.file.display(), b.cause),
        line => format!("{}:{line}: this line {}", b.file.display(), b.cause),
    };
    breaks.iter().map(one).collect()
}

impl Report for VerifyReport {
    fn text(&self, style: Style) -> String {
        let lines = count(self.lines, "line");
        match self.breaks.len() {
            0 => format!("{}: {lines}, each follows from the one before\n", style.paint("ok", Tone::Good)),
            n => format!("{}: {} in {lines}\n", style.paint("broken", Tone::Bad), count(n, "break")),
        }
    }

    fn notes(&self) -> Vec<String> {
        breaks(&self.breaks)
    }

    fn exit(&self) -> Exit {
        if self.ok { Exit::Done } else { Exit::Failed }
    }
}

impl Report for SilenceReport {
    fn text(&self, style: Style) -> String {
        if self.silences.is_empty() {
            return "nothing is silenced\n".into();
        }
        let rows =
            self.silences.iter().map(|s| vec![cell(s.target()), cell(s.until.to_string()), cell(&s.by), cell(&s.why)]);
        table(style, &["silenced", "until", "by", "why"], rows.collect())
    }
}

impl Report for CheckReport {
    fn text(&self, style: Style) -> String {
        let (hosts, services) = (count(self.hosts, "host"), count(self.services, "service"));
        match self.errors.len() {
            0 => format!("{}: {hosts} with {services}\n", style.paint("ok", Tone::Good)),
            n => format!(
                "{}: {}; sound are {hosts} with {services}\n",
                style.paint("broken", Tone::Bad),
                count(n, "error")
            ),
        }
    }

    fn notes(&self) -> Vec<String> {
        let warnings = self.warnings.iter().map(|w| format!("warning: {w}"));
        self.errors.iter().map(|e| format!("error: {e}")).chain(warnings).collect()
    }

    fn exit(&self) -> Exit {
        if self.errors.is_empty() { Exit::Done } else { Exit::Failed }
    }
}
