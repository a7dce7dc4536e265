//! How a service's health is found out, as a host file says it.

use std::fmt;

use super::values::Argv;

/// How a service's health is found out, addresses as seen from its own node.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "CheckFields")]
pub enum Check {
    /// A connection can be made.
    Tcp(Address),
    /// A GET answers with the status (default: any 2xx) and, where given, the text.
    Http {
        /// `http://` or `https://` with a host.
        url: String,
        /// The status wanted.
        status: Option<u16>,
        /// A text that the body must hold.
        contains: Option<String>,
    },
    /// A command ends with 0.
    Command(Argv),
    /// An MQTT broker accepts a CONNECT.
    Mqtt(Address),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("{text:?} is not an address such as 127.0.0.1:8080");
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().ok().filter(|p| *p != 0).ok_or_else(bad)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'%');
        if host.is_empty() || host.starts_with('-') || !host.bytes().all(plain) {
            return Err(bad());
        }
        Ok(Address { host: host.to_owned(), port })
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckFields {
    tcp: Option<Address>,
    http: Option<String>,
    status: Option<u16>,
    contains: Option<String>,
    command: Option<Argv>,
    mqtt: Option<Address>,
}

impl TryFrom<CheckFields> for Check {
    type Error = String;
    fn try_from(fields: CheckFields) -> Result<Self, String> {
        let CheckFields { tcp, http, status, contains, command, mqtt } = fields;
        if http.is_none() && (status.is_some() || contains.is_some()) {
            return Err("`status` and `contains` go with `http` only".into());
        }
        match (tcp, http, command, mqtt) {
            (Some(address), None, None, None) => Ok(Check::Tcp(address)),
            (None, Some(url), None, None) => {
                let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
                let fine = rest.is_some_and(|r| !r.is_empty() && !r.starts_with(['/', '-', '?', '#']));
                if !fine || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
                    return Err(format!("{url:?} is not a URL such as http://127.0.0.1:8080/health"));
                }
                if status.is_some_and(|s| !(100..600).contains(&s)) {
                    return Err("`status` is a number from 100 to 599".into());
                }
                Ok(Check::Http { url, status, contains })
            }
            (None, None, Some(argv), None) => Ok(Check::Command(argv)),
            (None, None, None, Some(address)) => Ok(Check::Mqtt(address)),
            _ => Err("a check is one of `tcp`, `http`, `command` and `mqtt`".into()),
        }
    }
}
