//! Somebody else's root: an error that says who should run it, and what the super-user does locks nobody out.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::lab::{HLCTL, Lab, Run};
use crate::needs;

/// Runs the program as the owner of nothing; none where that cannot be done here.
fn as_nobody(lab: &Lab, args: &[&str]) -> Option<Run> {
    std::fs::set_permissions(lab.beside(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    // Where it was built it may lie in a folder that nobody else may enter.
    let program = lab.beside("bin/hlctl");
    if !program.exists() {
        std::fs::copy(HLCTL, &program).unwrap();
    }
    let all = [&["--reuid=65534", "--regid=65534", "--clear-groups", "--", program.to_str().unwrap()], args].concat();
    let output = lab.called_by("setpriv", &all).output().unwrap();
    Some(Run::of(output)).filter(|run| needs::there("right to become somebody else", !run.err.starts_with("setpriv:")))
}

fn can_be_tested() -> bool {
    needs::super_user() && needs::program("setpriv")
}

#[test]
fn a_root_that_may_not_be_read_or_written_says_who_should_run_it() {
    if !can_be_tested() {
        return;
    }
    let lab = Lab::drifted();
    lab.host("vps", "services: [web]\n");
    let before = lab.snapshot();
    for args in
        [&["observe"][..], &["reconcile"], &["execute"], &["approve", "--all"], &["request", "disk_cleanup", "piha"]]
    {
        let Some(run) = as_nobody(&lab, args) else { return };
        assert_eq!(run.code, 1, "{args:?}: {run:?}");
        assert!(run.err.contains("ermission denied") && run.err.contains("owner of the root"), "{args:?}: {run:?}");
    }
    assert_eq!(lab.snapshot(), before);
    for args in [&["status"][..], &["actions"], &["audit", "verify"], &["check"], &["digest"]] {
        let Some(run) = as_nobody(&lab, args) else { return };
        assert_eq!(run.code, 0, "whoever may read may look: {args:?}: {run:?}");
    }
    std::fs::set_permissions(lab.root(), std::fs::Permissions::from_mode(0o700)).unwrap();
    for args in [&["status"][..], &["observe"], &["actions"]] {
        let Some(run) = as_nobody(&lab, args) else { return };
        assert_eq!(run.code, 1, "{args:?}: {run:?}");
        assert!(run.err.contains("root: ") && run.err.contains("help: "), "{args:?}: {run:?}");
    }
}

#[test]
fn a_host_file_that_may_not_be_read_breaks_its_host_only() {
    if !can_be_tested() {
        return;
    }
    let lab = Lab::bare();
    lab.ok(&["init", "--owner", "65534:65534"]);
    lab.services(&["web"]);
    lab.host("vps", "services: [db]\n");
    lab.ok(&["observe"]);
    lab.ok(&["reconcile"]);
    std::fs::set_permissions(lab.at("hosts/piha/services.yaml"), std::fs::Permissions::from_mode(0o000)).unwrap();
    std::fs::remove_file(lab.action("pending", "redeploy-vps-db")).unwrap();
    let Some(run) = as_nobody(&lab, &["reconcile"]) else { return };
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("hosts/piha/services.yaml"), "{run:?}");
    assert_eq!((lab.states("redeploy-piha-web"), lab.states("redeploy-vps-db")), (vec!["pending"], vec!["pending"]));
}

#[test]
fn what_the_super_user_did_locks_the_owner_out_of_nothing() {
    if !can_be_tested() {
        return;
    }
    let lab = Lab::bare();
    lab.ok(&["init", "--owner", "65534:65534"]);
    lab.drift();
    lab.ok(&["approve", "redeploy-piha-web"]);
    for path in
        lab.snapshot().into_keys().filter(|p| !p.starts_with(lab.at("hosts")) && !p.starts_with(lab.at("events")))
    {
        assert_eq!(path.symlink_metadata().unwrap().uid(), 65534, "{}", path.display());
    }
    // An agent of the owner's made the day's folder, not the hand of this test.
    std::os::unix::fs::chown(lab.at("events/2026-11-23"), Some(65534), None).unwrap();
    std::fs::write(lab.beside("ledger"), "").unwrap();
    std::os::unix::fs::chown(lab.beside("ledger"), Some(65534), None).unwrap();
    for args in [&["observe"][..], &["reconcile"], &["approve", "--all"], &["execute"], &["observe"]] {
        let Some(run) = as_nobody(&lab, args) else { return };
        assert_eq!(run.code, 0, "{args:?}: {run:?}");
    }
    assert_eq!(lab.ledger().len(), 2);
}
