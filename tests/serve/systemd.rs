//! The server under a service manager: it says that it is ready, alive and stopping, takes the manager's socket, and ends
//! what is in work before it ends itself.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::server::{Answer, Server, to_end};
use crate::support::{Home, needs};

/// Receives what the manager is told next.
fn told(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let n = manager.recv(&mut buffer).expect("the manager is told something within its time-out");
    String::from_utf8_lossy(&buffer[..n]).trim().to_owned()
}

#[test]
fn the_manager_is_told_that_it_is_ready_alive_and_stopping() {
    let home = Home::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = home.hlctl(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let mut server = Server::by(home, command);
    assert!(manager.local_addr().is_ok());
    let first: Vec<String> = (0..4).map(|_| told(&manager)).collect();
    assert!(first.contains(&"READY=1".to_owned()), "{first:?}");
    assert!(first.iter().filter(|t| *t == "WATCHDOG=1").count() >= 2, "{first:?}");
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.terminate(), 0);
    let last = std::iter::repeat_with(|| told(&manager)).find(|t| !t.starts_with("WATCHDOG"));
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}

#[test]
fn a_server_that_can_answer_nobody_gives_no_sign_of_life() {
    let home = Home::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    home.put("world/nodes.json", "{}");
    // Who reads this waits for a writer that never comes.
    assert!(Command::new("mkfifo").arg(home.at("world/services.json")).status().unwrap().success());
    let mut command = home.hlctl(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let server = Server::by(home, command);
    assert!((0..4).any(|_| told(&manager) == "WATCHDOG=1"));
    let stuck = "GET /api/v1/world/services?x HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut stuck: Vec<TcpStream> = (0..8)
        .map(|_| server.connect())
        .map(|mut s| {
            s.write_all(stuck.as_bytes()).unwrap();
            s
        })
        .collect();
    let mut buffer = [0; 64];
    let silent = (0..20).any(|_| manager.recv(&mut buffer).is_err());
    assert!(silent, "alive, and yet it answers nobody");
    stuck.clear();
}

#[test]
fn the_manager_s_socket_comes_before_the_address() {
    if !needs::program("systemd-socket-activate") {
        return;
    }
    let home = Home::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut manager = Command::new("systemd-socket-activate")
        .args(["--listen", &address, env!("CARGO_BIN_EXE_hlctl"), "--root"])
        .arg(home.path())
        .args(["serve", "--listen", "127.0.0.1:1"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ask = || {
        let mut stream = (0..100).find_map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            TcpStream::connect(&address).ok()
        });
        let stream = stream.as_mut().expect("the manager listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        Answer::of(&to_end(stream)).status
    };
    // The first connection starts the server, in the place of the manager's own process.
    let statuses = [ask(), ask()];
    let pid = rustix::process::Pid::from_child(&manager);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = manager.wait().unwrap();
    assert_eq!(statuses, [200, 200]);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}

/// Sends the half of a batch of events. Returns the connection and the other half.
fn half_a_batch(server: &Server) -> (TcpStream, &'static str) {
    let token = server.token(&["piha", "--agent"]);
    let (begin, end) = ("{\"ts\":\"2026-11-23T07:13:05Z\",", "\"node\":\"piha\",\"type\":\"node_heartbeat\"}");
    let mut stream = server.connect();
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{begin}",
        begin.len() + end.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    (stream, end)
}

fn tell_to_end(server: &Server) {
    let pid = rustix::process::Pid::from_child(&server.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

#[test]
fn what_is_in_work_is_ended_and_nothing_new_is_begun() {
    let mut server = Server::start("");
    let (mut stream, rest) = half_a_batch(&server);
    tell_to_end(&server);
    let refused = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        TcpStream::connect(server.address).is_err()
    });
    assert!(refused, "no new connections");
    stream.write_all(rest.as_bytes()).unwrap();
    let answer = Answer::of(&to_end(&mut stream));
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "{\"accepted\":1,\"rejected\":[],\"rejected_total\":0}\n"),
        "{answer:?}"
    );
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_does_not_end_is_waited_for_ten_seconds() {
    let mut server = Server::start("");
    let (_stuck, _) = half_a_batch(&server);
    let began = Instant::now();
    tell_to_end(&server);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!((9.0..20.0).contains(&began.elapsed().as_secs_f32()), "{:?}", began.elapsed());
}
