//! `hlctl ingest`: events as JSON lines from standard input into the event log.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use color_eyre::eyre::WrapErr;
use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result, fail};
use crate::flow::event::{MAX_LINE, parse_bytes};
use crate::store::events::{self, BadLines, Line, Lines};
use crate::store::root::Root;

mod input;

use input::{Input, Waited};

/// How long an event waits for others to be written with it: each batch costs a sync.
const LINGER: Duration = Duration::from_millis(500);
/// Most bytes of a batch.
const MAX_BATCH: usize = 1 << 20;
/// How many of the bad lines the report names; all of them are told as they come.
const NAMED: usize = 1000;

/// What became of the lines.
#[derive(Debug, Default, Serialize)]
pub struct IngestReport {
    /// How many events are on disk now.
    pub accepted: u64,
    /// The first of the lines that are no events.
    pub rejected: Vec<BadLine>,
    /// How many lines are no events.
    pub rejected_total: u64,
}

/// A line that is no event.
#[derive(Debug, Serialize)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: u64,
    /// Why.
    pub cause: String,
}

/// Reads lines until the input ends or a signal ends it; `say` tells what happens meanwhile.
pub fn run(cx: &Context, args: &cli::Ingest, input: impl AsFd, say: &dyn Fn(&str)) -> Result<IngestReport> {
    let mut input = Input::listening(input)?;
    let root = cx.root()?;
    let rejects = args.rejects.as_deref().map(BadLines::open).transpose().advised()?;
    let mut ingest = Ingest {
        cx,
        root,
        source: args.source.as_str(),
        say,
        rejects,
        unkept: None,
        batch: Vec::new(),
        bytes: 0,
        since: Instant::now(),
        report: IngestReport::default(),
    };
    let mut lines = Lines::default();
    loop {
        if ingest.bytes >= MAX_BATCH {
            ingest.write()?;
        }
        match input.wait(ingest.patience())? {
            Waited::Ready => {}
            Waited::Quiet => {
                ingest.write()?;
                continue;
            }
            Waited::Interrupted => return ingest.interrupted(&lines),
        }
        let read = lines.feed(|buffer| input.read(buffer), |number, line| ingest.take(number, line));
        if read.wrap_err("cannot read standard input")? == 0 {
            break;
        }
    }
    // The last line needs no newline: its end is the end.
    ingest.take(lines.count() + 1, lines.rest());
    ingest.end()
}

struct Ingest<'a> {
    cx: &'a Context,
    root: Root,
    source: &'a str,
    say: &'a dyn Fn(&str),
    rejects: Option<BadLines>,
    /// Why the bad lines are no longer kept: no reason to lose the good ones.
    unkept: Option<color_eyre::Report>,
    batch: Vec<String>,
    bytes: usize,
    /// When the first of the batch came.
    since: Instant,
    report: IngestReport,
}

impl Ingest<'_> {
    /// Returns how long what was read may wait for more; nothing waits where there is nothing.
    fn patience(&self) -> Option<Duration> {
        (self.bytes > 0).then(|| LINGER.saturating_sub(self.since.elapsed()))
    }

    /// Ends because of a signal: what came as whole lines is written.
    fn interrupted(mut self, lines: &Lines) -> Result<IngestReport> {
        self.write()?;
        let half = !matches!(lines.rest(), Line::Whole([]));
        (self.say)(&match half {
            true => format!("interrupted in the middle of line {}, which was left out", lines.count() + 1),
            false => format!("interrupted after line {}", lines.count()),
        });
        self.end()
    }

    /// Writes what is left, and tells.
    fn end(mut self) -> Result<IngestReport> {
        self.write()?;
        let told = format!("{} events were written, but not all of the bad lines were kept", self.report.accepted);
        self.unkept.map_or(Ok(self.report), |error| Err(error.wrap_err(told)))
    }

    fn take(&mut self, number: u64, line: Line<'_>) {
        let Line::Whole(bytes) = line else {
            return self.reject(number, &format!("longer than {} MiB", MAX_LINE >> 20), b"");
        };
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return;
        }
        if let Err(e) = parse_bytes(bytes) {
            return self.reject(number, &e.to_string(), bytes);
        }
        if self.batch.is_empty() {
            self.since = Instant::now();
        }
        self.bytes += bytes.len() + 1;
        self.batch.push(String::from_utf8_lossy(bytes).into_owned());
    }

    fn reject(&mut self, line: u64, cause: &str, bytes: &[u8]) {
        (self.say)(&format!("line {line}: {cause}"));
        self.report.rejected_total += 1;
        if self.report.rejected.len() < NAMED {
            self.report.rejected.push(BadLine { line, cause: cause.to_owned() });
        }
        let kept = self.rejects.as_mut().filter(|_| !bytes.is_empty()).map(|kept| kept.add(bytes).advised());
        if let Some(Err(error)) = kept {
            (self.say)(&format!("line {line} and those that follow are not kept: {error}"));
            (self.rejects, self.unkept) = (None, Some(error));
        }
    }

    /// Writes the batch; when it returns, the events are on disk.
    fn write(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        events::append(&self.root, self.cx.now(), self.source, &self.batch).map_err(|error| {
            let told = format!("{error}; {} events were written, those that follow were not", self.report.accepted);
            fail(told, "mend the cause, then send again what follows: what was read from a pipe is gone")
        })?;
        self.report.accepted += self.batch.len() as u64;
        if self.cx.output.verbose > 0 {
            (self.say)(&format!("{} events on disk", self.report.accepted));
        }
        self.batch.clear();
        self.bytes = 0;
        Ok(())
    }
}
