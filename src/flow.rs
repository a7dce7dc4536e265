//! The pure heart: events → world → drift → actions → plan. Values in, values out; nothing here knows a
//! file, a process, the environment or the clock (`tests/layers.rs` holds it to that).

pub mod time;
pub mod name;
