//! hlctl, the control plane of a homelab.
//!
//! In reading order: [`cli`] is what can be asked, [`run`] leads from there to [`commands`], one file a verb;
//! those take [`flow`], the pure heart, [`store`], the only code that touches the root, and are shown by [`view`].

pub mod cli;
pub mod commands;
pub mod context;
pub mod exit;
pub mod fail;
pub mod flow;
pub mod probe;
pub mod process;
pub mod run;
pub mod runner;
pub mod store;
pub mod view;
