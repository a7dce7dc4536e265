//! What one look finds of a service, from what its engine says and what its check says. Judges words and numbers that
//! others have gathered.

use super::health::{CHECK_FAILED, Health};
use super::listing::Listed;
use super::restarts::Course;

/// The reason of a service whose containers, unit or replicas are not running: restarting them would mend it.
pub const NOT_RUNNING: &str = "containers_not_running";

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// It is as it should be.
    Healthy,
    /// It is not.
    Unhealthy {
        /// The word for events.
        reason: &'static str,
        /// What was seen, for a person.
        detail: String,
    },
    /// There is nothing of it on this machine: it was never deployed, or was taken down.
    Absent {
        /// What was looked for.
        detail: String,
    },
    /// It is neither yet: it is starting.
    Undecided {
        /// What was seen.
        detail: String,
    },
    /// It could not be looked at; nothing is known of it.
    Unknown {
        /// Why not.
        detail: String,
    },
}

impl Sighting {
    /// Returns that of what is not running.
    pub fn not_running(detail: String) -> Sighting {
        Sighting::Unhealthy { reason: NOT_RUNNING, detail }
    }

    /// Returns the word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Sighting::Healthy => "healthy",
            Sighting::Unhealthy { .. } => "unhealthy",
            Sighting::Absent { .. } => "absent",
            Sighting::Undecided { .. } => "starting",
            Sighting::Unknown { .. } => "unknown",
        }
    }

    /// Returns what was seen, where there is more than a word to it.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Sighting::Healthy => None,
            Sighting::Unhealthy { detail, .. }
            | Sighting::Absent { detail }
            | Sighting::Undecided { detail }
            | Sighting::Unknown { detail } => Some(detail),
        }
    }

    /// Returns what engine and check find together. What runs is up to the engine, whether it works up to the check:
    /// a check that passes also speaks for what no engine here knows, and one that fails for what it could not say.
    pub fn with_check(self, check: Option<Health>) -> Sighting {
        let Some(check) = check else { return self };
        match (self, check) {
            (stopped @ Sighting::Unhealthy { .. }, _) => stopped,
            (_, Health::Healthy) => Sighting::Healthy,
            (absent @ Sighting::Absent { .. }, _) => absent,
            (_, Health::Unhealthy { reason, detail }) => Sighting::Unhealthy { reason, detail },
            (_, Health::Unknown { detail }) => Sighting::Unknown { detail },
        }
    }
}

/// A container, and what looking into it found.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The container as it is listed.
    pub container: &'a Listed,
    /// What it means that the engine has restarted it, where it has done so lately.
    pub restarts: Option<Course>,
    /// Whether it may rest beside one that runs once it has ended well; none where nobody could say.
    pub may_rest: Option<bool>,
}

/// Returns what the containers of a service say. `missing` are those that its settings name and the engine does not
/// know. With a check of its own, the engine's health check is not asked.
pub fn of_containers(looks: &[Look<'_>], missing: &[&str], has_check: bool) -> Sighting {
    if looks.is_empty() {
        return Sighting::Absent { detail: "it has no containers".into() };
    }
    let up = looks.iter().any(|l| l.container.state == "running");
    let mut health = Sighting::Healthy;
    for look in looks {
        let found = match look.may_rest {
            // A migration, say; a server that somebody stopped ends well, too, but is meant to be kept up.
            Some(true) if up && look.container.has_ended_well() => continue,
            None if up && look.container.has_ended_well() => {
                Sighting::Unknown { detail: format!("the engine did not say whether {} may rest", look.container.name) }
            }
            _ => of_container(look, has_check),
        };
        match (&health, &found) {
            (_, Sighting::Unhealthy { reason: NOT_RUNNING, .. }) => return found,
            (Sighting::Healthy | Sighting::Undecided { .. } | Sighting::Unknown { .. }, Sighting::Unhealthy { .. })
            | (Sighting::Healthy | Sighting::Undecided { .. }, Sighting::Unknown { .. })
            | (Sighting::Healthy, Sighting::Undecided { .. }) => health = found,
            _ => {}
        }
    }
    if let [name, ..] = missing {
        // A restart would not bring it back.
        return Sighting::Unhealthy { reason: CHECK_FAILED, detail: format!("there is no container {name}") };
    }
    health
}

fn of_container(look: &Look<'_>, has_check: bool) -> Sighting {
    let Listed { name, state, .. } = look.container;
    if state != "running" {
        let code = look.container.exit_code().map_or(String::new(), |code| format!(" (exit code {code})"));
        return Sighting::not_running(format!("{name} is {state}{code}"));
    }
    match look.restarts {
        Some(Course::Again) => return Sighting::not_running(format!("{name} keeps being restarted by the engine")),
        Some(Course::Once) => {
            return Sighting::Undecided { detail: format!("{name} was just restarted by the engine") };
        }
        None => {}
    }
    match look.container.health() {
        _ if has_check => Sighting::Healthy,
        Some("starting") => Sighting::Undecided { detail: format!("{name} is starting") },
        Some("unhealthy") => {
            Sighting::Unhealthy { reason: CHECK_FAILED, detail: format!("{name} is unhealthy by its health check") }
        }
        _ => Sighting::Healthy,
    }
}

/// Returns what the replicas of a stack's services say (`1/2`).
pub fn of_replicas(services: &[(String, String)]) -> Sighting {
    if services.is_empty() {
        return Sighting::Absent { detail: "it has no services in the Swarm".into() };
    }
    match super::engine::replicas(services) {
        Health::Unhealthy { detail, .. } => Sighting::not_running(detail),
        Health::Unknown { detail } => Sighting::Unknown { detail },
        Health::Healthy => Sighting::Healthy,
    }
}

#[cfg(test)]
mod tests {
    use super::super::health::MQTT_UNREACHABLE;
    use super::super::listing::parse;
    use super::*;

    fn container(name: &str, state: &str, status: &str) -> Listed {
        let line = serde_json::json!(["0123456789ab", name, state, status, "", "", "", "", "", ""]);
        parse(&line.to_string()).unwrap().swap_remove(0)
    }

    fn of(containers: &[Listed], has_check: bool) -> String {
        let look = |container| Look { container, restarts: None, may_rest: Some(true) };
        let looks: Vec<Look<'_>> = containers.iter().map(look).collect();
        word(&of_containers(&looks, &[], has_check))
    }

    fn word(found: &Sighting) -> String {
        match found {
            Sighting::Unhealthy { reason, detail } => format!("{reason}: {detail}"),
            other => other.as_str().to_owned(),
        }
    }

    #[test]
    fn what_the_engine_says_of_containers() {
        let up = || container("web", "running", "Up 5 minutes");
        let sick = || container("db", "running", "Up 5 minutes (unhealthy)");
        let starting = || container("db", "running", "Up 5 minutes (health: starting)");
        let done = || container("migrate", "exited", "Exited (0) 5 minutes ago");
        let failed = || container("db", "exited", "Exited (137) 5 minutes ago");
        for (containers, has_check, want) in [
            (vec![], false, "absent"),
            (vec![up()], false, "healthy"),
            (vec![up(), done()], false, "healthy"),
            (vec![done()], false, "containers_not_running: migrate is exited (exit code 0)"),
            (vec![up(), failed()], false, "containers_not_running: db is exited (exit code 137)"),
            (vec![up(), failed()], true, "containers_not_running: db is exited (exit code 137)"),
            (vec![sick(), failed()], false, "containers_not_running: db is exited (exit code 137)"),
            (vec![up(), sick()], false, "check_failed: db is unhealthy by its health check"),
            (vec![up(), sick()], true, "healthy"),
            (vec![starting()], false, "starting"),
            (vec![starting(), sick()], false, "check_failed: db is unhealthy by its health check"),
            (vec![starting()], true, "healthy"),
            (vec![container("a", "paused", "Up 2 hours (Paused)")], false, "containers_not_running: a is paused"),
            (vec![container("a", "created", "Created"), up()], false, "containers_not_running: a is created"),
            (
                vec![container("a", "restarting", "Restarting (3) 1 second ago")],
                false,
                "containers_not_running: a is restarting (exit code 3)",
            ),
        ] {
            assert_eq!(of(&containers, has_check), want);
        }
    }

    #[test]
    fn what_ended_well_rests_only_where_it_may() {
        let up = container("web", "running", "Up 5 minutes");
        let sick = container("web", "running", "Up 5 minutes (unhealthy)");
        let (done, failed) = (container("db", "exited", "Exited (0) 1 second ago"), container("x", "dead", "Dead"));
        let stopped = "containers_not_running: db is exited (exit code 0)";
        for (beside, may_rest, want) in [
            (vec![&up], Some(true), "healthy"),
            (vec![&up], Some(false), stopped),
            (vec![&up], None, "unknown"),
            (vec![], None, stopped),
            (vec![&sick], None, "check_failed: web is unhealthy by its health check"),
            (vec![&up, &failed], None, "containers_not_running: x is dead"),
        ] {
            let look = |container| Look { container, restarts: None, may_rest };
            let looks: Vec<Look<'_>> = [&done].into_iter().chain(beside).map(look).collect();
            assert_eq!(word(&of_containers(&looks, &[], false)), want, "{may_rest:?}");
        }
    }

    #[test]
    fn a_restart_loop_is_told_from_one_restart() {
        let young = container("web", "running", "Up 3 seconds");
        for (restarts, want) in [
            (None, "healthy"),
            (Some(Course::Once), "starting"),
            (Some(Course::Again), "containers_not_running: web keeps being restarted by the engine"),
        ] {
            assert_eq!(word(&of_containers(&[Look { container: &young, restarts, may_rest: None }], &[], false)), want);
        }
    }

    #[test]
    fn a_container_that_is_named_and_gone_takes_more_than_a_restart() {
        let up = container("web", "running", "Up 5 minutes");
        let look = [Look { container: &up, restarts: None, may_rest: None }];
        assert_eq!(word(&of_containers(&look, &["db"], false)), "check_failed: there is no container db");
        assert_eq!(word(&of_containers(&[], &["db"], false)), "absent");
    }

    #[test]
    fn engine_and_check_together() {
        let healthy = || Some(Health::Healthy);
        let failed = || Some(Health::Unhealthy { reason: MQTT_UNREACHABLE, detail: "x".into() });
        let unknown = || Sighting::Unknown { detail: "engine".into() };
        let absent = || Sighting::Absent { detail: "a".into() };
        let starting = || Sighting::Undecided { detail: "s".into() };
        for (engine, check, want) in [
            (Sighting::Healthy, None, "healthy"),
            (Sighting::Healthy, healthy(), "healthy"),
            (Sighting::Healthy, failed(), "mqtt_unreachable: x"),
            (Sighting::not_running("n".into()), healthy(), "containers_not_running: n"),
            (Sighting::not_running("n".into()), failed(), "containers_not_running: n"),
            (absent(), None, "absent"),
            (absent(), healthy(), "healthy"),
            (absent(), failed(), "absent"),
            (unknown(), None, "unknown"),
            (unknown(), healthy(), "healthy"),
            (unknown(), failed(), "mqtt_unreachable: x"),
            (starting(), None, "starting"),
            (starting(), healthy(), "healthy"),
        ] {
            assert_eq!(word(&engine.with_check(check)), want);
        }
    }

    #[test]
    fn replicas_that_are_short_are_not_running() {
        let services = |replicas: &str| vec![("s_web".to_owned(), replicas.to_owned())];
        assert_eq!(of_replicas(&services("2/2")), Sighting::Healthy);
        assert_eq!(word(&of_replicas(&services("1/2"))), "containers_not_running: s_web has 1/2 replicas");
        assert_eq!(of_replicas(&[]).as_str(), "absent");
    }
}
