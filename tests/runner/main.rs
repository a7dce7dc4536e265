//! The runner and the probes over real processes, a real sshd on loopback, and real shells.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "../needs/mod.rs"]
mod needs;
mod bars;
#[path = "../ship/far.rs"]
#[expect(dead_code, reason = "the tests of the way between machines use the rest")]
mod far;
mod injection;
mod local;
mod probes;
mod quoting;
mod ssh;
#[path = "../sshd/mod.rs"]
mod sshd;
mod support;
#[path = "../words/mod.rs"]
mod words;
