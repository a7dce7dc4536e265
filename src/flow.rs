//! The pure heart: events → world → drift → actions → plan. Values in, values out; nothing here knows a
//! file, a process, the environment or the clock (`tests/layers.rs` holds it to that).

pub mod time;
pub mod name;
pub mod fields;
pub mod digest;
pub mod yaml;
pub mod config;
pub mod hostfile;
pub mod desired;
pub mod action;
pub mod lifecycle;
pub mod plan;
