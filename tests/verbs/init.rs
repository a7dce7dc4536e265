use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::assert_session;
use crate::lab::Lab;
use crate::needs;

#[test]
fn makes_the_tree_and_running_it_again_changes_nothing() {
    let mut lab = Lab::bare();
    lab.type_in("init --dry-run");
    assert!(!lab.root().exists());
    lab.type_in("init --json");
    let before = lab.snapshot();
    lab.type_in("init");
    lab.type_in("init --json");
    assert_eq!(lab.snapshot(), before);
    assert_session!(lab);
}

#[test]
fn a_desired_state_elsewhere_needs_no_hosts_in_the_root() {
    let mut lab = Lab::bare();
    lab.type_in("init --hosts elsewhere");
    assert!(!lab.at("hosts").exists());
    assert_session!(lab);
}

#[test]
fn what_is_missing_is_made_again() {
    let mut lab = Lab::new();
    std::fs::remove_dir(lab.at("actions/approved")).unwrap();
    lab.type_in("init");
    assert!(lab.at("actions/approved").is_dir());
    assert_session!(lab);
}

#[test]
fn the_owner_that_was_asked_for_owns_all_of_it() {
    if !needs::super_user() {
        return;
    }
    let lab = Lab::bare();
    lab.ok(&["init", "--owner", "65534:65533"]);
    for (path, _) in lab.snapshot() {
        let meta = path.symlink_metadata().unwrap();
        assert_eq!((meta.uid(), meta.gid()), (65534, 65533), "{}", path.display());
    }
    // What root makes later belongs to the root's owner too.
    lab.services(&["web"]);
    lab.event("node_heartbeat", "web", "");
    for verb in ["observe", "reconcile", "approve", "execute"] {
        lab.ok(if verb == "approve" { &["approve", "--all"] } else { std::slice::from_ref(&verb) });
    }
    let by_hand = [lab.at("hosts"), lab.at("events")];
    for (path, _) in lab.snapshot() {
        if by_hand.iter().any(|dir| path.starts_with(dir) && path != *dir) {
            continue;
        }
        let meta = path.symlink_metadata().unwrap();
        assert_eq!((meta.uid(), meta.gid()), (65534, 65533), "{}", path.display());
    }
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::bare();
    lab.type_in("init --owner oskar");
    lab.type_in("init here");
    std::fs::write(lab.root(), "").unwrap();
    lab.type_in("init");
    std::fs::remove_file(lab.root()).unwrap();
    std::fs::create_dir(lab.root()).unwrap();
    std::fs::write(lab.at("actions"), "").unwrap();
    lab.type_in("init");
    assert_session!(lab);
}

#[test]
fn a_root_that_may_not_be_made_says_who_may() {
    if !needs::super_user() || !needs::program("setpriv") {
        return;
    }
    let mut lab = Lab::bare();
    for folder in [lab.beside(""), lab.beside("sibling")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let as_nobody = |lab: &Lab, args: &[&str]| {
        let all = [&["--reuid=65534", "--clear-groups", crate::lab::HLCTL], args].concat();
        crate::lab::Run::of(lab.called_by("setpriv", &all).output().unwrap())
    };
    let run = as_nobody(&lab, &["init"]);
    lab.take_down("init", &run);
    lab.ok(&["init"]);
    let run = as_nobody(&lab, &["init", "--owner", "0"]);
    lab.take_down("init --owner 0", &run);
    let transcript = lab.transcript();
    if transcript.contains("setpriv:") {
        return needs::skip("the program cannot be run by somebody else where it lies");
    }
    assert_session!(lab);
}
