//! What a machine that nobody described runs, as proposals for its `services.yaml`: what is certain as entries, the
//! unsure as comments. Judges what others have gathered; asks nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::hostfile::{Scope, Service};
use super::listing::{self, Listed, project_name};
use super::name::ServiceName;
use super::project::COMPOSE_FILES;
use super::sighting::Sighting;
use super::units::{self, Unit};
pub use merge::NotAppendable;
pub use ports::{Published, published};
pub use text::{host_file, news, services_file};

mod ports;
mod text;
mod merge;

/// What was found on a machine.
#[derive(Debug, Default)]
pub struct Machine {
    /// The containers.
    pub containers: Vec<Listed>,
    /// The units of each manager.
    pub units: Vec<(Scope, Unit)>,
    /// The checkout that the entries are relative to, where there is one.
    pub repo: Option<PathBuf>,
    /// Whether that has something to pull from.
    pub has_upstream: bool,
    /// The published ports that answered, and whether as a broker.
    pub answers: BTreeMap<Published, Answered>,
    /// The compose command that the machine has.
    pub compose: &'static [&'static str],
}

/// What answered at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Something took a connection.
    Tcp,
    /// A broker.
    Mqtt,
}

/// An entry of `services.yaml`, or what might become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The service's name.
    pub name: String,
    /// What a person should know of it, a line each.
    pub remarks: Vec<String>,
    /// Its settings: key and value, as YAML has them on one line.
    pub settings: Vec<(&'static str, String)>,
    /// Whether it is certain enough to be an entry; else it is a comment.
    pub is_certain: bool,
}

impl Proposal {
    fn new(name: &str) -> Proposal {
        Proposal { name: name.to_owned(), remarks: Vec::new(), settings: Vec::new(), is_certain: true }
    }

    fn unsure(mut self, why: impl Into<String>) -> Proposal {
        self.remarks.insert(0, why.into());
        self.is_certain = false;
        self
    }

    fn set(&mut self, key: &'static str, value: String) {
        self.settings.push((key, value));
    }
}

/// Returns what is not among the known services: projects, stacks, containers without either, units. `folder` tells
/// where a known service's project lies.
pub fn propose(machine: &Machine, known: &[Service], folder: impl Fn(&Service) -> Option<PathBuf>) -> Vec<Proposal> {
    let all = &machine.containers;
    let covered = known.iter().flat_map(|s| listing::of_service(all, s, folder(s).as_deref()).0);
    let covered: BTreeSet<&str> = covered.map(|c| c.id.as_str()).collect();
    let mut groups: BTreeMap<(u8, &str), Vec<&Listed>> = BTreeMap::new();
    for container in all {
        let group = match (container.stack.as_str(), container.project.as_str()) {
            ("", "") => (2, container.name.as_str()),
            ("", project) => (0, project),
            (stack, _) => (1, stack),
        };
        groups.entry(group).or_default().push(container);
    }
    let is_new = |(_, members): &(_, &Vec<&Listed>)| !members.iter().any(|c| covered.contains(c.id.as_str()));
    let of_containers = groups.iter().filter(is_new).map(|((kind, name), members)| match kind {
        0 => project(machine, name, members),
        1 => stack(name),
        _ => lone_container(name),
    });
    let of_units = machine.units.iter().filter_map(|(scope, unit)| unit_proposal(*scope, unit));
    let mut taken: BTreeSet<String> = known.iter().map(|s| s.name.as_str().to_owned()).collect();
    let mut proposals: Vec<Proposal> = Vec::new();
    for proposal in of_containers.chain(of_units) {
        let is_known = known.iter().any(|s| s.name.as_str() == proposal.name);
        let runtime = |p: &Proposal| p.settings.iter().find(|(key, _)| *key == "runtime").cloned();
        let was_meant = is_known && runtime(&proposal).is_some();
        if was_meant {
            continue;
        }
        let proposal = match proposal.name.parse::<ServiceName>() {
            Err(_) => proposal.unsure("Its name cannot be a service's: letters, digits and . _ - only."),
            Ok(_) if proposal.is_certain && !taken.insert(proposal.name.clone()) => {
                proposal.unsure("Another service has this name already.")
            }
            Ok(_) => proposal,
        };
        proposals.push(proposal);
    }
    proposals
}

fn project(machine: &Machine, name: &str, members: &[&Listed]) -> Proposal {
    let mut proposal = Proposal::new(name);
    let names: Vec<&str> = members.iter().map(|c| c.name.as_str()).collect();
    let folder = Path::new(&members[0].working_dir);
    let files: Vec<PathBuf> =
        members[0].config_files.split(',').filter(|f| !f.is_empty()).map(|file| folder.join(file)).collect();
    proposal.remarks.push(format!("Compose project {name}: {}.", names.join(", ")));
    let below = machine.repo.as_deref().and_then(|repo| folder.strip_prefix(repo).ok());
    match below {
        Some(below) if folder.is_absolute() => {
            in_repo(&mut proposal, name, folder, below, &files);
            if !machine.has_upstream {
                without_upstream(&mut proposal, machine, name, &files);
            }
        }
        _ => outside(&mut proposal, machine, name, folder, &names, &files),
    }
    ports::suggest(&mut proposal, members, &machine.answers);
    match members.iter().any(|c| c.state == "running") {
        true => proposal,
        false => proposal.unsure("None of its containers runs."),
    }
}

/// A project in the checkout: it is found and deployed by its folder.
fn in_repo(proposal: &mut Proposal, name: &str, folder: &Path, below: &Path, files: &[PathBuf]) {
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    let has_usual_name = |file: &PathBuf| {
        file.parent() == Some(folder) && COMPOSE_FILES.iter().any(|usual| file.file_name() == Some((*usual).as_ref()))
    };
    let own_file = files.first().filter(|file| !has_usual_name(file)).and_then(|file| file.strip_prefix(folder).ok());
    let path = own_file.map_or_else(|| below.to_owned(), |file| below.join(file));
    if path != Path::new("services").join(name) {
        proposal.set("compose", text::scalar(&path.to_string_lossy()));
    }
    let base = folder.file_name().unwrap_or_default().to_string_lossy();
    if project_name(&base) != name {
        proposal.set("project", text::scalar(name));
    }
    if files.len() > 1 {
        let more: Vec<_> = files[1..].iter().map(|f| f.to_string_lossy()).collect();
        proposal
            .remarks
            .push(format!("It was started with further files, which hlctl does not add: {}.", more.join(", ")));
    }
}

/// A project that no checkout holds: its containers are known by name, and its own command deploys it.
fn outside(proposal: &mut Proposal, machine: &Machine, name: &str, folder: &Path, names: &[&str], files: &[PathBuf]) {
    let place = folder.display();
    proposal.remarks.push(match &machine.repo {
        Some(repo) => format!("It lies in {place}, outside of the repository {}: nothing is pulled.", repo.display()),
        None => format!("It lies in {place}, which is in no git repository: nothing is pulled."),
    });
    proposal.set("containers", text::flow(names));
    own_redeploy(proposal, machine, name, files);
}

/// A project in a checkout that cannot be pulled, which is how every redeploy begins.
fn without_upstream(proposal: &mut Proposal, machine: &Machine, name: &str, files: &[PathBuf]) {
    let repo = machine.repo.as_deref().unwrap_or(Path::new("")).display();
    let has_recipe = own_redeploy(proposal, machine, name, files);
    let then = if has_recipe { "the recipe redeploys it without" } else { "its redeploy fails" };
    proposal.remarks.push(format!("The branch of {repo} has no upstream for `git pull`: until it has one, {then}."));
}

/// Sets the command that redeploys a project as it is, where its files are known. Returns whether they are.
fn own_redeploy(proposal: &mut Proposal, machine: &Machine, name: &str, files: &[PathBuf]) -> bool {
    let is_known = !files.is_empty() && files.iter().all(|f| f.is_absolute());
    if is_known {
        let files: Vec<String> = files.iter().map(|f| f.to_string_lossy().into_owned()).collect();
        let files = files.iter().flat_map(|file| ["--file", file]);
        let words = machine.compose.iter().copied().chain(files).chain(["--project-name", name]);
        let words: Vec<&str> = words.chain(["up", "-d", "--build", "--force-recreate"]).collect();
        proposal.set("recipes", format!("{{redeploy: [{}]}}", text::flow(&words)));
    }
    is_known
}

fn stack(name: &str) -> Proposal {
    let mut proposal = Proposal::new(name);
    proposal
        .remarks
        .push(format!("Swarm stack {name}: `compose:` names its file, if that is not in services/{name}/."));
    proposal.set("runtime", "swarm".into());
    proposal
}

fn lone_container(name: &str) -> Proposal {
    let mut proposal = Proposal::new(name);
    proposal.set("containers", text::flow(&[name]));
    proposal.unsure(format!("The container {name} was started without Compose: to redeploy it, it needs a recipe."))
}

/// What every Debian has and no homelab is about: what begins so is not proposed.
const SYSTEM: [&str; 40] = [
    "systemd-",
    "dbus",
    "getty",
    "serial-getty",
    "user@",
    "cron",
    "anacron",
    "ssh",
    "rsyslog",
    "networking",
    "Network",
    "wpa_supplicant",
    "polkit",
    "accounts-daemon",
    "udisks2",
    "ModemManager",
    "bluetooth",
    "avahi",
    "chrony",
    "ntp",
    "unattended",
    "docker",
    "containerd",
    "apparmor",
    "ufw",
    "snapd",
    "multipathd",
    "irqbalance",
    "keyboard",
    "console",
    "packagekit",
    "upower",
    "fwupd",
    "rtkit",
    "smartmontools",
    "lvm2",
    "thermald",
    "rpc",
    "alsa",
    "hlctl-",
];

/// Returns what a unit is to be: the operator's own an entry where it is as it should be, a package's a comment.
fn unit_proposal(scope: Scope, unit: &Unit) -> Option<Proposal> {
    let id = unit.get("Id");
    let name = id.strip_suffix(".service").unwrap_or(id);
    let path = unit.get("FragmentPath");
    let is_own = match scope {
        Scope::System => path.starts_with("/etc/systemd/system/"),
        Scope::User => path.contains("/.config/systemd/user/"),
    };
    let is_enabled = unit.get("UnitFileState").starts_with("enabled");
    let is_running = unit.get("ActiveState") == "active";
    if SYSTEM.iter().any(|system| name.starts_with(system)) || !(is_enabled || is_own && is_running) {
        return None;
    }
    let mut proposal = Proposal::new(name);
    proposal.set("runtime", "systemd".into());
    if scope == Scope::User {
        proposal.set("scope", "user".into());
    }
    match units::sighting(unit, None) {
        Sighting::Healthy if is_own => {
            proposal.remarks.push(format!("Unit {path}."));
            Some(proposal)
        }
        found if is_own => Some(proposal.unsure(format!("Unit {path}: {}.", found.detail().unwrap_or("not running")))),
        Sighting::Healthy if scope == Scope::System && id.ends_with(".service") && is_running => {
            Some(proposal.unsure(format!("The unit {id} comes with a package: is it yours to watch?")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
