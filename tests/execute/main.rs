//! `hlctl execute` through the binary: order, windows, policy, refusals, kills, output.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "../needs/mod.rs"]
mod needs;
mod changed;
mod commits;
mod injection;
mod kills;
mod lab;
#[path = "../manager/mod.rs"]
mod manager;
mod logs;
mod order;
mod output;
mod policy;
mod systemd;
#[path = "../sshd/mod.rs"]
mod sshd;
#[path = "../words/mod.rs"]
mod words;
