//! Checks against small servers on loopback, from here and through `ssh -W`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use hlctl::flow::desired::Connection;
use hlctl::flow::health::{CHECK_FAILED, Health, MQTT_UNREACHABLE};
use hlctl::flow::hostfile::{self, Check};
use hlctl::probe;

use crate::sshd::{FISH, GOOD, SHARED, Sshd, UNREACHABLE, free_port};
use crate::support::run_ignored;
use crate::{far, needs};

/// Reads a check as a host file gives it.
fn check(text: &str) -> Check {
    let services = hostfile::parse_services(&format!("services: [{{name: web, check: {text}}}]")).unwrap();
    services[0].settings.check.clone().unwrap()
}

/// Answers every connection with these bytes once something was received; with nothing, it keeps silent.
fn server(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).is_ok_and(|n| n > 0) {
                    if !answer.is_empty() {
                        let _ = stream.write_all(answer);
                        break;
                    }
                }
            });
        }
    });
    port
}

fn look(text: &str, via: &Connection) -> Health {
    probe::check(&check(text), via, None, Duration::from_secs(5))
}

fn failed(health: Health) -> (&'static str, String) {
    match health {
        Health::Unhealthy { reason, detail } => (reason, detail),
        other => panic!("{other:?}"),
    }
}

const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nall fine\n";
const MOVED: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n";

/// What holds for every way to a node.
fn all_checks(via: &Connection) {
    let (page, moved, silent, closed) = (server(PAGE), server(MOVED), server(b""), free_port());
    let (broker, wants_password, busy) =
        (server(b"\x20\x02\0\0"), server(b"\x20\x02\0\x05"), server(b"\x20\x02\0\x03"));

    assert_eq!(look(&format!("{{tcp: '127.0.0.1:{silent}'}}"), via), Health::Healthy);
    let (reason, detail) = failed(look(&format!("{{tcp: '127.0.0.1:{closed}'}}"), via));
    assert!(reason == CHECK_FAILED && detail.contains("refused"), "{detail}");

    let http = |port: u16, more: &str| look(&format!("{{http: 'http://127.0.0.1:{port}/health'{more}}}"), via);
    assert_eq!(http(page, ""), Health::Healthy);
    assert_eq!(http(page, ", contains: fine"), Health::Healthy);
    assert_eq!(http(moved, ", status: 302"), Health::Healthy);
    assert!(failed(http(moved, "")).1.contains("302"));
    assert!(failed(http(page, ", status: 204")).1.contains("200"));
    assert!(failed(http(page, ", contains: broken")).1.contains("without the text \"broken\""));
    assert!(failed(http(closed, "")).1.contains("refused"));

    let mqtt = |port: u16| look(&format!("{{mqtt: '127.0.0.1:{port}'}}"), via);
    assert_eq!(mqtt(broker), Health::Healthy);
    assert_eq!(mqtt(wants_password), Health::Healthy, "it answers");
    assert_eq!(failed(mqtt(busy)).0, MQTT_UNREACHABLE);
    // A text that begins with the type of a CONNACK, one that would be 2 MiB long, bits that have to be 0, a code that
    // no broker gives, and another packet.
    let strangers: [&'static [u8]; 5] =
        [b"    hello", b"\x20\xff\xff\x7f", b"\x2f\x02\0\0", b"\x20\x02\0\x06", b"\xd0\0"];
    for port in strangers.map(server).into_iter().chain([page]) {
        assert_eq!(failed(mqtt(port)), (MQTT_UNREACHABLE, "what answers is no MQTT broker".into()));
    }
    let (reason, detail) = failed(mqtt(closed));
    assert!(reason == MQTT_UNREACHABLE && detail.contains("refused"), "{detail}");

    let command = |argv: &str| look(&format!("{{command: {argv}}}"), via);
    assert_eq!(command("[test, 'a b', '=', 'a b']"), Health::Healthy);
    assert_eq!(failed(command("[sh, -c, 'echo out of order; exit 3']")).1, "sh ended with 3: out of order");
    assert_eq!(failed(command("[no-such-program]")).0, CHECK_FAILED);

    for text in [
        format!("{{http: 'http://127.0.0.1:{silent}/'}}"),
        format!("{{mqtt: '127.0.0.1:{silent}'}}"),
        "{command: [sleep, '60']}".into(),
    ] {
        let started = Instant::now();
        let health = probe::check(&check(&text), via, None, Duration::from_secs(1));
        assert!(failed(health).1.contains("time") || text.contains("sleep"), "{text}");
        assert!(started.elapsed() < Duration::from_secs(4), "{text}: {:?}", started.elapsed());
    }
}

#[test]
fn checks_from_here() {
    all_checks(&Connection::Local);
}

#[test]
fn a_name_is_looked_up_and_one_that_nobody_knows_is_not_healthy() {
    let silent = server(b"");
    assert_eq!(look(&format!("{{tcp: 'localhost:{silent}'}}"), &Connection::Local), Health::Healthy);
    assert_eq!(failed(look("{tcp: 'no-such-host.invalid:1'}", &Connection::Local)).0, CHECK_FAILED);
    assert_eq!(failed(look("{http: 'https://127.0.0.1:1/'}", &Connection::Local)).0, CHECK_FAILED);
}

#[test]
fn checks_over_a_real_sshd() {
    let Some(sshd) = Sshd::start() else { return };
    run_ignored("probes::over_sshd::", &sshd.bin(), &[]);
}

#[test]
fn https_from_here_and_over_a_real_sshd() {
    if !["nginx", "openssl", "curl"].into_iter().all(needs::program) {
        return;
    }
    let Some(sshd) = Sshd::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (house, at) = (far::House(dir.path()), dir.path().display());
    let ports = [("home", free_port()), ("stranger", free_port())];
    let server = |(name, port): (&str, u16)| {
        house.authority(name);
        house.certificate(&format!("of_{name}"), name, "IP:127.0.0.1", 30);
        format!(
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {at}/of_{name}.pem; \
             ssl_certificate_key {at}/of_{name}.key; location / {{ return 200 \"all fine\"; }} }}\n"
        )
    };
    let _nginx = far::Nginx::start(dir.path(), &ports.map(server).concat(), ports[0].1);
    let (believed, stranger, home) = (ports[0].1.to_string(), ports[1].1.to_string(), format!("{at}/home.pem"));
    let variables = [("PORT", &*believed), ("STRANGER", &*stranger), ("CURL_CA_BUNDLE", &*home)];
    run_ignored("probes::https_over_sshd::", &sshd.bin(), &variables);
}

mod https_over_sshd {
    use super::*;

    #[test]
    #[ignore = "run by https_from_here_and_over_a_real_sshd"]
    fn name_and_certificate_are_those_of_the_url() {
        let (port, stranger) = (needs::var("PORT").unwrap(), needs::var("STRANGER").unwrap());
        for via in [Connection::Local, Connection::Ssh(GOOD.into()), Connection::Ssh(SHARED.into())] {
            let at = |place: &str, more: &str| look(&format!("{{http: 'https://{place}/health'{more}}}"), &via);
            assert_eq!(at(&format!("127.0.0.1:{port}"), ""), Health::Healthy, "{via:?}");
            assert_eq!(at(&format!("127.0.0.1:{port}"), ", contains: fine"), Health::Healthy);
            assert!(failed(at(&format!("127.0.0.1:{port}"), ", contains: bad")).1.contains("without the text"));
            assert!(failed(at(&format!("127.0.0.1:{port}"), ", status: 404")).1.contains("200"));
            assert!(failed(at(&format!("localhost:{port}"), "")).1.contains("is for another name"));
            assert!(failed(at(&format!("127.0.0.1:{stranger}"), "")).1.contains("signed by nobody"));
            let (_, detail) = failed(at(&format!("127.0.0.1:{}", free_port()), ""));
            assert!(detail.contains("refused") || detail.contains("connect"), "{detail}");
        }
    }
}

mod over_sshd {
    use super::*;

    #[test]
    #[ignore = "run by checks_over_a_real_sshd"]
    fn checks_as_the_node_sees_them() {
        std::thread::scope(|scope| {
            for host in [GOOD, FISH, SHARED] {
                scope.spawn(move || all_checks(&Connection::Ssh(host.into())));
            }
        });
    }

    #[test]
    #[ignore = "run by checks_over_a_real_sshd"]
    fn of_a_node_that_cannot_be_asked_nothing_is_known() {
        let via = Connection::Ssh(UNREACHABLE.into());
        for text in
            ["{tcp: '127.0.0.1:1'}", "{http: 'http://127.0.0.1:1/'}", "{mqtt: '127.0.0.1:1'}", "{command: ['true']}"]
        {
            let health = look(text, &via);
            assert!(matches!(&health, Health::Unknown { detail } if detail.contains("refused")), "{text}: {health:?}");
        }
    }
}
