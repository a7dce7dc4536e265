//! Tests that need something of the machine: skipped with a printed reason where it is missing, failed where
//! `HLCTL_REQUIRE_E2E=1` says that everything has to run. The one place that decides this.
#![allow(clippy::allow_attributes, reason = "each test uses another part of this")]
#![allow(dead_code, reason = "each test uses another part of this")]

use std::path::Path;
use std::process::Command;

/// Returns whether a program is there; says on stderr that the test is skipped if it is not.
pub fn program(name: &str) -> bool {
    // Daemons lie in folders that are not on everyone's path.
    let path = var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    let found = folders.into_iter().any(|folder| Path::new(folder).join(name).is_file());
    there(name, found)
}

/// Returns whether something is there; says on stderr that the test is skipped if it is not.
pub fn there(what: &str, is_there: bool) -> bool {
    if !is_there {
        skip(&format!("this machine has no {what}"));
    }
    is_there
}

/// Returns whether this is the super-user.
pub fn super_user() -> bool {
    there("super-user in this test", rustix::process::geteuid().is_root())
}

/// Returns whether `strace` is there and may trace.
pub fn strace() -> bool {
    let works = || Command::new("strace").args(["-o", "/dev/null", "true"]).output().is_ok_and(|o| o.status.success());
    program("strace") && there("strace that may trace", works())
}

/// Says that a test is skipped and why; fails it where nothing may be skipped.
pub fn skip(reason: &str) {
    assert!(var("HLCTL_REQUIRE_E2E").is_none_or(|v| v != "1"), "HLCTL_REQUIRE_E2E=1, but {reason}");
    eprintln!("skipped: {reason}");
}

/// Returns a number that the test run is asked for, or a small one.
pub fn number(name: &str, small: usize) -> usize {
    var(name).and_then(|n| n.parse().ok()).unwrap_or(small)
}

/// Returns a variable of the test run.
#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not of the program")]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}
