//! `hlctl approve` and `hlctl reject` without an ID on a terminal: one pending action after the other, each with its
//! plan; the plan shown is the one pinned.

use std::io::{BufRead, Write};

use crate::cli;
use crate::context::Context;
use crate::fail::Result;
use crate::flow::lifecycle::State;
use crate::view::{Report, Style, clean};

use super::approve::ApproveReport;
use super::reject::RejectReport;
use super::{actions, approve, reject};

/// Returns whether a selection leaves it to the person at the terminal.
pub fn is_left_open(cx: &Context, select: &cli::Select) -> bool {
    cx.output.interactive && select.ids.is_empty() && !select.all && select.risk.is_none() && select.node.is_none()
}

/// What a person answers.
enum Answer {
    Yes,
    Skip,
    Quit,
}

/// Asks for each pending action whether to approve it.
pub fn approve_each(cx: &Context, args: &cli::Approve) -> Result<ApproveReport> {
    let mut report = ApproveReport::default();
    each(cx, "approve", |shown| {
        let select = cli::Select { ids: vec![shown.entry.action.id.clone()], all: false, risk: None, node: None };
        let digest = shown.planned.as_ref().and_then(|p| p.plan.as_ref()).map(|p| p.digest.clone());
        let one = approve::run(cx, &cli::Approve { select, digest, note: args.note.clone(), dry_run: args.dry_run })?;
        report.approved.extend(one.approved);
        report.failed.extend(one.failed);
        Ok(())
    })?;
    report.dry_run = args.dry_run;
    Ok(report)
}

/// Asks for each pending action whether to reject it.
pub fn reject_each(cx: &Context, args: &cli::Reject) -> Result<RejectReport> {
    let mut report = RejectReport::default();
    each(cx, "reject", |shown| {
        let select = cli::Select { ids: vec![shown.entry.action.id.clone()], all: false, risk: None, node: None };
        let one = reject::run(cx, &cli::Reject { select, reason: args.reason.clone(), dry_run: args.dry_run })?;
        report.rejected.extend(one.rejected);
        report.failed.extend(one.failed);
        Ok(())
    })?;
    report.dry_run = args.dry_run;
    Ok(report)
}

fn each(cx: &Context, verb: &str, mut yes: impl FnMut(&actions::ShowReport) -> Result<()>) -> Result<()> {
    let pending = actions::list(cx, &cli::Actions { state: vec![State::Pending] })?;
    for entry in &pending.entries {
        // What was decided elsewhere meanwhile is not asked for.
        let Ok(shown) = actions::show(cx, &cli::Show { id: entry.action.id.clone() }) else { continue };
        if shown.entry.state != State::Pending {
            continue;
        }
        let style = Style { color: cx.output.color, terminal: true };
        match ask(&format!(
            "\n{}\n{verb} {}? [y]es, [n]o, [q]uit: ",
            shown.text(style),
            clean(entry.action.id.as_str())
        ))? {
            Answer::Yes => yes(&shown)?,
            Answer::Skip => {}
            Answer::Quit => break,
        }
    }
    Ok(())
}

/// Asks on the terminal until the answer is one; the end of the input is a no to all that follows.
fn ask(question: &str) -> Result<Answer> {
    let mut question = question;
    loop {
        let mut terminal = std::io::stderr().lock();
        terminal.write_all(question.as_bytes())?;
        terminal.flush()?;
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(Answer::Quit);
        }
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Yes),
            "n" | "no" | "" => return Ok(Answer::Skip),
            "q" | "quit" => return Ok(Answer::Quit),
            _ => question = "y, n or q: ",
        }
    }
}
