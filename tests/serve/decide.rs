//! Deciding in Chromium: what a person with a phone does, and what may come between them and the button.

use hlctl::flow::lifecycle::{State, Transition};
use serde_json::json;

use crate::chromium::{Browser, Screen};
use crate::server::Server;

/// The action of all these tests.
pub const ID: &str = "redeploy-piha-web";

/// Returns a server with one pending action, on a node that was heard.
pub fn heard() -> Server {
    let server = Server::with_web("");
    server.home.create(ID);
    let event = r#"{"ts":"2026-11-23T07:13:05Z","node":"piha","type":"node_heartbeat"}"#;
    server.home.put("events/2026-11-23/a.jsonl", format!("{event}\n"));
    server.home.run(&["observe"]);
    server
}

/// Taps a guarded button: the first tap asks, the second does it.
pub fn tap_twice(browser: &Browser, selector: &str) {
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
fn a_third_tap_sends_nothing_more() {
    let server = heard();
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.tap("details.row > summary");
    // As quick as no driver taps: all of it before the first answer can come.
    let sent = browser.script(
        "let sent = 0; document.addEventListener('submit', e => { sent += e.defaultPrevented ? 0 : 1; }); \
         const button = document.querySelector('details.row[open] button.guarded'); \
         for (let n = 0; n < 4; n++) button.click(); return sent",
    );
    assert_eq!(sent, json!(1));
    browser.wait(|b| b.path() == format!("/actions/{ID}"));
    assert_eq!(browser.text("main h1"), "Redeploy web on piha", "no page says that somebody else was quicker");
    assert_eq!(server.home.states(ID), [State::Approved]);
    let refused = server.home.audit().iter().filter(|line| line.contains("refused")).count();
    assert_eq!(refused, 0, "{:?}", server.home.audit());
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
    browser.script("Object.defineProperty(document, 'hidden', { value: true })");
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

/// Gives `web` on `piha` another command for all that can be done to it; `db` beside it stays as it is.
pub fn change_plans(server: &Server, command: &str) {
    let service = |name: &str, command: &str| {
        let recipes = format!("{{redeploy: [[\"{command}\"]], container_restart: [[\"{command}\"]]}}");
        format!("  - name: {name}\n    runtime: command\n    recipes: {recipes}\n")
    };
    let services = format!("services:\n{}{}", service("web", command), service("db", "true"));
    server.home.put("hosts/piha/services.yaml", services);
}

/// Queues an action of low risk, for which one tap is enough.
fn restart(server: &Server, service: &str) -> String {
    let run = server.home.run(&["request", "container_restart", "piha", service]);
    assert_eq!(run.code, 0, "{run:?}");
    format!("container-restart-piha-{service}")
}

#[test]
fn a_plan_that_changes_on_an_open_page_is_said_and_wants_a_second_tap() {
    let server = Server::with_web("");
    let id = &restart(&server, "web");
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.go(&format!("/actions/{id}"));
    assert_eq!(browser.text(".note"), "", "nothing changed yet");
    change_plans(&server, "rm-all");
    browser.wait_for(".note", "The plan changed: read it again");
    assert_eq!(browser.text(".plan code"), "rm-all");
    browser.tap(".decide button.go");
    assert_eq!(server.home.states(id), [State::Pending], "one tap is not enough for a plan that was not read");
    assert!(browser.text(".decide button.go").starts_with("Tap again"), "{}", browser.text(".decide"));
    browser.tap(".decide button.go");
    browser.wait_for(".history", "approved");
    assert_eq!(server.home.states(id), [State::Approved]);
}

#[test]
fn a_tap_before_the_page_has_followed_a_changed_plan_is_refused() {
    let server = Server::with_web("");
    let id = &restart(&server, "web");
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.go(&format!("/actions/{id}"));
    // A page that nobody sees does not follow.
    browser.script("Object.defineProperty(document, 'hidden', { value: true })");
    change_plans(&server, "rm-all");
    browser.tap(".decide button.go");
    browser.wait_for("main", "plan");
    assert_eq!(server.home.states(id), [State::Pending]);
}

#[test]
fn a_second_tap_stays_possible_while_other_things_change_but_not_the_plan() {
    let server = heard();
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.tap("details.row > summary");
    // The five seconds of this are not to be over before the page has followed.
    browser.script("window.setTimeout = () => 0");
    let button = "details.row[open] button.guarded";
    browser.tap(button);
    server.home.create("redeploy-piha-later");
    browser.wait(|b| b.script("return document.querySelectorAll('details.row').length") == json!(2));
    assert!(browser.text(button).starts_with("Tap again to redeploy"), "{}", browser.text(button));
    change_plans(&server, "rm-all");
    browser.wait_for("details.row[open] .note", "The plan changed");
    assert_eq!(browser.text(button), "Redeploy web on piha");
}

#[test]
fn several_are_approved_as_they_were_ticked_whatever_arrives() {
    let server = heard();
    server.home.create("redeploy-piha-other");
    change_plans(&server, "true");
    let Some(browser) = Browser::start(Screen::DESK, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.go("/actions?several#several");
    let ticked = "return [...document.querySelectorAll('.pick :checked')].map(p => p.value.split(' ')[0])";
    browser.tap("[data-several]");
    browser.wait_for(".said", "tick");
    browser.tap(&format!("[data-key=pick-{ID}] input"));
    assert_eq!(browser.text("[data-several]"), "Approve 1: redeploy web on piha");
    // What arrives is less risky, and so comes before all others.
    let id = restart(&server, "db");
    browser.wait(|b| b.script("return document.querySelectorAll('.pick').length") == json!(3));
    assert_eq!(browser.script("return document.querySelector('.pick input').value.split(' ')[0]"), json!(id));
    assert_eq!(browser.script(ticked), json!([ID]));
    change_plans(&server, "rm-all");
    browser.wait_for(&format!("[data-key=pick-{ID}] .note"), "The plan changed");
    assert_eq!(browser.script(ticked), json!([]), "what was ticked was another plan");
    browser.tap(&format!("[data-key=pick-{ID}] input"));
    tap_twice(&browser, "[data-several]");
    browser.wait(|b| b.path() == "/actions");
    assert_eq!(server.home.states(ID), [State::Approved]);
    for left in [&id, "redeploy-piha-other"] {
        assert_eq!(server.home.states(left), [State::Pending], "{left}");
    }
}

#[test]
fn a_plan_further_down_comes_when_its_row_is_opened() {
    let server = heard();
    for n in 0..4 {
        server.home.create(&format!("redeploy-piha-more-{n}"));
    }
    let last = "redeploy-piha-more-3";
    let row = format!("[data-key={last}]");
    let Some(browser) = Browser::start(Screen::PHONE, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    assert_eq!(browser.script(&format!("return document.querySelectorAll('{row} code').length")), json!(0));
    browser.tap(&format!("{row} > summary"));
    browser.wait_for(&format!("{row} .decide"), "Redeploy");
    browser.write(&format!("{row} [name=reason]"), "no");
    // It stays when the page follows, and follows a change of its own plan.
    server.home.create("redeploy-piha-yet-more");
    browser.wait(|b| b.script("return document.querySelectorAll('details.row').length") == json!(6));
    let kept = browser.script(&format!("return document.querySelector('{row} [name=reason]').value"));
    assert_eq!(kept, json!("no"));
    tap_twice(&browser, &format!("{row} button.guarded"));
    browser.wait(|b| b.path() == format!("/actions/{last}"));
    assert_eq!(server.home.states(last), [State::Approved]);
}

#[test]
fn an_open_page_says_what_the_server_answers_instead() {
    let mut server = heard();
    server.home.put("config.yaml", "serve: {read: token}\n");
    server.terminate();
    server.restart();
    let Some(browser) = Browser::start(Screen::DESK, server.address) else { return };
    browser.log_in(&server.token(&["oskar"]));
    browser.go(&format!("/actions/{ID}"));
    let file = server.home.at(&format!("actions/pending/{ID}.json"));
    let away = server.home.at("away.json");
    std::fs::rename(&file, &away).unwrap();
    browser.wait_for(".lost", "no longer there");
    std::fs::rename(&away, &file).unwrap();
    browser.wait(|b| b.text(".lost").is_empty());
    server.home.put("world/services.json", "{");
    browser.wait_for(".lost", "The server answers 503");
    std::fs::remove_file(server.home.at("world/services.json")).unwrap();
    browser.wait(|b| b.text(".lost").is_empty());
    assert_eq!(server.home.run(&["token", "revoke", "oskar"]).code, 0);
    browser.wait_for(".lost", "You are logged out");
    browser.tap(".lost a");
    browser.log_in(&server.token(&["oskar-again"]));
    assert_eq!(browser.path(), format!("/actions/{ID}"));
}

#[test]
fn a_reader_is_told_that_its_token_may_look_only() {
    let server = heard();
    let cookie = format!("Cookie: {}", server.log_in(&server.token(&["leser", "--reader"])));
    let page = server.send("GET", &format!("/actions/{ID}"), &[&cookie], "").body;
    assert!(page.contains("may look only") && !page.contains("Log in to decide"), "{page}");
    let login = server.send("GET", "/login", &[&cookie], "").body;
    assert!(login.contains("logged in as leser") && !login.contains("type=\"password\""), "{login}");
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
