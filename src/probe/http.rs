//! A GET that answers with the wanted status and text; over https it is curl's, which verifies certificates against the
//! system's authorities. A service with one of its own is better checked by a command.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use memchr::memmem;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Agent, Error, Timeout};

use super::connect::{self, ConnectError};
use super::https;
use crate::flow::desired::Connection;
use crate::flow::hostfile::Address;
use crate::wire::curl::USER_AGENT;

/// Most of a body that is searched for a text.
const MOST: usize = 1 << 20;

/// Gets a URL once. Redirects are answers like any other.
pub fn get(
    url: &str,
    status: Option<u16>,
    contains: Option<&str>,
    via: &Connection,
    end: Instant,
) -> Result<(), ConnectError> {
    let uri: Uri = url.parse().map_err(|e| ConnectError::Service(format!("{url} is not a URL: {e}")))?;
    let (address, most) = (address(&uri), if contains.is_some() { MOST } else { 0 });
    let (got, body) = match uri.scheme_str() {
        Some("https") => https::get(url, &address, most, via, end)?,
        _ => plain(url, &address, most, via, end)?,
    };
    if !status.map_or((200..300).contains(&got), |wanted| got == wanted) {
        return Err(ConnectError::Service(format!("it answered {got}")));
    }
    match contains {
        Some(text) if memmem::find(&body, text.as_bytes()).is_none() => {
            Err(ConnectError::Service(format!("it answered {got} without the text {text:?}")))
        }
        _ => Ok(()),
    }
}

/// Returns the status and so much of the body, over plain HTTP.
fn plain(
    url: &str,
    address: &Address,
    most: usize,
    via: &Connection,
    end: Instant,
) -> Result<(u16, Vec<u8>), ConnectError> {
    let mut stream = connect::connect(address, via, end)?;
    let mut answer = match agent(stream.socket.try_clone()?, end).get(url).call() {
        Ok(answer) => answer,
        Err(error) => return Err(stream.why(explain(error))),
    };
    let mut body = Vec::new();
    answer.body_mut().as_reader().take(most as u64).read_to_end(&mut body)?;
    Ok((answer.status().as_u16(), body))
}

fn address(uri: &Uri) -> Address {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    Address { host, port: uri.port_u16().unwrap_or(port) }
}

/// Returns a client whose only connection is the one that was made.
fn agent(socket: TcpStream, end: Instant) -> Agent {
    let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let config = Config::builder()
        .timeout_global(Some(left))
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(USER_AGENT)
        .build();
    Agent::with_parts(config, Ready { socket: Mutex::new(Some(socket)), end }, Nowhere)
}

fn explain(error: Error) -> String {
    match error {
        Error::Timeout(_) => "it did not answer in time".into(),
        Error::Io(e) => e.to_string(),
        other => other.to_string(),
    }
}

/// Looks nothing up: the connection is there already, made by whoever knows the name.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut nowhere = self.empty();
        nowhere.push(([0, 0, 0, 0], 0).into());
        Ok(nowhere)
    }
}

/// Hands out the connection that was made.
#[derive(Debug)]
struct Ready {
    socket: Mutex<Option<TcpStream>>,
    end: Instant,
}

impl Connector for Ready {
    type Out = Carrier;

    fn connect(&self, _: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Carrier>, Error> {
        let socket = self.socket.lock().ok().and_then(|mut socket| socket.take());
        let socket = socket.ok_or(Error::ConnectionFailed)?;
        Ok(Some(Carrier { socket, end: self.end, buffers: LazyBuffers::new(16 * 1024, 16 * 1024) }))
    }
}

/// Carries a request over the connection, whatever lies below it.
#[derive(Debug)]
struct Carrier {
    socket: TcpStream,
    end: Instant,
    buffers: LazyBuffers,
}

impl Transport for Carrier {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        connect::until(&self.socket, self.end).map_err(late)?;
        self.socket.write_all(&self.buffers.output()[..amount]).map_err(late)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        connect::until(&self.socket, self.end).map_err(late)?;
        let n = self.socket.read(self.buffers.input_append_buf()).map_err(late)?;
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    fn is_open(&mut self) -> bool {
        // It carries one request.
        false
    }
}

fn late(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(Timeout::Global),
        _ => Error::Io(error),
    }
}
