//! The short way for ordinary events, which are nearly all of them: strings where strings belong, one name a
//! field, no escapes. Whatever else it meets it leaves to the long way; it never gives a verdict of its own.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{kind, level, time};
use super::{Event, Kind, Level};
use crate::flow::name::check_name;

/// Most unknown keys of an ordinary event.
const FEW: usize = 4;

/// Returns the event, read down to its end as JSON, or nothing where it is not an ordinary one.
pub fn parse(text: &str) -> Option<Event<'_>> {
    serde_json::from_str::<Fields<'_>>(text).ok()?.event()
}

#[derive(Default)]
struct Fields<'a> {
    ts: Option<&'a RawValue>,
    node: Option<Plain<'a>>,
    kind: Option<Plain<'a>>,
    service: Option<Plain<'a>>,
    status: Option<Plain<'a>>,
    reason: Option<Plain<'a>>,
    level: Option<Plain<'a>>,
    source: Option<Plain<'a>>,
    details: Option<&'a RawValue>,
    others: [&'a str; FEW],
}

impl<'a> Fields<'a> {
    fn event(self) -> Option<Event<'a>> {
        let text = |field: Option<Plain<'a>>| field.map(|plain| Cow::Borrowed(plain.0));
        let ts = time(self.ts?).ok()?;
        let (node, type_name) = (self.node?.0, self.kind?.0);
        check_name(node).ok()?;
        match self.service {
            Some(Plain(service)) => drop(check_name(service).ok()?),
            None if type_name.starts_with("service_") => return None,
            None => {}
        }
        let details = self.details.filter(|raw| raw.get() != "null");
        let status = || text(self.status).filter(|s| !s.is_empty()).ok_or(());
        let level = || match self.level {
            Some(Plain("high")) => Ok(Level::High),
            Some(Plain("normal")) => Ok(Level::Normal),
            Some(_) => Err(()),
            None => level(None, details).map_err(drop),
        };
        let kind: Kind<'a> = kind(type_name, status, level).ok()?;
        let (service, reason, source) = (text(self.service), text(self.reason), text(self.source));
        Some(Event { ts, node: node.into(), type_name: type_name.into(), kind, service, reason, source, details })
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ordinary event")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields<'de>, M::Error> {
                let mut fields = Fields::default();
                let mut others = 0;
                while let Some(Plain(key)) = map.next_key()? {
                    let doubled = match key {
                        "ts" | "timestamp" | "time" => fields.ts.replace(map.next_value()?).is_some(),
                        "node" | "host" | "hostname" => fields.node.replace(map.next_value()?).is_some(),
                        "type" | "event_type" | "event" => fields.kind.replace(map.next_value()?).is_some(),
                        "service" | "service_name" => fields.service.replace(map.next_value()?).is_some(),
                        "status" => fields.status.replace(map.next_value()?).is_some(),
                        "reason" => fields.reason.replace(map.next_value()?).is_some(),
                        "level" => fields.level.replace(map.next_value()?).is_some(),
                        "source" => fields.source.replace(map.next_value()?).is_some(),
                        "details" | "data" | "payload" => fields.details.replace(map.next_value()?).is_some(),
                        _ if others == FEW => true,
                        other => {
                            map.next_value::<IgnoredAny>()?;
                            let doubled = fields.others[..others].contains(&other);
                            fields.others[others] = other;
                            others += 1;
                            doubled
                        }
                    };
                    if doubled {
                        return Err(M::Error::custom("not ordinary"));
                    }
                }
                Ok(fields)
            }
        }
        input.deserialize_map(FieldsVisitor)
    }
}

/// A string without escapes.
#[derive(Clone, Copy)]
struct Plain<'a>(&'a str);

impl<'de> Deserialize<'de> for Plain<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct PlainVisitor;
        impl<'de> Visitor<'de> for PlainVisitor {
            type Value = Plain<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string without escapes")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Plain<'de>, E> {
                Ok(Plain(text))
            }
        }
        input.deserialize_str(PlainVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_thoroughly;
    use super::*;

    #[test]
    fn the_short_way_says_what_the_long_way_says() {
        let values = [
            "\"a\"",
            "\"\"",
            "\"\\u0061\"",
            "null",
            "7",
            "\"high\"",
            "{\"level\":\"normal\"}",
            "[1",
            "1795418000",
            "\"2026-11-23T07:13:05Z\"",
            "\"service_status\"",
            "\"service_healthy\"",
            "\"disk_pressure\"",
            "1795418000.5",
            "\"bad name\"",
        ];
        let keys = [
            "ts", "time", "node", "host", "type", "event", "service", "status", "reason", "level", "source", "details",
            "data", "x", "y", "z", "v", "w", "\\u0078",
        ];
        let mut rng = fastrand::Rng::with_seed(4);
        let (mut short, mut total) = (0, 0);
        for _ in 0..60_000 {
            // Near to an event, so that most of the checks are reached.
            let mut text = String::from(r#"{"ts":1795418000,"node":"n""#);
            if rng.u8(0..8) == 0 {
                text = "{\"q\":1".to_owned();
            }
            if rng.u8(0..4) > 0 {
                let kinds =
                    ["service_status", "service_healthy", "disk_pressure", "node_heartbeat", "odd", "service_x"];
                text += &format!(",\"type\":\"{}\"", rng.choice(kinds).unwrap());
            }
            for _ in 0..rng.u8(0..6) {
                text += &format!(",\"{}\":{}", rng.choice(keys).unwrap(), rng.choice(values).unwrap());
            }
            text.push('}');
            total += 1;
            let Some(quick) = parse(&text) else { continue };
            let long = parse_thoroughly(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(format!("{quick:?}"), format!("{long:?}"), "{text}");
            short += 1;
        }
        assert!(short > 1000, "{short} of {total} went the short way");
    }
}
