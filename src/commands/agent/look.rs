//! One look at a node's services, disk and engine: everything side by side, each with its own time-out, so that what
//! hangs holds up no other. Judges nothing by itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::commands::execute::{masked, working_dir};
use crate::context::Context;
use crate::flow::desired::{Connection, Host};
use crate::flow::health::Health;
use crate::flow::hostfile::{Runtime, Scope, Service};
use crate::flow::listing::{self, Listed};
use crate::flow::name::ServiceName;
use crate::flow::outgoing;
use crate::flow::restarts::{Course, Restarts};
use crate::flow::sighting::{self, Look, Sighting};
use crate::flow::time::Stamp;
use crate::flow::units::{self, Unit};
use crate::flow::watch::{DiskUse, Engine, Memory, Seen};
use crate::probe::{self, crowd, disk, docker, machine, systemd};
use crate::store::hosts;

/// What there is to ask.
enum Question<'a> {
    Containers,
    Engine,
    Units(Scope, Vec<&'a str>),
    Stack(&'a ServiceName),
    Check(&'a Service),
    Disk,
}

/// What came back.
enum Answer {
    Containers(Result<Found, String>),
    Engine(Result<Engine, String>),
    Units(Result<Vec<Unit>, String>),
    Stack(Result<Vec<(String, String)>, String>),
    Check(Health),
    Disk(Option<DiskUse>),
}

/// The engine's containers, and of those that were looked into, by their IDs: how often it restarted what runs, and
/// whether what has ended may rest.
struct Found {
    all: Vec<Listed>,
    restarts: Vec<(String, u64)>,
    may_rest: Vec<(String, bool)>,
}

/// The runtimes whose services are containers.
const ENGINES: [Runtime; 2] = [Runtime::Compose, Runtime::Swarm];

/// What a look found, and what goes with a heartbeat.
pub struct Looked {
    /// What was seen.
    pub seen: Seen,
    /// The facts of the node.
    pub facts: Map<String, Value>,
}

/// Looks at everything once. `host` is none where its files cannot be believed: then only at the node itself.
pub fn look(cx: &Context, host: Option<&Host>, memory: &Memory, with_facts: bool, now: Stamp) -> Looked {
    let services: Vec<&Service> = host.into_iter().flat_map(Host::watched).collect();
    let uses = |runtimes: &[Runtime]| services.iter().any(|s| runtimes.contains(&s.settings.runtime));
    let mut questions = vec![Question::Disk];
    if uses(&[Runtime::Compose]) {
        questions.push(Question::Containers);
    }
    let known_engine = memory.engine(now);
    if with_facts && known_engine.is_none() && uses(&ENGINES) {
        questions.push(Question::Engine);
    }
    for scope in [Scope::System, Scope::User] {
        let units = services.iter().filter(|s| s.settings.runtime == Runtime::Systemd && s.settings.scope == scope);
        let units: Vec<&str> = units.map(|s| s.name.as_str()).collect();
        if !units.is_empty() {
            questions.push(Question::Units(scope, units));
        }
    }
    for service in &services {
        questions.extend((service.settings.runtime == Runtime::Swarm).then_some(Question::Stack(&service.name)));
        questions.extend(service.settings.check.is_some().then_some(Question::Check(service)));
    }
    let dir = host.and_then(|host| working_dir(host, cx.home().as_deref()));
    let answers = crowd::each(&questions, |question| ask(cx, question, dir.as_ref(), memory, now));
    let mut answers = Answers { pairs: questions.into_iter().zip(answers).collect(), restarts: BTreeMap::new(), now };
    // What is to be watched is not known of a broken host: then nothing is forgotten.
    answers.restarts = host.map_or_else(|| memory.restarts.clone(), |_| answers.restarts_after(&memory.restarts));
    let seen = Seen {
        services: host.map(|host| services.iter().map(|s| (s.name.clone(), answers.sighting(cx, host, s))).collect()),
        disk: answers.disk(),
        engine: match answers.engine() {
            Some(asked) => asked.as_ref().ok().cloned(),
            None => memory.engine.clone().filter(|_| uses(&ENGINES)),
        },
        restarts: answers.restarts.clone(),
    };
    let facts = if with_facts { answers.facts(&seen) } else { Map::new() };
    Looked { seen, facts }
}

fn ask(cx: &Context, question: &Question<'_>, dir: Option<&PathBuf>, memory: &Memory, now: Stamp) -> Answer {
    match question {
        Question::Containers => Answer::Containers(docker::containers().map(|all| look_into(all, memory, now))),
        Question::Engine => Answer::Engine(docker::version().map(|version| Engine { version, asked_at: now })),
        Question::Units(scope, names) => Answer::Units(systemd::show(*scope, names)),
        Question::Stack(name) => Answer::Stack(docker::stack(name.as_str())),
        Question::Check(service) => {
            let check = service.settings.check.as_ref().expect("only services with a check are asked");
            let health = probe::check(check, &Connection::Local, dir.map(PathBuf::as_path), probe::TIMEOUT);
            Answer::Check(masked(health, &cx.secrets))
        }
        Question::Disk => Answer::Disk(disk::fullest(&cx.root)),
    }
}

/// Looks into those containers that began a short time ago, in the long run none, or that were in a loop when they were
/// last looked into; and into those of a project that have ended well.
fn look_into(all: Vec<Listed>, memory: &Memory, now: Stamp) -> Found {
    let was_restarted = |c: &Listed| memory.restarts.get(&c.id).is_some_and(|r| r.course(now).is_some());
    let runs = all.iter().filter(|c| c.state == "running" && (c.is_young() || was_restarted(c)));
    let runs: Vec<&str> = runs.map(|c| c.id.as_str()).collect();
    let has_ended = |c: &&Listed| c.has_ended_well() && !c.project.is_empty();
    let ended = all.iter().filter(has_ended).map(|c| c.id.as_str());
    let wanted: Vec<&str> = runs.iter().copied().chain(ended).collect();
    let (mut restarts, mut may_rest) = (Vec::new(), Vec::new());
    for found in docker::inspect(&wanted) {
        match runs.contains(&found.id.as_str()) {
            true => restarts.push((found.id, found.starts.0)),
            false => may_rest.push((found.id, found.may_rest)),
        }
    }
    Found { all, restarts, may_rest }
}

/// What the restarts of a unit are remembered by; no container has such an ID.
fn unit_key(scope: Scope, name: &str) -> String {
    format!("{} {name}", if scope == Scope::User { "user" } else { "system" })
}

/// The questions with their answers, and what the engines have restarted until now.
struct Answers<'a> {
    pairs: Vec<(Question<'a>, Answer)>,
    restarts: BTreeMap<String, Restarts>,
    now: Stamp,
}

impl Answers<'_> {
    fn containers(&self) -> Option<&Result<Found, String>> {
        self.pairs.iter().find_map(|(_, answer)| match answer {
            Answer::Containers(found) => Some(found),
            _ => None,
        })
    }

    fn engine(&self) -> Option<&Result<Engine, String>> {
        self.pairs.iter().find_map(|(_, answer)| match answer {
            Answer::Engine(engine) => Some(engine),
            _ => None,
        })
    }

    /// Returns what is to be remembered of restarts. What did not answer keeps what was; what is gone is forgotten.
    fn restarts_after(&self, before: &BTreeMap<String, Restarts>) -> BTreeMap<String, Restarts> {
        let mut kept = before.clone();
        let mut note = |key: String, count, is_young| match Restarts::after(before.get(&key), count, is_young, self.now)
        {
            Some(restarts) => drop(kept.insert(key, restarts)),
            None => drop(kept.remove(&key)),
        };
        for (question, answer) in &self.pairs {
            match (question, answer) {
                (_, Answer::Containers(Ok(found))) => {
                    found.restarts.iter().for_each(|(id, count)| note(id.clone(), *count, true));
                }
                (Question::Units(scope, names), Answer::Units(Ok(units))) => {
                    names
                        .iter()
                        .zip(units)
                        .for_each(|(name, unit)| note(unit_key(*scope, name), unit.restarts(), false));
                }
                _ => {}
            }
        }
        kept.retain(|key, _| {
            self.pairs.iter().any(|pair| match pair {
                (_, Answer::Containers(Ok(found))) => found.all.iter().any(|c| c.id == *key),
                (_, Answer::Containers(Err(_))) => !key.contains(' '),
                (Question::Units(scope, names), _) => names.iter().any(|name| unit_key(*scope, name) == *key),
                _ => false,
            })
        });
        kept
    }

    fn course(&self, key: &str) -> Option<Course> {
        self.restarts.get(key)?.course(self.now)
    }

    fn disk(&self) -> Option<DiskUse> {
        self.pairs.iter().find_map(|(_, answer)| match answer {
            Answer::Disk(disk) => disk.clone(),
            _ => None,
        })
    }

    fn sighting(&self, cx: &Context, host: &Host, service: &Service) -> Sighting {
        let check = self.pairs.iter().find_map(|(question, answer)| match (question, answer) {
            (Question::Check(asked), Answer::Check(health)) if asked.name == service.name => Some(health.clone()),
            _ => None,
        });
        let by_engine = match service.settings.runtime {
            Runtime::Compose => self.by_containers(cx, host, service),
            Runtime::Systemd => self.by_unit(service),
            Runtime::Swarm => self.by_stack(service),
            // Only its check can tell.
            Runtime::Nomad | Runtime::Command => Sighting::Unknown { detail: "it has no check".into() },
        };
        by_engine.with_check(check)
    }

    fn by_containers(&self, cx: &Context, host: &Host, service: &Service) -> Sighting {
        let found = match self.containers() {
            Some(Ok(found)) => found,
            Some(Err(why)) => return Sighting::Unknown { detail: why.clone() },
            None => return Sighting::Unknown { detail: "the engine was not asked".into() },
        };
        let folder = hosts::project_folder(&host.file, service, cx.home().as_deref());
        let (containers, missing) = listing::of_service(&found.all, service, folder.as_deref());
        let may_rest = |c: &Listed| match service.settings.containers.is_empty() {
            true => found.may_rest.iter().find(|(id, _)| *id == c.id).map(|(_, may_rest)| *may_rest),
            // Those that are named have to run.
            false => Some(false),
        };
        let look = |c| Look { container: c, restarts: self.course(&c.id), may_rest: may_rest(c) };
        let looks: Vec<Look<'_>> = containers.into_iter().map(look).collect();
        sighting::of_containers(&looks, &missing, service.settings.check.is_some())
    }

    fn by_unit(&self, service: &Service) -> Sighting {
        let asked = self.pairs.iter().find_map(|(question, answer)| match (question, answer) {
            (Question::Units(scope, names), Answer::Units(units)) if *scope == service.settings.scope => {
                Some((names.iter().position(|name| *name == service.name.as_str())?, units))
            }
            _ => None,
        });
        match asked {
            Some((place, Ok(units))) => {
                let restarts = self.course(&unit_key(service.settings.scope, service.name.as_str()));
                units::sighting(units.get(place).unwrap_or(&Unit::default()), restarts)
            }
            Some((_, Err(why))) => Sighting::Unknown { detail: why.clone() },
            None => Sighting::Unknown { detail: "systemd was not asked".into() },
        }
    }

    fn by_stack(&self, service: &Service) -> Sighting {
        let asked = self.pairs.iter().find_map(|(question, answer)| match (question, answer) {
            (Question::Stack(name), Answer::Stack(replicas)) if **name == service.name => Some(replicas),
            _ => None,
        });
        match asked {
            Some(Ok(replicas)) => sighting::of_replicas(replicas),
            Some(Err(why)) => Sighting::Unknown { detail: why.clone() },
            None => Sighting::Unknown { detail: "the Swarm was not asked".into() },
        }
    }

    fn facts(&self, seen: &Seen) -> Map<String, Value> {
        let mut facts = machine::facts();
        facts.insert("agent".into(), env!("CARGO_PKG_VERSION").into());
        if let Some(disk) = &seen.disk {
            let disk = serde_json::json!({ "mount": disk.mount, "used_percent": disk.used_percent });
            facts.insert("disk".into(), disk);
        }
        // A version that is remembered does not say that the engine answers today.
        let error = self.engine().and_then(|e| e.as_ref().err());
        let error = error.or_else(|| self.containers().and_then(|found| found.as_ref().err()));
        match (error, &seen.engine) {
            (Some(why), _) => drop(facts.insert("engine_error".into(), outgoing::shortened(why).into())),
            (None, Some(engine)) => drop(facts.insert("engine".into(), engine.version.clone().into())),
            (None, None) => {}
        }
        facts
    }
}
