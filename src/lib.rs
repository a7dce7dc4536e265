//! hlctl, the control plane of a homelab.
//!
//! In reading order: [`cli`] is what can be asked, [`run`] leads from there to [`commands`], one file a verb;
//! those take [`flow`], the pure heart, [`store`], the only code that touches the root, [`wire`] (the control plane over
//! HTTP), [`probe`] (machine → health) and [`runner`] (approved plan → processes → outcome, on [`process`]), and are shown by [`view`], or over HTTP by [`web`].
//!
//! What a replay does once a byte lies in `crates/line`, which is compiled for speed while the rest is for size.

// Not in Cargo.toml: tests do print why they skip.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod run;
pub mod context;
pub mod exit;
pub mod fail;
pub mod commands;
pub mod flow;
pub mod store;
pub mod wire;
pub mod probe;
pub mod runner;
pub mod process;
pub mod view;
pub mod web;
