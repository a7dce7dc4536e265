//! Reads `hosts/`: one folder a node. A file that cannot be believed breaks its own host and no other. Never
//! writes there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::flow::desired::{self, Connection, Host, HostError, HostFiles};
use crate::flow::digest::sha256_hex;
use crate::flow::hostfile::{self, HostFile, Service};
use crate::flow::name::NodeName;
use crate::flow::plan::DEFAULT_REPO;
use crate::flow::project::Environment;
use crate::flow::yaml::{MAX_YAML, YamlError};

mod project;

/// What is known of this machine, on whose nodes the Compose projects are looked at, too.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    /// Its name among the nodes.
    pub node: Option<&'a NodeName>,
    /// The home in which lies what is relative.
    pub home: Option<&'a Path>,
    /// The environment in which Compose would run.
    pub environment: &'a Environment,
}

/// Reads all host files below `path`.
pub fn read(path: &Path, here: Here<'_>) -> HostFiles {
    let mut files = HostFiles { path: path.to_owned(), ..HostFiles::default() };
    // Commands run with absolute paths: a relative one would mean something else to another pass.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let list = match std::fs::read_dir(path) {
        Ok(list) => list,
        Err(e) => {
            files.missing = true;
            files.strays.push(problem(path, format!("cannot list the hosts: {e}"), MISSING));
            return files;
        }
    };
    for entry in list {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                files.missing = true;
                files.strays.push(problem(path, format!("cannot list the hosts: {e}"), MISSING));
                continue;
            }
        };
        let folder = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        // A link that leads nowhere is a host that somebody meant to be there: unknown, not gone.
        let unreadable = match std::fs::metadata(&folder) {
            Ok(meta) if meta.is_dir() => None,
            Ok(_) => continue,
            Err(e) => {
                Some(problem(&folder, format!("cannot be read: {e}"), "mend the link or its rights, or remove it"))
            }
        };
        match name.parse::<NodeName>() {
            Ok(node) if unreadable.is_some() => drop(files.hosts.insert(node, Err(unreadable.into_iter().collect()))),
            Ok(node) => {
                let host = read_host(&folder, &real, &node, here).map_err(|(errors, aliases)| {
                    files.broken_aliases.extend(aliases.map(|aliases| (node.clone(), aliases)));
                    errors
                });
                files.hosts.insert(node, host);
            }
            Err(e) => files.strays.push(problem(&folder, e.to_string(), "name the folder as the node is called")),
        }
    }
    files
}

const MISSING: &str = "name the desired state with --hosts or HLCTL_HOSTS, or link it to <root>/hosts";

fn problem(path: &Path, message: String, advice: &str) -> HostError {
    HostError { path: path.to_owned(), line: 0, column: 0, message, advice: Some(advice.to_owned()) }
}

/// Reads a host. Where its files are wrong, the aliases come with the errors if `host.yaml` can still be read.
fn read_host(
    folder: &Path,
    real_hosts: &Path,
    node: &NodeName,
    here: Here<'_>,
) -> Result<Host, (Vec<HostError>, Option<Vec<NodeName>>)> {
    let services = folder.join("services.yaml");
    let host = folder.join("host.yaml");
    let mut errors = Vec::new();
    let mut take = |path: &Path, error: Option<YamlError>| {
        errors.extend(error.map(|e| HostError {
            path: path.to_owned(),
            line: e.line,
            column: e.column,
            message: e.message,
            advice: e.advice,
        }));
    };
    let list = match text(&services) {
        Ok(Some(text)) => hostfile::parse_services(&text),
        Ok(None) => Err(whole(
            "there is no services.yaml",
            "write one; `services: []` says that nothing should run, removing the folder that the host is gone",
        )),
        Err(e) => Err(e),
    };
    let file = match text(&host) {
        Ok(Some(text)) => hostfile::parse_host(&text),
        Ok(None) => Ok(HostFile::default()),
        Err(e) => Err(e),
    };
    match (list, file) {
        (Ok(services), Ok(file)) => {
            let connection = desired::connection(node, &file, here.node);
            let mut host = Host {
                node: node.clone(),
                connection,
                file,
                services,
                overrides: BTreeMap::new(),
                override_sums: BTreeMap::new(),
                projects: BTreeMap::new(),
            };
            find_projects(&mut host, real_hosts, here);
            Ok(host)
        }
        (list, file) => {
            let aliases = file.as_ref().ok().map(|f| f.aliases.clone());
            take(&services, list.err());
            take(&host, file.err());
            Err((errors, aliases))
        }
    }
}

/// Finds the override files in `hosts/` and, on this machine, the files of the Compose projects.
fn find_projects(host: &mut Host, real_hosts: &Path, here: Here<'_>) {
    for service in &host.services {
        let below = format!("{}/runtime/{}/docker-compose.override.yml", host.node, service.name);
        let over = std::fs::read(real_hosts.join(&below)).ok();
        if let Some(bytes) = &over {
            let path = override_path(real_hosts, &below, &host.connection);
            host.overrides.insert(service.name.clone(), path);
            host.override_sums.insert(service.name.clone(), sha256_hex(bytes));
        }
        if host.connection != Connection::Local {
            continue;
        }
        let Some(path) = project_path(&host.file, service, here.home) else { continue };
        let over = over.map(|_| real_hosts.join(&below));
        let project = project::read(&path, over.as_deref(), here.environment);
        host.projects.insert(service.name.clone(), project);
    }
}

/// Returns where a service's Compose project lies on this machine: its folder, or the file that `compose:` names.
fn project_path(file: &HostFile, service: &Service, home: Option<&Path>) -> Option<PathBuf> {
    let repo = hostfile::on_this_machine(file.repo.as_ref().map_or(DEFAULT_REPO, |repo| repo.as_str()), home)?;
    let own = service.settings.compose.as_ref().map(|compose| repo.join(compose.as_str()));
    Some(own.unwrap_or_else(|| repo.join("services").join(service.name.as_str())))
}

/// Returns the folder of a service's Compose project on this machine, as Compose labels its containers with it.
pub fn project_folder(file: &HostFile, service: &Service, home: Option<&Path>) -> Option<PathBuf> {
    let path = project_path(file, service, home)?;
    let folder = if path.is_file() { path.parent().map(Path::to_owned)? } else { path };
    Some(folder.canonicalize().unwrap_or(folder))
}

/// Returns the override's path as its node sees it: there, the hosts lie in its checkout of the repository.
fn override_path(real_hosts: &Path, below: &str, connection: &Connection) -> String {
    match connection {
        Connection::Local => real_hosts.join(below).to_string_lossy().into_owned(),
        Connection::Ssh(_) => {
            let folder = real_hosts.file_name().map_or("hosts".into(), |n| n.to_string_lossy().into_owned());
            PathBuf::from(folder).join(below).to_string_lossy().into_owned()
        }
    }
}

fn whole(message: &str, advice: &str) -> YamlError {
    YamlError { line: 0, column: 0, message: message.into(), advice: Some(advice.into()) }
}

/// Returns a file's text, or nothing where there is no file.
pub(super) fn text(path: &Path) -> Result<Option<String>, YamlError> {
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        // A dangling link is a file somebody meant to be there.
        Err(e) if e.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => return Ok(None),
        Err(e) => return Err(whole(&format!("cannot be read: {e}"), "mend or remove it")),
    };
    if !meta.is_file() {
        return Err(whole("is not a regular file", "move what stands there aside"));
    }
    if meta.len() > MAX_YAML as u64 {
        return Err(whole("the file is larger than 1 MiB", "a host file lists services; keep data elsewhere"));
    }
    let bytes = std::fs::read(path)
        .map_err(|e| whole(&format!("cannot be read: {e}"), "run hlctl as a user who may read it"))?;
    String::from_utf8(bytes).map(Some).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
        YamlError { line, column, ..whole("not UTF-8", "save the file as UTF-8") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_host_keeps_the_aliases_that_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        for (node, services, host) in [
            ("piha", "services: [", "aliases: [node-1]"),
            ("vps", "services: []", "aliases: [node-2]"),
            ("ill", "services: []", "aliases: ["),
        ] {
            let folder = dir.path().join(node);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("services.yaml"), services).unwrap();
            std::fs::write(folder.join("host.yaml"), host).unwrap();
        }
        let here = Here { node: None, home: None, environment: &Environment::default() };
        let files = read(dir.path(), here);
        let node = |name: &str| name.parse::<NodeName>().unwrap();
        assert_eq!(files.broken_aliases[&node("piha")], [node("node-1")]);
        assert!(files.hosts[&node("ill")].is_err() && !files.broken_aliases.contains_key(&node("ill")));
        assert!(files.hosts[&node("vps")].is_ok() && files.broken_aliases.len() == 1);
    }
}
