//! `hlctl logs`: the captured output of an action's last execution, also while it grows.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result, fail};
use crate::flow::action::ActionId;
use crate::flow::lifecycle::State;
use crate::runner::log::read::{self, Follower};
use crate::store::actions;
use crate::store::root::Root;
use crate::store::transition::NotDone;
use crate::view::{Report, Style, clean_lines};

mod pieces;
pub use pieces::Pieces;

/// How often a growing log is looked at.
const POLL: Duration = Duration::from_millis(200);

/// The output of one execution.
#[derive(Debug, Serialize)]
pub struct LogReport {
    /// The action.
    pub id: String,
    /// The execution, by its begin.
    pub started: Option<String>,
    /// The output; bytes that are no UTF-8 are replaced.
    pub text: String,
}

impl Report for LogReport {
    fn text(&self, _: Style) -> String {
        clean_lines(&self.text)
    }
}

/// Reads the output of the last execution.
pub fn whole(cx: &Context, args: &cli::Logs) -> Result<LogReport> {
    let (_, dir) = find(cx, args)?;
    let started = read::executions(&dir)?.pop();
    let bytes = started.as_ref().map(|s| read::read(&dir, s)).transpose()?.unwrap_or_default();
    Ok(LogReport { id: args.id.to_string(), started, text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// Returns the last whole lines of the output of an action's last execution, harmless to show; nothing where it never
/// ran.
pub fn end(root: &Root, id: &ActionId, max: usize) -> std::io::Result<String> {
    Pieces::of(root, id, max)?.collect()
}

/// Writes the output of the last execution as it is, or harmless for a terminal; with `--follow` until it ends.
pub fn stream(cx: &Context, args: &cli::Logs, out: &mut impl Write) -> Result<()> {
    let (root, dir) = find(cx, args)?;
    let mut harmless = Harmless { out, raw: args.raw, rest: Vec::new() };
    let mut follower = read::executions(&dir)?.pop().map(|started| Follower::new(&dir, &started));
    if follower.is_none() && !args.follow {
        return Err(fail(
            format!("{} has not run yet", args.id),
            format!("`hlctl show {}` says where it stands", args.id),
        ));
    }
    loop {
        // Asked before the output is read: what came before the end is read after it was seen to have ended.
        let ended = !is_live(&root, args);
        if follower.is_none() {
            follower = read::executions(&dir)?.pop().map(|started| Follower::new(&dir, &started));
        }
        if let Some(follower) = &mut follower {
            follower.poll(&mut harmless)?;
        }
        harmless.out.flush()?;
        if !args.follow || ended {
            return Ok(harmless.finish()?);
        }
        std::thread::sleep(POLL);
    }
}

/// Returns whether more output may come: the action is approved or running.
fn is_live(root: &Root, args: &cli::Logs) -> bool {
    [State::Approved, State::Running].iter().any(|state| actions::path(root, *state, &args.id).exists())
}

fn find(cx: &Context, args: &cli::Logs) -> Result<(Root, PathBuf)> {
    let root = cx.root()?;
    let dir = root.logs(&args.id);
    let known = dir.is_dir() || actions::find(&root, &args.id).map_err(NotDone::from).advised()?.current().is_some();
    if !known {
        let nearest = actions::nearest_id(&root, &args.id);
        return Err(NotDone::Unknown { id: args.id.clone(), nearest }).advised();
    }
    Ok((root, dir))
}

/// Passes output on line by line, control characters written as escapes unless the bytes were asked for.
struct Harmless<'a, W: Write> {
    out: &'a mut W,
    raw: bool,
    rest: Vec<u8>,
}

impl<W: Write> Harmless<'_, W> {
    fn finish(mut self) -> std::io::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        self.out.write_all(clean_lines(&String::from_utf8_lossy(&rest)).as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Write for Harmless<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.raw {
            return self.out.write(bytes);
        }
        self.rest.extend_from_slice(bytes);
        let end = self.rest.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let rest = self.rest.split_off(end);
        let lines = std::mem::replace(&mut self.rest, rest);
        self.out.write_all(clean_lines(&String::from_utf8_lossy(&lines)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
