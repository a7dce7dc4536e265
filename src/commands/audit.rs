//! `hlctl audit` and `hlctl audit verify`: the log, and whether it is what was written.

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Result, fail};
use crate::store::audit::{self, Break, Line};

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
    let (mut lines, breaks) = read(cx)?;
    if let Some(last) = args.last {
        lines.drain(..lines.len().saturating_sub(last));
    }
    Ok(AuditReport { lines, breaks })
}

/// Verifies the log.
pub fn verify(cx: &Context) -> Result<VerifyReport> {
    let (lines, breaks) = read(cx)?;
    Ok(VerifyReport { ok: breaks.is_empty(), lines: lines.len(), breaks })
}

fn read(cx: &Context) -> Result<(Vec<Line>, Vec<Break>)> {
    let root = cx.root()?;
    audit::read(&root)
        .map_err(|e| fail(format!("cannot read {}: {e}", root.audit().display()), "run hlctl as the owner of the root"))
}
