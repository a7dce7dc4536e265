//! The fields of an event by whatever name they were sent, each checked; what is wrong with one is said of it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Event, EventError, Kind, Level};
use crate::flow::name::check_name;
use crate::flow::time::Stamp;

/// A field's value, as JSON text, by each of its names, in the order in which they count.
type Aliases<'a, const N: usize> = [Option<&'a str>; N];

/// The fields of an event as they stand in the text.
#[derive(Default)]
pub struct Fields<'a> {
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
    fn slot(&mut self, key: &str) -> Option<&mut Option<&'a str>> {
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

    pub fn check(self) -> Result<Event<'a>, EventError> {
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
            first(&self.reason).map(|json| text(json).ok_or(EventError::Wrong("reason", "a string"))).transpose();
        let reason = if type_name.starts_with("service_") { reason? } else { reason.unwrap_or_default() };
        let source = first(&self.source).and_then(text);
        Ok(Event { ts, node, type_name, kind, service, reason, source, details })
    }
}

/// Returns what a type means; what it needs besides its name is only looked at where it does.
pub fn kind<'a, E>(
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
fn first<'a, const N: usize>(aliases: &Aliases<'a, N>) -> Option<&'a str> {
    aliases.iter().copied().flatten().find(|json| *json != "null")
}

pub fn time(json: &str) -> Result<Stamp, EventError> {
    let ts = match text(json) {
        Some(text) => Stamp::parse(&text),
        None if json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Stamp::parse_unix(json),
        None => return Err(EventError::Wrong("ts", "a time")),
    };
    let ts = ts.map_err(EventError::Time)?;
    if ts.is_plausible() { Ok(ts) } else { Err(EventError::Implausible(json.to_owned())) }
}

/// The types that say something of a service.
const KNOWN_SERVICE_TYPES: [&str; 4] = ["service_healthy", "service_unhealthy", "service_status", "service_removed"];

fn service<'a>(json: Option<&'a str>, type_name: &str) -> Result<Option<Cow<'a, str>>, EventError> {
    // An unknown type says nothing of any service, whatever it is called.
    let needed = KNOWN_SERVICE_TYPES.contains(&type_name);
    let Some(json) = json else {
        return if needed { Err(EventError::Missing("service")) } else { Ok(None) };
    };
    let Some(name) = text(json) else {
        return if needed { Err(EventError::Wrong("service", "a string")) } else { Ok(None) };
    };
    check_name(&name).map_err(|e| EventError::Name("service", e))?;
    Ok(Some(name))
}

fn status(json: Option<&str>) -> Result<Cow<'_, str>, EventError> {
    let status = text(json.ok_or(EventError::Missing("status"))?).ok_or(EventError::Wrong("status", "a string"))?;
    if status.is_empty() { Err(EventError::Wrong("status", "a word")) } else { Ok(status) }
}

pub fn level(top: Option<&str>, details: Option<&str>) -> Result<Level, EventError> {
    let inner = details.and_then(disk_details).and_then(|d| d.level).map(RawValue::get).filter(|json| *json != "null");
    let json = top.or(inner).ok_or(EventError::Missing("level"))?;
    serde_json::from_str(json).map_err(|_| EventError::Level(text(json).map_or(json.to_owned(), Cow::into_owned)))
}

/// What `details` of a `disk_pressure` event may say.
#[derive(serde::Deserialize)]
pub struct DiskDetails<'a> {
    #[serde(borrow, default)]
    pub level: Option<&'a RawValue>,
    /// Per cent used, as it was sent.
    #[serde(borrow, default)]
    pub used_percent: Option<&'a RawValue>,
    /// Where the disk is mounted.
    #[serde(borrow, default)]
    pub mount: Option<&'a RawValue>,
}

/// Returns what `details` say of a disk, where they are an object.
pub fn disk_details(json: &str) -> Option<DiskDetails<'_>> {
    // An array would be taken for the fields in their order.
    json.starts_with('{').then(|| serde_json::from_str(json).ok()).flatten()
}

/// Returns the text of a JSON string; nothing for any other value.
pub fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    match memchr::memchr(b'\\', inner.as_bytes()) {
        Some(_) => serde_json::from_str(json).ok().map(Cow::Owned),
        None => Some(Cow::Borrowed(inner)),
    }
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
                    let value = map.next_value::<&RawValue>()?.get();
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
