//! `hlctl agent` through the real program: on a real Docker engine with containers of each kind of health, with a real
//! broker, with doubles on loopback, and with whatever hangs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod checks;
mod containers;
mod discover;
mod lab;
#[path = "../manager/mod.rs"]
mod manager;
#[path = "../needs/mod.rs"]
mod needs;
mod passes;
mod units;
