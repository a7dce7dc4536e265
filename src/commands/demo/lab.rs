//! The demo's homelab: a temporary folder with a root, host files, and a folder for each node's services. Whatever
//! ends the demo, the services are stopped and the folder is removed, unless it is to be kept.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::service::Service;
use crate::context::Context;
use crate::fail::{Result, fail};
use crate::flow::sort;
use crate::process;

/// The nodes with what runs on each of them in the beginning.
const NODES: [(&str, &[&str]); 3] =
    [("edge", &["adguard"]), ("piha", &["mosquitto", "zigbee2mqtt"]), ("vps", &["caddy", "blog"])];

/// The program of a node that its recipes and checks call.
const PROGRAM: &str = "service";

/// The homelab.
#[derive(Debug)]
pub struct Lab {
    // None once it is kept or removed.
    dir: Option<TempDir>,
    path: PathBuf,
}

impl Lab {
    /// Makes the folder of the homelab; its root comes later, from `hlctl init`.
    pub fn new() -> Result<Lab> {
        let dir = TempDir::with_prefix("hlctl-demo-")
            .map_err(|e| fail(format!("cannot make a temporary folder: {e}"), "make room, or name another TMPDIR"))?;
        let path = dir.path().to_owned();
        Ok(Lab { dir: Some(dir), path })
    }

    /// Returns the folder that holds everything.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns these surroundings with the homelab's root, and nothing of the operator's own setup.
    pub fn context(&self, cx: &Context) -> Context {
        // Another process has to find the program too: a name such as /proc/self/exe will not do.
        let exe = cx.exe.canonicalize().unwrap_or_else(|_| cx.exe.clone());
        Context { root: self.path.join("root"), hosts: None, alias_map: None, this_node: None, exe, ..cx.clone() }
    }

    /// Writes the host files, and the program that handles each node's services.
    pub fn write_hosts(&self, cx: &Context) -> Result<()> {
        let exe = shell_word(&cx.exe)?;
        for (node, services) in NODES {
            let dir = self.node(node);
            fs_err::create_dir_all(&dir)?;
            let script = format!("exec {exe} demo-service \"$@\" --dir {}\n", shell_word(&dir)?);
            fs_err::write(dir.join(PROGRAM), script)?;
            let hosts = self.host_files(node);
            fs_err::create_dir_all(&hosts)?;
            fs_err::write(hosts.join("host.yaml"), format!("connection: local\nrepo: {}\n", quoted(&dir)))?;
            let list: String = services.iter().map(|name| self.entry(node, name)).collect();
            fs_err::write(hosts.join("services.yaml"), format!("services:\n{list}"))?;
        }
        Ok(())
    }

    /// Returns what `services.yaml` says of a service.
    pub fn entry(&self, node: &str, name: &str) -> String {
        let program = quoted(&self.node(node).join(PROGRAM));
        format!(
            "  - name: {name}\n    \
                 runtime: command\n    \
                 check: {{command: [sh, {program}, check, {name}]}}\n    \
                 min_healthy: 1s\n    \
                 timeout: 20s\n    \
                 recipes:\n      \
                   container_restart: [[sh, service, stop, {name}], [sh, service, start, {name}]]\n      \
                   redeploy: [[sh, service, deploy, {name}], [sh, service, start, {name}]]\n"
        )
    }

    /// Deploys and starts what runs in the beginning.
    pub fn start(&self) -> Result<()> {
        for (node, services) in NODES {
            for name in services {
                self.call(node, "deploy", name)?;
                self.call(node, "start", name)?;
            }
        }
        Ok(())
    }

    fn call(&self, node: &str, verb: &str, name: &str) -> Result<()> {
        let program = self.node(node).join(PROGRAM);
        let argv = ["sh".into(), program.into_os_string(), verb.into(), name.into()];
        let advice = "is there a shell, and may programs run?";
        let answer = process::ask(&argv, None, std::time::Duration::from_secs(20))
            .map_err(|e| fail(format!("cannot {verb} {name}: {e}"), advice))?;
        if answer.is_success() {
            return Ok(());
        }
        Err(fail(format!("cannot {verb} {name}: {}", answer.output.trim()), advice))
    }

    /// Returns the nodes in the order of their names.
    pub fn nodes(&self) -> impl Iterator<Item = &'static str> {
        NODES.into_iter().map(|(node, _)| node)
    }

    /// Returns the services that were deployed on a node, running or not.
    pub fn services(&self, node: &str) -> Vec<Service> {
        let folders = std::fs::read_dir(self.node(node)).into_iter().flatten().flatten();
        let folders = folders.filter(|entry| entry.path().is_dir());
        let mut services: Vec<Service> = folders
            .map(|entry| Service { name: entry.file_name().to_string_lossy().into_owned(), dir: entry.path() })
            .collect();
        sort::by(&mut services, |a, b| a.name.cmp(&b.name));
        services
    }

    /// Returns a service.
    pub fn service(&self, node: &str, name: &str) -> Service {
        Service { name: name.to_owned(), dir: self.node(node).join(name) }
    }

    /// Returns the folder of a node's files in the desired state.
    pub fn host_files(&self, node: &str) -> PathBuf {
        self.path.join("root/hosts").join(node)
    }

    fn node(&self, node: &str) -> PathBuf {
        self.path.join("nodes").join(node)
    }

    /// Leaves everything where it is, running.
    pub fn keep(mut self) {
        if let Some(dir) = self.dir.take() {
            let _ = dir.keep();
        }
    }

    /// Stops the services and removes the folder.
    pub fn close(mut self) -> Result<()> {
        self.stop();
        let Some(dir) = self.dir.take() else { return Ok(()) };
        dir.close().map_err(|e| fail(format!("cannot remove {}: {e}", self.path.display()), "remove it yourself"))
    }

    fn stop(&self) {
        for service in self.nodes().flat_map(|node| self.services(node)) {
            // One that does not end is told by its missing folder.
            let _ = service.stop();
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.dir.is_some() {
            self.stop();
        }
    }
}

/// Returns a path as a word for a shell.
pub fn shell_word(path: &Path) -> Result<String> {
    let text = path.to_string_lossy();
    let word = shlex::try_quote(&text).map_err(|e| fail(e.to_string(), "install hlctl at another path"))?;
    Ok(word.into_owned())
}

/// Returns a path as a word of YAML.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}
