//! Deciding in Chromium: what a person with a phone does, and what may come between them and the button.

use hlctl::flow::lifecycle::{State, Transition};
use serde_json::json;

use crate::chromium::{Browser, Screen};
use crate::server::Server;

const ID: &str = "redeploy-piha-web";

/// Returns a server with one pending action, on a node that was heard.
fn heard() -> Server {
    let server = Server::with_web("");
    server.home.create(ID);
    let event = r#"{"ts":"2026-11-23T07:13:05Z","node":"piha","type":"node_heartbeat"}"#;
    server.home.put("events/2026-11-23/a.jsonl", format!("{event}\n"));
    server.home.run(&["observe"]);
    server
}

/// Taps a guarded button: the first tap asks, the second does it.
fn tap_twice(browser: &Browser, selector: &str) {
    browser.tap(selector);
    browser.tap(selector);
}

#[test]
fn three_taps_approve_an_action_on_a_phone() {
    let server = heard();
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.tap("details.row > summary");
    browser.tap("details.row[open] button.guarded");
    assert_eq!(server.home.states(ID), [State::Pending], "what is guarded wants a second tap");
    assert!(browser.text("details.row[open] button.guarded").starts_with("Tap again to redeploy"));
    browser.tap("details.row[open] button.guarded");
    browser.wait(|b| b.path() == format!("/actions/{ID}"));
    assert_eq!(server.home.states(ID), [State::Approved]);
    assert!(server.home.audit().last().unwrap().ends_with("pending→approved oskar web"));
}

#[test]
fn a_rejection_says_why_and_the_page_shows_it() {
    let server = heard();
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.tap("details.row > summary");
    browser.tap("details.row[open] .no button");
    assert_eq!(server.home.states(ID), [State::Pending], "not without a reason");
    browser.write("details.row[open] [name=reason]", "not tonight");
    browser.tap("details.row[open] .no button");
    browser.wait_for(".history", "not tonight");
    assert_eq!(server.home.states(ID), [State::Rejected]);
}

#[test]
fn who_was_slower_is_told_who_won() {
    let server = heard();
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.tap("details.row > summary");
    browser.tap("details.row[open] button.guarded");
    server.home.apply(ID, Transition::Approve, "marta").unwrap();
    browser.tap("details.row[open] button.guarded");
    browser.wait_for("main", "marta");
    assert!(browser.text("main").contains("approved"), "{}", browser.text("main"));
    assert_eq!(server.home.states(ID), [State::Approved]);
}

#[test]
fn a_plan_that_changed_since_the_page_was_drawn_is_not_approved() {
    let server = heard();
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.go(&format!("/actions/{ID}"));
    browser.tap(".decide button.guarded");
    server.home.put(
        "hosts/piha/services.yaml",
        "services:\n  - name: web\n    runtime: command\n    recipes: {redeploy: [[\"false\"]]}\n",
    );
    browser.tap(".decide button.guarded");
    browser.wait_for("main", "plan");
    assert_eq!(server.home.states(ID), [State::Pending]);
    // From there it is one tap to the plan as it is now.
    browser.tap("main a.button[href*=actions]");
    browser.wait_for(".plan code", "false");
    tap_twice(&browser, ".decide button.guarded");
    browser.wait_for(".history", "approved");
    assert_eq!(server.home.states(ID), [State::Approved]);
}

#[test]
fn an_expired_session_leads_over_the_login_back_to_where_one_was() {
    let server = heard();
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.go(&format!("/actions/{ID}"));
    // As an expired one: the session is not known any more.
    assert_eq!(server.home.run(&["token", "revoke", "oskar"]).code, 0);
    tap_twice(&browser, ".decide button.guarded");
    browser.wait_for("main h1", "ogged in");
    assert_eq!(server.home.states(ID), [State::Pending]);
    browser.tap("main a.button[href*=login]");
    browser.log_in(&server.token(&["oskar-again"]));
    browser.wait(|b| b.path() == format!("/actions/{ID}"));
    tap_twice(&browser, ".decide button.guarded");
    browser.wait_for(".history", "oskar-again");
    assert_eq!(server.home.states(ID), [State::Approved]);
}

#[test]
fn without_scripts_forms_and_links_do_all_of_it() {
    let server = heard();
    server.home.create("redeploy-piha-web-2");
    let Some(browser) = Browser::start(Screen { scripts: false, ..Screen::PHONE }, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.tap(&format!("[data-key={ID}] > summary"));
    browser.tap("details.row[open] button.guarded");
    browser.wait_for(".history", "approved");
    assert_eq!(server.home.states(ID), [State::Approved]);
    browser.go("/actions/redeploy-piha-web-2");
    browser.write("[name=reason]", "one is enough");
    browser.tap(".no button");
    browser.wait_for(".history", "one is enough");
    assert_eq!(server.home.states("redeploy-piha-web-2"), [State::Rejected]);
    assert_eq!(browser.text(".decide"), "");
}

#[test]
fn an_open_page_follows_the_queue_and_keeps_what_is_typed() {
    let server = heard();
    let Some(browser) = Browser::start(Screen::DESK, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.tap("details.row > summary");
    browser.write("details.row[open] [name=reason]", "no");
    server.home.create("redeploy-piha-later");
    browser.wait(|b| b.script("return document.querySelectorAll('details.row').length") == json!(2));
    let kept = browser.script(&format!(
        "const row = document.querySelector('[data-key={ID}]'); const field = row.querySelector('[name=reason]'); \
         return [row.open, field.value, document.activeElement === field]"
    ));
    assert_eq!(kept, json!([true, "no", true]));
}

#[test]
fn an_open_page_says_when_it_lost_the_server_and_goes_on_when_it_is_back() {
    let mut server = heard();
    let Some(browser) = Browser::start(Screen::DESK, server.address) else { return };
    browser.go("/");
    let lost = "return !document.querySelector('.lost').hidden";
    assert_eq!(browser.script(lost), json!(false));
    server.terminate();
    browser.wait(|b| b.script(lost) == json!(true));
    assert!(browser.text(".lost").contains("does not answer"), "{}", browser.text(".lost"));
    server.home.create("redeploy-piha-later");
    server.restart();
    browser.wait(|b| b.script(lost) == json!(false));
    browser.wait(|b| b.script("return document.querySelectorAll('details.row').length") == json!(2));
}

#[test]
fn the_output_of_what_runs_is_followed_to_its_end() {
    let server = heard();
    for transition in [Transition::Approve, Transition::Claim] {
        server.home.apply(ID, transition, "oskar").unwrap();
    }
    let log = format!("actions/logs/{ID}/20261123T071305.123Z.log");
    server.home.put(&log, "$ true\npulling\n");
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.go(&format!("/actions/{ID}"));
    browser.wait_for(".log", "pulling");
    server.home.put(&log, "$ true\npulling\nstarted\n");
    browser.wait_for(".log", "started");
    server.home.apply(ID, Transition::Complete, "execute").unwrap();
    browser.wait_for(".lead", "completed");
}
