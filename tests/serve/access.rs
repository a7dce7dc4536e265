//! Who may do what: the table of routes walked, tokens, sessions, origins, guesses.

use hlctl::flow::lifecycle::State;
use hlctl::flow::time::Stamp;
use hlctl::store::sessions::LIFETIME_MS;
use hlctl::web::routes::{Need, ROUTES};

use crate::server::Server;

const ID: &str = "redeploy-piha-web";

/// Returns a path that a route's pattern stands for; of an action that does not exist, so that nothing happens.
fn path(pattern: &str) -> String {
    pattern.replace("{id}", "none").replace("{node}", "none").replace("{service}", "none")
}

#[test]
fn every_route_refuses_whom_its_line_refuses() {
    for config in ["", "serve: {read: token}\n"] {
        let server = Server::start(config);
        let tokens = [
            ("nobody", String::new()),
            ("operator", server.token(&["oskar"])),
            ("reader", server.token(&["ola", "--reader"])),
            ("agent", server.token(&["piha", "--agent"])),
        ];
        for route in ROUTES {
            for (kind, token) in &tokens {
                let header = format!("Authorization: Bearer {token}");
                let headers = if token.is_empty() { vec![] } else { vec![header.as_str()] };
                let answer = server.send(route.method, &path(route.path), &headers, "");
                let open = route.need == Need::Open || (route.need == Need::Reader && config.is_empty());
                let wanted = match (route.need, *kind) {
                    _ if open => None,
                    (_, "nobody") => Some(401),
                    (Need::Reader, "operator" | "reader") => None,
                    (Need::Operator, "operator") => None,
                    (Need::Agent, "agent") => None,
                    _ => Some(403),
                };
                let what = format!("{} {} as {kind} with {config:?}: {answer:?}", route.method, route.path);
                match wanted {
                    Some(status) => assert_eq!(answer.status, status, "{what}"),
                    None => assert!(![401, 403].contains(&answer.status), "{what}"),
                }
                assert!(answer.status < 500, "{what}");
                for header in ["content-security-policy", "x-content-type-options", "referrer-policy"] {
                    assert!(answer.header(header).is_some(), "{header} of {what}");
                }
            }
        }
    }
}

#[test]
fn refusals_come_in_their_order() {
    let server = Server::with_web("");
    server.home.create(ID);
    let agent = server.token(&["piha", "--agent"]);
    let operator = server.token(&["oskar"]);
    let foreign = |path: &str, token: &str, body: &str| {
        let text = format!(
            "POST {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        server.raw(text.as_bytes()).status
    };
    let none = "/api/v1/actions/none/approve";
    let too_large = "x".repeat(64 * 1024 + 1);
    assert_eq!(foreign(none, "wrong", &too_large), 413, "limits before the host");
    assert_eq!(foreign(none, "wrong", ""), 421, "the host before the token");
    assert_eq!(server.post(none, "wrong", "").status, 401, "the token before existence");
    assert_eq!(server.post(none, &agent, "").status, 403, "the kind before existence");
    assert_eq!(server.post(none, &operator, "[").status, 404, "existence before the body");
    assert_eq!(server.post(&format!("/api/v1/actions/{ID}/approve"), &operator, "{\"digest\":\"x\"}").status, 409);
}

#[test]
fn a_host_name_must_be_known() {
    let server = Server::start("serve: {allowed_hosts: [home.example]}\n");
    let of =
        |host: &str| server.raw(format!("GET /healthz HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes()).status;
    for host in [
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost:8080",
        "[::1]",
        "[::1]:80",
        "100.95.58.48",
        "home.example",
        "HOME.example:443",
    ] {
        assert_eq!(of(&format!("Host: {host}\r\n")), 200, "{host}");
    }
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "home.example.evil.example",
        "localhost.evil.example",
        "xhome.example",
    ] {
        assert_eq!(of(&format!("Host: {host}\r\n")), 421, "{host}");
    }
    for host in [
        "",
        "Host:\r\n",
        "Host: \r\n",
        "Host: a b\r\n",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: localhost:x\r\n",
        "Host: [::1\r\n",
    ] {
        let status = of(host);
        assert!((400..500).contains(&status), "{host:?}: {status}");
    }
    let absolute =
        server.raw(b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(absolute.status, 421, "what the target names counts too");
}

#[test]
fn without_a_token_made_nothing_can_be_changed() {
    let server = Server::with_web("");
    server.home.create(ID);
    for (path, body) in [("approve", ""), ("reject", "{\"reason\":\"x\"}")] {
        assert_eq!(server.send("POST", &format!("/api/v1/actions/{ID}/{path}"), &[], body).status, 401);
        assert_eq!(server.post(&format!("/api/v1/actions/{ID}/{path}"), "", body).status, 401);
    }
    assert_eq!(server.submit(&format!("/actions/{ID}/approve"), "hlctl_session=x", "csrf=x").status, 401);
    assert_eq!(server.submit("/login", "", "token=").status, 400);
    assert_eq!(server.home.states(ID), [State::Pending]);
}

#[test]
fn tokens_are_kept_as_hashes_and_shown_once() {
    let server = Server::start("");
    let token = server.token(&["oskar"]);
    assert_eq!(token.len(), 64);
    use std::os::unix::fs::PermissionsExt;
    let file = server.home.at("state/tokens.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    server.log_in(&token);
    for (path, bytes) in server.home.snapshot() {
        assert!(!String::from_utf8_lossy(&bytes).contains(&token), "{path:?}");
    }
    assert_ne!(server.home.run(&["token", "add", "oskar"]).code, 0, "a name is taken once");
    assert_eq!(server.home.run(&["token", "add", "../x"]).code, 2);
    assert_eq!(server.home.run(&["token", "add", "x", "--nodes", "a"]).code, 2);
    let list = server.home.run(&["token", "list"]);
    assert!(list.out.contains("oskar") && !list.out.contains(&token));
    assert!(server.home.run(&["token", "revoke", "oska"]).err.contains("did you mean oskar?"));
    assert_eq!(server.home.run(&["token", "revoke", "oskar"]).code, 0);
    let notes: Vec<String> = server.home.audit();
    assert!(notes.iter().any(|l| l.starts_with("token_added")) && notes.iter().any(|l| l.starts_with("token_revoked")));
    assert!(notes.iter().any(|l| l.starts_with("login ") && l.contains("oskar")), "{notes:?}");
}

#[test]
fn a_session_ends_with_its_time() {
    let server = Server::start("serve: {read: token}\n");
    let cookie = format!("Cookie: {}", server.log_in(&server.token(&["oskar"])));
    let reads = || server.send("GET", "/", &[&cookie], "").status;
    let file = server.home.at("state/sessions.json");
    let mut sessions: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let begun = Stamp::parse(sessions["sessions"][0]["expires"].as_str().unwrap()).unwrap().plus_millis(-LIFETIME_MS);
    let mut ends = |ms: i64| {
        sessions["sessions"][0]["expires"] = begun.plus_millis(ms).to_string().into();
        server.home.put("state/sessions.json", sessions.to_string());
        reads()
    };
    assert_eq!([ends(600_000), ends(-1000), ends(600_000)], [200, 401, 200]);
}

#[test]
fn what_a_proxy_asked_for_itself_shows_nothing() {
    let server = Server::with_web("serve: {read: token}\n");
    server.home.create(ID);
    let token = server.token(&["oskar"]);
    let cookie = server.log_in(&token);
    let (csrf, before) = (server.csrf(&cookie), server.home.audit().len());
    let (cookie, origin) = (format!("Cookie: {cookie}"), format!("Origin: http://{}", server.address));
    let bearer = format!("Authorization: Bearer {token}");
    for basic in ["Authorization: Basic b3NrYXI6aHVudGVyMjI=", "Authorization: x", "Authorization:"] {
        for _ in 0..20 {
            assert_eq!(server.send("GET", "/", &[basic, &cookie], "").status, 200, "{basic}");
        }
        assert_eq!(server.send("GET", "/", &[basic], "").status, 401, "{basic}");
        assert_eq!(server.send("GET", "/", &[basic, &bearer], "").status, 200, "{basic}");
        assert_eq!(server.send("GET", "/login", &[basic], "").status, 200, "{basic}");
    }
    assert_eq!(server.home.audit().len(), before, "nobody tried to log in");
    let form = "Content-Type: application/x-www-form-urlencoded";
    let headers = ["Authorization: Basic eDp5", &cookie, &origin, form];
    let reject = format!("csrf={csrf}&reason=no");
    assert_eq!(server.send("POST", &format!("/actions/{ID}/reject"), &headers, &reject).status, 303);
    assert_eq!(server.home.states(ID), [State::Rejected]);
}

#[test]
fn after_a_login_one_is_where_one_was() {
    let server = Server::start("serve: {read: token}\n");
    let token = server.token(&["oskar"]);
    let refused = server.get("/actions?state=failed&x=1");
    assert!(
        refused.status == 401 && refused.body.contains("/login?next=&#x2f;actions%3Fstate%3Dfailed%26x%3D1\""),
        "{refused:?}"
    );
    let cookie = format!("Cookie: {}", server.log_in(&token));
    let open = Server::start("");
    let page = open.get("/actions?state=failed");
    assert!(page.body.contains("/login?next=&#x2f;actions%3Fstate%3Dfailed\""), "{page:?}");
    assert_eq!(server.send("GET", "/actions?state=failed", &[&cookie], "").status, 200);
    for (next, wanted) in [
        ("/actions%3Fstate%3Dfailed%26x%3D1", "/actions?state=failed&x=1"),
        ("/actions?several", "/actions?several"),
        ("/services/piha/web", "/services/piha/web"),
        ("//evil.example", "/"),
        ("/%255cevil.example", "/"),
        ("/%2509/evil.example", "/"),
        ("/%09/evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("actions", "/"),
        ("", "/"),
    ] {
        let form = format!("token={token}&next={next}");
        let answer = server.submit("/login", "", &form);
        assert_eq!((answer.status, answer.header("location")), (303, Some(wanted)), "{next}");
    }
}

#[test]
fn only_a_trusted_proxy_is_believed_about_addresses() {
    for (config, wanted) in [("", "127.0.0.1"), ("serve: {trusted_proxies: [127.0.0.1]}\n", "203.0.113.7")] {
        let server = Server::with_web(config);
        server.home.create(ID);
        let token = format!("Authorization: Bearer {}", server.token(&["oskar"]));
        let headers = [token.as_str(), "X-Forwarded-For: 198.51.100.1, 203.0.113.7, 127.0.0.1"];
        let answer = server.send("POST", &format!("/api/v1/actions/{ID}/approve"), &headers, "");
        assert_eq!(answer.status, 200, "{answer:?}");
        let (lines, _) = hlctl::store::audit::read(&server.home.root).unwrap();
        assert_eq!(lines.last().unwrap().entry.peer.as_deref(), Some(wanted));
    }
}
