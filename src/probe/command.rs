//! A command that ends with 0: here, or over ssh under `timeout`.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::flow::desired::Connection;
use crate::flow::health::Health;
use crate::flow::hostfile::Argv;
use crate::flow::ssh::{self, CONNECT_TIMEOUT_S, Trouble};
use crate::process;

/// Runs a check's command once, on this machine in `dir`. Over ssh the connection's own time comes on top.
pub fn run(argv: &Argv, via: &Connection, dir: Option<&Path>, within: Duration) -> Health {
    let (command, limit) = match via {
        Connection::Local => (Ok(argv.words().iter().map(OsString::from).collect::<Vec<_>>()), within),
        Connection::Ssh(destination) => {
            let seconds = within.as_secs().max(1).to_string();
            let wrapped: Vec<String> = ["timeout", "-k", "1", &seconds]
                .into_iter()
                .map(str::to_owned)
                .chain(argv.words().iter().cloned())
                .collect();
            (ssh::command(destination, &wrapped, None), within + Duration::from_secs(CONNECT_TIMEOUT_S + 1))
        }
    };
    let program = &argv.words()[0];
    let answer = match command.map_err(std::io::Error::other).and_then(|c| process::ask(&c, dir, limit)) {
        Ok(answer) => answer,
        Err(e) => return Health::failed(format!("cannot run {program}: {e}")),
    };
    let said = answer.output.lines().rev().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    let code = answer.ended.status.and_then(|s| s.code());
    match (code, via) {
        _ if answer.ended.timed_out => Health::failed(format!("{program} took longer than {} s", limit.as_secs())),
        (Some(0), _) => Health::Healthy,
        (Some(255), Connection::Ssh(destination)) if Trouble::recognize(said).is_some() => {
            Health::Unknown { detail: format!("ssh to {destination}: {said}") }
        }
        (Some(124 | 137 | 143), Connection::Ssh(_)) => {
            Health::failed(format!("{program} took longer than {} s", within.as_secs()))
        }
        (Some(code), _) => Health::failed(format!("{program} ended with {code}: {said}")),
        (None, _) => Health::failed(format!("{program} was ended by a signal: {said}")),
    }
}
