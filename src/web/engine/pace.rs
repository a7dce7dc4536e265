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

use super::bare;
use super::heading::Heading;
use crate::web::lock;

const HEAD_TIME: Duration = Duration::from_secs(10);
const IDLE_TIME: Duration = Duration::from_secs(15);
/// How long a connection is left idle where its descriptor is needed.
const IDLE_ENOUGH: Duration = Duration::from_secs(1);
/// How long a client may take none of an answer, and how many bytes of a long one it has to take in a second.
const WRITE_TIME: Duration = Duration::from_secs(30);
const WRITE_RATE: f64 = 16.0 * 1024.0;
/// How long a connection is read to its end after the last answer, so that the client gets to see that answer.
pub const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 4 << 20;

/// What a connection is doing, and until when it may.
pub struct Pace {
    phase: Phase,
    deadline: Option<Instant>,
    /// Whether more of the answer is to be made.
    is_being_made: bool,
    /// The head that is coming.
    heading: Heading,
    /// What came behind that head: where the next one begins is known once this one is understood.
    ahead: Vec<u8>,
    /// How much of what comes belongs to a body.
    body: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    pub fn new(now: Instant) -> Self {
        let (heading, ahead) = (Heading::default(), Vec::new());
        let deadline = Some(now + IDLE_TIME);
        Self { phase: Phase::Idle, deadline, is_being_made: false, heading, ahead, body: 0 }
    }

    /// Returns whether nothing of a request has come for so long that none is on its way.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.phase == Phase::Idle && self.deadline.is_some_and(|deadline| deadline + IDLE_ENOUGH <= now + IDLE_TIME)
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        let time = match phase {
            Phase::Idle => Some(IDLE_TIME),
            Phase::Head => Some(HEAD_TIME),
            Phase::Working => None,
            Phase::Writing => Some(WRITE_TIME),
            Phase::Ending => Some(LINGER_TIME),
        };
        self.phase = phase;
        self.deadline = time.map(|time| now + time);
    }

    fn saw(&mut self, bytes: &[u8], now: Instant) {
        let of_body = self.body.min(bytes.len() as u64);
        self.body -= of_body;
        let bytes = &bytes[of_body as usize..];
        if self.phase == Phase::Idle && !bytes.is_empty() {
            self.enter(Phase::Head, now);
        }
        let of_head = self.heading.read(bytes);
        self.ahead.extend_from_slice(&bytes[of_head..]);
    }

    /// Begins to answer the request whose head came last, with a body that is this long; one that does not say is the
    /// connection's last. Returns whether that head gives both a length and a transfer encoding.
    pub fn answer(&mut self, body: Option<u64>, now: Instant) -> bool {
        self.enter(Phase::Working, now);
        let heading = std::mem::take(&mut self.heading);
        let ahead = std::mem::take(&mut self.ahead);
        self.body = body.unwrap_or(u64::MAX);
        self.saw(&ahead, now);
        heading.is_ambiguous()
    }

    /// Begins to send the answer.
    pub fn send(&mut self, now: Instant) {
        self.is_being_made = true;
        self.enter(Phase::Writing, now);
    }

    /// Says that all of the answer is made.
    pub fn made(&mut self) {
        self.is_being_made = false;
    }

    fn wrote(&mut self, bytes: usize, now: Instant) {
        match self.phase {
            // What was taken earns time, but never more than for taking nothing.
            Phase::Writing => {
                let earned = Duration::from_secs_f64(bytes as f64 / WRITE_RATE);
                self.deadline = self.deadline.map(|deadline| (deadline + earned).min(now + WRITE_TIME));
            }
            // An answer of hyper's own.
            Phase::Idle | Phase::Head => self.enter(Phase::Writing, now),
            Phase::Working | Phase::Ending => {}
        }
    }

    fn flushed(&mut self, now: Instant) {
        if self.phase == Phase::Writing && !self.is_being_made {
            self.enter(if self.heading.is_begun() { Phase::Head } else { Phase::Idle }, now);
        }
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
    /// What is sent in the place of an answer of hyper's own, as far as it is still to go.
    instead: Vec<u8>,
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            lock(&self.pace).saw(&buf.filled()[before..], Instant::now());
        }
        polled
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.replaces(bytes) {
            return self.poll_instead(cx, bytes.len());
        }
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = polled {
            lock(&self.pace).wrote(n, Instant::now());
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bytes.first().map_or(&[][..], |part| part);
        if self.replaces(first) {
            return self.poll_instead(cx, first.len());
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        if let Poll::Ready(Ok(n)) = polled {
            lock(&self.pace).wrote(n, Instant::now());
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        if polled.is_ready() {
            lock(&self.pace).flushed(Instant::now());
        }
        polled
    }

    /// Ends the answer, then reads what the client still sends: closed with bytes unread, the kernel would reset the
    /// connection and the client might never see why it was refused.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingered.is_none() {
            std::task::ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            lock(&self.pace).enter(Phase::Ending, Instant::now());
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
        Self { stream, pace, lingered: None, instead: Vec::new() }
    }

    /// Returns whether something else is sent in the place of these bytes.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        let is_own = matches!(lock(&self.pace).phase, Phase::Idle | Phase::Head);
        if is_own && self.instead.is_empty() {
            self.instead = bare::in_place_of(bytes).unwrap_or_default();
        }
        !self.instead.is_empty()
    }

    /// Sends it to its end; hyper hears that its bytes are gone.
    fn poll_instead(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<io::Result<usize>> {
        while !self.instead.is_empty() {
            let sent = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &self.instead))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead.drain(..sent);
            lock(&self.pace).wrote(sent, Instant::now());
        }
        Poll::Ready(Ok(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(begin: Instant, seconds: u64) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    #[test]
    fn an_answer_is_to_be_taken_at_some_rate_and_without_long_breaks() {
        for (rate, ends) in [(0, Some(30)), (1024, Some(32)), (10 * 1024, Some(79)), (16 * 1024, None)] {
            let begin = Instant::now();
            let mut pace = Pace::new(begin);
            pace.saw(b"GET / HTTP/1.1\r\n\r\n", begin);
            pace.answer(Some(0), begin);
            pace.send(begin);
            let mut late = (1..1000).filter(|second| {
                let now = after(begin, *second);
                let late = pace.deadline.unwrap() <= now;
                if rate > 0 {
                    pace.wrote(rate, now);
                }
                // What is made in pieces is waited for now and then.
                pace.flushed(now);
                late
            });
            assert_eq!(late.next(), ends, "{rate}");
        }
    }

    #[test]
    fn what_came_behind_a_request_is_the_next_head() {
        let begin = Instant::now();
        let mut pace = Pace::new(begin);
        let both = b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n";
        pace.saw(b"POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\ntransfer", begin);
        let answer = |pace: &mut Pace, body: Option<u64>| {
            let ambiguous = pace.answer(body, begin);
            assert_eq!((pace.phase, pace.deadline), (Phase::Working, None));
            pace.send(begin);
            pace.made();
            pace.flushed(after(begin, 3));
            ambiguous
        };
        assert!(!answer(&mut pace, Some(12)));
        assert_eq!((pace.phase, pace.deadline), (Phase::Idle, Some(after(begin, 18))));
        pace.saw(b"-enc", after(begin, 4));
        assert_eq!(pace.phase, Phase::Idle, "the end of a body is no head");
        pace.saw(
            &[both, b"123456789GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 3\r\n".as_slice()].concat(),
            begin,
        );
        assert!(!answer(&mut pace, Some(9)));
        assert!(!answer(&mut pace, Some(0)));
        assert_eq!((pace.phase, pace.deadline), (Phase::Head, Some(after(begin, 13))), "half a head is there");
        pace.saw(b"transfer-encoding: chunked\r\n\r\n", begin);
        assert!(answer(&mut pace, None));
        pace.saw(b"0\r\n\r\n", begin);
        assert!(pace.ahead.is_empty() && !pace.heading.is_begun(), "nothing is read behind it");
    }
}
