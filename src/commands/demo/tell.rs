//! The demo's voice: headings, sentences and the commands that are played, with time to read them on a terminal.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::cli::{Cli, Command};
use crate::context::Context;
use crate::exit::Exit;
use crate::fail::{Result, fail};
use crate::view::{Style, Tone};

/// How often it is looked whether the demo should end.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the reader gets for a heading and what follows it.
const READING: Duration = Duration::from_millis(800);

/// Runs a command line as the program itself does, printing what it reports.
pub type Play<'a> = &'a dyn Fn(Command, &Context) -> Result<Exit>;

/// What the demo is told with.
pub struct Teller<'a> {
    cx: &'a Context,
    play: Play<'a>,
    interrupted: Arc<AtomicBool>,
    style: Style,
    chapter: u32,
}

impl<'a> Teller<'a> {
    /// Begins to tell; from now on Ctrl-C and SIGTERM end the demo in order.
    pub fn new(cx: &'a Context, play: Play<'a>) -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))
                .map_err(|e| fail(format!("cannot listen to signals: {e}"), "without that nothing would be removed"))?;
        }
        Ok(Self { cx, play, interrupted, style: Style::from(cx.output), chapter: 0 })
    }

    /// Begins a chapter.
    pub fn chapter(&mut self, title: &str) -> Result<()> {
        self.pause(READING)?;
        self.chapter += 1;
        self.print(&format!("\n{}\n", self.style.bold(&format!("── {}. {title} ──", self.chapter))));
        Ok(())
    }

    /// Says something.
    pub fn say(&self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    /// Shows what happens on a machine, or what a file says.
    pub fn show(&self, text: &str) {
        let lines: String = text.lines().map(|line| format!("    {line}\n")).collect();
        self.print(&self.style.paint(lines.trim_end(), Tone::Attention));
        self.print("\n");
    }

    /// Plays a command line of hlctl, word by word as it is shown.
    pub fn play(&self, line: &str) -> Result<()> {
        self.pause(READING / 2)?;
        self.print(&format!("\n{} {}\n", self.style.paint("$", Tone::Quiet), self.style.bold(line)));
        let cli = Cli::try_parse_from(line.split_whitespace())?;
        match (self.play)(cli.command, self.cx)? {
            Exit::Done => Ok(()),
            exit => Err(fail(format!("`{line}` ended with {}", exit as u8), "this is not how the story goes")),
        }
    }

    /// Waits until something holds; an interruption ends the demo.
    pub fn wait_until(&self, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
        while !holds()? {
            self.nap()?;
        }
        Ok(())
    }

    /// Gives the reader time; where nobody reads along, none.
    fn pause(&self, time: Duration) -> Result<()> {
        let rounds = if self.cx.output.terminal { time.as_millis() / PAUSE.as_millis() } else { 0 };
        self.check()?;
        (0..rounds).try_for_each(|_| self.nap())
    }

    fn nap(&self) -> Result<()> {
        std::thread::sleep(PAUSE);
        self.check()
    }

    fn check(&self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) { Err(Interrupted.into()) } else { Ok(()) }
    }

    /// Prints where results do not go: with `--json` these are the commands' own. A reader that went away does not
    /// stop the story, whose end has to be cleaned up.
    fn print(&self, text: &str) {
        let _ = if self.cx.output.json {
            std::io::stderr().lock().write_all(text.as_bytes())
        } else {
            std::io::stdout().lock().write_all(text.as_bytes())
        };
    }
}

/// Somebody ended the demo.
#[derive(Debug, thiserror::Error)]
#[error("the demo was interrupted")]
pub struct Interrupted;
