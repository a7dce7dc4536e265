//! Requests and responses as the handlers see them: plain values, whatever engine carries them.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::json;

use super::lock;

/// What stands before a request's body.
#[derive(Debug, Clone)]
pub struct Head {
    /// The method, as sent.
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
    /// The authority of an absolute target, where the client gave one.
    pub authority: Option<String>,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The address at the other end of the connection.
    pub peer: IpAddr,
}

impl Head {
    /// Returns the first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n == name)?;
        std::str::from_utf8(value).ok()
    }

    /// Returns all values of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_slice())
    }

    /// Returns the values of a parameter of the query.
    pub fn queries(&self, name: &str) -> Vec<String> {
        let pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.filter(|(n, _)| n == name).map(|(_, v)| v.into_owned()).collect()
    }

    /// Returns whether the client only looks.
    pub fn is_safe(&self) -> bool {
        self.method == "GET" || self.method == "HEAD"
    }
}

/// A whole request.
#[derive(Debug, Clone)]
pub struct Request {
    /// What stands before the body.
    pub head: Head,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// Returns the values of a field of the form that was sent.
    pub fn fields(&self, name: &str) -> Vec<String> {
        if !self.head.header("content-type").is_some_and(|t| t.starts_with("application/x-www-form-urlencoded")) {
            return Vec::new();
        }
        let pairs = form_urlencoded::parse(&self.body);
        pairs.filter(|(n, _)| n == name).map(|(_, v)| v.into_owned()).collect()
    }

    /// Returns the first value of a field of the form that was sent, without the space around it.
    pub fn field(&self, name: &str) -> Option<String> {
        self.fields(name).into_iter().next().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }
}

/// The bytes of a response.
#[derive(Debug, Clone)]
pub enum Body {
    /// Part of the program.
    Static(&'static [u8]),
    /// Made for this request.
    Owned(Vec<u8>),
    /// Kept for others that ask the same.
    Shared(Arc<Vec<u8>>),
    /// Read as it is sent.
    Pieces(Pieces),
}

impl Body {
    /// Returns the bytes that are at hand.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Pieces(_) => &[],
        }
    }
}

/// What is too large to be held as a whole: each piece is read when the one before is on its way.
#[derive(Clone)]
pub struct Pieces(Arc<Mutex<dyn Iterator<Item = io::Result<String>> + Send>>);

impl Pieces {
    /// Makes a body of pieces.
    pub fn new(pieces: impl Iterator<Item = io::Result<String>> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(pieces)))
    }

    /// Reads the next piece.
    pub fn next(&self) -> Option<io::Result<String>> {
        lock(&self.0).next()
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pieces")
    }
}

/// A response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers of its own.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body.
    pub body: Body,
    /// Whether it is for somebody who showed a token: what strangers hold is not to take its room.
    pub is_for_known: bool,
}

/// The media type of JSON.
pub const JSON: &str = "application/json";
/// The media type of a page.
pub const HTML: &str = "text/html; charset=utf-8";

impl Response {
    /// Makes a response with a body of some type.
    pub fn new(status: u16, media: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self::of(status, media, Body::Owned(body.into()))
    }

    /// Makes a response with a body of some other kind.
    pub fn of(status: u16, media: &'static str, body: Body) -> Self {
        Self { status, headers: vec![("content-type", media.into())], body, is_for_known: false }
    }

    /// Makes a response of JSON in one line.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        let mut bytes = serde_json::to_vec(value).expect("reports have string keys");
        bytes.push(b'\n');
        Self::new(status, JSON, bytes)
    }

    /// Sends the client elsewhere, to be asked for with GET.
    pub fn see_other(location: String) -> Self {
        Self::new(303, "text/plain; charset=utf-8", "see the other page\n").with("location", location)
    }

    /// Returns the response with one header more.
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_ref())
    }
}

/// Returns the response, or that the client has it already: what it knows is compared with the response's tag.
pub fn unless_known(head: &Head, response: Response) -> Response {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Some(tag) = response.header("etag").filter(|_| head.is_safe() && response.status == 200) else {
        return response;
    };
    let known = head.all("if-none-match").filter_map(|v| std::str::from_utf8(v).ok()).flat_map(|v| v.split(','));
    if !known.map(opaque).any(|k| k == "*" || k == opaque(tag)) {
        return response;
    }
    let headers = response.headers.into_iter().filter(|(name, _)| *name != "content-type");
    Response { status: 304, headers: headers.collect(), body: Body::Static(b""), ..response }
}

/// Why a request is not answered as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// What is wrong.
    pub detail: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// A header that says more to a program.
    pub header: Option<(&'static str, String)>,
    /// The path that was asked for, with its query, where that is known.
    pub path: String,
}

impl Refusal {
    /// Makes a refusal.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), advice: None, header: None, path: String::new() }
    }

    /// Returns the refusal with advice.
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Returns the refusal of this request.
    pub fn at(mut self, head: &Head) -> Self {
        self.path.clone_from(&head.path);
        if !head.query.is_empty() {
            self.path += "?";
            self.path += &head.query;
        }
        self
    }

    /// Returns the refusal with a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.header = Some((name, value.into()));
        self
    }

    /// Returns the problem document (RFC 9457).
    pub fn problem(&self) -> Response {
        let mut problem = json!({
            "type": "about:blank", "title": title(self.status), "status": self.status, "detail": self.detail,
        });
        if let (Some(object), Some(advice)) = (problem.as_object_mut(), &self.advice) {
            object.insert("advice".into(), advice.as_str().into());
        }
        Response::new(self.status, "application/problem+json", problem.to_string() + "\n")
    }
}

impl From<color_eyre::Report> for Refusal {
    /// What fails behind a sound request: a damaged file, a broken configuration; or a name that stands for nothing.
    fn from(report: color_eyre::Report) -> Self {
        let (advice, _) = crate::fail::verdict(&report);
        let status = if crate::fail::is_unknown(&report) { 404 } else { 503 };
        Self { advice, ..Self::new(status, report.to_string()) }
    }
}

/// Returns what a status code is called.
pub fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad request",
        401 => "Not logged in",
        403 => "Not allowed",
        404 => "Not found",
        405 => "Method not allowed",
        408 => "Too slow",
        409 => "Overtaken",
        413 => "Too large",
        415 => "Unsupported media type",
        421 => "Unknown host name",
        429 => "Too many attempts",
        431 => "Head too large",
        503 => "Not ready",
        507 => "No space left",
        _ => "Failed",
    }
}
