//! What systemd says of units: all of a manager in one call.

use std::ffi::OsString;
use std::time::Duration;

use crate::flow::hostfile::Scope;
use crate::flow::units::{self, PROPERTIES, Unit};
use crate::process;

/// How long systemd may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the properties of units, or of all loaded ones that fit a pattern, in the order of the names.
pub fn show(scope: Scope, names: &[&str]) -> Result<Vec<Unit>, String> {
    let manager: &[&str] = if scope == Scope::User { &["systemctl", "--user"] } else { &["systemctl"] };
    let words = [manager, &["show", "--no-pager", PROPERTIES, "--"], names].concat();
    let argv: Vec<OsString> = words.into_iter().map(OsString::from).collect();
    match process::said(&argv, None, TIMEOUT) {
        Ok(Some(said)) if said.is_success => Ok(units::parse(&said.stdout)),
        Ok(Some(said)) => {
            let first = said.stderr.lines().map(str::trim).find(|line| !line.is_empty());
            Err(first.unwrap_or("systemctl failed without a word").to_owned())
        }
        Ok(None) => Err(format!("systemctl did not answer within {} s", TIMEOUT.as_secs())),
        Err(e) => Err(format!("cannot run systemctl: {e}")),
    }
}
