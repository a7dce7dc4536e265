//! What may happen around a page that is open: its session ends, the server is started anew, things arrive; and a person
//! who has no mouse.

use hlctl::flow::lifecycle::State;
use serde_json::{Value, json};

use crate::chromium::{Browser, Screen};
use crate::decide::{ID, heard, tap_twice};
use crate::gallery;

/// Lets the time of every session pass.
fn expire_sessions(server: &crate::server::Server) {
    let file = server.home.at("state/sessions.json");
    let mut sessions: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let all = sessions["sessions"].as_array_mut().unwrap();
    assert!(!all.is_empty());
    for session in all {
        session["expires"] = gallery::now().plus_millis(-1000).to_string().into();
    }
    std::fs::write(&file, sessions.to_string()).unwrap();
}

#[test]
fn a_session_whose_time_is_over_leads_over_the_login_back_to_the_decision() {
    let server = heard();
    let token = server.token(&["oskar"]);
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&token);
    browser.go(&format!("/actions/{ID}"));
    // A page that nobody sees does not follow, and so does not know.
    browser.script("Object.defineProperty(document, 'hidden', { value: true })");
    expire_sessions(&server);
    tap_twice(&browser, ".decide button.guarded");
    browser.wait_for("main h1", "ogged in");
    assert_eq!(server.home.states(ID), [State::Pending]);
    browser.tap("main a.button[href*=login]");
    browser.log_in(&token);
    browser.wait(|b| b.path() == format!("/actions/{ID}"));
    // One that is seen says by itself that nothing can be decided any more.
    expire_sessions(&server);
    browser.wait_for(".decide", "Log in to decide");
    assert!(browser.text(".who").contains("log in"), "{}", browser.text(".who"));
}

#[test]
fn what_is_typed_outlives_a_restart_of_the_server_and_is_then_decided() {
    let mut server = heard();
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.tap("details.row > summary");
    browser.write("details.row[open] [name=reason]", "not tonight");
    server.terminate();
    browser.wait_for(".lost", "does not answer");
    server.restart();
    browser.wait(|b| b.text(".lost").is_empty());
    let typed = browser.script("return document.querySelector('details.row[open] [name=reason]').value");
    assert_eq!(typed, json!("not tonight"));
    browser.tap("details.row[open] .no button");
    browser.wait_for(".history", "not tonight");
    assert_eq!(server.home.states(ID), [State::Rejected]);
    assert!(server.home.audit().last().unwrap().ends_with("pending→rejected oskar web"));
}

#[test]
fn nothing_that_is_looked_at_moves_when_something_arrives() {
    let server = gallery::open("");
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.go("/");
    let top = "return Math.round(document.querySelector('#node-vps').getBoundingClientRect().top)";
    browser.script("document.querySelector('#node-vps').scrollIntoView(); window.scrollBy(0, -80)");
    let (before, scrolled) = (browser.script(top), browser.script("return scrollY"));
    assert!(scrolled.as_f64().unwrap() > 300.0, "{scrolled}");
    let rows = "return document.querySelectorAll('details.row').length";
    let count = browser.script(rows).as_u64().unwrap();
    assert_eq!(server.home.run(&["request", "redeploy", "chelsty-infra", "grafana"]).code, 0);
    browser.wait(|b| b.script(rows).as_u64() == Some(count + 1));
    assert_eq!(browser.script(top), before, "the card stays where it was on the screen");
    assert!(browser.script("return scrollY").as_f64() > scrolled.as_f64(), "the row came above it");
}

#[test]
fn the_keys_alone_are_enough_to_read_a_plan_and_approve_it() {
    const TAB: &str = "\u{e004}";
    const ENTER: &str = "\u{e007}";
    let server = heard();
    let Some(browser) = Browser::start(Screen::DESK, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    let reach = |selector: &str| {
        for _ in 0..30 {
            let at = format!("return document.activeElement.matches('{selector}')");
            if browser.script(&at) == json!(true) {
                return;
            }
            let from = browser.script("return document.activeElement === document.body") == json!(true);
            browser.write(if from { "body" } else { ":focus" }, TAB);
        }
        panic!("no key leads to {selector}");
    };
    reach("a.skip");
    reach("details.row > summary");
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_ne!(browser.script(outline), json!("none"), "what has the focus is seen");
    browser.write(":focus", ENTER);
    reach("details.row[open] button.guarded");
    assert_ne!(browser.script(outline), json!("none"));
    browser.write(":focus", ENTER);
    assert_eq!(server.home.states(ID), [State::Pending], "a key asks first, as a tap does");
    browser.write(":focus", ENTER);
    browser.wait(|b| b.path() == format!("/actions/{ID}"));
    assert_eq!(server.home.states(ID), [State::Approved]);
}
