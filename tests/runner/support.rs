//! A folder in which plans are run by the library, with the built binary as the gate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hlctl::flow::health::Health;
use hlctl::flow::plan::{Phase, Plan, Step, Verify};
use hlctl::flow::time::{Clock, Stamp};
use hlctl::runner::log::read;
use hlctl::runner::{Group, Job, Node, Ran, run_plan};

pub const GATE: &str = env!("CARGO_BIN_EXE_hlctl");

pub fn now() -> Stamp {
    Stamp::from_millis(1_795_000_000_000)
}

pub struct Bench {
    pub dir: tempfile::TempDir,
    pub secrets: Vec<String>,
    pub recorded: Vec<Group>,
    pub node: Node,
}

impl Default for Bench {
    fn default() -> Self {
        Bench { dir: tempfile::tempdir().unwrap(), secrets: vec![], recorded: vec![], node: Node::default() }
    }
}

impl Bench {
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn run(&mut self, plan: &Plan) -> Ran {
        self.run_with(plan, None, |_| Ok(()))
    }

    pub fn run_with(
        &mut self,
        plan: &Plan,
        probe: Option<&mut dyn FnMut() -> Health>,
        mut before: impl FnMut(&Group) -> std::io::Result<()>,
    ) -> Ran {
        let recorded = &mut self.recorded;
        let mut record = |group: &Group, _: &BTreeMap<String, String>| {
            recorded.push(group.clone());
            before(group)
        };
        let mut probe = probe.map(|probe| move || probe());
        let job = Job {
            gate: Path::new(GATE),
            home: Some(self.dir.path()),
            clock: Clock(now),
            secrets: &self.secrets,
            started: now(),
            logs: self.dir.path(),
            owner: None,
            record: &mut record,
            probe: probe.as_mut().map(|probe| probe as &mut dyn FnMut() -> Health),
            unfinished: None,
        };
        run_plan(plan, job, &mut self.node)
    }

    pub fn log(&self) -> String {
        String::from_utf8(read::read(self.dir.path(), &now().file_name()).unwrap()).unwrap()
    }
}

pub fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

pub fn local(words: &[&str]) -> Step {
    Step {
        on: "local".into(),
        argv: argv(words),
        cwd: None,
        timeout_s: 60,
        phase: Phase::Apply,
        compose: false,
        named: false,
        may_fail: false,
    }
}

pub fn plan(steps: &[Step]) -> Plan {
    Plan {
        digest: String::new(),
        commit: None,
        override_sha256: None,
        project: vec![],
        asks: vec![],
        steps: steps.to_vec(),
        verify: None,
    }
}

pub fn verify(min_healthy_s: u64, healthy_deadline_s: u64) -> Option<Verify> {
    Some(Verify { check: "tcp x:1".into(), min_healthy_s, healthy_deadline_s, on_failure: "none".into() })
}

pub fn reason(ran: &Ran) -> &str {
    ran.outcome.reason.as_deref().unwrap_or("")
}

pub fn message(ran: &Ran) -> &str {
    ran.outcome.message.as_deref().unwrap_or("")
}

/// Makes an executable script.
pub fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the ignored tests of this file again, in a process whose programs are looked for in `bin` first: a process
/// cannot safely change its own PATH.
pub fn run_ignored(filter: &str, bin: &Path, variables: &[(&str, &str)]) {
    let path = format!("{}:{}", bin.display(), crate::needs::var("PATH").unwrap_or_default());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--nocapture", filter])
        .env("PATH", path)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("running 0 tests"), "{text}");
}
