//! The operator's pages and the API: GETs through the views, POSTs through the commands. Decides nothing itself.
//!
//! `engine` carries requests, `routes` is the one table of what exists, `access` says who may, `api` and
//! `pages` answer.

use std::net::{IpAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use crate::cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::fail::{Advised, Result, fail};
use crate::flow::config::Config;
use crate::store;
use crate::store::root::Root;

pub mod message;
pub mod routes;
mod access;
mod kept;
mod api;
mod pages;
mod past;
mod engine;
mod notify;

use access::Guesses;
use kept::Kept;
use message::{Head, Refusal, Request, Response, unless_known};
use pages::Pages;

/// What the handlers need: the surroundings, and what is kept between requests.
pub struct App {
    /// The surroundings.
    cx: Context,
    root: Root,
    config: Config,
    /// The path before every address; empty, or `/homelab`.
    base: String,
    pages: Pages,
    guesses: Guesses,
    kept: Kept,
    spool: api::events::Spool,
    days: past::All,
    weeks: past::Singles,
}

/// Serves until the process is told to end.
pub fn serve(cx: &Context, args: &cli::Serve, say: &dyn Fn(&str)) -> Result<Exit> {
    let app = App::new(cx, &args.base_path)?;
    let listener = match &cx.socket {
        Some(socket) => socket.try_clone()?,
        None => bind(args)?,
    };
    let address = listener.local_addr()?;
    say(&format!("listening on http://{address}{}/", args.base_path));
    engine::run(Arc::new(app), listener)?;
    Ok(Exit::Done)
}

fn bind(args: &cli::Serve) -> Result<TcpListener> {
    TcpListener::bind(args.listen).map_err(|e| {
        let advice = match e.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there: end it, or give another --listen",
            std::io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address (`ip addr`)",
            _ => "give another address or port with --listen",
        };
        fail(format!("cannot listen on {}: {e}", args.listen), advice)
    })
}

impl App {
    fn new(cx: &Context, base: &str) -> Result<App> {
        let root = cx.root()?;
        let config = store::config::read(&root).advised()?;
        let shared = routes::ROUTES.iter().filter(|r| r.shared).map(|r| r.path);
        Ok(App {
            kept: Kept::new(&root, cx.hosts_path(), shared),
            cx: cx.clone(),
            root,
            config,
            base: base.to_owned(),
            pages: Pages::new(),
            guesses: Guesses::default(),
            spool: api::events::Spool::default(),
            days: past::All::default(),
            weeks: past::Singles::default(),
        })
    }

    /// Returns whether an address is a proxy whose word about others is believed.
    fn trusts(&self, peer: IpAddr) -> bool {
        self.config.serve.trusted_proxies.iter().any(|p| p.to_canonical() == peer)
    }

    /// Returns the client's address, whatever proxy it came through.
    fn client(&self, head: &Head) -> IpAddr {
        access::client(self, head)
    }

    /// Returns the largest body that a request may have.
    fn body_limit(&self, head: &Head) -> usize {
        routes::body_limit(self, head)
    }

    /// Returns whether a refusal of this request is shown as a page.
    fn is_page(&self, head: &Head) -> bool {
        routes::is_page(self, head)
    }

    /// Says whether a request would be answered, before its body is read.
    fn admit(&self, head: &Head) -> std::result::Result<(), Refusal> {
        routes::admit(self, head).map(drop).map_err(|refusal| refusal.at(head))
    }

    /// Returns the answer to a request without a body where it is at hand: without reading anything or waiting.
    fn at_hand(&self, head: &Head) -> Option<Response> {
        let name = routes::shared(self, head)?;
        access::check_host(self, head).ok()?;
        Some(unless_known(head, self.kept.at_hand(name, self.cx.now())?))
    }

    /// Answers a whole request.
    fn answer(&self, request: &Request) -> std::result::Result<Response, Refusal> {
        let head = &request.head;
        let make = || routes::answer(self, request).map(dress);
        let answer = match routes::shared(self, head).filter(|_| access::check_host(self, head).is_ok()) {
            Some(name) => self.kept.get(name, || self.cx.now(), make),
            None => make(),
        };
        if !head.is_safe() {
            self.kept.forget();
        }
        Ok(match answer {
            Ok(response) => unless_known(head, response),
            Err(refusal) => self.refuse(&refusal.at(head), self.is_page(head)),
        })
    }

    /// Returns the response that says no.
    fn refuse(&self, refusal: &Refusal, as_page: bool) -> Response {
        let mut response = if as_page { pages::refusal(self, refusal) } else { refusal.problem() };
        if let Some((name, value)) = &refusal.header {
            response = response.with(name, value.clone());
        }
        dress(response)
    }
}

/// Returns the response with what keeps a browser from doing anything that the page did not mean.
fn dress(response: Response) -> Response {
    let cache = response.header("cache-control").is_none();
    let response = response
        .with(
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        )
        .with("x-content-type-options", "nosniff")
        .with("x-frame-options", "DENY")
        .with("referrer-policy", "no-referrer")
        .with("cross-origin-resource-policy", "same-origin");
    if cache { response.with("cache-control", "no-store") } else { response }
}

/// Locks where nobody holds it; what a handler that panicked left behind is as good as what it found.
fn try_lock<T: ?Sized>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Locks; what a handler that panicked left behind is as good as what it found.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
