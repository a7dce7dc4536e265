//! Logging in and out.

use minijinja::context;

use super::{Answer, Page, render};
use crate::flow::action::Via;
use crate::store::audit::{self, Event};
use crate::store::sessions;
use crate::store::tokens::{self, TokenKind, TokensError};
use crate::web::access::{self, COOKIE};
use crate::web::message::{Refusal, Response};
use crate::web::routes::Call;

/// Returns the page with the form.
pub fn login(call: &Call<'_>) -> Answer {
    let next = call.request.head.queries("next").into_iter().next().unwrap_or_default();
    let none = tokens::read(&call.app.root).map_err(failed)?.iter().all(|t| t.kind == TokenKind::Agent);
    let page = Page { template: "login.html", name: "log in", digest: None };
    render(call, &page, None, context! { next => safe_path(call, &next), none })
}

fn failed(error: TokensError) -> Refusal {
    Refusal::new(503, error.to_string()).advise(error.advice())
}

/// Returns a path of this server to go to afterwards, with its query; everything else is the overview. No page's own
/// address has anything that would have to be written with a percent sign.
fn safe_path(call: &Call<'_>, path: &str) -> String {
    let base = &call.app.base;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~?=&+".contains(&b);
    let inside = |rest: &str| rest.starts_with('/') && !rest.starts_with("//") && rest.bytes().all(plain);
    if path.strip_prefix(base.as_str()).is_some_and(inside) { path.to_owned() } else { format!("{base}/") }
}

/// Begins a session for who sends a token.
pub fn log_in(call: &Call<'_>) -> Answer {
    let app = call.app;
    let head = &call.request.head;
    let known = tokens::read(&app.root).map_err(failed)?;
    let sent = call.request.field("token").ok_or_else(|| Refusal::new(400, "no token was sent"))?;
    let Some(token) = tokens::find(&known, &sent) else { return Err(access::wrong_token(app, head)) };
    if token.kind == TokenKind::Agent {
        return Err(Refusal::new(403, "an agent's token opens no session"));
    }
    let mut entry = audit::Entry::about(Event::Login, call.now, &token.name, Via::Web);
    entry.peer = Some(access::client(app, head).to_string());
    audit::append(&app.root, entry).map_err(|e| Refusal::new(503, e.to_string()).advise(e.advice()))?;
    let secret = sessions::begin(&app.root, token, call.now).map_err(failed)?;
    let next = safe_path(call, &call.request.field("next").unwrap_or_default());
    let seconds = sessions::LIFETIME_MS / 1000;
    Ok(Response::see_other(next).with("set-cookie", cookie(call, &secret, seconds)))
}

/// Ends the session.
pub fn log_out(call: &Call<'_>) -> Answer {
    if let Some(secret) = call.who.as_ref().and_then(|w| w.session.as_deref()) {
        sessions::end(&call.app.root, secret, call.now).map_err(failed)?;
    }
    Ok(Response::see_other(format!("{}/", call.app.base)).with("set-cookie", cookie(call, "", 0)))
}

fn cookie(call: &Call<'_>, secret: &str, seconds: i64) -> String {
    let head = &call.request.head;
    // Behind a proxy with TLS only; on a plain LAN address a browser would drop it.
    let secure = call.app.trusts(head.peer) && head.header("x-forwarded-proto") == Some("https");
    let path = if call.app.base.is_empty() { "/" } else { &call.app.base };
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={secret}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}
