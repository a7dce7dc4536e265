//! Asks the control plane over HTTP: one client with time-outs, bounded answers and no redirects; TLS is curl's part.
//! Knows nothing of what is sent, and touches no root.

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{NextTimeout, TcpConnector};
use ureq::{Agent, Error, Timeout};

use crate::flow::control_plane::{ControlPlane, is_near};
use crate::flow::json;
use crate::flow::mask::mask;

pub mod curl;

/// How long one question may take in earnest.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest answer to something that was sent, in bytes.
const MAX_WORD: u64 = 1 << 20;

/// Whom to ask, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The control plane.
    pub url: ControlPlane,
    /// The token, where there is one.
    pub token: Option<String>,
    /// The one certificate file that is believed, instead of the system's.
    pub ca: Option<PathBuf>,
    /// Whether plain HTTP may go anywhere.
    pub insecure_http: bool,
    /// How long one question may take, name look-up and answer included: [`PATIENCE`], unless a test has less.
    pub patience: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    message: String,
    advice: String,
    is_late: bool,
}

impl WireError {
    fn new(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { message: message.into(), advice: advice.into(), is_late: false }
    }

    /// Returns whether there was a connection, but no whole answer in time: with less to carry there might be one.
    pub fn is_late(&self) -> bool {
        self.is_late
    }

    /// Returns what the operator should do about it.
    pub fn advice(&self) -> String {
        self.advice.clone()
    }
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The tag of its content.
    pub etag: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns what an answer that says no tells of it: the detail and the advice of a problem document.
    pub fn problem(&self) -> (Option<String>, Option<String>) {
        let problem: serde_json::Value = json::from_bytes(&self.body).unwrap_or_default();
        let text = |name: &str| problem.get(name).and_then(|v| v.as_str()).map(str::to_owned);
        (text("detail"), text("advice"))
    }
}

/// A client of one control plane.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    /// Speaks plain HTTP; there is none where the control plane is asked over https.
    plain: Option<Agent>,
}

impl Client {
    /// Makes a client. Connects to nothing yet.
    pub fn new(settings: Settings) -> Result<Client, WireError> {
        if settings.url.is_encrypted() {
            if let Some(ca) = &settings.ca {
                curl::certificates(ca).map_err(|why| {
                    let advice = "--ca takes a file of certificates in PEM (-----BEGIN CERTIFICATE-----)";
                    WireError::new(format!("cannot take certificates from {}: {why}", ca.display()), advice)
                })?;
            }
            return Ok(Client { settings, plain: None });
        }
        if let Some(ca) = &settings.ca {
            let message = format!("{} is not encrypted: no certificate of {} is asked for", settings.url, ca.display());
            return Err(WireError::new(message, "use https://, or leave --ca out"));
        }
        let config = Config::builder()
            .timeout_global(Some(settings.patience))
            .timeout_connect(Some(CONNECT))
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(curl::USER_AGENT)
            .build();
        let near = Near { anywhere: settings.insecure_http, names: DefaultResolver::default() };
        let agent = Agent::with_parts(config, TcpConnector::default(), near);
        Ok(Client { settings, plain: Some(agent) })
    }

    /// Returns whom it asks.
    pub fn url(&self) -> &ControlPlane {
        &self.settings.url
    }

    /// Returns how long one question may take.
    pub fn patience(&self) -> Duration {
        self.settings.patience
    }

    /// Asks for something of at most so many bytes, unless it still has this tag.
    pub fn get(&self, path: &str, known: Option<&str>, most: u64) -> Result<Answer, WireError> {
        self.ask(path, known.map(|tag| ("if-none-match", tag.to_owned())).into_iter().collect(), None, most)
    }

    /// Sends something under a key by which the other side knows it again.
    pub fn post(&self, path: &str, key: &str, media: &str, body: &[u8]) -> Result<Answer, WireError> {
        let fields = vec![("content-type", media.to_owned()), ("idempotency-key", key.to_owned())];
        self.ask(path, fields, Some(body), MAX_WORD)
    }

    fn ask(
        &self,
        path: &str,
        mut fields: Vec<(&'static str, String)>,
        body: Option<&[u8]>,
        most: u64,
    ) -> Result<Answer, WireError> {
        let url = format!("{}{path}", self.settings.url);
        fields.extend(self.settings.token.as_ref().map(|token| ("authorization", format!("Bearer {token}"))));
        let reply = match &self.plain {
            Some(agent) => plain(agent, &url, &fields, body, most).map_err(|e| self.explain(&e))?,
            None => {
                let request = curl::Request {
                    url: &url,
                    fields,
                    body,
                    ca: self.settings.ca.as_deref(),
                    via: None,
                    enough: usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1),
                    connect: CONNECT,
                    within: self.settings.patience,
                };
                curl::ask(&request).map_err(|e| {
                    let is_late = matches!(e, curl::CurlError::Late);
                    WireError { is_late, ..self.unreachable(&e.to_string(), e.advice()) }
                })?
            }
        };
        let curl::Reply { status, etag, location, body } = reply;
        if (300..400).contains(&status) && status != 304 {
            let to = location.map(|to| format!(" to {to}")).unwrap_or_default();
            let message = format!("{url} sends elsewhere{to}, which is not followed");
            return Err(WireError::new(self.harmless(&message), "give the URL that answers by itself"));
        }
        if body.len() as u64 > most {
            let message = format!("{url} answered with more than {most} bytes");
            return Err(WireError::new(message, "ask it with `curl`: that is not what a control plane says"));
        }
        Ok(Answer { status, etag, body })
    }

    /// Says how the other side refused.
    pub fn refusal(&self, answer: &Answer) -> String {
        let detail = answer.problem().0.map_or(String::new(), |detail| format!(": {}", self.harmless(&detail)));
        format!("{} answered {}{detail}", self.settings.url, answer.status)
    }

    /// Returns text that may repeat what the other side said, without the token.
    pub fn harmless(&self, text: &str) -> String {
        mask(text, self.settings.token.as_slice())
    }

    fn explain(&self, error: &Error) -> WireError {
        let (why, advice) = match error {
            Error::Timeout(_) => ("it did not answer in time".to_owned(), "look whether it is up and reachable"),
            Error::HostNotFound => ("its name is not known".to_owned(), "look at the name, and at this machine's DNS"),
            Error::Io(e) => match e.get_ref().and_then(|e| e.downcast_ref::<Far>()) {
                Some(far) => (far.to_string(), "use https://, a Tailscale address, or --insecure-http"),
                None => (e.to_string(), "look whether `hlctl serve` runs there and listens on that address"),
            },
            Error::Protocol(e) => (format!("it does not speak HTTP: {e}"), "look at the port, and at http or https"),
            other => (other.to_string(), "look whether it is up and reachable"),
        };
        let is_late = matches!(error, Error::Timeout(limit) if !matches!(limit, Timeout::Connect | Timeout::Resolve));
        WireError { is_late, ..self.unreachable(&why, advice) }
    }

    fn unreachable(&self, why: &str, advice: &str) -> WireError {
        WireError::new(format!("cannot reach {}: {}", self.settings.url, self.harmless(why)), advice)
    }
}

/// Asks over plain HTTP.
fn plain(
    agent: &Agent,
    url: &str,
    fields: &[(&'static str, String)],
    body: Option<&[u8]>,
    most: u64,
) -> Result<curl::Reply, Error> {
    let mut answer = match body {
        None => fields.iter().fold(agent.get(url), |request, (name, value)| request.header(*name, value)).call(),
        Some(body) => {
            fields.iter().fold(agent.post(url), |request, (name, value)| request.header(*name, value)).send(body)
        }
    }?;
    let field = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let (status, etag, location) = (answer.status().as_u16(), field("etag"), field("location"));
    let mut body = Vec::new();
    answer.body_mut().as_reader().take(most + 1).read_to_end(&mut body)?;
    Ok(curl::Reply { status, etag, location, body })
}

/// An address that plain HTTP may not go to.
#[derive(Debug, thiserror::Error)]
#[error("{0} is neither this machine's, nor private, nor Tailscale's: plain HTTP does not go there")]
struct Far(IpAddr);

/// Looks names up, and leaves out the addresses that may not be spoken to: what is looked at here is what is
/// connected to.
#[derive(Debug)]
struct Near {
    anywhere: bool,
    names: DefaultResolver,
}

impl Resolver for Near {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let mut near = self.empty();
        for address in found.iter().filter(|a| self.anywhere || is_near(a.ip())) {
            near.push(*address);
        }
        match found.first() {
            Some(far) if near.is_empty() => Err(Error::Io(std::io::Error::other(Far(far.ip())))),
            _ => Ok(near),
        }
    }
}

/// Returns what the file of a token holds.
pub fn token(path: &Path) -> Result<String, WireError> {
    let fail = |why: String| {
        let advice = "`hlctl token add NAME --agent` (or --reader) on the control plane prints one: save it there";
        WireError::new(format!("cannot take a token from {}: {why}", path.display()), advice)
    };
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(4096).read_to_string(&mut text));
    read.map_err(|e| fail(e.to_string()))?;
    let token = text.trim();
    match token.bytes().all(|b| b.is_ascii_graphic()) {
        _ if token.is_empty() => Err(fail("it is empty".into())),
        true => Ok(token.to_owned()),
        false => Err(fail("it holds more than one word, or characters that no token has".into())),
    }
}
