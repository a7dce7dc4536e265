//! One file a verb: load, one pure call, save, report. The command line and the web call the same functions.

pub mod init;
pub mod observe;
