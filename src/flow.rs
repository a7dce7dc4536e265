//! The pure heart: events → world → drift → actions → plan. Values in, values out; nothing here knows a
//! file, a process, the environment or the clock (`tests/layers.rs` holds it to that).

pub mod time;
pub mod sort;
pub mod words;
pub mod diff;
pub mod name;
pub mod fields;
pub mod json;
pub mod digest;
pub mod mask;
pub mod yaml;
pub mod config;
pub mod control_plane;
pub mod event;
pub mod intake;
pub mod retention;
pub mod fold;
pub mod world;
pub mod hostfile;
pub mod project;
pub mod desired;
pub mod action;
pub mod lifecycle;
pub mod plan;
pub mod ssh;
pub mod health;
pub mod engine;
pub mod outgoing;
pub mod listing;
pub mod restarts;
pub mod units;
pub mod sighting;
pub mod watch;
pub mod discover;
pub mod drift;
pub mod silence;
pub mod policy;
pub mod window;
pub mod order;
pub mod reconcile;
pub mod status;
pub mod spool;
pub mod mirror;
#[cfg(test)]
pub mod fixtures;
