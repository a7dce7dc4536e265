//! A homelab of three nodes: a root each, one checkout of `hosts/` for all, an sshd each, and the program's passes as
//! they run there.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::needs;
use crate::net::{NODES, Net};

/// The built program.
const HLCTL: &str = env!("CARGO_BIN_EXE_hlctl");

/// The homelab; everything that it started ends with it.
pub struct Lab {
    dir: tempfile::TempDir,
    /// Its network.
    pub net: Arc<Net>,
    sshds: Vec<Child>,
}

/// A process of a node; killed with its end.
pub struct Running(pub Child);

impl Lab {
    /// Makes one whose control plane has this `config.yaml`, and `edge` these services; none where a part is missing.
    pub fn new(config: &str, edge: &str) -> Option<Lab> {
        if !["sshd", "ssh", "ssh-keygen"].into_iter().all(needs::program) {
            return None;
        }
        let mut lab = Lab { dir: tempfile::tempdir().unwrap(), net: Arc::new(Net::new()?), sshds: Vec::new() };
        for node in NODES {
            lab.ok(node, &["init"]);
            std::fs::remove_dir(lab.at(node, "hosts")).unwrap();
            std::os::unix::fs::symlink(lab.path("hosts"), lab.at(node, "hosts")).unwrap();
            lab.put(&format!("hosts/{node}/services.yaml"), "services: []\n");
        }
        lab.put("vps/root/config.yaml", format!("serve: {{allowed_hosts: [vps]}}\n{config}"));
        lab.put("piha/root/config.yaml", "serve: {allowed_hosts: [piha]}\n");
        lab.put("edge/root/config.yaml", config);
        lab.put("hosts/vps/host.yaml", "connection: local\n");
        lab.put("hosts/piha/host.yaml", "ssh: root@piha\n");
        // How full the machine's own disk is has nothing to do with it.
        let repo = lab.path("edge/repo").display().to_string();
        lab.put("hosts/edge/host.yaml", format!("ssh: root@edge\nrepo: {repo}\ndisk: {{high: 100}}\n"));
        lab.put("hosts/edge/services.yaml", edge);
        lab.start_sshds();
        Some(lab)
    }

    /// Starts each node's sshd, and lets an `ssh` know all of them under their names.
    fn start_sshds(&mut self) {
        // Debian's sshd wants this folder.
        let _ = std::fs::create_dir("/run/sshd");
        let d = self.dir.path().display().to_string();
        let mut known = String::new();
        for key in NODES.into_iter().chain(["user"]) {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(self.path(key).join("key").as_path());
            std::fs::create_dir_all(self.path(key)).unwrap();
            assert!(keygen.status().unwrap().success());
            known += &format!("{key} {}", std::fs::read_to_string(self.path(key).join("key.pub")).unwrap());
        }
        self.put("known_hosts", known);
        let client = format!(
            "Host *\nUser root\nIdentityFile {d}/user/key\nIdentitiesOnly yes\nIdentityAgent none\n\
             UserKnownHostsFile {d}/known_hosts\nGlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\n"
        );
        self.put("ssh_config", client);
        self.put("bin/ssh", format!("#!/bin/sh\nexec /usr/bin/ssh -F {d}/ssh_config \"$@\"\n"));
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(self.path("bin/ssh"), executable).unwrap();
        for node in NODES {
            let server = format!(
                "Port 22\nListenAddress 0.0.0.0\nHostKey {d}/{node}/key\nAuthorizedKeysFile {d}/user/key.pub\n\
                 StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nPermitRootLogin yes\n"
            );
            self.put(&format!("{node}/sshd_config"), server);
            let mut sshd = self.net.command(node, "/usr/sbin/sshd");
            let log = std::fs::File::create(self.path(node).join("sshd.log")).unwrap();
            let sshd = sshd.args(["-D", "-e", "-f"]).arg(self.path(node).join("sshd_config")).stderr(log);
            self.sshds.push(sshd.spawn().unwrap());
        }
        for node in NODES {
            assert!(becomes(|| self.net.connect(node, node, 22).is_ok()), "no sshd on {node}");
        }
    }

    /// Returns a path of the lab.
    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Returns a path below a node's root.
    pub fn at(&self, node: &str, below: &str) -> PathBuf {
        self.path(node).join("root").join(below)
    }

    /// Writes a file of the lab.
    pub fn put(&self, below: &str, text: impl AsRef<[u8]>) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Returns the program on a node, as `wrapper` starts it.
    pub fn wrapped(&self, node: &str, wrapper: &[&str], args: &[&str]) -> Command {
        let all: Vec<&str> = wrapper.iter().copied().chain([HLCTL]).collect();
        let mut command = self.net.command(node, all[0]);
        command.args(&all[1..]).arg("--root").arg(self.at(node, "")).args(args);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", self.path("bin").display());
        command.env("PATH", path).env("HLCTL_NODE", node).env("HOME", self.path(node));
        command
    }

    /// Starts a pass that repeats, or the server; what it says lies in `NODE/VERB.log`.
    pub fn start(&self, node: &str, wrapper: &[&str], args: &[&str]) -> Running {
        let log = self.path(node).join(format!("{}.log", args[0]));
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let mut command = self.wrapped(node, wrapper, args);
        Running(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    /// Starts the server, and waits until it answers.
    pub fn serve(&self) -> Running {
        self.serve_on("vps")
    }

    /// Starts a server on a node, and waits until it answers.
    pub fn serve_on(&self, node: &str) -> Running {
        let running = self.start(node, &[], &["serve", "--listen", "0.0.0.0:18180"]);
        let answers = || self.net.ask_on(node, "GET", "/healthz", &[], "").status == 200;
        assert!(becomes(answers), "{}", self.log(node, "serve"));
        running
    }

    /// Makes a token on the control plane and puts it into a file on a node.
    pub fn token(&self, node: &str, args: &[&str]) -> String {
        let token = self.ok("vps", &[&["token", "add"], args].concat());
        self.put(&format!("{node}/token"), &token);
        token.trim().to_owned()
    }

    /// Runs the program to its end, which must be a good one.
    pub fn ok(&self, node: &str, args: &[&str]) -> String {
        self.ok_wrapped(node, &[], args)
    }

    /// Runs the program in a wrapper to its end, which must be a good one.
    pub fn ok_wrapped(&self, node: &str, wrapper: &[&str], args: &[&str]) -> String {
        let output = self.wrapped(node, wrapper, args).output().unwrap();
        assert!(output.status.success(), "{node} {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns what the program says in JSON.
    pub fn json(&self, node: &str, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(node, &[&["--json"], args].concat())).unwrap()
    }

    /// Returns a file below a node's root; nothing where there is none.
    pub fn read(&self, node: &str, below: &str) -> String {
        std::fs::read_to_string(self.at(node, below)).unwrap_or_default()
    }

    /// Returns what a pass of a node has said.
    pub fn log(&self, node: &str, verb: &str) -> String {
        std::fs::read_to_string(self.path(node).join(format!("{verb}.log"))).unwrap_or_default()
    }

    /// Returns what a node's world says of a service of `edge`.
    pub fn row(&self, node: &str, service: &str) -> Value {
        let world: Value = serde_json::from_str(&self.read(node, "world/services.json")).unwrap_or_default();
        let mut rows = world["services"].as_array().into_iter().flatten();
        rows.find(|r| r["node"] == "edge" && r["service"] == service).cloned().unwrap_or_default()
    }

    /// Returns the status of a service of `edge` in a node's world.
    pub fn status(&self, node: &str, service: &str) -> String {
        self.row(node, service)["status"].as_str().unwrap_or("unknown").to_owned()
    }

    /// Asserts that a server's log tells of no panic.
    pub fn assert_calm(&self) {
        for entry in NODES.into_iter().flat_map(|node| std::fs::read_dir(self.path(node)).unwrap()) {
            let path = entry.unwrap().path();
            let text = path.extension().filter(|e| *e == "log").and_then(|_| std::fs::read_to_string(&path).ok());
            assert!(!text.unwrap_or_default().contains("panicked"), "{}", path.display());
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (node, verb) in [("edge", "agent"), ("vps", "serve"), ("vps", "execute"), ("piha", "mirror")] {
                let log = self.log(node, verb);
                let lines: Vec<&str> = log.lines().rev().take(8).collect();
                eprintln!("{node} {verb}:\n  {}", lines.into_iter().rev().collect::<Vec<_>>().join("\n  "));
            }
        }
        for sshd in &mut self.sshds {
            let _ = (sshd.kill(), sshd.wait());
        }
    }
}

impl Running {
    /// Kills it, as a power cut does.
    pub fn kill(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns whether something becomes true within a generous time.
pub fn becomes(mut what: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(120) {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// Returns whether a program ends well.
pub fn works(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    let quiet = command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Returns what a program printed.
pub fn output(program: &str, args: &[&str], dir: &Path) -> String {
    let output = Command::new(program).args(args).current_dir(dir).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
