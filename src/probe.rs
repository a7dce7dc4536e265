//! From a check to the health that it finds: one look, with a time-out as a whole. Addresses are seen from the
//! service's own node: where that is not this machine, connections go through `ssh -W` and commands over ssh.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::flow::desired::Connection;
use crate::flow::health::{CHECK_FAILED, Health, MQTT_UNREACHABLE};
use crate::flow::hostfile::Check;
use crate::process;
use connect::ConnectError;

mod command;
mod connect;
pub mod crowd;
pub mod disk;
pub mod docker;
pub mod git;
mod http;
mod https;
pub mod machine;
mod mqtt;
pub mod systemd;
mod tunnel;

/// How long a check may take unless said otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Makes a check once, from where its addresses are meant; a command on this machine runs in `dir`.
pub fn check(check: &Check, via: &Connection, dir: Option<&Path>, within: Duration) -> Health {
    let end = Instant::now() + within;
    let (found, reason) = match check {
        Check::Tcp(address) => (connect::reach(address, via, end).map(drop), CHECK_FAILED),
        Check::Mqtt(address) => {
            (connect::connect(address, via, end).and_then(|mut stream| mqtt::greet(&mut stream, end)), MQTT_UNREACHABLE)
        }
        Check::Http { url, status, contains } => (http::get(url, *status, contains.as_deref(), via, end), CHECK_FAILED),
        Check::Command(argv) => return command::run(argv, via, dir, within),
    };
    match found {
        Ok(()) => Health::Healthy,
        Err(ConnectError::Service(detail)) => Health::Unhealthy { reason, detail },
        Err(ConnectError::Node(detail)) => Health::Unknown { detail },
    }
}

/// How long a program that knows of services may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Asks such a program; one that cannot be run or hangs is an error in words.
fn said(words: &[&str]) -> Result<process::Said, String> {
    let argv: Vec<OsString> = words.iter().map(OsString::from).collect();
    let program = words.first().copied().unwrap_or_default();
    match process::said(&argv, None, ANSWER) {
        Ok(Some(said)) => Ok(said),
        Ok(None) => Err(format!("{program} did not answer within {} s", ANSWER.as_secs())),
        Err(e) => Err(format!("cannot run {program}: {e}")),
    }
}
