//! Text from outside that wants to be more: on no page, and in no browser, it becomes anything else.

use serde_json::json;

use super::beside;
use crate::chromium::{Browser, Screen};
use crate::gallery::{self, PAGES};
use crate::server::Server;

/// What an attacker would put wherever a text of theirs is shown.
const EVIL: &str = "\"'><img src=x onerror=\"window.name='run'\"><svg onload=\"window.name='run'\">\
    <a href=\"javascript:window.name='run'\" autofocus onfocus=\"window.name='run'\">x</a>\
    </textarea></title></script><script>window.name='run'</script>{{ 7 * 7 }}&lt;b&gt;";

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
    });
}

/// Returns what an execution left behind that is as evil as can be.
fn failed(words: &str) -> String {
    let at = gallery::now().to_string();
    let end =
        |to: &str| json!({ "at": at, "to": to, "by": format!("execute{words}"), "via": "execute", "note": words });
    let action = json!({
        "schema": "hlctl.action/v1", "id": "redeploy-nas-nextcloud", "type": "redeploy", "node": "nas", "service": "nextcloud",
        "history": [end("pending"), end("approved"), end("running"), end("failed")],
        "result": {
            "reason": format!("not_healthy_after{words}"), "message": words, "hints": [words], "facts": { words: words },
            "container_log": ["ready", words], "diff": format!("--- a\n+++ b\n@@ {words}\n-{words}\n+{words}\n"),
        },
    });
    action.to_string()
}

#[test]
fn chromium_runs_nothing_of_what_the_pages_show() {
    let server = gallery::open(EVIL);
    let evil_file = "actions/failed/redeploy-nas-nextcloud.json";
    server.home.put(evil_file, failed(EVIL));
    let Some(browser) = Browser::start(Screen::DESK, server.address) else { return };
    beside(&server, || {
        browser.go("/");
        browser.script("window.name = 'quiet'");
        browser.log_in(&server.token(&["oskar"]));
        let evil = percent_encoding::utf8_percent_encode(EVIL, percent_encoding::NON_ALPHANUMERIC).to_string();
        let mut pages: Vec<String> = PAGES.map(str::to_owned).into();
        pages.extend(["/services/nas/watchtower".into(), format!("/login?next={evil}"), format!("/actions/{evil}")]);
        pages.extend([format!("/services/piha/{evil}"), format!("/actions?state={evil}"), format!("/{evil}?x={evil}")]);
        pages.extend([
            "/api/v1/digest".into(),
            "/api/v1/actions".into(),
            "/api/v1/actions/redeploy-nas-jellyfin/log".into(),
        ]);
        pages.push("/actions/redeploy-nas-nextcloud".into());
        let mut shown = 0;
        let look = |page: &str| {
            let found = browser.script(
            "for (const d of document.querySelectorAll('details')) d.open = true; \
             const odd = [...document.querySelectorAll('*')].filter(e => e.localName === 'img' || \
               (e.localName === 'script' && !e.src) || [...e.attributes].some(a => a.name.startsWith('on')) || \
               (e.href && String(e.href).startsWith('javascript:'))); \
             return [window.name, odd.map(e => e.outerHTML), document.documentElement.textContent.includes('onerror=')]",
        );
            assert_eq!((&found[0], &found[1]), (&json!("quiet"), &json!([])), "{page}");
            found[2] == json!(true)
        };
        for page in &pages {
            browser.go(page);
            shown += usize::from(look(page));
        }
        // What a refresh brings is put into the page by the script, another way than what it was drawn with.
        let action = pages.last().unwrap();
        for part in [".log", ".diff"] {
            assert!(browser.text(part).contains("onerror="), "{}", browser.text("main"));
        }
        server.home.put(evil_file, failed(&format!("fresh {EVIL} on {EVIL}")));
        browser.wait_for(".log", "fresh");
        assert!(look(action), "{action}");
        browser.go("/");
        let rows = "return document.querySelectorAll('.rows > details').length";
        let count = browser.script(rows).as_u64().unwrap();
        let fresh = json!({
            "type": "redeploy", "node": "nas", "service": "immich", "hints": [EVIL],
            "drift": { "type": EVIL, "reason": EVIL, "detected_at": null },
        });
        server.home.put("actions/pending/fresh-by-hand.json", fresh.to_string());
        browser.wait(|b| b.script(rows).as_u64() == Some(count + 1));
        assert!(look("/ after a refresh"));
        assert!(shown > 15, "the texts are shown as they are: on {shown} of {} pages", pages.len());
        let blocked: Vec<_> = browser.console().into_iter().filter(|l| l.contains("Content Security Policy")).collect();
        assert!(blocked.is_empty(), "it took the policy to stop them: {blocked:?}");
    });
}
