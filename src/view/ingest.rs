//! How `ingest` tells what became of the lines.

use super::{Report, Style};
use crate::commands::ingest::IngestReport;
use crate::exit::Exit;

impl Report for IngestReport {
    fn text(&self, _: Style) -> String {
        let rejected = match self.rejected_total {
            0 => String::new(),
            1 => ", 1 line is no event".to_owned(),
            n => format!(", {n} lines are no events"),
        };
        format!("{} event{} written{rejected}\n", self.accepted, if self.accepted == 1 { "" } else { "s" })
    }

    fn exit(&self) -> Exit {
        if self.rejected_total > 0 { Exit::Failed } else { Exit::Done }
    }
}
