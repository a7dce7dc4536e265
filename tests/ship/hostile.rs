//! An agent's token in the wrong hands: foreign names, floods, times that cannot be, batches again and again.

use serde_json::json;

use crate::server::{Answer, Server};
use crate::support::Home;
use crate::{events_of, needs, now};

const PATH: &str = "/api/v1/events";

fn event(node: &str, ts: &str) -> String {
    format!(r#"{{"ts":{ts},"node":"{node}","type":"service_unhealthy","service":"web","reason":"x"}}"#)
}

fn send(server: &Server, token: &str, key: Option<&str>, body: &str) -> Answer {
    let bearer = format!("Authorization: Bearer {token}");
    let key = key.map(|key| format!("Idempotency-Key: {key}"));
    let headers: Vec<&str> = [Some(bearer.as_str()), key.as_deref()].into_iter().flatten().collect();
    server.send("POST", PATH, &headers, body)
}

#[test]
fn foreign_names_count_nothing_and_are_written_down_but_not_without_end() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let two = server.token(&["relay", "--agent", "--nodes", "vps,nas"]);
    let ts = now().to_string();
    for n in 0..40 {
        let body = format!("{}\n{}\n", event("piha", &ts), event(&format!("vps{n}"), &ts));
        let refused = send(&server, &token, None, &body);
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.body.contains("does not speak for vps"), "{refused:?}");
    }
    assert_eq!(events_of(&server.home), Vec::<String>::new());
    let told = server.home.audit().into_iter().filter(|l| l == "refused -→- piha web").count();
    assert_eq!(told, 11, "{:?}", server.home.audit());
    let log = server.home.run(&["audit"]).out;
    let last = log.lines().rfind(|line| line.contains("refused")).unwrap();
    assert!(last.contains("more such batches until ") && last.contains(" UTC are not written down"), "{log}");
    assert_eq!(send(&server, &two, None, &event("nas", &ts)).status, 200);
    for foreign in ["relay", "Vps", "vps ", "piha"] {
        assert_ne!(send(&server, &two, None, &event(foreign, &ts)).json()["accepted"], json!(1), "{foreign}");
    }
    assert_eq!(events_of(&server.home).len(), 1);
    // The same name by the back door: another key, a doubled one, an alias of the field.
    for body in [
        format!(r#"{{"ts":{ts},"host":"vps","type":"node_heartbeat"}}"#),
        format!(r#"{{"ts":{ts},"node":"piha","node":"vps","type":"node_heartbeat"}}"#),
        format!(r#"{{"ts":{ts},"node":"piha","host":"vps","type":"node_heartbeat"}}"#),
    ] {
        send(&server, &token, None, &body);
    }
    assert_eq!(server.home.run(&["observe"]).code, 0);
    let nodes = server.get("/api/v1/world/nodes").body;
    assert!(!nodes.contains("\"vps\""), "{nodes}");
}

#[test]
fn times_that_cannot_be_do_no_harm() {
    let server = Server::with_web("");
    let token = server.token(&["piha", "--agent"]);
    let ts = now().to_string();
    let body = [
        event("piha", "0"),
        event("piha", "\"1970-01-01T00:00:00Z\""),
        event("piha", "\"2100-01-01T00:00:00Z\""),
        event("piha", "\"9999-01-01T00:00:00Z\""),
        event("piha", "1e300"),
        event("piha", "-1"),
        event("piha", &ts),
    ];
    let answer = send(&server, &token, None, &body.join("\n"));
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(2)), "{answer:?}");
    let observed = server.home.run(&["observe", "--json"]);
    assert_eq!(observed.code, 0, "{observed:?}");
    let world: serde_json::Value = serde_json::from_str(&server.get("/api/v1/world/services").body).unwrap();
    assert_eq!(world["services"].as_array().unwrap().len(), 1);
    assert!(!world.to_string().contains("2100"), "{world}");
    let summary = server.get("/summary").json();
    assert_eq!(summary["waiting_events"], 1);
}

#[test]
fn a_flood_of_the_near_future_ends_and_silences_nobody() {
    let server = Server::start("");
    let (wild, honest) = (server.token(&["wild", "--agent"]), server.token(&["piha", "--agent"]));
    let ts = now();
    let soon = |minute: i64| (event("wild", &(ts + minute * 60).to_string()) + "\n").repeat(4000);
    let statuses: Vec<u16> = (10..20).map(|minute| send(&server, &wild, None, &soon(minute)).status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 429, 429, 429, 429, 429, 429]);
    let mixed = format!("{}\n{}", event("wild", &ts.to_string()), event("wild", &(ts + 600).to_string()));
    let refused = send(&server, &wild, None, &mixed);
    assert!(refused.status == 429 && refused.body.contains("set the clock"), "{refused:?}");
    assert_eq!(send(&server, &wild, None, &event("wild", &ts.to_string())).json()["accepted"], 1);
    assert_eq!(send(&server, &honest, None, &event("piha", &(ts + 600).to_string())).json()["accepted"], 1);
    assert_eq!(server.home.run(&["observe"]).code, 0);
    assert_eq!(server.get("/summary").json()["waiting_events"], 16_001);
}

#[test]
fn a_batch_sent_again_is_answered_as_before_and_written_once() {
    let server = Server::start("");
    let (token, other) = (server.token(&["piha", "--agent"]), server.token(&["vps", "--agent"]));
    let body = format!("{}\nbad\n", event("piha", &now().to_string()));
    let first = send(&server, &token, Some("k1"), &body);
    assert_eq!(first.status, 200, "{first:?}");
    for _ in 0..5 {
        let again = send(&server, &token, Some("k1"), &body);
        assert_eq!((again.status, again.json()), (200, first.json()));
    }
    assert_eq!(events_of(&server.home).len(), 1);
    let changed = send(&server, &token, Some("k1"), &event("piha", &now().to_string()));
    assert_eq!(changed.status, 409, "{changed:?}");
    let theirs = event("vps", &now().to_string());
    assert_eq!(send(&server, &other, Some("k1"), &theirs).json()["accepted"], 1, "keys are a token's own");
    for key in ["", "two words", &"x".repeat(129)] {
        assert_eq!(send(&server, &token, Some(key), &body).status, 400, "{key:?}");
    }
    // The server forgets nothing by dying.
    let home = {
        let mut server = server;
        server.terminate();
        std::mem::replace(&mut server.home, Home::new())
    };
    let server = Server::of(home, &[]);
    assert_eq!(send(&server, &token, Some("k1"), &body).json(), first.json());
    assert_eq!(events_of(&server.home).len(), 2);
    let names = crate::support::names(&server.home.at("state/batches"));
    assert_eq!(names, ["piha.json", "vps.json"]);
    for n in 0..200 {
        send(&server, &token, Some(&format!("n{n}")), "");
    }
    assert!(server.home.at("state/batches/piha.json").metadata().unwrap().len() < 16 * 1024);
}

#[test]
fn a_batch_sent_twice_at_once_is_written_once() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let ts = now().to_string();
    for n in 0..20 {
        let body = format!("{}\n", event("piha", &ts).replace("web", &format!("s{n}"))).repeat(50);
        let key = format!("k{n}");
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let both = [(); 4].map(|()| scope.spawn(|| send(&server, &token, Some(&key), &body)));
            both.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|a| a.json()["accepted"] == 50), "{answers:?}");
        assert_eq!(events_of(&server.home).len(), (n + 1) * 50);
    }
}

#[test]
fn a_flood_fills_its_share_and_silences_nobody() {
    // In full a gigabyte against 64 MiB.
    let is_full = needs::number("HLCTL_FULL", 0) == 1;
    let (batches, quota) = if is_full { (1024, 64) } else { (12, 4) };
    let server = Server::start(&format!("events_quota: {quota}MiB\n"));
    let (wild, honest) = (server.token(&["wild", "--agent"]), server.token(&["piha", "--agent"]));
    let ts = now().to_string();
    let line = event("wild", &ts) + "\n";
    let batch = line.repeat((1 << 20) / line.len());
    let statuses: Vec<u16> = (0..batches).map(|_| send(&server, &wild, None, &batch).status).collect();
    assert_eq!(
        statuses.iter().filter(|s| **s == 200).count(),
        quota / 2,
        "half of the quota, and the rest is for others: {statuses:?}"
    );
    assert!(statuses.iter().all(|s| [200, 507].contains(s)), "{statuses:?}");
    let size: u64 = walkdir::WalkDir::new(server.home.at("events"))
        .into_iter()
        .filter_map(|e| e.ok()?.metadata().ok().filter(|m| m.is_file()).map(|m| m.len()))
        .sum();
    assert!(size <= (quota as u64) << 20, "{size}");
    assert_eq!(send(&server, &honest, None, &event("piha", &ts)).json()["accepted"], 1, "others are unaffected");
    assert_eq!(server.home.run(&["observe"]).code, 0);
    assert!(server.get("/api/v1/world/services").body.contains("\"piha\""));
}

/// The most that the server may ever have resident while its world is flooded, in KiB.
const PEAK: u64 = 96 << 10;

#[test]
fn one_token_does_not_make_the_world_too_large_for_the_others() {
    let server = Server::start("");
    let (wild, honest) = (server.token(&["wild", "--agent"]), server.token(&["piha", "--agent"]));
    let mirror = Home::new();
    let url = format!("http://{}", server.address);
    let loop_goes_on = |n: usize| {
        let line = format!(
            r#"{{"ts":{},"node":"piha","type":"service_status","service":"web","status":"s{n}"}}"#,
            now() + n as i64
        );
        assert_eq!(send(&server, &honest, None, &line).json()["accepted"], 1);
        let observed = server.home.run(&["observe"]);
        assert_eq!(observed.code, 0, "{observed:?}");
        for path in ["/", "/services", "/services/wild/web", "/summary"] {
            let page = server.get(path);
            assert_eq!(page.status, 200, "{path}");
        }
        let mirrored = mirror.run(&["mirror", "--from", &url]);
        assert_eq!(mirrored.code, 0, "{mirrored:?}");
        let world = std::fs::read_to_string(mirror.at("world/services.json")).unwrap();
        assert!(world.contains(&format!("\"s{n}\"")), "the mirror is up to date");
        world
    };
    let ts = now();
    assert_eq!(send(&server, &wild, None, &event("wild", &ts.to_string())).json()["accepted"], 1);
    loop_goes_on(0);

    // A new name on each line.
    let mut number = 0;
    for n in 0..40 {
        let mut batch = String::new();
        while batch.len() < 1_000_000 {
            number += 1;
            batch += &format!(r#"{{"ts":{ts},"node":"wild","type":"service_healthy","service":"s{number}"}}"#);
            batch.push('\n');
        }
        let answer = send(&server, &wild, None, &batch);
        assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(if n == 0 { 999 } else { 0 })));
    }
    let full = send(&server, &wild, None, &event("wild", &ts.to_string()).replace("web", "more")).json();
    assert_eq!(
        full["rejected"],
        json!([{ "line": 1, "cause": "wild/more would be one more than the 1000 services of this token's nodes" }])
    );
    let world = loop_goes_on(1);
    assert_eq!(world.matches("\"wild\"").count(), 1000);

    // Long words: a line on its own, and all of them together.
    for field in ["reason", "status", "details", "type"] {
        let long = event("wild", &ts.to_string()).replace('}', &format!(r#","{field}":"{}"}}"#, "x".repeat(900_000)));
        let answer = send(&server, &wild, None, &long).json();
        assert_eq!(answer["rejected"], json!([{ "line": 1, "cause": "longer than 16384 bytes" }]));
    }
    let long = "x".repeat(16_000);
    let mut accepted = 0;
    for part in 0..20 {
        let line = |n: usize| {
            let (ts, name) = (ts + 1, part * 60 + n);
            format!(r#"{{"ts":{ts},"node":"wild","type":"service_healthy","service":"s{name}","details":"{long}"}}"#)
        };
        let batch: Vec<String> = (0..60).map(line).collect();
        let answer = send(&server, &wild, None, &batch.join("\n"));
        assert_eq!(answer.status, 200, "{answer:?}");
        accepted += answer.json()["accepted"].as_u64().unwrap();
    }
    assert!((200..300).contains(&accepted), "{accepted} of 1000 services with 16 kB each");
    let world = loop_goes_on(2);
    assert!(world.len() < 5 << 20, "{}", world.len());

    // The same service all the time: what is kept for its page has an end, too.
    for n in 0..20 {
        let line = |m: i64| {
            let (at, kind) = (ts as f64 - (n * 10_000 + m) as f64 / 1000.0, ["healthy", "unhealthy"][m as usize % 2]);
            format!(r#"{{"ts":{at:.3},"node":"wild","type":"service_{kind}","service":"web","reason":"{m}"}}"#)
        };
        let batch: Vec<String> = (0..10_000).map(line).collect();
        assert_eq!(send(&server, &wild, None, &batch.join("\n")).json()["accepted"], 10_000);
    }
    loop_goes_on(3);
    let peak = server.peak_memory();
    assert!(peak < PEAK, "{peak} KiB");

    // After a restart the names are those of the world.
    let home = {
        let mut server = server;
        server.terminate();
        std::mem::replace(&mut server.home, Home::new())
    };
    let server = Server::of(home, &[]);
    let lines = [event("wild", &ts.to_string()), event("wild", &ts.to_string()).replace("web", "more")];
    let answer = send(&server, &wild, None, &lines.join("\n")).json();
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["line"]), (&json!(1), &json!(2)), "{answer}");
}

#[test]
fn garbage_is_refused_line_by_line_in_a_short_answer() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let good = event("piha", &now().to_string());
    let garbage = "x\n".repeat((1 << 20) / 2 - 200) + &good;
    let answer = send(&server, &token, None, &garbage);
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(1)));
    assert_eq!(answer.json()["rejected_total"], json!((1 << 20) / 2 - 200));
    assert!(answer.body.len() < 256 << 10, "{}", answer.body.len());
    for body in [
        "\0\0\0",
        "{",
        "[]",
        "null",
        "\u{feff}{}",
        &"[".repeat(100_000),
        &format!("{{\"a\":{}", "{\"a\":".repeat(50_000)),
        &format!(r#"{{"ts":1,"node":"{}","type":"t"}}"#, "n".repeat(70_000)),
        r#"{"ts":1795418000,"node":"../../etc","type":"t"}"#,
        r#"{"ts":1795418000,"node":"-rf","type":"t"}"#,
    ] {
        let answer = send(&server, &token, None, body);
        assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(0)), "{body:.40}: {answer:?}");
    }
    assert_eq!(events_of(&server.home), [good]);
    assert_eq!(server.get("/healthz").status, 200);
}
