//! What systemd says of a unit: whether it runs, and how often it was started again. Reads words; runs nothing.

use std::collections::BTreeMap;

use crate::flow::health::Health;

/// A unit at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    active: String,
    result: String,
    is_oneshot: bool,
    restarts: u64,
}

impl Unit {
    /// Reads the properties that `systemctl show` prints; none of a unit that is not loaded.
    pub fn parse(text: &str) -> Option<Unit> {
        let pairs: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        let get = |name: &str| pairs.get(name).copied().unwrap_or_default();
        (get("LoadState") == "loaded").then(|| Unit {
            active: get("ActiveState").to_owned(),
            result: get("Result").to_owned(),
            is_oneshot: get("Type") == "oneshot",
            // Units that are no services have none.
            restarts: get("NRestarts").parse().unwrap_or(0),
        })
    }

    fn trouble(&self) -> Option<String> {
        match self.active.as_str() {
            "active" => None,
            // It did what it had to: nothing of it is left to run.
            "inactive" if self.is_oneshot && self.result == "success" => None,
            active => Some(format!("the unit is {active} ({})", self.result)),
        }
    }
}

/// Watches a unit from look to look: one that systemd has started again was not healthy between.
#[derive(Debug, Default)]
pub struct Watcher {
    restarts: Option<u64>,
}

impl Watcher {
    /// Returns the health of a unit.
    pub fn look(&mut self, unit: Option<Unit>) -> Health {
        let Some(unit) = unit else { return Health::failed("systemd does not know the unit any more") };
        let before = self.restarts.replace(unit.restarts);
        match unit.trouble() {
            Some(trouble) => Health::failed(trouble),
            None if before.is_some_and(|before| before != unit.restarts) => {
                Health::failed("systemd has started the unit again")
            }
            None => Health::Healthy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(active: &str, kind: &str, result: &str, restarts: u64) -> Option<Unit> {
        Unit::parse(&format!(
            "Type={kind}\nResult={result}\nNRestarts={restarts}\nLoadState=loaded\nActiveState={active}\n"
        ))
    }

    #[test]
    fn a_unit_is_healthy_while_it_is_active_and_was_not_started_again() {
        let mut watcher = Watcher::default();
        let mut look = |unit| watcher.look(unit).is_healthy();
        assert!(look(unit("active", "simple", "success", 2)));
        assert!(!look(unit("active", "simple", "success", 3)));
        assert!(look(unit("active", "simple", "success", 3)));
        assert!(!look(unit("activating", "simple", "exit-code", 3)));
        assert!(!look(unit("failed", "oneshot", "exit-code", 3)));
        assert!(!look(unit("inactive", "simple", "success", 3)));
        assert!(look(unit("inactive", "oneshot", "success", 3)));
        assert!(!look(None));
        assert_eq!(Unit::parse("LoadState=not-found\nActiveState=inactive\n"), None);
        assert_eq!(Unit::parse(""), None);
    }
}
