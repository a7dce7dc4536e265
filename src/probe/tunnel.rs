//! `ssh -W`: a connection that the node makes itself, as a stream of this process, and what ssh says about it.

use std::io::{self, PipeReader, Read};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

use super::connect::ConnectError;
use crate::flow::hostfile::Address;
use crate::flow::ssh::{self, Trouble};
use crate::process::{any_ready, keep_last};

/// An `ssh -W` and what it says on standard error.
#[derive(Debug)]
pub struct Tunnel {
    ssh: duct::Handle,
    stderr: PipeReader,
    said: Vec<u8>,
    destination: String,
}

/// What ssh says at its debug level when the far side has made the connection: by itself, and as a client of a
/// ControlMaster. Nothing but these words tells a quiet service's connection from one that is still being made.
const OPENED: [&str; 2] = ["open confirm", "master session id"];

/// What it says when the far side could not.
const NOT_OPENED: [&str; 3] = ["open failed", "forwarding request failed", "stdio forwarding failed"];

/// Most that is kept of ssh's words.
const MOST: usize = 64 * 1024;

impl Tunnel {
    /// Starts ssh; the stream is one end of a socket pair whose other end it speaks through.
    pub fn open(destination: &str, address: &Address) -> io::Result<(TcpStream, Tunnel)> {
        let argv = ssh::tunnel(destination, address);
        let (ours, theirs) = UnixStream::pair()?;
        let (stderr, writer) = io::pipe()?;
        let stdin = OwnedFd::from(theirs.try_clone()?);
        let ssh = duct::cmd(&argv[0], &argv[1..])
            .stdin_file(stdin)
            .stdout_file(OwnedFd::from(theirs))
            .stderr_file(writer)
            .unchecked()
            .before_spawn(|c| {
                c.process_group(0);
                Ok(())
            })
            .start()?;
        let tunnel = Tunnel { ssh, stderr, said: Vec::new(), destination: destination.to_owned() };
        Ok((TcpStream::from(OwnedFd::from(ours)), tunnel))
    }

    /// Waits until the far side has made the connection, or could not.
    pub fn opened(&mut self, socket: &TcpStream, end: Instant) -> Result<(), ConnectError> {
        loop {
            if self.has_said(&OPENED) {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.stderr, PollFlags::IN), PollFd::new(socket, PollFlags::IN)];
            if left.is_zero() || !any_ready(&mut fds, left)? {
                return Err(ConnectError::Service(format!(
                    "no connection through ssh to {} in time",
                    self.destination
                )));
            }
            let (spoke, data) = (!fds[0].revents().is_empty(), fds[1].revents().contains(PollFlags::IN));
            if spoke && !self.listen()? {
                return Err(self.verdict());
            }
            // Whatever comes from the service, its end included, came over a connection.
            if data && !spoke && socket.peek(&mut [0])? > 0 {
                return Ok(());
            }
        }
    }

    /// Returns why there is no connection, once ssh has said so.
    pub fn failure(&mut self, end: Instant) -> Option<ConnectError> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.stderr, PollFlags::IN)];
            if left.is_zero() || !any_ready(&mut fds, left).ok()? {
                return None;
            }
            if !self.listen().ok()? {
                return Some(self.verdict());
            }
        }
    }

    /// Takes what ssh says; returns whether it may say more.
    fn listen(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let n = self.stderr.read(&mut buffer)?;
        keep_last(&mut self.said, &buffer[..n], MOST);
        Ok(n > 0)
    }

    fn has_said(&self, words: &[&str]) -> bool {
        let said = String::from_utf8_lossy(&self.said);
        words.iter().any(|w| said.contains(w))
    }

    /// Returns what the words of an ssh that has ended mean.
    fn verdict(&self) -> ConnectError {
        let said = String::from_utf8_lossy(&self.said);
        let own = said.lines().filter(|l| !l.starts_with("debug") && !l.trim().is_empty());
        let own: Vec<&str> = own.collect();
        let (line, destination) = (own.last().copied().unwrap_or("it ended").trim(), &self.destination);
        if self.has_said(&NOT_OPENED) {
            let line = own.iter().find(|l| l.contains("open failed")).unwrap_or(&line);
            return ConnectError::Service(line.trim().to_owned());
        }
        if self.has_said(&OPENED) {
            return ConnectError::Service("the connection was closed".into());
        }
        let trouble = Trouble::of(&own.join("\n"));
        ConnectError::Node(format!("ssh to {destination}: {line} ({trouble})"))
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // The process alone: what it left in the background is the user's ControlMaster.
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}
