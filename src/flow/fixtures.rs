//! A homelab in a few lines, for the tests of `flow/`: host files as YAML text, a world as lines, actions as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::action::{Action, ActionId, ActionType};
use super::config::{self, Config};
use super::desired::{self, Desired, Host, HostError, HostFiles};
use super::drift::{self, Drift, DriftKind, DriftRow};
use super::event::Level;
use super::hostfile;
use super::lifecycle::State;
use super::name::{NodeName, ServiceName};
use super::reconcile::{self, Decision, Ended, Inputs};
use super::silence::Silence;
use super::time::Stamp;
use super::world::{self, Details, Disk, NODES_SCHEMA, NodeRow, Nodes, SERVICES_SCHEMA, ServiceRow, Services};

/// A machine that has no files of time zones.
pub const ZONES: tz::TimeZoneSettings<'static> = tz::TimeZoneSettings::new(&[], |_| Err("none here".into()));

/// The time at which all tests take place.
pub const NOW: Stamp = Stamp::from_millis(1_795_418_000_000);

/// Returns the time that lies so long before now: `5m`, or `-5m` for one ahead.
pub fn ago(text: &str) -> Stamp {
    let (sign, text) = text.strip_prefix('-').map_or((-1, text), |rest| (1, rest));
    let span: Duration = humantime::parse_duration(text).unwrap();
    NOW.plus_millis(sign * i64::try_from(span.as_millis()).unwrap())
}

/// Returns a node's name.
pub fn node(text: &str) -> NodeName {
    text.parse().unwrap()
}

/// Returns a service's name.
pub fn service(text: &str) -> ServiceName {
    text.parse().unwrap()
}

/// Returns an action's ID.
pub fn id(text: &str) -> ActionId {
    text.parse().unwrap()
}

/// Reads a world from lines, sorted as `observe` sorts it:
///
/// ```text
/// piha seen=1m disk=high normal=2h
/// piha/web unhealthy reason=check_failed at=1m healthy=3m
/// ```
pub fn world(text: &str) -> (Services, Nodes) {
    let mut services = Services { schema: SERVICES_SCHEMA.into(), as_of: None, services: Vec::new() };
    let mut nodes = Nodes { schema: NODES_SCHEMA.into(), as_of: None, nodes: Vec::new() };
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        let (settings, plain): (Vec<&str>, Vec<&str>) = words.partition(|w| w.contains('='));
        let settings: BTreeMap<&str, &str> = settings.iter().map(|s| s.split_once('=').unwrap()).collect();
        let time = |key: &str| settings.get(key).map(|t| ago(t));
        match name.split_once('/') {
            Some((of, name)) => {
                let status = plain[0].to_owned();
                let at = time("at").unwrap_or_else(|| ago("1m"));
                let is_healthy = status == "healthy";
                services.services.push(ServiceRow {
                    node: node(of),
                    service: service(name),
                    reason: settings.get("reason").map(|r| (*r).to_owned()),
                    last_event: at,
                    last_healthy: time("healthy").or(is_healthy.then_some(at)),
                    last_unhealthy: (!is_healthy).then_some(at),
                    details: Details::default(),
                    status,
                });
            }
            None => nodes.nodes.push(NodeRow {
                node: node(name),
                last_seen: time("seen"),
                disk_pressure: settings.get("disk").map(|l| if *l == "high" { Level::High } else { Level::Normal }),
                disk: settings.get("used").map(|u| Disk { used_percent: u.parse().ok(), mount: Some("/".into()) }),
                disk_normal_at: time("normal"),
                details: Details::default(),
            }),
        }
    }
    services.services.sort_by(|a, b| (&a.node, &a.service).cmp(&(&b.node, &b.service)));
    nodes.nodes.sort_by(|a, b| a.node.cmp(&b.node));
    (services, nodes)
}

/// A homelab: what is desired, what is, and the queue.
pub struct Lab {
    hosts: BTreeMap<NodeName, Result<(String, String), String>>,
    alias_map: Option<String>,
    /// The world as `observe` wrote it: names as the events gave them.
    pub world: (Services, Nodes),
    /// The open actions.
    pub open: Vec<(State, Action)>,
    blocked: BTreeSet<ActionId>,
    ended: BTreeMap<ActionId, Ended>,
    silences: Vec<Silence>,
    before: Vec<DriftRow>,
    config: Config,
}

impl Lab {
    /// Makes a homelab of hosts, each with the text behind `services:`, and a world.
    pub fn new<const N: usize>(hosts: [(&str, &str); N], lines: &str) -> Lab {
        let host = |(name, services): (&str, &str)| (node(name), Ok((services.to_owned(), String::new())));
        Lab {
            hosts: hosts.into_iter().map(host).collect(),
            alias_map: None,
            world: world(lines),
            open: Vec::new(),
            blocked: BTreeSet::new(),
            ended: BTreeMap::new(),
            silences: Vec::new(),
            before: Vec::new(),
            config: Config::default(),
        }
    }

    /// Gives a host a `host.yaml`.
    pub fn host_file(mut self, name: &str, text: &str) -> Lab {
        self.hosts.get_mut(name).unwrap().as_mut().unwrap().1 = text.to_owned();
        self
    }

    /// Adds a host whose files cannot be believed.
    pub fn broken(mut self, name: &str) -> Lab {
        self.hosts.insert(node(name), Err("services.yaml is not YAML".to_owned()));
        self
    }

    /// Sets `NODE_ALIAS_MAP`.
    pub fn alias_map(mut self, text: &str) -> Lab {
        self.alias_map = Some(text.to_owned());
        self
    }

    /// Sets `config.yaml`.
    pub fn config(mut self, text: &str) -> Lab {
        self.config = config::parse(text, &ZONES).unwrap();
        self
    }

    /// Puts an action that reconcile made into the queue: `redeploy piha/web`, with the ID it always gets.
    pub fn open(self, state: State, what: &str) -> Lab {
        let (kind, target) = what.split_once(' ').unwrap();
        let (of, name) = target.split_once('/').map_or((target, None), |(n, s)| (n, Some(service(s))));
        let id = ActionId::of(kind.parse().unwrap(), &node(of), name.as_ref());
        self.open_as(state, id.as_str(), what, true)
    }

    /// Puts an action under any ID into the queue, with a drift or, as a person asks for it, without one.
    pub fn open_as(mut self, state: State, id_text: &str, what: &str, has_drift: bool) -> Lab {
        let (kind, target) = what.split_once(' ').unwrap();
        let kind: ActionType = kind.parse().unwrap();
        let (of, name) = target.split_once('/').map_or((target, None), |(n, s)| (n, Some(s)));
        let drift = has_drift.then(|| serde_json::json!({"type": "missing_service", "detected_at": ago("1h")}));
        let file = serde_json::json!({"type": kind, "node": of, "service": name, "drift": drift});
        let action = Action::parse(&id(id_text), file.to_string().as_bytes()).unwrap();
        self.open.push((state, action));
        self
    }

    /// Adds the newest ended record of an ID.
    pub fn ended(self, id_text: &str, state: State, at: Stamp) -> Lab {
        self.ended_as(id_text, Ended { state, at: Some(at), attempt: 1, error: None })
    }

    /// Adds the newest ended record of an ID, in full.
    pub fn ended_as(mut self, id_text: &str, ended: Ended) -> Lab {
        self.ended.insert(id(id_text), ended);
        self
    }

    /// Adds a silence over `node` or `node/service`.
    pub fn silence(mut self, target: &str, until: Stamp) -> Lab {
        let (of, name) = target.split_once('/').map_or((target, None), |(n, s)| (n, Some(service(s))));
        self.silences.push(Silence { node: node(of), service: name, until, by: "oskar".into(), why: "works".into() });
        self
    }

    /// Names an ID that nobody may touch.
    pub fn blocked(mut self, id_text: &str) -> Lab {
        self.blocked.insert(id(id_text));
        self
    }

    /// Gives what the last `drift.json` said.
    pub fn before(mut self, rows: Vec<DriftRow>) -> Lab {
        self.before = rows;
        self
    }

    /// Returns the desired state.
    pub fn desired(&self) -> Desired {
        let read = |name: &NodeName, (services, file): &(String, String)| {
            let file = hostfile::parse_host(file).unwrap();
            Host {
                node: name.clone(),
                connection: desired::connection(name, &file, None),
                services: hostfile::parse_services(&format!("services: {services}")).unwrap(),
                file,
                overrides: BTreeMap::new(),
                override_sums: BTreeMap::new(),
                projects: BTreeMap::new(),
            }
        };
        let error = |message: &String| HostError {
            path: "services.yaml".into(),
            line: 1,
            column: 1,
            message: message.clone(),
            advice: None,
        };
        let hosts = self.hosts.iter().map(|(name, host)| {
            (name.clone(), host.as_ref().map(|texts| read(name, texts)).map_err(|e| vec![error(e)]))
        });
        // Only services.yaml is wrong: host.yaml says that there are no aliases.
        let broken = self.hosts.iter().filter(|(_, host)| host.is_err()).map(|(name, _)| (name.clone(), Vec::new()));
        let (hosts, broken_aliases) = (hosts.collect(), broken.collect());
        let mut desired = Desired::assemble(HostFiles { hosts, broken_aliases, ..HostFiles::default() });
        if let Some(map) = &self.alias_map {
            desired::add_alias_map(&mut desired, map).unwrap();
        }
        desired
    }

    /// Returns the world with canonical names.
    pub fn canonical_world(&self) -> (Services, Nodes) {
        world::canonical(&self.world.0, &self.world.1, &self.desired().aliases)
    }

    /// Returns the drift.
    pub fn drift(&self) -> Vec<Drift> {
        let (services, nodes) = self.canonical_world();
        drift::find(&self.desired(), &services, &nodes, self.config.silent_after, NOW)
    }

    /// Decides.
    pub fn decide(&self) -> Decision {
        self.decide_with(&self.desired())
    }

    /// Decides with a desired state that is not the one of the hosts.
    pub fn decide_with(&self, desired: &Desired) -> Decision {
        let (services, nodes) = world::canonical(&self.world.0, &self.world.1, &desired.aliases);
        let drift = drift::find(desired, &services, &nodes, self.config.silent_after, NOW);
        reconcile::decide(&Inputs {
            desired,
            services: &services,
            drift: &drift,
            open: self.open.iter().map(|(state, action)| (*state, action)).collect(),
            blocked: &self.blocked,
            ended: &self.ended,
            past: &BTreeMap::new(),
            silences: &self.silences,
            before: &self.before,
            config: &self.config,
            now: NOW,
        })
    }

    /// Returns what a decision changes in the queue: `+ID`, `-ID reason`.
    pub fn changes(&self) -> Vec<String> {
        changes(&self.decide())
    }
}

/// Returns what a decision changes in the queue: `+ID`, `-ID reason`.
pub fn changes(decision: &Decision) -> Vec<String> {
    let cancelled = decision.cancel.iter().map(|(id, reason)| format!("-{id} {}", reason.as_str()));
    let superseded = decision.superseded.iter().map(|(restart, by)| format!("-{restart} superseded by {by}"));
    cancelled.chain(decision.create.iter().map(|new| format!("+{}", new.id))).chain(superseded).collect()
}

/// Returns a drift in short: `missing_service piha/web → redeploy`.
pub fn short(drift: &Drift) -> String {
    let target = drift.service.as_ref().map_or(drift.node.to_string(), |s| format!("{}/{s}", drift.node));
    let mend = drift.mend.map_or("nothing", ActionType::as_str);
    format!("{} {target} → {mend}", DriftKind::as_str(drift.kind))
}
