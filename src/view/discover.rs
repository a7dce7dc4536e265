//! How `agent --discover` tells what it wrote.

use super::{Report, Style, clean_lines};
use crate::commands::agent::discover::Discovered;
use crate::exit::Exit;

impl Report for Discovered {
    fn text(&self, _: Style) -> String {
        let mut out = String::new();
        for file in &self.files {
            let path = file.path.display();
            out += &match (&file.text, self.dry_run) {
                (Some(text), true) => format!("# {path}\n{text}\n"),
                (Some(_), false) => format!("wrote {path}\n"),
                (None, _) => format!("{path} stays as it is\n"),
            };
        }
        let names = if self.services.is_empty() { "no new service".into() } else { self.services.join(", ") };
        out += &format!("{}: {names}; {} more as comments\n", self.node, self.unsure);
        clean_lines(&out)
    }

    fn notes(&self) -> Vec<String> {
        self.notes.iter().chain(&self.errors).cloned().collect()
    }

    fn exit(&self) -> Exit {
        if self.errors.is_empty() { Exit::Done } else { Exit::Failed }
    }
}
