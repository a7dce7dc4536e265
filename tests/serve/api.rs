//! The API answers as the contract says.

use hlctl::flow::lifecycle::State;
use hlctl::web::routes::{Need, ROUTES};
use serde_json::{Value, json};

use crate::server::Server;
use crate::support::{Home, needs};

const ID: &str = "redeploy-piha-web";

fn at(ms: u64) -> String {
    format!("2026-11-23T07:13:{:02}.{:03}Z", ms / 1000, ms % 1000)
}

#[test]
fn the_world_is_given_as_it_is_and_not_given_twice() {
    let server = Server::start("");
    let missing = server.get("/api/v1/world/services");
    assert_eq!(missing.status, 404);
    assert_eq!(missing.header("content-type"), Some("application/problem+json"));
    server.home.put(
        "events/2026-11-23/a.json",
        format!("{{\"ts\":\"{}\",\"node\":\"piha\",\"type\":\"service_healthy\",\"service\":\"web\"}}", at(0)),
    );
    server.home.run(&["observe"]);
    server.home.run(&["reconcile"]);
    for (path, file) in [("world/services", "services"), ("world/nodes", "nodes"), ("drift", "drift")] {
        let path = format!("/api/v1/{path}");
        let answer = server.get(&path);
        let file = server.home.at(&format!("world/{file}.json"));
        let Ok(file) = std::fs::read_to_string(file) else {
            assert_eq!(answer.status, 404, "{path}");
            continue;
        };
        assert_eq!((answer.status, answer.body.as_str()), (200, file.as_str()), "{path}");
        let tag = answer.header("etag").unwrap();
        let again = server.send("GET", &path, &[&format!("If-None-Match: \"other\", {tag}")], "");
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        assert_eq!(server.send("GET", &path, &["If-None-Match: \"other\""], "").status, 200);
        let head = server.send("HEAD", &path, &[], "");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
    }
}

#[test]
fn the_summary_is_that_of_the_command_line() {
    let server = Server::with_web("");
    server.home.run(&["observe"]);
    server.home.run(&["reconcile"]);
    let mut served = server.get("/summary").json();
    let mut printed: Value = serde_json::from_str(&server.home.run(&["--json", "status"]).out).unwrap();
    for value in [&mut served, &mut printed] {
        for pass in value["passes"].as_object_mut().unwrap().values_mut() {
            pass["age_seconds"] = Value::Null;
        }
        for pending in value["pending"].as_array_mut().unwrap() {
            pending["age_seconds"] = Value::Null;
        }
        value["attention"] = Value::Null;
    }
    assert_eq!(served, printed);
    assert_eq!(served["schema"], "hlctl.status/v1");
}

#[test]
fn the_queue_comes_in_pages_newest_first() {
    let server = Server::start("");
    for n in 0..5 {
        let id = format!("redeploy-piha-web{n}");
        let history =
            json!([{ "at": at(n * 10), "to": "pending", "by": "reconcile", "via": "reconcile", "note": null }]);
        let action = json!({ "id": id, "type": "redeploy", "node": "piha", "service": "web", "history": history });
        server.home.put(&format!("actions/pending/{id}.json"), action.to_string());
    }
    server.home.create_in("redeploy-vps-web", State::Rejected);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/api/v1/actions?state=pending&limit=2&cursor={cursor}")).json();
        seen.extend(page["actions"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let wanted: Vec<String> = (0..5).rev().map(|n| format!("redeploy-piha-web{n}")).collect();
    assert_eq!(seen, wanted);
    let all = server.get("/api/v1/actions").json();
    assert_eq!(all["actions"].as_array().unwrap().len(), 6);
    let one = server.get("/api/v1/actions/redeploy-vps-web").json();
    assert_eq!((&one["state"], &one["id"]), (&json!("rejected"), &json!("redeploy-vps-web")));
    for bad in ["state=nope", "limit=0", "limit=1001", "limit=x", "limit=+1", "cursor=x"] {
        assert_eq!(server.get(&format!("/api/v1/actions?{bad}")).status, 400, "{bad}");
    }
    assert_eq!(server.get("/api/v1/actions/none").status, 404);
    assert_eq!(server.get("/api/v1/actions/none/log").status, 404);
    assert_eq!(server.get("/api/v1/actions/redeploy-vps-web/log").status, 200);
}

#[test]
fn an_approval_pins_the_plan_and_is_told_in_the_audit_log() {
    let server = Server::with_web("");
    server.home.create(ID);
    let token = server.token(&["oskar"]);
    let path = format!("/api/v1/actions/{ID}/approve");
    for (path, body) in [
        ("approve", r#"{"digset":"sha256:00"}"#),
        ("approve", r#"{"digest":null,"x":1}"#),
        ("reject", r#"{"reason":"x","y":1}"#),
    ] {
        let answer = server.post(&format!("/api/v1/actions/{ID}/{path}"), &token, body);
        assert_eq!(answer.status, 400, "what is misspelt guards nothing: {body}: {answer:?}");
    }
    assert_eq!(server.home.states(ID), [State::Pending]);
    let plan: Value = serde_json::from_str(&server.home.run(&["--json", "plan", ID]).out).unwrap();
    let digest = plan["plans"][0]["plan"]["digest"].as_str().unwrap();
    let done = server.post(&path, &token, &json!({ "digest": digest, "note": "tonight" }).to_string());
    assert_eq!((done.status, &done.json()["digest"]), (200, &json!(digest)));
    assert_eq!(server.home.states(ID), [State::Approved]);
    let again = server.post(&path, &token, "");
    assert_eq!(again.status, 409);
    assert!(again.json()["detail"].as_str().unwrap().contains("already approved"), "{again:?}");
    let (lines, breaks) = hlctl::store::audit::read(&server.home.root).unwrap();
    assert!(breaks.is_empty(), "{breaks:?}");
    let entry = lines
        .iter()
        .rev()
        .map(|l| &l.entry)
        .find(|e| e.to == Some(State::Approved) && e.note.as_deref() == Some("tonight"));
    let entry = entry.unwrap();
    assert_eq!((entry.by.as_str(), entry.via.to_string()), ("oskar", "web".to_owned()));
    assert_eq!((entry.peer.as_deref(), entry.plan.as_deref()), (Some("127.0.0.1"), Some(digest)));
}

#[test]
fn a_rejection_needs_a_reason() {
    let server = Server::with_web("");
    server.home.create(ID);
    let token = server.token(&["oskar"]);
    let path = format!("/api/v1/actions/{ID}/reject");
    for body in ["", "{}", r#"{"reason":" "}"#, r#"{"reason":3}"#, "[", "[\"x\"]", "\u{0}"] {
        assert_eq!(server.post(&path, &token, body).status, 400, "{body:?}");
    }
    assert_eq!(server.post(&path, &token, r#"{"reason":"not tonight"}"#).status, 200);
    assert_eq!(server.home.states(ID), [State::Rejected]);
    assert_eq!(server.post(&path, &token, r#"{"reason":"not tonight"}"#).status, 409);
    assert_eq!(server.post("/api/v1/actions/none/reject", &token, "{}").status, 404);
}

fn event(node: &str) -> String {
    format!(r#"{{"ts":"2026-11-23T07:13:05Z","node":"{node}","type":"node_heartbeat"}}"#)
}

fn events_on_disk(home: &Home) -> usize {
    let files = walkdir::WalkDir::new(home.at("events")).into_iter().filter_map(Result::ok);
    let texts = files.filter(|e| e.file_type().is_file()).map(|e| std::fs::read_to_string(e.path()).unwrap());
    texts.map(|t| t.lines().count()).sum()
}

#[test]
fn an_agent_sends_the_events_of_its_own_nodes() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let two = server.token(&["relay", "--agent", "--nodes", "vps,nas"]);
    let mixed = server.post("/api/v1/events", &token, &format!("{}\nbad\n\n{{}}\n{}", event("piha"), event("piha")));
    assert_eq!(mixed.status, 200, "{mixed:?}");
    assert_eq!(mixed.json()["accepted"], 2);
    let lines: Vec<Value> = mixed.json()["rejected"].as_array().unwrap().iter().map(|r| r["line"].clone()).collect();
    assert_eq!(lines, [json!(2), json!(4)]);
    assert_eq!(events_on_disk(&server.home), 2);
    let foreign = server.post("/api/v1/events", &token, &format!("{}\n{}\n", event("piha"), event("vps")));
    assert_eq!(foreign.status, 403);
    assert_eq!(events_on_disk(&server.home), 2, "nothing of it counts");
    assert_eq!(server.post("/api/v1/events", &two, &format!("{}\n{}\n", event("nas"), event("vps"))).status, 200);
    assert_eq!(server.post("/api/v1/events", &two, &event("relay")).status, 403);
    let operator = server.token(&["oskar"]);
    assert_eq!(server.post("/api/v1/events", &operator, &event("piha")).status, 403);
    assert_eq!(server.home.run(&["observe"]).code, 0);
    assert!(server.get("/api/v1/world/nodes").body.contains("\"piha\""));
}

#[test]
fn events_stop_at_their_quota() {
    let server = Server::start("events_quota: 1KiB\n");
    let token = server.token(&["piha", "--agent"]);
    let statuses: Vec<u16> = (0..20).map(|_| server.post("/api/v1/events", &token, &event("piha")).status).collect();
    assert_eq!((statuses[0], statuses[19]), (200, 507), "{statuses:?}");
    assert_eq!(server.post("/api/v1/events", &token, "bad").status, 200, "what takes no room is answered");
}

#[test]
fn a_large_batch_fits_and_a_larger_one_does_not() {
    let server = Server::start("");
    let token = server.token(&["piha", "--agent"]);
    let line = event("piha") + "\n";
    let fits = line.repeat((1 << 20) / line.len());
    let answer = server.post("/api/v1/events", &token, &fits);
    assert_eq!(answer.status, 200, "{answer:?}");
    let padded = fits.clone() + &" ".repeat((1 << 20) + 1 - fits.len());
    assert_eq!(server.post("/api/v1/events", &token, &padded).status, 413);
}

#[test]
fn a_mirror_shows_what_the_control_plane_said_and_decides_nothing() {
    let server = Server::with_web("");
    server.home.create(ID);
    let mut afar = server.get("/summary").json();
    afar["unmanaged"] = json!(["afar/x"]);
    server.home.put("state/is-mirror", "{\"schema\":\"hlctl.mirror/v1\",\"from\":\"http://vps:18180\"}");
    server.home.put("world/summary.json", afar.to_string());
    server.home.put("world/digest.md", "# afar\n");
    let token = server.token(&["oskar"]);
    let shown = server.get("/summary").json();
    assert_eq!((&shown["unmanaged"], &shown["pending"]), (&afar["unmanaged"], &afar["pending"]));
    assert_eq!(shown["mirror"]["from"], "http://vps:18180");
    let digest = server.get("/api/v1/digest").body;
    assert!(
        digest.starts_with("> This is a mirror of http://vps:18180") && digest.ends_with("\n\n# afar\n"),
        "{digest}"
    );
    server.home.put("events/2026-11-23/a.jsonl", format!("{}\n", event("piha")));
    std::fs::remove_file(server.home.at("state/is-mirror")).unwrap();
    server.home.run(&["observe"]);
    server.home.put("state/is-mirror", "{\"schema\":\"hlctl.mirror/v1\",\"from\":\"http://vps:18180\"}");
    let part = server.get("/api/v1/digest?node=piha");
    assert!(part.body.starts_with("> This is a mirror of") && part.body.contains("# piha"), "{part:?}");
    for unknown in ["node=nope", "node=piha&service=nope", "service=web", "action=nope"] {
        assert_eq!(server.get(&format!("/api/v1/digest?{unknown}")).status, 404, "{unknown}");
    }
    let agent = server.token(&["piha", "--agent"]);
    for (path, token, body, status) in [
        ("/api/v1/actions/{ID}/approve", &token, "", 409),
        ("/api/v1/actions/{ID}/reject", &token, "{\"reason\":\"x\"}", 409),
        ("/api/v1/events", &agent, "", 409),
        ("/api/v1/actions/none/approve", &token, "", 409),
        ("/api/v1/actions/{ID}/approve", &agent, "", 403),
        ("/api/v1/events", &String::new(), "", 401),
        ("/approve", &String::new(), "", 401),
    ] {
        let refused = server.post(&path.replace("{ID}", ID), token, body);
        assert_eq!(refused.status, status, "{path}: {refused:?}");
        assert!(status != 409 || refused.body.contains("http://vps:18180"), "{refused:?}");
    }
    let cookie = server.log_in(&token);
    let csrf = server.csrf(&cookie);
    let several = server.submit("/approve", &cookie, &format!("csrf={csrf}&pick={ID}+x"));
    assert!(several.status == 409 && several.body.contains("nothing is decided here"), "{several:?}");
    assert_eq!(server.submit("/logout", &cookie, &format!("csrf={csrf}")).status, 303);
    assert_eq!(server.home.states(ID), [State::Pending]);
}

#[test]
fn the_description_names_every_route_and_no_other() {
    let server = Server::start("");
    let described = server.get("/api/v1/openapi.json").json();
    assert_eq!(described["openapi"], "3.1.0");
    let mut found = Vec::new();
    for (path, operations) in described["paths"].as_object().unwrap() {
        let methods = operations.as_object().unwrap().keys().filter(|k| *k != "parameters");
        found.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        for (method, operation) in operations.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let responses = operation["responses"].as_object().unwrap();
            assert!(["200", "4XX", "503"].iter().all(|status| responses.contains_key(*status)), "{method} {path}");
            assert_eq!(responses.contains_key("507"), method == "post", "{method} {path}");
        }
    }
    let mut routes: Vec<(String, String)> =
        ROUTES.iter().filter(|r| !r.page).map(|r| (r.method.to_owned(), r.path.to_owned())).collect();
    found.sort();
    routes.sort();
    assert_eq!(found, routes);
}

#[test]
fn each_next_of_a_list_is_a_cursor_as_it_is_described() {
    if !needs::program("python3") {
        return;
    }
    let server = Server::with_web("");
    let longest = format!("by-hand-{}.", "X".repeat(191));
    for id in [longest.as_str(), "x", "Redeploy_1.-"] {
        let action = serde_json::json!({ "id": id, "type": "redeploy", "node": "piha", "service": "web" });
        server.home.put(&format!("actions/pending/{id}.json"), action.to_string());
    }
    server.home.create(ID);
    let described = server.get("/api/v1/openapi.json").json();
    let parameters = &described["paths"]["/api/v1/actions"]["get"]["parameters"];
    let pattern =
        parameters.as_array().unwrap().iter().find(|p| p["name"] == "cursor").unwrap()["schema"]["pattern"].clone();
    let (mut cursor, mut seen) = (String::new(), 0);
    loop {
        let page = server.get(&format!("/api/v1/actions?limit=1&cursor={cursor}")).json();
        seen += page["actions"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        let fits = "import re, sys; sys.exit(re.search(sys.argv[1], sys.argv[2]) is None)";
        let python = std::process::Command::new("python3").args(["-c", fits, pattern.as_str().unwrap(), next]).status();
        assert!(python.unwrap().success(), "{next} is none by {pattern}");
        cursor = next.to_owned();
    }
    assert_eq!(seen, 4);
}

#[test]
fn what_is_damaged_is_said_and_takes_nothing_else_with_it() {
    let server = Server::with_web("");
    server.home.create(ID);
    server.home.run(&["observe"]);
    server.home.put("hosts/piha/services.yaml", "services: [");
    let page = server.get("/services/piha/web");
    assert_eq!(page.status, 200, "{page:?}");
    let told = page.body.contains("its host file cannot be believed") && page.body.contains("nobody knows");
    assert!(
        told && !page.body.contains("missing") && !page.body.contains(&*server.home.path().to_string_lossy()),
        "{page:?}"
    );
    assert_eq!(server.get("/services/none/web").status, 404);
    server.home.put("world/services.json", "{bad");
    for path in ["/summary", "/metrics", "/api/v1/digest"] {
        let answer = server.get_in_vain(path);
        assert_eq!((answer.status, answer.header("content-type")), (503, Some("application/problem+json")), "{path}");
    }
    let audit = server.get("/audit");
    assert!(audit.status == 200 && audit.body.contains(ID), "{audit:?}");
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn the_server_says_that_it_lives_and_ends_when_it_is_told_to() {
    let mut server = Server::start("");
    let answer = server.get("/healthz");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
    let idle = server.connect();
    let began = std::time::Instant::now();
    assert_eq!(server.terminate(), 0);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    drop(idle);
}

#[test]
fn what_was_kept_is_never_older_than_the_question() {
    let server = Server::with_web("");
    server.home.run(&["observe"]);
    let token = server.token(&["oskar"]);
    let pending = |path: &str| server.get(path).body.matches("redeploy-piha-web-").count();
    for n in 0..20 {
        // Asked for often, so that an answer is at hand.
        let id = format!("redeploy-piha-web-{n}");
        let before: Vec<usize> = (0..5).map(|_| pending("/summary")).collect();
        assert_eq!(before, [0; 5]);
        server.home.create(&id);
        assert!(
            pending("/summary") > 0 && pending("/") > 0 && pending("/api/v1/digest") > 0,
            "made by another program"
        );
        match n % 2 {
            0 => assert_eq!(
                server.post(&format!("/api/v1/actions/{id}/reject"), &token, r#"{"reason":"x"}"#).status,
                200
            ),
            _ => assert_eq!(server.home.run(&["reject", &id, "--reason", "x"]).code, 0),
        }
        assert_eq!(pending("/summary"), 0, "decided by {n}");
    }
    server.home.put("hosts/piha/services.yaml", "services: [");
    assert!(server.get("/summary").body.contains("broken host file"), "written in place");
}

#[test]
fn answers_are_kept_only_for_those_who_show_nothing() {
    let server = Server::with_web("");
    server.home.create(ID);
    let cookie = server.log_in(&server.token(&["oskar"]));
    let line = format!("Cookie: {cookie}");
    for _ in 0..5 {
        for path in ["/", "/actions"] {
            let own = server.send("GET", path, &[&line], "").body;
            assert!(own.contains("name=\"csrf\"") && own.contains("oskar · log out"), "{path}: {own}");
            let anybody = server.get(path).body;
            assert!(!anybody.contains("name=\"csrf\"") && !anybody.contains("oskar"), "{path}: {anybody}");
        }
    }
    for route in ROUTES.iter().filter(|r| r.shared) {
        assert_eq!((route.method, route.need), ("GET", Need::Reader), "{}", route.path);
        assert!(!route.path.contains('{'), "{}: who asks for many would fill the memory", route.path);
    }
}

#[test]
fn the_digest_of_a_part_is_bounded_and_keeps_secrets() {
    let server = Server::with_web("");
    server.home.put("events/2026-11-23/a.jsonl", format!("{}\n", event("piha")));
    server.home.run(&["observe"]);
    server.home.create(ID);
    server.home.put("hosts/piha/host.yaml", "connection: local\nrepo: /nowhere\n");
    for part in ["node=piha", "node=piha&service=web", &format!("action={ID}")] {
        let path = format!("/api/v1/digest?{part}");
        let answer = server.get(&path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("text/markdown; charset=utf-8")),
            "{part}"
        );
        assert!(answer.body.starts_with("# ") && answer.body.contains(ID), "{part}: {}", answer.body);
        let short = server.get(&format!("{path}&max=256")).body;
        assert!(short.len() <= 256 && short.contains("cut here"), "{part}: {short}");
        let page = match part {
            "node=piha" => "/nodes".to_owned(),
            part if part.starts_with("action") => format!("/actions/{ID}"),
            _ => "/services/piha/web".to_owned(),
        };
        let link = format!("/api/v1/digest?{}", part.replace('&', "&amp;"));
        let body = server.get(&page).body;
        assert!(
            body.contains(&link) || body.contains(&format!("/api/v1/digest?{part}")),
            "{page} links to {link}: {body}"
        );
    }
    for unknown in [
        "node=nope",
        "node=piha&service=nope",
        "node=nope&service=web",
        "service=web",
        "action=nope",
        "node=A",
        "action=%2e",
    ] {
        let answer = server.get(&format!("/api/v1/digest?{unknown}"));
        assert_eq!(answer.status, 404, "{unknown}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{unknown}");
    }
    assert!(server.get("/api/v1/digest?node=pihaa").body.contains("did you mean piha?"));
}
