//! A GET over https by curl: from here by itself, from a node through its tunnel, which curl finds behind a port of
//! this machine. Name and certificate are those of the URL either way.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::connect::{self, ConnectError};
use crate::flow::desired::Connection;
use crate::flow::hostfile::Address;
use crate::process::any_ready;
use crate::wire::curl::{self, CurlError, Reply, Request};

/// Returns the status and so much of the body.
pub fn get(
    url: &str,
    address: &Address,
    most: usize,
    via: &Connection,
    end: Instant,
) -> Result<(u16, Vec<u8>), ConnectError> {
    let ask = |via: Option<u16>| {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        curl::ask(&Request { url, via, enough: most, connect: left, within: left, ..Request::default() })
    };
    let answer = match via {
        Connection::Local => ask(None),
        Connection::Ssh(_) => carried(&connect::reach(address, via, end)?.socket, end, |port| ask(Some(port)))?,
    };
    match answer {
        Ok(Reply { status, body, .. }) => Ok((status, body)),
        // Of these the service knows nothing.
        Err(error @ (CurlError::Missing | CurlError::Io(_) | CurlError::Authorities(_))) => {
            Err(ConnectError::Node(error.to_string()))
        }
        Err(error) => Err(ConnectError::Service(error.to_string())),
    }
}

/// Does something while a port of this machine carries the first connection to it over a socket, and no other.
fn carried<T>(socket: &TcpStream, end: Instant, work: impl FnOnce(u16) -> T) -> io::Result<T> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let (over, working) = io::pipe()?;
    thread::scope(|scope| {
        let (listener, over) = (&listener, &over);
        thread::Builder::new().spawn_scoped(scope, move || {
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(listener, PollFlags::IN), PollFd::new(over, PollFlags::IN)];
            let is_ready = any_ready(&mut fds, left).is_ok_and(|ready| ready);
            match is_ready && fds[1].revents().is_empty() {
                true => carry(&listener.accept()?.0, socket),
                false => Ok(()),
            }
        })?;
        let done = work(port);
        drop(working);
        let _ = socket.shutdown(Shutdown::Both);
        Ok(done)
    })
}

/// Carries bytes both ways until both sides have ended.
fn carry(near: &TcpStream, far: &TcpStream) -> io::Result<()> {
    let one_way = |mut from: &TcpStream, mut to: &TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    thread::scope(|scope| {
        thread::Builder::new().spawn_scoped(scope, || one_way(far, near))?;
        one_way(near, far);
        Ok(())
    })
}
