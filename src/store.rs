//! The only code that touches the root. Every path is built in [`root`], every whole-file write goes through
//! [`atomic`], every pass holds a [`lock`].

pub mod root;
pub mod atomic;
pub mod lock;
pub mod pass;
pub mod people;
pub mod config;
pub mod hosts;
pub mod discovered;
pub mod events;
pub mod world;
pub mod drift;
pub mod silences;
pub mod agent;
pub mod actions;
pub mod transition;
pub mod ended;
pub mod audit;
pub mod tokens;
pub mod sessions;
pub mod batches;
pub mod spool;
pub mod mirror;
pub mod watch;
