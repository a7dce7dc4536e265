//! Hostile names and texts through every door, and bad input of every kind: a clear error or harmless, nothing
//! outside the root touched, no control character from outside on the screen.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "../lab/mod.rs"]
mod lab;
#[path = "../needs/mod.rs"]
mod needs;

mod judge;
mod arguments;
mod environment;
mod events;
mod hosts;

mod actions;
mod disk;
mod owner;
mod clock;
