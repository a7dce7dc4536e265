//! The queue over HTTP: lists, one action, its output, and the two decisions.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Answer, number, tag_with, tagged};
use crate::commands;
use crate::commands::actions::with_state;
use crate::flow::action::{ActionId, Via};
use crate::flow::json;
use crate::flow::lifecycle::State;
use crate::flow::sort;
use crate::store::actions::{self, Entry};
use crate::store::transition::{Asked, NotDone};
use crate::web::access;
use crate::web::message::{Body, JSON, Pieces, Refusal, Response};
use crate::web::routes::Call;

/// Actions on a page of the list when nobody says, and at the most.
const LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// How many bytes a page of the list has before it ends early.
const MAX_PAGE: usize = 256 * 1024;

/// Most bytes of an output: what is kept of one, and the line that says what was left out.
const MAX_LOG: usize = 8 << 20;

/// Lists the queue, newest first, a page at a time.
pub fn list(call: &Call<'_>) -> Answer {
    let head = &call.request.head;
    let mut states = Vec::new();
    for text in head.queries("state").iter().filter(|s| !s.is_empty()) {
        states.push(text.parse::<State>().map_err(|e| Refusal::new(400, e))?);
    }
    let limit = number(head, "limit", 1..=MAX_LIMIT)?.unwrap_or(LIMIT);
    let cursor = head.queries("cursor").into_iter().next().filter(|c| !c.is_empty());
    let after = cursor.as_deref().map(parse_cursor).transpose()?;
    let states = if states.is_empty() { State::ALL.to_vec() } else { states };
    let mut places = Vec::new();
    let mut found = |read: Result<Entry, _>| places.extend(read.ok().as_ref().map(position));
    actions::each(&call.app.root, &states, &mut found).map_err(|e| Refusal::new(503, e.to_string()))?;
    sort::by(&mut places, Ord::cmp);
    places.dedup();
    let start = after.map_or(0, |after| places.partition_point(|p| *p <= after));
    Ok(tagged(Response::new(200, JSON, page(call, &places[start..], limit))))
}

/// Returns the first of these actions, and where to go on behind them; what moved on meanwhile is another one's. Its text
/// is made once, in place: several are made at the same time.
fn page(call: &Call<'_>, places: &[Position], limit: usize) -> String {
    let (mut page, mut listed, mut next) = ("{\"actions\":[".to_owned(), 0, None);
    for (i, (_, state, id)) in places.iter().enumerate() {
        if listed == limit || page.len() > MAX_PAGE {
            next = i.checked_sub(1).map(|last| write_cursor(&places[last]));
            break;
        }
        if let Ok(Some(entry)) = actions::read(&call.app.root, *state, id) {
            let comma = if listed == 0 { "" } else { "," };
            let record = serde_json::to_string(&with_state(&entry)).expect("fields have names");
            page.extend([comma, &record]);
            listed += 1;
        }
    }
    page + &format!("],\"next\":{}}}\n", json!(next))
}

/// Where an action stands in the list: newest first.
type Position = (std::cmp::Reverse<i64>, State, ActionId);

fn position(entry: &Entry) -> Position {
    let since = entry.since().map_or(i64::MIN, |s| s.millis());
    (std::cmp::Reverse(since), entry.state, entry.action.id.clone())
}

fn write_cursor((since, state, id): &Position) -> String {
    format!("{}~{state}~{id}", since.0)
}

fn parse_cursor(text: &str) -> Result<Position, Refusal> {
    let parsed = || {
        let (since, rest) = text.split_once('~')?;
        let (state, id) = rest.split_once('~')?;
        Some((std::cmp::Reverse(since.parse().ok()?), state.parse().ok()?, id.parse().ok()?))
    };
    parsed().ok_or_else(|| Refusal::new(400, "`cursor` is not one that this list gave as `next`"))
}

/// Returns the ID that the path names, of an action that exists, with its record.
pub fn known(call: &Call<'_>) -> Result<Entry, Refusal> {
    of_id(call, call.parameters.first().map_or("", String::as_str))
}

/// Returns the record of an action that exists.
pub fn of_id(call: &Call<'_>, text: &str) -> Result<Entry, Refusal> {
    let unknown = |nearest: Option<String>| {
        let refusal = Refusal::new(404, "there is no such action");
        nearest.map_or(refusal.clone(), |n| refusal.advise(format!("did you mean {n}?")))
    };
    let id: ActionId = text.parse().map_err(|_| unknown(None))?;
    let places = actions::find(&call.app.root, &id).map_err(|e| refused(NotDone::from(e)))?;
    if places.live.len() > 1 {
        return Err(refused(NotDone::Doubled { id, states: places.live.iter().map(|e| e.state).collect() }));
    }
    places.current().cloned().ok_or_else(|| unknown(actions::nearest_id(&call.app.root, &id)))
}

/// Returns one action: its file's object plus `state`.
pub fn show(call: &Call<'_>) -> Answer {
    Ok(tagged(Response::json(200, &with_state(&known(call)?))))
}

/// Returns the output of an action's last execution, or its last bytes with `max`.
pub fn log(call: &Call<'_>) -> Answer {
    let text = call.parameters.first().map_or("", String::as_str);
    let id = text.parse::<ActionId>().map_err(|_| Refusal::new(404, "there is no such action"))?;
    let dir = call.app.root.logs(&id);
    if !dir.is_dir() {
        known(call)?;
    }
    let max = number(&call.request.head, "max", 1..=MAX_LOG)?.unwrap_or(MAX_LOG);
    let pieces = commands::logs::Pieces::of(&call.app.root, &id, max).map_err(|e| unreadable(&id, &e))?;
    // It may have grown by the time that it is sent.
    let tag = format!("W/\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(format!("{max} {}", pieces.version).as_bytes()));
    let body = Body::Pieces(Pieces::new(pieces));
    Ok(tag_with(Response::of(200, "text/plain; charset=utf-8", body), tag))
}

/// Returns the last bytes of the output of the last execution, harmless to show.
pub fn output(call: &Call<'_>, id: &ActionId, max: usize) -> Result<String, Refusal> {
    commands::logs::end(&call.app.root, id, max).map_err(|e| unreadable(id, &e))
}

fn unreadable(id: &ActionId, error: &std::io::Error) -> Refusal {
    Refusal::new(503, format!("cannot read the output of {id}: {error}"))
}

#[derive(Debug, Default, Deserialize)]
// With a field of another name, a digest that is misspelt would guard nothing.
#[serde(default, deny_unknown_fields)]
struct Approval {
    digest: Option<String>,
    note: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rejection {
    reason: Option<String>,
}

/// Approves an action: only with the plan of the digest, where one is sent.
pub fn approve(call: &Call<'_>) -> Answer {
    let entry = known(call)?;
    let Approval { digest, note } = body(call)?;
    let digest = approve_one(call, &entry.action.id, digest.as_deref(), note.as_deref())?;
    let state = State::Approved;
    Ok(Response::json(200, &json!({ "id": entry.action.id, "state": state, "digest": digest })))
}

/// Rejects an action.
pub fn reject(call: &Call<'_>) -> Answer {
    let entry = known(call)?;
    let Rejection { reason } = body(call)?;
    reject_one(call, &entry.action.id, reason.as_deref().unwrap_or_default(), None)?;
    let state = State::Rejected;
    Ok(Response::json(200, &json!({ "id": entry.action.id, "state": state })))
}

fn body<T: DeserializeOwned + Default>(call: &Call<'_>) -> Result<T, Refusal> {
    let body = call.request.body.as_slice();
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    if !body.trim_ascii_start().starts_with(b"{") {
        // serde would take an array for the fields in their order.
        return Err(Refusal::new(400, "the body is not a JSON object"));
    }
    json::from_bytes(body).map_err(|e| Refusal::new(400, format!("the body is not what is expected: {e}")))
}

/// Approves one action in the name of who asks. Returns the digest that is pinned now.
pub fn approve_one(
    call: &Call<'_>,
    id: &ActionId,
    digest: Option<&str>,
    note: Option<&str>,
) -> Result<String, Refusal> {
    let app = call.app;
    let desired = app.cx.desired()?;
    let asked = asked(call, note)?;
    let plan = commands::approve::approve(&app.cx, &app.root, &desired, id, digest, &asked).map_err(refused)?;
    Ok(plan.digest)
}

/// Rejects one action in the name of who asks, only with the plan of the digest, where there is one; a rejection needs
/// a reason.
pub fn reject_one(call: &Call<'_>, id: &ActionId, reason: &str, digest: Option<&str>) -> Result<(), Refusal> {
    if reason.trim().is_empty() {
        return Err(Refusal::new(400, "a rejection needs a `reason`").advise("say why: the next person reads it"));
    }
    let app = call.app;
    let desired = app.cx.desired()?;
    let asked = asked(call, Some(reason))?;
    commands::reject::reject(&app.cx, &app.root, &desired, id, digest, &asked).map_err(refused)
}

fn asked(call: &Call<'_>, note: Option<&str>) -> Result<Asked, Refusal> {
    let who = call.who.as_ref().ok_or_else(|| Refusal::new(401, "deciding needs a token"))?;
    let peer = access::client(call.app, &call.request.head).to_string();
    let note = note.map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned);
    Ok(Asked { at: call.now, by: who.name.clone(), via: Via::Web, peer: Some(peer), note })
}

/// Returns why a transition did not happen, as the client hears it.
pub fn refused(error: NotDone) -> Refusal {
    let status = match &error {
        NotDone::Unknown { .. } => 404,
        NotDone::Lost { .. }
        | NotDone::Hand { .. }
        | NotDone::Doubled { .. }
        | NotDone::Invalid(_)
        | NotDone::Refused { .. } => 409,
        NotDone::Write(e) if e.source.kind() == std::io::ErrorKind::StorageFull => 507,
        NotDone::Write(_) => 503,
    };
    Refusal::new(status, error.to_string()).advise(error.advice())
}
