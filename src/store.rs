//! The only code that touches the root. Every path is built in [`root`], every whole-file write goes through
//! [`atomic`], every pass holds a [`lock`].

pub mod atomic;
pub mod config;
pub mod events;
pub mod hosts;
pub mod lock;
pub mod pass;
pub mod people;
pub mod root;
pub mod world;
