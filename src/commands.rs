//! One file a verb: load, one pure call, save, report. The command line and the web call the same functions.

pub mod init;
pub mod queue;
pub mod reconcile;
pub mod select;
pub mod approve;
pub mod reject;
pub mod request;
pub mod plan;
pub mod actions;
pub mod observe;
pub mod completions;
pub mod man;
