//! From the command line to a verb and from its report to the screen: the one place that prints.

use std::io::Write;

use crate::cli::Command;
use crate::commands;
use crate::context::Context;
use crate::exit::Exit;
use crate::fail::{self, Result};
use crate::view::{self, Report, Style};

/// Runs a command and prints what it reports.
pub fn run(command: Command, cx: &Context) -> Result<Exit> {
    match command {
        Command::Init(args) => emit(cx, &commands::init::run(cx, &args)?),
        Command::Observe(args) => emit(cx, &commands::observe::run(cx, &args)?),
        Command::Completions { shell } => emit(cx, &commands::completions::run(shell)),
        Command::Man { command, dir } => emit(cx, &commands::man::run(command.as_deref(), dir.as_deref())?),
        _ => todo!(),
    }
}

/// Prints a report: results on stdout, everything else on stderr.
fn emit(cx: &Context, report: &impl Report) -> Result<Exit> {
    let text = if cx.output.json { view::json(report) } else { report.text(Style::from(cx.output)) };
    print(&text)?;
    for note in report.notes() {
        note_line(&note);
    }
    Ok(report.exit())
}

/// Prints to stdout; a reader that went away is no error.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

/// Prints a line to stderr; nobody listening there is no error.
fn note_line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "hlctl: {}", view::clean_lines(text));
}

/// Prints an error with its causes and its advice; a backtrace only if it was asked for.
pub fn complain(report: &color_eyre::Report, cx: &Context, backtrace: bool) -> Exit {
    let (advice, exit) = fail::verdict(report);
    let mut causes: Vec<String> = Vec::new();
    for cause in report.chain().map(ToString::to_string) {
        // Typed errors say their source themselves.
        if !causes.last().is_some_and(|outer| outer.contains(&cause)) {
            causes.push(cause);
        }
    }
    let style = Style { color: cx.output.color && cx.output.interactive, terminal: cx.output.terminal };
    let mut text = format!("{} {}\n", style.paint("error:", view::Tone::Bad), view::clean(&causes.join(": ")));
    if let Some(advice) = advice {
        text += &format!("{} {}\n", style.paint("help:", view::Tone::Good), view::clean(advice));
    }
    if backtrace {
        text += &view::clean_lines(&format!("{report:?}\n"));
    }
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    exit
}
