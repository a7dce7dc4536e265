//! The health of a unit from look to look, from what systemd says of it. Runs nothing.

use crate::flow::health::Health;
use crate::flow::units::Unit;

fn trouble(unit: &Unit) -> Option<String> {
    match (unit.get("ActiveState"), unit.get("Result")) {
        ("active", _) => None,
        // It did what it had to: nothing of it is left to run.
        ("inactive", "success") if unit.get("Type") == "oneshot" => None,
        (active, result) => Some(format!("the unit is {active} ({result})")),
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
        let Some(unit) = unit.filter(|unit| !unit.get("LoadState").is_empty()) else {
            return Health::unknown("systemd does not answer");
        };
        if unit.get("LoadState") != "loaded" {
            return Health::failed("systemd does not know the unit");
        }
        // Units that are no services have none.
        let restarts = unit.restarts();
        let before = self.restarts.replace(restarts);
        match trouble(&unit) {
            Some(trouble) => Health::failed(trouble),
            None if before.is_some_and(|before| before != restarts) => {
                Health::failed("systemd has started the unit again")
            }
            None => Health::Healthy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::units::parse;

    fn unit(active: &str, kind: &str, result: &str, restarts: u64) -> Option<Unit> {
        let text =
            format!("Type={kind}\nResult={result}\nNRestarts={restarts}\nLoadState=loaded\nActiveState={active}\n");
        parse(&text).pop()
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
        let gone = watcher.look(parse("LoadState=not-found\nActiveState=inactive\n").pop());
        assert!(matches!(gone, Health::Unhealthy { .. }));
        for silent in [None, Some(Unit::default())] {
            assert!(matches!(watcher.look(silent), Health::Unknown { .. }), "no answer is none");
        }
    }
}
