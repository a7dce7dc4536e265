//! `hlctl audit` and `hlctl audit verify`: the log, and whether it is what was written.

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Result, fail};
use crate::store::audit::{self, Break, Line};
use crate::store::root::Root;

/// The log.
#[derive(Debug, Serialize)]
pub struct AuditReport {
    /// Its lines, oldest first.
    pub lines: Vec<Line>,
    /// Where the chain is broken.
    pub breaks: Vec<Break>,
}

/// Whether the log is what was written.
#[derive(Debug, Serialize)]
pub struct VerifyReport {
    /// Whether it is.
    pub ok: bool,
    /// How many lines it has.
    pub lines: usize,
    /// Where the chain is broken.
    pub breaks: Vec<Break>,
}

/// Reads the log.
pub fn show(cx: &Context, args: &cli::Audit) -> Result<AuditReport> {
    let (mut lines, breaks) = read(cx, audit::read)?;
    if let Some(last) = args.last {
        lines.drain(..lines.len().saturating_sub(last));
    }
    Ok(AuditReport { lines, breaks })
}

/// Reads the newest lines alone: the chain is followed only where they are.
pub fn newest(cx: &Context, most: usize) -> Result<AuditReport> {
    let (lines, breaks) = read(cx, |root| audit::read_newest(root, most))?;
    Ok(AuditReport { lines, breaks })
}

/// Verifies the log.
pub fn verify(cx: &Context) -> Result<VerifyReport> {
    let (lines, breaks) = read(cx, audit::read)?;
    Ok(VerifyReport { ok: breaks.is_empty(), lines: lines.len(), breaks })
}

type Found = (Vec<Line>, Vec<Break>);

fn read(cx: &Context, how: impl FnOnce(&Root) -> std::io::Result<Found>) -> Result<Found> {
    let root = cx.root()?;
    how(&root)
        .map_err(|e| fail(format!("cannot read {}: {e}", root.audit().display()), "run hlctl as the owner of the root"))
}
