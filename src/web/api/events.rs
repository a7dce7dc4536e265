//! `POST /api/v1/events`: an agent's batch of JSON lines. A line that cannot be read is reported and never blocks
//! the agent's spool; a batch that speaks of a foreign node counts not at all.

use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::Answer;
use crate::flow::event;
use crate::flow::time::Stamp;
use crate::store::events;
use crate::store::root::Root;
use crate::web::message::{Refusal, Response};
use crate::web::routes::Call;

/// For how long the size of `events/` is believed.
const SIZE_AGE_MS: i64 = 10_000;

/// How much `events/` holds, as it was last measured, with what came since.
#[derive(Default)]
pub struct Spool(Mutex<Option<(Stamp, u64)>>);

impl Spool {
    /// Takes room for a batch; returns whether there is any.
    fn take(&self, root: &Root, bytes: u64, quota: u64, now: Stamp) -> bool {
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = measured.filter(|(at, _)| (0..SIZE_AGE_MS).contains(&now.since(*at)));
        let (at, size) = fresh.unwrap_or_else(|| (now, size(root)));
        let fits = size.saturating_add(bytes) <= quota;
        *measured = Some((at, if fits { size + bytes } else { size }));
        fits
    }
}

fn size(root: &Root) -> u64 {
    let files = walkdir::WalkDir::new(root.events()).into_iter().filter_map(Result::ok);
    files.filter_map(|e| e.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum()
}

/// Takes a batch.
pub fn receive(call: &Call<'_>) -> Answer {
    let who = call.who.as_ref().ok_or_else(|| Refusal::new(401, "sending events needs a token"))?;
    let (mut accepted, mut rejected) = (Vec::new(), Vec::new());
    for (i, line) in call.request.body.split(|b| *b == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match event::parse_bytes(line) {
            Ok(event) if !who.nodes.iter().any(|n| n.as_str() == event.node) => {
                let detail = format!("line {}: the token {} does not speak for {}", i + 1, who.name, event.node);
                return Err(Refusal::new(403, detail).advise("nothing of the batch was taken"));
            }
            Ok(_) => accepted.push(String::from_utf8_lossy(line).into_owned()),
            Err(e) => rejected.push(json!({ "line": i + 1, "cause": e.to_string() })),
        }
    }
    let bytes = accepted.iter().map(|l| l.len() as u64 + 1).sum();
    let app = call.app;
    if bytes > 0 && !app.spool.take(&app.root, bytes, app.config.events_quota.0, call.now) {
        return Err(Refusal::new(507, "events/ holds as much as `events_quota` allows")
            .advise("prune old events, or raise `events_quota` in config.yaml"));
    }
    events::append(&app.root, call.now, &who.name, &accepted).map_err(|e| {
        let full = matches!(e.source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        Refusal::new(if full { 507 } else { 503 }, e.to_string()).advise(e.advice())
    })?;
    Ok(Response::json(200, &json!({ "accepted": accepted.len(), "rejected": rejected })))
}
