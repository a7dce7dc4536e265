//! The pages: templates that are part of the program, filled from the same reports as the command line's. Text from
//! outside is escaped by the template engine, and has passed [`clean`] before.

use minijinja::{Environment, Value, context};

use super::App;
use super::api::tag_with;
use super::message::{Body, HTML, Refusal, Response, title};
use super::routes::{Call, below_base};
use crate::commands;
use crate::flow::desired::Desired;
use crate::flow::lifecycle::State;
use crate::flow::status::Summary;
use crate::flow::time::{Stamp, span};
use crate::view;

mod overview;
mod world;
pub mod history;
mod queue;
mod records;
mod plan;
mod words;
mod audit;
mod session;

pub use audit::audit;
pub use overview::overview;
pub use queue::{action, actions, approve, approve_several, reject};
pub use session::{log_in, log_out, login};
pub use world::{nodes, service, services};

type Answer = Result<Response, Refusal>;

const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("templates/base.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("overview.html", include_str!("templates/overview.html")),
    ("services.html", include_str!("templates/services.html")),
    ("service.html", include_str!("templates/service.html")),
    ("nodes.html", include_str!("templates/nodes.html")),
    ("actions.html", include_str!("templates/actions.html")),
    ("action.html", include_str!("templates/action.html")),
    ("audit.html", include_str!("templates/audit.html")),
    ("login.html", include_str!("templates/login.html")),
    ("refusal.html", include_str!("templates/refusal.html")),
];

/// The templates, parsed once.
pub struct Pages(Environment<'static>);

impl Pages {
    /// Parses the templates.
    pub fn new() -> Self {
        let mut environment = view::template::environment();
        for (name, text) in TEMPLATES {
            environment.add_template(name, text).expect("the templates are part of the program");
        }
        Self(environment)
    }

    fn render(&self, name: &str, values: Value) -> Result<String, Refusal> {
        let rendered = self.0.get_template(name).and_then(|template| template.render(values));
        rendered.map_err(|e| Refusal::new(500, format!("this page met a bug in hlctl: {e:#}")))
    }
}

/// The stylesheet.
pub fn style(_: &Call<'_>) -> Answer {
    Ok(asset("text/css; charset=utf-8", include_str!("assets/style.css")))
}

/// The script, without which everything works too.
pub fn script(_: &Call<'_>) -> Answer {
    Ok(asset("text/javascript; charset=utf-8", include_str!("assets/page.js")))
}

fn asset(media: &'static str, text: &'static str) -> Response {
    super::api::tagged(Response::of(200, media, Body::Static(text.as_bytes())))
}

/// What a page is about, beside its own content.
struct Page<'a> {
    template: &'a str,
    /// What stands in the title and is marked in the navigation.
    name: &'a str,
    /// The query of the digest that the page's "Copy for AI" copies; none where there is nothing to copy.
    digest: Option<String>,
}

/// Returns a page with the frame that all share.
fn render(call: &Call<'_>, page: &Page<'_>, summary: Option<&Summary>, own: Value) -> Answer {
    let needs = summary.map(Summary::needs);
    let frame = context! {
        base => call.app.base.clone(), name => page.name, csrf => call.who.as_ref().and_then(|w| w.csrf()),
        who => call.who.as_ref().map(|w| w.name.as_str()), digest => page.digest.clone(),
        may_decide => may_decide(call),
        tone => summary.map_or("quiet", tone), needs, mirror => mirror(call),
        now => stamp(call.now, call.now), here => format!("{}{}", call.app.base, here(call)),
    };
    let html = call.app.pages.render(page.template, context! { ..own, ..frame })?;
    let tag = format!("W/\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(without_ages(&html).as_bytes()));
    Ok(tag_with(Response::new(200, HTML, html), tag))
}

/// Returns whether the one who asks may decide.
fn may_decide(call: &Call<'_>) -> bool {
    call.who.as_ref().is_some_and(|w| w.kind == crate::store::tokens::TokenKind::Operator)
}

/// Returns the address of the page itself, below the base path.
fn here(call: &Call<'_>) -> String {
    let head = &call.request.head;
    let mark = if head.query.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", below_base(call.app, &head.path), head.query)
}

/// Returns whom a mirror mirrors, and when that was heard; nothing on a control plane.
fn mirror(call: &Call<'_>) -> Option<Value> {
    let facts = call.app.root.is_mirror().then(|| commands::mirror::facts(&call.app.root, call.now))?;
    let url = facts.from.as_ref().map(|from| from.as_str());
    Some(context! { url, heard => maybe_stamp(facts.heard, call.now), trouble => facts.attention().map(|t| clean(&t)) })
}

/// Returns a page without what changes by itself: how long ago things were, which the script counts on.
fn without_ages(html: &str) -> String {
    let mut kept = String::with_capacity(html.len());
    for (i, part) in html.split("<time ").enumerate() {
        match part.split_once("</time>") {
            Some((time, rest)) if i > 0 => {
                kept.push_str(time.split_once('>').map_or(time, |(attributes, _)| attributes));
                kept.push_str(rest);
            }
            _ => kept.push_str(part),
        }
    }
    kept
}

/// Returns the page that says no, and leads back to where one was.
pub fn refusal(app: &App, refusal: &Refusal) -> Response {
    let at = refusal.path.find('?').unwrap_or(refusal.path.len());
    let (path, query) = refusal.path.split_at(at);
    let path = below_base(app, path);
    let action = path.strip_prefix("/actions/").and_then(|p| p.split('/').next()).filter(|id| !id.is_empty());
    let (back, what) = match action {
        Some(id) if refusal.status != 404 => (format!("/actions/{id}"), "Look at the action"),
        _ if path == "/approve" => ("/actions".to_owned(), "Look at the queue"),
        _ => (format!("{path}{query}"), ""),
    };
    let values = context! {
        base => app.base.clone(), name => title(refusal.status), tone => "quiet", status => refusal.status,
        detail => clean(&refusal.detail), advice => refusal.advice.as_deref().map(clean),
        log_in => refusal.status == 401, title => title(refusal.status), back => format!("{}{back}", app.base), what,
    };
    match app.pages.render("refusal.html", values) {
        Ok(html) => Response::new(refusal.status, HTML, html),
        Err(_) => refusal.problem(),
    }
}

/// Returns the meaning of the page's colour.
fn tone(summary: &Summary) -> &'static str {
    let failed = summary.attention.iter().any(|a| a.contains(" failed: "));
    match (summary.attention.is_empty(), failed || summary.services.unhealthy + summary.services.missing > 0) {
        (true, _) => "good",
        (false, true) => "bad",
        (false, false) => "attention",
    }
}

/// Returns a time with the words for how long ago it is.
fn stamp(at: Stamp, now: Stamp) -> Value {
    let ms = now.since(at);
    let words = if ms < -999 { format!("in {}", span(-ms)) } else { format!("{} ago", span(ms)) };
    context! { iso => at.to_string(), ago => words }
}

/// Returns text from outside without what would steer a reader's eye or screen; the templates escape the rest.
fn clean(text: &str) -> String {
    view::clean(text).into_owned()
}

/// Returns a sentence of the commands' without the root's path in it, harmless to show.
fn below_root(call: &Call<'_>, text: &str) -> String {
    clean(&text.replace(&format!("{}/", call.app.cx.root.display()), ""))
}

fn maybe_stamp(at: Option<Stamp>, now: Stamp) -> Value {
    at.map_or(Value::from(()), |at| stamp(at, now))
}

/// Returns the word that colours a state of an action.
fn state_tone(state: State) -> &'static str {
    match state {
        State::Pending => "attention",
        State::Approved | State::Running => "busy",
        State::Completed => "good",
        State::Failed => "bad",
        State::Rejected | State::Cancelled => "quiet",
    }
}

/// Returns the desired state, which takes the longest to read, and the state of everything.
fn state(call: &Call<'_>) -> Result<(Desired, Summary), Refusal> {
    let desired = call.app.cx.desired()?;
    let summary = commands::status::of(&call.app.cx, &desired)?;
    Ok((desired, summary))
}
