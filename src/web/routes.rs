//! The table of what can be asked. A route that is not in it does not exist; what stands in it says what it needs.

use super::access::{self, Who};
use super::message::{Head, Refusal, Request, Response};
use super::{App, api, pages};
use crate::flow::time::Stamp;

/// What a route asks of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Open,
    /// To be allowed to read: everybody, unless `read: token`.
    Reader,
    /// To be an operator.
    Operator,
    /// To be a node's agent.
    Agent,
}

/// Something that can be asked.
pub struct Route {
    /// The method; GET stands for HEAD too.
    pub method: &'static str,
    /// The path below the base path; `{…}` stands for one segment.
    pub path: &'static str,
    /// What the client has to show.
    pub need: Need,
    /// Whether it is one of the pages: its refusals are pages too.
    pub page: bool,
    /// Whether all who show nothing about themselves get the same answer, which may then be kept for the next.
    pub shared: bool,
    handler: Handler,
}

type Handler = fn(&Call<'_>) -> Result<Response, Refusal>;

/// A request on its way to a handler.
pub struct Call<'a> {
    /// What is kept between requests.
    pub app: &'a App,
    /// The request.
    pub request: &'a Request,
    /// Who asks, where that is known.
    pub who: Option<Who>,
    /// The segments that stand for `{…}`, decoded.
    pub parameters: Vec<String>,
    /// The time.
    pub now: Stamp,
}

/// Largest body, in bytes (contract section 8).
const MAX_BODY: usize = 64 * 1024;
/// Largest batch of events, in bytes.
const MAX_BATCH: usize = 1 << 20;

const EVENTS: &str = "/api/v1/events";

const fn api(method: &'static str, path: &'static str, need: Need, handler: Handler) -> Route {
    Route { method, path, need, page: false, shared: false, handler }
}

const fn page(method: &'static str, path: &'static str, need: Need, handler: Handler) -> Route {
    Route { method, path, need, page: true, shared: false, handler }
}

impl Route {
    const fn shared(self) -> Route {
        Route { shared: true, ..self }
    }
}

/// All of it.
pub const ROUTES: &[Route] = &[
    page("GET", "/", Need::Reader, pages::overview).shared(),
    page("GET", "/services", Need::Reader, pages::services).shared(),
    page("GET", "/services/{node}/{service}", Need::Reader, pages::service),
    page("GET", "/nodes", Need::Reader, pages::nodes).shared(),
    page("GET", "/actions", Need::Reader, pages::actions).shared(),
    page("GET", "/actions/{id}", Need::Reader, pages::action),
    page("POST", "/actions/{id}/approve", Need::Operator, pages::approve),
    page("POST", "/actions/{id}/reject", Need::Operator, pages::reject),
    page("POST", "/approve", Need::Operator, pages::approve_several),
    page("GET", "/audit", Need::Reader, pages::audit),
    page("GET", "/login", Need::Open, pages::login),
    page("POST", "/login", Need::Open, pages::log_in),
    page("POST", "/logout", Need::Open, pages::log_out),
    page("GET", "/assets/style.css", Need::Open, pages::style),
    page("GET", "/assets/page.js", Need::Open, pages::script),
    api("GET", "/healthz", Need::Open, api::healthz),
    api("GET", "/metrics", Need::Reader, api::metrics::metrics).shared(),
    api("GET", "/summary", Need::Reader, api::summary).shared(),
    api("GET", "/api/v1/world/services", Need::Reader, api::services).shared(),
    api("GET", "/api/v1/world/nodes", Need::Reader, api::nodes).shared(),
    api("GET", "/api/v1/drift", Need::Reader, api::drift).shared(),
    api("GET", "/api/v1/digest", Need::Reader, api::digest).shared(),
    api("GET", "/api/v1/actions", Need::Reader, api::actions::list),
    api("GET", "/api/v1/actions/{id}", Need::Reader, api::actions::show),
    api("GET", "/api/v1/actions/{id}/log", Need::Reader, api::actions::log),
    api("POST", "/api/v1/actions/{id}/approve", Need::Operator, api::actions::approve),
    api("POST", "/api/v1/actions/{id}/reject", Need::Operator, api::actions::reject),
    api("POST", EVENTS, Need::Agent, api::events::receive),
    api("GET", "/api/v1/openapi.json", Need::Open, api::openapi),
];

/// Returns the path below the base path. A proxy may have removed that already.
pub fn below_base<'a>(app: &App, path: &'a str) -> &'a str {
    match path.strip_prefix(&app.base) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

fn decode(segment: &str) -> Result<String, Refusal> {
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(segment).collect();
    let text = String::from_utf8(bytes).map_err(|_| Refusal::new(400, "the path is not UTF-8"))?;
    if text.contains('\0') { Err(Refusal::new(400, "the path has a NUL in it")) } else { Ok(text) }
}

/// Returns the segments for which the pattern has `{…}`, where the path fits.
fn fit(pattern: &str, segments: &[String]) -> Option<Vec<String>> {
    let wanted: Vec<&str> = pattern.split('/').skip(1).collect();
    if wanted.len() != segments.len() {
        return None;
    }
    let mut parameters = Vec::new();
    for (wanted, segment) in wanted.into_iter().zip(segments) {
        if wanted.starts_with('{') {
            parameters.push(segment.clone());
        } else if wanted != segment {
            return None;
        }
    }
    Some(parameters)
}

fn find(app: &App, head: &Head) -> Result<(&'static Route, Vec<String>), Refusal> {
    let path = below_base(app, &head.path);
    let segments = path.split('/').skip(1).map(decode).collect::<Result<Vec<String>, Refusal>>()?;
    let method = if head.method == "HEAD" { "GET" } else { &head.method };
    let mut others = Vec::new();
    for route in ROUTES {
        let Some(parameters) = fit(route.path, &segments) else { continue };
        if route.method == method {
            return Ok((route, parameters));
        }
        others.push(if route.method == "GET" { "GET, HEAD" } else { route.method });
    }
    if others.is_empty() {
        return Err(Refusal::new(404, "there is nothing at this address"));
    }
    Err(Refusal::new(405, format!("{} is not possible here", head.method)).with("allow", others.join(", ")))
}

/// Returns the path of the shared route that a request asks for exactly, showing nothing about who asks.
pub fn shared(app: &App, head: &Head) -> Option<&'static str> {
    if !head.is_safe() || !head.query.is_empty() || !access::is_anybody(app, head) {
        return None;
    }
    let path = below_base(app, &head.path);
    ROUTES.iter().find(|r| r.shared && r.path == path).map(|r| r.path)
}

/// Returns the largest body that a request may have.
pub fn body_limit(app: &App, head: &Head) -> usize {
    if head.method == "POST" && below_base(app, &head.path) == EVENTS { MAX_BATCH } else { MAX_BODY }
}

/// Returns whether a refusal of this request is shown as a page.
pub fn is_page(app: &App, head: &Head) -> bool {
    let path = below_base(app, &head.path);
    let for_programs = |prefix: &str| path.strip_prefix(prefix).is_some_and(|r| r.is_empty() || r.starts_with('/'));
    !["/api", "/summary", "/metrics", "/healthz"].into_iter().any(for_programs)
}

/// What a request was found to be.
pub struct Admitted {
    route: &'static Route,
    parameters: Vec<String>,
    who: Option<Who>,
}

/// Refuses to change anything on a mirror, but for who looks at it. What exists is not known here: its queue is elsewhere.
fn check_mirror(app: &App, route: &Route) -> Result<(), Refusal> {
    if route.method == "GET" || ["/login", "/logout"].contains(&route.path) || !app.root.is_mirror() {
        return Ok(());
    }
    let from = crate::store::mirror::source(&app.root);
    let from = from.map_or_else(|| "the control plane".to_owned(), String::from);
    Err(Refusal::new(409, format!("this is a mirror of {from}: nothing is decided here"))
        .advise(format!("do it on the control plane: {from}")))
}

/// Refuses what can be refused without the body, in the order of the contract.
pub fn admit(app: &App, head: &Head) -> Result<Admitted, Refusal> {
    access::check_host(app, head)?;
    let (route, parameters) = find(app, head)?;
    let who = access::check(app, head, route.need)?;
    check_mirror(app, route)?;
    access::check_origin(app, head, who.as_ref())?;
    Ok(Admitted { route, parameters, who })
}

/// Answers a request.
pub fn answer(app: &App, request: &Request) -> Result<Response, Refusal> {
    let Admitted { route, parameters, who } = admit(app, &request.head)?;
    access::check_csrf(request, who.as_ref())?;
    let is_for_known = who.is_some();
    let response = (route.handler)(&Call { app, request, who, parameters, now: app.cx.now() })?;
    Ok(Response { is_for_known, ..response })
}
