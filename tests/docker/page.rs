//! The way of the page: a container that stopped on the engine is seen, its plan read, approved on a phone, and
//! healthy again. The passes are run by hand, as timers would run them.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use crate::chromium::{Browser, Screen, pictures};
use crate::lab::Lab;

const QUICK: &str = "min_healthy: 1s, healthy_deadline: 20s";

struct Serve(Child);

impl Serve {
    fn start(lab: &Lab) -> (Serve, SocketAddr) {
        let mut command = lab.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::stderr()));
        let address = line.split_once("http://").unwrap().1.split('/').next().unwrap().parse().unwrap();
        (Serve(child), address)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks the engine how the container is, tells it to the event log, and looks.
fn probe(lab: &Lab) {
    lab.event("\"type\":\"node_heartbeat\"");
    match lab.docker(&["inspect", "--format", "{{.State.Running}}", &lab.container()]).trim() {
        "true" => lab.event("\"type\":\"service_healthy\""),
        _ => lab.event("\"type\":\"service_unhealthy\",\"reason\":\"containers_not_running\""),
    }
    for pass in ["observe", "reconcile", "execute"] {
        lab.hlctl_ok(&[pass]);
    }
}

#[test]
fn a_stopped_container_is_healthy_again_in_at_most_three_taps() {
    let Some(lab) = Lab::new(QUICK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    probe(&lab);
    let (_serve, address) = Serve::start(&lab);
    let Some(browser) = Browser::start(Screen::PHONE, address) else { return };
    browser.log_in(lab.hlctl_ok(&["token", "add", "oskar"]).trim());
    browser.wait_for("h1", "All quiet");

    lab.compose(&["stop", "-t", "1"]);
    probe(&lab);
    // The open page sees it by itself.
    browser.wait_for("h1", "1 thing needs you");
    assert!(browser.text("details.row > summary").contains("its containers are not running"));
    let before = browser.taps();
    browser.tap("details.row > summary");
    let plan = browser.text("details.row[open] .plan");
    assert!(plan.contains("on this machine") && plan.contains(" restart"), "{plan}");
    assert!(plan.contains("healthy for 1 s within 20 s, as the engine sees it"), "{plan}");
    browser.keep_picture("docker-1-plan-390-light");
    browser.tap("details.row[open] button.go");
    browser.wait_for(".lead", "approved");
    assert!(browser.taps() - before <= 3, "{} taps", browser.taps() - before);
    lab.hlctl_ok(&["execute"]);
    browser.wait_for(".result", "It went well");
    browser.wait_for(".log", "restart");
    browser.keep_picture("docker-2-result-390-light");
    assert_eq!(lab.version(), "one", "the container runs");
    probe(&lab);
    browser.go("/");
    browser.wait_for("h1", "All quiet");
    browser.keep_picture("docker-3-healthy-390-light");
    println!("pictures are in {}", pictures().display());
}
