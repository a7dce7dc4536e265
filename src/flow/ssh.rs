//! ssh as this program calls it: the words of its command line, quoted for whatever login shell the other side
//! has, and the meaning of what ssh itself says when it fails. Runs nothing.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use super::hostfile::Address;

/// Seconds that ssh may take to connect.
pub const CONNECT_TIMEOUT_S: u64 = 10;

/// What every call says before its destination. BatchMode: nobody is there to be asked. ServerAliveInterval: a host
/// that died is noticed within a minute, not at the step's time-out. The last two keep the user's own config, which
/// is honoured in all else, from turning the command into something else.
const OPTIONS: [&str; 5] =
    ["BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=15", "RemoteCommand=none", "RequestTTY=no"];

/// Returns the command line that runs words on a destination; with `log`, ssh's own words go to that file, so that
/// they cannot be mistaken for the command's.
pub fn command(destination: &str, words: &[String], log: Option<&Path>) -> Result<Vec<OsString>, NotQuotable> {
    let mut argv = base("LogLevel=INFO");
    if let Some(log) = log {
        argv.extend(["-E".into(), log.into()]);
    }
    argv.extend(["--".into(), destination.into(), quote(words)?.into()]);
    Ok(argv)
}

/// Returns the command line whose standard input and output become a connection to an address as the destination
/// sees it. It is chatty on standard error: only there does it say that the connection was made.
pub fn tunnel(destination: &str, address: &Address) -> Vec<OsString> {
    let mut argv = base("LogLevel=DEBUG2");
    argv.extend(["-W".into(), address.to_string().into(), "--".into(), destination.into()]);
    argv
}

/// Returns what every call begins with. The level is named so that a quiet config does not hide why it failed.
fn base(log_level: &str) -> Vec<OsString> {
    let options = OPTIONS.into_iter().chain([log_level]).flat_map(|option| ["-o", option]);
    std::iter::once("ssh").chain(options).map(OsString::from).collect()
}

/// A word that no shell can be given: it holds a NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a command over ssh cannot hold a NUL character")]
pub struct NotQuotable;

/// Returns words as one line that sh, bash, dash, zsh and fish take apart into the same words again.
///
/// shlex never leaves a backslash inside single quotes (where fish would take it for an escape) nor a `$` inside
/// double ones; `tests/quoting.rs` holds it to that with the shells themselves.
pub fn quote(words: &[String]) -> Result<String, NotQuotable> {
    shlex::try_join(words.iter().map(String::as_str)).map_err(|_| NotQuotable)
}

/// Why ssh itself failed (its exit code 255).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No connection was made.
    Unreachable,
    /// The host did not let the user in.
    Refused,
    /// The host is not the one that is known, or not known at all.
    HostKey,
    /// The connection broke after it had been made.
    ConnectionLost,
}

impl Trouble {
    /// Returns the word for it in an action's result.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unreachable => "ssh_unreachable",
            Self::Refused => "ssh_refused",
            Self::HostKey => "ssh_host_key",
            Self::ConnectionLost => "ssh_connection_lost",
        }
    }

    /// Returns what the operator can do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Unreachable => "is the host up, and its address right in host.yaml?",
            Self::Refused => "does the host have this user's key? Try `ssh -o BatchMode=yes` to it by hand",
            Self::HostKey => "check the host's key, then update known_hosts",
            Self::ConnectionLost => "look on the host whether the command still runs",
        }
    }

    /// Returns what ssh's words mean; what is not recognized means that no connection was made.
    pub fn of(words: &str) -> Trouble {
        Self::recognize(words).unwrap_or(Self::Unreachable)
    }

    /// Returns what ssh's words mean, if they are words that only ssh says.
    pub fn recognize(words: &str) -> Option<Trouble> {
        let has = |needles: &[&str]| needles.iter().any(|needle| words.contains(needle));
        if has(&["Host key verification failed", "HOST IDENTIFICATION HAS CHANGED", "host key is known for"]) {
            Some(Self::HostKey)
        } else if has(&["Permission denied (", "Too many authentication failures", "No more authentication methods"]) {
            Some(Self::Refused)
        } else if has(&[
            "ssh: connect to host",
            "ssh: Could not resolve",
            "kex_exchange_identification",
            "banner exchange",
        ]) {
            Some(Self::Unreachable)
        } else if has(&[
            "closed by remote host",
            "client_loop:",
            "not responding",
            "Read from remote host",
            "mux_client_",
            "Shared connection to",
        ]) {
            Some(Self::ConnectionLost)
        } else {
            None
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(argv: &[OsString]) -> String {
        argv.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn nothing_behind_the_dashes_is_an_option() {
        let words = ["echo".to_owned(), "a b".to_owned(), "$(id)".to_owned()];
        let argv = command("o@h", &words, Some(Path::new("/l"))).unwrap();
        assert!(text(&argv).starts_with("ssh -o BatchMode=yes -o ConnectTimeout=10 -o "), "{argv:?}");
        assert!(text(&argv).ends_with(" -E /l -- o@h echo 'a b' '$(id)'"), "{argv:?}");
        assert_eq!(argv.len(), 1 + 2 * (OPTIONS.len() + 1) + 5);
        assert_eq!(command("h", &["a\0".to_owned()], None), Err(NotQuotable));
        assert!(OPTIONS.contains(&format!("ConnectTimeout={CONNECT_TIMEOUT_S}").as_str()));
    }

    #[test]
    fn a_tunnel_names_an_address_of_the_far_side() {
        let address: Address = String::from("[::1]:80").try_into().unwrap();
        let argv = text(&tunnel("o@h", &address));
        assert!(argv.ends_with("-o LogLevel=DEBUG2 -W [::1]:80 -- o@h"), "{argv}");
    }

    #[test]
    fn what_ssh_says_is_told_apart() {
        for (words, trouble) in [
            ("ssh: connect to host 10.0.0.1 port 22: Connection refused", Trouble::Unreachable),
            ("ssh: connect to host h port 22: No route to host", Trouble::Unreachable),
            ("ssh: Could not resolve hostname nope: Name or service not known", Trouble::Unreachable),
            (
                "kex_exchange_identification: Connection closed by remote host\nConnection closed by h port 22",
                Trouble::Unreachable,
            ),
            ("Connection timed out during banner exchange", Trouble::Unreachable),
            ("command-line: line 0: Bad configuration option: x", Trouble::Unreachable),
            ("", Trouble::Unreachable),
            ("o@h: Permission denied (publickey,password).", Trouble::Refused),
            ("Received disconnect from h port 22:2: Too many authentication failures", Trouble::Refused),
            ("Host key verification failed.", Trouble::HostKey),
            ("No ED25519 host key is known for h and you have requested strict checking.", Trouble::HostKey),
            ("Connection to 127.0.0.1 closed by remote host.", Trouble::ConnectionLost),
            ("client_loop: send disconnect: Broken pipe", Trouble::ConnectionLost),
            ("Timeout, server h not responding.", Trouble::ConnectionLost),
        ] {
            assert_eq!(Trouble::of(words), trouble, "{words}");
        }
        assert_eq!(Trouble::recognize("fatal: repository not found"), None);
    }
}
