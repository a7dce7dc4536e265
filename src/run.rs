//! From the command line to a verb and from its report to the screen: the one place that prints.

use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use crate::cli::{AuditVerb, Cli, Command, TokenVerb};
use crate::commands::{self, ask};
use crate::context::Context;
use crate::exit::Exit;
use crate::fail::{self, Result};
use crate::flow::mask::mask;
use crate::view::{self, Report, Style};

/// Parses the command line. An error, which repeats what was typed, repeats it in a form that steers no terminal.
pub fn parse(args: Vec<OsString>) -> std::result::Result<Cli, clap::Error> {
    Cli::try_parse_from(&args).map_err(|error| {
        let harmless: Vec<OsString> = args.iter().map(|a| view::clean(&a.to_string_lossy()).as_ref().into()).collect();
        if harmless == args {
            return error;
        }
        let unclear = || Cli::command().error(error.kind(), "an argument is not UTF-8 or holds control characters");
        Cli::try_parse_from(harmless).err().unwrap_or_else(unclear)
    })
}

/// Runs a command and prints what it reports.
pub fn run(command: Command, cx: &Context) -> Result<Exit> {
    match command {
        Command::Init(args) => emit(cx, &commands::init::run(cx, &args)?),
        Command::Check => emit(cx, &commands::check::run(cx)?),
        Command::Observe(args) => repeat(cx, args.every.every, &|cx| emit(cx, &commands::observe::run(cx, &args)?)),
        Command::Reconcile(args) => {
            let cx = &cx.on(args.this.node.as_ref());
            repeat(cx, args.every.every, &|cx| emit(cx, &commands::reconcile::run(cx, &args)?))
        }
        Command::Request(args) => emit(cx, &commands::request::run(cx, &args)?),
        Command::Plan(args) => emit(cx, &commands::plan::with_changes(cx, &args)?),
        Command::Approve(args) if ask::is_left_open(cx, &args.select) => emit(cx, &ask::approve_each(cx, &args)?),
        Command::Approve(args) => emit(cx, &commands::approve::run(cx, &args)?),
        Command::Reject(args) if ask::is_left_open(cx, &args.select) => emit(cx, &ask::reject_each(cx, &args)?),
        Command::Reject(args) => emit(cx, &commands::reject::run(cx, &args)?),
        Command::Actions(args) => emit(cx, &commands::actions::list(cx, &args)?),
        Command::Show(args) => emit(cx, &commands::actions::show(cx, &args)?),
        Command::Status(args) => {
            let summary = commands::status::run(cx)?;
            emit(cx, &summary)?;
            Ok(if args.check && !summary.attention.is_empty() { Exit::Attention } else { Exit::Done })
        }
        Command::Silence(args) => emit(cx, &commands::silence::run(cx, &args)?),
        Command::Audit(args) => match args.verb {
            Some(AuditVerb::Verify) => emit(cx, &commands::audit::verify(cx)?),
            None => emit(cx, &commands::audit::show(cx, &args)?),
        },
        Command::Serve(args) => crate::web::serve(cx, &args, &note_line),
        Command::Token { verb: TokenVerb::Add(args) } => emit(cx, &commands::token::add(cx, &args)?),
        Command::Token { verb: TokenVerb::List } => emit(cx, &commands::token::list(cx)?),
        Command::Token { verb: TokenVerb::Revoke(args) } => emit(cx, &commands::token::revoke(cx, &args)?),
        Command::Digest(args) => emit(cx, &commands::digest::run(cx, &args)?),
        Command::Execute(args) => {
            let cx = &cx.on(args.this.node.as_ref());
            let say = |line: &str| {
                if cx.output.interactive || cx.output.verbose > 0 {
                    note_line(line);
                }
            };
            repeat(cx, args.every.every, &|cx| emit(cx, &commands::execute::run(cx, &args, &say)?))
        }
        Command::Agent(args) if args.discover => {
            emit(cx, &commands::agent::discover::run(&cx.on(args.this.node.as_ref()), &args)?)
        }
        Command::Agent(args) => {
            let cx = &cx.on(args.this.node.as_ref());
            repeat(cx, args.every.every, &|cx| emit(cx, &commands::agent::run(cx, &args)?))
        }
        Command::Events(args) => tolerate_closed(commands::events::stream(cx, &args, &mut std::io::stdout().lock())),
        Command::Ingest(args) => emit(cx, &commands::ingest::run(cx, &args, std::io::stdin(), &note_line)?),
        Command::Mirror(args) => repeat(cx, args.every.every, &|cx| emit(cx, &commands::mirror::run(cx, &args)?)),
        Command::Prune(args) => repeat(cx, args.every.every, &|cx| emit(cx, &commands::prune::run(cx, &args)?)),
        Command::Logs(args) if cx.output.json => emit(cx, &commands::logs::whole(cx, &args)?),
        Command::Logs(args) => tolerate_closed(commands::logs::stream(cx, &args, &mut std::io::stdout().lock())),
        Command::Completions { shell } => emit(cx, &commands::completions::run(shell)),
        Command::Man { command, dir } => emit(cx, &commands::man::run(command.as_deref(), dir.as_deref())?),
        Command::Demo(args) => emit(cx, &commands::demo::run(cx, &args, &run)?),
        Command::DemoService(args) => emit(cx, &commands::demo::service::run(cx, &args)?),
        Command::StepGate { .. } => unreachable!("main passes the gate before it reads anything"),
    }
}

/// Runs a pass once, or again and again with a pause; a round that failed does not end the others.
fn repeat(cx: &Context, every: Option<Duration>, pass: &dyn Fn(&Context) -> Result<Exit>) -> Result<Exit> {
    let Some(pause) = every else { return pass(cx) };
    loop {
        if let Err(report) = pass(cx) {
            complain(&report, cx, false);
        }
        std::thread::sleep(pause);
    }
}

/// Prints a report: results on stdout, everything else on stderr.
fn emit(cx: &Context, report: &impl Report) -> Result<Exit> {
    let text = if cx.output.json { view::json(report) } else { report.text(Style::from(cx.output)) };
    tell(cx, &text, &report.notes())?;
    Ok(report.exit())
}

/// Prints a text to stdout and notes to stderr, without the secrets.
fn tell(cx: &Context, text: &str, notes: &[String]) -> Result<()> {
    print(&mask(text, &cx.secrets))?;
    for note in notes {
        note_line(&mask(note, &cx.secrets));
    }
    Ok(())
}

/// Ends well where the reader of stdout went away.
fn tolerate_closed(result: Result<()>) -> Result<Exit> {
    let closed = |e: &color_eyre::Report| {
        e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    };
    match result {
        Err(e) if !closed(&e) => Err(e),
        _ => Ok(Exit::Done),
    }
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
    let mut out = std::io::stderr().lock();
    for line in text.lines() {
        let _ = writeln!(out, "hlctl: {}", view::clean(line));
    }
}

/// Prints an error with its causes and its advice; a backtrace only if it was asked for.
pub fn complain(report: &color_eyre::Report, cx: &Context, backtrace: bool) -> Exit {
    let (advice, exit) = fail::verdict(report);
    let advice = advice.map(|advice| mask(&advice, &cx.secrets));
    let mut causes: Vec<String> = Vec::new();
    for cause in report.chain().map(ToString::to_string) {
        // Typed errors say their source themselves.
        if !causes.last().is_some_and(|outer| outer.contains(&cause)) {
            causes.push(cause);
        }
    }
    let style = Style { color: cx.output.color && cx.output.interactive, terminal: cx.output.terminal };
    let mut text =
        format!("{} {}\n", style.paint("error:", view::Tone::Bad), view::clean(&mask(&causes.join(": "), &cx.secrets)));
    if let Some(advice) = &advice {
        text += &format!("{} {}\n", style.paint("help:", view::Tone::Good), view::clean(advice));
    }
    if backtrace {
        text += &view::clean_lines(&format!("{report:?}\n"));
    }
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    exit
}
