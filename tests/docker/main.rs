//! The whole program on a real Docker engine, with images built `FROM scratch` around a static busybox.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "../chromium/mod.rs"]
mod chromium;
mod engine;
mod faults;
mod kills;
mod lab;
#[path = "../needs/mod.rs"]
mod needs;
mod page;
mod redeploy;
mod registry;
mod restart;
mod rollback;
mod silence;
mod ssh;
#[path = "../sshd/mod.rs"]
mod sshd;
mod swarm;
