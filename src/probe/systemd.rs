//! What systemd says of units: all of a manager in one call.

use std::collections::BTreeSet;

use crate::flow::hostfile::Scope;
use crate::flow::units::{self, PROPERTIES, Unit};

/// Returns the properties of units, or of all loaded ones that fit a pattern, in the order of the names.
pub fn show(scope: Scope, names: &[&str]) -> Result<Vec<Unit>, String> {
    ask(scope, &[&["show", "--no-pager", PROPERTIES, "--"], names].concat()).map(|said| units::parse(&said))
}

/// Returns the properties of all services and timers that are loaded or enabled.
pub fn all(scope: Scope) -> Result<Vec<Unit>, String> {
    let list = ["list-unit-files", "--no-pager", "--no-legend", "--type=service,timer", "--state=enabled"];
    let enabled = ask(scope, &list)?;
    // A template is no unit.
    let enabled = enabled.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| !name.contains("@."));
    let mut units = show(scope, &["*.service", "*.timer"].into_iter().chain(enabled).collect::<Vec<_>>())?;
    let mut seen = BTreeSet::new();
    units.retain(|unit| seen.insert(unit.get("Id").to_owned()));
    Ok(units)
}

fn ask(scope: Scope, words: &[&str]) -> Result<String, String> {
    let manager: &[&str] = if scope == Scope::User { &["systemctl", "--user"] } else { &["systemctl"] };
    let said = super::said(&[manager, words].concat())?;
    if said.is_success {
        return Ok(said.stdout);
    }
    let first = said.stderr.lines().map(str::trim).find(|line| !line.is_empty());
    Err(first.unwrap_or("systemctl failed without a word").to_owned())
}
