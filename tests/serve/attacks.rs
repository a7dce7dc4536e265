//! What attackers send, each on real sockets: the server refuses it, goes on answering others within a second
//! throughout, and stays small.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

mod decisions;
mod text;

use crate::server::{Answer, Server, connect_from, is_released, patience, to_end};

/// Asserts that the server never took more memory than it may. The unoptimized program's own pages, which are its
/// file's and twenty MiB, are not counted.
fn is_small(server: &Server) {
    let program = if is_released() { 0 } else { server.memory_of_files() };
    let peak = server.peak_memory();
    assert!(peak - program <= 24 * 1024, "{peak} KiB, of them {program} of files");
}

/// Asserts that somebody else is answered within a second, and that the server has stayed small.
fn others_are_answered(server: &Server) {
    let began = Instant::now();
    let mut stream = connect_from("127.0.0.4", server.address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(Answer::of(&to_end(&mut stream)).status, 200);
    assert!(began.elapsed() < patience(), "{:?}", began.elapsed());
    is_small(server);
}

/// Lets an attack happen while somebody else asks all the time, and is answered within a second throughout by a server that
/// stays small.
fn beside(server: &Server, attack: impl FnOnce()) {
    let bystander = server.bystander();
    attack();
    others_are_answered(server);
    bystander.was_answered();
}

/// A table of requests that end in these statuses; 0 is a connection closed without an answer.
fn refused(server: &Server, rows: &[(&str, Vec<u8>, &[u16])]) {
    beside(server, || {
        for (what, bytes, statuses) in rows {
            let answer = server.raw(bytes);
            assert!(statuses.contains(&answer.status), "{what}: {answer:?}");
            let is_dressed = answer.header("content-security-policy").is_some() && !answer.body.is_empty();
            assert!(answer.status < 400 || is_dressed, "{what}: {answer:?}");
            others_are_answered(server);
        }
    });
}

fn post(head: &str, body: &str) -> Vec<u8> {
    format!("POST /api/v1/actions/none/approve HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n{body}")
        .into_bytes()
}

#[test]
fn lengths_that_do_not_fit() {
    let server = Server::start("");
    let rows: [(&str, Vec<u8>, &[u16]); 19] = [
        ("1 TiB", post("Content-Length: 1099511627776\r\n", "x"), &[413]),
        ("2^63", post("Content-Length: 9223372036854775808\r\n", "x"), &[413]),
        ("2^64", post("Content-Length: 18446744073709551616\r\n", "x"), &[400, 413]),
        ("negative", post("Content-Length: -1\r\n", "x"), &[400]),
        ("no number", post("Content-Length: 1x\r\n", "x"), &[400]),
        ("differing", post("Content-Length: 1\r\nContent-Length: 2\r\n", "xx"), &[400]),
        ("before an encoding", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), &[400]),
        ("behind an encoding", post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), &[400]),
        ("in capitals", post("TRANSFER-ENCODING: chunked\r\nCONTENT-LENGTH: 3\r\n", "0\r\n\r\n"), &[400]),
        ("an unknown encoding", post("Transfer-Encoding: gzip\r\n", "x"), &[400]),
        ("a byte too many", post("Content-Length: 65537\r\n", &"x".repeat(65537)), &[413]),
        ("the largest that fits", post("Content-Length: 65536\r\n", &"x".repeat(65536)), &[401]),
        ("a sign", post("Content-Length: +1\r\n", "x"), &[400]),
        ("two in one line", post("Content-Length: 1, 2\r\n", "x"), &[400]),
        ("empty", post("Content-Length:\r\n", "x"), &[400]),
        ("chunked before another", post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), &[400]),
        (
            "chunked in HTTP/1.0",
            b"POST /login HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            &[400],
        ),
        ("to be told to go on", post("Expect: 100-continue\r\nContent-Length: 70000\r\n", ""), &[413]),
        ("garbage for chunks", post("Transfer-Encoding: chunked\r\n", "zz\r\nx\r\n"), &[400, 401]),
    ];
    refused(&server, &rows);
    let chunked = post("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n");
    assert_eq!(server.raw(&chunked).status, 401, "an encoding alone is well");
}

#[test]
fn a_length_beside_an_encoding_behind_another_request() {
    let server = Server::start("");
    let first = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (length, encoding) = ("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n");
    beside(&server, || {
        for [a, b] in [[length, encoding], [encoding, length]] {
            let post = "POST /api/v1/actions/none/approve HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
            let whole = format!("{first}{post}{a}{b}\r\n0\r\n\r\n");
            // In one piece, and with the second head cut where it would be overlooked: the first is answered in between.
            for cut in [whole.len(), whole.len() - b.len() - 7, whole.len() - b.len() - 8, first.len() + 9] {
                let mut stream = server.connect();
                stream.write_all(&whole.as_bytes()[..cut]).unwrap();
                let (mut all, mut byte) = (Vec::new(), [0]);
                while !all.ends_with(b"ok\n") {
                    stream.read_exact(&mut byte).unwrap();
                    all.push(byte[0]);
                }
                // So that the end is not read together with what came before.
                std::thread::sleep(Duration::from_millis(50));
                stream.write_all(&whole.as_bytes()[cut..]).unwrap();
                all.extend(to_end(&mut stream));
                let text = String::from_utf8_lossy(&all);
                let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|t| &t[..3]).collect();
                assert_eq!(statuses, ["200", "400"], "{a:?} before {b:?}, cut at {cut}: {text}");
            }
        }
        let agent =
            format!("Authorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n", server.token(&["piha", "--agent"]));
        let body = "2a\r\n\ncontent-length: 3\ntransfer-encoding: gzip\r\n0\r\n\r\n";
        let request = String::from_utf8(post(&agent, body)).unwrap().replace("actions/none/approve", "events");
        let answer = server.raw(request.as_bytes());
        assert_eq!(answer.status, 200, "what looks like a head in a body is none: {answer:?}");
    });
}

#[test]
fn chunked_bodies_of_those_who_may() {
    let server = Server::start("");
    let token = format!("Authorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n", server.token(&["oskar"]));
    let endless: String = "1000\r\n".to_owned() + &"x".repeat(4096) + "\r\n";
    let extension = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(1 << 20));
    let trailers = format!("2\r\n{{}}\r\n0\r\n{}\r\n", "X-T: y\r\n".repeat(100_000));
    let rows: [(&str, Vec<u8>, &[u16]); 6] = [
        ("garbage", post(&token, "zz\r\nx\r\n"), &[400]),
        ("a size of 2^64", post(&token, "10000000000000000\r\nx\r\n"), &[400]),
        ("an endless extension", post(&token, &extension), &[400]),
        ("endless trailers", post(&token, &trailers), &[400]),
        ("without end", post(&token, &endless.repeat(40)), &[413]),
        ("of an action that is not there", post(&token, "2\r\n{}\r\n0\r\n\r\n"), &[404]),
    ];
    refused(&server, &rows);
}

#[test]
fn heads_that_are_too_large_or_not_a_head() {
    let server = Server::start("");
    let head = |lines: &str| {
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n").into_bytes()
    };
    let many = |n: usize| (0..n).map(|i| format!("X-{i}: 1\r\n")).collect::<String>();
    let first = |line: &str| format!("{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes();
    let rows: [(&str, Vec<u8>, &[u16]); 23] = [
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[0, 400]),
        ("HTTP/9.9", first("GET / HTTP/9.9"), &[0, 400]),
        ("HTTP/0.9", b"GET /\r\n\r\n".to_vec(), &[0, 400]),
        ("a tunnel", first("CONNECT example.com:443 HTTP/1.1"), &[400, 404, 405, 421]),
        ("of the server itself", first("OPTIONS * HTTP/1.1"), &[400, 404, 405]),
        ("a mirror of itself", first("TRACE / HTTP/1.1"), &[405]),
        ("a long method", first(&format!("{} / HTTP/1.1", "A".repeat(5000))), &[400, 405]),
        ("an unknown method", first("get /summary HTTP/1.1"), &[405]),
        ("another protocol", head("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\n"), &[200]),
        ("a NUL in a header", head("X-A: a\0b\r\n"), &[400]),
        ("98 headers more", head(&many(98)), &[200]),
        ("10,000 headers", head(&many(10_000)), &[431]),
        ("101 headers", head(&many(99)), &[431]),
        ("15 KiB", head(&format!("X-A: {}\r\n", "a".repeat(15 * 1024))), &[200]),
        ("17 KiB", head(&format!("X-A: {}\r\n", "a".repeat(17 * 1024))), &[431]),
        (
            "a long path",
            format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(80_000)).into_bytes(),
            &[414, 431],
        ),
        ("no Host", b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(), &[400]),
        ("no Host, HTTP/1.0", b"GET /healthz HTTP/1.0\r\n\r\n".to_vec(), &[400]),
        ("two Hosts", head("Host: localhost\r\n"), &[400]),
        (
            "a foreign Host",
            b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".to_vec(),
            &[421],
        ),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &[0, 400]),
        ("a folded header", head("X-A: b\r\n c\r\n"), &[400]),
        ("a space before the colon", head("X-A : b\r\n"), &[400]),
    ];
    refused(&server, &rows);
    let bystander = server.bystander();
    let mut stream = server.connect();
    let megabyte = vec![b'a'; 1 << 20];
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ").unwrap();
    for _ in 0..100 {
        if stream.write_all(&megabyte).is_err() {
            break;
        }
    }
    let answer = Answer::of(&to_end(&mut stream));
    assert!([0, 431].contains(&answer.status), "{answer:?}");
    others_are_answered(&server);
    bystander.was_answered();
}

#[test]
fn paths_that_lead_elsewhere() {
    let server = Server::start("");
    server.home.put("state/tokens.json", "{\"schema\":\"hlctl.tokens/v1\",\"tokens\":[]}");
    let paths: [&[u8]; 23] = [
        b"/../state/tokens.json",
        b"/assets/../../state/tokens.json",
        b"/assets/%2e%2e/%2e%2e/state/tokens.json",
        b"/assets/..%2f..%2fstate%2ftokens.json",
        b"/assets/%252e%252e%252fstate",
        b"/assets/.%2e/%2E./state/tokens.json",
        b"/assets%2f..%2f..%2fstate%2ftokens.json",
        b"/assets/%c0%ae%c0%ae/%c0%ae%c0%ae/state/tokens.json",
        b"/assets/%e0%80%ae%e0%80%ae%c0%af/state/tokens.json",
        b"/assets/%uff0e%uff0e/state/tokens.json",
        b"/assets/..;/..;/state/tokens.json",
        b"/assets/..%5c..%5cstate%5ctokens.json",
        b"/assets/....//....//state/tokens.json",
        b"/%2e%2e%2fstate%2ftokens.json%00.css",
        b"/assets/..\\..\\state\\tokens.json",
        b"/api/v1/actions/..%2f..%2fstate%2ftokens",
        b"/api/v1/actions/%2e%2e/log",
        b"/api/v1/actions/a%00b",
        b"/services/%00/x",
        b"/services/%ff%fe/x",
        b"/services/\xff\xfe/x",
        b"/api/v1/actions/%",
        b"//api//v1//actions",
    ];
    beside(&server, || {
        for path in paths {
            let request = [b"GET ", path, b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"].concat();
            let answer = server.raw(&request);
            assert!((400..500).contains(&answer.status), "{}: {answer:?}", String::from_utf8_lossy(path));
            assert!(!answer.body.contains("hlctl.tokens"), "{answer:?}");
        }
        let token = server.token(&["oskar"]);
        let cookie = server.log_in(&token);
        for form in ["token=%00", "token=%ff%fe", "token", "=&=&%", "\u{0}"] {
            let status = server.submit("/login", "", form).status;
            assert!((400..500).contains(&status), "{form:?}: {status}");
            let status = server.submit("/approve", &cookie, form).status;
            assert!((400..500).contains(&status), "{form:?}: {status}");
        }
    });
}

#[test]
fn a_thousand_connections_that_drip() {
    let server = Server::start("");
    let bystander = server.bystander();
    let attack = |n: usize| {
        let (from, start) = match n % 2 {
            0 => ("127.0.0.1", "GET / HTTP/1.1\r\nHo"),
            _ => ("127.0.0.3", "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"),
        };
        let mut stream = connect_from(from, server.address).ok()?;
        stream.write_all(start.as_bytes()).ok()?;
        Some(stream)
    };
    let mut dripping: Vec<Option<TcpStream>> = (0..1000).map(attack).collect();
    // The places of these addresses are taken: those beyond are closed at once, and come back as often as they like.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(13) {
        let turn = Instant::now();
        for (n, place) in dripping.iter_mut().enumerate() {
            if place.as_mut().is_none_or(|stream| stream.write_all(b"a").is_err()) {
                *place = attack(n);
            }
        }
        is_small(&server);
        std::thread::sleep(Duration::from_secs(1).saturating_sub(turn.elapsed()));
    }
    bystander.was_answered();
}

#[test]
fn more_connections_than_there_are_places_are_closed_and_those_that_drip_end() {
    let server = Server::start("");
    let bystander = server.bystander();
    let attack = |n: usize| {
        let mut stream = connect_from(&format!("127.0.1.{}", n % 20 + 1), server.address).ok()?;
        stream.write_all(b"GET / HTTP/1.1\r\nX").ok()?;
        Some(stream)
    };
    let began = Instant::now();
    let mut held: Vec<TcpStream> = (0..1000).filter_map(attack).collect();
    // Who has few connections gets one all the time, and at once.
    others_are_answered(&server);
    // A head has ten seconds, and then an address of theirs has places again.
    while began.elapsed() < Duration::from_secs(30) {
        held.iter_mut().for_each(|stream| drop(stream.write_all(b"a")));
        let mut stream = connect_from("127.0.1.1", server.address).unwrap();
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        if Answer::of(&to_end(&mut stream)).status == 200 {
            assert!(began.elapsed() > Duration::from_secs(5), "its places were not taken: {:?}", began.elapsed());
            bystander.was_answered();
            return is_small(&server);
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("the places did not come back");
}

/// Asks for something and does not read the answer.
fn ask_without_reading(server: &Server, from: &str, path: &str) -> TcpStream {
    let mut stream = connect_from(from, server.address).unwrap();
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 32 * 1024);
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    stream
}

/// Returns the status of an answer that is not read any further.
fn status(stream: &mut TcpStream) -> u16 {
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    Answer::of(&line).status
}

#[test]
fn outputs_that_nobody_reads_or_only_slowly() {
    let server = Server::with_web("");
    server.home.create_in("redeploy-piha-web", hlctl::flow::lifecycle::State::Completed);
    let part = "0123456789abcde\n".repeat(128 * 1024);
    for name in ["20261123T071305123Z.log", "20261123T071305123Z.tail.log"] {
        server.home.put(&format!("actions/logs/redeploy-piha-web/{name}"), &part);
    }
    let (log, page) = ("/api/v1/actions/redeploy-piha-web/log", "/actions/redeploy-piha-web");
    let bystander = server.bystander();
    let mut readers: Vec<TcpStream> = (0..60).map(|_| ask_without_reading(&server, "127.0.0.1", log)).collect();
    let more = (0..60).map(|n| ask_without_reading(&server, &format!("127.0.0.{}", 10 + n % 4), log));
    readers.extend(more);
    readers.iter_mut().for_each(|stream| assert_eq!(status(stream), 200));
    is_small(&server);
    // The pages show the end of it.
    let pages: Vec<TcpStream> = (0..20).map(|_| ask_without_reading(&server, "127.0.0.20", page)).collect();
    for _ in 0..50 {
        for stream in readers.iter_mut().step_by(2) {
            let mut some = [0; 4000];
            stream.read_exact(&mut some).unwrap();
        }
        is_small(&server);
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut stranger = connect_from("127.0.0.3", server.address).unwrap();
    stranger
        .write_all(format!("GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    assert_eq!(Answer::of(&to_end(&mut stranger)).status, 200);
    bystander.was_answered();
    drop((readers, pages));
    let whole = server.raw(format!("GET {log} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes());
    assert_eq!((whole.status, whole.body == part.repeat(2)), (200, true));
    let tag = whole.header("etag").unwrap();
    assert_eq!(server.send("GET", log, &[&format!("If-None-Match: {tag}")], "").status, 304);
    is_small(&server);
}

/// Makes the records of completed actions, each with a hint of so many bytes.
fn completed(server: &Server, count: usize, hint: usize) {
    for n in 0..count {
        let id = format!("redeploy-piha-web-{n}");
        let hints = "x".repeat(hint);
        let action = format!(
            "{{\"id\":\"{id}\",\"type\":\"redeploy\",\"node\":\"piha\",\"service\":\"web\",\"hints\":[\"{hints}\"]}}"
        );
        server.home.put(&format!("actions/completed/{id}.json"), action);
    }
}

#[test]
fn answers_that_nobody_reads_are_refused_beyond_their_room() {
    let server = Server::with_web("");
    // A page of two is longer than what the kernel takes of an answer.
    completed(&server, 4, 200_000);
    let bystander = server.bystander();
    let path = "/api/v1/actions?limit=1000";
    let mut readers: Vec<TcpStream> =
        (0..24).map(|n| ask_without_reading(&server, &format!("127.0.0.{}", 10 + n % 8), path)).collect();
    let statuses: Vec<u16> = readers.iter_mut().map(status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&429), "{statuses:?}");
    bystander.was_answered();
    is_small(&server);
}

#[test]
fn long_lists_that_nobody_reads_leave_room_for_those_who_are_known() {
    let server = Server::with_web("");
    completed(&server, 200, 7500);
    let list = "/api/v1/actions?limit=1000";
    let bystander = server.bystander();
    let mut statuses = Vec::new();
    let mut readers: Vec<TcpStream> =
        (0..40).map(|n| ask_without_reading(&server, &format!("127.0.0.{}", 10 + n % 16), list)).collect();
    readers.iter_mut().for_each(|stream| statuses.push(status(stream)));
    // A page of the list is hardly more than what the kernel takes of it: what waits in memory is little.
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    // What is known of who asks is answered meanwhile, all of it: a page of the list ends where it gets too long.
    let token = format!("Authorization: Bearer {}", server.token(&["oskar"]));
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = server.send("GET", &format!("{list}&cursor={cursor}"), &[&token], "");
        assert!(page.status == 200 && page.body.len() < 300_000, "{} {}", page.status, page.body.len());
        seen += page.json()["actions"].as_array().unwrap().len();
        match page.json()["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, 200);
    bystander.was_answered();
    is_small(&server);
}

#[test]
fn others_are_answered_while_one_address_takes_all_its_places() {
    let server = Server::start("");
    beside(&server, || {
        let idle: Vec<TcpStream> = (0..63).map(|_| server.connect()).collect();
        others_are_answered(&server);
        std::thread::sleep(Duration::from_millis(200));
        let last = server.connect();
        std::thread::sleep(Duration::from_millis(200));
        let mut beyond = server.connect();
        let began = Instant::now();
        assert!(to_end(&mut beyond).is_empty(), "the 65th is closed without a word");
        assert!(began.elapsed() < Duration::from_secs(1));
        let mut stream = connect_from("127.0.0.2", server.address).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(Answer::of(&to_end(&mut stream)).status, 200, "another address is answered");
        drop((idle, last));
    });
}

#[test]
fn slow_heads_and_idle_connections_are_closed_in_their_time() {
    let server = Server::start("");
    beside(&server, || {
        let mut idle = server.connect();
        let mut slow = server.connect();
        // The beginning of a head that came together with a whole request is one as well.
        let mut behind = server.connect();
        let closed = |stream: &mut TcpStream, began: Instant| {
            to_end(stream);
            began.elapsed().as_secs_f32()
        };
        let began = Instant::now();
        slow.write_all(b"G").unwrap();
        let head = std::thread::spawn(move || {
            let mut writer = slow.try_clone().unwrap();
            let drip = std::thread::spawn(move || {
                while writer.write_all(b"E").is_ok() && began.elapsed().as_secs() < 20 {
                    std::thread::sleep(Duration::from_millis(400));
                }
            });
            let took = closed(&mut slow, began);
            drop(slow);
            drip.join().unwrap();
            took
        });
        let half = std::thread::spawn(move || {
            behind.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HT").unwrap();
            closed(&mut behind, began)
        });
        let took = closed(&mut idle, began);
        assert!((14.0..18.0).contains(&took), "idle: {took}");
        let took = head.join().unwrap();
        assert!((9.0..13.0).contains(&took), "head: {took}");
        let took = half.join().unwrap();
        assert!((9.0..13.0).contains(&took), "head behind a request: {took}");
    });
}

#[test]
fn bodies_that_do_not_come_or_only_drip_end_in_their_time() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let batch = format!("/api/v1/events HTTP/1.1\r\nAuthorization: Bearer {token}");
    let open = |path: &str, from: &str, length: usize| {
        let mut stream = connect_from(from, server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        let head = format!("POST {path}\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\nx");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    beside(&server, || {
        let silent = open(&batch, "127.0.0.1", 100);
        let drips = [open(&batch, "127.0.0.1", 1 << 20), open("/login HTTP/1.1", "127.0.0.3", 60_000)];
        let many: Vec<TcpStream> = (0..60).map(|_| open("/login HTTP/1.1", "127.0.0.5", 60_000)).collect();
        let began = Instant::now();
        let writers: Vec<TcpStream> = drips.iter().chain(&many).map(|stream| stream.try_clone().unwrap()).collect();
        let drip = std::thread::spawn(move || {
            while began.elapsed() < Duration::from_secs(36) {
                writers.iter().for_each(|mut stream| drop(stream.write_all(b"x")));
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        let ends = [silent].into_iter().chain(drips).map(|mut stream| {
            std::thread::spawn(move || (Answer::of(&to_end(&mut stream)), began.elapsed().as_secs_f32()))
        });
        for end in ends.collect::<Vec<_>>() {
            let (answer, took) = end.join().unwrap();
            assert_eq!(answer.status, 408, "{answer:?}");
            assert!((29.0..36.0).contains(&took), "{took}");
        }
        drip.join().unwrap();
    });
}

#[test]
fn many_at_once_half_closed_and_reset() {
    let server = Server::start("");
    beside(&server, || {
        let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut stream = server.connect();
        let mut writer = stream.try_clone().unwrap();
        let pipelined = std::thread::spawn(move || {
            let all = request.repeat(10_000);
            let _ = writer.write_all(all.as_bytes());
            let _ = writer.shutdown(Shutdown::Write);
        });
        let all = to_end(&mut stream);
        pipelined.join().unwrap();
        assert_eq!(String::from_utf8_lossy(&all).matches("HTTP/1.1 200").count(), 10_000);
        others_are_answered(&server);

        let mut half = server.connect();
        half.write_all(request.as_bytes()).unwrap();
        half.shutdown(Shutdown::Write).unwrap();
        assert_eq!(Answer::of(&to_end(&mut half)).status, 200, "half-closed");

        for _ in 0..50 {
            let mut reset = server.connect();
            rustix::net::sockopt::set_socket_linger(&reset, Some(Duration::ZERO)).unwrap();
            let _ = reset.write_all(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nab");
        }
        for _ in 0..50 {
            // Gone in the midst of the answer.
            let mut reset = server.connect();
            rustix::net::sockopt::set_socket_linger(&reset, Some(Duration::ZERO)).unwrap();
            let _ =
                reset.write_all(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20).as_slice());
        }
    });
}

#[test]
fn descriptors_that_are_used_up_come_back() {
    let server = Server::start("serve: {trusted_proxies: [127.0.0.1]}\n");
    let pid = rustix::process::Pid::from_child(&server.child);
    // Once it answers, it has counted how many connections its descriptors allow.
    assert_eq!(server.get("/healthz").status, 200);
    let limit = rustix::process::Rlimit { current: Some(40), maximum: Some(40) };
    if rustix::process::prlimit(Some(pid), rustix::process::Resource::Nofile, limit).is_err() {
        return crate::support::needs::skip("this user may not limit another process");
    }
    // They stay, and take every descriptor that they can get.
    let hogs: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    std::thread::sleep(Duration::from_millis(500));
    let used = || std::fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count();
    assert!(used() >= 40, "descriptors are used up: {}", used());
    let began = Instant::now();
    let time = Duration::from_secs(10);
    // A page that is made anew each time, of files.
    while server.talk(b"GET /audit HTTP/1.0\r\nHost: localhost\r\n\r\n").status != 200 || used() > 30 {
        assert!(began.elapsed() < time, "it did not recover");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(began.elapsed() < time, "{:?}", began.elapsed());
    let bystander = server.bystander();
    others_are_answered(&server);
    bystander.was_answered();
    drop(hogs);
}

#[test]
fn who_is_not_asked_takes_little_and_sleeps() {
    let server = Server::with_web("");
    assert_eq!(server.get("/").status, 200);
    // The threads that answered end after five seconds.
    std::thread::sleep(Duration::from_secs(7));
    let before = server.sleeps();
    std::thread::sleep(Duration::from_secs(5));
    let woken = server.sleeps() - before;
    assert!(woken <= 5, "woken {woken} times in five seconds");
    let most = if is_released() { 12 } else { 24 } * 1024;
    assert!(server.memory() <= most, "{} KiB", server.memory());
}
