//! `hlctl completions`: a shell's completions, made from the command line's own types.

use clap::CommandFactory;
use serde::Serialize;

use crate::cli::Cli;
use crate::view::{Report, Style};

/// A text for another program: a completion script or a page.
#[derive(Debug, Serialize)]
pub struct Text {
    pub(super) text: String,
}

/// Returns the completions of a shell.
pub fn run(shell: clap_complete::Shell) -> Text {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut visible(), "hlctl", &mut bytes);
    Text { text: String::from_utf8_lossy(&bytes).into_owned() }
}

impl Report for Text {
    fn text(&self, _: Style) -> String {
        self.text.clone()
    }
}

/// Returns the command line without what is hidden: clap's generators do not skip it themselves.
pub(super) fn visible() -> clap::Command {
    let full = Cli::command();
    let mut shown = clap::Command::new("hlctl")
        .version(env!("CARGO_PKG_VERSION"))
        .about(full.get_about().cloned().unwrap_or_default())
        .subcommand_required(true);
    for argument in full.get_arguments() {
        shown = shown.arg(argument.clone());
    }
    for command in full.get_subcommands().filter(|c| !c.is_hide_set()) {
        shown = shown.subcommand(command.clone());
    }
    shown
}
