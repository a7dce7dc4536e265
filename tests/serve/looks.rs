//! Every page on a phone and on a desk, light and dark: no wider than its screen, without a finding of axe that is
//! serious. Pictures of all of them are kept in `target/screenshots`.

use serde_json::{Value, json};

use crate::chromium::{Browser, Screen, pictures};
use crate::decide::{ID, change_plans, heard};
use crate::gallery::{self, PAGES};
use crate::server::Server;
use crate::support::{Home, needs};

#[test]
fn no_page_is_wider_than_its_screen_and_axe_finds_nothing_serious() {
    let Some(axe) = axe() else { return };
    let server = gallery::open("");
    let token = server.token(&["oskar"]);
    let mut screens = Vec::from(Screen::ALL);
    if needs::number("HLCTL_FULL", 0) == 1 {
        let wide = [768, 1440].map(|width| Screen { width, ..Screen::DESK });
        screens.extend(wide.into_iter().flat_map(|screen| [screen, Screen { dark: true, ..screen }]));
    }
    for screen in screens {
        let Some(browser) = Browser::start(screen, server.address) else { return };
        for (page, name) in [("/", "logged-out"), ("/login", "login-form")] {
            browser.go(page);
            check(&browser, &axe, name, screen);
        }
        browser.log_in(&token);
        for page in PAGES {
            browser.go(page);
            browser.keep_picture(&format!("{}-{}", gallery::name(page), screen.name()));
            browser.script("for (const d of document.querySelectorAll('details')) d.open = true");
            check(&browser, &axe, &gallery::name(page), screen);
            if screen.width < 600 {
                fingers(&browser, page);
            }
        }
    }
    println!("pictures are in {}", pictures().display());
}

/// Returns a server where nothing needs anybody.
fn quiet() -> Server {
    let server = Server::with_web("");
    let now = gallery::now();
    let events = [r#""type":"node_heartbeat""#, r#""type":"service_healthy","service":"web""#];
    let events = events.map(|event| format!("{{\"ts\":\"{now}\",\"node\":\"piha\",{event}}}\n"));
    server.home.put(&format!("events/{}/a.jsonl", now.day()), events.concat());
    for pass in ["observe", "reconcile", "execute"] {
        assert_eq!(server.home.run(&[pass]).code, 0);
    }
    server
}

/// Returns a server where somebody has said no.
fn held() -> Server {
    let server = quiet();
    server.home.put("hosts/piha/services.yaml", "services: [web, nextcloud]\n");
    for args in [&["reconcile"][..], &["reject", "redeploy-piha-nextcloud", "--reason", "not tonight"]] {
        assert_eq!(server.home.run(args).code, 0);
    }
    server
}

/// Returns a server of a mirror of the gallery.
fn mirror() -> Server {
    let (plane, home) = (gallery::open(""), Home::new());
    let run = home.run(&["mirror", "--from", &format!("http://{}", plane.address)]);
    assert_eq!(run.code, 0, "{run:?}");
    Server::of(home, &[])
}

#[test]
fn what_is_seen_seldom_fits_its_screen_too() {
    let Some(axe) = axe() else { return };
    let servers = [
        ("quiet", "all quiet", quiet()),
        ("held", "1 thing needs you", held()),
        ("empty", "nothing to watch yet", Server::start("")),
        ("mirror", "need you", mirror()),
    ];
    for screen in Screen::ALL {
        for (name, words, server) in &servers {
            let Some(browser) = Browser::start(screen, server.address) else { return };
            browser.go("/");
            assert!(browser.text("main h1").to_lowercase().contains(words), "{}", browser.text("main"));
            let wide = "return [...document.querySelectorAll('.lines .sign')].filter(s => s.scrollWidth > s.clientWidth).length";
            assert_eq!(browser.script(wide), 0, "each word stands beside the next: {}", browser.text("main"));
            check(&browser, &axe, name, screen);
        }
        let server = heard();
        let Some(browser) = Browser::start(screen, server.address) else { return };
        browser.log_in(&server.token(&["oskar"]));
        browser.go(&format!("/actions/{ID}"));
        change_plans(&server, "rm-all");
        browser.script("document.querySelector('.decide form').submit()");
        browser.wait_for("main", "its plan is now");
        check(&browser, &axe, "conflict", screen);
    }
}

fn check(browser: &Browser, axe: &str, page: &str, screen: Screen) {
    browser.keep_picture(&format!("{page}-open-{}", screen.name()));
    // A phone shows a page that is too wide smaller, and calls that its width.
    let fits = "return [document.documentElement.scrollWidth, document.title.endsWith('hlctl')]";
    assert_eq!(browser.script(fits), json!([screen.width, true]), "{page} at {}", screen.name());
    browser.script(axe);
    let run = "const done = arguments[arguments.length - 1];\
        axe.run(document, { resultTypes: ['violations'] }).then(\
            r => done(r.violations.map(v => ({ id: v.id, impact: v.impact, nodes: v.nodes.map(n => n.html + ' ' + n.failureSummary) }))),\
            e => done([{ id: String(e), impact: 'critical' }]))";
    let found = browser.script_later(run, Value::Null);
    let found = found.as_array().unwrap();
    let grave: Vec<_> = found.iter().filter(|v| v["impact"] == "serious" || v["impact"] == "critical").collect();
    assert!(grave.is_empty(), "{page} at {}: {}", screen.name(), serde_json::to_string_pretty(&grave).unwrap());
    for lesser in found {
        eprintln!("{page} at {}: {} {}", screen.name(), lesser["id"], lesser["nodes"]);
    }
}

/// Asserts that what is tapped is as high as a finger is wide, and that the page fits the smallest phone, too.
fn fingers(browser: &Browser, page: &str) {
    let low = "const all = 'nav a, .tabs a, button, .button, summary, .aside, .more a, .crumb a, main input:not([type=checkbox]), .pick label';\
        return [...document.querySelectorAll(all)].filter(e => e.offsetWidth && e.getBoundingClientRect().height < 43.9)\
            .map(e => e.outerHTML.slice(0, 120) + ' ' + e.getBoundingClientRect().height)";
    assert_eq!(browser.script(low), json!([]), "{page}");
    browser.resize(320, 844);
    let wide = "return document.documentElement.scrollWidth <= 320 ? [] : [...document.querySelectorAll('body *')]\
        .filter(e => e.getBoundingClientRect().right > 320).map(e => e.outerHTML.slice(0, 120))";
    assert_eq!(browser.script(wide), json!([]), "{page}");
    browser.resize(Screen::PHONE.width, 844);
}

/// Returns the source of axe-core, as a Python package carries it; nothing where that is not installed.
fn axe() -> Option<String> {
    let ask = "import importlib.util as u; print(u.find_spec('axe_selenium_python').submodule_search_locations[0])";
    let found = std::process::Command::new("python3").args(["-c", ask]).output().ok().filter(|o| o.status.success());
    let text = found.and_then(|o| {
        let folder = String::from_utf8(o.stdout).ok()?;
        std::fs::read_to_string(format!("{}/node_modules/axe-core/axe.min.js", folder.trim())).ok()
    });
    needs::there("axe-selenium-python for its python3", text.is_some());
    text
}
