//! What an agent tells: from what it told before and what it sees now to the events and the new memory. Only changes
//! are told, and all of it again every `refresh`, so that a control plane that has just begun fills its world. A
//! service fails `unhealthy_after` passes in a row before that is told. Looks at nothing itself.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::event::Level;
use super::name::ServiceName;
use super::outgoing::{Kind, Outgoing, shortened};
use super::restarts::Restarts;
use super::sighting::Sighting;
use super::time::Stamp;
pub use memory::{Engine, Memory, Remembered, SCHEMA, State};

mod memory;

/// By how much per cent a full disk must have emptied before it counts as normal.
const HYSTERESIS: f64 = 5.0;

/// The longest pause between heartbeats: a third of the default `silent_after`, so that two lost ones do no harm.
const HEARTBEAT: Duration = Duration::from_secs(300);

/// How long something may be starting before that is told. What starts well is told of as healthy before.
const STARTING: Duration = Duration::from_secs(300);

/// How much earlier than due something is told, so that a timer's jitter does not put it off by a whole pass.
const SLACK_MS: i64 = 2000;

/// The settings that decide what is told.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// After how long an unchanged state is told again.
    pub refresh: Duration,
    /// After how long a node counts as silent.
    pub silent_after: Duration,
    /// How many failed passes in a row make a service unhealthy.
    pub unhealthy_after: u32,
    /// Per cent used at which a disk's pressure is high.
    pub disk_high: u8,
}

impl Limits {
    /// Returns the pause between heartbeats: never so long that a node seems silent while its agent runs.
    fn heartbeat(&self) -> Duration {
        self.refresh.min(HEARTBEAT).min(self.silent_after / 3)
    }
}

/// What a pass sees.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The services to watch; none where the host file cannot be believed, so that nothing is known of them.
    pub services: Option<BTreeMap<ServiceName, Sighting>>,
    /// The fullest disk, where one could be looked at.
    pub disk: Option<DiskUse>,
    /// What the engines have restarted, by this look or by what was remembered.
    pub restarts: BTreeMap<String, Restarts>,
    /// The engine's version, by this look or by what was remembered.
    pub engine: Option<Engine>,
}

/// How full a disk is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiskUse {
    /// Per cent used, as `df` counts.
    pub used_percent: f64,
    /// Where it is mounted.
    pub mount: String,
}

/// What is to be told, and what to remember of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The events, the heartbeat last.
    pub events: Vec<Outgoing>,
    /// What to remember once they are written.
    pub memory: Memory,
}

/// Returns whether something is due again. What was done in the future was done by a clock that was wrong.
fn is_due(last: Option<Stamp>, every: Duration, now: Stamp) -> bool {
    let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    last.is_none_or(|last| last > now || now.since(last) >= every - SLACK_MS.min(every / 10))
}

/// Decides what is told of a pass that began at `now`. `facts` go with the heartbeat, if one is due.
pub fn decide(
    before: &Memory,
    seen: &Seen,
    facts: serde_json::Map<String, serde_json::Value>,
    limits: &Limits,
    now: Stamp,
) -> Verdict {
    let refresh = is_due(before.refreshed_at, limits.refresh, now);
    let mut teller = Teller { now, refresh, limits, events: Vec::new(), memory: before.clone() };
    if let Some(services) = &seen.services {
        teller.forget_all_but(services);
        for (name, sighting) in services {
            teller.service(name, sighting);
        }
    }
    if let Some(disk) = &seen.disk {
        teller.disk(disk);
    }
    teller.memory.disk_high = Some(limits.disk_high);
    teller.memory.restarts.clone_from(&seen.restarts);
    teller.memory.engine.clone_from(&seen.engine);
    if refresh {
        teller.memory.refreshed_at = Some(now);
    }
    if before.wants_heartbeat(limits, now) {
        teller.memory.heartbeat_at = Some(now);
        let heartbeat = Outgoing::new(now, &before.node, Kind::Heartbeat);
        teller.events.push(Outgoing { details: facts, ..heartbeat });
    }
    Verdict { events: teller.events, memory: teller.memory }
}

struct Teller<'a> {
    now: Stamp,
    refresh: bool,
    limits: &'a Limits,
    events: Vec<Outgoing>,
    memory: Memory,
}

impl Teller<'_> {
    fn service(&mut self, name: &ServiceName, sighting: &Sighting) {
        let (state, detail) = match sighting {
            Sighting::Healthy => (State::Healthy, None),
            Sighting::Unhealthy { reason, detail } => (State::Unhealthy((*reason).to_owned()), Some(detail)),
            Sighting::Absent { detail } => (State::Absent, Some(detail)),
            Sighting::Undecided { detail } => return self.starting(name, detail),
            // What is not known is neither told nor forgotten.
            Sighting::Unknown { .. } => return,
        };
        let most = self.limits.unhealthy_after;
        let mut known = self.memory.services.get(name).cloned().unwrap_or_default();
        known.starting_since = None;
        let count = |passes: u32| passes.saturating_add(1).min(most);
        (known.failed, known.alike) = match (&state, known.seen.as_ref() == Some(&state)) {
            (State::Healthy, _) => (0, 0),
            (_, true) => (count(known.failed), count(known.alike)),
            (_, false) => (count(known.failed), 1),
        };
        let is_news = match &known.told {
            Some(told) if *told == state => self.refresh,
            // It has failed long enough already; that another thing fails must last, too.
            Some(State::Unhealthy(_) | State::Absent) if state != State::Healthy => known.alike >= most,
            Some(_) | None => state == State::Healthy || known.failed >= most,
        };
        if is_news {
            known.told = Some(state.clone());
            self.tell(name, &state, detail.map(String::as_str));
        }
        known.seen = Some(state);
        self.memory.services.insert(name.clone(), known);
    }

    /// What is starting is no failure, and what was told of it stands, until it has been starting for too long.
    fn starting(&mut self, name: &ServiceName, detail: &str) {
        let mut known = self.memory.services.get(name).cloned().unwrap_or_default();
        let since = known.starting_since.filter(|since| *since <= self.now).unwrap_or(self.now);
        known.starting_since = Some(since);
        let is_news = match known.told {
            Some(State::Starting) => self.refresh,
            _ => is_due(Some(since), STARTING, self.now),
        };
        if is_news {
            known.told = Some(State::Starting);
            self.tell(name, &State::Starting, Some(detail));
        }
        self.memory.services.insert(name.clone(), known);
    }

    fn tell(&mut self, name: &ServiceName, state: &State, detail: Option<&str>) {
        let (kind, reason, status) = match state {
            State::Healthy => (Kind::Healthy, None, None),
            State::Unhealthy(reason) => (Kind::Unhealthy, Some(reason.clone()), None),
            State::Absent => (Kind::Removed, None, None),
            State::Starting => (Kind::Status, None, Some("starting")),
        };
        let mut event = Outgoing::new(self.now, &self.memory.node, kind);
        (event.service, event.reason, event.status) = (Some(name.clone()), reason, status);
        event.details.extend(detail.map(|detail| ("seen".to_owned(), shortened(detail).into())));
        self.events.push(event);
    }

    /// Takes back what was told of services that are no longer watched.
    fn forget_all_but(&mut self, watched: &BTreeMap<ServiceName, Sighting>) {
        for (name, known) in std::mem::take(&mut self.memory.services) {
            if watched.contains_key(&name) {
                self.memory.services.insert(name, known);
            } else if matches!(known.told, Some(State::Healthy | State::Unhealthy(_) | State::Starting)) {
                self.tell(&name, &State::Absent, Some("no longer watched"));
            }
        }
    }

    fn disk(&mut self, disk: &DiskUse) {
        let high = f64::from(self.limits.disk_high);
        let limit = if self.memory.disk == Some(Level::High) { high - HYSTERESIS } else { high };
        // At the lower limit it is normal again, at the upper one it is high.
        let is_high = disk.used_percent > limit || disk.used_percent >= high;
        let level = if is_high { Level::High } else { Level::Normal };
        if self.memory.disk != Some(level) || self.refresh {
            self.memory.disk = Some(level);
            let mut event = Outgoing::new(self.now, &self.memory.node, Kind::Disk);
            event.level = Some(level);
            event.details.insert("used_percent".into(), disk.used_percent.into());
            event.details.insert("mount".into(), disk.mount.clone().into());
            self.events.push(event);
        }
    }
}

#[cfg(test)]
mod tests;
