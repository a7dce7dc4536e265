//! Sends what waits in the spool to the control plane: once a pass, oldest first, until it says no. What it has not
//! acknowledged stays.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::cli;
use crate::context::Context;
use crate::fail::{self, Advised, Result};
use crate::flow::control_plane::ControlPlane;
use crate::flow::digest::sha256_hex;
use crate::flow::json;
use crate::flow::spool::Dropped;
use crate::store::root::Root;
use crate::store::spool::{SEGMENT, Spool};
use crate::wire::{Answer, Client};

/// For how long one pass sends; what is left then goes with the next.
const LONG_ENOUGH: Duration = Duration::from_secs(20);
/// How many refused lines are told one by one.
const TOLD: usize = 5;

const EVENTS: &str = "/api/v1/events";

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
    /// Why the rest was not sent.
    pub error: Option<String>,
    /// What to do about it.
    #[serde(skip)]
    pub advice: Option<String>,
}

impl Shipment {
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
        if self.rejected > 0 {
            notes.push(format!(
                "the control plane took {} lines for no events: {}",
                self.rejected,
                self.causes.join("; ")
            ));
        }
        if let Some(error) = &self.error {
            notes.push(format!("{error}; {} events wait in the spool", self.waiting));
            notes.extend(self.advice.iter().map(|advice| format!("help: {advice}")));
        }
        notes
    }
}

/// What the control plane says of a batch that it took.
#[derive(Deserialize)]
struct Taken {
    accepted: u64,
    rejected: Vec<Rejected>,
    /// How many, where not all are named.
    rejected_total: Option<u64>,
}

impl Taken {
    fn rejected(&self) -> u64 {
        self.rejected_total.unwrap_or(self.rejected.len() as u64)
    }
}

#[derive(Deserialize)]
struct Rejected {
    line: u64,
    cause: String,
}

/// What an answer means for the lines that were sent.
enum Verdict {
    /// They are there.
    Taken(Taken),
    /// Fewer at a time may be.
    TooMany,
    /// They stay: why, and what to do.
    No(String, String),
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
    let began = Instant::now();
    let mut limit = SEGMENT;
    'spool: for batch in spool.batches().advised()? {
        let bytes = spool.read(&batch).advised()?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            if began.elapsed() > LONG_ENOUGH {
                break 'spool;
            }
            let part = whole_lines(rest, limit);
            match send(client, part) {
                Verdict::Taken(taken) => {
                    shipment.take(&taken);
                    rest = &rest[part.len()..];
                    spool.delivered(&batch, rest).advised()?;
                }
                Verdict::TooMany => limit = part.len() / 2,
                Verdict::No(error, advice) => {
                    (shipment.error, shipment.advice) = (Some(error), Some(advice));
                    break 'spool;
                }
            }
        }
        if bytes.is_empty() {
            spool.delivered(&batch, b"").advised()?;
        }
    }
    shipment.waiting = spool.count_waiting().advised()?;
    if shipment.waiting == 0 {
        spool.forget_lost().advised()?;
    }
    Ok(shipment)
}

/// Returns the first lines, of at most so many bytes but at least one.
fn whole_lines(bytes: &[u8], limit: usize) -> &[u8] {
    let head = &bytes[..bytes.len().min(limit)];
    let end = memchr::memrchr(b'\n', head).or_else(|| memchr::memchr(b'\n', bytes));
    &bytes[..end.map_or(bytes.len(), |end| end + 1)]
}

fn send(client: &Client, part: &[u8]) -> Verdict {
    // The same lines have the same key, whoever was killed in between.
    match client.post(EVENTS, &sha256_hex(part), "application/x-ndjson", part) {
        Ok(answer) => verdict(client, &answer, part),
        Err(e) => Verdict::No(e.to_string(), e.advice()),
    }
}

fn verdict(client: &Client, answer: &Answer, part: &[u8]) -> Verdict {
    let lines = memchr::memchr_iter(b'\n', part).count() as u64;
    let url = client.url();
    let no = |advice: &str| {
        let (_, told) = answer.problem();
        let advice = told.map_or(advice.to_owned(), |told| format!("{advice}; it says: {}", client.harmless(&told)));
        Verdict::No(client.refusal(answer), advice)
    };
    match answer.status {
        200 => match json::from_bytes::<Taken>(&answer.body) {
            // Whatever else answers with 200, a captive portal for one, has not taken anything.
            Ok(taken) if taken.accepted + taken.rejected() == lines => Verdict::Taken(taken),
            _ => Verdict::No(
                format!("{url} answered as no control plane does"),
                "look at the URL: something else answers there".into(),
            ),
        },
        413 if lines > 1 => Verdict::TooMany,
        413 => no("let the proxy before the control plane take larger requests (nginx: client_max_body_size 1m)"),
        401 => no("`hlctl token add NODE --agent` on the control plane prints a token: give it with --token-file"),
        403 => no("the token must be an agent's, made for this node: `hlctl token add NAME --agent --nodes A,B`"),
        404 | 405 => no("look at the URL: it is that of the control plane's first page"),
        421 => no("add the name to `serve: allowed_hosts` of the control plane's config.yaml, or use its address"),
        507 => no("make room on the control plane: `hlctl prune`, or raise `events_quota`"),
        _ => no("look at the control plane; the next pass tries it again"),
    }
}

impl Shipment {
    fn take(&mut self, taken: &Taken) {
        self.accepted += taken.accepted;
        self.rejected += taken.rejected();
        let room = TOLD.saturating_sub(self.causes.len());
        self.causes.extend(taken.rejected.iter().take(room).map(|r| format!("line {}: {}", r.line, r.cause)));
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
