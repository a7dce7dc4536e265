//! The HTTP engine: connections, their limits and their end, on a single-threaded runtime. Handlers are blocking
//! functions on a small capped pool. Only this room names hyper or tokio.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use tokio::io::AsyncWrite;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::App;
use super::lock;
use super::message::{Head, Refusal, Request, Response};

mod census;
mod bare;
mod heading;
mod pace;
mod sent;

use census::{Census, Freight, Share};
use pace::{Guarded, LINGER_TIME, Pace, too_late};
use sent::Sent;

/// Largest head, in bytes (contract section 8).
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;
const BODY_TIME: Duration = Duration::from_secs(30);
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// Threads for handlers.
const POOL: usize = 4;
/// How much of an answer the kernel takes of one connection: what it took counts as taken by the client.
const SEND_BUFFER: usize = 128 * 1024;

/// Answers requests until SIGTERM or SIGINT; then those in work are ended.
pub fn run(app: Arc<App>, listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    // The connections have it from their listener.
    rustix::net::sockopt::set_socket_send_buffer_size(&listener, SEND_BUFFER)?;
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
    let word = watch::Sender::new(Word::GoOn);
    let freight = Freight::default();
    let census = Census::new();
    let mut beats = super::notify::watchdog().map(tokio::time::interval);
    let _ = super::notify::ready();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if census::is_among_the_last(stream.as_raw_fd()) {
                        word.send_replace(Word::MakeRoom);
                    }
                    let peer = peer.ip().to_canonical();
                    let Some(place) = census.place(peer, app.trusts(peer)) else { continue };
                    let door = Door { app: app.clone(), peer, freight: freight.clone() };
                    tokio::spawn(connection(door, stream, place, word.subscribe()));
                }
                // Descriptors or memory are used up: those in work go on and will free some.
                Err(e) => {
                    if matches!(Errno::from_io_error(&e), Some(Errno::MFILE | Errno::NFILE)) {
                        word.send_replace(Word::MakeRoom);
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            },
            () = next(&mut beats) => beat(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    drop(listener);
    super::notify::stopping();
    word.send_replace(Word::End);
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

/// What all connections are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    GoOn,
    /// Descriptors are used up: those that are idle are to give theirs back.
    MakeRoom,
    /// After what is in work there is nothing more.
    End,
}

/// What the requests of a connection have in common.
#[derive(Clone)]
struct Door {
    app: Arc<App>,
    peer: IpAddr,
    /// What large answers are on their way.
    freight: Freight,
}

async fn connection(door: Door, stream: TcpStream, _place: Share, mut word: watch::Receiver<Word>) {
    let _ = stream.set_nodelay(true);
    let pace = Arc::new(Mutex::new(Pace::new(Instant::now())));
    let guarded = Guarded::new(stream, pace.clone());
    let service = {
        let pace = pace.clone();
        service_fn(move |request| answer(door.clone(), pace.clone(), request))
    };
    let mut connection = http1::Builder::new()
        .half_close(true)
        .max_headers(MAX_HEADERS)
        // One byte more than is allowed, so that a head of exactly the largest size fits.
        .max_buf_size(MAX_HEAD + 1)
        .serve_connection(TokioIo::new(guarded), service);
    let mut late = std::pin::pin!(too_late(pace.clone()));
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
            _ = word.changed(), if !told => {
                let said = *word.borrow_and_update();
                if said == Word::MakeRoom && lock(&pace).is_idle(Instant::now()) {
                    break;
                }
                if said == Word::End {
                    told = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        }
    }
}

async fn answer(
    door: Door,
    pace: Arc<Mutex<Pace>>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Sent>, Infallible> {
    let Door { app, peer, freight } = door;
    let (parts, body) = request.into_parts();
    let head = Head {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authority: parts.uri.authority().map(|a| a.as_str().to_owned()),
        headers: parts.headers.iter().map(|(n, v)| (n.as_str().to_owned(), v.as_bytes().to_vec())).collect(),
        peer,
    };
    let encoded = head.header("transfer-encoding").is_some();
    let ambiguous = lock(&pace).answer(body.size_hint().exact(), Instant::now()) && encoded;
    let (client, as_page) = (app.client(&head), app.is_page(&head));
    let (response, ends) = match respond(&app, head, ambiguous, body).await {
        // Where a body of chunks ends is hyper's secret.
        Ok(response) => (response, encoded),
        Err(refusal) => (app.refuse(&refusal, as_page), true),
    };
    lock(&pace).send(Instant::now());
    let (response, share) = match sent::room(&response, client, &freight) {
        Ok(share) => (response, share),
        Err(refusal) => (app.refuse(&refusal, as_page), None),
    };
    let mut sent = sent::convert(response, share, &pace);
    if ends {
        sent.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(sent)
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

/// What is done on the pool, boxed: with each function of its own, tokio's machinery would be in the program once more.
type Work = Box<dyn FnOnce() + Send>;

/// Runs a blocking function on the pool.
async fn in_pool<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let (app, done) = (app.clone(), Arc::new(Mutex::new(None)));
    let result = done.clone();
    let work: Work = Box::new(move || {
        let made = work(&app);
        *lock(&result) = Some(made);
    });
    // One that panicked has left nothing.
    let _ = spawn_blocking(work).await;
    let made = lock(&done).take();
    made.unwrap_or_else(|| Err(Refusal::new(500, "this request met a bug in hlctl")))
}

/// Gives a sign of life by way of the pool: a server that can answer nobody is not alive.
fn beat() {
    let work: Work = Box::new(super::notify::alive);
    drop(spawn_blocking(work));
}
