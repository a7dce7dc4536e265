//! The pages in Chromium, through its driver: an action approved in three taps at 390 px, scripts that never run, no
//! page wider than its screen. Screenshots go to `HLCTL_SCREENSHOTS`, where that is set.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hlctl::flow::lifecycle::State;
use serde_json::{Value, json};

use crate::server::Server;
use crate::support::needs;

const ID: &str = "redeploy-piha-web";

struct Browser {
    driver: Child,
    session: String,
}

impl Browser {
    /// Starts a browser of this width; nothing where there is none.
    fn start(width: u32, dark: bool) -> Option<Browser> {
        if !needs::program("chromedriver") || !needs::program("chromium") {
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut driver = Command::new("chromedriver");
        driver.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let mut browser = Browser { driver: driver.spawn().unwrap(), session: format!("http://127.0.0.1:{port}") };
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": arguments } } } });
        let began = Instant::now();
        let made = loop {
            match browser.call("POST", "/session", &wanted) {
                Ok(made) => break made,
                Err(e) => assert!(began.elapsed() < Duration::from_secs(20), "{e}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        browser.session += &format!("/session/{}", made["sessionId"].as_str().unwrap());
        let scheme = json!([{ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } }]);
        browser.devtools("Emulation.setEmulatedMedia", json!({ "features": scheme }));
        let size = json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600 });
        browser.devtools("Emulation.setDeviceMetricsOverride", size);
        Some(browser)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let sent = match method {
            "GET" => agent.get(&url).call(),
            _ => agent.post(&url).send(body.to_string()),
        };
        let text = sent.and_then(|mut r| r.body_mut().read_to_string()).map_err(|e| e.to_string())?;
        let answer: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        match answer["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].clone()),
        }
    }

    fn devtools(&self, command: &str, parameters: Value) {
        self.call("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).unwrap();
    }

    fn go(&self, server: &Server, path: &str) {
        self.call("POST", "/url", &json!({ "url": format!("http://{}{path}", server.address) })).unwrap();
    }

    fn script(&self, text: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({ "script": text, "args": [] })).unwrap()
    }

    fn element(&self, selector: &str) -> String {
        let found = self.call("POST", "/element", &json!({ "using": "css selector", "value": selector }));
        found.unwrap().as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    fn tap(&self, selector: &str) {
        let element = self.element(selector);
        self.call("POST", &format!("/element/{element}/click"), &json!({})).unwrap();
    }

    fn log_in(&self, server: &Server) {
        let token = server.token(&["oskar"]);
        self.go(server, "/login");
        let element = self.element("#token");
        self.call("POST", &format!("/element/{element}/value"), &json!({ "text": token })).unwrap();
        self.tap("button.go");
        self.wait("return location.pathname === '/'");
    }

    /// Waits until a script returns true.
    fn wait(&self, script: &str) {
        let began = Instant::now();
        while self.script(script) != json!(true) {
            assert!(began.elapsed() < Duration::from_secs(15), "{script}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a switch of the test run, not of the program")]
    fn keep_screenshot(&self, name: &str) {
        let Some(dir) = std::env::var_os("HLCTL_SCREENSHOTS") else { return };
        let picture = self.call("GET", "/screenshot", &Value::Null).unwrap();
        let path = std::path::Path::new(&dir).join(format!("{name}.png.base64"));
        std::fs::write(path, picture.as_str().unwrap()).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        let _ = agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Returns a server with one pending action, on a node that was heard.
fn heard() -> Server {
    let server = Server::with_web("");
    server.home.create(ID);
    let event = r#"{"ts":"2026-11-23T07:13:05Z","node":"piha","type":"node_heartbeat"}"#;
    server.home.put("events/2026-11-23/a.jsonl", format!("{event}\n"));
    server.home.run(&["observe"]);
    server
}

#[test]
fn three_taps_approve_an_action_on_a_phone() {
    let server = heard();
    let Some(browser) = Browser::start(390, false) else { return };
    browser.log_in(&server);
    browser.tap("details.row > summary");
    browser.tap("details.row[open] button.guarded");
    assert_eq!(server.home.states(ID), [State::Pending], "what is guarded wants a second tap");
    browser.tap("details.row[open] button.guarded");
    browser.wait(&format!("return location.pathname === '/actions/{ID}'"));
    assert_eq!(server.home.states(ID), [State::Approved]);
}

#[test]
fn an_open_page_follows_the_queue_and_keeps_what_is_typed() {
    let mut server = heard();
    let Some(browser) = Browser::start(1280, false) else { return };
    browser.log_in(&server);
    browser.script(
        "document.querySelector('details.row').open = true; document.querySelector('[name=reason]').value = 'no'",
    );
    server.home.create("redeploy-piha-later");
    browser.wait("return document.querySelectorAll('details.row').length === 2");
    let kept = browser.script(&format!(
        "const row = document.querySelector('[data-key={ID}]'); return [row.open, row.querySelector('[name=reason]').value]"
    ));
    assert_eq!(kept, json!([true, "no"]));
    assert_eq!(browser.script("return document.querySelector('.lost').hidden"), json!(true));
    server.terminate();
    browser.wait("return !document.querySelector('.lost').hidden");
}

#[test]
fn no_page_is_wider_than_its_screen_and_none_runs_what_it_shows() {
    let server = Server::with_web("");
    let evil = "<img src=x onerror=\\\"document.title='run'\\\"><script>document.title='run'</script>";
    let event = format!(
        "{{\"ts\":\"2026-11-23T07:13:05Z\",\"node\":\"piha\",\"type\":\"service_unhealthy\",\"service\":\"web\",\"reason\":\"{evil}\"}}\n"
    );
    server.home.put("events/2026-11-23/a.jsonl", event);
    server.home.run(&["observe"]);
    server.home.run(&["reconcile"]);
    server.home.put("actions/pending/bad.json", evil);
    let pages = [
        "/",
        "/services",
        "/services/piha/web",
        "/nodes",
        "/actions",
        "/actions/redeploy-piha-web",
        "/audit",
        "/login",
        "/none",
    ];
    for (width, dark) in [(390, false), (390, true), (1280, false), (1280, true)] {
        let Some(browser) = Browser::start(width, dark) else { return };
        for page in pages {
            browser.go(&server, page);
            let found = browser.script(
                "return [document.documentElement.scrollWidth <= innerWidth, document.title.endsWith('hlctl')]",
            );
            assert_eq!(found, json!([true, true]), "{page} at {width}");
            let name = page.trim_matches('/').replace('/', "-");
            browser.keep_screenshot(&format!("{name}-{width}-{}", if dark { "dark" } else { "light" }));
        }
    }
}
