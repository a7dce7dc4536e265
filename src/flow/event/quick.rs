//! The short way for ordinary events, which are nearly all of them: strings where strings belong, one name a
//! field, no escapes. Whatever else it meets it leaves to the long way; it never gives a verdict of its own.

use std::borrow::Cow;

use super::fields::{kind, level, time};
use super::{Event, Kind, Level, MAX_DEPTH};
use crate::flow::name::check_name;

/// Returns the event, read down to its end as JSON, or nothing where it is not an ordinary one.
pub fn parse(text: &str) -> Option<Event<'_>> {
    let fields = hlctl_line::fields(text, MAX_DEPTH)?;
    let ts = time(fields.ts?).ok()?;
    let (node, type_name) = (fields.node?, fields.kind?);
    check_name(node).ok()?;
    match fields.service {
        Some(service) => drop(check_name(service).ok()?),
        None if type_name.starts_with("service_") => return None,
        None => {}
    }
    let details = fields.details.filter(|json| *json != "null");
    let status = || fields.status.filter(|s| !s.is_empty()).map(Cow::Borrowed).ok_or(());
    let level = || match fields.level {
        Some("high") => Ok(Level::High),
        Some("normal") => Ok(Level::Normal),
        Some(_) => Err(()),
        None => level(None, details).map_err(drop),
    };
    let kind: Kind<'_> = kind(type_name, status, level).ok()?;
    let [service, reason, source] =
        [fields.service, fields.reason, fields.source].map(|field| field.map(Cow::Borrowed));
    Some(Event { ts, node: node.into(), type_name: type_name.into(), kind, service, reason, source, details })
}

#[cfg(test)]
mod tests {
    use super::super::parse_thoroughly;
    use super::*;

    #[test]
    fn what_is_no_json_goes_the_long_way() {
        let event = |value: &str| format!(r#"{{"ts":1795418000,"node":"n","type":"odd","details":{value}}}"#);
        for valid in [
            "-0",
            "1.5e+7",
            "0.25E-3",
            "true",
            "null",
            "[]",
            "[ [ ] , { } ]",
            "{ \"a\" : [1 , -2] }",
            r#""\ud83d\ude00\n""#,
        ] {
            assert!(parse(&event(valid)).is_some(), "{valid}");
            assert!(parse_thoroughly(&event(valid)).is_ok(), "{valid}");
        }
        for odd in [
            "",
            "-",
            "01",
            "1.",
            ".5",
            "1e",
            "1.e5",
            "+1",
            "1x",
            "tru",
            "truee",
            "nul",
            "NaN",
            "[1,]",
            "[,]",
            "[1 2]",
            "[1",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "{1:2}",
            "]",
            "1}",
            "1} x",
            "\"a\tb\"",
            "\"a",
            r#""\x""#,
            r#""\u12g4""#,
            r#""\u12""#,
            "'a'",
            "/**/1",
            "1,,\"x\":1",
        ] {
            assert!(parse(&event(odd)).is_none(), "{odd}");
            assert!(parse_thoroughly(&event(odd)).is_err(), "{odd}");
        }
        // Half of a pair is for the long way, which takes it.
        assert!(parse(&event(r#""\ud83d""#)).is_none());
        assert!(parse_thoroughly(&event(r#""\ud83d""#)).is_ok());
        let nested = |levels: usize| event(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
        assert!(parse(&nested(100)).is_some() && parse(&nested(101)).is_none());
    }

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
