//! The API's answers: the files of the world as they are, and the reports of the commands as JSON.

use super::message::{HTML, Head, JSON, Refusal, Response};
use super::routes::Call;
use crate::cli;
use crate::commands;
use crate::view;

pub mod actions;
pub mod events;
mod share;
mod sizes;
pub mod metrics;

type Answer = Result<Response, Refusal>;

/// The description of the API; a test holds it against the table of routes.
const OPENAPI: &str = include_str!("openapi.json");

/// How long a digest is when nobody says.
const DIGEST_SIZE: usize = 32 * 1024;

/// Returns the response with a tag of its content.
pub fn tagged(response: Response) -> Response {
    let tag = format!("\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(response.body.bytes()));
    tag_with(response, tag)
}

/// Returns the response with this tag.
pub fn tag_with(response: Response, tag: String) -> Response {
    // A page is never shown from a browser's cache: how long ago things were would be wrong.
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
    Ok(tagged(Response::new(200, JSON, text)))
}

/// Returns the state of everything: on a mirror, as the control plane gave it, and how old that is.
pub fn summary(call: &Call<'_>) -> Answer {
    let summary = commands::status::run(&call.app.cx)?;
    Ok(tagged(Response::new(200, JSON, view::json(&summary))))
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
        Ok(bytes) => Ok(tagged(Response::new(200, JSON, bytes))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(Refusal::new(404, format!("there is no world/{name} yet")).advise(advice))
        }
        Err(e) => Err(Refusal::new(503, format!("cannot read world/{name}: {e}"))),
    }
}

/// Returns the state as Markdown, or a part of it: what "Copy for AI" copies.
pub fn digest(call: &Call<'_>) -> Answer {
    const MARKDOWN: &str = "text/markdown; charset=utf-8";
    let head = &call.request.head;
    let args = cli::DigestArgs {
        max: number(head, "max", 256..=1 << 20)?.unwrap_or(DIGEST_SIZE),
        select_node: name(head, "node", "there is no such node")?,
        service: name(head, "service", "there is no such service")?,
        action: head.queries("action").first().map(|id| actions::of_id(call, id)).transpose()?.map(|e| e.action.id),
    };
    if args.service.is_some() && args.select_node.is_none() {
        return Err(Refusal::new(404, "there is no service without its `node`"));
    }
    let report = commands::digest::run(&call.app.cx, &args)?;
    Ok(tagged(Response::new(200, MARKDOWN, report.markdown)))
}

/// Returns a name of the query; one that is none stands for nothing.
fn name<T: std::str::FromStr>(head: &Head, parameter: &str, unknown: &str) -> Result<Option<T>, Refusal> {
    let text = head.queries(parameter).into_iter().next();
    text.map(|text| text.parse()).transpose().map_err(|_| Refusal::new(404, unknown))
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
