//! What the control plane's answer to a batch means for the lines that were sent.

use serde_json::Value;

use crate::flow::digest::sha256_hex;
use crate::flow::json;
use crate::wire::{Answer, Client};

const EVENTS: &str = "/api/v1/events";

/// What the control plane says of a batch that it took.
pub struct Taken {
    /// How many lines are there now.
    pub accepted: u64,
    /// How many it takes for no events.
    pub rejected: u64,
    /// Why, of the first of these.
    pub causes: Vec<String>,
}

impl Taken {
    fn read(body: &[u8]) -> Option<Taken> {
        let taken: Value = json::from_bytes(body).ok()?;
        let named = taken["rejected"].as_array()?;
        let cause = |r: &Value| Some(format!("line {}: {}", r["line"].as_u64()?, r["cause"].as_str()?));
        let causes = named.iter().map(cause).collect::<Option<Vec<String>>>()?;
        // Not all of them are named where they are many.
        let rejected = taken["rejected_total"].as_u64().unwrap_or(causes.len() as u64);
        Some(Taken { accepted: taken["accepted"].as_u64()?, rejected, causes })
    }
}

/// Why lines stay, and what to do.
pub struct No {
    /// What the other side said.
    pub error: String,
    /// What to do about it.
    pub advice: String,
}

/// What an answer means for the lines that were sent.
pub enum Verdict {
    /// They are there.
    Taken(Taken),
    /// Fewer at a time may be.
    TooMany,
    /// They did not get through in time.
    Late(No),
    /// This token may not send them; it may send those of another node.
    NotYours(No),
    /// Nothing can be sent now.
    No(No),
}

/// Sends lines.
pub fn send(client: &Client, part: &[u8]) -> Verdict {
    // The same lines have the same key, whoever was killed in between.
    match client.post(EVENTS, &sha256_hex(part), "application/x-ndjson", part) {
        Ok(answer) => verdict(client, &answer, part),
        Err(e) => {
            let no = No { error: e.to_string(), advice: e.advice() };
            if e.is_late() { Verdict::Late(no) } else { Verdict::No(no) }
        }
    }
}

fn verdict(client: &Client, answer: &Answer, part: &[u8]) -> Verdict {
    // As the other side counts: a blank line is none.
    let lines = part.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).count() as u64;
    let url = client.url();
    let because = |advice: &str| {
        let (_, told) = answer.problem();
        let advice = told.map_or(advice.to_owned(), |told| format!("{advice}; it says: {}", client.harmless(&told)));
        No { error: client.refusal(answer), advice }
    };
    let no = |advice: &str| Verdict::No(because(advice));
    match answer.status {
        200 => match Taken::read(&answer.body) {
            // Whatever else answers with 200, a captive portal for one, has not taken anything.
            Some(taken) if taken.accepted.checked_add(taken.rejected) == Some(lines) => Verdict::Taken(taken),
            _ => Verdict::No(No {
                error: format!("{url} answered as no control plane does"),
                advice: "look at the URL: something else answers there".into(),
            }),
        },
        408 => Verdict::Late(because("look at the line to the control plane: it is slow, or drops much")),
        413 if lines > 1 => Verdict::TooMany,
        413 => no("let the proxy before the control plane take larger requests (nginx: client_max_body_size 1m)"),
        401 => no("`hlctl token add NODE --agent` on the control plane prints a token: give it with --token-file"),
        403 => Verdict::NotYours(because(
            "the token must be an agent's, made for this node: `hlctl token add NAME --agent --nodes A,B`",
        )),
        404 | 405 => no("look at the URL: it is that of the control plane's first page"),
        421 => no("add the name to `serve: allowed_hosts` of the control plane's config.yaml, or use its address"),
        507 => no("make room on the control plane: `hlctl prune`, or raise `events_quota`"),
        _ => no("look at the control plane; the next pass tries it again"),
    }
}
