//! How reports look: tables for people, plain columns in a pipe, JSON on request. Text from outside passes
//! [`clean`] before it reaches a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

use crate::context::Output;
use crate::exit::Exit;

pub mod progress;
pub mod table;
pub mod observe;
pub mod prune;
pub mod events;
pub mod ingest;
pub mod agent;
pub mod discover;
pub mod reconcile;
pub mod plan;
pub mod queue;
pub mod execute;
pub mod status;
pub mod mirror;
pub mod lists;
pub mod token;
pub mod template;
pub mod digest;

/// What a verb has to say, once, whatever the form.
pub trait Report: Serialize {
    /// Returns the text for people, ending in a newline unless it is empty.
    fn text(&self, style: Style) -> String;

    /// Returns what belongs on stderr: what went wrong while the rest was done, and hints.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns how the program ends.
    fn exit(&self) -> Exit {
        Exit::Done
    }
}

/// How text is decorated.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// For a terminal: fitted to its width.
    pub terminal: bool,
}

impl From<Output> for Style {
    fn from(output: Output) -> Self {
        Self { color: output.color, terminal: output.terminal }
    }
}

/// The four meanings of a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Somebody should look.
    Attention,
    /// It failed.
    Bad,
    /// Nothing is known, or it does not matter.
    Quiet,
}

impl Style {
    /// Returns a text in the colour of its meaning.
    pub fn paint(self, text: &str, tone: Tone) -> String {
        use owo_colors::OwoColorize as _;
        if !self.color {
            return text.to_owned();
        }
        match tone {
            Tone::Good => text.green().to_string(),
            Tone::Attention => text.yellow().to_string(),
            Tone::Bad => text.red().to_string(),
            Tone::Quiet => text.dimmed().to_string(),
        }
    }

    /// Returns a text that stands out.
    pub fn bold(self, text: &str) -> String {
        use owo_colors::OwoColorize as _;
        if self.color { text.bold().to_string() } else { text.to_owned() }
    }
}

/// Returns a text that cannot do anything to a terminal: control characters, and those that reorder what is
/// shown, are written as escapes. A newline stays only in [`clean_lines`].
pub fn clean(text: &str) -> Cow<'_, str> {
    // Nearly all of it is plain.
    let plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if plain || !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hostile(c) {
            let _ = write!(safe, "{}", c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Returns a text of several lines, each clean.
pub fn clean_lines(text: &str) -> String {
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\t')) {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |l| (l.strip_suffix('\r').unwrap_or(l), "\n"));
        for (i, part) in line.split('\t').enumerate() {
            if i > 0 {
                safe.push('\t');
            }
            safe.push_str(&clean(part));
        }
        safe.push_str(end);
    }
    safe
}

fn is_hostile(c: char) -> bool {
    // Bidirectional controls and invisible separators can make a line read as another one.
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

/// Returns a value as indented JSON that is harmless on a terminal too, ending in a newline.
pub fn json(value: &impl Serialize) -> String {
    harmless(&serde_json::to_string_pretty(value).expect("reports have string keys"))
}

/// Returns a value as JSON on one line, harmless as [`json`] is.
pub fn json_line(value: &impl Serialize) -> String {
    harmless(&serde_json::to_string(value).expect("reports have string keys"))
}

fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // serde_json escapes what JSON demands; these are legal there and still steer a terminal.
        if c != '\n' && is_hostile(c) {
            let _ = write!(safe, "\\u{:04x}", c as u32);
        } else {
            safe.push(c);
        }
    }
    safe.push('\n');
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_steers_a_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{9b}1m\u{7f}\n"), "a\\u{1b}[2Jb\\u{9b}1m\\u{7f}\\u{a}");
        assert_eq!(clean("\u{202e}txt"), "\\u{202e}txt");
        assert_eq!(clean("a\u{61c}\u{2060}\u{2065}b"), "a\\u{61c}\\u{2060}\\u{2065}b");
        assert_eq!(clean_lines("a\tb\r\n\u{1b}c"), "a\tb\n\\u{1b}c");
        assert_eq!(json(&"\u{9b}\u{1b}ä"), "\"\\u009b\\u001bä\"\n");
    }
}
