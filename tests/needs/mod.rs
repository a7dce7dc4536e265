//! Tests that need a program of the system: skipped with a printed reason where it is missing, failed where
//! `HLCTL_REQUIRE_E2E=1` says that everything has to run.

use std::process::{Command, Stdio};

/// Returns whether a program is there; says on stderr that the test is skipped if it is not.
pub fn program(name: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$1\"", "sh", name])
        .stdout(Stdio::null())
        .status()
        .expect("sh is on every machine that builds this")
        .success();
    if !found {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// Says that a test is skipped and why; fails it where nothing may be skipped.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "a test is asked by the environment")]
pub fn skip(reason: &str) {
    assert!(std::env::var_os("HLCTL_REQUIRE_E2E").is_none_or(|v| v != "1"), "HLCTL_REQUIRE_E2E=1, but {reason}");
    eprintln!("skipped: {reason}");
}
