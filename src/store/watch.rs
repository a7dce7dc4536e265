//! Hears of every change of what a report of the state is made of, as the kernel tells it: before the writer's call
//! returns. Nothing wakes the process; what was heard is asked for. Never opens a file, never walks what grows with
//! time.
//!
//! Deaf to what other machines change on a network file system, and to what lies deeper than the folders named here:
//! it is for the caller not to trust silence for long.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use super::root::Root;
use crate::flow::lifecycle::State;

/// A pair of ears.
#[derive(Debug)]
pub struct Watch(OwnedFd);

impl Watch {
    /// Makes one that hears nothing yet.
    pub fn new() -> std::io::Result<Watch> {
        Ok(Watch(inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?))
    }

    /// Listens to a root and to the folders of its hosts, those that are new included. Returns whether it can hear all
    /// that is there.
    pub fn listen(&self, root: &Root, hosts: &Path) -> bool {
        let own = [root.path().to_owned(), root.world(""), root.state(""), root.actions()];
        let states = State::ALL.map(|state| root.actions().join(state.as_str()));
        let all = own.iter().chain(&states).all(|folder| self.add(folder));
        let folders = std::fs::read_dir(hosts).into_iter().flatten().flatten();
        let mut names = folders.filter(|f| !f.file_name().as_encoded_bytes().starts_with(b"."));
        all && self.add(hosts) && names.all(|folder| self.add(&folder.path()))
    }

    /// Listens to a folder, or to where a link leads. One that is not there is heard of when it comes.
    fn add(&self, folder: &Path) -> bool {
        let changes = WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF;
        matches!(inotify::add_watch(&self.0, folder, changes), Ok(_) | Err(rustix::io::Errno::NOENT))
    }

    /// Returns whether anything changed since this was asked last.
    pub fn heard(&self) -> bool {
        let (mut buffer, mut heard) = ([0; 4096], false);
        // What was told is of no interest, only that something was. An overflow is told as well.
        while rustix::io::read(&self.0, &mut buffer).is_ok_and(|n| n > 0) {
            heard = true;
        }
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pass_a_transition_and_a_hand_change_is_heard() {
        let dir = tempfile::tempdir().unwrap();
        let at = |below: &str| dir.path().join(below);
        for below in ["world", "actions/pending", "state", "hosts/piha", "elsewhere/vps"] {
            std::fs::create_dir_all(at(below)).unwrap();
        }
        std::os::unix::fs::symlink(at("elsewhere/vps"), at("hosts/vps")).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let watch = Watch::new().unwrap();
        let listen = || watch.listen(&root, &at("hosts"));
        assert!(listen() && !watch.heard());
        let heard = |what: &str| {
            assert!(watch.heard(), "{what}");
            assert!(!watch.heard(), "{what}, twice");
        };
        for file in [
            "config.yaml",
            "world/services.json",
            "actions/pending/a.json",
            "state/execute.lock",
            "hosts/piha/services.yaml",
            "hosts/vps/host.yaml",
        ] {
            for text in ["a", "b"] {
                std::fs::write(at(file), text).unwrap();
                heard(file);
            }
            std::fs::read(at(file)).unwrap();
            assert!(!watch.heard(), "{file} was only read");
        }
        std::fs::File::open(at("state/execute.lock")).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        heard("the touch of a lock");
        std::fs::rename(at("actions/pending/a.json"), at("actions/pending/b.json")).unwrap();
        heard("a move");
        std::fs::create_dir(at("hosts/nas")).unwrap();
        heard("a host");
        assert!(listen() && !watch.heard());
        std::fs::write(at("hosts/nas/services.yaml"), "services: []").unwrap();
        heard("the file of a new host");
    }

    #[test]
    fn a_folder_that_is_not_there_is_heard_of_when_it_comes() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let watch = Watch::new().unwrap();
        assert!(watch.listen(&root, &dir.path().join("hosts")) && !watch.heard());
        for below in ["world", "hosts", "actions", "actions/pending"] {
            std::fs::create_dir(dir.path().join(below)).unwrap();
            assert!(watch.heard(), "{below}");
            watch.listen(&root, &dir.path().join("hosts"));
        }
    }
}
