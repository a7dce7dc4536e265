//! Chromium through its driver, as a person with a phone or a desk would use it. What it shows can be kept as
//! pictures, which CI keeps with the run.
#![allow(clippy::allow_attributes, reason = "each test uses another part of this")]
#![allow(dead_code, reason = "each test uses another part of this")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::needs;

/// A screen, and how it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Its width in CSS pixels; below 600 it is a phone.
    pub width: u32,
    /// Whether the person prefers dark.
    pub dark: bool,
    /// Whether pages may run scripts.
    pub scripts: bool,
}

impl Screen {
    /// A phone held upright.
    pub const PHONE: Screen = Screen { width: 390, dark: false, scripts: true };
    /// A window on a desk.
    pub const DESK: Screen = Screen { width: 1280, dark: false, scripts: true };
    /// All that the pages are held to.
    pub const ALL: [Screen; 4] =
        [Self::PHONE, Screen { dark: true, ..Self::PHONE }, Self::DESK, Screen { dark: true, ..Self::DESK }];

    /// Returns its name: `390-dark`.
    pub fn name(self) -> String {
        format!("{}-{}", self.width, if self.dark { "dark" } else { "light" })
    }
}

/// A running browser; ended with its end.
pub struct Browser {
    driver: Child,
    session: String,
    /// The server whose pages it shows.
    address: SocketAddr,
    taps: std::cell::Cell<usize>,
}

impl Browser {
    /// Starts a browser before a server; nothing where there is none.
    pub fn start(screen: Screen, address: SocketAddr) -> Option<Browser> {
        Self::start_with(screen, address, &[])
    }

    /// Starts a browser that finds a server on loopback at an address of the local network, which it trusts less.
    pub fn start_on_lan(screen: Screen, server: SocketAddr) -> Option<Browser> {
        let lan = SocketAddr::from(([192, 168, 7, 20], server.port()));
        Self::start_with(screen, lan, &[&format!("--host-resolver-rules=MAP {} {}", lan.ip(), server.ip())])
    }

    fn start_with(screen: Screen, address: SocketAddr, more: &[&str]) -> Option<Browser> {
        if !needs::program("chromedriver") || !needs::program("chromium") {
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut driver = Command::new("chromedriver");
        driver.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let session = format!("http://127.0.0.1:{port}");
        let mut browser = Browser { driver: driver.spawn().unwrap(), session, address, taps: Default::default() };
        let usual = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
        ];
        let arguments = [&usual, more].concat();
        let scripts = if screen.scripts { 1 } else { 2 };
        let options = json!({
            "args": arguments,
            "prefs": { "profile.managed_default_content_settings.javascript": scripts },
        });
        let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let wanted = json!({ "capabilities": { "alwaysMatch": wanted } });
        let began = Instant::now();
        let made = loop {
            match browser.call("POST", "/session", &wanted) {
                Ok(made) => break made,
                Err(e) => assert!(began.elapsed() < Duration::from_secs(60), "{e}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        browser.session += &format!("/session/{}", made["sessionId"].as_str().unwrap());
        let scheme = json!([{ "name": "prefers-color-scheme", "value": if screen.dark { "dark" } else { "light" } }]);
        browser.devtools("Emulation.setEmulatedMedia", json!({ "features": scheme }));
        browser.resize(screen.width, 844);
        Some(browser)
    }

    /// Gives the screen a size.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let sent = match method {
            "GET" => agent.get(&url).call(),
            _ => agent.post(&url).send(body.to_string()),
        };
        let read =
            |mut r: ureq::http::Response<ureq::Body>| r.body_mut().with_config().limit(64 << 20).read_to_string();
        let text = sent.and_then(read).map_err(|e| e.to_string())?;
        let answer: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        match answer["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].clone()),
        }
    }

    fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.call("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).unwrap()
    }

    /// Opens a path of the server.
    pub fn go(&self, path: &str) {
        self.call("POST", "/url", &json!({ "url": format!("http://{}{path}", self.address) })).unwrap();
    }

    /// Returns the path at which the browser is.
    pub fn path(&self) -> String {
        let url = self.call("GET", "/url", &Value::Null).unwrap();
        url.as_str().unwrap().trim_start_matches(&format!("http://{}", self.address)).to_owned()
    }

    /// Runs a function's body in the page.
    pub fn script(&self, text: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({ "script": text, "args": [] })).unwrap()
    }

    /// Runs a function's body in the page, whose last argument is called with what it returns.
    pub fn script_later(&self, text: &str, argument: Value) -> Value {
        self.call("POST", "/execute/async", &json!({ "script": text, "args": [argument] })).unwrap()
    }

    fn element(&self, selector: &str) -> Result<String, String> {
        let found = self.call("POST", "/element", &json!({ "using": "css selector", "value": selector }))?;
        Ok(found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned())
    }

    /// Taps what the selector finds first.
    pub fn tap(&self, selector: &str) {
        self.taps.set(self.taps.get() + 1);
        let element = self.element(selector).unwrap();
        self.call("POST", &format!("/element/{element}/click"), &json!({}))
            .unwrap_or_else(|e| panic!("{selector}: {e}"));
    }

    /// Returns how often something was tapped.
    pub fn taps(&self) -> usize {
        self.taps.get()
    }

    /// Types into a field.
    pub fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector).unwrap();
        self.call("POST", &format!("/element/{element}/value"), &json!({ "text": text })).unwrap();
    }

    /// Returns the text that a person sees.
    pub fn text(&self, selector: &str) -> String {
        let Ok(element) = self.element(selector) else { return String::new() };
        let text = self.call("GET", &format!("/element/{element}/text"), &Value::Null);
        text.map_or(String::new(), |t| t.as_str().unwrap_or_default().to_owned())
    }

    /// Logs in by the form, which leads to where one was.
    pub fn log_in(&self, token: &str) {
        if !self.path().starts_with("/login") {
            self.go("/login");
        }
        self.write("#token", token);
        self.tap("button.go");
        self.wait(|b| !b.path().starts_with("/login"));
    }

    /// Waits until something holds.
    pub fn wait(&self, holds: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < Duration::from_secs(30), "at {}: {}", self.path(), self.text("body"));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until a person sees this text.
    pub fn wait_for(&self, selector: &str, text: &str) {
        self.wait(|b| b.text(selector).contains(text));
    }

    /// Returns what the pages wrote to the console since it was asked last.
    pub fn console(&self) -> Vec<String> {
        let log = self.call("POST", "/se/log", &json!({ "type": "browser" })).unwrap();
        log.as_array().unwrap().iter().map(|l| l["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Keeps a picture of the whole page.
    pub fn keep_picture(&self, name: &str) {
        let shot = json!({ "format": "png", "captureBeyondViewport": true });
        let size = self.devtools("Page.getLayoutMetrics", json!({}));
        let (width, height) = (&size["cssContentSize"]["width"], &size["cssContentSize"]["height"]);
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let mut shot = shot;
        shot["clip"] = clip;
        let picture = self.devtools("Page.captureScreenshot", shot);
        let path = pictures().join(format!("{name}.png"));
        std::fs::write(path, decode(picture["data"].as_str().unwrap())).unwrap();
    }
}

/// Returns the folder in which pictures are kept.
pub fn pictures() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Reads base64, of which a picture is the only kind that these tests meet.
fn decode(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for value in text.bytes().filter_map(|b| DIGITS.iter().position(|d| *d == b)) {
        (bits, count) = (bits << 6 | value as u32, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    bytes
}

impl Drop for Browser {
    fn drop(&mut self) {
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        let _ = agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
