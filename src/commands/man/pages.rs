//! What the manual says beyond the options: descriptions, examples and exit codes, a [`Page`] a command. Text
//! between backquotes is set in bold. Holds words only.

mod decisions;
mod events;
mod looking;
mod mirror;
mod passes;
mod serving;

/// The words of one page.
pub struct Page {
    /// `hlctl-VERB`.
    pub name: &'static str,
    /// The description, a paragraph each.
    pub text: &'static [&'static str],
    /// What it is for, and the command lines.
    pub examples: &'static [(&'static str, &'static [&'static str])],
    /// What each exit code means here.
    pub exits: &'static [(u8, &'static str)],
    /// Variables that it reads.
    pub environment: &'static [(&'static str, &'static str)],
    /// Files that it reads or writes.
    pub files: &'static [(&'static str, &'static str)],
    /// Other pages, of section 1 unless they end in `(5)`.
    pub see: &'static [&'static str],
}

const DONE: (u8, &str) = (0, "Done, or there was nothing to do.");
const FAILED: (u8, &str) = (1, "It failed, or some of it did: the rest was done. The error says what to do.");
const USAGE: (u8, &str) = (2, "The command line was wrong.");
const PASS_DONE: (u8, &str) =
    (0, "The pass is done, or another pass of the kind is running; that is said on standard error.");

/// Returns the words about a command; nothing but its options is said of one that has none.
pub fn of(name: &str) -> &'static Page {
    all().find(|p| p.name == name).unwrap_or(&NONE)
}

const NONE: Page = Page {
    name: "",
    text: &[],
    examples: &[],
    exits: &[DONE, FAILED, USAGE],
    environment: &[],
    files: &[],
    see: &["hlctl"],
};

/// Returns every page.
pub fn all() -> impl Iterator<Item = &'static Page> {
    passes::PAGES
        .iter()
        .chain(decisions::PAGES)
        .chain(looking::PAGES)
        .chain(events::PAGES)
        .chain(mirror::PAGES)
        .chain(serving::PAGES)
}
