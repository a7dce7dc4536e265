//! The input of `ingest`: read until it ends, or until SIGINT or SIGTERM says that it is enough.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use color_eyre::eyre::WrapErr;
use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};

use crate::fail::Result;

/// Most bytes that are read after a signal: what lies in a pipe, whose writer believes it delivered, is no more.
const MAX_LEFT: usize = 1 << 20;

/// What came of waiting.
pub enum Waited {
    /// There is more to read, or the end.
    Ready,
    /// Nothing came in time.
    Quiet,
    /// A signal came, and what was there by then is read.
    Interrupted,
}

/// An input and the signals that end it.
pub struct Input<F> {
    from: F,
    interrupted: Arc<AtomicBool>,
    /// Readable once a signal came, so that no wait misses it.
    bell: UnixStream,
    /// How much may still be read after a signal.
    left: usize,
}

impl<F: AsFd> Input<F> {
    /// Listens to the signals from now on; a second one ends the process at once.
    pub fn listening(from: F) -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let (bell, rope) = UnixStream::pair().wrap_err("cannot listen to signals")?;
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_default(signal, Arc::clone(&interrupted))
                .and_then(|_| flag::register(signal, Arc::clone(&interrupted)))
                .and_then(|_| pipe::register(signal, rope.try_clone()?))
                .wrap_err("cannot listen to signals")?;
        }
        Ok(Self { from, interrupted, bell, left: MAX_LEFT })
    }

    /// Waits until there is more to read; at most so long, if there is something to be done then.
    pub fn wait(&self, patience: Option<Duration>) -> Result<Waited> {
        let until = patience.map(|patience| Instant::now() + patience);
        loop {
            let is_last = self.interrupted.load(Relaxed);
            if is_last && self.left == 0 {
                return Ok(Waited::Interrupted);
            }
            let until = if is_last { Some(Instant::now()) } else { until };
            let left = until.map(|until| Timespec::try_from(until.saturating_duration_since(Instant::now())));
            let mut watched = [PollFd::new(&self.from, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
            let those = if is_last { &mut watched[..1] } else { &mut watched[..] };
            let found = match rustix::event::poll(those, left.transpose()?.as_ref()) {
                Ok(found) => found,
                Err(rustix::io::Errno::INTR) => continue,
                Err(e) => return Err(io::Error::from(e)).wrap_err("cannot wait for standard input"),
            };
            if !watched[0].revents().is_empty() {
                return Ok(Waited::Ready);
            } else if is_last {
                return Ok(Waited::Interrupted);
            } else if found == 0 {
                return Ok(Waited::Quiet);
            }
        }
    }

    /// Reads once.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.interrupted.load(Relaxed) {
            return Ok(rustix::io::read(&self.from, buffer)?);
        }
        let most = buffer.len().min(self.left);
        let read = rustix::io::read(&self.from, &mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}
