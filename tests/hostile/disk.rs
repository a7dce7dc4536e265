//! A full disk, and things that are not what they should be: nothing is lost, and the error says what to do.

use std::path::Path;
use std::process::Command;

use crate::lab::Lab;
use crate::needs;

/// A file system of a megabyte, mounted as a lab's root; unmounted when it goes.
struct Small<'a>(&'a Lab);

impl<'a> Small<'a> {
    fn mounted(lab: &'a Lab) -> Option<Self> {
        std::fs::create_dir(lab.root()).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(lab.root()).output();
        needs::there("right to mount a tmpfs", mounted.is_ok_and(|o| o.status.success())).then_some(Self(lab))
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.0.at("filler")).unwrap();
        for size in [65536, 4096, 1] {
            while file.write(&vec![0; size]).is_ok_and(|n| n > 0) {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.0.at("filler")).unwrap();
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.root()).status();
    }
}

#[test]
fn a_full_disk_loses_nothing_and_says_what_to_do() {
    if !needs::super_user() {
        return;
    }
    let lab = Lab::bare();
    let Some(disk) = Small::mounted(&lab) else { return };
    lab.ok(&["init"]);
    lab.drift();
    lab.ok(&["approve", "container-restart-piha-db"]);
    lab.event("service_unhealthy", "web", "");
    lab.host("vps", "services: [web]\n");
    let records = |lab: &Lab| -> Vec<(&str, Vec<&str>)> {
        ["redeploy-piha-web", "container-restart-piha-db"].map(|id| (id, lab.states(id))).into()
    };
    disk.fill();
    let before = records(&lab);
    for args in [
        &["observe"][..],
        &["reconcile"],
        &["approve", "redeploy-piha-web"],
        &["reject", "redeploy-piha-web", "--reason", "no"],
        &["execute"],
        &["request", "redeploy", "vps", "web"],
        &["silence", "piha", "--for", "1h", "--why", "x"],
    ] {
        let run = lab.run(args);
        assert_eq!(run.code, 1, "{args:?}: {run:?}");
        assert!(run.err.contains("No space left") && run.err.contains("free some space"), "{args:?}: {run:?}");
        assert_eq!(records(&lab), before, "{args:?}");
        for reading in [&["status"][..], &["actions"], &["show", "redeploy-piha-web"]] {
            assert_eq!(lab.run(reading).code, 0, "{reading:?} after {args:?}");
        }
    }
    assert!(lab.ledger().is_empty(), "nothing runs whose claim cannot be recorded");
    disk.free();
    for args in [&["observe"][..], &["reconcile"], &["approve", "redeploy-piha-web"], &["execute"]] {
        let run = lab.run(args);
        assert_eq!(run.code, 0, "{args:?}: {run:?}");
    }
    lab.ok(&["audit", "verify"]);
    assert_eq!(lab.ledger().len(), 2);
}

#[test]
fn a_folder_where_a_file_should_be_is_an_error_that_names_it() {
    for (place, verb) in [
        ("world/services.json", "observe"),
        ("world/nodes.json", "observe"),
        ("world/services.json", "reconcile"),
        ("world/drift.json", "reconcile"),
        ("state/silences.json", "reconcile"),
        ("state/reconcile.lock", "reconcile"),
        ("state/actions.lock", "approve"),
        ("state/audit.lock", "approve"),
        ("config.yaml", "reconcile"),
    ] {
        let lab = Lab::drifted();
        let path = lab.at(place);
        let _ = std::fs::remove_file(&path);
        std::fs::create_dir_all(path.join("inside")).unwrap();
        lab.event("service_unhealthy", "web", "");
        let args: &[&str] =
            if verb == "approve" { &["approve", "redeploy-piha-web"] } else { std::slice::from_ref(&verb) };
        let run = lab.run(args);
        assert_eq!(run.code, 1, "{place}: {run:?}");
        assert!(run.err.contains(place) && run.err.contains("help: "), "{place}: {run:?}");
        assert!(path.join("inside").is_dir(), "{place} is left alone");
    }
    // The checkpoint is only a hint.
    let lab = Lab::drifted();
    std::fs::remove_file(lab.at("state/observer_checkpoint.json")).unwrap();
    std::fs::create_dir(lab.at("state/observer_checkpoint.json")).unwrap();
    let world = lab.read("world/services.json");
    let run = lab.run(&["observe"]);
    assert!([0, 1].contains(&run.code) && lab.read("world/services.json") == world, "{run:?}");
}

#[test]
fn a_file_where_a_folder_should_be_is_an_error_that_names_it() {
    for (place, verb) in [
        ("events", "observe"),
        ("world", "observe"),
        ("actions/pending", "reconcile"),
        ("state", "observe"),
        ("audit", "reconcile"),
    ] {
        let lab = Lab::new();
        lab.services(&["web"]);
        if verb == "reconcile" {
            lab.ok(&["observe"]);
        }
        std::fs::remove_dir_all(lab.at(place)).unwrap();
        std::fs::write(lab.at(place), "in the way").unwrap();
        let run = lab.run(&[verb]);
        assert_eq!(run.code, 1, "{place}: {run:?}");
        assert!(run.err.contains(&format!("root/{place}")), "{place}: {run:?}");
        assert_eq!(lab.read(place), "in the way");
    }
}

#[test]
fn a_link_out_of_the_root_is_not_written_through() {
    let lab = Lab::drifted();
    let outside = lab.beside("sibling/outside.json");
    for place in [
        "world/services.json",
        "world/drift.json",
        "state/observe.json",
        "state/observer_checkpoint.json",
        "state/audit_head",
    ] {
        std::fs::write(&outside, "{}").unwrap();
        let _ = std::fs::remove_file(lab.at(place));
        std::os::unix::fs::symlink(&outside, lab.at(place)).unwrap();
        lab.event("service_unhealthy", "web", "");
        for verb in [&["observe"][..], &["reconcile"], &["request", "redeploy", "piha", "db"]] {
            lab.run(verb);
        }
        assert_eq!(std::fs::read_to_string(&outside).unwrap(), "{}", "{place}");
        if lab.at(place).is_symlink() {
            std::fs::remove_file(lab.at(place)).unwrap();
            lab.run(&["observe"]);
        }
    }
    assert!(Path::new(&outside).exists());
}
