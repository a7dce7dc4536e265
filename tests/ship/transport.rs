//! The way to the control plane: which certificates, which addresses, what is not followed, and what is too much.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use hlctl::commands::ship;
use hlctl::store::spool::Spool;
use hlctl::wire::{Client, PATIENCE, Settings};

use crate::far::{House, Nginx, answering, free_port};
use crate::now;
use crate::server::Server;
use crate::support::{Home, Run, needs};

fn mirror(args: &[&str]) -> (Home, Run) {
    let home = Home::new();
    let run = home.run(&[&["mirror"], args].concat());
    (home, run)
}

fn refused(args: &[&str], words: &[&str]) {
    let (home, run) = mirror(args);
    assert_eq!(run.code, 1, "{args:?}: {run:?}");
    for word in words {
        assert!(run.err.contains(word), "{args:?} should say {word:?}: {}", run.err);
    }
    assert!(run.err.contains("\nhelp: "), "{}", run.err);
    assert!(!home.at("world/services.json").exists(), "nothing of it is kept");
}

#[test]
fn only_the_pinned_certificate_is_believed() {
    if !["nginx", "openssl", "curl"].into_iter().all(needs::program) {
        return;
    }
    let server = Server::with_web("");
    server.home.run(&["observe"]);
    server.home.run(&["reconcile"]);
    let dir = tempfile::tempdir().unwrap();
    let house = House(dir.path());
    house.authority("home");
    house.authority("stranger");
    let file = std::fs::File::create(dir.path().join("huge")).unwrap();
    file.set_len(40 << 20).unwrap();
    let endless = answering(Some("HTTP/1.0 200 OK\r\n\r\n".to_owned() + &"x".repeat(40 << 20)));
    let mut servers = format!("upstream hlctl {{ server {}; }}\n", server.address);
    let mut ports = Vec::new();
    for (name, names, days) in
        [("good", "IP:127.0.0.1", 30), ("expired", "IP:127.0.0.1", -1), ("other", "DNS:other.example", 30)]
    {
        house.certificate(name, "home", names, days);
        let port = free_port();
        let at = dir.path().display();
        servers += &format!(
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {at}/{name}.pem; ssl_certificate_key {at}/{name}.key;\n\
             location / {{ proxy_set_header Host localhost; proxy_pass http://hlctl; }}\n\
             location /elsewhere/ {{ return 302 http://{}/; }}\n\
             location /huge/ {{ root {at}; try_files /huge =404; }}\n\
             location /endless/ {{ proxy_pass http://{endless}; }} }}\n",
            server.address
        );
        ports.push(port);
    }
    let _nginx = Nginx::start(dir.path(), &servers, ports[0]);
    let url = |n: usize| format!("https://127.0.0.1:{}", ports[n]);
    let pem = |name: &str| dir.path().join(name).display().to_string();
    let (home, run) = mirror(&["--from", &url(0), "--ca", &pem("home.pem")]);
    assert_eq!(run.code, 0, "{run:?}");
    let of = |home: &Home| std::fs::read(home.at("world/services.json")).unwrap();
    assert_eq!(of(&home), of(&server.home));
    let (leaf, run) = mirror(&["--from", &url(0), "--ca", &pem("good.pem")]);
    assert_eq!((run.code, of(&leaf)), (0, of(&server.home)), "the certificate itself is believed, too");
    let sender = Home::new();
    let event =
        |n| format!(r#"{{"ts":{},"node":"piha","type":"service_status","service":"web","status":"s{n}"}}"#, now());
    Spool::open(&sender.root).unwrap().add(&(0..2000).map(event).collect::<Vec<_>>()).unwrap();
    let ca = Some(dir.path().join("home.pem"));
    let token = Some(server.token(&["piha", "--agent"]));
    let settings = Settings { url: url(0).parse().unwrap(), token, ca, insecure_http: false, patience: PATIENCE };
    let shipment = ship::run(&sender.root, &Client::new(settings).unwrap()).unwrap();
    assert_eq!((shipment.accepted, shipment.error), (2000, None));
    // By the system's own list, wherever that is.
    for list in ["SSL_CERT_FILE", "CURL_CA_BUNDLE"] {
        let home = Home::new();
        let mut by_system = home.hlctl(&["mirror", "--from", &url(0)]);
        by_system.env("PATH", needs::var("PATH").unwrap()).env(list, pem("home.pem"));
        let run = Run::of(by_system.output().unwrap());
        assert_eq!((run.code, of(&home)), (0, of(&server.home)), "{list}: {run:?}");
    }
    let agent = Home::new();
    agent.put("hosts/piha/services.yaml", "services: []\n");
    let token = agent.put("token", server.token(&["box", "--agent", "--nodes", "piha"])).display().to_string();
    let run =
        agent.run(&["agent", "--node", "piha", "--to", &url(0), "--ca", &pem("home.pem"), "--token-file", &token]);
    assert!(run.code == 0 && run.out.contains("sent 2, 0 wait"), "{run:?}");
    let from = |path: &str| url(0) + path;
    refused(
        &["--from", &from("/elsewhere"), "--ca", &pem("home.pem")],
        &["sends elsewhere to http://", "not followed"],
    );
    refused(&["--from", &from("/huge"), "--ca", &pem("home.pem")], &["more than 33554432 bytes"]);
    refused(&["--from", &from("/endless"), "--ca", &pem("home.pem")], &["more than 33554432 bytes"]);
    refused(&["--from", &url(0), "--ca", &pem("stranger.pem")], &["not signed by the one in", "stranger.pem"]);
    refused(&["--from", &url(0)], &["signed by nobody whom this system believes", "--ca"]);
    refused(&["--from", &url(1), "--ca", &pem("home.pem")], &["has expired"]);
    refused(&["--from", &url(2), "--ca", &pem("home.pem")], &["is for another name"]);
    refused(&["--from", &url(0), "--ca", &pem("home.key")], &["there are none in it", "PEM"]);
    refused(&["--from", &url(0), "--ca", &pem("none.pem")], &["cannot take certificates from"]);
    refused(&["--from", &format!("https://{}", server.address)], &["cannot reach https://"]);
    refused(&["--from", &format!("http://127.0.0.1:{}", ports[0])], &["400"]);
}

#[test]
fn without_curl_it_says_what_to_install() {
    let (nowhere, home) = (tempfile::tempdir().unwrap(), Home::new());
    let mut command = home.hlctl(&["mirror", "--from", "https://127.0.0.1:1"]);
    let run = Run::of(command.env("PATH", nowhere.path()).output().unwrap());
    assert!(run.code == 1 && run.err.contains("https needs curl, which is not on this machine"), "{run:?}");
    assert!(run.err.contains("apt install curl"), "{run:?}");
}

#[test]
fn the_token_is_in_no_list_of_processes() {
    if !needs::program("curl") {
        return;
    }
    let (dir, home) = (tempfile::tempdir().unwrap(), Home::new());
    let (file, token) = (dir.path().join("token"), format!("hush-{}", free_port()));
    std::fs::write(&file, &token).unwrap();
    // It takes the connection and says nothing, so curl waits for the handshake.
    let url = format!("https://{}", answering(None));
    let mut command = home.hlctl(&["mirror", "--from", &url, "--token-file", &file.display().to_string()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let read = |pid: &str, name: &str| {
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default()).into_owned()
    };
    let parent = |pid: &str| read(pid, "stat").rsplit(')').next().unwrap().split(' ').nth(2).map(str::to_owned);
    let hlctl = Some(child.id().to_string());
    let pids = || {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter_map(|e| e.file_name().into_string().ok())
            .filter(|n| n.parse::<i32>().is_ok())
            .collect::<Vec<_>>()
    };
    let began = Instant::now();
    let curl = loop {
        let found = pids().into_iter().find(|pid| parent(pid) == hlctl && read(pid, "cmdline").starts_with("curl\0-q"));
        if let Some(curl) = found {
            break curl;
        }
        assert!(began.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none(), "no curl was seen");
    };
    for pid in pids() {
        assert!(!read(&pid, "cmdline").contains(&token), "{}", read(&pid, "cmdline"));
    }
    assert!(!read(&curl, "environ").contains(&token));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn plain_http_stays_near() {
    let anywhere = ["--from", "http://1.1.1.1:9", "--insecure-http"];
    refused(&anywhere[..2], &["1.1.1.1", "plain HTTP does not go there", "--insecure-http"]);
    // 0.0.0.0 is this machine, but not one of its addresses.
    let port = free_port();
    let open = format!("http://0.0.0.0:{port}");
    refused(&["--from", &open], &["plain HTTP does not go there"]);
    refused(&["--from", &open, "--insecure-http"], &["Connection refused"]);
    refused(&["--from", &format!("http://localhost:{port}")], &["Connection refused", "hlctl serve"]);
    refused(&["--from", "http://no-such-host.invalid:1"], &["cannot reach http://no-such-host.invalid:1"]);
    let ca = ["--from", &format!("http://127.0.0.1:{port}"), "--ca", "/home.pem"];
    refused(&ca, &["is not encrypted", "/home.pem", "or leave --ca out"]);
    for usage in ["ftp://x", "http://user:secret@127.0.0.1", "127.0.0.1:18180"] {
        assert_eq!(mirror(&["--from", usage]).1.code, 2, "{usage}");
    }
}

#[test]
fn the_environment_names_the_control_plane_but_no_proxy() {
    let server = Server::with_web("");
    let home = Home::new();
    let mut command = home.hlctl(&["mirror", "--json"]);
    let run = |command: &mut std::process::Command| Run::of(command.output().unwrap());
    assert_eq!(run(&mut command).code, 2, "nobody says whom");
    command.env("CONTROL_PLANE_URL", format!("http://{}/", server.address));
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"] {
        command.env(proxy, format!("http://127.0.0.1:{}", free_port()));
    }
    let done = run(&mut command);
    assert_eq!(done.code, 0, "{done:?}");
    let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(report["from"], format!("http://{}", server.address));
    command.env("CONTROL_PLANE_URL", "vps");
    let wrong = run(&mut command);
    assert!(wrong.code == 1 && wrong.err.contains("CONTROL_PLANE_URL"), "{wrong:?}");
}

#[test]
fn nothing_is_followed_and_nothing_is_taken_without_end() {
    if !needs::program("nginx") {
        return;
    }
    let server = Server::with_web("");
    server.home.run(&["observe"]);
    let dir = tempfile::tempdir().unwrap();
    let (elsewhere, huge) = (free_port(), free_port());
    let file = std::fs::File::create(dir.path().join("services")).unwrap();
    file.set_len(40 << 20).unwrap();
    let at = dir.path().display();
    let servers = format!(
        "server {{ listen 127.0.0.1:{elsewhere}; return 302 http://{}$request_uri; }}\n\
         server {{ listen 127.0.0.1:{huge}; location = /api/v1/world/services {{ alias {at}/services; }} }}\n",
        server.address
    );
    let _nginx = Nginx::start(dir.path(), &servers, huge);
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    refused(&["--from", &url(elsewhere)], &["sends elsewhere to http://", "not followed"]);
    refused(&["--from", &url(huge)], &["more than 33554432 bytes"]);
}

#[test]
fn what_is_no_control_plane_changes_nothing() {
    let answer = |status: &str, body: &str| {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        format!("http://{}", answering(Some(head + body)))
    };
    refused(&["--from", &answer("200 OK", "<html>Please log in</html>")], &["is no control plane"]);
    let newer = "{\"schema\":\"hlctl.services/v9\",\"as_of\":null,\"services\":[]}";
    refused(&["--from", &answer("200 OK", newer)], &["hlctl.services/v9", "hlctl.services/v1"]);
    refused(&["--from", &answer("500 Oops", "")], &["answered 500"]);
    refused(&["--from", &answer("401 No", "")], &["answered 401", "--token-file"]);
    let hostile = "{\"detail\":\"\\u001b[2Jgone\"}";
    let (_, run) = mirror(&["--from", &answer("503 No", hostile)]);
    assert!(run.code == 1 && !run.err.contains('\u{1b}'), "{run:?}");
    let garbage = format!("http://{}", answering(Some("220 smtp.example ESMTP\r\n".into())));
    refused(&["--from", &garbage], &["cannot reach"]);
    let cut = format!("http://{}", answering(Some("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx".into())));
    refused(&["--from", &cut], &["cannot reach"]);
}

#[test]
fn who_says_nothing_is_given_up() {
    let url = format!("http://{}", answering(None));
    refused(&["--from", &url], &["did not answer in time"]);
}

#[test]
fn a_token_comes_from_a_file_and_is_never_shown() {
    let server = Server::start("serve: {read: token}\n");
    server.home.run(&["observe"]);
    let url = format!("http://{}", server.address);
    refused(&["--from", &url], &["answered 401", "--reader"]);
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).display().to_string()
    };
    let token = server.token(&["piha", "--reader"]);
    let file = put("hlctl-token", &format!("{token}\n"));
    assert_eq!(mirror(&["--from", &url, "--token-file", &file]).1.code, 0);
    let home = Home::new();
    let mut by_systemd = home.hlctl(&["mirror", "--from", &url]);
    assert_eq!(Run::of(by_systemd.env("CREDENTIALS_DIRECTORY", dir.path()).output().unwrap()).code, 0);
    for (text, word) in [("", "it is empty"), ("two words", "more than one word")] {
        refused(&["--from", &url, "--token-file", &put("bad", text)], &[word, "hlctl token add"]);
    }
    refused(&["--from", &url, "--token-file", "/nonexistent"], &["No such file"]);
    let agent = put("agent", &server.token(&["vps", "--agent"]));
    refused(&["--from", &url, "--token-file", &agent], &["answered 403"]);
    // Even where the other side repeats it.
    let body = format!("{{\"detail\":\"you sent {token}\"}}");
    let echo = format!("HTTP/1.1 503 No\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let (home, run) = mirror(&["--from", &format!("http://{}", answering(Some(echo))), "--token-file", &file]);
    assert!(run.code == 1 && run.err.contains("you sent ***"), "{run:?}");
    assert!(!is_anywhere(home.path(), &token));
}

fn is_anywhere(dir: &Path, text: &str) -> bool {
    let files = walkdir::WalkDir::new(dir).into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file());
    files.into_iter().any(|e| String::from_utf8_lossy(&std::fs::read(e.path()).unwrap()).contains(text))
}
