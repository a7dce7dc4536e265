//! Sends what waits in the spool to the control plane: once a pass, oldest first, until it says no. What it has not
//! acknowledged stays. A node for which the token does not speak holds up no other one.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{self, Advised, Result};
use crate::flow::control_plane::ControlPlane;
use crate::flow::spool::{Dropped, by_node};
use crate::store::root::Root;
use crate::store::spool::{self, Spool};
use crate::wire::Client;

mod answer;
mod pace;

use answer::{No, Taken, Verdict, send};
use pace::Pace;

/// How many refused lines are told one by one.
const TOLD: usize = 5;

/// What became of the spool.
#[derive(Debug, Default, Serialize)]
pub struct Shipment {
    /// How many events the control plane has taken.
    pub accepted: u64,
    /// How many lines it took for no events; they are not sent again.
    pub rejected: u64,
    /// The first of these, and why.
    pub causes: Vec<String>,
    /// How many events wait.
    pub waiting: u64,
    /// What a full spool lost since it was last emptied.
    pub lost: Dropped,
    /// The nodes whose events are set aside: the control plane does not take them from this token.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub refused: BTreeSet<String>,
    /// Why the rest was not sent.
    pub error: Option<String>,
    /// What to do about it.
    #[serde(skip)]
    pub advice: Option<String>,
}

impl Shipment {
    /// Returns what went wrong, if something did: what was not taken is lost for good.
    pub fn trouble(&self) -> Option<String> {
        self.error.clone().or_else(|| self.rejection())
    }

    fn rejection(&self) -> Option<String> {
        let words =
            || format!("the control plane took {} lines for no events: {}", self.rejected, self.causes.join("; "));
        (self.rejected > 0).then(words)
    }

    /// Returns what belongs on stderr.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Dropped { heartbeats, repeats, changes, too_long } = self.lost;
        if !self.lost.is_none() {
            notes.push(format!(
                "the spool was full: {heartbeats} heartbeats, {repeats} repeats and {changes} changes were dropped, \
                 {too_long} were too long"
            ));
        }
        notes.extend(self.rejection());
        if !self.refused.is_empty() {
            let nodes: Vec<&str> = self.refused.iter().map(String::as_str).collect();
            notes.push(format!("what waits of {} is set aside: this token may not send it", nodes.join(", ")));
        }
        if let Some(error) = &self.error {
            notes.push(format!("{error}; {} events wait in the spool", self.waiting));
            notes.extend(self.advice.iter().map(|advice| format!("help: {advice}")));
        }
        notes
    }
}

/// Sends what waits to a control plane. Where even the token cannot be read, that is what the shipment says.
pub fn to(cx: &Context, root: &Root, url: &ControlPlane, args: &cli::Uplink) -> Result<Shipment> {
    match super::uplink::client(cx, url, args) {
        Ok(client) => run(root, &client),
        Err(report) => {
            let spool = Spool::open(root).advised()?;
            let (lost, waiting) = (spool.lost(), spool.count_waiting().advised()?);
            let (advice, _) = fail::verdict(&report);
            Ok(Shipment { lost, waiting, error: Some(report.to_string()), advice, ..Shipment::default() })
        }
    }
}

/// Sends what waits.
pub fn run(root: &Root, client: &Client) -> Result<Shipment> {
    let spool = Spool::open(root).advised()?;
    let mut shipment = Shipment { lost: spool.lost(), ..Shipment::default() };
    let mut pace = Pace::new(client.patience());
    let mut waiting: VecDeque<_> = spool.batches().advised()?.into();
    // The nodes set aside before whose events are taken again.
    let mut taken_again = BTreeSet::new();
    'spool: while let Some(batch) = waiting.pop_front() {
        let node = spool::node(&batch);
        if node.is_some_and(|node| shipment.refused.contains(node)) {
            continue;
        }
        let bytes = spool.read(&batch).advised()?;
        let mut rest = &bytes[..];
        let mut is_refused = node.is_none() && shipment.refuses(&bytes);
        while !rest.is_empty() && !is_refused {
            if pace.is_over() {
                break 'spool;
            }
            // What was refused before is asked for with one line: it may be long, and refused in each pass.
            let is_asked = node.is_some_and(|node| !taken_again.contains(node));
            let part = whole_lines(rest, if is_asked { 1 } else { pace.limit() });
            let sent_at = Instant::now();
            match send(client, part) {
                Verdict::Taken(taken) => {
                    pace.taken(part.len(), sent_at.elapsed());
                    shipment.take(taken);
                    rest = &rest[part.len()..];
                    spool.delivered(&batch, rest).advised()?;
                    taken_again.extend(node.map(str::to_owned));
                }
                Verdict::TooMany => pace.refused(part.len()),
                // What has got through is enough for this pass.
                Verdict::Late(_) if shipment.accepted == 0 && pace.late(part.len()) => {}
                Verdict::NotYours(no) => {
                    shipment.says_no(no);
                    is_refused = true;
                }
                Verdict::Late(no) | Verdict::No(no) => {
                    shipment.says_no(no);
                    break 'spool;
                }
            }
        }
        match node {
            Some(node) if is_refused => drop(shipment.refused.insert(node.to_owned())),
            None if is_refused => {
                let parts = by_node(rest);
                if parts.is_empty() {
                    break;
                }
                let parts = spool.part(&batch, &parts).advised()?;
                // A pass that was killed may have left some of them.
                waiting.retain(|path| !parts.contains(path));
                parts.into_iter().rev().for_each(|part| waiting.push_front(part));
            }
            _ if bytes.is_empty() => spool.delivered(&batch, b"").advised()?,
            _ => {}
        }
    }
    shipment.waiting = spool.count_waiting().advised()?;
    if shipment.waiting == 0 {
        spool.forget_lost().advised()?;
    }
    shipment.advise(root);
    Ok(shipment)
}

/// Returns the first lines, of at most so many bytes but at least one.
fn whole_lines(bytes: &[u8], limit: usize) -> &[u8] {
    let head = &bytes[..bytes.len().min(limit)];
    let end = memchr::memrchr(b'\n', head).or_else(|| memchr::memchr(b'\n', bytes));
    &bytes[..end.map_or(bytes.len(), |end| end + 1)]
}

impl Shipment {
    /// Returns whether some of these lines are known to be refused.
    fn refuses(&self, lines: &[u8]) -> bool {
        !self.refused.is_empty() && by_node(lines).iter().any(|(node, _)| self.refused.contains(node))
    }

    fn says_no(&mut self, no: No) {
        (self.error, self.advice) = (Some(no.error), Some(no.advice));
    }

    /// Says how to be rid of what was set aside, where it is not all that there is: then the token is a wrong one.
    fn advise(&mut self, root: &Root) {
        if let (Some(advice), false, 1..) = (&mut self.advice, self.refused.is_empty(), self.accepted) {
            let file = |node: &String| root.state("spool").join(format!("*@{node}.jsonl")).display().to_string();
            let files: Vec<String> = self.refused.iter().map(file).collect();
            advice.push_str(&format!("; or let them go: `rm {}`", files.join(" ")));
        }
    }

    fn take(&mut self, taken: Taken) {
        self.accepted += taken.accepted;
        self.rejected += taken.rejected;
        let room = TOLD.saturating_sub(self.causes.len());
        self.causes.extend(taken.causes.into_iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_with_a_line() {
        for (bytes, limit, want) in [
            ("a\nb\nc\n", 100, "a\nb\nc\n"),
            ("a\nb\nc\n", 4, "a\nb\n"),
            ("a\nb\nc\n", 3, "a\n"),
            ("a\nb\nc\n", 2, "a\n"),
            ("long\nb\n", 2, "long\n"),
            ("long\nb\n", 0, "long\n"),
        ] {
            assert_eq!(whole_lines(bytes.as_bytes(), limit), want.as_bytes(), "{bytes:?} {limit}");
        }
    }
}
