//! `hlctl agent --discover`: writes the host files of a machine that has none, or adds to those that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result, fail};
use crate::flow::desired::Connection;
use crate::flow::discover::{self, Answered, Machine, Published, published};
use crate::flow::hostfile::{self, Check, HostFile, Scope, Service, on_this_machine};
use crate::flow::name::NodeName;
use crate::flow::plan::{DEFAULT_REPO, LOCAL};
use crate::flow::yaml::YamlError;
use crate::probe::{self, crowd, docker, git, systemd};
use crate::runner::Compose;
use crate::store::{discovered, hosts};

/// What was found and written.
#[derive(Debug, Serialize)]
pub struct Discovered {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// This node.
    pub node: NodeName,
    /// The files.
    pub files: Vec<Written>,
    /// The services that became entries.
    pub services: Vec<String>,
    /// How many others are told of in comments.
    pub unsure: usize,
    /// What could not be asked and need not be there.
    pub notes: Vec<String>,
    /// What could not be asked although it is there.
    pub errors: Vec<String>,
}

/// A host file.
#[derive(Debug, Serialize)]
pub struct Written {
    /// Where it lies.
    #[serde(serialize_with = "crate::flow::json::path")]
    pub path: PathBuf,
    /// Its new content; none where it stays as it is.
    pub text: Option<String>,
}

/// The files that are there.
struct Before {
    services_path: PathBuf,
    services: Option<String>,
    known: Vec<Service>,
    host_path: PathBuf,
    host: Option<HostFile>,
}

/// Asks the machine and writes its host files.
pub fn run(cx: &Context, args: &cli::Agent) -> Result<Discovered> {
    let node = super::given_name(cx)?.clone();
    let hosts_path = cx.hosts_path();
    let before = before(&hosts_path, &node)?;
    let home = cx.home();
    let (mut machine, notes, errors) = ask_machine();
    let is_described = before.host.is_some() || !before.known.is_empty();
    let file = before.host.clone().unwrap_or_default();
    machine.repo = if is_described {
        let repo = on_this_machine(file.repo.as_ref().map_or(DEFAULT_REPO, |repo| repo.as_str()), home.as_deref());
        repo.map(|repo| repo.canonicalize().unwrap_or(repo))
    } else {
        likeliest_repo(&machine)
    };
    machine.has_upstream = machine.repo.as_deref().is_some_and(git::has_upstream);
    machine.answers = answers(&machine);
    let folder = |service: &Service| hosts::project_folder(&file, service, home.as_deref());
    let proposals = discover::propose(&machine, &before.known, folder);
    let proposals = discover::news(before.services.as_deref(), proposals);
    let text = discover::services_file(&node, before.services.as_deref(), &proposals).map_err(|e| {
        fail(
            format!("{} cannot be added to: {e}", before.services_path.display()),
            "write one service a line below `services:`, then run it again; or see what is new with --dry-run and an \
             empty folder as --hosts",
        )
    })?;
    let repo = machine.repo.as_ref().map(|repo| repo.to_string_lossy().into_owned());
    let host_text = (!is_described).then(|| discover::host_file(&node, repo.as_deref()));
    let files = vec![Written { path: before.services_path, text }, Written { path: before.host_path, text: host_text }];
    if !args.dry_run {
        for (path, text) in files.iter().filter_map(|file| Some((&file.path, file.text.as_ref()?))) {
            discovered::write(&hosts_path, path, text).advised()?;
        }
    }
    let certain = proposals.iter().filter(|p| p.is_certain);
    let services: Vec<String> = certain.map(|p| p.name.clone()).collect();
    let unsure = proposals.len() - services.len();
    Ok(Discovered { dry_run: args.dry_run, node, files, services, unsure, notes, errors })
}

fn before(hosts: &Path, node: &NodeName) -> Result<Before> {
    if !hosts.is_dir() {
        let advice = "make it with `hlctl init`, or name another one with --hosts";
        return Err(fail(format!("there is no folder {}", hosts.display()), advice));
    }
    let services_path = discovered::path(hosts, node, "services.yaml");
    let host_path = discovered::path(hosts, node, "host.yaml");
    let broken = |path: &Path, e: YamlError| {
        fail(
            format!("{}: {e}", path.display()),
            e.advice.clone().unwrap_or_else(|| "mend it, then run it again".into()),
        )
    };
    let services = discovered::read(&services_path).map_err(|e| broken(&services_path, e))?;
    let known = services.as_deref().map(hostfile::parse_services).transpose();
    let known = known.map_err(|e| broken(&services_path, e))?.unwrap_or_default();
    let host = discovered::read(&host_path).map_err(|e| broken(&host_path, e))?;
    let host = host.as_deref().map(hostfile::parse_host).transpose().map_err(|e| broken(&host_path, e))?;
    Ok(Before { services_path, services, known, host_path, host })
}

/// Asks Docker and systemd what there is. What this machine does not have is a note, what does not answer an error.
fn ask_machine() -> (Machine, Vec<String>, Vec<String>) {
    let (mut notes, mut errors) = (Vec::new(), Vec::new());
    let mut machine = Machine { compose: compose(), ..Machine::default() };
    match docker::containers() {
        Ok(containers) => machine.containers = containers,
        Err(why) if why.starts_with("cannot run") => notes.push(why),
        Err(why) => errors.push(format!("nothing is known of containers: {why}")),
    }
    for scope in [Scope::System, Scope::User] {
        match systemd::all(scope) {
            Ok(units) => machine.units.extend(units.into_iter().map(|unit| (scope, unit))),
            Err(why) if scope == Scope::System => notes.push(format!("no units were looked at: {why}")),
            Err(_) => {}
        }
    }
    (machine, notes, errors)
}

/// Returns the compose command of this machine.
fn compose() -> &'static [&'static str] {
    Compose::find(LOCAL).unwrap_or(Compose::Plugin).words()
}

/// Returns the checkout that holds most of the projects.
fn likeliest_repo(machine: &Machine) -> Option<PathBuf> {
    let folders: BTreeSet<&str> = machine.containers.iter().map(|c| c.working_dir.as_str()).collect();
    let mut counts: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for folder in folders.into_iter().filter(|folder| folder.starts_with('/')) {
        let above = Path::new(folder).ancestors().find(|above| above.join(".git").exists());
        if let Some(repo) = above {
            *counts.entry(repo.to_owned()).or_default() += 1;
        }
    }
    let most = counts.values().max().copied();
    counts.into_iter().find(|(_, count)| Some(*count) == most).map(|(repo, _)| repo)
}

/// How long a published port may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The port of MQTT.
const MQTT_PORT: u16 = 1883;

/// Returns which of the published ports answer.
fn answers(machine: &Machine) -> BTreeMap<Published, Answered> {
    let ports: BTreeSet<Published> = machine.containers.iter().flat_map(published).collect();
    let ports: Vec<Published> = ports.into_iter().collect();
    let passes = |check: &Check| probe::check(check, &Connection::Local, None, PATIENCE).is_healthy();
    let answer = |port: &Published| {
        if port.inner == MQTT_PORT && passes(&Check::Mqtt(port.address())) {
            return Some(Answered::Mqtt);
        }
        passes(&Check::Tcp(port.address())).then_some(Answered::Tcp)
    };
    let found = crowd::each(&ports, answer);
    ports.into_iter().zip(found).filter_map(|(port, answered)| Some((port, answered?))).collect()
}
