//! Health after the last step: without a break for `min_healthy`, within `healthy_deadline`. The semantics are Nomad's.

use std::time::{Duration, Instant};

use super::known::Asker;
use super::log::Log;
use super::step::Steps;
use super::unit;
use super::verdict::{Failure, Reason, plain};
use crate::flow::action::Outcome;
use crate::flow::engine::Watcher;
use crate::flow::health::Health;
use crate::flow::mask::mask;
use crate::flow::plan::{ENGINE, Plan, Verify, What};
use crate::flow::sort;

/// How often health is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// Verifies the health that a plan promises: by the service's check, or by what the engine says of its containers, of
/// which those with these names have to be there.
pub fn after(
    plan: &Plan,
    steps: &mut Steps<'_, '_>,
    health: &mut Option<Health>,
    names: &[String],
) -> Result<(), Failure> {
    let Some(bounds) = &plan.verify else {
        steps.outcome.message = Some("its steps ended well; no check says whether the service is healthy".into());
        return Ok(());
    };
    let has_check = bounds.check != ENGINE;
    let probe = steps.job.probe.as_mut().filter(|_| has_check);
    let mut look: Look<'_> = match (probe, look_of_engine(steps.asker, names, has_check)) {
        (Some(probe), Some(mut engine)) => Box::new(move || beside(probe(), &mut engine)),
        (Some(probe), None) => Box::new(probe),
        (None, Some(engine)) => engine,
        (None, None) => return Ok(()),
    };
    let result = verify(bounds, &mut look, steps.log, steps.outcome, health);
    drop(look);
    result.inspect_err(|failure| {
        steps.log.line(&format!("hlctl: {}: {}", failure.reason.as_str(), failure.message));
        tell_container_log(steps);
    })
}

type Look<'a> = Box<dyn FnMut() -> Health + 'a>;

/// Returns what a check found, unless the engine knows better: a restart that falls between two checks is a break, and
/// so is what does not run. An engine that says nothing leaves it to the check.
fn beside(check: Health, engine: &mut Look<'_>) -> Health {
    if !check.is_healthy() {
        return check;
    }
    match engine() {
        trouble @ Health::Unhealthy { .. } => trouble,
        Health::Healthy | Health::Unknown { .. } => check,
    }
}

/// Returns how what runs the service is asked for its health, where the plan has a question for that. What is not
/// answered is not known; a stack's replicas say nothing that its check does not.
fn look_of_engine<'a>(asker: Asker<'a>, names: &[String], has_check: bool) -> Option<Look<'a>> {
    let is_asked = |what| asker.asks.iter().any(|ask| ask.what == what);
    if is_asked(What::Unit) {
        let mut watcher = unit::Watcher::default();
        return Some(Box::new(move || watcher.look(asker.unit())));
    }
    if is_asked(What::Services) {
        return (!has_check).then(|| Box::new(move || asker.stack_health()) as Look<'a>);
    }
    if !is_asked(What::Containers) {
        return None;
    }
    let mut watcher = Watcher::new(names.to_vec(), has_check);
    let mut known = Vec::new();
    Some(Box::new(move || {
        let Some(found) = asker.containers_again(&known) else {
            return Health::unknown("what runs could not be asked for");
        };
        let health = watcher.look(&found);
        // One that is not there yet may come.
        known = if watcher.missing(&found).is_none() { found } else { Vec::new() };
        health
    }))
}

/// How many of a container's last lines go into the record, and of how many containers.
const LINES: &str = "20";
const CONTAINERS: usize = 3;

/// Puts the last lines of the containers' logs into the record, those in trouble first.
fn tell_container_log(steps: &mut Steps<'_, '_>) {
    let mut containers = steps.asker.containers().unwrap_or_default();
    sort::by_key(&mut containers, |c| c.trouble().is_none());
    for container in containers.iter().take(CONTAINERS) {
        // Both of its streams, in the order in which they came.
        let words = ["sh", "-c", "exec docker logs --tail \"$1\" \"$2\" 2>&1", "sh", LINES, &container.id];
        let text = steps.asker.also(What::Containers, &words).unwrap_or_default();
        steps.log.line(&format!("hlctl: the last lines of {}:", container.name));
        steps.log.output(text.as_bytes());
        let lines = text.lines().map(|line| mask(&plain(line), steps.job.secrets));
        steps.outcome.container_log.extend(lines.map(|line| format!("{}: {line}", container.name)));
    }
}

/// Waits for health; what was seen last is left in `health`.
fn verify(
    bounds: &Verify,
    probe: &mut dyn FnMut() -> Health,
    log: &mut Log,
    outcome: &mut Outcome,
    health: &mut Option<Health>,
) -> Result<(), Failure> {
    let Verify { check, min_healthy_s, healthy_deadline_s, .. } = bounds;
    log.line(&format!("hlctl: waiting for {min_healthy_s} s of health within {healthy_deadline_s} s: {check}"));
    let mut watch = Watch::new(bounds);
    let began = Instant::now();
    loop {
        let asked = began.elapsed();
        let found = probe();
        if health.as_ref() != Some(&found) {
            log.line(&format!("hlctl: after {} s: {found}", began.elapsed().as_secs()));
        }
        let verdict = watch.look(asked, began.elapsed(), found.is_healthy());
        let last = health.insert(found);
        match verdict {
            Verdict::Wait => std::thread::sleep(EVERY.saturating_sub(began.elapsed().saturating_sub(asked))),
            Verdict::Healthy => {
                let fact =
                    format!("healthy for {min_healthy_s} s, {} s after the last step", began.elapsed().as_secs());
                outcome.facts.insert("verified".into(), fact);
                return Ok(());
            }
            Verdict::Late => {
                let message = format!(
                    "not healthy for {min_healthy_s} s within {healthy_deadline_s} s of the last step; last seen {last}"
                );
                return Err(Failure {
                    exit_code: outcome.exit_code,
                    ..Failure::new(Reason::NotHealthyAfter, plain(&message))
                });
            }
        }
    }
}

/// What is to be done after one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Wait,
    Healthy,
    Late,
}

/// Since when health has been unbroken. Times are counted from the end of the last step.
#[derive(Debug)]
struct Watch {
    wanted: Duration,
    deadline: Duration,
    since: Option<Duration>,
}

impl Watch {
    fn new(bounds: &Verify) -> Watch {
        let seconds = Duration::from_secs;
        Watch { wanted: seconds(bounds.min_healthy_s), deadline: seconds(bounds.healthy_deadline_s), since: None }
    }

    /// Takes one look: when it was asked for, when the answer came, and what it was. Health counts from the answer; a
    /// look asked for by the deadline is in time.
    fn look(&mut self, asked: Duration, answered: Duration, is_healthy: bool) -> Verdict {
        self.since = is_healthy.then(|| self.since.unwrap_or(answered));
        let is_enough = self.since.is_some_and(|since| answered - since >= self.wanted);
        if is_enough && asked <= self.deadline {
            Verdict::Healthy
        } else if asked >= self.deadline {
            Verdict::Late
        } else {
            Verdict::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every 500 ms at a service that is healthy where `healthy` says so; returns the end and when it came.
    fn watched(min_healthy_s: u64, healthy_deadline_s: u64, healthy: impl Fn(f64) -> bool) -> (Verdict, f64) {
        let bounds = Verify { check: "tcp a:1".into(), min_healthy_s, healthy_deadline_s, on_failure: "none".into() };
        let mut watch = Watch::new(&bounds);
        let mut now = Duration::ZERO;
        loop {
            let verdict = watch.look(now, now, healthy(now.as_secs_f64()));
            if verdict != Verdict::Wait {
                return (verdict, now.as_secs_f64());
            }
            now += EVERY;
        }
    }

    #[test]
    fn health_must_be_unbroken_for_long_enough() {
        assert_eq!(watched(10, 300, |_| true), (Verdict::Healthy, 10.0));
        assert_eq!(watched(10, 300, |s| s >= 7.0), (Verdict::Healthy, 17.0));
        assert_eq!(watched(10, 300, |s| s != 9.5), (Verdict::Healthy, 20.0), "a break starts it anew");
        assert_eq!(watched(0, 300, |s| s >= 3.0), (Verdict::Healthy, 3.0));
    }

    #[test]
    fn health_that_comes_too_late_is_none() {
        assert_eq!(watched(10, 30, |_| false), (Verdict::Late, 30.0));
        assert_eq!(watched(10, 30, |s| s > 20.0), (Verdict::Late, 30.0));
        assert_eq!(watched(10, 30, |s| s >= 20.0), (Verdict::Healthy, 30.0));
        assert_eq!(watched(10, 30, |s| s != s.floor()), (Verdict::Late, 30.0));
        assert_eq!(watched(60, 30, |_| true), (Verdict::Late, 30.0));
    }
}
