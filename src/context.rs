//! What a verb needs to know about the world outside the root: paths, people, the clock. `main` reads all of it
//! once; nobody else asks the environment.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fail::{Advised, Result, fail};
use crate::flow::desired::{self, Desired};
use crate::flow::name::NodeName;
use crate::flow::project::Environment;
use crate::flow::sort;
use crate::flow::time::{Clock, Stamp};
use crate::store::root::Root;
use crate::store::{hosts, people};

/// Where the data directory is when nobody says otherwise.
pub const DEFAULT_ROOT: &str = "/opt/homelab";

/// The program's surroundings.
#[derive(Debug, Clone)]
pub struct Context {
    /// The data directory's path.
    pub root: PathBuf,
    /// The desired state's path, where it was named; else `<root>/hosts`.
    pub hosts: Option<PathBuf>,
    /// This machine's name among the nodes.
    pub this_node: Option<NodeName>,
    /// `NODE_ALIAS_MAP` as it was given.
    pub alias_map: Option<String>,
    /// Who called sudo, if somebody did.
    pub sudo_user: Option<String>,
    /// From which address, where they came over ssh.
    pub peer: Option<String>,
    /// Values that must never be shown.
    pub secrets: Vec<String>,
    /// The home of the user who runs this.
    pub home: Option<PathBuf>,
    /// All of the environment: Compose renders its configs with it.
    pub environment: Arc<Environment>,
    /// This program's own file.
    pub exe: PathBuf,
    /// The socket that the service manager listens on for `serve`, if it does.
    pub socket: Option<Arc<std::net::TcpListener>>,
    /// `CONTROL_PLANE_URL` as it was given.
    pub control_plane: Option<String>,
    /// Where the service manager has put this unit's credentials.
    pub credentials: Option<PathBuf>,
    /// The clock.
    pub clock: Clock,
    /// How results are printed.
    pub output: Output,
}

/// How results are printed.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// As JSON.
    pub json: bool,
    /// How much is said on stderr.
    pub verbose: u8,
    /// With colours.
    pub color: bool,
    /// Whether stdout is a terminal.
    pub terminal: bool,
    /// Whether a person can be asked: stdin and stderr are terminals.
    pub interactive: bool,
}

impl Context {
    /// Returns the time now.
    pub fn now(&self) -> Stamp {
        self.clock.now()
    }

    /// Returns who is asking: behind sudo, the person who called it. Looked up only when it is needed.
    pub fn operator(&self) -> String {
        let uid = rustix::process::getuid();
        let behind_sudo = self.sudo_user.clone().filter(|_| uid.is_root());
        behind_sudo.unwrap_or_else(|| people::user_name(uid.as_raw()))
    }

    /// Returns these surroundings on a machine of this name, where one is given.
    pub fn on(&self, node: Option<&NodeName>) -> Context {
        let this_node = node.or(self.this_node.as_ref()).cloned();
        Context { this_node, ..self.clone() }
    }

    /// Opens the data directory.
    pub fn root(&self) -> Result<Root> {
        Root::open(&self.root).advised()
    }

    /// Returns where the desired state is.
    pub fn hosts_path(&self) -> PathBuf {
        self.hosts.clone().unwrap_or_else(|| self.root.join("hosts"))
    }

    /// Reads the desired state, aliases of the environment included; a wrong alias map is an error before
    /// anything is written.
    pub fn desired(&self) -> Result<Desired> {
        let home = self.project_home();
        let environment = self.project_environment(home.as_deref());
        let here =
            hosts::Here { node: self.this_node.as_ref(), home: home.as_deref(), environment: environment.as_ref() };
        let mut desired = Desired::assemble(hosts::read(&self.hosts_path(), here));
        if let Some(map) = &self.alias_map {
            desired::add_alias_map(&mut desired, map)
                .map_err(|e| fail(e, "set it to an object such as {\"node-2\":\"piha\"}, or unset it"))?;
        }
        Ok(desired)
    }

    /// Returns these surroundings with the secrets of the local Compose projects, which no plan or log may show.
    pub fn knowing(&self, desired: &Desired) -> Context {
        let mut known = self.clone();
        let projects = desired.hosts.values().flat_map(|host| host.projects.values());
        known.secrets.extend(projects.flat_map(|project| project.secrets.iter().cloned()));
        sort::by(&mut known.secrets, Ord::cmp);
        known.secrets.dedup();
        known
    }

    /// Returns the home of the user who runs this: what the environment says, else the user database.
    pub fn home(&self) -> Option<PathBuf> {
        self.home.clone().or_else(|| people::home(rustix::process::geteuid().as_raw()))
    }

    /// Returns the home in which the Compose projects of this machine are looked at: that of the root's owner, whose
    /// passes they are, so that `sudo hlctl approve` sees the same projects as they do.
    fn project_home(&self) -> Option<PathBuf> {
        let owner = Root::open(&self.root).ok().and_then(|root| root.owner()).filter(|(uid, _)| *uid != 0);
        owner.map_or_else(|| self.home(), |(uid, _)| people::home(uid))
    }

    /// Returns the environment in which the Compose projects of this machine are looked at: behind sudo with the home of
    /// the root's owner.
    fn project_environment(&self, home: Option<&Path>) -> Cow<'_, Environment> {
        let is_another = home.is_some() && home != self.home().as_deref();
        match home.filter(|_| is_another && rustix::process::geteuid().is_root()) {
            Some(home) => {
                let mut environment = Environment::clone(&self.environment);
                environment.insert("HOME".into(), home.to_string_lossy().into_owned());
                Cow::Owned(environment)
            }
            None => Cow::Borrowed(&self.environment),
        }
    }

    /// Returns a path as it is shown: below the root without the root.
    pub fn short<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}
