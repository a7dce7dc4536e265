//! `hlctl init`: makes the tree of the root. Running it again changes nothing.

use std::path::PathBuf;

use serde::Serialize;
use walkdir::WalkDir;

use crate::cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::fail::{Advised, Result, fail};
use crate::flow::lifecycle::State;
use crate::store::root::{Root, RootError};
use crate::view::{Report, Style, clean};

/// What was made.
#[derive(Debug, Serialize)]
pub struct InitReport {
    #[serde(serialize_with = "crate::flow::json::path")]
    root: PathBuf,
    #[serde(skip)]
    hosts: PathBuf,
    made: Vec<PathBuf>,
    dry_run: bool,
}

/// Makes the root and the folders in it.
pub fn run(cx: &Context, args: &cli::Init) -> Result<InitReport> {
    let path = &cx.root;
    let wanted: Vec<PathBuf> = ["events", "world", "actions", "audit", "state", "hosts"]
        .into_iter()
        .map(PathBuf::from)
        .chain(State::ALL.into_iter().map(|s| PathBuf::from("actions").join(s.as_str())))
        .chain(["actions/history", "actions/logs"].map(PathBuf::from))
        .filter(|dir| !(dir.as_os_str() == "hosts" && cx.hosts.is_some()))
        .collect();
    let missing: Vec<PathBuf> = wanted.iter().filter(|dir| !path.join(dir).is_dir()).cloned().collect();
    if !args.dry_run {
        make_root(cx, args.owner)?;
        let root = Root::open(path).advised()?;
        for dir in &wanted {
            root.make_dir(&path.join(dir)).advised()?;
        }
        if args.owner.is_some() {
            // All that hlctl writes; what lies in hosts/ belongs to whoever put it there.
            for entry in
                wanted.iter().filter(|dir| !dir.starts_with("hosts")).flat_map(|dir| WalkDir::new(path.join(dir)))
            {
                root.give(entry?.path()).advised()?;
            }
        }
    }
    Ok(InitReport { root: path.clone(), hosts: cx.hosts_path(), made: missing, dry_run: args.dry_run })
}

fn make_root(cx: &Context, owner: Option<(u32, u32)>) -> Result<()> {
    let path = &cx.root;
    if path.exists() && !path.is_dir() {
        return Err(RootError::NotAFolder(path.clone())).advised();
    }
    fs_err::create_dir_all(path).map_err(|e| {
        fail(format!("cannot make the root: {e}"), "run it with sudo, or name another root with --root")
    })?;
    if let Some((uid, gid)) = owner {
        std::os::unix::fs::chown(path, Some(uid), Some(gid)).map_err(|e| {
            fail(
                format!("cannot give {} to {uid}:{gid}: {e}", path.display()),
                "only root can give files away: use sudo",
            )
        })?;
    }
    Ok(())
}

impl Report for InitReport {
    fn text(&self, _: Style) -> String {
        let root = clean(&self.root.to_string_lossy()).into_owned();
        if self.made.is_empty() {
            return format!("{root}: everything is there\n");
        }
        let verb = if self.dry_run { "would make" } else { "made" };
        // A folder stands for those in it.
        let inner = |path: &PathBuf| path.parent().is_some_and(|above| self.made.iter().any(|m| m == above));
        let list: Vec<String> = self.made.iter().filter(|m| !inner(m)).map(|m| format!("{}/", m.display())).collect();
        format!(
            "{root}: {verb} {}\nnext: put a services.yaml into {}/<node>/ and run `hlctl check`\n",
            list.join(" "),
            clean(&self.hosts.to_string_lossy())
        )
    }

    fn exit(&self) -> Exit {
        Exit::Done
    }
}
