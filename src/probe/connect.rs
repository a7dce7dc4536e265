//! Connections to a service: a TCP connection from here, or one that the node makes itself, handed through `ssh -W`.
//! Both are streams with a deadline.

use std::io::{self, PipeReader, Read};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::flow::desired::Connection;
use crate::flow::hostfile::Address;
use crate::flow::ssh::{self, Trouble};

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// The service did not take or answer it.
    Service(String),
    /// The node itself could not be asked.
    Node(String),
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Service("it did not answer in time".into()),
            _ => Self::Service(error.to_string()),
        }
    }
}

/// A connection to a service, and the ssh that carries it, if one does.
#[derive(Debug)]
pub struct Stream {
    /// The bytes. Behind a tunnel this is one end of a socket pair; reading, writing and time-outs are the same.
    pub socket: TcpStream,
    /// Ends the ssh when the stream is dropped.
    pub tunnel: Option<Tunnel>,
}

impl Stream {
    /// Returns what went wrong when nothing came: the tunnel's own word where there is one.
    pub fn why(&mut self, otherwise: String) -> ConnectError {
        self.tunnel
            .as_mut()
            .and_then(|t| t.failure(Instant::now() + Duration::from_millis(200)))
            .unwrap_or(ConnectError::Service(otherwise))
    }
}

/// Makes the next read or write fail once the deadline is reached.
pub fn until(socket: &TcpStream, end: Instant) -> io::Result<()> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    socket.set_read_timeout(Some(left))?;
    socket.set_write_timeout(Some(left))
}

/// Finds out whether a connection can be made.
pub fn reach(address: &Address, via: &Connection, end: Instant) -> Result<(), ConnectError> {
    let mut stream = connect(address, via, end)?;
    match &mut stream.tunnel {
        Some(tunnel) => tunnel.opened(&stream.socket, end),
        None => Ok(()),
    }
}

/// Makes a connection. Behind a tunnel it may yet turn out that there is none.
pub fn connect(address: &Address, via: &Connection, end: Instant) -> Result<Stream, ConnectError> {
    match via {
        Connection::Local => Ok(Stream { socket: direct(address, end)?, tunnel: None }),
        Connection::Ssh(destination) => {
            let (socket, tunnel) = Tunnel::open(destination, address)?;
            Ok(Stream { socket, tunnel: Some(tunnel) })
        }
    }
}

fn direct(address: &Address, end: Instant) -> Result<TcpStream, ConnectError> {
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for candidate in look_up(address, end)? {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&candidate, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last.into())
}

/// Returns the addresses of a host. The system's resolver knows no deadline, so a name is looked up aside.
fn look_up(address: &Address, end: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = address.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, address.port)]);
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let name = (address.host.clone(), address.port);
    std::thread::Builder::new().spawn(move || sender.send(name.to_socket_addrs().map(Vec::from_iter)))?;
    let left = end.saturating_duration_since(Instant::now());
    receiver.recv_timeout(left).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

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
    fn open(destination: &str, address: &Address) -> io::Result<(TcpStream, Tunnel)> {
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
    fn opened(&mut self, socket: &TcpStream, end: Instant) -> Result<(), ConnectError> {
        loop {
            if self.has_said(&OPENED) {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.stderr, PollFlags::IN), PollFd::new(socket, PollFlags::IN)];
            if left.is_zero() || poll(&mut fds, Some(&timespec(left))).map_err(io::Error::from)? == 0 {
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
    fn failure(&mut self, end: Instant) -> Option<ConnectError> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.stderr, PollFlags::IN)];
            if left.is_zero() || poll(&mut fds, Some(&timespec(left))).ok()? == 0 {
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
        crate::process::keep_last(&mut self.said, &buffer[..n], MOST);
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

fn timespec(pause: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX), tv_nsec: pause.subsec_nanos().into() }
}
