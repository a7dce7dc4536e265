//! How `prune` tells what went.

use super::table::{cell, table};
use super::{Report, Style};
use crate::commands::prune::{PruneReport, Pruned};
use crate::exit::Exit;
use crate::store::events::Change;

/// Most errors that are told one by one.
const TOLD: usize = 20;

impl Report for PruneReport {
    fn text(&self, style: Style) -> String {
        match self {
            Self::Busy { .. } => String::new(),
            Self::Done(pruned) => text(pruned, style),
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Busy { root } => vec![format!("another prune is running on {}: nothing to do", root.display())],
            Self::Done(pruned) => {
                let mut notes: Vec<String> = pruned.errors.iter().take(TOLD).cloned().collect();
                if pruned.errors.len() > TOLD {
                    notes.push(format!("and {} more", pruned.errors.len() - TOLD));
                }
                notes.extend(pruned.advice.iter().map(|advice| format!("help: {advice}")));
                notes
            }
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Done(pruned) if !pruned.errors.is_empty() => Exit::Failed,
            Self::Done(_) | Self::Busy { .. } => Exit::Done,
        }
    }
}

fn text(pruned: &Pruned, style: Style) -> String {
    if pruned.events.is_empty() && pruned.actions.is_empty() {
        return "nothing to prune\n".to_owned();
    }
    let changes = pruned.events.iter().map(|change| {
        let what = match change.change {
            Change::Removed => "removed",
            Change::Shrunk => "shrunk to what the world depends on",
            Change::Compressed => "compressed",
        };
        vec![cell(&change.file), cell(what), cell(change.freed.to_string())]
    });
    let actions = pruned.actions.iter().map(|file| vec![cell(file), cell("removed"), cell("")]);
    let would = if pruned.dry_run { "would free" } else { "freed" };
    let (files, freed) = (pruned.events.len() + pruned.actions.len(), pruned.freed);
    let rows = if pruned.dry_run || style.terminal { changes.chain(actions).collect() } else { Vec::new() };
    table(style, &["file", "change", "bytes freed"], rows)
        + &format!("{would} {freed} bytes in {files} file{}\n", if files == 1 { "" } else { "s" })
}
