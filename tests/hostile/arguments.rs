use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::judge::{Around, TEXTS, VOICES, judge, tell_all};
use crate::lab::Lab;
use crate::lab::terminal::Terminal;

const ID: &str = "redeploy-piha-web";

/// Command lines with a place for a text.
const PLACES: [&[&str]; 34] = [
    &["@"],
    &["status", "@"],
    &["approve", "--", "@"],
    &["approve", "@"],
    &["approve", ID, "--digest", "@"],
    &["approve", ID, "--dry-run", "--note", "@"],
    &["approve", "--node", "@"],
    &["approve", "--risk", "@"],
    &["reject", ID, "--dry-run", "--reason", "@"],
    &["reject", "@", "--reason", "@"],
    &["show", "--", "@"],
    &["logs", "--", "@"],
    &["plan", "--", "@"],
    &["plan", "--node", "@"],
    &["actions", "--state", "@"],
    &["request", "--", "@", "piha", "web"],
    &["request", "--", "redeploy", "@", "web"],
    &["request", "--", "redeploy", "piha", "@"],
    &["request", "--", "disk_cleanup", "@"],
    &["silence", "--for", "1h", "--why", "x", "--", "@"],
    &["silence", "--for", "1h", "--why", "x", "piha/@"],
    &["silence", "piha", "--why", "x", "--for", "@"],
    &["silence", "piha", "--for", "1h", "--why", "@"],
    &["observe", "--every", "@"],
    &["execute", "--jobs", "@"],
    &["execute", "--node", "@"],
    &["completions", "@"],
    &["man", "--", "@"],
    &["digest", "--max", "@"],
    &["audit", "--last", "@"],
    &["init", "--dry-run", "--owner", "@"],
    &["init", "--dry-run", "--root", "@"],
    &["status", "--root", "@"],
    &["check", "--hosts", "@"],
];

fn filled(place: &[&str], text: &OsStr) -> Vec<OsString> {
    let fill = |word: &&str| {
        let Some((before, after)) = word.split_once('@') else { return OsString::from(word) };
        let mut filled = OsString::from(before);
        filled.push(text);
        filled.push(after);
        filled
    };
    place.iter().map(fill).collect()
}

#[test]
fn no_argument_reaches_the_screen_or_a_path_raw() {
    let lab = Lab::drifted();
    let around = Around::of(&lab);
    let long = "x".repeat(100_000);
    let bytes: [&[u8]; 3] = [b"\xff\xfe", b"\x1b[2J\xff\n", long.as_bytes()];
    let texts = TEXTS.iter().map(|t| OsStr::new(*t)).chain(bytes.map(OsStr::from_bytes));
    for (n, text) in texts.enumerate() {
        for (m, place) in PLACES.iter().enumerate() {
            let mut args: Vec<OsString> = VOICES[(n + m) % VOICES.len()].iter().map(OsString::from).collect();
            args.extend(filled(place, text));
            let output = lab.command(&args).output().unwrap();
            let short: Vec<String> = args.iter().map(|a| a.to_string_lossy().chars().take(60).collect()).collect();
            // Where help was asked for, it is no JSON.
            judge(&output, &format!("{short:?}").replace("--json", "json"));
        }
    }
    around.is_untouched(&lab, "arguments");
    tell_all(&lab, "what the arguments left");
}

#[test]
fn nor_on_a_terminal() {
    let lab = Lab::drifted();
    for text in TEXTS.iter().filter(|text| !text.is_empty()) {
        for place in [PLACES[0], PLACES[3], PLACES[10], PLACES[24], PLACES[6]] {
            let (said, _) = Terminal::start(lab.command(&filled(place, OsStr::new(text)))).end();
            for hostile in ["\u{1b}[2J", "\u{1b}[35m", "\u{1b}]0", "\u{9b}", "\u{7}", "\u{8}", "\u{202e}", "two\nlines"]
            {
                assert!(!said.contains(hostile), "{place:?} with {text:?}: {said:?}");
            }
        }
    }
}

#[test]
fn what_is_said_stays_what_was_said() {
    let lab = Lab::drifted();
    for (n, text) in TEXTS.iter().enumerate().filter(|(_, text)| !text.trim().is_empty() && !text.starts_with('-')) {
        let why = format!("--reason={text}");
        if n > 0 {
            lab.ok(&["request", "redeploy", "piha", "web", &format!("--note={text}")]);
        }
        lab.ok(&["reject", ID, &why]);
        let shown = lab.json(&["show", ID]);
        let history = shown["history"].as_array().unwrap();
        assert_eq!(history.last().unwrap()["note"], *text);
        assert_eq!(lab.json(&["audit", "--last", "1"])["lines"][0]["note"], *text);
    }
    tell_all(&lab, "notes");
}
