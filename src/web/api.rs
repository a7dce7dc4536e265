//! The API's answers: the files of the world as they are, and the reports of the commands as JSON.

use super::message::{Body, HTML, Head, JSON, Refusal, Response};
use super::routes::Call;
use crate::cli;
use crate::commands;
use crate::flow::mask::mask;
use crate::view;

pub mod actions;
pub mod events;
pub mod metrics;

/// How much of an action's output its digest holds.
const OUTPUT_SIZE: usize = 4 * 1024;

type Answer = Result<Response, Refusal>;

/// The description of the API; a test holds it against the table of routes.
const OPENAPI: &str = include_str!("openapi.json");

/// How long a digest is when nobody says.
const DIGEST_SIZE: usize = 32 * 1024;

/// Returns the response with a tag of its content, or that the client has it already.
pub fn tagged(head: &Head, response: Response) -> Response {
    let tag = format!("\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(response.body.bytes()));
    tag_with(head, response, tag)
}

/// Returns the response with this tag, or that the client has it already.
pub fn tag_with(head: &Head, response: Response, tag: String) -> Response {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let known = head.all("if-none-match").filter_map(|v| std::str::from_utf8(v).ok()).flat_map(|v| v.split(','));
    let is_known = known.map(opaque).any(|k| k == "*" || k == opaque(&tag));
    let response = match is_known {
        true => Response { status: 304, headers: Vec::new(), body: Body::Static(b"") },
        false => response,
    };
    // A page is never shown from a cache: how long ago things were would be wrong.
    let is_page = response.header("content-type") == Some(HTML);
    response.with("etag", tag).with("cache-control", if is_page { "no-store" } else { "no-cache" })
}

/// Says that the server answers.
pub fn healthz(_: &Call<'_>) -> Answer {
    Ok(Response::new(200, "text/plain; charset=utf-8", "ok\n"))
}

/// Returns the description of the API.
pub fn openapi(call: &Call<'_>) -> Answer {
    let text = OPENAPI.replacen("\"url\": \"/\"", &format!("\"url\": \"{}/\"", call.app.base), 1);
    Ok(tagged(&call.request.head, Response::new(200, JSON, text)))
}

/// Returns the state of everything: on a mirror, as the control plane gave it, and how old that is.
pub fn summary(call: &Call<'_>) -> Answer {
    let summary = commands::status::run(&call.app.cx)?;
    Ok(tagged(&call.request.head, Response::new(200, JSON, view::json(&summary))))
}

/// Returns `world/services.json`.
pub fn services(call: &Call<'_>) -> Answer {
    file(call, "services.json", "run `hlctl observe` first")
}

/// Returns `world/nodes.json`.
pub fn nodes(call: &Call<'_>) -> Answer {
    file(call, "nodes.json", "run `hlctl observe` first")
}

/// Returns `world/drift.json`.
pub fn drift(call: &Call<'_>) -> Answer {
    file(call, "drift.json", "run `hlctl reconcile` first")
}

fn file(call: &Call<'_>, name: &str, advice: &str) -> Answer {
    match std::fs::read(call.app.root.world(name)) {
        Ok(bytes) => Ok(tagged(&call.request.head, Response::new(200, JSON, bytes))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(Refusal::new(404, format!("there is no world/{name} yet")).advise(advice))
        }
        Err(e) => Err(Refusal::new(503, format!("cannot read world/{name}: {e}"))),
    }
}

/// Returns the state as Markdown: what "Copy for AI" copies.
pub fn digest(call: &Call<'_>) -> Answer {
    const MARKDOWN: &str = "text/markdown; charset=utf-8";
    let max = number(&call.request.head, "max", 256..=1 << 20)?.unwrap_or(DIGEST_SIZE);
    if let Some(id) = call.request.head.queries("action").into_iter().next().filter(|_| !call.app.root.is_mirror()) {
        let entry = actions::of_id(call, &id)?;
        let planned = commands::plan::run(
            &call.app.cx,
            &cli::PlanArgs { id: Some(entry.action.id.clone()), node: None, fetch: false },
        )?;
        let plan = planned.plans.first().and_then(|p| p.plan.as_ref());
        let output = actions::output(call, &entry.action.id, OUTPUT_SIZE)?;
        let text = view::digest::of_action(&entry, plan, &output, call.now);
        let text = view::digest::bounded(&mask(&text, &call.app.cx.secrets), max);
        return Ok(tagged(&call.request.head, Response::new(200, MARKDOWN, text)));
    }
    let report = commands::digest::run(&call.app.cx, &cli::DigestArgs { max })?;
    Ok(tagged(&call.request.head, Response::new(200, MARKDOWN, report.markdown)))
}

/// Returns a number of the query; one that is out of its bounds is refused.
fn number(head: &Head, name: &str, bounds: std::ops::RangeInclusive<usize>) -> Result<Option<usize>, Refusal> {
    let Some(text) = head.queries(name).into_iter().next() else { return Ok(None) };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse().ok().filter(|n| digits && bounds.contains(n)) {
        Some(n) => Ok(Some(n)),
        None => Err(Refusal::new(400, format!("`{name}` is a number from {} to {}", bounds.start(), bounds.end()))),
    }
}
