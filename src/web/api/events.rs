//! `POST /api/v1/events`: an agent's batch of JSON lines. A line that cannot be read is reported and never blocks
//! the agent's spool; a batch that speaks of a foreign node counts not at all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::Answer;
use super::share::{MAX_LINE, Share};
use super::sizes::Sizes;
use crate::flow::action::Via;
use crate::flow::event;
use crate::flow::intake::TOLERANCE_MS;
use crate::flow::time::{HOUR_MS, Stamp};
use crate::store::audit;
use crate::store::batches::{self, Batch};
use crate::store::events;
use crate::store::root::Root;
use crate::web::access::{self, Who};
use crate::web::lock;
use crate::web::message::{Head, Refusal, Response};
use crate::web::routes::Call;

/// How many bad lines the answer names: a batch of nothing else must not become an answer of many times its size.
const NAMED: usize = 1000;
/// How many foreign batches of one token the audit log tells of in an hour; one more line says that it stops.
const FOREIGN: u32 = 10;

/// What is kept of batches between requests.
#[derive(Default)]
pub struct Spool {
    sizes: Mutex<Sizes>,
    foreign: Mutex<HashMap<String, (Stamp, u32)>>,
    /// By token, each with a lock of its own, held while a batch is taken: who sends much keeps nobody else waiting, and
    /// a batch that is sent twice at once is written once.
    shares: Mutex<HashMap<String, Arc<Mutex<Option<Share>>>>>,
}

/// Whether there is room for a batch.
enum Room {
    Enough,
    /// The token has had its share.
    NotForYou,
    None,
}

impl Spool {
    /// Takes room for a batch, if there is any. A token fills at most half of what the others have left, so that one
    /// that has gone wild does not silence them.
    fn take(&self, root: &Root, source: &str, bytes: u64, quota: u64, now: Stamp) -> Room {
        let mut sizes = lock(&self.sizes);
        sizes.bring_up(root, now);
        let own = sizes.of(source);
        let others = sizes.all().saturating_sub(own);
        if sizes.all().saturating_add(bytes) > quota {
            return Room::None;
        }
        if own.saturating_add(bytes) > quota.saturating_sub(others) / 2 {
            return Room::NotForYou;
        }
        sizes.add(source, bytes);
        Room::Enough
    }

    /// Counts a batch that speaks of a foreign node. Returns what to write down of it.
    fn count_foreign(&self, token: &str, node: &str, now: Stamp) -> Option<String> {
        let mut foreign = lock(&self.foreign);
        let (began, count) = foreign.entry(token.to_owned()).or_insert((now, 0));
        if !(0..HOUR_MS).contains(&now.since(*began)) {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        match *count {
            ..=FOREIGN => Some(format!("a batch of events that speaks of {node}")),
            count if count == FOREIGN + 1 => {
                let until = began.plus_millis(HOUR_MS).to_string();
                Some(format!("more such batches until {} UTC are not written down", &until[11..16]))
            }
            _ => None,
        }
    }
}

/// The lines of a batch: those that count, and the first of those that do not.
#[derive(Default)]
struct Sorted {
    accepted: Vec<String>,
    rejected: Vec<Value>,
    rejected_total: u64,
    /// Bytes of those that count later.
    ahead: usize,
}

impl Sorted {
    /// Sorts the lines of a batch. One node that is not the token's makes all of it count for nothing.
    fn of(share: &mut Share, who: &Who, body: &[u8], now: Stamp) -> Result<Sorted, Foreign> {
        let mut sorted = Sorted::default();
        for (i, line) in body.split(|b| *b == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if line.len() > MAX_LINE {
                sorted.reject(i + 1, &format!("longer than {MAX_LINE} bytes"));
                continue;
            }
            match event::parse_bytes(line) {
                Ok(event) if !who.nodes.iter().any(|n| n.as_str() == event.node) => {
                    return Err(Foreign { line: i + 1, node: event.node.into_owned() });
                }
                Ok(event) => match share.take(&event, line) {
                    Ok(()) => {
                        sorted.ahead += if event.ts.since(now) > TOLERANCE_MS { line.len() } else { 0 };
                        sorted.accepted.push(String::from_utf8_lossy(line).into_owned());
                    }
                    Err(e) => sorted.reject(i + 1, &e.to_string()),
                },
                Err(e) => sorted.reject(i + 1, &e.to_string()),
            }
        }
        Ok(sorted)
    }

    fn reject(&mut self, line: usize, cause: &str) {
        self.rejected_total += 1;
        if self.rejected.len() < NAMED {
            self.rejected.push(json!({ "line": line, "cause": cause }));
        }
    }
}

/// The first line that speaks of a node that is not the token's.
struct Foreign {
    line: usize,
    node: String,
}

/// Takes a batch.
pub fn receive(call: &Call<'_>) -> Answer {
    let who = call.who.as_ref().ok_or_else(|| Refusal::new(401, "sending events needs a token"))?;
    let (app, body) = (call.app, call.request.body.as_slice());
    let key = key(&call.request.head)?;
    let own = lock(&app.spool.shares).entry(who.name.clone()).or_default().clone();
    let mut own = lock(&own);
    let known = own.take().filter(|share| share.is_of(&who.nodes, call.now));
    let share = own.insert(known.unwrap_or_else(|| Share::read(&app.root, &who.nodes, call.now)));
    let sorted = Sorted::of(share, who, body, call.now).map_err(|found| foreign(call, who, &found))?;
    let Sorted { accepted, rejected, rejected_total, ahead } = sorted;
    let answer = json!({ "accepted": accepted.len(), "rejected": rejected, "rejected_total": rejected_total });
    match key.map_or(Batch::New, |key| batches::look_up(&app.root, &who.name, key, body)) {
        Batch::New => {}
        Batch::Taken => return Ok(Response::json(200, &answer)),
        Batch::Other => {
            return Err(Refusal::new(409, "this Idempotency-Key was used for another batch")
                .advise("give each batch a key of its own, the hash of its lines for one"));
        }
    }
    if !share.take_ahead(ahead, call.now) {
        let detail = format!("too many events of {} are ahead of their time: more are taken within an hour", who.name);
        return Err(Refusal::new(429, detail).advise("set the clock of the node"));
    }
    let bytes = accepted.iter().map(|l| l.len() as u64 + 1).sum();
    if bytes > 0 {
        match app.spool.take(&app.root, &who.name, bytes, app.config.events_quota.0, call.now) {
            Room::Enough => {}
            Room::NotForYou => {
                let detail = format!("the events of {} fill half of what `events_quota` leaves", who.name);
                return Err(
                    Refusal::new(507, detail).advise("prune old events, or raise `events_quota` in config.yaml")
                );
            }
            Room::None => {
                return Err(Refusal::new(507, "events/ holds as much as `events_quota` allows")
                    .advise("prune old events, or raise `events_quota` in config.yaml"));
            }
        }
    }
    events::append(&app.root, call.now, &who.name, &accepted).map_err(|e| {
        let full = matches!(e.source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        Refusal::new(if full { 507 } else { 503 }, e.to_string()).advise(e.advice())
    })?;
    if let Some(key) = key {
        // A hint: without it the batch may stand in the log twice, where it counts once.
        let _ = batches::remember(&app.root, &who.name, key, body);
    }
    Ok(Response::json(200, &answer))
}

fn key(head: &Head) -> Result<Option<&str>, Refusal> {
    let Some(value) = head.all("idempotency-key").next() else { return Ok(None) };
    let text = std::str::from_utf8(value).ok().map(str::trim);
    match text.filter(|t| (1..=128).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic())) {
        Some(text) => Ok(Some(text)),
        None => Err(Refusal::new(400, "an Idempotency-Key is a word of 1 to 128 ASCII characters")),
    }
}

/// Returns the refusal of a batch that speaks of a foreign node, and writes it down unless that only fills the log.
fn foreign(call: &Call<'_>, who: &Who, found: &Foreign) -> Refusal {
    let Foreign { line, node } = found;
    if let Some(note) = call.app.spool.count_foreign(&who.name, node, call.now) {
        let mut entry = audit::Entry::about(audit::Event::Refused, call.now, &who.name, Via::Web);
        entry.peer = Some(access::client(call.app, &call.request.head).to_string());
        entry.note = Some(note);
        if let Err(e) = audit::append(&call.app.root, entry) {
            return Refusal::new(503, e.to_string()).advise(e.advice());
        }
    }
    Refusal::new(403, format!("line {line}: the token {} does not speak for {node}", who.name))
        .advise("nothing of the batch was taken")
}
