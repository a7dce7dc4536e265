//! How a reconcile pass looks.

use super::table::{cell, table, toned};
use super::{Report, Style, Tone};
use crate::commands::reconcile::ReconcileReport;
use crate::exit::Exit;
use crate::flow::drift::DriftRow;

impl Report for ReconcileReport {
    fn text(&self, style: Style) -> String {
        if self.busy {
            return String::new();
        }
        let mut text = drift_table(style, &self.drift);
        let (make, cancel) = if self.dry_run { ("would queue", "would cancel") } else { ("queued", "cancelled") };
        for id in &self.created {
            text += &format!("{make} {id}\n");
        }
        for (id, reason) in &self.cancelled {
            text += &format!("{cancel} {id} ({reason})\n");
        }
        for id in &self.approved {
            text += &format!("approved {id} (by the policy)\n");
        }
        if self.drift.is_empty() {
            text += "no drift\n";
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        if self.busy {
            return vec!["another reconcile is running on this root".into()];
        }
        self.hints.iter().chain(&self.errors).cloned().collect()
    }

    fn exit(&self) -> Exit {
        if self.errors.is_empty() { Exit::Done } else { Exit::Failed }
    }
}

/// Returns the drift as a table.
pub fn drift_table(style: Style, rows: &[DriftRow]) -> String {
    let row = |row: &DriftRow| {
        let action = match (&row.action, &row.held_by) {
            (Some(id), _) => toned(id.clone(), Tone::Attention),
            (None, Some(why)) => {
                let until = row.held_until.map_or(String::new(), |t| format!(" until {t}"));
                toned(format!("held{until}: {why}"), Tone::Quiet)
            }
            (None, None) => cell("-"),
        };
        let service = row.service.as_ref().map_or("-".into(), ToString::to_string);
        vec![cell(row.node.to_string()), cell(service), cell(row.kind.as_str()), cell(row.why.clone()), action]
    };
    table(style, &["node", "service", "drift", "why", "action"], rows.iter().map(row).collect())
}
