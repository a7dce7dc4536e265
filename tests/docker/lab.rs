//! A homelab of one local node: a root, a repository with a bare remote, and a Compose project in it. Everything that
//! Docker was made to do is undone at the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::engine::Engine;
use crate::needs;
use crate::sshd::{GOOD, Sshd};

/// What the container of a good version runs: it serves `/www` until it is told to stop.
pub const SERVES: &str =
    "trap 'exit 0' TERM; /bin/busybox httpd -p 80 -h /www; while :; do /bin/busybox sleep 0.1; done";

pub struct Lab {
    dir: tempfile::TempDir,
    /// The service's name, which no other test has.
    pub service: String,
    compose: &'static str,
    /// The engine, where it is not the machine's.
    engine: Option<String>,
    /// The PATH on which the `ssh` is that reaches the node, where it is not reached directly.
    ssh: Option<String>,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Lab {
    /// Makes a homelab with a project whose containers print their version; none where a part is missing.
    pub fn new(settings: &str) -> Option<Lab> {
        if !needs::program("docker") {
            return None;
        }
        if !ok(Command::new("docker").arg("info")) {
            needs::skip("no Docker engine answers");
            return None;
        }
        Lab::make(settings, None, None)
    }

    /// Makes a homelab whose one node is reached over ssh, which leads to this machine.
    pub fn over(sshd: &Sshd, settings: &str) -> Option<Lab> {
        Lab::make(settings, None, Some(sshd.search_path()))
    }

    /// Makes a homelab on an engine of the test's own.
    pub fn on(engine: &Engine, settings: &str) -> Option<Lab> {
        Lab::make(settings, Some(engine.host()), None)
    }

    fn make(settings: &str, engine: Option<String>, ssh: Option<String>) -> Option<Lab> {
        if !["git", "busybox"].into_iter().all(needs::program) {
            return None;
        }
        let compose =
            if ok(Command::new("docker").args(["compose", "version"])) { "docker compose" } else { "docker-compose" };
        if compose == "docker-compose" && !needs::program("docker-compose") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let lab = Lab { dir, service: format!("hlt{}x{number}", std::process::id()), compose, engine, ssh };
        lab.begin(settings);
        Some(lab)
    }

    fn begin(&self, settings: &str) {
        self.hlctl_ok(&["init"]);
        let host = self.path("root/hosts/box");
        std::fs::create_dir_all(&host).unwrap();
        let connection = if self.ssh.is_some() { format!("ssh: {GOOD}") } else { "connection: local".into() };
        std::fs::write(host.join("host.yaml"), format!("{connection}\nrepo: {}\n", self.path("repo").display()))
            .unwrap();
        self.settings(settings);
        let remote = self.path("remote.git");
        self.git(&["init", "-q", "--bare", "-b", "main", remote.to_str().unwrap()]);
        for clone in ["author", "repo"] {
            self.git(&["clone", "-q", remote.to_str().unwrap(), self.path(clone).to_str().unwrap()]);
        }
        let project = self.path("author").join("services").join(&self.service);
        std::fs::create_dir_all(&project).unwrap();
        let busybox = output(Command::new("sh").args(["-c", "command -v busybox"]));
        std::fs::copy(busybox.trim(), project.join("busybox")).unwrap();
        // The label finds what is left of it in the end.
        let dockerfile = format!(
            "FROM scratch\nLABEL hlctl-test={}\nCOPY busybox /bin/busybox\nCOPY version /www/version\nENTRYPOINT [\"/bin/busybox\"]\n",
            self.service
        );
        std::fs::write(project.join("Dockerfile"), dockerfile).unwrap();
        self.commit("one", SERVES);
        self.git(&["-C", self.path("repo").to_str().unwrap(), "pull", "-q", "--ff-only"]);
    }

    /// Writes the service's settings, a YAML map without its braces.
    pub fn settings(&self, settings: &str) {
        let text = format!("services: [{{name: {}, {settings}}}]\n", self.service);
        std::fs::write(self.path("root/hosts/box/services.yaml"), text).unwrap();
    }

    /// Commits a version of the project and pushes it; returns the commit.
    pub fn commit(&self, version: &str, script: &str) -> String {
        let text = format!(
            "version: '3'\nservices:\n  web:\n    build: .\n    image: {}:latest\n    command: [sh, -c, {}]\n",
            self.service,
            serde_json::to_string(&script.replace('$', "$$")).unwrap()
        );
        self.commit_compose(version, &text)
    }

    /// Commits a Compose file and pushes it; returns the commit.
    pub fn commit_compose(&self, version: &str, compose: &str) -> String {
        let author = self.path("author");
        let project = author.join("services").join(&self.service);
        std::fs::write(project.join("version"), version).unwrap();
        std::fs::write(project.join("docker-compose.yml"), compose).unwrap();
        self.push(version)
    }

    /// Commits whatever the author has changed and pushes it; returns the commit.
    pub fn push(&self, version: &str) -> String {
        let author = self.path("author");
        let author = author.to_str().unwrap();
        self.git(&["-C", author, "add", "-A"]);
        self.git(&[
            "-C",
            author,
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t",
            "commit",
            "-q",
            "-m",
            &format!("version {version}"),
        ]);
        self.git(&["-C", author, "push", "-q", "origin", "HEAD"]);
        self.git(&["-C", author, "rev-parse", "HEAD"]).trim().to_owned()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn project(&self) -> PathBuf {
        self.path("repo").join("services").join(&self.service)
    }

    pub fn head(&self) -> String {
        self.git(&["-C", self.path("repo").to_str().unwrap(), "rev-parse", "HEAD"]).trim().to_owned()
    }

    pub fn git(&self, argv: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(argv).env("HOME", self.dir.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        output(&mut git)
    }

    /// Runs Compose in the service's project.
    pub fn compose(&self, argv: &[&str]) -> String {
        let mut words = self.compose.split(' ');
        let mut command = Command::new(words.next().unwrap());
        output(self.with_engine(command.args(words).args(argv).current_dir(self.project())))
    }

    /// Returns the version that the running container has.
    pub fn version(&self) -> String {
        let name = self.container();
        self.docker(&["exec", &name, "/bin/busybox", "cat", "/www/version"])
    }

    pub fn container(&self) -> String {
        let filter = format!("label=com.docker.compose.project={}", self.service);
        self.docker(&["ps", "-aq", "--filter", &filter]).trim().to_owned()
    }

    pub fn docker(&self, argv: &[&str]) -> String {
        output(self.with_engine(Command::new("docker").args(argv)))
    }

    /// Returns a command that talks to the lab's engine.
    fn with_engine<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.engine.iter().map(|host| ("DOCKER_HOST", host)))
    }

    pub fn command(&self, argv: &[&str]) -> Command {
        let mut hlctl = Command::new(env!("CARGO_BIN_EXE_hlctl"));
        hlctl.arg("--root").arg(self.path("root")).args(argv).stdin(Stdio::null());
        hlctl.env("HOME", self.dir.path()).env("GIT_CONFIG_NOSYSTEM", "1").env_remove("HLCTL_HOSTS");
        self.with_engine(&mut hlctl);
        let path = self.ssh.clone().or_else(|| needs::var("PATH")).unwrap_or_default();
        hlctl.env("PATH", format!("{}:{path}", self.path("bin").display()));
        hlctl
    }

    /// Puts a few lines of shell before Compose, as hlctl finds it on this machine.
    pub fn before_compose(&self, script: &str) {
        let program = self.compose.split(' ').next().unwrap();
        let real = output(Command::new("sh").args(["-c", &format!("command -v {program}")]));
        std::fs::create_dir_all(self.path("bin")).unwrap();
        let path = self.path("bin").join(program);
        let text = format!("#!/bin/sh\nmarks={}\n{script}\nexec {} \"$@\"\n", self.path("bin").display(), real.trim());
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Returns the name of the container that was made first.
    pub fn name(&self) -> String {
        let all = self.container();
        let id = all.split_whitespace().last().unwrap();
        self.docker(&["inspect", "--format", "{{.Name}}", id]).trim().trim_start_matches('/').to_owned()
    }

    pub fn hlctl(&self, argv: &[&str]) -> Output {
        self.command(argv).output().unwrap()
    }

    pub fn hlctl_ok(&self, argv: &[&str]) -> String {
        output(&mut self.command(argv))
    }

    pub fn json(&self, argv: &[&str]) -> Value {
        serde_json::from_str(&self.hlctl_ok(&[&["--json"], argv].concat())).unwrap()
    }

    /// Returns the time as the engine's event log wants it.
    pub fn now(&self) -> String {
        output(Command::new("date").args(["+%s.%N"])).trim().to_owned()
    }

    /// Tells the event log something about the service.
    pub fn event(&self, rest: &str) {
        let dir = self.path("root/events/2026-01-01");
        std::fs::create_dir_all(&dir).unwrap();
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        let now = output(Command::new("date").args(["+%s.%3N"]));
        let text = format!("{{\"ts\":{},\"node\":\"box\",\"service\":\"{}\",{rest}}}", now.trim(), self.service);
        std::fs::write(dir.join(format!("{n:06}.json")), text).unwrap();
    }

    /// Requests, approves and executes an action; returns its record.
    pub fn act(&self, kind: &str) -> Value {
        self.hlctl_ok(&["request", kind, "box", &self.service]);
        self.hlctl_ok(&["approve", &self.id(kind)]);
        self.execute(kind)
    }

    pub fn execute(&self, kind: &str) -> Value {
        let ran = self.hlctl(&["execute"]);
        assert!(matches!(ran.status.code(), Some(0 | 4)), "{ran:?}");
        self.json(&["show", &self.id(kind)])
    }

    /// Waits until the log of the running action says something.
    pub fn until(&self, kind: &str, word: &str) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let says = || String::from_utf8_lossy(&self.hlctl(&["logs", &self.id(kind)]).stdout).into_owned();
        while !says().contains(word) {
            assert!(std::time::Instant::now() < end, "{word:?} did not come: {}", says());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    pub fn id(&self, kind: &str) -> String {
        format!("{}-box-{}", kind.replace('_', "-"), self.service)
    }

    pub fn log(&self, kind: &str) -> String {
        self.hlctl_ok(&["logs", &self.id(kind)])
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // An engine of a test's own may be away by now, and takes all of it along.
        let docker = |argv: &[&str]| {
            let output = self.with_engine(Command::new("docker").args(argv)).output();
            output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
        };
        let filter = format!("label=com.docker.compose.project={}", self.service);
        let label = format!("label=hlctl-test={}", self.service);
        for filter in [&filter, &label] {
            for id in docker(&["ps", "-aq", "--filter", filter]).split_whitespace() {
                docker(&["rm", "-f", id]);
            }
        }
        docker(&["network", "rm", &format!("{}_default", self.service)]);
        let kept = format!("hlctl-before/{}", self.service);
        for which in [&[self.service.as_str()][..], &[&kept], &["--filter", &label]] {
            for id in docker(&[&["images", "-q"], which].concat()).split_whitespace() {
                docker(&["rmi", "-f", id]);
            }
        }
        docker(&["image", "prune", "--force", "--filter", &format!("label=hlctl-test={}", self.service)]);
    }
}

/// Waits until something is so.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < end, "{what} did not come");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

pub fn ok(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).output().is_ok_and(|o| o.status.success())
}

pub fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
