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
use crate::flow::sighting::{self, Look, Sighting};
use crate::flow::units::{self, Unit};
use crate::flow::watch::{DiskUse, Memory, Seen};
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
    Engine(Result<String, String>),
    Units(Result<Vec<Unit>, String>),
    Stack(Result<Vec<(String, String)>, String>),
    Check(Health),
    Disk(Option<DiskUse>),
}

/// The engine's containers, and how often those that may have been restarted were.
struct Found {
    all: Vec<Listed>,
    restarts: BTreeMap<String, u64>,
}

/// What a look found, and what goes with a heartbeat.
pub struct Looked {
    /// What was seen.
    pub seen: Seen,
    /// The facts of the node.
    pub facts: Map<String, Value>,
}

/// Looks at everything once. `host` is none where its files cannot be believed: then only at the node itself.
pub fn look(cx: &Context, host: Option<&Host>, memory: &Memory, with_facts: bool) -> Looked {
    let services: Vec<&Service> = host.into_iter().flat_map(Host::watched).collect();
    let uses = |runtimes: &[Runtime]| services.iter().any(|s| runtimes.contains(&s.settings.runtime));
    let mut questions = vec![Question::Disk];
    if uses(&[Runtime::Compose]) {
        questions.push(Question::Containers);
    }
    if with_facts && uses(&[Runtime::Compose, Runtime::Swarm]) {
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
    let answers = crowd::each(&questions, |question| ask(cx, question, dir.as_ref(), memory));
    let answers = Answers { pairs: questions.into_iter().zip(answers).collect(), memory };
    let seen = Seen {
        services: host.map(|host| services.iter().map(|s| (s.name.clone(), answers.sighting(cx, host, s))).collect()),
        disk: answers.disk(),
        restarts: answers.containers().and_then(|found| found.as_ref().ok()).map(|found| found.restarts.clone()),
    };
    let facts = if with_facts { answers.facts(seen.disk.as_ref()) } else { Map::new() };
    Looked { seen, facts }
}

fn ask(cx: &Context, question: &Question<'_>, dir: Option<&PathBuf>, memory: &Memory) -> Answer {
    match question {
        Question::Containers => Answer::Containers(docker::containers().map(|all| look_into(all, memory))),
        Question::Engine => Answer::Engine(docker::version()),
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

/// Asks how often those containers were restarted that began a short time ago: in the long run none did.
fn look_into(all: Vec<Listed>, memory: &Memory) -> Found {
    let young: Vec<&str> = all.iter().filter(|c| c.is_young()).map(|c| c.id.as_str()).collect();
    let asked = docker::inspect(&young).into_iter().map(|c| (c.id, c.starts.0));
    let mut restarts: BTreeMap<String, u64> = memory.restarts.clone();
    restarts.retain(|id, _| all.iter().any(|c| c.id == *id));
    for (id, count) in asked {
        match count {
            0 => drop(restarts.remove(&id)),
            _ => drop(restarts.insert(id, count)),
        }
    }
    Found { all, restarts }
}

/// The questions with their answers.
struct Answers<'a> {
    pairs: Vec<(Question<'a>, Answer)>,
    memory: &'a Memory,
}

impl Answers<'_> {
    fn containers(&self) -> Option<&Result<Found, String>> {
        self.pairs.iter().find_map(|(_, answer)| match answer {
            Answer::Containers(found) => Some(found),
            _ => None,
        })
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
        let looks: Vec<Look<'_>> = containers
            .into_iter()
            .map(|container| {
                let now = found.restarts.get(&container.id).filter(|_| container.is_young());
                let before = self.memory.restarts.get(&container.id).copied();
                Look { container, restarts: now.map(|now| (*now, before)) }
            })
            .collect();
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
            Some((place, Ok(units))) => units::sighting(units.get(place).unwrap_or(&Unit::default())),
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

    fn facts(&self, disk: Option<&DiskUse>) -> Map<String, Value> {
        let mut facts = machine::facts();
        facts.insert("agent".into(), env!("CARGO_PKG_VERSION").into());
        if let Some(disk) = disk {
            let disk = serde_json::json!({ "mount": disk.mount, "used_percent": disk.used_percent });
            facts.insert("disk".into(), disk);
        }
        for (_, answer) in &self.pairs {
            if let Answer::Engine(engine) = answer {
                let (name, fact) = match engine {
                    Ok(version) => ("engine", version),
                    Err(why) => ("engine_error", why),
                };
                facts.insert(name.into(), fact.clone().into());
            }
        }
        facts
    }
}
