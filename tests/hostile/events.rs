use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use crate::judge::{Around, TEXTS, tell, tell_all};
use crate::lab::Lab;

const FIELDS: [&str; 14] = [
    "ts",
    "timestamp",
    "node",
    "host",
    "type",
    "event",
    "service",
    "status",
    "reason",
    "id",
    "source",
    "details",
    "level",
    "unknown",
];

/// Events that are sound but for one field.
fn events(text: &Value) -> String {
    let mut lines = String::new();
    for (n, field) in FIELDS.iter().enumerate() {
        for kind in ["service_unhealthy", "service_status", "disk_pressure", "node_heartbeat", "service_removed"] {
            let mut event = json!({"ts": 1_795_400_000 + n, "node": "piha", "type": kind, "service": "web",
                "status": "starting", "reason": "check_failed", "level": "high", "details": {"mount": "/"}});
            event[*field] = text.clone();
            lines += &format!("{event}\n");
            event["details"] = json!({"mount": text, "used_percent": text, "level": text, "agent": text});
            lines += &format!("{event}\n");
        }
    }
    lines
}

#[test]
fn no_field_of_an_event_reaches_the_screen_or_a_path_raw() {
    let lab = Lab::new();
    lab.services(&["web", "db"]);
    for (n, text) in TEXTS.iter().enumerate() {
        lab.put(&format!("events/2026-11-23/{n}.jsonl"), events(&json!(text)));
        lab.put(&format!("events/2026-11-23/raw-{n}.jsonl"), format!("{text}\n"));
        lab.put(&format!("events/2026-11-23/raw-{n}.json"), text);
    }
    for (n, value) in [json!(null), json!([1]), json!({"a": {"b": []}}), json!(1e300), json!(true)].iter().enumerate() {
        lab.put(&format!("events/2026-11-23/value-{n}.jsonl"), events(value));
    }
    tell_all(&lab, "hostile events");
    // What is no name never became a node or a service.
    let world = lab.read("world/services.json") + &lab.read("world/nodes.json");
    let world: Vec<&str> = world.lines().filter(|l| l.starts_with("{\"node\"")).collect();
    assert!(!world.is_empty());
    for row in world {
        let row: Value = serde_json::from_str(row.trim_end_matches(',')).unwrap();
        for name in [&row["node"], &row["service"]].into_iter().filter_map(Value::as_str) {
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{name:?}");
        }
    }
}

#[test]
fn no_file_name_among_the_events_reaches_the_screen_raw() {
    let lab = Lab::new();
    lab.services(&["web"]);
    let day = lab.at("events/2026-11-23");
    std::fs::create_dir_all(&day).unwrap();
    let names = TEXTS.iter().map(|t| t.replace('/', "%").into_bytes()).chain([b"\xff\x1b[2J".to_vec()]);
    for name in names {
        let name = [&name[..], b".jsonl"].concat();
        std::fs::write(day.join(OsStr::from_bytes(&name)), "bad\n").unwrap();
        std::fs::create_dir_all(lab.at("events").join(OsStr::from_bytes(&name))).unwrap();
    }
    tell_all(&lab, "hostile file names");
}

#[test]
fn ten_megabytes_in_a_field_are_harmless() {
    let lab = Lab::new();
    lab.services(&["web"]);
    let huge = "\u{1b}[2Jx".repeat(2_000_000);
    for field in ["node", "service", "reason", "type", "details", "status"] {
        let mut event =
            json!({"ts": 1_795_400_000, "node": "piha", "type": "service_status", "service": "web", "status": "bad"});
        event[field] = json!(huge);
        lab.put(&format!("events/2026-11-23/{field}.jsonl"), format!("{event}\n"));
    }
    let around = Around::of(&lab);
    for verb in [&["observe"][..], &["reconcile"], &["status"], &["digest"], &["status", "--json"]] {
        tell(&lab, verb, &[], "ten megabytes");
    }
    around.is_untouched(&lab, "ten megabytes");
    assert!(lab.ok(&["digest"]).len() <= 32 * 1024 + 1);
}

#[test]
fn each_unreadable_line_is_set_aside_with_its_place_and_the_others_count() {
    let lab = Lab::new();
    lab.services(&["web"]);
    let good = r#"{"ts":1795400000,"node":"piha","type":"service_healthy","service":"web"}"#;
    let mut bytes = Vec::new();
    let bad: [&[u8]; 8] = [
        b"",
        b"{",
        b"\xff\xfe",
        b"{\"ts\":1795400000,\"node\":\"piha\",\"type\":\"x\",\"node\":\"vps\"}",
        b"{\"ts\":1795400000,\"node\":\"pi\0ha\",\"type\":\"x\"}",
        b"{\"ts\":1795400000,\"node\":\"pi\\u0000ha\",\"type\":\"x\"}",
        b"[]",
        b"null",
    ];
    for line in bad {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(good.as_bytes());
    bytes.push(b'\n');
    lab.put("events/2026-11-23/piha.jsonl", &bytes);
    lab.put("events/2026-11-23/empty.json", "");
    std::fs::create_dir(lab.at("events/2026-11-23/folder.json")).unwrap();
    std::fs::create_dir(lab.at("events/2026-11-23/folder.jsonl")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", lab.at("events/2026-11-23/link.jsonl")).unwrap();
    std::os::unix::fs::symlink("/etc", lab.at("events/2026-11-22")).unwrap();
    let said = lab.json(&["observe"]);
    assert_eq!(said["services"], 1, "{said}");
    let newest = said["findings"]["rejected"]["newest"].as_array().unwrap();
    let places: Vec<u64> = newest.iter().filter_map(|r| r["line"].as_u64()).collect();
    for line in [2, 3, 4, 5, 6, 8] {
        assert!(places.contains(&line), "line {line}: {newest:#?}");
    }
    assert!(!said.to_string().contains("root:x:0"), "{said}");
    tell_all(&lab, "unreadable events");
}
