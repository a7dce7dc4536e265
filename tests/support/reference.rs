//! The contract's fold written down a second time, as plainly as can be: all events in a list, and for each
//! question a search through all of it. Shares nothing with the program but the writing of times.

use std::io::Read;
use std::path::Path;

use hlctl::flow::time::Stamp;
use serde_json::{Value, json};

/// What the reference makes of an event log.
pub struct World {
    pub services: Value,
    pub nodes: Value,
    pub rejected: u64,
    pub waiting: u64,
    pub unknown: u64,
}

const KNOWN: [&str; 4] = ["service_healthy", "service_unhealthy", "service_status", "service_removed"];

struct Event {
    ts: i64,
    place: (String, u64),
    node: String,
    kind: String,
    service: String,
    status: Option<String>,
    reason: Value,
    level: String,
    source: String,
    details: Value,
}

/// Reads everything below `root/events` as of a clock.
pub fn world(root: &Path, now: Stamp) -> World {
    let mut events = Vec::new();
    let mut rejected = 0;
    for day in sorted(&root.join("events")) {
        let names = sorted(&root.join("events").join(&day));
        for name in &names {
            let mut bytes = std::fs::read(root.join("events").join(&day).join(name)).unwrap();
            let mut name = name.as_str();
            for (suffix, hidden_by) in [(".gz", [""].as_slice()), (".zst", &["", ".gz"])] {
                let Some(plain) = name.strip_suffix(suffix).filter(|n| n.ends_with(".jsonl")) else { continue };
                if hidden_by.iter().any(|other| names.contains(&format!("{plain}{other}"))) {
                    bytes.clear();
                } else {
                    let intact;
                    (bytes, intact) = match suffix {
                        ".gz" => unpack(flate2::read::MultiGzDecoder::new(&*bytes)),
                        _ if bytes.is_empty() => (Vec::new(), true),
                        _ => ruzstd::decoding::StreamingDecoder::new(&*bytes).map_or((Vec::new(), false), zstd),
                    };
                    rejected += u64::from(!intact);
                }
                name = plain;
            }
            let path = format!("{day}/{name}");
            if name.ends_with(".jsonl") {
                let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
                for (i, line) in bytes[..end].split(|b| *b == b'\n').enumerate() {
                    if line.iter().all(u8::is_ascii_whitespace) {
                        continue;
                    }
                    match serde_json::from_slice(line).ok().and_then(|v| event(&v, &path, i as u64 + 1)) {
                        Some(event) => events.push(event),
                        None => rejected += 1,
                    }
                }
            } else if name.ends_with(".json") {
                let list = match serde_json::from_slice::<Value>(&bytes) {
                    Ok(Value::Array(list)) => list,
                    Ok(value) => vec![value],
                    Err(_) => vec![Value::Null],
                };
                for (i, value) in list.iter().enumerate() {
                    match event(value, &path, i as u64) {
                        Some(event) => events.push(event),
                        None => rejected += 1,
                    }
                }
            }
        }
    }
    let total = events.len();
    events.retain(|e| e.ts <= now.millis() + 300_000);
    let waiting = (total - events.len()) as u64;
    let is_known = |e: &&Event| KNOWN.contains(&e.kind.as_str());
    let others = ["node_heartbeat", "disk_pressure", "action_started", "action_completed", "action_failed"];
    let unknown = events.iter().filter(|e| !is_known(e) && !others.contains(&e.kind.as_str())).count() as u64;
    World {
        services: json!({"schema": "hlctl.services/v1", "as_of": newest(events.iter().filter(is_known)),
                         "services": services(&events.iter().filter(is_known).collect::<Vec<_>>())}),
        nodes: json!({"schema": "hlctl.nodes/v1", "as_of": newest(events.iter()), "nodes": nodes(&events)}),
        rejected,
        waiting,
        unknown,
    }
}

fn services(events: &[&Event]) -> Vec<Value> {
    let mut pairs: Vec<(&str, &str)> = events.iter().map(|e| (e.node.as_str(), e.service.as_str())).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut rows = Vec::new();
    for (node, service) in pairs {
        let of = || events.iter().filter(|e| e.node == node && e.service == service).copied();
        let last = of().max_by_key(|e| (e.ts, &e.place)).unwrap();
        let Some(status) = &last.status else { continue };
        let is = |e: &&Event, healthy: bool| e.status.as_ref().is_some_and(|s| (s == "healthy") == healthy);
        rows.push(json!({
            "node": node, "service": service, "status": status,
            "reason": if status == "healthy" { &Value::Null } else { &last.reason },
            "last_event": Stamp::from_millis(last.ts).to_string(),
            "last_healthy": newest(of().filter(|e| is(e, true))),
            "last_unhealthy": newest(of().filter(|e| is(e, false))),
            "details": last.details,
        }));
    }
    rows
}

fn nodes(events: &[Event]) -> Vec<Value> {
    let mut names: Vec<&str> = events.iter().map(|e| e.node.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut rows = Vec::new();
    for node in names {
        let of = |kind: &'static str| events.iter().filter(move |e| e.node == node && e.kind == kind);
        let alive = events.iter().filter(|e| e.node == node && e.source != "execute");
        let seen = newest(
            alive.filter(|e| !["action_started", "action_completed", "action_failed"].contains(&e.kind.as_str())),
        );
        let disk = of("disk_pressure").max_by_key(|e| (e.ts, &e.place));
        if seen.is_null() && disk.is_none() {
            continue;
        }
        rows.push(json!({
            "node": node, "last_seen": seen,
            "disk_pressure": disk.map(|e| &e.level),
            "disk": disk.map(|e| json!({"used_percent": e.details["used_percent"], "mount": e.details["mount"]})),
            "disk_normal_at": newest(of("disk_pressure").filter(|e| e.level == "normal")),
            "details": of("node_heartbeat").max_by_key(|e| (e.ts, &e.place)).map_or(json!({}), |e| e.details.clone()),
        }));
    }
    rows
}

fn newest<'a>(events: impl Iterator<Item = &'a Event>) -> Value {
    events.map(|e| e.ts).max().map_or(Value::Null, |ts| Value::String(Stamp::from_millis(ts).to_string()))
}

fn event(value: &Value, path: &str, index: u64) -> Option<Event> {
    value.as_object()?;
    let pick = |names: &[&str]| names.iter().map(|n| &value[*n]).find(|v| !v.is_null()).unwrap_or(&Value::Null);
    let ts = match pick(&["ts", "timestamp", "time"]) {
        Value::String(text) => time(text)?,
        Value::Number(number) => unix(&number.to_string())?,
        _ => return None,
    };
    let node = pick(&["node", "host", "hostname"]).as_str().filter(|n| is_name(n))?.to_owned();
    let kind = pick(&["type", "event_type", "event"]).as_str()?.to_owned();
    let service = pick(&["service", "service_name"]);
    let service = match service.as_str() {
        Some(name) if is_name(name) => name.to_owned(),
        Some(_) => return None,
        None if KNOWN.contains(&kind.as_str()) => return None,
        None => String::new(),
    };
    let details = match pick(&["details", "data", "payload"]) {
        Value::Null => json!({}),
        details => details.clone(),
    };
    let status = match kind.as_str() {
        "service_healthy" => Some("healthy".to_owned()),
        "service_unhealthy" => Some("unhealthy".to_owned()),
        "service_status" => Some(value["status"].as_str().filter(|s| !s.is_empty())?.to_owned()),
        _ => None,
    };
    let level = [&value["level"], &details["level"]].into_iter().find(|v| !v.is_null()).and_then(Value::as_str);
    let level = level.unwrap_or_default().to_owned();
    // 2000-01-01 and 2201-01-01.
    let in_time = (946_684_800_000..7_289_654_400_000).contains(&ts);
    if !in_time || (kind == "disk_pressure" && !["high", "normal"].contains(&level.as_str())) {
        return None;
    }
    let source = value["source"].as_str().unwrap_or_default().to_owned();
    let (reason, place) = (value["reason"].clone(), (path.to_owned(), index));
    Some(Event { ts, place, node, kind, service, status, reason, level, source, details })
}

/// Returns the milliseconds of a time such as `2026-11-23T07:13:05.1239+01:00`; without an offset it is UTC.
fn time(text: &str) -> Option<i64> {
    let text = text.to_ascii_uppercase();
    let (text, minutes) = if let Some(utc) = text.strip_suffix('Z') {
        (utc, 0)
    } else if let Some(at) = text.get(10..)?.rfind(['+', '-']).map(|at| at + 10) {
        let (hours, minutes) = text[at + 1..].split_once(':')?;
        let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        let minutes = hours * 60 + minutes;
        (&text[..at], if text[at..].starts_with('-') { -minutes } else { minutes })
    } else {
        (text.as_str(), 0)
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let (date, clock) = whole.split_once(['T', ' '])?;
    let numbers = |text: &str, between: char, first: usize| -> Option<Vec<i64>> {
        text.split(between).enumerate().map(|(i, part)| digits(part, if i == 0 { first } else { 2 })).collect()
    };
    let [year, month, day] = numbers(date, '-', 4)?[..] else { return None };
    let [hour, minute, second] = numbers(clock, ':', 2)?[..] else { return None };
    // Day by day: slow, and hard to get wrong.
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = |year, month| match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let fits = (1..=12).contains(&month)
        && (1..=length(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    let days = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum::<i64>()
        + (1..month).map(|month| length(year, month)).sum::<i64>()
        + day
        - 1;
    fits.then_some((((days * 24 + hour) * 60 + minute - minutes) * 60 + second) * 1000 + thousandths(fraction)?)
}

/// Returns the milliseconds of Unix seconds in decimal digits.
fn unix(number: &str) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    Some(digits(whole, whole.len())?.checked_mul(1000)? + thousandths(fraction)?)
}

fn thousandths(fraction: &str) -> Option<i64> {
    digits(fraction, fraction.len()).and_then(|_| digits(format!("{fraction}00").get(..3)?, 3))
}

/// Returns the number that so many digits make, and nothing else.
fn digits(text: &str, count: usize) -> Option<i64> {
    let fits = text.len() == count && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.bytes().fold(0i64, |sum, b| sum.saturating_mul(10).saturating_add(i64::from(b - b'0'))))
}

fn is_name(text: &str) -> bool {
    let ok = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(ok) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Returns what a packed file holds, up to where it is damaged, and whether it is whole.
fn unpack(mut input: impl Read) -> (Vec<u8>, bool) {
    let (mut out, mut block) = (Vec::new(), vec![0; 32 * 1024]);
    loop {
        match input.read(&mut block) {
            Ok(0) => return (out, true),
            Ok(n) => out.extend_from_slice(&block[..n]),
            Err(_) => return (out, false),
        }
    }
}

/// The same of a Zstandard file: its library leaves it to us to look at the checksum.
fn zstd(mut input: ruzstd::decoding::StreamingDecoder<&[u8], ruzstd::decoding::FrameDecoder>) -> (Vec<u8>, bool) {
    let (out, is_whole) = unpack(&mut input);
    let decoder = input.decoder;
    (out, is_whole && decoder.get_checksum_from_data() == decoder.get_calculated_checksum())
}

fn sorted(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}
