//! What hostile texts there are, and what must hold whatever is done with them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::lab::{Lab, snapshot};

/// Texts that something could trip over: a terminal, a shell, a path, a program's options, JSON, a format.
pub const TEXTS: [&str; 20] = [
    "\u{1b}[2J\u{1b}[35mred",
    "\u{1b}]0;title\u{7}",
    "\u{9b}35m",
    "two\nlines",
    "back\rspace\u{8}\u{8}",
    "\u{7f}\u{b}\u{c}",
    "\u{202e}gnp.exe\u{2066}\u{200b}",
    "quotes\"'`\\",
    "$(touch PWNED)",
    "`touch PWNED`; touch PWNED | touch PWNED && touch PWNED",
    "../../sibling/precious",
    "../../../../../../../../../etc/passwd",
    "/etc/passwd",
    "-oProxyCommand=touch PWNED",
    "--help",
    "{{7*7}}%s%n${HOME}",
    "</script><script>alert(1)</script>",
    ".",
    "",
    "ＮＯＤＥ\u{301}",
];

/// How each verb is asked to speak.
pub const VOICES: [&[&str]; 4] = [&[], &["--json"], &["--color", "always"], &["--color", "always", "--json", "-v"]];

/// The verbs that show what is in a root, and those that act on it.
pub const VERBS: [&[&str]; 14] = [
    &["check"],
    &["observe", "--dry-run"],
    &["observe"],
    &["reconcile", "--dry-run"],
    &["reconcile"],
    &["status", "--check"],
    &["actions"],
    &["plan"],
    &["digest"],
    &["silence"],
    &["audit"],
    &["audit", "verify"],
    &["execute", "--dry-run"],
    &["execute"],
];

/// What stands around the root, to be compared later.
pub struct Around {
    before: BTreeMap<PathBuf, (u32, Vec<u8>)>,
}

impl Around {
    /// Looks at it before.
    pub fn of(lab: &Lab) -> Self {
        Self { before: Self::look(lab) }
    }

    fn look(lab: &Lab) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut all = snapshot(&lab.beside(""));
        all.retain(|path, _| !path.starts_with(lab.root()) && *path != lab.beside("ledger"));
        all
    }

    /// Nothing in it has changed, and nothing was injected inside the root either.
    pub fn is_untouched(&self, lab: &Lab, what: &str) {
        assert_eq!(Self::look(lab), self.before, "{what}");
        let injected = snapshot(&lab.root()).into_keys().find(|path| path.ends_with("PWNED"));
        assert!(injected.is_none(), "{what}: {injected:?}");
    }
}

/// Judges how a run ended and what it said.
pub fn judge(output: &Output, what: &str) {
    let code = output.status.code();
    let (out, err) = (&output.stdout, &output.stderr);
    let said = || format!("{what}: {code:?}\n{}\n{}", out.escape_ascii(), err.escape_ascii());
    assert!(code.is_some_and(|code| (0..=4).contains(&code)), "{}", said());
    assert!(!String::from_utf8_lossy(err).contains("panicked"), "{}", said());
    for bytes in [out, err] {
        let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("not UTF-8: {}", said()));
        if let Some(c) = without_own_colours(text).chars().find(|c| is_hostile(*c)) {
            panic!("{c:?} reached the screen: {}", said());
        }
    }
    if code != Some(0) && code != Some(3) {
        assert!(!err.is_empty() || !out.is_empty(), "{}", said());
    }
    if what.contains("--json") && !out.is_empty() {
        let json: Result<serde_json::Value, _> = serde_json::from_slice(out);
        assert!(json.is_ok(), "{}", said());
    }
}

/// Runs a verb in a voice and judges it.
pub fn tell(lab: &Lab, verb: &[&str], voice: &[&str], what: &str) {
    let args = [verb, voice].concat();
    judge(&lab.command(&args).output().unwrap(), &format!("{args:?} with {what}"));
}

/// Runs every verb, in every voice.
pub fn tell_all(lab: &Lab, what: &str) {
    let around = Around::of(lab);
    for (n, verb) in VERBS.iter().enumerate() {
        for voice in &VOICES[..if n % 2 == 0 { 4 } else { 3 }] {
            tell(lab, verb, voice, what);
        }
    }
    for state in crate::lab::STATES {
        for entry in fs::read_dir(lab.at(&format!("actions/{state}"))).unwrap().map(Result::unwrap) {
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|n| n.strip_suffix(".json")) else { continue };
            for voice in VOICES {
                for verb in ["show", "logs"] {
                    tell(lab, &[verb], &[voice, &["--", id]].concat(), what);
                }
            }
        }
    }
    around.is_untouched(lab, what);
}

/// Removes the colours that the program itself uses.
fn without_own_colours(text: &str) -> String {
    let mut rest = text.replace("\u{1b}[m", "");
    for own in [0, 1, 2, 4, 22, 24, 31, 32, 33, 36, 39] {
        rest = rest.replace(&format!("\u{1b}[{own}m"), "");
    }
    // What the table library writes for the same.
    for own in ["38;5;1", "38;5;2", "38;5;3", "38;5;9", "38;5;10", "38;5;11"] {
        rest = rest.replace(&format!("\u{1b}[{own}m"), "");
    }
    rest
}

fn is_hostile(c: char) -> bool {
    let reorders =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    (c.is_control() && c != '\n' && c != '\t') || reorders
}
