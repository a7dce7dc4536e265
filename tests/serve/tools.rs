//! The same server seen by other people's programs: promtool, curl, and nginx before it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hlctl::flow::lifecycle::State;

use crate::chromium::{Browser, Screen};
use crate::server::{Answer, Server, to_end};
use crate::support::{Home, needs};

#[test]
fn prometheus_reads_the_metrics_without_a_complaint() {
    if !needs::program("promtool") {
        return;
    }
    let server = Server::with_web("");
    server.home.create("redeploy-piha-web");
    server.home.put("hosts/broken/services.yaml", "services: [");
    server.home.put("hosts/idle/services.yaml", "services: []");
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
    let nodes = metrics.body.lines().filter_map(|line| line.strip_prefix("hlctl_nodes{state=\""));
    let nodes: Vec<&str> = nodes.filter(|line| !line.ends_with(" 0")).collect();
    assert_eq!(nodes, ["never_heard\"} 1", "broken\"} 1", "unwatched\"} 1"], "each node in one state");
    for pass in ["observe", "reconcile"] {
        assert!(
            metrics.body.contains(&format!("hlctl_pass_duration_seconds{{pass=\"{pass}\"}} 0.")),
            "{}",
            metrics.body
        );
    }
}

#[test]
fn curl_gets_an_answer_to_whatever_it_asks_oddly() {
    if !needs::program("curl") {
        return;
    }
    let server = Server::with_web("");
    let large = server.home.path().join("large");
    std::fs::write(&large, vec![b'a'; 64 * 1024 + 1]).unwrap();
    let large = format!("@{}", large.display());
    let [page, health, summary, login, above] = ["/", "/healthz", "/summary", "/login", "/../../etc/passwd"]
        .map(|path| format!("http://{}{path}", server.address));
    let websocket = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13"];
    // What curl is told, and the status and how many connections it made for each of its requests.
    let oddities: [(&[&str], &str); 19] = [
        (&["-I", &page], "200 1"),
        (&["-X", "BREW", &page], "405 1"),
        (&["-0", &health], "200 1"),
        (&["--http2", &health], "200 1"),
        (&["--http2-prior-knowledge", &health], "000 1"),
        (&["--path-as-is", &above], "404 1"),
        (&["-H", "Expect: 100-continue", "-d", &large, &login], "413 1"),
        (&["-H", "Transfer-Encoding: chunked", "-d", &large, &login], "413 1"),
        (&["-H", "Transfer-Encoding: chunked", "-d", "a=b", &login], "400 1"),
        (&["-F", "a=b", &login], "400 1"),
        (&["-r", "0-10", &summary], "200 1"),
        (&["-H", "Range: bytes=-99999999999999999999", &summary], "200 1"),
        (&["-H", "If-None-Match: *", &summary], "304 1"),
        (&["-H", "Host:", &page], "400 1"),
        (&["--request-target", "http://evil.example/summary", &summary], "421 1"),
        (&["-X", "OPTIONS", "--request-target", "*", &page], "404 1"),
        (&["--haproxy-protocol", &page], "400 1"),
        (&["-o", "/dev/null", &health, "-o", "/dev/null", &health], "200 1 200 0"),
        (&[&websocket[..], &[&page]].concat(), "200 1"),
    ];
    for (args, want) in oddities {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-o", "/dev/null", "-m", "20", "-w", "%{http_code} %{num_connects} "]).args(args);
        let out = curl.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), want, "{args:?}: {out:?}");
    }
    assert_eq!(server.get("/healthz").status, 200);
}

/// Returns what the README has between two marks.
fn told(from: &str, to: &str) -> &'static str {
    let text = include_str!("../../README.md");
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).unwrap_or_else(|| panic!("{from}")).0
}

/// nginx before a server; ended with its end.
struct Nginx {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Nginx {
    /// Starts it with the location that the README gives, which passes the host on without its port.
    fn before(server: &Server) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = dir.path().display();
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log; events {{}}\n\
             http {{ access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/f;\n\
             uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
             upstream hlctl {{ server {}; keepalive 4; }}\n\
             server {{ listen 127.0.0.1:{port};\n{} }} }}\n",
            server.address,
            told("```nginx\n", "```").replace("http://172.17.0.1:18180", "http://hlctl"),
        );
        std::fs::write(dir.path().join("nginx.conf"), config).unwrap();
        let mut nginx = Command::new("nginx");
        let child = nginx.args(["-p", &at.to_string(), "-c", "nginx.conf", "-e", "stderr"]).spawn().unwrap();
        Self { child, port, _dir: dir }
    }

    fn connect(&self) -> TcpStream {
        let mut tries = (0..50).filter_map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
        let stream = tries.next().expect("nginx listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn head(&self, method: &str, path: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nHost: home.example.org:{}\r\n", self.port)
    }

    fn get(&self, path: &str, cookie: &str) -> Answer {
        let mut stream = self.connect();
        let text = self.head("GET", path) + &format!("Cookie: {cookie}\r\nConnection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        Answer::of(&to_end(&mut stream))
    }

    fn submit(&self, path: &str, cookie: &str, form: &str) -> Answer {
        let mut stream = self.connect();
        let more = format!(
            "Origin: http://home.example.org:{}\r\nCookie: {cookie}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.port,
            form.len()
        );
        stream.write_all((self.head("POST", path) + &more).as_bytes()).unwrap();
        Answer::of(&to_end(&mut stream))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads one answer of a connection that stays open.
fn next_answer(stream: &mut BufReader<TcpStream>) -> Answer {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "closed after {head:?}");
    }
    let mut answer = Answer::of(head.as_bytes());
    let mut body = vec![0; answer.header("content-length").unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    answer.body = String::from_utf8(body).unwrap();
    answer
}

#[test]
fn the_script_follows_and_decides_under_a_prefix_behind_nginx() {
    if !needs::program("nginx") {
        return;
    }
    let home = Home::new();
    home.put("config.yaml", "serve: {trusted_proxies: [127.0.0.1]}\n");
    let recipes = "{redeploy: [[\"true\"]]}";
    home.put("hosts/piha/services.yaml", format!("services: [{{name: web, runtime: command, recipes: {recipes}}}]\n"));
    for n in 0..4 {
        home.create(&format!("redeploy-piha-web-{n}"));
    }
    let server = Server::of(home, &["--base-path", "/homelab"]);
    let nginx = Nginx::before(&server);
    drop(nginx.connect());
    let Some(browser) = Browser::start(Screen::PHONE, ([127, 0, 0, 1], nginx.port).into()) else { return };
    browser.go("/homelab/login?next=/homelab/actions");
    browser.write("#token", &server.token(&["oskar"]));
    browser.tap("button.go");
    browser.wait(|b| b.path() == "/homelab/actions");
    let rows = "return document.querySelectorAll('details.row').length";
    assert_eq!(browser.script(rows), 4);
    server.home.create("redeploy-piha-web-4");
    browser.wait(|b| b.script(rows) == 5);
    // The plan of a row further down is asked for under the prefix, too.
    let row = "[data-key=redeploy-piha-web-3]";
    browser.tap(&format!("{row} > summary"));
    browser.wait_for(&format!("{row} .decide"), "Redeploy");
    browser.tap(&format!("{row} button.guarded"));
    browser.tap(&format!("{row} button.guarded"));
    browser.wait(|b| b.path() == "/homelab/actions/redeploy-piha-web-3");
    assert_eq!(server.home.states("redeploy-piha-web-3"), [State::Approved]);
    std::fs::remove_file(server.home.file(State::Approved, "redeploy-piha-web-3")).unwrap();
    browser.wait_for(".lost", "no longer there");
    browser.tap(".lost a");
    browser.wait(|b| b.path() == "/homelab/");
}

#[test]
fn nginx_passes_it_on_under_a_prefix() {
    if !needs::program("nginx") {
        return;
    }
    let home = Home::new();
    let config =
        format!("serve: {{allowed_hosts: [home.example.org], {}", told("allowed_hosts: [home.example.org], ", "\n"));
    home.put("config.yaml", config.replace("172.17.0.2", "127.0.0.1"));
    home.put(
        "hosts/piha/services.yaml",
        "services: [{name: web, runtime: command, recipes: {redeploy: [[\"true\"]]}}]\n",
    );
    home.put("hosts/piha/host.yaml", "connection: local\n");
    let id = "redeploy-piha-web";
    home.create(id);
    let output = "0123456789abcde\n".repeat(128 * 1024);
    home.put(&format!("actions/logs/{id}/20261123T071305123Z.log"), &output);
    let server = Server::of(home, &["--base-path", "/homelab"]);
    let nginx = Nginx::before(&server);

    let page = nginx.get("/homelab/actions/redeploy-piha-web", "");
    assert_eq!(page.status, 200, "{page:?}");
    let token = server.token(&["oskar"]);
    let login = nginx.submit("/homelab/login", "", &format!("token={token}&next=/homelab/actions?state=pending"));
    assert_eq!((login.status, login.header("location")), (303, Some("/homelab/actions?state=pending")), "{login:?}");
    assert!(login.header("set-cookie").unwrap().contains("Path=/homelab;"), "{login:?}");
    let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert!(nginx.get("/homelab/", &cookie).body.contains("oskar"));

    // One connection for many requests, to nginx and behind it.
    let mut stream = BufReader::new(nginx.connect());
    for n in 0..20 {
        let path = ["/homelab/healthz", "/homelab/summary", "/homelab/api/v1/openapi.json"][n % 3];
        let request = nginx.head("GET", path) + "\r\n";
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let answer = next_answer(&mut stream);
        assert_eq!((answer.status, answer.body.is_empty()), (200, false), "{n}: {answer:?}");
    }

    // What nginx buffers, in memory and in files, while its client takes its time.
    let mut slow = nginx.connect();
    slow.write_all(
        (nginx.head("GET", &format!("/homelab/api/v1/actions/{id}/log")) + "Connection: close\r\n\r\n").as_bytes(),
    )
    .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let whole = to_end(&mut slow);
    let text = String::from_utf8_lossy(&whole);
    let lines = text.lines().filter(|line| *line == "0123456789abcde").count();
    assert!(Answer::of(&whole).status == 200 && lines > 130_000, "{lines}");

    let page = nginx.get(&format!("/homelab/actions/{id}"), &cookie).body;
    let hidden = |name: &str| {
        let form = page.split_once(&format!("/actions/{id}/approve\"")).unwrap_or_else(|| panic!("{page}")).1;
        let value = form.split_once(&format!("name=\"{name}\" value=\"")).unwrap().1;
        value.split('"').next().unwrap().to_owned()
    };
    let form = format!("csrf={}&digest={}", hidden("csrf"), hidden("digest"));
    let done = nginx.submit(&format!("/homelab/actions/{id}/approve"), &cookie, &form);
    assert_eq!((done.status, done.header("location")), (303, Some("/homelab/actions/redeploy-piha-web")), "{done:?}");
    assert_eq!(server.home.states(id), [State::Approved]);
}
