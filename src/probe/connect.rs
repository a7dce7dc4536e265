//! Connections to a service: a TCP connection from here, or one that the node makes itself, handed through `ssh -W`.
//! Both are streams with a deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::tunnel::Tunnel;
use crate::flow::desired::Connection;
use crate::flow::hostfile::Address;

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

/// Makes a connection, and behind a tunnel waits until the far side has made it, too.
pub fn reach(address: &Address, via: &Connection, end: Instant) -> Result<Stream, ConnectError> {
    let mut stream = connect(address, via, end)?;
    if let Some(tunnel) = &mut stream.tunnel {
        tunnel.opened(&stream.socket, end)?;
    }
    Ok(stream)
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
