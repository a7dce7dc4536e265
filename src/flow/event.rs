//! One event as a node agent sent it: from text to a checked value, or the reason why it is set aside.
//! Borrows from the text where it can; never reads a file and never decides what an event changes.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::name::NameError;
use super::time::{Stamp, StampError};

mod fields;
mod quick;

use fields::Fields;

pub use fields::{disk_details, text};
pub use quick::parse as parse_quickly;

/// Longest line that is read as an event, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// Deepest nesting of a field's value.
pub const MAX_DEPTH: usize = 100;

/// How full a disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Over the node's limit.
    High,
    /// Under it again.
    Normal,
}

/// What an event means (contract section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind<'a> {
    /// `service_healthy`.
    Healthy,
    /// `service_unhealthy`.
    Unhealthy,
    /// `service_status`, with the status as given.
    Status(Cow<'a, str>),
    /// `service_removed`.
    Removed,
    /// `node_heartbeat`.
    Heartbeat,
    /// `disk_pressure`.
    Disk(Level),
    /// `action_started`, `action_completed` or `action_failed`: history only.
    Action,
    /// Any other type.
    Unknown,
}

/// One event, checked. Names are names by [`check_name`](super::name::check_name).
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// When it happened.
    pub ts: Stamp,
    /// The node that it is about.
    pub node: Cow<'a, str>,
    /// Its type as given.
    pub type_name: Cow<'a, str>,
    /// What its type means.
    pub kind: Kind<'a>,
    /// The service that it is about.
    pub service: Option<Cow<'a, str>>,
    /// Why, in the agent's words.
    pub reason: Option<Cow<'a, str>>,
    /// Who wrote it.
    pub source: Option<Cow<'a, str>>,
    /// The rest, as JSON text.
    pub details: Option<&'a str>,
}

impl Event<'_> {
    /// Returns whether the node itself must have been alive to send it.
    pub fn is_sign_of_life(&self) -> bool {
        self.kind != Kind::Action && self.source.as_deref() != Some("execute")
    }

    /// Returns the status that a service has after it, where it gives one.
    pub fn status(&self) -> Option<&str> {
        match &self.kind {
            Kind::Healthy => Some("healthy"),
            Kind::Unhealthy => Some("unhealthy"),
            Kind::Status(status) => Some(status),
            Kind::Removed | Kind::Heartbeat | Kind::Disk(_) | Kind::Action | Kind::Unknown => None,
        }
    }
}

/// Why a text is set aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The bytes are not text.
    #[error("invalid UTF-8 (byte {0})")]
    Utf8(usize),
    /// The text is not JSON.
    #[error("not JSON: {cause} (column {column})")]
    Json {
        /// The parser's word, without its position.
        cause: String,
        /// The line within the text, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The JSON is no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A value is nested too deeply.
    #[error("nested deeper than {MAX_DEPTH}")]
    Deep,
    /// A key stands twice.
    #[error("the key {0:?} stands twice")]
    Doubled(String),
    /// A field that is needed is not there.
    #[error("no `{0}`")]
    Missing(&'static str),
    /// A field has a value of the wrong kind.
    #[error("`{0}` is not {1}")]
    Wrong(&'static str, &'static str),
    /// A name is not a name.
    #[error("`{0}`: {1}")]
    Name(&'static str, NameError),
    /// The time cannot be read.
    #[error("`ts`: {0}")]
    Time(StampError),
    /// The time is one that no event can have.
    #[error("`ts`: {0} is before 2000 or after 2200")]
    Implausible(String),
    /// The level of a disk is neither of the two.
    #[error("`level`: {0:?} is neither high nor normal")]
    Level(String),
}

impl EventError {
    /// Turns the parser's error into ours.
    pub fn json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let cause = text.rsplit_once(" at line ").map_or(text.as_str(), |(cause, _)| cause).to_owned();
        Self::Json { cause, line: error.line().max(1), column: error.column() }
    }

    /// Returns how many lines below the text's first one the cause lies.
    pub fn lines_down(&self) -> usize {
        match self {
            Self::Json { line, .. } => line - 1,
            _ => 0,
        }
    }
}

/// Reads one event from bytes, down to their end.
pub fn parse_bytes(bytes: &[u8]) -> Result<Event<'_>, EventError> {
    parse(std::str::from_utf8(bytes).map_err(|e| EventError::Utf8(e.valid_up_to()))?)
}

/// Reads one event from text, down to its end.
pub fn parse(text: &str) -> Result<Event<'_>, EventError> {
    if let Some(event) = parse_quickly(text) {
        return Ok(event);
    }
    // Whatever is out of the ordinary gets its verdict here. The parser skips values without recursion, so that it is no
    // measure of depth.
    if depth(text) > MAX_DEPTH + 1 {
        return Err(EventError::Deep);
    }
    parse_thoroughly(text)
}

/// Reads one event from text that is not too deep, whatever it looks like. [`parse`] comes here only where
/// [`parse_quickly`] gave nothing; the two may never differ in what they say of a text.
pub fn parse_thoroughly(text: &str) -> Result<Event<'_>, EventError> {
    if !text.trim_start_matches(JSON_SPACE).starts_with('{') {
        let valid: Result<&RawValue, _> = serde_json::from_str(text);
        return Err(valid.map_or_else(|e| EventError::json(&e), |_| EventError::NotAnObject));
    }
    let fields: Fields<'_> = serde_json::from_str(text).map_err(|e| EventError::json(&e))?;
    fields.check()
}

/// The characters that JSON allows between its tokens.
pub const JSON_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(text: &str) -> String {
        parse_bytes(text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn every_type_of_the_contract() {
        let kind = |rest: &str| {
            let text = format!(r#"{{"ts":"2026-11-23T07:13:05.1239Z","node":"piha",{rest}}}"#);
            parse(&text).map(|e| format!("{:?} {:?} {:?}", e.kind, e.service, e.reason)).unwrap()
        };
        for (rest, want) in [
            (r#""type":"service_healthy","service":"m""#, r#"Healthy Some("m") None"#),
            (r#""type":"service_unhealthy","service":"m","reason":"x""#, r#"Unhealthy Some("m") Some("x")"#),
            (r#""type":"service_status","service":"m","status":"starting""#, r#"Status("starting") Some("m") None"#),
            (r#""type":"service_removed","service_name":"m""#, r#"Removed Some("m") None"#),
            (r#""event":"node_heartbeat""#, "Heartbeat None None"),
            (r#""event_type":"disk_pressure","level":"high""#, "Disk(High) None None"),
            (r#""type":"disk_pressure","details":{"level":"normal"}"#, "Disk(Normal) None None"),
            (r#""type":"disk_pressure","level":"high","details":{"level":"normal"}"#, "Disk(High) None None"),
            (r#""type":"disk_pressure","level":null,"data":{"level":"normal"}"#, "Disk(Normal) None None"),
            (r#""type":"action_started","service":"m""#, r#"Action Some("m") None"#),
            (r#""type":"service_exploded","service":"m""#, r#"Unknown Some("m") None"#),
            (r#""type":"service_exploded""#, r#"Unknown None None"#),
            (r#""type":"anything","reason":7,"level":"odd","service":5"#, "Unknown None None"),
        ] {
            assert_eq!(kind(rest), want, "{rest}");
        }
    }

    #[test]
    fn the_first_alias_of_the_row_counts_and_null_is_absent() {
        let text = r#"{"time":1,"timestamp":"2026-01-01T00:00:00Z","ts":null,"hostname":"c","host":"b",
                       "event":"x","type":"node_heartbeat","payload":{"p":1},"data":{"d":1}}"#;
        let event = parse(text).unwrap();
        assert_eq!(event.ts.to_string(), "2026-01-01T00:00:00.000Z");
        assert_eq!((&*event.node, &*event.type_name), ("b", "node_heartbeat"));
        assert_eq!(event.details.unwrap(), r#"{"d":1}"#);
    }

    #[test]
    fn times_as_text_and_as_numbers() {
        for (ts, want) in [
            ("1795418000.9999", "2026-11-23T07:13:20.999Z"),
            ("\"2026-11-23T08:13:20+01:00\"", "2026-11-23T07:13:20.000Z"),
            ("\"2026-11-23\\u005407:13:20\"", "2026-11-23T07:13:20.000Z"),
        ] {
            let text = format!(r#"{{"ts":{ts},"node":"a","type":"t"}}"#);
            assert_eq!(parse(&text).unwrap().ts.to_string(), want, "{ts}");
        }
    }

    #[test]
    fn what_is_set_aside_and_why() {
        let deep =
            format!(r#"{{"ts":1795418000,"node":"a","type":"t","details":{}1{}}}"#, "[".repeat(101), "]".repeat(101));
        for (text, want) in [
            ("", "not JSON: EOF while parsing a value (column 0)"),
            ("{", "not JSON: EOF while parsing an object (column 1)"),
            ("[]", "not a JSON object"),
            ("7 7", "not JSON: trailing characters (column 3)"),
            (r#"{"ts":1795418000,"node":"a","type":"t"} x"#, "not JSON: trailing characters (column 41)"),
            (r#"{"ts":1795418000,"node":"a","type":"t","x":nul}"#, "not JSON: expected ident (column 47)"),
            (
                "{\"ts\":1795418000,\"node\":\"a\",\"type\":\"t\0\"}",
                "not JSON: control character (\\u0000-\\u001F) found while parsing a string (column 37)",
            ),
            (r#"{"node":"a","type":"t"}"#, "no `ts`"),
            (r#"{"ts":1795418000,"type":"t"}"#, "no `node`"),
            (r#"{"ts":1795418000,"node":"a"}"#, "no `type`"),
            (r#"{"ts":true,"node":"a","type":"t"}"#, "`ts` is not a time"),
            (r#"{"ts":"noon","node":"a","type":"t"}"#, "`ts`: \"noon\" is not an RFC 3339 time"),
            (r#"{"ts":946684799.999,"node":"a","type":"t"}"#, "`ts`: 946684799.999 is before 2000 or after 2200"),
            (
                r#"{"ts":"2201-01-01T00:00:00Z","node":"a","type":"t"}"#,
                "`ts`: \"2201-01-01T00:00:00Z\" is before 2000 or after 2200",
            ),
            (
                r#"{"ts":1795418000,"node":"../a","type":"t"}"#,
                "`node`: \"../a\" is not a name: use a-z A-Z 0-9 . _ - and begin with a letter or a digit",
            ),
            (r#"{"ts":1795418000,"node":7,"type":"t"}"#, "`node` is not a string"),
            (r#"{"ts":1795418000,"node":"a","type":7}"#, "`type` is not a string"),
            (r#"{"ts":1795418000,"node":"a","type":"t","service":""}"#, "`service`: an empty name"),
            (r#"{"ts":1795418000,"node":"a","type":"service_removed"}"#, "no `service`"),
            (r#"{"ts":1795418000,"node":"a","type":"service_healthy","service":7}"#, "`service` is not a string"),
            (r#"{"ts":1795418000,"node":"a","type":"service_status","service":"s"}"#, "no `status`"),
            (
                r#"{"ts":1795418000,"node":"a","type":"service_status","service":"s","status":""}"#,
                "`status` is not a word",
            ),
            (
                r#"{"ts":1795418000,"node":"a","type":"service_unhealthy","service":"s","reason":7}"#,
                "`reason` is not a string",
            ),
            (r#"{"ts":1795418000,"node":"a","type":"disk_pressure"}"#, "no `level`"),
            (r#"{"ts":1795418000,"node":"a","type":"disk_pressure","details":["high",50,"/"]}"#, "no `level`"),
            (
                r#"{"ts":1795418000,"node":"a","type":"disk_pressure","level":"full"}"#,
                "`level`: \"full\" is neither high nor normal",
            ),
            (
                r#"{"ts":1795418000,"node":"a","type":"disk_pressure","level":1}"#,
                "`level`: \"1\" is neither high nor normal",
            ),
            (r#"{"ts":1795418000,"node":"a","\u0074s":1795418000,"type":"t"}"#, "the key \"ts\" stands twice"),
            (r#"{"ts":1795418000,"node":"a","type":"t","z":1,"\u007a":1}"#, "the key \"z\" stands twice"),
            (
                r#"{"ts":1795418000,"node":"a","type":"t","status":null,"status":null}"#,
                "the key \"status\" stands twice",
            ),
            (&deep, "nested deeper than 100"),
        ] {
            assert_eq!(cause(text), want, "{text}");
        }
        assert_eq!(parse_bytes(b"{\"a\":\"\xff\"}").unwrap_err().to_string(), "invalid UTF-8 (byte 6)");
    }

    #[test]
    fn brackets_in_strings_and_a_hundred_levels_are_no_depth() {
        let flat = format!(r#"{{"ts":1795418000,"node":"a","type":"t","details":"\"{}"}}"#, "[".repeat(500));
        assert!(parse(&flat).is_ok());
        let full =
            format!(r#"{{"ts":1795418000,"node":"a","type":"t","details":{}{}}}"#, "[".repeat(100), "]".repeat(100));
        assert!(parse(&full).is_ok());
    }

    #[test]
    fn a_line_of_many_keys_is_read_in_time() {
        let keys: String = (0..60_000).map(|i| format!(r#","k{i}":1"#)).collect();
        let text = format!(r#"{{"ts":1795418000,"node":"a","type":"t"{keys},"k59999":2}}"#);
        assert_eq!(cause(&text), "the key \"k59999\" stands twice");
    }

    #[test]
    fn signs_of_life() {
        let alive = |rest: &str| {
            let text = format!(r#"{{"ts":1795418000,"node":"a",{rest}}}"#);
            parse(&text).unwrap().is_sign_of_life()
        };
        assert!(alive(r#""type":"odd""#) && alive(r#""type":"action_odd","source":"agent""#));
        assert!(!alive(r#""type":"action_failed""#) && !alive(r#""type":"node_heartbeat","source":"execute""#));
    }
}
