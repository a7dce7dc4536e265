//! How a run of the built program ended.
#![allow(clippy::allow_attributes, reason = "each test uses another part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::process::Output;

/// How a run of the program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its exit code; -1 for a signal.
    pub code: i32,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub err: String,
}

impl Run {
    /// Reads an ended process's output, which must be UTF-8.
    pub fn of(output: Output) -> Run {
        Run {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
