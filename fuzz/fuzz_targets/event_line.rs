//! A line of the event log: the quick parser and the thorough one never differ, and what is said to be JSON is.
#![no_main]

use hlctl::flow::event::{EventError, parse_bytes, parse_quickly, parse_thoroughly};
use hlctl::flow::intake::{Intake, Source};
use hlctl::flow::time::Stamp;
use libfuzzer_sys::fuzz_target;

/// What the grammar of JSON allows and this oracle cannot hold: numbers too large, halves of surrogate pairs, more
/// than 127 levels.
const BEYOND_THE_ORACLE: [&str; 5] = [
    "number out of range",
    "surrogate",
    "unexpected end of hex escape",
    "recursion limit",
    "invalid unicode code point",
];

fuzz_target!(|bytes: &[u8]| {
    one_by_one(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        both_parsers(text);
        is_json(text);
    }
});

fn both_parsers(text: &str) {
    let Some(quick) = parse_quickly(text) else { return };
    let thorough = parse_thoroughly(text).expect("the quick parser took what the thorough one refuses");
    assert_eq!(format!("{quick:?}"), format!("{thorough:?}"));
}

fn is_json(text: &str) {
    let oracle = serde_json::from_str::<serde_json::Value>(text);
    match (parse_thoroughly(text), oracle) {
        (Err(EventError::Json { cause, .. }), Ok(_)) => panic!("refused as no JSON, but it is: {cause}"),
        (Err(EventError::NotAnObject), Ok(value)) => assert!(!value.is_object()),
        (Ok(_), Ok(value)) => assert!(value.is_object()),
        (Ok(_) | Err(EventError::NotAnObject), Err(e)) => {
            assert!(BEYOND_THE_ORACLE.iter().any(|known| e.to_string().contains(known)), "taken as JSON: {e}");
        }
        _ => {}
    }
}

/// A line and a document of one event are the same, and cutting what was read in two changes nothing.
fn one_by_one(bytes: &[u8]) {
    let source = Source { path: "2026-11-23/a.json".into(), packing: "" };
    let horizon = Stamp::from_millis(1_795_418_000_000);
    let (mut whole, mut first, mut second) = (Intake::default(), Intake::default(), Intake::default());
    for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
        whole.line(line, number as u64, &source, horizon);
        let part = if number % 2 == 0 { &mut first } else { &mut second };
        part.line(line, number as u64, &source, horizon);
    }
    second.merge(first);
    assert_eq!(whole, second);
    let mut document = Intake::default();
    document.document(bytes, &source, horizon);
    if parse_bytes(bytes).is_ok() {
        assert_eq!(document.rejects.count, 0);
        assert!(document.waiting.count() == 1 || document.fold.as_of().is_some() || document.fold == whole.fold);
    }
}
