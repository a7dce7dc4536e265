//! One event as a node agent sent it: from text to a checked value, or the reason why it is set aside.
//! Borrows from the text where it can; never reads a file and never decides what an event changes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::name::{NameError, check_name};
use super::time::{Stamp, StampError};

mod quick;

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

/// One event, checked. Names are names by [`check_name`].
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
    pub details: Option<&'a RawValue>,
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
    // The parser skips values without recursion, so that it is no measure of depth.
    if is_deep(text, MAX_DEPTH + 1) {
        return Err(EventError::Deep);
    }
    // Whatever is out of the ordinary gets its verdict from the thorough one.
    parse_quickly(text).map_or_else(|| parse_thoroughly(text), Ok)
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

fn is_deep(text: &str, limit: usize) -> bool {
    text.len() > limit && hlctl_line::opened(text) > limit && depth(text) > limit
}

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

/// A field's value by each of its names, in the order in which they count.
type Aliases<'a, const N: usize> = [Option<&'a RawValue>; N];

/// The fields of an event as they stand in the text.
#[derive(Default)]
struct Fields<'a> {
    ts: Aliases<'a, 3>,
    node: Aliases<'a, 3>,
    kind: Aliases<'a, 3>,
    service: Aliases<'a, 2>,
    status: Aliases<'a, 1>,
    reason: Aliases<'a, 1>,
    level: Aliases<'a, 1>,
    source: Aliases<'a, 1>,
    details: Aliases<'a, 3>,
    others: Keys<'a>,
    doubled: Option<String>,
}

impl<'a> Fields<'a> {
    fn slot(&mut self, key: &str) -> Option<&mut Option<&'a RawValue>> {
        Some(match key {
            "ts" => &mut self.ts[0],
            "timestamp" => &mut self.ts[1],
            "time" => &mut self.ts[2],
            "node" => &mut self.node[0],
            "host" => &mut self.node[1],
            "hostname" => &mut self.node[2],
            "type" => &mut self.kind[0],
            "event_type" => &mut self.kind[1],
            "event" => &mut self.kind[2],
            "service" => &mut self.service[0],
            "service_name" => &mut self.service[1],
            "status" => &mut self.status[0],
            "reason" => &mut self.reason[0],
            "level" => &mut self.level[0],
            "source" => &mut self.source[0],
            "details" => &mut self.details[0],
            "data" => &mut self.details[1],
            "payload" => &mut self.details[2],
            _ => return None,
        })
    }

    fn check(self) -> Result<Event<'a>, EventError> {
        if let Some(key) = self.doubled {
            return Err(EventError::Doubled(key));
        }
        let ts = time(first(&self.ts).ok_or(EventError::Missing("ts"))?)?;
        let node =
            text(first(&self.node).ok_or(EventError::Missing("node"))?).ok_or(EventError::Wrong("node", "a string"))?;
        check_name(&node).map_err(|e| EventError::Name("node", e))?;
        let type_name =
            text(first(&self.kind).ok_or(EventError::Missing("type"))?).ok_or(EventError::Wrong("type", "a string"))?;
        let service = service(first(&self.service), &type_name)?;
        let details = first(&self.details);
        let kind = kind(&type_name, || status(first(&self.status)), || level(first(&self.level), details))?;
        let reason =
            first(&self.reason).map(|raw| text(raw).ok_or(EventError::Wrong("reason", "a string"))).transpose();
        let reason = if type_name.starts_with("service_") { reason? } else { reason.unwrap_or_default() };
        let source = first(&self.source).and_then(text);
        Ok(Event { ts, node, type_name, kind, service, reason, source, details })
    }
}

/// Returns what a type means; what it needs besides its name is only looked at where it does.
fn kind<'a, E>(
    type_name: &str,
    status: impl FnOnce() -> Result<Cow<'a, str>, E>,
    level: impl FnOnce() -> Result<Level, E>,
) -> Result<Kind<'a>, E> {
    Ok(match type_name {
        "service_healthy" => Kind::Healthy,
        "service_unhealthy" => Kind::Unhealthy,
        "service_status" => Kind::Status(status()?),
        "service_removed" => Kind::Removed,
        "node_heartbeat" => Kind::Heartbeat,
        "disk_pressure" => Kind::Disk(level()?),
        "action_started" | "action_completed" | "action_failed" => Kind::Action,
        _ => Kind::Unknown,
    })
}

/// Returns the first value that is there; `null` is none.
fn first<'a, const N: usize>(aliases: &Aliases<'a, N>) -> Option<&'a RawValue> {
    aliases.iter().copied().flatten().find(|raw| raw.get() != "null")
}

fn time(raw: &RawValue) -> Result<Stamp, EventError> {
    let number = raw.get();
    let ts = match text(raw) {
        Some(text) => Stamp::parse(&text),
        None if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Stamp::parse_unix(number),
        None => return Err(EventError::Wrong("ts", "a time")),
    };
    let ts = ts.map_err(EventError::Time)?;
    if ts.is_plausible() { Ok(ts) } else { Err(EventError::Implausible(number.to_owned())) }
}

/// The types that say something of a service.
const KNOWN_SERVICE_TYPES: [&str; 4] = ["service_healthy", "service_unhealthy", "service_status", "service_removed"];

fn service<'a>(raw: Option<&'a RawValue>, type_name: &str) -> Result<Option<Cow<'a, str>>, EventError> {
    // An unknown type says nothing of any service, whatever it is called.
    let needed = KNOWN_SERVICE_TYPES.contains(&type_name);
    let Some(raw) = raw else {
        return if needed { Err(EventError::Missing("service")) } else { Ok(None) };
    };
    let Some(name) = text(raw) else {
        return if needed { Err(EventError::Wrong("service", "a string")) } else { Ok(None) };
    };
    check_name(&name).map_err(|e| EventError::Name("service", e))?;
    Ok(Some(name))
}

fn status(raw: Option<&RawValue>) -> Result<Cow<'_, str>, EventError> {
    let status = text(raw.ok_or(EventError::Missing("status"))?).ok_or(EventError::Wrong("status", "a string"))?;
    if status.is_empty() { Err(EventError::Wrong("status", "a word")) } else { Ok(status) }
}

fn level(top: Option<&RawValue>, details: Option<&RawValue>) -> Result<Level, EventError> {
    let inner = details.and_then(disk_details).and_then(|d| d.level).filter(|raw| raw.get() != "null");
    let raw = top.or(inner).ok_or(EventError::Missing("level"))?;
    serde_json::from_str(raw.get())
        .map_err(|_| EventError::Level(text(raw).map_or(raw.get().to_owned(), Cow::into_owned)))
}

/// What `details` of a `disk_pressure` event may say.
#[derive(serde::Deserialize)]
pub(super) struct DiskDetails<'a> {
    #[serde(borrow, default)]
    level: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) used_percent: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) mount: Option<&'a RawValue>,
}

/// Returns what `details` say of a disk, where they are an object.
pub(super) fn disk_details(raw: &RawValue) -> Option<DiskDetails<'_>> {
    serde_json::from_str(raw.get()).ok()
}

/// Returns the text of a JSON string; nothing for any other value.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw.get()).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields<'de>, M::Error> {
                let mut fields = Fields::default();
                while let Some(Text(key)) = map.next_key()? {
                    let value = map.next_value()?;
                    let doubled = match fields.slot(&key) {
                        Some(slot) => slot.replace(value).is_some(),
                        None => !fields.others.insert(key.clone()),
                    };
                    if doubled {
                        fields.doubled.get_or_insert_with(|| key.into_owned());
                    }
                }
                Ok(fields)
            }
        }
        input.deserialize_map(FieldsVisitor)
    }
}

/// Text that is borrowed where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        input.deserialize_str(TextVisitor)
    }
}

/// The keys that mean nothing to us, remembered only because none may stand twice.
#[derive(Default)]
struct Keys<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    /// Remembers a key; returns whether it is new.
    fn insert(&mut self, key: Cow<'a, str>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < 16 {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
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
        assert_eq!(event.details.unwrap().get(), r#"{"d":1}"#);
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
