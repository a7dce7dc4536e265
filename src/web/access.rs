//! Who asks, and whether they may: the `Host` rule, tokens, sessions, and what a browser must show before it
//! changes anything.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use super::App;
use super::lock;
use super::message::{Head, Refusal, Request};
use super::routes::Need;
use crate::flow::action::Via;
use crate::flow::config::ReadAccess;
use crate::flow::name::NodeName;
use crate::flow::time::Stamp;
use crate::store::audit::{self, Event};
use crate::store::sessions;
use crate::store::tokens::{self, Token, TokenKind};

/// The cookie that holds a session.
pub const COOKIE: &str = "hlctl_session";

/// Wrong tokens that one address may send in a minute, and all addresses together: more are refused with 429 and not
/// written down; of the others, one a minute of each address is, and tells of the rest. A right one is let in all the same: no pace is enough to guess one, and nobody is to lock the operator
/// out.
const GUESSES: u32 = 10;
const ALL_GUESSES: u32 = 60;
/// Lines about them that all addresses together add to the log in a minute.
const LINES: usize = 10;
const WINDOW_MS: i64 = 60_000;

/// The client, where it showed who it is.
#[derive(Debug, Clone)]
pub struct Who {
    /// The token's name.
    pub name: String,
    /// What the token is for.
    pub kind: TokenKind,
    /// The nodes that an agent may speak of.
    pub nodes: Vec<NodeName>,
    /// The secret of the session, where there is one.
    pub session: Option<String>,
}

impl Who {
    fn of(token: &Token, session: Option<String>) -> Self {
        Self { name: token.name.clone(), kind: token.kind, nodes: token.nodes.clone(), session }
    }

    /// Returns what the forms of this session carry; nobody who cannot read the page knows it.
    pub fn csrf(&self) -> Option<String> {
        self.session.as_ref().map(|secret| tokens::hash(&format!("hlctl csrf {secret}")))
    }
}

/// Checks the `Host`: one, and a name that is ours, so that no foreign site can make its name point here.
pub fn check_host(app: &App, head: &Head) -> Result<(), Refusal> {
    let mut hosts = head.all("host");
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Refusal::new(400, "a request has exactly one Host header"));
    };
    let host = std::str::from_utf8(host).map_err(|_| Refusal::new(400, "the Host header is not text"))?;
    for name in [Some(host), head.authority.as_deref()].into_iter().flatten() {
        let Some((name, _)) = split_port(name) else {
            return Err(Refusal::new(400, "the Host header is not a host"));
        };
        if !is_ours(app, name) {
            return Err(Refusal::new(421, "this host name is not known here")
                .advise("add it to `serve: allowed_hosts` in config.yaml, or use the address"));
        }
    }
    Ok(())
}

/// Returns a host name and its port, brackets of an IPv6 address removed.
fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let port = match rest.strip_prefix(':') {
        Some("") => None,
        Some(port) => Some(port.parse().ok()?),
        None if rest.is_empty() => None,
        None => return None,
    };
    (!name.is_empty()).then_some((name, port))
}

fn is_ours(app: &App, name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || app.config.serve.allowed_hosts.iter().any(|h| h.eq_ignore_ascii_case(name))
}

/// Returns the client's address: the connection's, or what a trusted proxy says of it.
pub fn client(app: &App, head: &Head) -> IpAddr {
    if !app.trusts(head.peer) {
        return head.peer;
    }
    let forwarded: Vec<IpAddr> = head
        .all("x-forwarded-for")
        .filter_map(|v| std::str::from_utf8(v).ok())
        .flat_map(|v| v.split(','))
        .filter_map(|v| v.trim().parse::<IpAddr>().ok())
        .map(|ip| ip.to_canonical())
        .collect();
    // Each proxy adds what it saw at the end: what stands before the last stranger is the stranger's own word.
    forwarded.iter().rev().find(|ip| !app.trusts(**ip)).or(forwarded.first()).copied().unwrap_or(head.peer)
}

/// Returns the value of our cookie.
fn cookie(head: &Head) -> Option<&str> {
    let cookies = head.all("cookie").filter_map(|v| std::str::from_utf8(v).ok()).flat_map(|v| v.split(';'));
    cookies.filter_map(|c| c.trim().split_once('=')).find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Returns the token of a Bearer header. Any other scheme is a proxy's own affair and shows nothing to us: nginx passes
/// what its `auth_basic` asked for.
fn bearer(head: &Head) -> Option<&str> {
    let mut sent = head.all("authorization").filter_map(|v| std::str::from_utf8(v).ok());
    sent.find_map(|v| {
        let (scheme, token) = v.split_once(' ').unwrap_or((v, ""));
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    })
}

/// Returns whether nothing that is asked depends on who asks: reading is open, and the client shows nothing.
pub fn is_anybody(app: &App, head: &Head) -> bool {
    let open = app.config.serve.read == ReadAccess::Open;
    open && bearer(head).is_none() && cookie(head).is_none()
}

/// Finds out who asks, and refuses those who may not.
pub fn check(app: &App, head: &Head, need: Need) -> Result<Option<Who>, Refusal> {
    let who = identify(app, head, need)?;
    let open = app.config.serve.read == ReadAccess::Open;
    match need {
        Need::Open => Ok(who),
        Need::Reader if open => Ok(who),
        Need::Reader => allow(who, &[TokenKind::Operator, TokenKind::Reader], "looking"),
        Need::Operator => allow(who, &[TokenKind::Operator], "deciding"),
        Need::Agent => allow(who, &[TokenKind::Agent], "sending events"),
    }
}

fn allow(who: Option<Who>, kinds: &[TokenKind], deed: &str) -> Result<Option<Who>, Refusal> {
    let wanted = kinds[0].as_str();
    match who {
        None => Err(not_known(format!("{deed} needs a token"))),
        Some(who) if kinds.contains(&who.kind) => Ok(Some(who)),
        Some(who) => Err(Refusal::new(
            403,
            format!("{deed} needs the token of an {wanted}; {} is of kind {}", who.name, who.kind.as_str()),
        )
        .advise("make another with `hlctl token add`")),
    }
}

fn not_known(detail: impl Into<String>) -> Refusal {
    Refusal::new(401, detail)
        .advise("make one with `hlctl token add NAME` on the control plane")
        .with("www-authenticate", "Bearer realm=\"hlctl\"")
}

fn identify(app: &App, head: &Head, need: Need) -> Result<Option<Who>, Refusal> {
    let (bearer, session) = (bearer(head), cookie(head));
    if bearer.is_none() && session.is_none() {
        return Ok(None);
    }
    let known = tokens::read(&app.root).map_err(|e| Refusal::new(503, e.to_string()).advise(e.advice()))?;
    if let Some(sent) = bearer {
        if let Some(token) = tokens::find(&known, sent) {
            return Ok(Some(Who::of(token, None)));
        }
        return match need {
            Need::Open => Ok(None),
            _ => Err(wrong_token(app, head)),
        };
    }
    let secret = session.unwrap_or_default();
    let token = sessions::find(&app.root, &known, secret, app.cx.now());
    Ok(token.map(|token| Who::of(token, Some(secret.to_owned()))))
}

/// Returns the refusal of a token that is not known, and writes it down unless somebody only tries to fill the log,
/// which nothing prunes.
pub fn wrong_token(app: &App, head: &Head) -> Refusal {
    let (client, now) = (client(app, head), app.cx.now());
    let Counted { may, tells } = app.guesses.count(client, now);
    if !may {
        return Refusal::new(429, "too many wrong tokens from this address").with("retry-after", "60");
    }
    let Some(untold) = tells else { return not_known("this token is not known") };
    let mut entry = audit::Entry::about(Event::LoginRefused, now, "unknown", Via::Web);
    entry.peer = Some(client.to_string());
    let before = if untold > 0 { format!("; {untold} more since the last such line") } else { String::new() };
    entry.note = Some(format!("a token that is not known{before}"));
    match audit::append(&app.root, entry) {
        Ok(()) => not_known("this token is not known"),
        Err(e) => Refusal::new(503, e.to_string()).advise(e.advice()),
    }
}

/// Checks a request that changes something and comes with a cookie: the browser must have been on our own page.
pub fn check_origin(app: &App, head: &Head, who: Option<&Who>) -> Result<(), Refusal> {
    if head.is_safe() || who.is_some_and(|w| w.session.is_none()) {
        return Ok(());
    }
    let foreign = || Refusal::new(403, "this request does not come from a page of this server");
    let site = head.header("sec-fetch-site");
    if site.is_some_and(|s| s != "same-origin") {
        return Err(foreign());
    }
    match head.header("origin") {
        Some(origin) if is_same_origin(app, head, origin) => Ok(()),
        Some(_) => Err(foreign()),
        None if site.is_some() => Ok(()),
        // Without a session there is nothing that a foreign page could use.
        None if who.is_none() => Ok(()),
        None => Err(foreign().advise("send Origin or Sec-Fetch-Site, as browsers do")),
    }
}

fn is_same_origin(app: &App, head: &Head, origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default = if scheme == "https" { 443 } else { 80 };
    let (Some((name, port)), Some((own, own_port))) = (split_port(authority), head.header("host").and_then(split_port))
    else {
        return false;
    };
    // A proxy listens on a port of its own, and many pass the host on without it.
    let same_port = port.unwrap_or(default) == own_port.unwrap_or(default);
    name.eq_ignore_ascii_case(own) && (same_port || app.trusts(head.peer))
}

/// Checks that the form or script of a session's request knows what only our own pages know.
pub fn check_csrf(request: &Request, who: Option<&Who>) -> Result<(), Refusal> {
    let Some(expected) = who.and_then(Who::csrf).filter(|_| !request.head.is_safe()) else { return Ok(()) };
    let sent = request.head.header("x-csrf-token").map(str::to_owned).or_else(|| request.field("csrf"));
    if sent.is_some_and(|sent| tokens::same(&sent, &expected)) {
        return Ok(());
    }
    Err(Refusal::new(403, "the form is too old or not ours").advise("go back, reload the page, and try it again"))
}

/// Wrong tokens of the last minute.
#[derive(Default)]
pub struct Guesses(Mutex<Minute>);

#[derive(Default)]
struct Minute {
    began: Option<Stamp>,
    all: u32,
    of_clients: HashMap<IpAddr, u32>,
    /// Those that no line of the log tells of yet, also of the minutes before.
    untold: u32,
}

/// What becomes of a wrong token.
struct Counted {
    /// Whether its sender may go on.
    may: bool,
    /// Whether it is written down, and then how many others were not since the last that was.
    tells: Option<u32>,
}

impl Guesses {
    fn count(&self, client: IpAddr, now: Stamp) -> Counted {
        let mut minute = lock(&self.0);
        if minute.began.is_none_or(|began| !(0..WINDOW_MS).contains(&now.since(began))) {
            *minute = Minute { began: Some(now), untold: minute.untold, ..Minute::default() };
        }
        let of_client = minute.of_clients.get(&client).copied().unwrap_or_default();
        let may = of_client < GUESSES && minute.all < ALL_GUESSES;
        if may {
            minute.all += 1;
            minute.of_clients.insert(client, of_client + 1);
        }
        if may && of_client == 0 && minute.of_clients.len() <= LINES {
            return Counted { may, tells: Some(std::mem::take(&mut minute.untold)) };
        }
        minute.untold = minute.untold.saturating_add(1);
        Counted { may, tells: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_tells_of_all_guesses_of_an_address() {
        let guesses = Guesses::default();
        let count = |client: u32, second: i64| {
            let Counted { may, tells } = guesses.count(IpAddr::V4(client.into()), Stamp::from_millis(second * 1000));
            (may, tells)
        };
        assert_eq!(count(1, 0), (true, Some(0)));
        assert!((1..10).all(|second| count(1, second) == (true, None)));
        assert_eq!(count(1, 10), (false, None));
        assert_eq!(count(2, 10), (true, Some(10)), "another address has a line of its own");
        assert_eq!((3..100).filter(|client| count(*client, 20).1.is_some()).count(), LINES - 2);
        assert!(!count(1, 59).0);
        assert_eq!(count(1, 60), (true, Some(97 - 8 + 1)), "what came later is told of in the next minute");
    }
}
