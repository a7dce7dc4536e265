//! Between machines: what an agent's token can do, the spool on its way, the mirror, TLS before the control plane,
//! and the other ways for events to travel. All of it over real sockets, between real processes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../serve/server.rs"]
#[expect(dead_code, reason = "the tests of `serve` use the rest")]
mod server;

#[path = "../sshd/mod.rs"]
mod sshd;

mod agent;
mod far;
mod hostile;
mod mirror;
mod spool;
mod transport;
mod ways;

use support::{Home, needs};

/// Returns a time some seconds after another one, as Unix seconds: the time of the tests' events.
fn now() -> i64 {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::MetadataExt::mtime(&file.as_file().metadata().unwrap())
}

/// Returns every line of every file of events.
fn events_of(home: &Home) -> Vec<String> {
    let files = walkdir::WalkDir::new(home.at("events")).sort_by_file_name().into_iter().filter_map(Result::ok);
    let texts = files.filter(|e| e.file_type().is_file()).map(|e| std::fs::read_to_string(e.path()).unwrap());
    texts.flat_map(|t| t.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}
