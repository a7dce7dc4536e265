//! The HTTP engine: connections, their limits and their end, on a single-threaded runtime. Handlers are blocking
//! functions on a small capped pool. The only file that names hyper or tokio.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::App;
use super::message::{Body, Head, Refusal, Request, Response};

/// Largest head, in bytes (contract section 8).
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;
const HEAD_TIME: Duration = Duration::from_secs(10);
const BODY_TIME: Duration = Duration::from_secs(30);
const IDLE_TIME: Duration = Duration::from_secs(15);
/// How long a client may take none of an answer.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// How long a connection is read to its end after the last answer, so that the client gets to see that answer.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 4 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: usize = 512;
const MAX_PER_PEER: usize = 64;
/// Descriptors that are kept for files and the pool.
const RESERVED_FILES: usize = 64;
/// Threads for handlers.
const POOL: usize = 4;

/// Answers requests until SIGTERM or SIGINT; then those in work are ended.
pub fn run(app: Arc<App>, listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(POOL)
        .thread_keep_alive(Duration::from_secs(5))
        .build()?;
    let result = runtime.block_on(accept(app, listener));
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn accept(app: Arc<App>, listener: std::net::TcpListener) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopping) = watch::channel(false);
    let census = Arc::new(Census::new(connections_allowed()));
    let mut beats = super::notify::watchdog().map(tokio::time::interval);
    let _ = super::notify::ready();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let Some(place) = census.place(peer, app.trusts(peer.ip().to_canonical())) else { continue };
                    tokio::spawn(connection(app.clone(), stream, peer.ip().to_canonical(), place, stopping.clone()));
                }
                // Descriptors or memory are used up: those that are connected go on and will free some.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
            () = next(&mut beats) => super::notify::alive(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    drop(listener);
    super::notify::stopping();
    let _ = stop.send(true);
    let end = Instant::now() + DRAIN_TIME;
    while census.total() > 0 && Instant::now() < end {
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits for the next sign of life to the service manager, for ever where it wants none.
async fn next(beats: &mut Option<tokio::time::Interval>) {
    match beats {
        Some(beats) => drop(beats.tick().await),
        None => std::future::pending().await,
    }
}

/// Returns how many connections the process's descriptors allow, after asking for as many as it may have.
fn connections_allowed() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(4096, |m| m.min(4096));
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
    let files = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    MAX_CONNECTIONS.min(files.saturating_sub(RESERVED_FILES)).max(4)
}

/// Who is connected.
struct Census {
    most: usize,
    peers: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

/// A connection's place among those allowed, free again when it is dropped.
struct Place {
    census: Arc<Census>,
    peer: IpAddr,
}

impl Census {
    fn new(most: usize) -> Self {
        Self { most, peers: Mutex::default() }
    }

    fn place(self: &Arc<Self>, peer: SocketAddr, trusted: bool) -> Option<Place> {
        let peer = peer.ip().to_canonical();
        let mut peers = lock(&self.peers);
        let (total, of_peers) = &mut *peers;
        let of_peer = of_peers.entry(peer).or_default();
        if *total >= self.most || (!trusted && *of_peer >= MAX_PER_PEER) {
            if *of_peer == 0 {
                of_peers.remove(&peer);
            }
            return None;
        }
        *total += 1;
        *of_peer += 1;
        Some(Place { census: self.clone(), peer })
    }

    fn total(&self) -> usize {
        lock(&self.peers).0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut peers = lock(&self.census.peers);
        peers.0 -= 1;
        if let Some(of_peer) = peers.1.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                peers.1.remove(&self.peer);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn connection(
    app: Arc<App>,
    stream: TcpStream,
    peer: IpAddr,
    _place: Place,
    mut stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let pace = Arc::new(Mutex::new(Pace::new()));
    let guarded = Guarded { stream, pace: pace.clone(), lingered: None };
    let service = {
        let pace = pace.clone();
        service_fn(move |request| answer(app.clone(), pace.clone(), peer, request))
    };
    let mut connection = http1::Builder::new()
        .half_close(true)
        .max_headers(MAX_HEADERS)
        // One byte more than is allowed, so that a head of exactly the largest size fits.
        .max_buf_size(MAX_HEAD + 1)
        .serve_connection(TokioIo::new(guarded), service);
    let mut late = std::pin::pin!(too_late(pace));
    let mut told = false;
    loop {
        tokio::select! {
            ended = Pin::new(&mut connection) => {
                if ended.is_err() {
                    // hyper has answered what it could not read; that answer is to arrive.
                    let mut guarded = connection.into_parts().io.into_inner();
                    let _ = timeout(LINGER_TIME, std::future::poll_fn(|cx| Pin::new(&mut guarded).poll_shutdown(cx))).await;
                }
                break;
            }
            () = late.as_mut() => break,
            _ = stopping.changed(), if !told => {
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
}

/// What a connection is doing, and until when it may.
struct Pace {
    phase: Phase,
    deadline: Option<Instant>,
    /// The last bytes read, in which the heads are: hyper drops a length beside `Transfer-Encoding` unsaid.
    raw: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing of a request has come.
    Idle,
    /// Part of a head has come.
    Head,
    /// A request is being answered.
    Working,
    /// An answer is being sent.
    Writing,
    /// The last answer was sent.
    Ending,
}

impl Pace {
    fn new() -> Self {
        Self { phase: Phase::Idle, deadline: Some(Instant::now() + IDLE_TIME), raw: Vec::new() }
    }

    fn enter(&mut self, phase: Phase) {
        let time = match phase {
            Phase::Idle => Some(IDLE_TIME),
            Phase::Head => Some(HEAD_TIME),
            Phase::Working => None,
            Phase::Writing => Some(WRITE_TIME),
            Phase::Ending => Some(LINGER_TIME),
        };
        self.phase = phase;
        self.deadline = time.map(|time| Instant::now() + time);
    }

    fn saw(&mut self, bytes: &[u8]) {
        if self.phase == Phase::Idle {
            self.raw.clear();
            self.enter(Phase::Head);
        }
        self.raw.extend_from_slice(bytes);
        let surplus = self.raw.len().saturating_sub(MAX_HEAD);
        self.raw.drain(..surplus);
    }

    /// Returns whether a head among the last bytes gives both a length and a transfer encoding.
    fn is_ambiguous(&self) -> bool {
        let text = self.raw.to_ascii_lowercase();
        let text = String::from_utf8_lossy(&text).replace('\r', "");
        let has =
            |head: &str, name: &str| head.lines().any(|l| l.strip_prefix(name).is_some_and(|r| r.starts_with(':')));
        text.split("\n\n").any(|head| has(head, "transfer-encoding") && has(head, "content-length"))
    }
}

/// Ends when a connection has taken too long for what it is doing.
async fn too_late(pace: Arc<Mutex<Pace>>) {
    loop {
        let deadline = lock(&pace).deadline;
        let now = Instant::now();
        if deadline.is_some_and(|d| d <= now) {
            return;
        }
        // A deadline may come nearer while this sleeps.
        let soon = now + Duration::from_secs(2);
        sleep_until(deadline.map_or(soon, |d| d.min(soon))).await;
    }
}

/// The client's stream, watched for its pace.
struct Guarded {
    stream: TcpStream,
    pace: Arc<Mutex<Pace>>,
    lingered: Option<usize>,
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            lock(&self.pace).saw(&buf.filled()[before..]);
        }
        polled
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if matches!(polled, Poll::Ready(Ok(_))) {
            self.wrote();
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        if matches!(polled, Poll::Ready(Ok(_))) {
            self.wrote();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        let mut pace = lock(&self.pace);
        if polled.is_ready() && pace.phase == Phase::Writing {
            pace.enter(Phase::Idle);
        }
        drop(pace);
        polled
    }

    /// Ends the answer, then reads what the client still sends: closed with bytes unread, the kernel would reset the
    /// connection and the client might never see why it was refused.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingered.is_none() {
            std::task::ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            lock(&self.pace).enter(Phase::Ending);
            self.lingered = Some(0);
        }
        let mut scratch = [0; 4096];
        while self.lingered.is_some_and(|n| n < LINGER_BYTES) {
            let mut buf = ReadBuf::new(&mut scratch);
            match std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.lingered = self.lingered.map(|n| n + buf.filled().len()),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Guarded {
    fn wrote(&self) {
        let mut pace = lock(&self.pace);
        if matches!(pace.phase, Phase::Writing | Phase::Idle | Phase::Head) {
            pace.enter(Phase::Writing);
        }
    }
}

async fn answer(
    app: Arc<App>,
    pace: Arc<Mutex<Pace>>,
    peer: IpAddr,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    lock(&pace).enter(Phase::Working);
    let (parts, body) = request.into_parts();
    let head = Head {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authority: parts.uri.authority().map(|a| a.as_str().to_owned()),
        headers: parts.headers.iter().map(|(n, v)| (n.as_str().to_owned(), v.as_bytes().to_vec())).collect(),
        peer,
    };
    let ambiguous = head.header("transfer-encoding").is_some() && lock(&pace).is_ambiguous();
    let as_page = app.is_page(&head);
    let (response, ends) = match respond(&app, head, ambiguous, body).await {
        Ok(response) => (response, false),
        Err(refusal) => (app.refuse(&refusal, as_page), true),
    };
    lock(&pace).enter(Phase::Writing);
    Ok(convert(response, ends))
}

/// Answers a request, or refuses it in a way after which the connection is of no use.
async fn respond(app: &Arc<App>, head: Head, ambiguous: bool, body: Incoming) -> Result<Response, Refusal> {
    let size = head.headers.iter().map(|(n, v)| n.len() + v.len() + 4).sum::<usize>()
        + head.method.len()
        + head.path.len()
        + head.query.len()
        + 12;
    if size > MAX_HEAD {
        return Err(Refusal::new(431, "the head has more than 16 KiB"));
    }
    if ambiguous {
        return Err(Refusal::new(400, "a length beside Transfer-Encoding"));
    }
    let limit = app.body_limit(&head);
    let too_large = || Refusal::new(413, format!("the body has more than {limit} bytes"));
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    if body.is_end_stream() {
        if let Some(response) = app.at_hand(&head) {
            return Ok(response);
        }
        return in_pool(app, move |app| app.answer(&Request { head, body: Vec::new() })).await;
    }
    // Before its body is read, so that nobody fills the memory without a token.
    let asked = head.clone();
    in_pool(app, move |app| app.admit(&asked)).await?;
    let collected = timeout(BODY_TIME, Limited::new(body, limit).collect()).await;
    let body = match collected {
        Err(_) => return Err(Refusal::new(408, "the body did not come within 30 s")),
        Ok(Err(e)) if e.downcast_ref::<LengthLimitError>().is_some() => return Err(too_large()),
        Ok(Err(_)) => return Err(Refusal::new(400, "the body cannot be read")),
        Ok(Ok(body)) => body.to_bytes(),
    };
    in_pool(app, move |app| app.answer(&Request { head, body: body.into() })).await
}

/// Runs a blocking function on the pool.
async fn in_pool<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let app = app.clone();
    let done = tokio::task::spawn_blocking(move || work(&app)).await;
    done.unwrap_or_else(|_| Err(Refusal::new(500, "this request met a bug in hlctl")))
}

fn convert(response: Response, ends: bool) -> hyper::Response<Full<Bytes>> {
    let body = match response.body {
        Body::Static(bytes) => Bytes::from_static(bytes),
        Body::Owned(bytes) => Bytes::from(bytes),
        Body::Shared(bytes) => Bytes::from_owner(SharedBytes(bytes)),
    };
    let mut made = hyper::Response::new(Full::new(body));
    *made.status_mut() =
        hyper::StatusCode::from_u16(response.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        let value = match value {
            Cow::Borrowed(value) => Ok(HeaderValue::from_static(value)),
            Cow::Owned(value) => HeaderValue::try_from(value),
        };
        if let Ok(value) = value {
            made.headers_mut().append(name, value);
        }
    }
    if ends {
        made.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    }
    made
}

/// Lets a response share its bytes with a cache.
struct SharedBytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
