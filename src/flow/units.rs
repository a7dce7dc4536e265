//! Units as `systemctl show` tells of them, and the health that this means. Reads words; runs nothing.

use std::collections::BTreeMap;

use super::restarts::Course;
use super::sighting::Sighting;

/// The properties that are asked for.
pub const PROPERTIES: &str =
    "--property=Id,LoadState,ActiveState,SubState,Type,Result,UnitFileState,FragmentPath,ExecMainStatus,NRestarts";

/// A unit's properties.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit(BTreeMap<String, String>);

impl Unit {
    /// Returns a property; empty where systemd does not tell it.
    pub fn get(&self, property: &str) -> &str {
        self.0.get(property).map_or("", String::as_str)
    }

    /// Returns how often systemd has restarted it since a person or a timer started it.
    pub fn restarts(&self) -> u64 {
        self.get("NRestarts").parse().unwrap_or(0)
    }
}

/// Reads blocks of `Property=value`, one a unit, in the order in which they were asked for.
pub fn parse(text: &str) -> Vec<Unit> {
    let block = |block: &str| {
        let pairs = block.lines().filter_map(|line| line.split_once('='));
        Unit(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    };
    text.split("\n\n").filter(|b| !b.trim().is_empty()).map(block).collect()
}

/// Returns what a unit says of the service that it is, and what its restarts mean, where it had some lately.
pub fn sighting(unit: &Unit, restarts: Option<Course>) -> Sighting {
    let (active, sub) = (unit.get("ActiveState"), unit.get("SubState"));
    match (unit.get("LoadState"), active) {
        ("", _) => Sighting::Unknown { detail: "systemctl says nothing of its unit".into() },
        ("not-found", _) => Sighting::Absent { detail: "systemd knows no such unit".into() },
        ("loaded", "activating") if sub == "auto-restart" => {
            Sighting::not_running(format!("its unit is being restarted after {}", failure(unit)))
        }
        ("loaded", "active" | "reloading" | "activating") if restarts == Some(Course::Again) => {
            Sighting::not_running("its unit keeps being restarted by systemd".into())
        }
        ("loaded", "active" | "reloading") if restarts == Some(Course::Once) => {
            Sighting::Undecided { detail: "its unit was just restarted by systemd".into() }
        }
        ("loaded", "active" | "reloading") => Sighting::Healthy,
        ("loaded", "activating") => Sighting::Undecided { detail: "its unit is starting".into() },
        // What runs once and ended well, until its timer or the next boot starts it again.
        ("loaded", "inactive") if unit.get("Type") == "oneshot" && unit.get("Result") == "success" => Sighting::Healthy,
        ("loaded", "failed") => Sighting::not_running(format!("its unit failed: {}", failure(unit))),
        ("loaded", _) => Sighting::not_running(format!("its unit is {active}")),
        (load, _) => Sighting::not_running(format!("its unit is {load}")),
    }
}

fn failure(unit: &Unit) -> String {
    match (unit.get("Result"), unit.get("ExecMainStatus")) {
        ("exit-code", code) if !code.is_empty() => format!("exit code {code}"),
        ("" | "success", _) => "an end".into(),
        (result, _) => result.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says_of_units_is_health_or_none() {
        for (said, word, detail) in [
            ("LoadState=loaded\nActiveState=active\nSubState=running", "healthy", ""),
            ("LoadState=loaded\nActiveState=reloading", "healthy", ""),
            ("LoadState=not-found\nActiveState=inactive\nSubState=dead", "absent", "no such unit"),
            (
                "LoadState=loaded\nActiveState=inactive\nSubState=dead\nType=simple\nResult=success",
                "unhealthy",
                "inactive",
            ),
            ("LoadState=loaded\nActiveState=inactive\nSubState=dead\nType=oneshot\nResult=success", "healthy", ""),
            (
                "LoadState=loaded\nActiveState=failed\nType=oneshot\nResult=exit-code\nExecMainStatus=3",
                "unhealthy",
                "exit code 3",
            ),
            ("LoadState=loaded\nActiveState=failed\nResult=timeout", "unhealthy", "timeout"),
            ("LoadState=loaded\nActiveState=activating\nSubState=start-pre", "starting", "starting"),
            (
                "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\nExecMainStatus=1",
                "unhealthy",
                "restarted after exit code 1",
            ),
            ("LoadState=masked\nActiveState=inactive", "unhealthy", "masked"),
            ("LoadState=bad-setting\nActiveState=inactive", "unhealthy", "bad-setting"),
            ("", "unknown", "nothing"),
        ] {
            let unit = parse(said).pop().unwrap_or_default();
            let found = sighting(&unit, None);
            assert_eq!(found.as_str(), word, "{said}");
            assert!(found.detail().unwrap_or_default().contains(detail), "{said}: {found:?}");
        }
        assert_eq!(
            parse("Id=a.service\nX=1=2\n\nId=b.timer\n").iter().map(|u| u.get("Id")).collect::<Vec<_>>(),
            ["a.service", "b.timer"]
        );
        assert_eq!(parse("X=1=2")[0].get("X"), "1=2");
    }

    #[test]
    fn a_unit_that_keeps_being_restarted_does_not_run() {
        for (state, restarts, word) in [
            ("active", None, "healthy"),
            ("active", Some(Course::Once), "starting"),
            ("active", Some(Course::Again), "unhealthy"),
            ("activating", Some(Course::Once), "starting"),
            ("activating", Some(Course::Again), "unhealthy"),
            ("failed", Some(Course::Once), "unhealthy"),
        ] {
            let unit = parse(&format!("LoadState=loaded\nActiveState={state}\nNRestarts=3")).swap_remove(0);
            assert_eq!((sighting(&unit, restarts).as_str(), unit.restarts()), (word, 3), "{state} {restarts:?}");
        }
        assert_eq!(Unit::default().restarts(), 0);
    }
}
