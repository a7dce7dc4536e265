//! Text from outside that wants to be more: on no page, and in no browser, it becomes anything else.

use super::beside;
use crate::chromium::{Browser, Screen};
use crate::server::Server;

#[test]
fn what_agents_and_files_say_is_only_text_on_every_page() {
    let server = Server::with_web("");
    let evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\\\"'\\u202e{{7*7}}";
    let event = format!(
        "{{\"ts\":\"2026-11-23T07:13:05Z\",\"node\":\"piha\",\"type\":\"service_status\",\"service\":\"web\",\"status\":\"{evil}\",\"reason\":\"{evil}\",\"details\":{{\"a\":\"{evil}\"}}}}\n"
    );
    let recipes = format!("{{redeploy: [[\"echo\", \"{evil}\"]]}}");
    let host = format!("services: [{{name: web, runtime: command, recipes: {recipes}}}]\n");
    server.home.put("hosts/piha/services.yaml", host);
    server.home.create("redeploy-piha-web-2");
    server.home.put("events/2026-11-23/a.jsonl", event);
    server.home.run(&["observe"]);
    let action = format!(
        "{{\"id\":\"redeploy-piha-web\",\"type\":\"redeploy\",\"node\":\"piha\",\"service\":\"web\",\"hints\":[\"{evil}\"],\
         \"drift\":{{\"type\":\"{evil}\",\"reason\":\"{evil}\",\"detected_at\":\"2026-11-23T07:13:05Z\"}},\
         \"history\":[{{\"at\":\"2026-11-23T07:13:05Z\",\"to\":\"failed\",\"by\":\"{evil}\",\"via\":\"cli\",\"note\":\"{evil}\"}}],\
         \"result\":{{\"reason\":\"{evil}\",\"message\":\"{evil}\",\"hints\":[\"{evil}\"],\"facts\":{{\"{evil}\":\"{evil}\"}}}}}}"
    );
    server.home.put("actions/failed/redeploy-piha-web.json", &action);
    server.home.put("actions/pending/bad.json", "<script>alert(3)</script>");
    server.home.put("actions/logs/redeploy-piha-web/20261123T071305123Z.log", "<script>alert(4)</script>\u{1b}[31m\n");
    let pages = [
        "/",
        "/services",
        "/services/piha/web",
        "/nodes",
        "/actions",
        "/actions/redeploy-piha-web",
        "/actions/redeploy-piha-web-2",
        "/audit",
        "/login?next=%22%3E%3Cscript%3E",
        "/%3Cscript%3E",
    ];
    beside(&server, || {
        for page in pages {
            let answer = server.get(page);
            assert!(answer.status < 500, "{page}: {answer:?}");
            for bad in ["<script>alert", "<img", "onerror=alert(2)>", "\u{202e}", "\u{1b}", "><script>"] {
                assert!(!answer.body.contains(bad), "{page} has {bad:?}: {}", answer.body);
            }
            let scripts = answer.body.matches("<script").count();
            assert_eq!(scripts, 1, "{page}: the page's own and no other");
            let policy = answer.header("content-security-policy").unwrap();
            assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
            assert!(!answer.body.contains(" style=") && !answer.body.contains(" onclick="), "{page}");
        }
        let Some(browser) = Browser::start(Screen::DESK, server.address) else { return };
        browser.log_in(&server.token(&["oskar"]));
        for page in pages.into_iter().chain(["/actions?several"]) {
            browser.go(page);
            browser.wait(|b| b.text("body").contains("hlctl"));
            // Where only the policy kept it from running, the console says so.
            let blocked = browser.console().into_iter().find(|line| line.contains("Content Security Policy"));
            assert_eq!(blocked, None, "{page}");
            let found = browser.script("return document.querySelectorAll('main img, main script, [onerror]').length");
            assert_eq!(found, 0, "{page}");
        }
    });
}
