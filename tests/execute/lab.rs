//! A root whose services are commands of this machine.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    /// Makes a root with the node `box`, which is this machine.
    pub fn new(services: &str) -> Lab {
        let lab = Lab { dir: tempfile::tempdir().unwrap() };
        lab.ok(&["init"]);
        lab.host("box", "connection: local", services);
        lab
    }

    pub fn host(&self, node: &str, host: &str, services: &str) {
        let folder = self.path("hosts").join(node);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("host.yaml"), format!("{host}\n")).unwrap();
        std::fs::write(folder.join("services.yaml"), format!("services: {services}\n")).unwrap();
    }

    pub fn config(&self, text: &str) {
        std::fs::write(self.path("config.yaml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn command(&self, argv: &[&str]) -> Command {
        let mut hlctl = Command::new(env!("CARGO_BIN_EXE_hlctl"));
        hlctl.arg("--root").arg(self.dir.path()).args(argv).stdin(Stdio::null());
        hlctl.env("HOME", self.dir.path()).env_remove("HLCTL_HOSTS").current_dir(self.dir.path());
        hlctl
    }

    pub fn run(&self, argv: &[&str]) -> Output {
        self.command(argv).output().unwrap()
    }

    pub fn ok(&self, argv: &[&str]) -> String {
        let output = self.run(argv);
        assert!(output.status.success(), "{argv:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, argv: &[&str]) -> Value {
        let output = self.run(&[&["--json"], argv].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{argv:?}: {e}: {output:?}"))
    }

    pub fn show(&self, id: &str) -> Value {
        self.json(&["show", id])
    }

    /// Requests and approves a redeploy of each `node/service`.
    pub fn approve(&self, services: &[&str]) {
        for (node, service) in services.iter().map(|s| s.split_once('/').unwrap()) {
            self.ok(&["request", "redeploy", node, service]);
            self.ok(&["approve", &format!("redeploy-{node}-{service}")]);
        }
    }

    pub fn start(&self, argv: &[&str]) -> Child {
        self.command(argv).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub fn event(&self, name: &str, text: &str) {
        let dir = self.path("events/2026-01-01");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(format!("{name}.json")), text).unwrap();
    }
}

/// Returns a command service whose redeploy is a shell script.
pub fn service(name: &str, script: &str, more: &str) -> String {
    let script = serde_json::to_string(script).unwrap();
    format!("{{name: {name}, runtime: command, recipes: {{redeploy: [[sh, -c, {script}]]}}{more}}}")
}

/// Waits until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}
