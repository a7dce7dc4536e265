//! The exit codes of the contract (section 7), in one table.

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do, or another pass of the kind is running.
    Done = 0,
    /// It failed, or some of it did: the rest was done.
    Failed = 1,
    /// The command line was wrong.
    Usage = 2,
    /// `status --check`: something needs a person.
    Attention = 3,
    /// `execute`: the pass ran, and at least one action failed in it.
    ActionFailed = 4,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        (exit as u8).into()
    }
}
