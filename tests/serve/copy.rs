//! "Copy for AI" and the plan's copy button in Chromium, where the clipboard has an interface and where it has none.

use serde_json::json;

use crate::chromium::{Browser, Screen};
use crate::gallery;

/// The keys Control and V, as the driver writes them.
const PASTE: &str = "\u{e009}v";

/// Copies by a button and returns what a person then pastes.
fn copied(browser: &Browser, button: &str) -> String {
    browser.tap(button);
    browser.wait_for(".said", "copied");
    browser.script(
        "const area = document.createElement('textarea'); area.id = 'pasted'; \
         document.querySelector('main').after(area); area.focus()",
    );
    browser.write("#pasted", PASTE);
    let pasted = browser.script("const area = document.querySelector('#pasted'); area.remove(); return area.value");
    pasted.as_str().unwrap().to_owned()
}

/// Copies on every kind of page that has a state and holds it against the digest that the API gives.
fn what_is_copied_is_the_digest(browser: &Browser) {
    let pages = [
        "/",
        "/services",
        "/services/piha/mosquitto",
        "/nodes",
        "/actions",
        "/actions/redeploy-nas-postgres",
        "/audit",
    ];
    for page in pages {
        browser.go(page);
        let href = browser.script("return document.querySelector('a[data-copy]').getAttribute('href')");
        let wanted = browser
            .script_later("const [path, done] = arguments; fetch(path).then(a => a.text()).then(done)", href.clone());
        let (wanted, pasted) = (wanted.as_str().unwrap(), copied(browser, "a[data-copy]"));
        assert!(wanted.starts_with("# "), "{page}: {wanted}");
        // Times go on between the two.
        let headings = |text: &str| -> Vec<String> {
            let headings = text.lines().filter(|l| l.starts_with('#'));
            headings.map(|l| l.replace(|c: char| c.is_ascii_digit(), "")).collect()
        };
        assert_eq!(headings(&pasted), headings(wanted), "{page} by {href}");
        assert!(pasted.len().abs_diff(wanted.len()) < 64, "{page}: {pasted}");
    }
}

#[test]
fn on_loopback_it_takes_the_clipboard_s_interface() {
    let server = gallery::open("");
    let Some(browser) = Browser::start(Screen::DESK, server.address) else { return };
    what_is_copied_is_the_digest(&browser);
}

#[test]
fn over_plain_http_on_a_lan_address_it_needs_none() {
    let server = gallery::open("");
    let Some(browser) = Browser::start_on_lan(Screen::PHONE, server.address) else { return };
    browser.go("/");
    assert_eq!(browser.script("return [isSecureContext, typeof navigator.clipboard]"), json!([false, "undefined"]));
    what_is_copied_is_the_digest(&browser);
}
