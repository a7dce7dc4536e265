//! The spool on its way: what each answer of the other side means for what waits.

use std::collections::BTreeSet;
use std::time::Duration;

use hlctl::commands::ship::{self, Shipment};
use hlctl::flow::spool::Dropped;
use hlctl::store::spool::Spool;
use hlctl::wire::{Client, PATIENCE, Settings};

use crate::far::{Nginx, answering, free_port, slow};
use crate::server::Server;
use crate::support::{Home, needs};
use crate::{events_of, now};

fn line(n: i64) -> String {
    format!(r#"{{"ts":{},"node":"piha","type":"service_status","service":"web","status":"s{n}"}}"#, now())
}

fn line_of(node: &str, n: i64) -> String {
    line(n).replace("\"piha\"", &format!("\"{node}\""))
}

fn add(home: &Home, lines: &[String]) {
    Spool::open(&home.root).unwrap().add(lines).unwrap();
}

fn ship(home: &Home, url: &str, token: &str) -> Shipment {
    ship_within(home, url, token, PATIENCE)
}

fn ship_within(home: &Home, url: &str, token: &str, patience: Duration) -> Shipment {
    let (url, token) = (url.parse().unwrap(), Some(token.to_owned()));
    let settings = Settings { url, token, ca: None, insecure_http: false, patience };
    ship::run(&home.root, &Client::new(settings).unwrap()).unwrap()
}

/// Returns the statuses that the events on disk tell, in order.
fn told(home: &Home) -> Vec<i64> {
    let number = |line: &String| line.split("\"s").last().unwrap().trim_end_matches("\"}").parse().unwrap();
    events_of(home).iter().map(number).collect()
}

#[test]
fn what_waits_is_sent_once_and_in_order() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let url = format!("http://{}", server.address);
    let home = Home::new();
    assert!(ship(&home, &url, &token).notes().is_empty(), "nothing to do is no trouble");
    for part in 0..50 {
        let lines: Vec<String> = (part * 200..(part + 1) * 200).map(line).collect();
        add(&home, &lines);
    }
    let shipment = ship(&home, &url, &token);
    assert_eq!((shipment.accepted, shipment.waiting, shipment.error), (10_000, 0, None));
    assert_eq!(told(&server.home), (0..10_000).collect::<Vec<_>>());
    assert_eq!(crate::support::names(&home.at("state/spool")), Vec::<String>::new());
    assert_eq!(ship(&home, &url, &token).accepted, 0);
}

#[test]
fn a_week_off_line_loses_no_change() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let home = Home::new();
    let spool = Spool::open(&home.root).unwrap();
    let begin = now() - 7 * 86_400;
    let (mut changes, mut dropped) = (Vec::new(), Dropped::default());
    for half_hour in 0..7 * 48 {
        let event = |at: i64, rest: &str| format!(r#"{{"ts":{},"node":"piha",{rest}}}"#, begin + half_hour * 1800 + at);
        let heartbeat =
            r#""type":"node_heartbeat","details":{"agent":"0.1.0","uptime_seconds":123456,"load":[0.1,0.2,0.3]}"#;
        let mut lines: Vec<String> = (0..30).map(|minute| event(minute * 60, heartbeat)).collect();
        // A hundred and twenty services told again every five minutes, and one that is another every half an hour.
        lines.extend(
            (0..6 * 120)
                .map(|n| event(n / 120 * 300, &format!(r#""type":"service_healthy","service":"steady-{}""#, n % 120))),
        );
        let change = event(1799, &format!(r#""type":"service_status","service":"web","status":"s{half_hour}""#));
        lines.push(change.clone());
        changes.push(change);
        dropped.add(spool.add(&lines).unwrap());
    }
    drop(spool);
    assert!(dropped.heartbeats > 0 && (dropped.changes, dropped.too_long) == (0, 0), "{dropped:?}");
    let size: u64 =
        walkdir::WalkDir::new(home.at("state/spool")).into_iter().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(size <= hlctl::store::spool::MOST + (64 << 10), "{size}");
    let url = format!("http://{}", server.address);
    let mut told = false;
    while {
        let shipment = ship(&home, &url, &token);
        assert_eq!(shipment.error, None);
        told |= shipment.notes().iter().any(|n| n.contains("the spool was full"));
        shipment.waiting > 0
    } {}
    assert!(told, "what was lost is said");
    let got: Vec<String> = events_of(&server.home).into_iter().filter(|l| l.contains("service_status")).collect();
    assert_eq!(got, changes);
    assert_eq!(server.home.run(&["observe"]).code, 0);
    assert!(server.get("/api/v1/world/services").body.contains("\"s335\""));
}

#[test]
fn whatever_the_other_side_says_nothing_is_lost() {
    let server = Server::start("events_quota: 64KiB\n");
    let (token, other) = (server.token(&["piha", "--agent"]), server.token(&["vps", "--agent"]));
    let reader = server.token(&["oskar", "--reader"]);
    let url = format!("http://{}", server.address);
    let home = Home::new();
    add(&home, &(0..100).map(line).collect::<Vec<_>>());
    let answer = |status: &str, body: &str| {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        format!("http://{}", answering(Some(head + body)))
    };
    let closed = format!("http://127.0.0.1:{}", free_port());
    for (url, token, word, advice) in [
        (url.clone(), "wrong", "answered 401", "--agent"),
        (url.clone(), &reader, "answered 403", "agent's"),
        (url.clone(), &other, "does not speak for piha", "--nodes"),
        (url.clone() + "/nowhere", &token, "answered 404", "URL"),
        (closed, &token, "Connection refused", "hlctl serve"),
        (answer("200 OK", "<html>Log in, please"), &token, "as no control plane does", "URL"),
        (answer("200 OK", r#"{"accepted":3,"rejected":[]}"#), &token, "as no control plane does", "URL"),
        (answer("413 Too large", ""), &token, "answered 413", "client_max_body_size"),
        (answer("429 Slowly", ""), &token, "answered 429", "next pass"),
        (answer("502 Bad gateway", "<html>"), &token, "answered 502", "next pass"),
        (answer("307 Elsewhere", ""), &token, "not followed", "URL"),
    ] {
        let shipment = ship(&home, &url, token);
        assert_eq!((shipment.accepted, shipment.waiting), (0, 100), "{url}: {shipment:?}");
        let (error, help) = (shipment.error.clone().unwrap(), shipment.advice.clone().unwrap());
        assert!(error.contains(word) && help.contains(advice), "{url}: {shipment:?}");
        assert!(!error.contains(token) && !help.contains(token), "{shipment:?}");
        assert!(shipment.notes().iter().any(|n| n.contains("100 events wait in the spool")), "{shipment:?}");
    }
    assert_eq!(ship(&home, &url, &token).accepted, 100);
    add(&home, &(100..2000).map(line).collect::<Vec<_>>());
    let full = ship(&home, &url, &token);
    assert!(full.error.as_deref().is_some_and(|e| e.contains("507")), "{full:?}");
    assert!(full.accepted + full.waiting == 1900 && full.waiting > 1000, "{full:?}");
    assert_eq!(told(&server.home), (0..100 + full.accepted as i64).collect::<Vec<_>>());
}

#[test]
fn a_line_that_is_refused_does_not_block_those_behind_it() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let home = Home::new();
    add(&home, &[line(0), "{\"ts\":1}".into(), line(1)]);
    let shipment = ship(&home, &format!("http://{}", server.address), &token);
    assert_eq!((shipment.accepted, shipment.rejected, shipment.waiting), (2, 1, 0));
    assert!(shipment.notes()[0].contains("line 2: "), "{shipment:?}");
    assert_eq!(told(&server.home), [0, 1]);
    // A blank one is no line to the other side.
    add(&home, &[line(2), "  ".into(), line(3), String::new()]);
    let shipment = ship(&home, &format!("http://{}", server.address), &token);
    assert_eq!((shipment.accepted, shipment.waiting, shipment.error), (2, 0, None));
}

/// Returns the numbers that the events of one node on disk tell, in order.
fn told_of(home: &Home, node: &str) -> Vec<i64> {
    let of_node = events_of(home).into_iter().filter(|line| line.contains(&format!("\"{node}\"")));
    of_node.map(|l| l.split("\"s").last().unwrap().trim_end_matches("\"}").parse().unwrap()).collect()
}

#[test]
fn a_node_that_the_token_does_not_speak_for_holds_up_no_other() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent", "--nodes", "piha,vps"]);
    let url = format!("http://{}", server.address);
    let home = Home::new();
    let spool = || crate::support::names(&home.at("state/spool"));
    // The node was renamed: a file of the old name alone, one of all names and no event, then its own.
    add(&home, &[line_of("old", 0), line_of("old", 1)]);
    Spool::open(&home.root).unwrap().batches().unwrap();
    add(&home, &["{\"ts\":1}".into(), line(0), line_of("old", 2), line_of("x.old", 0), line_of("vps", 0), line(1)]);
    Spool::open(&home.root).unwrap().batches().unwrap();
    add(&home, &(2..2000).map(line).collect::<Vec<_>>());
    let shipment = ship(&home, &url, &token);
    assert_eq!((shipment.accepted, shipment.rejected, shipment.waiting), (2001, 1, 4), "{shipment:?}");
    assert_eq!(Vec::from_iter(&shipment.refused), ["old", "x.old"]);
    assert_eq!(told_of(&server.home, "piha"), (0..2000).collect::<Vec<_>>());
    assert_eq!(told_of(&server.home, "vps"), [0]);
    assert_eq!(told_of(&server.home, "old"), Vec::<i64>::new());
    assert_eq!(spool(), ["0000000000000001@old.jsonl", "0000000000000002@old.jsonl", "0000000000000002@x.old.jsonl"]);
    let notes = shipment.notes().join("\n");
    assert!(notes.contains("what waits of old, x.old is set aside"), "{notes}");
    let away = format!("rm {0}/*@old.jsonl {0}/*@x.old.jsonl", home.at("state/spool").display());
    assert!(notes.contains("4 events wait") && notes.contains("--nodes A,B") && notes.contains(&away), "{notes}");

    // Pass after pass its own events go, and one line of each other node is asked for.
    for n in 2000..2010 {
        add(&home, &[line(n), line_of("old", n)]);
        let shipment = ship(&home, &url, &token);
        assert_eq!((shipment.accepted, shipment.refused.len()), (1, 2), "{shipment:?}");
    }
    assert_eq!(told_of(&server.home, "piha"), (0..2010).collect::<Vec<_>>());
    assert_eq!(ship(&home, &url, &token).waiting, 14);

    // One way out: it is removed. The other: the token speaks for it, and all of it goes, in order.
    let gone = home.at("state/spool/0000000000000002@x.old.jsonl");
    std::fs::remove_file(gone).unwrap();
    assert_eq!(server.home.run(&["token", "revoke", "piha"]).code, 0);
    let token = server.token(&["piha", "--agent", "--nodes", "piha,vps,old"]);
    let shipment = ship(&home, &url, &token);
    assert_eq!((shipment.accepted, shipment.waiting, shipment.error), (13, 0, None));
    assert!(shipment.refused.is_empty());
    assert_eq!(told_of(&server.home, "old"), (0..3).chain(2000..2010).collect::<Vec<_>>());
    assert_eq!(spool(), Vec::<String>::new());
}

#[test]
fn a_wrong_token_is_mended_and_nothing_was_lost() {
    let server = Server::start("");
    let (wrong, right) = (server.token(&["vps", "--agent"]), server.token(&["piha", "--agent"]));
    let url = format!("http://{}", server.address);
    let home = Home::new();
    for n in 0..20 {
        add(&home, &[line(n)]);
        let shipment = ship(&home, &url, &wrong);
        assert_eq!((shipment.accepted, shipment.waiting), (0, n as u64 + 1));
        assert!(!shipment.advice.unwrap().contains("rm "), "it is all that there is");
    }
    // As a kill in the middle of the parting leaves it.
    let first = home.at("state/spool/0000000000000001@piha.jsonl");
    std::fs::copy(&first, home.at("state/spool/0000000000000001.jsonl")).unwrap();
    let shipment = ship(&home, &url, &wrong);
    assert_eq!((shipment.accepted, shipment.waiting), (0, 20), "{shipment:?}");
    let shipment = ship(&home, &url, &right);
    assert_eq!((shipment.accepted, shipment.waiting, shipment.error), (20, 0, None));
    assert_eq!(told(&server.home), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_proxy_that_takes_little_gets_little_at_a_time() {
    if !needs::program("nginx") {
        return;
    }
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let servers = format!(
        "server {{ listen 127.0.0.1:{port}; client_max_body_size 4k; location / {{ proxy_pass http://{}; }} }}",
        server.address
    );
    let _nginx = Nginx::start(dir.path(), &servers, port);
    let home = Home::new();
    add(&home, &(0..500).map(line).collect::<Vec<_>>());
    let shipment = ship(&home, &format!("http://127.0.0.1:{port}"), &token);
    assert_eq!((shipment.accepted, shipment.waiting, shipment.error), (500, 0, None));
    assert_eq!(told(&server.home), (0..500).collect::<Vec<_>>());
}

#[test]
fn an_answer_that_was_lost_writes_nothing_twice() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let url = format!("http://{}", server.address);
    let home = Home::new();
    add(&home, &(0..10).map(line).collect::<Vec<_>>());
    // As a kill between the answer and the removal leaves it.
    let spool = Spool::open(&home.root).unwrap();
    let batch = spool.batches().unwrap().remove(0);
    let bytes = spool.read(&batch).unwrap();
    drop(spool);
    assert_eq!(ship(&home, &url, &token).accepted, 10);
    std::fs::write(&batch, bytes).unwrap();
    add(&home, &[line(10)]);
    assert_eq!(ship(&home, &url, &token).accepted, 11, "taken again, and told so");
    assert_eq!(told(&server.home), (0..11).collect::<Vec<_>>());
}

#[test]
fn a_slow_line_drains_it_pass_by_pass() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    // In earnest it is 30 s, and a fifteenth of these bytes a second.
    let patience = Duration::from_secs(2);
    for (rate, lines) in [(64 << 10, 3000), (4 << 10, 250)] {
        let (home, before) = (Home::new(), events_of(&server.home).len());
        let url = format!("http://{}", slow(server.address, rate));
        add(&home, &(0..lines).map(line).collect::<Vec<_>>());
        let (mut passes, mut waiting) = (0, lines as u64);
        while waiting > 0 {
            let shipment = ship_within(&home, &url, &token, patience);
            assert!(shipment.waiting < waiting, "each pass gets something through: {shipment:?}");
            (passes, waiting) = (passes + 1, shipment.waiting);
        }
        assert!(passes > 1, "it did not have to wait");
        let arrived = events_of(&server.home);
        assert_eq!(arrived[before..].iter().collect::<BTreeSet<_>>().len(), lines as usize);
    }
}
