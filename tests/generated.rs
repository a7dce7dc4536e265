//! Completions and manual pages are committed, so that packagers need not run the program. They must be what
//! the program prints; `HLCTL_BLESS=1 cargo test --test generated` writes them anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

mod needs;

const SHELLS: [(&str, &str); 4] =
    [("bash", "hlctl.bash"), ("zsh", "_hlctl"), ("fish", "hlctl.fish"), ("elvish", "hlctl.elv")];

fn source(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn hlctl(args: &[&str]) -> Vec<u8> {
    let out = Command::new(env!("CARGO_BIN_EXE_hlctl")).args(args).env_clear().output().expect("hlctl starts");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Holds what the program prints against a committed file, or writes the file if that is asked for.
#[expect(clippy::disallowed_methods, reason = "a test is asked by the environment")]
fn assert_committed(path: &Path, printed: &[u8]) {
    let committed = std::fs::read(path).unwrap_or_default();
    if committed == printed {
        return;
    }
    assert!(
        std::env::var_os("HLCTL_BLESS").is_some(),
        "{} is not what the program prints: run HLCTL_BLESS=1 cargo test --test generated",
        path.display()
    );
    std::fs::write(path, printed).expect("the source folder can be written");
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    entries.map(|e| e.expect("it can be listed").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn completions_are_what_the_program_prints() {
    for (shell, file) in SHELLS {
        assert_committed(&source("completions").join(file), &hlctl(&["completions", shell]));
    }
}

#[test]
fn manual_pages_are_what_the_program_prints() {
    let made = tempfile::tempdir().unwrap();
    hlctl(&["man", "--dir", &made.path().to_string_lossy()]);
    for name in names(made.path()) {
        assert_committed(&source("man").join(&name), &std::fs::read(made.path().join(&name)).unwrap());
    }
    assert_eq!(names(made.path()), names(&source("man")), "a page without a command, or the other way round");
}

#[test]
fn one_page_is_printed_as_it_is_written() {
    assert_eq!(hlctl(&["man", "reconcile"]), std::fs::read(source("man/hlctl-reconcile.1")).unwrap());
    assert_eq!(hlctl(&["man", "files"]), std::fs::read(source("man/hlctl-files.5")).unwrap());
    assert_eq!(hlctl(&["man"]), std::fs::read(source("man/hlctl.1")).unwrap());
}

#[test]
fn hidden_commands_stay_hidden() {
    for folder in ["completions", "man"] {
        for name in names(&source(folder)) {
            let text = std::fs::read_to_string(source(folder).join(&name)).unwrap();
            for hidden in ["step-gate", "demo-service"] {
                assert!(!text.contains(hidden), "{folder}/{name} tells of {hidden}");
            }
        }
    }
}

#[test]
fn the_shells_read_their_completions() {
    for (shell, file) in [("bash", "hlctl.bash"), ("fish", "hlctl.fish")] {
        if needs::program(shell) {
            let out = Command::new(shell).arg("-n").arg(source("completions").join(file)).output().unwrap();
            assert!(out.status.success(), "{shell}: {}", String::from_utf8_lossy(&out.stderr));
        }
    }
}

#[test]
fn mandoc_finds_nothing_to_say_about_the_pages() {
    if !needs::program("mandoc") {
        return;
    }
    for name in names(&source("man")) {
        let out = Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(source("man").join(&name))
            .output()
            .unwrap();
        assert!(out.stdout.is_empty() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stdout));
    }
}

#[test]
fn an_unknown_page_is_usage_and_names_the_nearest() {
    let out = Command::new(env!("CARGO_BIN_EXE_hlctl")).args(["man", "reconsile"]).env_clear().output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("hlctl man reconcile"));
}
