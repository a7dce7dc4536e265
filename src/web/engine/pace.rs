//! What a connection is doing and until when it may: the stream is watched from below, since the engine above tells
//! nobody.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::MAX_HEAD;
use crate::web::lock;

const HEAD_TIME: Duration = Duration::from_secs(10);
const IDLE_TIME: Duration = Duration::from_secs(15);
/// How long a client may take none of an answer.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// How long a connection is read to its end after the last answer, so that the client gets to see that answer.
pub const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 4 << 20;

/// What a connection is doing, and until when it may.
pub struct Pace {
    phase: Phase,
    deadline: Option<Instant>,
    /// The last bytes read, in which the heads are: hyper drops a length beside `Transfer-Encoding` unsaid.
    raw: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
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
    /// Makes that of a connection of which nothing has come.
    pub fn new() -> Self {
        Self { phase: Phase::Idle, deadline: Some(Instant::now() + IDLE_TIME), raw: Vec::new() }
    }

    /// Begins another phase.
    pub fn enter(&mut self, phase: Phase) {
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
    pub fn is_ambiguous(&self) -> bool {
        let text = self.raw.to_ascii_lowercase();
        let text = String::from_utf8_lossy(&text).replace('\r', "");
        let has =
            |head: &str, name: &str| head.lines().any(|l| l.strip_prefix(name).is_some_and(|r| r.starts_with(':')));
        text.split("\n\n").any(|head| has(head, "transfer-encoding") && has(head, "content-length"))
    }
}

/// Ends when a connection has taken too long for what it is doing.
pub async fn too_late(pace: Arc<Mutex<Pace>>) {
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
pub struct Guarded {
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
    /// Watches a stream.
    pub fn new(stream: TcpStream, pace: Arc<Mutex<Pace>>) -> Self {
        Self { stream, pace, lingered: None }
    }

    fn wrote(&self) {
        let mut pace = lock(&self.pace);
        if matches!(pace.phase, Phase::Writing | Phase::Idle | Phase::Head) {
            pace.enter(Phase::Writing);
        }
    }
}
