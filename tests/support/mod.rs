//! What the tests of the whole program share: a root in a temporary folder, what is in it, and what to do where
//! the machine lacks something.
#![allow(clippy::allow_attributes, reason = "each test uses another part of this")]
#![allow(dead_code, reason = "each test uses another part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use hlctl::flow::action::{ActionId, Via};
use hlctl::flow::fields::Fields;
use hlctl::flow::lifecycle::{State, Transition};
use hlctl::flow::time::Stamp;
use hlctl::store::actions::{self, Entry};
use hlctl::store::audit;
use hlctl::store::root::Root;
use hlctl::store::transition::{self, Asked, Changes, NotDone};
use serde_json::Value;

#[path = "../needs/mod.rs"]
pub mod needs;
#[path = "../run/mod.rs"]
mod run;

pub use run::Run;

/// A root in a temporary folder that goes away with it.
pub struct Home {
    dir: tempfile::TempDir,
    /// The root.
    pub root: Root,
}

impl Home {
    /// Makes an empty root.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        for state in State::ALL {
            std::fs::create_dir_all(root.actions().join(state.as_str())).unwrap();
        }
        Self { dir, root }
    }

    /// Returns the root's path.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Returns a path below the root.
    pub fn at(&self, below: &str) -> PathBuf {
        self.path().join(below)
    }

    /// Writes a file below the root, as a hand would.
    pub fn put(&self, below: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Returns an action's file.
    pub fn file(&self, state: State, id: &str) -> PathBuf {
        actions::path(&self.root, state, &id.parse().unwrap())
    }

    /// Moves an action's file as an operator's `mv` does.
    pub fn mv(&self, id: &str, from: State, to: State) {
        std::fs::rename(self.file(from, id), self.file(to, id)).unwrap();
    }

    /// Queues a redeploy of `piha/web` under an ID, as reconcile would.
    pub fn create(&self, id: &str) -> Entry {
        self.try_create(id).unwrap()
    }

    /// Tries to queue a redeploy of `piha/web` under an ID.
    pub fn try_create(&self, id: &str) -> Result<Entry, NotDone> {
        self.try_create_as(id, fields(id))
    }

    /// Tries to queue an action with these fields.
    pub fn try_create_as(&self, id: &str, fields: Fields) -> Result<Entry, NotDone> {
        let asked = asked("reconcile", Via::Reconcile);
        transition::create(&self.root, &id.parse().unwrap(), fields, &asked, None)
    }

    /// Asks for a transition on the command line.
    pub fn apply(&self, id: &str, transition: Transition, by: &str) -> Result<Entry, NotDone> {
        let id = id.parse().unwrap();
        transition::apply(&self.root, &id, transition, &asked(by, Via::Cli), |_| Ok(Changes::default()))
    }

    /// Asks for a transition while a hand does something, after the file was read and before it is written.
    pub fn apply_while(&self, id: &str, transition: Transition, hand: impl FnOnce()) -> Result<Entry, NotDone> {
        let id = id.parse().unwrap();
        transition::apply(&self.root, &id, transition, &asked("oskar", Via::Cli), |_| {
            hand();
            Ok(Changes::default())
        })
    }

    /// Takes a new action into a state, by the transitions that lead there.
    pub fn create_in(&self, id: &str, state: State) {
        self.create(id);
        for transition in way_to(state) {
            self.apply(id, *transition, "oskar").unwrap();
        }
    }

    /// Reads an action's record in a state.
    pub fn entry(&self, state: State, id: &str) -> Entry {
        actions::read(&self.root, state, &id.parse().unwrap()).unwrap().unwrap()
    }

    /// Returns an action's file as JSON.
    pub fn json(&self, state: State, id: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.file(state, id)).unwrap()).unwrap()
    }

    /// Returns the states in which an ID stands.
    pub fn states(&self, id: &str) -> Vec<State> {
        State::ALL.into_iter().filter(|s| self.file(*s, id).symlink_metadata().is_ok()).collect()
    }

    /// Returns the live actions.
    pub fn live(&self) -> Vec<Entry> {
        actions::list(&self.root, &State::LIVE).unwrap().entries
    }

    /// Returns the names of the older records of an ID.
    pub fn older(&self, id: &str) -> Vec<String> {
        names(&self.at("actions/history").join(id))
    }

    /// Returns the audit log's lines in short: `event from→to by via`; its chain must hold.
    pub fn audit(&self) -> Vec<String> {
        let (lines, breaks) = audit::read(&self.root).unwrap();
        assert!(breaks.is_empty(), "{breaks:?}");
        let name = |state: Option<State>| state.map_or("-", State::as_str);
        let short = |line: &audit::Line| {
            let e = &line.entry;
            let event = serde_json::to_value(e.event).unwrap();
            format!("{} {}→{} {} {}", event.as_str().unwrap(), name(e.from), name(e.to), e.by, e.via)
        };
        lines.iter().map(short).collect()
    }

    /// Returns every file below the root with its bytes; locks and folders by name only.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in walkdir::WalkDir::new(self.path()).into_iter().map(Result::unwrap) {
            let is_lock = entry.path().extension().is_some_and(|e| e == "lock");
            let bytes =
                if entry.file_type().is_file() && !is_lock { std::fs::read(entry.path()).unwrap() } else { vec![] };
            found.insert(entry.path().strip_prefix(self.path()).unwrap().to_owned(), bytes);
        }
        found
    }

    /// Returns the names of temporary files that were left behind in `actions/`.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let all = walkdir::WalkDir::new(self.at("actions")).into_iter().map(Result::unwrap);
        let paths = all.map(walkdir::DirEntry::into_path);
        paths.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with('.')).collect()
    }

    /// Returns the program, called on this root in a cleared environment: the one that was built with the tests, or the
    /// one that `HLCTL_PROGRAM` names.
    pub fn hlctl(&self, args: &[&str]) -> Command {
        let program = needs::var("HLCTL_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_hlctl").to_owned());
        let mut command = Command::new(program);
        command.env_clear().env("TZ", "UTC").arg("--root").arg(self.path()).args(args);
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(self.hlctl(args).output().unwrap())
    }
}

/// Returns the transitions that lead to a state.
pub fn way_to(state: State) -> &'static [Transition] {
    use Transition as T;
    match state {
        State::Pending => &[],
        State::Approved => &[T::Approve],
        State::Running => &[T::Approve, T::Claim],
        State::Completed => &[T::Approve, T::Claim, T::Complete],
        State::Failed => &[T::Approve, T::Claim, T::Fail],
        State::Rejected => &[T::Reject],
        State::Cancelled => &[T::Cancel],
    }
}

/// Returns who asks, at a fixed time.
pub fn asked(by: &str, via: Via) -> Asked {
    Asked { at: at(), by: by.into(), via, peer: None, note: None }
}

/// The time of all transitions of these tests.
pub fn at() -> Stamp {
    Stamp::parse("2026-11-23T07:13:05.123Z").unwrap()
}

/// Returns the fields of a redeploy of `piha/web`.
pub fn fields(id: &str) -> Fields {
    let _: ActionId = id.parse().unwrap();
    let json = format!(
        r#"{{"schema":"hlctl.action/v1","id":"{id}","type":"redeploy","risk":"guarded","node":"piha","service":"web","attempt":1,"drift":{{"type":"missing_service","reason":null,"detected_at":"2026-11-23T07:00:00.000Z"}},"hints":[],"plan":{{"digest":"sha256:00","steps":[]}},"history":[],"result":null}}"#
    );
    serde_json::from_str(&json).unwrap()
}

/// Returns the sorted names in a folder; none where there is none.
pub fn names(dir: &Path) -> Vec<String> {
    let Ok(list) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> = list.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Writes a program.
pub fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
