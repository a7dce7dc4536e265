//! What is tried to decide in another's name: from a foreign page, with an old plan, an old token, or by guessing one.

use hlctl::flow::lifecycle::State;

use super::beside;
use crate::server::Server;

const ID: &str = "redeploy-piha-web";

#[test]
fn a_session_decides_only_from_our_own_page() {
    let server = Server::with_web("");
    server.home.create(ID);
    let cookie = server.log_in(&server.token(&["oskar"]));
    let csrf = server.csrf(&cookie);
    let plan: serde_json::Value = serde_json::from_str(&server.home.run(&["--json", "plan", ID]).out).unwrap();
    let digest = plan["plans"][0]["plan"]["digest"].as_str().unwrap();
    let form = format!("csrf={csrf}&digest={digest}");
    let path = format!("/actions/{ID}/approve");
    let cookie_line = format!("Cookie: {cookie}");
    let origin = format!("Origin: http://{}", server.address);
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let other_port = "Origin: http://127.0.0.1:1";
    let attempts: [(&str, Vec<&str>, &str); 8] = [
        ("a foreign origin", vec![&cookie_line, "Origin: http://evil.example", kind], &form),
        ("another port", vec![&cookie_line, other_port, kind], &form),
        ("no origin that is told", vec![&cookie_line, "Origin: null", kind], &form),
        ("another site", vec![&cookie_line, &origin, "Sec-Fetch-Site: cross-site", kind], &form),
        ("the same site, another origin", vec![&cookie_line, &origin, "Sec-Fetch-Site: same-site", kind], &form),
        ("no origin", vec![&cookie_line, kind], &form),
        ("no csrf token", vec![&cookie_line, &origin, kind], "note=x"),
        ("another csrf token", vec![&cookie_line, &origin, kind], "csrf=0"),
    ];
    beside(&server, || {
        for (what, headers, form) in attempts {
            let answer = server.send("POST", &path, &headers, form);
            assert_eq!(answer.status, 403, "{what}: {answer:?}");
            assert_eq!(server.home.states(ID), [State::Pending], "{what}");
        }
        let api = format!("/api/v1/actions/{ID}/approve");
        assert_eq!(server.send("POST", &api, &[&cookie_line, &origin], "").status, 403, "the API wants it too");
        for (path, form) in [
            (path.as_str(), format!("csrf={csrf}")),
            (&path, format!("csrf={csrf}&digest=&digset={digest}")),
            ("/approve", format!("csrf={csrf}&pick={ID}")),
            ("/approve", format!("csrf={csrf}&pick={ID}+")),
        ] {
            let answer = server.submit(path, &cookie, &form);
            assert_eq!(answer.status, 400, "a form says which plan it is about: {form}: {answer:?}");
            assert_eq!(server.home.states(ID), [State::Pending], "{form}");
        }
        assert_eq!(server.submit(&path, &cookie, &form).status, 303);
        assert_eq!(server.home.states(ID), [State::Approved]);
        assert_eq!(server.submit(&path, &cookie, &form).status, 409, "replayed");
    });
}

#[test]
fn an_approval_with_a_stale_digest_is_refused() {
    let server = Server::with_web("");
    server.home.create(ID);
    let token = server.token(&["oskar"]);
    let cookie = server.log_in(&token);
    let csrf = server.csrf(&cookie);
    let page = server.send("GET", &format!("/actions/{ID}"), &[&format!("Cookie: {cookie}")], "").body;
    let digest = page.split_once("name=\"digest\" value=\"").unwrap().1.split('"').next().unwrap();
    server.home.put(
        "hosts/piha/services.yaml",
        "services:\n  - name: web\n    runtime: command\n    recipes: {redeploy: [[\"false\"]]}\n",
    );
    beside(&server, || {
        for digest in [digest, "sha256:00", "x"] {
            let stale =
                server.submit(&format!("/actions/{ID}/approve"), &cookie, &format!("csrf={csrf}&digest={digest}"));
            assert_eq!(stale.status, 409, "the plan changed since the page was drawn: {stale:?}");
            assert!(stale.body.contains("<h1>"), "a page says so");
            let several = server.submit("/approve", &cookie, &format!("csrf={csrf}&pick={ID}+{digest}"));
            assert_eq!(several.status, 409, "{several:?}");
            let body = format!("{{\"digest\":\"{digest}\"}}");
            let api = server.post(&format!("/api/v1/actions/{ID}/approve"), &token, &body);
            assert_eq!(api.status, 409, "{api:?}");
            assert_eq!(server.home.states(ID), [State::Pending]);
        }
    });
}

#[test]
fn a_session_ends_with_logout_and_with_its_token() {
    let server = Server::start("serve: {read: token}\n");
    let token = server.token(&["oskar"]);
    let reads = |cookie: &str| server.send("GET", "/", &[&format!("Cookie: {cookie}")], "").status;
    beside(&server, || {
        let (first, second) = (server.log_in(&token), server.log_in(&token));
        assert_eq!((reads(&first), reads(&second), reads("hlctl_session=0")), (200, 200, 401));
        let csrf = server.csrf(&first);
        assert_eq!(server.submit("/logout", &first, &format!("csrf={csrf}")).status, 303);
        assert_eq!((reads(&first), reads(&second)), (401, 200));
        assert_eq!(server.home.run(&["token", "revoke", "oskar"]).code, 0);
        assert_eq!(reads(&second), 401);
        let renewed = server.token(&["oskar"]);
        assert_eq!(reads(&second), 401, "a new token of the name brings no old session back");
        assert_eq!(server.post("/api/v1/actions/none/approve", &token, "").status, 401);
        assert_eq!(server.post("/api/v1/actions/none/approve", &renewed, "").status, 404);
    });
}

#[test]
fn wrong_guesses_are_slowed_down_and_do_not_fill_the_log_while_right_tokens_go_on_working() {
    let server = Server::start("");
    let token = server.token(&["oskar"]);
    beside(&server, || {
        let statuses: Vec<u16> =
            (0..40).map(|n| server.submit("/login", "", &format!("token=guess{n}")).status).collect();
        assert_eq!((statuses[0], statuses[39]), (401, 429), "{statuses:?}");
        assert_eq!(server.post("/api/v1/actions/none/approve", "guess", "").status, 429);
        let refused = server.home.audit().into_iter().filter(|l| l.starts_with("login_refused")).count();
        assert_eq!(refused, 1, "one line a minute");
        // A token cannot be guessed at any pace; who guesses is not to lock the operator out, who may come from there too.
        assert_eq!(server.post("/api/v1/actions/none/approve", &token, "").status, 404);
        server.log_in(&token);
        assert_eq!(server.submit("/login", "", "token=guess").status, 429, "and that starts nothing anew");
    });
}
