//! `https` is spoken by the system's `curl`, one run of it for each request: certificates, roots and ciphers are the
//! system's business. What is secret never stands in its arguments.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::process::talk::{self, Stopped, Talk};

/// What this program calls itself to servers.
pub const USER_AGENT: &str = concat!("hlctl/", env!("CARGO_PKG_VERSION"));

/// Longest head of an answer, interim ones included.
const MAX_HEAD: usize = 64 * 1024;
/// Most header fields of an answer.
const MAX_FIELDS: usize = 128;

/// What is asked.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// The URL, which may hold a password.
    pub url: &'a str,
    /// Header fields, which may be secret.
    pub fields: Vec<(&'static str, String)>,
    /// What is sent; nothing is a GET.
    pub body: Option<&'a [u8]>,
    /// The one certificate file that is believed, instead of the system's.
    pub ca: Option<&'a Path>,
    /// The port of this machine through which the connection is carried, wherever the URL points.
    pub via: Option<u16>,
    /// How much of the answer's body is enough.
    pub enough: usize,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long it may take altogether.
    pub within: Duration,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The tag of its content.
    pub etag: Option<String>,
    /// Where it says that the answer is.
    pub location: Option<String>,
    /// The body, or at least as much of it as is enough.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CurlError {
    /// There is no curl here.
    #[error("https needs curl, which is not on this machine")]
    Missing,
    /// It cannot be run.
    #[error("cannot run curl: {0}")]
    Io(#[from] io::Error),
    /// The name is not known.
    #[error("its name is not known")]
    Name,
    /// Nobody takes the connection, or it broke.
    #[error("{0}")]
    Unreachable(String),
    /// The time was up.
    #[error("it did not answer in time")]
    Late,
    /// There is no common way to encrypt.
    #[error("there is no encrypted connection: {0}")]
    Handshake(String),
    /// The certificate is not believed.
    #[error("its certificate {0}")]
    Certificate(String),
    /// There is no list of certificates to believe.
    #[error("cannot take certificates from {0}")]
    Authorities(String),
    /// What came was no answer.
    #[error("it does not speak HTTP: {0}")]
    NoHttp(String),
}

impl CurlError {
    /// Returns what the operator should do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Missing => "install it: `apt install curl`",
            Self::Io(_) => "look whether `curl --version` runs here",
            Self::Name => "look at the name, and at this machine's DNS",
            Self::Unreachable(_) | Self::Late => "look whether it is up and reachable",
            Self::Handshake(_) | Self::NoHttp(_) => "look at the port, and at http or https",
            Self::Certificate(_) => {
                "renew it, or name the file of the certificate to believe with --ca; see also this machine's clock"
            }
            Self::Authorities(_) => "install the package `ca-certificates`, or name a sound PEM file with --ca",
        }
    }
}

/// Asks once. Redirects are answers like any other.
pub fn ask(request: &Request<'_>) -> Result<Reply, CurlError> {
    let body = request.body.map(talk::in_memory).transpose()?;
    let body_path = body.as_ref().map(talk::path_for_child);
    let stdin = talk::in_memory(config(request, body_path.as_deref()).as_bytes())?;
    let mut head = None;
    let mut enough = |said: &[u8]| {
        head = head.or_else(|| head_of(said).ok().flatten().map(|(at, _)| at));
        said.len() >= head.map_or(MAX_HEAD, |at| at.saturating_add(request.enough))
    };
    let said = match talk::talk(&arguments(request), stdin, request.within, &mut enough) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(CurlError::Missing),
        said => said?,
    };
    match (said.stopped, said.code) {
        (Some(Stopped::Late), _) => Err(CurlError::Late),
        (Some(Stopped::Enough), _) | (None, Some(0)) => reply(said.stdout),
        (None, _) => Err(explain(&said, request.ca)),
    }
}

/// Returns the arguments, which everybody on this machine can read.
fn arguments(request: &Request<'_>) -> Vec<OsString> {
    let seconds = |time: Duration| time.as_secs_f64().ceil().max(1.0).to_string();
    let fixed = ["curl", "-q", "--silent", "--show-error", "--http1.1", "--tlsv1.2", "--include", "--globoff"];
    let mut argv = Vec::from(fixed.map(OsString::from));
    let mut add = |words: &[&str]| argv.extend(words.iter().map(OsString::from));
    add(&["--path-as-is", "--proto", "=https", "--noproxy", "*"]);
    add(&["--max-time", &seconds(request.within), "--connect-timeout", &seconds(request.connect)]);
    add(&["--user-agent", USER_AGENT]);
    if let Some(port) = request.via {
        add(&["--connect-to", &format!("::127.0.0.1:{port}")]);
    }
    add(&["--config", "-"]);
    if let Some(ca) = request.ca {
        // Else the system's folder of authorities would still be believed beside the file.
        let pinned = [OsString::from("--capath"), "/dev/null".into(), "--cacert".into(), ca.into()];
        argv.extend(pinned);
    }
    argv
}

/// Returns what curl reads on standard input: all that may be secret.
fn config(request: &Request<'_>, body: Option<&Path>) -> String {
    let mut text = format!("url = {}\n", quoted(request.url));
    for (name, value) in &request.fields {
        text += &format!("header = {}\n", quoted(&format!("{name}: {value}")));
    }
    if let Some(body) = body {
        // What is sent is no form, and is not first announced.
        text += &format!("header = \"Expect:\"\ndata-binary = \"@{}\"\n", body.display());
    }
    text
}

fn quoted(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns where the last head ends, with its status, once it is whole: interim ones come before it.
fn head_of(said: &[u8]) -> Result<Option<(usize, Head)>, httparse::Error> {
    let mut at = 0;
    loop {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut answer = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = answer.parse(&said[at..])? else { return Ok(None) };
        at += length;
        let status = answer.code.unwrap_or_default();
        if !(100..200).contains(&status) {
            let field = |name: &str| {
                let found = answer.headers.iter().find(|f| f.name.eq_ignore_ascii_case(name))?;
                String::from_utf8(found.value.to_vec()).ok()
            };
            return Ok(Some((at, Head { status, etag: field("etag"), location: field("location") })));
        }
    }
}

struct Head {
    status: u16,
    etag: Option<String>,
    location: Option<String>,
}

fn reply(mut said: Vec<u8>) -> Result<Reply, CurlError> {
    let head = head_of(&said).map_err(|e| CurlError::NoHttp(e.to_string()))?;
    let Some((at, Head { status, etag, location })) = head else {
        return Err(CurlError::NoHttp("its answer has no end of its head".into()));
    };
    Ok(Reply { status, etag, location, body: said.split_off(at) })
}

/// Says what curl's exit code means.
fn explain(said: &Talk, ca: Option<&Path>) -> CurlError {
    let line = said.stderr.lines().find(|line| line.starts_with("curl: ")).unwrap_or(&said.stderr);
    let line = line.split_once(") ").map_or(line, |(_, why)| why).trim().replace(char::is_control, " ");
    match said.code {
        Some(5 | 6) => CurlError::Name,
        Some(28) => CurlError::Late,
        Some(1 | 8) => CurlError::NoHttp(line),
        Some(4 | 35) => CurlError::Handshake(line),
        Some(51 | 60) => CurlError::Certificate(certificate(&line, ca)),
        Some(77) => CurlError::Authorities(ca.map_or_else(|| "this system".into(), |ca| ca.display().to_string())),
        Some(127) => CurlError::Missing,
        Some(_) => CurlError::Unreachable(line),
        None => CurlError::Io(io::Error::other("it was ended by a signal")),
    }
}

/// Says what is wrong with a certificate, from the words of whichever library curl was built with.
fn certificate(line: &str, ca: Option<&Path>) -> String {
    let lower = line.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["expired"]) {
        "has expired".into()
    } else if has(&["not yet valid", "not activated"]) {
        "is not valid yet".into()
    } else if has(&["subject name", "does not match", "hostname"]) {
        "is for another name".into()
    } else if has(&["issuer", "self-signed", "self signed", "unknown ca", "signer"]) {
        match ca {
            Some(path) => format!("is not signed by the one in {}", path.display()),
            None => "is signed by nobody whom this system believes".into(),
        }
    } else {
        format!("is not sound: {line}")
    }
}

/// Checks that a file holds certificates, or says why it cannot be the one that is believed.
pub fn certificates(path: &Path) -> Result<(), String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    match memchr::memmem::find(&bytes, b"-----BEGIN CERTIFICATE-----") {
        Some(_) => Ok(()),
        None => Err("there are none in it".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_told_on_standard_input_and_cannot_break_out_of_its_line() {
        let fields = vec![("authorization", "Bearer s3cret".to_owned()), ("if-none-match", "\"a\\b\"\nurl = x".into())];
        let request = Request { url: "https://u:p4ss@x/", fields, ..Request::default() };
        let seen = format!("{:?}", arguments(&request));
        assert!(!seen.contains("s3cret") && !seen.contains("p4ss"), "{seen}");
        assert_eq!(
            config(&request, None),
            "url = \"https://u:p4ss@x/\"\nheader = \"authorization: Bearer s3cret\"\n\
             header = \"if-none-match: \\\"a\\\\b\\\"url = x\"\n"
        );
    }

    #[test]
    fn interim_heads_are_skipped_and_a_head_that_is_none_is_an_error() {
        let said = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nETag: \"1\"\r\nlocation: /x\r\n\r\nbody";
        let found = reply(said.to_vec()).unwrap();
        let (etag, location) = (Some("\"1\"".into()), Some("/x".into()));
        assert_eq!(found, Reply { status: 302, etag, location, body: b"body".to_vec() });
        for bad in [&b"HTTP/1.1 200 OK\r\nA: b\r\n"[..], b"220 smtp\r\n\r\n", b""] {
            assert!(matches!(reply(bad.to_vec()), Err(CurlError::NoHttp(_))));
        }
    }

    #[test]
    fn the_words_of_several_libraries_are_understood() {
        for (line, told) in [
            ("SSL certificate problem: certificate has expired", "has expired"),
            ("SSL certificate problem: certificate is not yet valid", "is not valid yet"),
            ("SSL: no alternative certificate subject name matches target host name 'x'", "is for another name"),
            ("SSL certificate problem: unable to get local issuer certificate", "is signed by nobody"),
            ("server verification failed: certificate signer not trusted.", "is signed by nobody"),
            ("something new", "is not sound: something new"),
        ] {
            assert!(certificate(line, None).starts_with(told), "{line}");
        }
    }
}
