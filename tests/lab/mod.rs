//! A homelab for tests that only know the built program: a root and, beside it, what must never be touched; the
//! program called in a cleared environment; what it said, with everything that differs from run to run redacted.
#![allow(clippy::allow_attributes, reason = "each test uses another part of this")]
#![allow(dead_code, reason = "each test uses another part of this")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

#[path = "../run/mod.rs"]
mod run;
pub mod terminal;

pub use run::Run;

/// The program.
pub const HLCTL: &str = env!("CARGO_BIN_EXE_hlctl");

/// The states of an action, as its folders are called.
pub const STATES: [&str; 7] = ["pending", "approved", "running", "completed", "failed", "rejected", "cancelled"];

/// A root, its surroundings, and how the program is called on it.
pub struct Lab {
    dir: tempfile::TempDir,
    transcript: String,
}

impl Lab {
    /// Makes an empty root as `init` does, without a host.
    pub fn new() -> Self {
        let lab = Self::bare();
        lab.ok(&["init"]);
        lab
    }

    /// Makes a folder for a root, which is not there yet.
    pub fn bare() -> Self {
        let lab = Self { dir: tempfile::tempdir().unwrap(), transcript: String::new() };
        for folder in ["bin", "home", "sibling"] {
            fs::create_dir(lab.beside(folder)).unwrap();
        }
        fs::write(lab.beside("sibling/precious"), "untouched\n").unwrap();
        lab
    }

    /// Makes a root with two services: `web` is missing, `db` is unhealthy, and both have drifted into the queue.
    /// The recipes write a line each into `ledger`.
    pub fn drifted() -> Self {
        let lab = Self::new();
        lab.drift();
        lab
    }

    /// Lets the two services drift into the queue.
    pub fn drift(&self) {
        self.services(&["web", "db"]);
        self.event("service_unhealthy", "db", r#","reason":"containers_not_running""#);
        self.ok(&["observe"]);
        self.ok(&["reconcile"]);
    }

    /// Writes the desired state of `piha`: services of runtime `command`, each with a recipe for each type.
    pub fn services(&self, services: &[&str]) {
        let mut text = String::from("services:\n");
        for name in services {
            writeln!(text, "  - name: {name}\n    runtime: command\n    recipes:").unwrap();
            for kind in ["redeploy", "container_restart"] {
                writeln!(text, "      {kind}: [[\"sh\", \"-c\", \"echo {kind} {name} | tee -a $LEDGER\"]]").unwrap();
            }
        }
        self.host("piha", &text);
    }

    /// Writes a `services.yaml`.
    pub fn host(&self, node: &str, text: impl AsRef<[u8]>) {
        self.put(&format!("hosts/{node}/services.yaml"), text);
    }

    /// Writes an event of now, in its file.
    pub fn event(&self, kind: &str, service: &str, more: &str) {
        let ts = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        let ts = format!("{}.{:03}", ts / 1000, ts % 1000);
        let line = format!("{{\"ts\":{ts},\"node\":\"piha\",\"type\":\"{kind}\",\"service\":\"{service}\"{more}}}\n");
        let path = self.at("events/2026-11-23/piha.jsonl");
        let before = fs::read_to_string(&path).unwrap_or_default();
        self.put("events/2026-11-23/piha.jsonl", before + &line);
    }

    /// Returns the root.
    pub fn root(&self) -> PathBuf {
        self.beside("root")
    }

    /// Returns a path below the root.
    pub fn at(&self, below: &str) -> PathBuf {
        self.root().join(below)
    }

    /// Returns a path beside the root.
    pub fn beside(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Writes a file below the root, as a hand would.
    pub fn put(&self, below: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Reads a file below the root.
    pub fn read(&self, below: &str) -> String {
        fs::read_to_string(self.at(below)).unwrap()
    }

    /// Puts a program on the path.
    pub fn program(&self, name: &str, text: &str) {
        let path = self.beside("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns where an action's file is in a state.
    pub fn action(&self, state: &str, id: &str) -> PathBuf {
        self.at(&format!("actions/{state}/{id}.json"))
    }

    /// Returns the states in which an ID stands.
    pub fn states(&self, id: &str) -> Vec<&'static str> {
        STATES.into_iter().filter(|state| self.action(state, id).symlink_metadata().is_ok()).collect()
    }

    /// Puts a smallest action file into a state, as a hand would.
    pub fn action_by_hand(&self, state: &str, id: &str, fields: Value) {
        let mut action = json!({"id": id, "type": "redeploy", "node": "piha", "service": "web"});
        action.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.put(&format!("actions/{state}/{id}.json"), action.to_string());
    }

    /// Returns the program as it would be called, in a cleared environment.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        self.called_by(HLCTL, args)
    }

    /// Returns a program that is called in the program's surroundings.
    pub fn called_by<S: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, args: &[S]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null()).env_clear();
        command.env("HLCTL_ROOT", self.root()).env("HLCTL_NODE", "piha").env("LEDGER", self.beside("ledger"));
        command.env("HOME", self.beside("home")).env("SUDO_USER", "oskar");
        command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.beside("bin").display()));
        command
    }

    /// Runs the program.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Runs the program, which must end well; returns its stdout.
    pub fn ok(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{args:?}: {run:?}");
        run.out
    }

    /// Runs the program, which must print JSON whatever its exit code.
    pub fn json(&self, args: &[&str]) -> Value {
        let run = self.run(&[args, &["--json"]].concat());
        serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{args:?}: {e}: {run:?}"))
    }

    /// Runs a command line of plain words and takes it down: what was typed, what was said, how it ended.
    pub fn type_in(&mut self, line: &str) -> Run {
        let args: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        self.type_args(&args)
    }

    /// Runs a command line with words that hold spaces and takes it down.
    pub fn type_args(&mut self, args: &[&str]) -> Run {
        let run = self.run(args);
        let words = shlex::try_join(args.iter().copied()).unwrap_or_else(|_| format!("{args:?}"));
        self.take_down(&words, &run);
        run
    }

    /// Takes a run down.
    pub fn take_down(&mut self, words: &str, run: &Run) {
        write!(self.transcript, "$ hlctl {words}\n{}", run.out).unwrap();
        for line in run.err.lines() {
            writeln!(self.transcript, "err| {line}").unwrap();
        }
        writeln!(self.transcript, "exit {}\n", run.code).unwrap();
    }

    /// Returns what was taken down, redacted.
    pub fn transcript(&self) -> String {
        self.redacted(&self.transcript)
    }

    /// Returns a text without what differs from run to run and from machine to machine.
    pub fn redacted(&self, text: &str) -> String {
        let dir = self.dir.path().display().to_string();
        let text = text.replace(&dir, "[LAB]").replace(&operator(), "oskar");
        let text = words_like(&text, "[TIME]", &["dddd-dd-ddTdd:dd:dd.dddZ", "ddddddddTdddddddddZ"]);
        let text = words_like(&text, "[HASH]", &[&"h".repeat(64)]);
        let mut lines = Vec::new();
        for line in text.lines() {
            lines.push(spaced(&aged(line)));
        }
        lines.join("\n") + "\n"
    }

    /// Returns everything beside the root, and what the root's links lead to, with its bytes and modes.
    pub fn surroundings(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        snapshot(&self.beside("sibling"))
    }

    /// Returns every file below the root with its bytes; locks and the touch of a pass apart.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut all = snapshot(&self.root());
        all.retain(|path, _| path.extension().is_none_or(|e| e != "lock"));
        all
    }

    /// Returns the lines that recipes have written.
    pub fn ledger(&self) -> Vec<String> {
        let text = fs::read_to_string(self.beside("ledger")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Returns who the program says is asking here: behind `SUDO_USER` only the super-user is somebody else.
fn operator() -> String {
    let uid = rustix::process::geteuid();
    let output = Command::new("id").arg("-un").output().unwrap();
    match (uid.is_root(), output.status.success()) {
        (true, _) => "oskar".into(),
        (false, true) => String::from_utf8(output.stdout).unwrap().trim().to_owned(),
        (false, false) => format!("uid {}", uid.as_raw()),
    }
}

/// Returns every file below a folder with its mode and bytes.
pub fn snapshot(dir: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(dir).into_iter().map(Result::unwrap) {
        let meta = entry.path().symlink_metadata().unwrap();
        let bytes = if meta.is_file() { fs::read(entry.path()).unwrap() } else { Vec::new() };
        found.insert(entry.path().to_owned(), (meta.mode(), bytes));
    }
    found
}

/// Waits until something is so. It has to become so; how long that takes, nobody says.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("a minute passed without {what}");
}

/// Replaces what looks like one of the shapes: `d` is a digit, `h` a hexadecimal one, all else itself.
fn words_like(text: &str, by: &str, shapes: &[&str]) -> String {
    let fits = |at: usize, shape: &str| {
        let part = text.as_bytes().get(at..at + shape.len())?;
        let same = |(byte, shape): (&u8, u8)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'h' => byte.is_ascii_hexdigit(),
            other => *byte == other,
        };
        part.iter().zip(shape.bytes()).all(same).then_some(shape.len())
    };
    let (mut new, mut at) = (String::new(), 0);
    while at < text.len() {
        match shapes.iter().find_map(|shape| fits(at, shape)) {
            Some(length) => {
                new.push_str(by);
                at += length;
            }
            None => {
                let next = text[at..].chars().next().unwrap();
                new.push(next);
                at += next.len_utf8();
            }
        }
    }
    new
}

/// Replaces ages and durations that depend on the machine's speed.
fn aged(line: &str) -> String {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let words: Vec<&str> = line.split(' ').collect();
    let mut new: Vec<String> = Vec::new();
    for (n, word) in words.iter().enumerate() {
        let next = words.get(n + 1).map(|w| w.trim_end_matches([',', ')', '.']));
        let before = if n == 0 { "" } else { words[n - 1] };
        let is_limit = ["most", "for", "within"].contains(&before)
            && !line.contains("waits for approval")
            && !line.contains("pending for");
        let is_age = is_number(word) && next.is_some_and(|n| n.trim_end_matches('"') == "s") && !is_limit;
        new.push(if is_age { "[N]".into() } else { (*word).to_owned() });
    }
    let line = new.join(" ");
    for field in ["age_seconds", "took_ms", "pgid", "start_time"] {
        if let Some(at) = line.find(&format!("\"{field}\": ")) {
            let end = at + field.len() + 4;
            if line[end..].starts_with(|c: char| c.is_ascii_digit()) {
                return format!("{}[N]{}", &line[..end], line[end..].trim_start_matches(|c: char| c.is_ascii_digit()));
            }
        }
    }
    line
}

/// Makes runs of spaces within a line two: a column is as wide as what was redacted in it.
fn spaced(line: &str) -> String {
    let text = line.trim_start();
    let mut new = line[..line.len() - text.len()].to_owned();
    let mut spaces = 0;
    for c in text.chars() {
        spaces = if c == ' ' { spaces + 1 } else { 0 };
        if spaces <= 2 {
            new.push(c);
        }
    }
    new
}
