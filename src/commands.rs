//! One file a verb: load, one pure call, save, report. The command line and the web call the same functions.

pub mod init;
pub mod check;
pub mod observe;
pub mod prune;
pub mod events;
pub mod ingest;
pub mod agent;
pub mod reconcile;
pub mod queue;
pub mod select;
pub mod request;
pub mod plan;
pub mod approve;
pub mod reject;
pub mod ask;
pub mod execute;
pub mod logs;
pub mod actions;
pub mod status;
pub mod silence;
pub mod audit;
pub mod token;
pub mod digest;
pub mod completions;
pub mod man;
pub mod demo;
