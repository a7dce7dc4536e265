//! The pure heart: events → world → drift → actions → plan. Values in, values out; nothing here knows a
//! file, a process, the environment or the clock (`tests/layers.rs` holds it to that).

pub mod action;
pub mod config;
pub mod desired;
pub mod digest;
pub mod fields;
pub mod health;
pub mod hostfile;
pub mod lifecycle;
pub mod mask;
pub mod name;
pub mod plan;
pub mod ssh;
pub mod time;
pub mod yaml;
