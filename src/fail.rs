//! Errors as the operator meets them: what failed, on which path, why, and on a line of its own what to do.

use std::fmt;

use crate::exit::Exit;

/// The result of a verb.
pub type Result<T> = color_eyre::Result<T>;

/// An error with advice and an exit code, carried inside a report.
#[derive(Debug)]
pub struct Fail {
    message: String,
    /// What to do about it, if that is known.
    pub advice: Option<String>,
    /// How the program ends because of it.
    pub exit: Exit,
    /// Whether what was named is not there.
    pub unknown: bool,
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fail {}

impl Fail {
    /// Makes an error with advice; the program ends with 1.
    pub fn new(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { message: message.into(), advice: Some(advice.into()), exit: Exit::Failed, unknown: false }
    }
}

/// Makes an error with advice; the program ends with 1.
pub fn fail(message: impl Into<String>, advice: impl Into<String>) -> color_eyre::Report {
    Fail::new(message, advice).into()
}

/// Makes the error of a name that stands for nothing; the program ends with 1.
pub fn unknown(message: impl Into<String>, advice: impl Into<String>) -> color_eyre::Report {
    Fail { message: message.into(), advice: Some(advice.into()), exit: Exit::Failed, unknown: true }.into()
}

/// Makes an error of the command line; the program ends with 2.
pub fn usage(message: impl Into<String>, advice: impl Into<String>) -> color_eyre::Report {
    Fail { message: message.into(), advice: Some(advice.into()), exit: Exit::Usage, unknown: false }.into()
}

macro_rules! advised {
    ($($error:ty),*) => {$(
        impl From<$error> for Fail {
            fn from(error: $error) -> Self {
                Fail::new(error.to_string(), error.advice())
            }
        }
    )*};
}
advised!(
    crate::store::root::RootError,
    crate::store::atomic::WriteError,
    crate::store::config::ConfigError,
    crate::store::transition::NotDone,
    crate::store::silences::SilencesError,
    crate::store::silences::ChangeError,
    crate::store::tokens::TokensError,
    crate::store::events::ReadError,
    crate::store::world::WorldError,
    crate::wire::WireError
);

/// Turns a typed error of the store, which knows its advice, into a report.
pub trait Advised<T> {
    /// Returns the value, or the error with its advice.
    fn advised(self) -> Result<T>;
}

impl<T, E: Into<Fail>> Advised<T> for std::result::Result<T, E> {
    fn advised(self) -> Result<T> {
        self.map_err(|e| e.into().into())
    }
}

/// Returns whether a report says that what was named is not there.
pub fn is_unknown(report: &color_eyre::Report) -> bool {
    report.chain().filter_map(|e| e.downcast_ref::<Fail>()).any(|fail| fail.unknown)
}

/// Returns the advice and the exit code that a report carries.
pub fn verdict(report: &color_eyre::Report) -> (Option<String>, Exit) {
    if let Some(found) = report.chain().find_map(|e| e.downcast_ref::<Fail>()) {
        return (found.advice.clone(), found.exit);
    }
    // A plain error of the system has no advice of its own; what helps depends on its kind alone.
    let system = report.chain().find_map(|e| e.downcast_ref::<std::io::Error>());
    (system.map(|e| crate::store::atomic::advice_for(e.kind())), Exit::Failed)
}
