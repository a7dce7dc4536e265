//! A root of one node, `box`, with a repository of Compose projects beside it. What Docker was made to do is undone at
//! the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::needs;

static NUMBER: AtomicU32 = AtomicU32::new(0);

pub struct Lab {
    dir: tempfile::TempDir,
    /// What the names of all its projects and images begin with; no other test has it.
    pub prefix: String,
}

/// What a pass printed and how it ended.
#[derive(Debug)]
pub struct Pass {
    pub code: i32,
    pub report: Value,
    pub err: String,
}

impl Lab {
    /// Makes a root without any service.
    pub fn new() -> Lab {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let lab = Lab { dir: tempfile::tempdir().unwrap(), prefix: format!("hla{}x{number}", std::process::id()) };
        assert_eq!(lab.run(&["init"]).status.code(), Some(0));
        lab.services("services: []\n");
        // How full this machine's disk is says nothing here.
        lab.put("root/config.yaml", "agent: {disk_high: 100}\n");
        lab
    }

    /// Makes a root, and an image around a static busybox; none where a part is missing.
    pub fn with_docker() -> Option<Lab> {
        if !["docker", "docker-compose", "busybox"].into_iter().all(needs::program) {
            return None;
        }
        if !Command::new("docker").arg("info").output().unwrap().status.success() {
            needs::skip("no Docker engine answers");
            return None;
        }
        let lab = Lab::new();
        lab.put("root/hosts/box/host.yaml", format!("connection: local\nrepo: {}\n", lab.path("repo").display()));
        let busybox = lab.output(Command::new("sh").args(["-c", "command -v busybox"]));
        std::fs::create_dir_all(lab.path("image")).unwrap();
        std::fs::copy(busybox.trim(), lab.path("image/busybox")).unwrap();
        lab.put(
            "image/Dockerfile",
            // By the label it is another image than those of the other tests, whose containers are not ours to remove.
            format!("FROM scratch\nLABEL lab={}\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENTRYPOINT [\"/bin/busybox\"]\n", lab.prefix),
        );
        let image = lab.path("image");
        lab.output(Command::new("docker").args(["build", "-q", "-t", &lab.prefix]).arg(image));
        Some(lab)
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub fn put(&self, below: &str, text: impl AsRef<[u8]>) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn services(&self, text: &str) {
        self.put("root/hosts/box/services.yaml", text);
    }

    /// Writes a Compose project whose services have these settings, each a YAML map without its braces.
    pub fn project(&self, folder: &str, services: &[(&str, &str)]) {
        let mut text = String::from("version: '2.4'\nservices:\n");
        for (name, settings) in services {
            text += &format!("  {name}: {{image: {}, {settings}}}\n", self.prefix);
        }
        self.put(&format!("repo/services/{folder}/docker-compose.yml"), text);
    }

    /// Runs Compose in a project's folder.
    pub fn compose(&self, folder: &str, words: &[&str]) {
        let dir = self.path("repo/services").join(folder);
        self.output(Command::new("docker-compose").args(words).current_dir(dir));
    }

    pub fn docker(&self, words: &[&str]) -> String {
        self.output(Command::new("docker").args(words))
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut hlctl = Command::new(env!("CARGO_BIN_EXE_hlctl"));
        hlctl.arg("--root").arg(self.path("root")).args(words).stdin(Stdio::null()).env_clear();
        hlctl.env("PATH", needs::var("PATH").unwrap()).env("HOME", self.dir.path()).env("HLCTL_NODE", "box");
        hlctl
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs one pass of the agent.
    pub fn pass(&self) -> Pass {
        Pass::of(&mut self.command(&["--json", "agent"]))
    }

    /// Runs `passes` passes and returns the last one.
    pub fn passes(&self, passes: usize) -> Pass {
        (1..passes).for_each(|_| drop(self.pass()));
        self.pass()
    }

    /// Returns the events that were written, in their order.
    pub fn events(&self) -> Vec<Value> {
        let mut events = Vec::new();
        for entry in walkdir::WalkDir::new(self.path("root/events")).sort_by_file_name().into_iter().map(Result::unwrap)
        {
            if entry.file_name() == "agent-box.jsonl" {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                events.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
            }
        }
        events
    }

    /// Returns the last state that was told of a service, in short.
    pub fn told(&self, service: &str) -> String {
        let events = self.events();
        let last = events.iter().rev().find(|e| e["service"] == service);
        last.map_or("nothing".into(), |e| match e["reason"].as_str() {
            Some(reason) => reason.to_owned(),
            None => e["type"].as_str().unwrap().trim_start_matches("service_").to_owned(),
        })
    }

    pub fn output(&self, command: &mut Command) -> String {
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Pass {
    pub fn of(command: &mut Command) -> Pass {
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        Pass {
            code: output.status.code().unwrap(),
            report: serde_json::from_str(&text).unwrap_or(Value::Null),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Returns what a service was found to be: its state, with the reason where there is one.
    pub fn found(&self, service: &str) -> String {
        let all = self.report["services"].as_array().unwrap_or_else(|| panic!("{self:?}"));
        let one = all.iter().find(|s| s["service"] == service).unwrap_or_else(|| panic!("no {service} in {self:?}"));
        match one["reason"].as_str() {
            Some(reason) => reason.to_owned(),
            None => one["found"].as_str().unwrap().to_owned(),
        }
    }

    pub fn seen(&self, service: &str) -> String {
        let all = self.report["services"].as_array().unwrap();
        let one = all.iter().find(|s| s["service"] == service).unwrap();
        one["seen"].as_str().unwrap_or_default().to_owned()
    }

    pub fn events(&self) -> usize {
        self.report["events"].as_array().unwrap().len()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let docker = |words: &[&str]| {
            let output = Command::new("docker").args(words).stdin(Stdio::null()).output();
            output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
        };
        if !self.path("image").is_dir() {
            return;
        }
        for id in docker(&["ps", "-aq", "--filter", &format!("ancestor={}", self.prefix)]).split_whitespace() {
            docker(&["rm", "-f", id]);
        }
        for id in
            docker(&["network", "ls", "-q", "--filter", &format!("name=^{}[a-z]", self.prefix)]).split_whitespace()
        {
            docker(&["network", "rm", id]);
        }
        docker(&["rmi", "-f", &self.prefix]);
    }
}

/// Returns whether something becomes true within a generous time.
pub fn becomes(mut what: impl FnMut() -> bool) -> bool {
    (0..600).any(|_| {
        let is = what();
        if !is {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        is
    })
}

pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
