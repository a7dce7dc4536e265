//! How an execute pass looks.

use super::table::{cell, table, toned};
use super::{Report, Style, Tone, clean};
use crate::commands::execute::{Done, ExecuteReport};
use crate::exit::Exit;
use crate::flow::lifecycle::State;

impl Report for ExecuteReport {
    fn text(&self, style: Style) -> String {
        if self.busy {
            return String::new();
        }
        if self.actions.is_empty() && self.left.is_empty() && self.waiting.is_empty() {
            if !self.errors.is_empty() {
                return String::new();
            }
            return "nothing is approved\n".into();
        }
        let mut text = table(style, &["id", "state", "took", "why"], self.actions.iter().map(row).collect());
        for (id, why) in &self.left {
            text += &format!("{id} stays approved: {}\n", clean(why));
        }
        for (id, why) in &self.waiting {
            text += &format!("{id} {}\n", clean(why));
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        if self.busy {
            return vec!["another execute is running on this root".into()];
        }
        self.errors.clone()
    }

    fn exit(&self) -> Exit {
        if !self.dry_run && self.actions.iter().any(|done| done.state == State::Failed) {
            Exit::ActionFailed
        } else if self.errors.is_empty() {
            Exit::Done
        } else {
            Exit::Failed
        }
    }
}

fn row(done: &Done) -> Vec<super::table::Toned> {
    let tone = match done.state {
        State::Failed => Tone::Bad,
        State::Completed => Tone::Good,
        State::Pending | State::Approved | State::Running | State::Rejected | State::Cancelled => Tone::Attention,
    };
    let why: Vec<&str> = [done.reason.as_deref(), done.message.as_deref()].into_iter().flatten().collect();
    let took = format!("{}.{:01} s", done.took_ms / 1000, done.took_ms % 1000 / 100);
    vec![cell(done.id.as_str()), toned(done.state.as_str(), tone), cell(took), cell(why.join(": "))]
}
