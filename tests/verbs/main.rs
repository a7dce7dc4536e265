//! Every verb through the built program, one module a command: what it prints for people and as JSON, how it ends,
//! what it says of wrong uses. The snapshots hold whole sessions, as somebody at a terminal would see them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "../lab/mod.rs"]
mod lab;
#[path = "../needs/mod.rs"]
mod needs;

mod init;
mod observe;
mod reconcile;
mod approve;
mod reject;
mod actions;
mod show;
mod logs;
mod request;
mod plan;
mod status;
mod silence;
mod audit;
mod check;
mod digest;
mod execute;
mod generated;
mod unchanged;

/// Compares a session with its snapshot.
macro_rules! assert_session {
    ($lab:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => true, snapshot_path => "snapshots" }, {
            insta::assert_snapshot!($lab.transcript());
        });
    };
}
use assert_session;
