//! The same server seen by other people's programs: promtool, and nginx before it.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::server::{Answer, Server, to_end};
use crate::support::{Home, needs};

#[test]
fn prometheus_reads_the_metrics_without_a_complaint() {
    if !needs::program("promtool") {
        return;
    }
    let server = Server::with_web("");
    server.home.create("redeploy-piha-web");
    server.home.run(&["observe"]);
    server.home.run(&["reconcile"]);
    let metrics = server.get("/metrics");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(metrics.body.as_bytes()).unwrap();
    let out = promtool.wait_with_output().unwrap();
    assert!(out.status.success() && out.stdout.is_empty(), "{out:?}\n{}", metrics.body);
    assert!(metrics.body.contains("hlctl_actions{state=\"pending\"} 1"), "{}", metrics.body);
    for pass in ["observe", "reconcile"] {
        assert!(
            metrics.body.contains(&format!("hlctl_pass_duration_seconds{{pass=\"{pass}\"}} 0.")),
            "{}",
            metrics.body
        );
    }
}

#[test]
fn nginx_passes_it_on_under_a_prefix() {
    if !needs::program("nginx") {
        return;
    }
    let home = Home::new();
    home.put("config.yaml", "serve: {trusted_proxies: [127.0.0.1], allowed_hosts: [home.example]}\n");
    home.create("redeploy-piha-web");
    let server = Server::of(home, &["--base-path", "/homelab"]);
    let dir = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let at = dir.path().display();
    // As Nginx Proxy Manager writes a custom location, which passes the host on without its port.
    let config = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log; events {{}}\n\
         http {{ access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/f;\n\
         uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
         upstream hlctl {{ server {}; keepalive 4; }}\n\
         server {{ listen 127.0.0.1:{port}; location /homelab/ {{\n\
         proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header Connection '';\n\
         proxy_set_header X-Forwarded-For $remote_addr; proxy_http_version 1.1; proxy_pass http://hlctl; }} }} }}\n",
        server.address
    );
    std::fs::write(dir.path().join("nginx.conf"), config).unwrap();
    let mut nginx =
        Command::new("nginx").args(["-p", &at.to_string(), "-c", "nginx.conf", "-e", "stderr"]).spawn().unwrap();
    let address = format!("127.0.0.1:{port}");
    let ask = |text: &str| {
        let mut stream = (0..50)
            .find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(50));
                std::net::TcpStream::connect(&address).ok()
            })
            .expect("nginx listens");
        stream.write_all(text.as_bytes()).unwrap();
        Answer::of(&to_end(&mut stream))
    };
    let get =
        |path: &str| ask(&format!("GET {path} HTTP/1.1\r\nHost: home.example:{port}\r\nConnection: close\r\n\r\n"));
    let page = get("/homelab/actions/redeploy-piha-web");
    let token = server.token(&["oskar"]);
    let form = format!("token={token}&next=/homelab/actions");
    let login = ask(&format!(
        "POST /homelab/login HTTP/1.1\r\nHost: home.example:{port}\r\nOrigin: http://home.example:{port}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    let cookie = login.header("set-cookie").unwrap_or_default().split(';').next().unwrap().to_owned();
    let overview = ask(&format!(
        "GET /homelab/ HTTP/1.1\r\nHost: home.example:{port}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    ));
    nginx.kill().unwrap();
    nginx.wait().unwrap();
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!((login.status, login.header("location")), (303, Some("/homelab/actions")), "{login:?}");
    assert!(login.header("set-cookie").unwrap().contains("Path=/homelab;"), "{login:?}");
    assert!(overview.body.contains("oskar"), "{overview:?}");
}
