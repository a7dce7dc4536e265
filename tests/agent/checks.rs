//! Checks of each kind, from the node itself: with a real broker, with doubles on loopback, and with what hangs.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::lab::{Lab, Pass, becomes};
use crate::needs;

/// Answers each connection with the same bytes; without any it takes connections and says nothing.
fn double(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for mut stream in listener.incoming().map(Result::unwrap) {
            if answer.is_empty() {
                silent.push(stream);
                continue;
            }
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer);
        }
    });
    port
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

struct Broker(Child);

impl Broker {
    fn start(lab: &Lab, port: u16) -> Broker {
        lab.put("mosquitto.conf", format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
        let mut mosquitto = Command::new("mosquitto");
        mosquitto.arg("-c").arg(lab.path("mosquitto.conf"));
        let child = mosquitto.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let broker = Broker(child);
        assert!(becomes(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()));
        broker
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_check_tells_of_any_runtime_and_of_what_no_engine_knows() {
    let lab = Lab::new();
    let page = double(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nall fine\n");
    let closed = free_port();
    let secret = "hunter22";
    lab.services(&format!(
        "services:\n\
         \x20 - {{name: page, runtime: command, check: {{http: 'http://127.0.0.1:{page}/', contains: fine}}}}\n\
         \x20 - {{name: other-page, runtime: nomad, check: {{http: 'http://127.0.0.1:{page}/', status: 204}}}}\n\
         \x20 - {{name: port, runtime: command, check: {{tcp: '127.0.0.1:{page}'}}}}\n\
         \x20 - {{name: closed, runtime: command, check: {{tcp: '127.0.0.1:{closed}'}}}}\n\
         \x20 - {{name: script, runtime: command, check: {{command: [sh, -c, 'echo $PWD {secret}; exit 3']}}}}\n\
         \x20 - {{name: blind, runtime: command, recipes: {{redeploy: [['true']], container_restart: [['true']]}}}}\n"
    ));
    lab.put("root/hosts/box/host.yaml", format!("repo: {}\n", lab.path("root").display()));
    let mut command = lab.command(&["--json", "agent"]);
    command.env("MY_PASSWORD", secret);
    Pass::of(&mut command);
    let pass = Pass::of(&mut command);
    assert_eq!(pass.code, 0, "{pass:?}");
    for (service, found) in [
        ("page", "healthy"),
        ("other-page", "check_failed"),
        ("port", "healthy"),
        ("closed", "check_failed"),
        ("script", "check_failed"),
        ("blind", "unknown"),
    ] {
        assert_eq!(pass.found(service), found, "{pass:?}");
        assert_eq!(lab.told(service), if found == "unknown" { "nothing" } else { found }, "{service}");
    }
    assert!(pass.err.contains("blind has no check"), "{}", pass.err);
    assert_eq!(pass.seen("script"), format!("sh ended with 3: {} ***", lab.path("root").display()));
    assert!(lab.events().iter().all(|event| !event.to_string().contains(secret)), "nothing secret is told");
}

#[test]
fn a_broker_that_is_gone_is_mqtt_unreachable_and_comes_back() {
    if !needs::program("mosquitto") {
        return;
    }
    let lab = Lab::new();
    let port = free_port();
    lab.services(&format!("services: [{{name: broker, runtime: command, check: {{mqtt: '127.0.0.1:{port}'}}}}]\n"));
    let broker = Broker::start(&lab, port);
    lab.pass();
    assert_eq!(lab.told("broker"), "healthy");
    drop(broker);
    lab.pass();
    assert_eq!(lab.told("broker"), "healthy", "once is none");
    lab.pass();
    assert_eq!(lab.told("broker"), "mqtt_unreachable");
    let _broker = Broker::start(&lab, port);
    lab.pass();
    assert_eq!(lab.told("broker"), "healthy", "at once");
}

#[test]
fn what_hangs_harms_nothing_else() {
    if !needs::program("docker") {
        return;
    }
    let lab = Lab::new();
    let (silent, port) = (double(b""), double(b"x"));
    let mut yaml = String::from("services:\n  - in-docker\n");
    // More than are looked at side by side.
    for n in 0..20 {
        yaml += &format!("  - {{name: silent{n}, runtime: command, check: {{http: 'http://127.0.0.1:{silent}/'}}}}\n");
        yaml += &format!("  - {{name: stuck{n}, runtime: command, check: {{command: [sleep, '600']}}}}\n");
    }
    yaml += &format!("  - {{name: well, runtime: command, check: {{tcp: '127.0.0.1:{port}'}}}}\n");
    lab.services(&yaml);
    let began = Instant::now();
    let mut command = lab.command(&["--json", "agent"]);
    // Docker's own program waits for an engine that takes the connection and says nothing.
    let pass = Pass::of(command.env("DOCKER_HOST", format!("tcp://127.0.0.1:{silent}")));
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    assert_eq!(pass.code, 1, "{pass:?}");
    assert_eq!((pass.found("well").as_str(), pass.found("in-docker").as_str()), ("healthy", "unknown"));
    assert!(pass.err.contains("docker did not answer"), "{}", pass.err);
    assert!((0..20).all(|n| pass.found(&format!("silent{n}")) == "check_failed"));
    assert!((0..20).all(|n| pass.found(&format!("stuck{n}")) == "check_failed"));
    assert_eq!(lab.told("well"), "healthy");
}
