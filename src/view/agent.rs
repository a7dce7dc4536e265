//! How `agent` tells what it saw.

use super::table::{cell, table, toned};
use super::{Report, Style, Tone, clean};
use crate::commands::agent::{AgentReport, Told};
use crate::exit::Exit;

impl Report for AgentReport {
    fn text(&self, style: Style) -> String {
        match self {
            Self::Busy { .. } => String::new(),
            Self::Done(told) => text(told, style),
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Busy { root } => vec![format!("another agent is running on {}: nothing to do", root.display())],
            Self::Done(told) => {
                let sent = told.sent.iter().flat_map(|sent| sent.notes());
                told.unknown.iter().chain(&told.warnings).cloned().chain(sent).collect()
            }
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Done(told) if !told.unknown.is_empty() => Exit::Failed,
            Self::Done(told) if told.sent.as_ref().is_some_and(|sent| sent.trouble().is_some()) => Exit::Failed,
            Self::Done(_) | Self::Busy { .. } => Exit::Done,
        }
    }
}

fn text(told: &Told, style: Style) -> String {
    let rows = told.services.iter().map(|watched| {
        let tone = match watched.found {
            "healthy" => Tone::Good,
            "unhealthy" => Tone::Bad,
            "absent" => Tone::Attention,
            _ => Tone::Quiet,
        };
        let why = [watched.reason, watched.seen.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(": ");
        vec![cell(watched.service.as_str()), toned(watched.found, tone), cell(why)]
    });
    let mut out = table(style, &["service", "found", "why"], rows.collect());
    if let Some(disk) = &told.disk {
        out += &format!("{} is {} % full\n", clean(&disk.mount), disk.used_percent);
    }
    let (many, would) = (told.events.len(), if told.dry_run { "would be written" } else { "written" });
    out += &format!("{}: {many} event{} {would}\n", told.node, if many == 1 { "" } else { "s" });
    match &told.sent {
        Some(sent) => out + &format!("sent {}, {} wait\n", sent.accepted, sent.waiting),
        None => out,
    }
}
