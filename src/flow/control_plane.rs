//! Where the control plane is: its URL as the operator gave it, and which addresses may be spoken to in the clear.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The base URL of a control plane, without a slash at its end: `http://vps:18180`, `https://example.org/homelab`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ControlPlane(String);

impl ControlPlane {
    /// Returns the URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether what is sent is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Display for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ControlPlane> for String {
    fn from(url: ControlPlane) -> Self {
        url.0
    }
}

impl TryFrom<String> for ControlPlane {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for ControlPlane {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |why: &str| Err(format!("{text:?} is not a URL such as http://vps:18180: {why}"));
        let Some((scheme, rest)) = text.split_once("://") else { return bad("it has no http:// or https://") };
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return bad("only http and https are spoken");
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('@') {
            // It would be seen in every list of processes.
            return Err("a URL holds no user or password here: give a token with --token-file".into());
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains(['?', '#', '\\', '"', '<', '>']) {
            return bad("it has characters that do not belong there");
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((ip, port)) if ip.contains(':') && ip.parse::<IpAddr>().is_ok() => (ip, port),
                _ => return bad("its IPv6 address is none"),
            },
            None => authority.find(':').map_or((authority, ""), |at| authority.split_at(at)),
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if host.is_empty() || !(host.contains(':') || host.bytes().all(plain)) {
            return bad("it names no host");
        }
        let number = port.strip_prefix(':').map(|p| p.parse::<u16>().is_ok_and(|p| p > 0));
        if number == Some(false) || (number.is_none() && !port.is_empty()) {
            return bad("its port is none");
        }
        Ok(Self(format!("{scheme}://{authority}{}", path.trim_end_matches('/'))))
    }
}

/// Returns whether plain HTTP may go to an address: this machine, a private network, or Tailscale, which encrypts by
/// itself.
pub fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            // 100.64.0.0/10, which carriers use too, but nobody routes into the open.
            let shared = matches!(ip.octets(), [100, 64..=127, _, _]);
            ip.is_loopback() || ip.is_private() || shared
        }
        // Tailscale's fd7a:115c:a1e0::/48 is one of the unique local addresses.
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_kept_without_the_slash_at_its_end() {
        for (given, kept) in [
            ("http://vps:18180", "http://vps:18180"),
            ("HTTPS://Example.org/", "https://Example.org"),
            ("https://example.org:8443/homelab//", "https://example.org:8443/homelab"),
            ("http://[fd7a:115c:a1e0::1]:18180", "http://[fd7a:115c:a1e0::1]:18180"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(given.parse::<ControlPlane>().map(String::from), Ok(kept.to_owned()), "{given}");
        }
    }

    #[test]
    fn what_is_no_url_or_holds_a_secret_is_refused() {
        for (given, word) in [
            ("vps:18180", "no http://"),
            ("ftp://vps", "only http"),
            ("http://", "no host"),
            ("http:///x", "no host"),
            ("http://:80", "no host"),
            ("http://user:pass@vps", "--token-file"),
            ("http://vps:0", "port"),
            ("http://vps:70000", "port"),
            ("http://vps:x", "port"),
            ("http://[::1", "IPv6"),
            ("http://[vps]:80", "IPv6"),
            ("http://[::1]80", "port"),
            ("http://vps/?token=x", "characters"),
            ("http://vps/#x", "characters"),
            ("http://v ps", "characters"),
            ("http://v\nps", "characters"),
            ("http://v%20ps", "no host"),
        ] {
            let error = given.parse::<ControlPlane>().unwrap_err();
            assert!(error.contains(word), "{given:?}: {error}");
        }
    }

    #[test]
    fn only_near_addresses_are_spoken_to_in_the_clear() {
        for near in [
            "127.0.0.1",
            "127.8.9.1",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.0",
            "100.127.255.255",
            "100.95.58.48",
            "::1",
            "fd7a:115c:a1e0::1",
            "fc00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.1",
            "192.169.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "255.255.255.255",
            "::",
            "2606:4700::1111",
            "fe80::1",
            "::ffff:1.1.1.1",
        ] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
    }
}
