//! The mirror: the same world as the control plane's, whatever dies on the way, and nothing decided there.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::time::Duration;

use fastrand::Rng;
use hlctl::flow::lifecycle::State;

use crate::far::overheard;
use crate::now;
use crate::server::Server;
use crate::support::{Home, Run};

const WORLD: [&str; 5] = ["services.json", "nodes.json", "drift.json", "summary.json", "digest.md"];

fn report(server: &Server, service: &str, healthy: bool) {
    let kind = if healthy { "service_healthy" } else { "service_unhealthy" };
    let event = format!(r#"{{"ts":{},"node":"piha","type":"{kind}","service":"{service}","reason":"x"}}"#, now());
    let mut ingest = server.home.hlctl(&["ingest"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut ingest.stdin.take().unwrap(), event.as_bytes()).unwrap();
    assert!(ingest.wait().unwrap().success());
    assert_eq!(server.home.run(&["observe"]).code, 0);
    assert_eq!(server.home.run(&["reconcile"]).code, 0);
}

fn mirror(home: &Home, server: &Server, args: &[&str]) -> Run {
    home.run(&[&["mirror", "--from", &format!("http://{}", server.address)], args].concat())
}

fn world(home: &Home) -> BTreeMap<&'static str, Vec<u8>> {
    let files = WORLD[..3].iter().map(|name| (*name, std::fs::read(home.at(&format!("world/{name}"))).unwrap()));
    files.collect()
}

#[test]
fn the_world_is_the_control_planes_and_written_only_when_it_changed() {
    let server = Server::with_web("");
    let home = Home::new();
    let early = mirror(&home, &server, &["-v"]);
    assert!(early.code == 0 && early.err.contains("no services.json"), "{early:?}");
    report(&server, "web", false);
    let dry = home.snapshot();
    assert!(mirror(&home, &server, &["--dry-run"]).out.starts_with("would write services.json, "));
    assert_eq!(home.snapshot(), dry);
    assert_eq!(mirror(&home, &server, &[]).code, 0);
    assert_eq!(world(&home), world(&server.home));
    let inodes = || WORLD.map(|name| home.at(&format!("world/{name}")).metadata().unwrap().ino());
    let before = inodes();
    for _ in 0..3 {
        let again = mirror(&home, &server, &[]);
        assert!(again.out.starts_with("nothing new"), "{again:?}");
    }
    assert_eq!(inodes(), before);
    // What lies here is looked at too: a damaged file is fetched again.
    home.put("world/nodes.json", "broken");
    std::fs::remove_file(home.at("world/drift.json")).unwrap();
    assert_eq!(mirror(&home, &server, &[]).out.split(" from").next(), Some("wrote nodes.json, drift.json"));
    assert_eq!(world(&home), world(&server.home));
    report(&server, "web", true);
    assert!(mirror(&home, &server, &[]).out.contains("services.json"));
    assert_eq!(world(&home), world(&server.home));
}

#[test]
fn what_a_pass_has_the_next_one_does_not_fetch_again() {
    let server = Server::with_web("");
    report(&server, "web", true);
    let (address, said) = overheard(server.address);
    let heard = || {
        let take =
            |side: usize| String::from_utf8_lossy(&std::mem::take(&mut *said[side].lock().unwrap())).into_owned();
        (take(0), take(1))
    };
    let home = Home::new();
    let pass = || {
        let run = home.run(&["mirror", "--from", &format!("http://{address}")]);
        assert_eq!(run.code, 0, "{run:?}");
        heard()
    };
    let paths = ["/api/v1/world/services", "/api/v1/world/nodes", "/api/v1/drift"];
    let (asked, answered) = pass();
    assert!(!asked.to_lowercase().contains("if-none-match") && !answered.contains(" 304 "), "{asked}{answered}");
    let etag = |line: &str| line.to_lowercase().strip_prefix("etag: ").map(str::to_owned);
    let tags: Vec<String> = answered.lines().filter_map(etag).collect();
    for _ in 0..2 {
        let (asked, answered) = pass();
        for path in paths {
            let request = asked.split("GET ").find(|request| request.starts_with(&format!("{path} "))).unwrap();
            let known =
                request.lines().find_map(|l| l.to_lowercase().strip_prefix("if-none-match: ").map(str::to_owned));
            assert!(known.is_some_and(|tag| tags.contains(&tag)), "{tags:?}: {request}");
        }
        assert!(answered.matches("HTTP/1.1 304 ").count() >= paths.len(), "{answered}");
        assert!(!answered.contains("hlctl.services/v1"), "nothing of it comes again: {answered}");
    }
    // Another world is another tag, and only that is fetched.
    report(&server, "more", true);
    let (_, answered) = pass();
    assert!(answered.contains("hlctl.services/v1") && answered.contains("HTTP/1.1 304 "), "{answered}");
    assert_eq!(world(&home), world(&server.home));
}

#[test]
fn what_is_gone_at_the_control_plane_looks_no_newer_than_it_is() {
    let server = Server::with_web("");
    report(&server, "web", true);
    let home = Home::new();
    assert_eq!(mirror(&home, &server, &[]).code, 0);
    let heard = || home.at("state/mirror_tags.json").metadata().unwrap().modified().unwrap();
    let (before, drift) = (heard(), world(&home)["drift.json"].clone());
    std::fs::remove_file(server.home.at("world/drift.json")).unwrap();
    let gone = mirror(&home, &server, &[]);
    assert!(gone.code == 1 && gone.err.contains("no longer has the drift.json that is here"), "{gone:?}");
    assert_eq!((heard(), &world(&home)["drift.json"]), (before, &drift));
    assert!(home.run(&["status"]).out.contains("no longer has the drift.json"));
    assert_eq!(server.home.run(&["reconcile"]).code, 0);
    assert_eq!(mirror(&home, &server, &[]).code, 0);
    assert!(heard() > before);
}

#[test]
fn a_mirror_decides_nothing_and_says_how_old_it_is() {
    let mut server = Server::with_web("");
    report(&server, "web", false);
    let home = Home::new();
    assert_eq!(mirror(&home, &server, &[]).code, 0);
    for args in [
        &["observe"][..],
        &["reconcile"],
        &["execute"],
        &["approve", "redeploy-piha-web"],
        &["reject", "redeploy-piha-web", "--reason", "x"],
        &["request", "redeploy", "piha", "web"],
        &["silence", "piha", "--for", "1h"],
    ] {
        let run = home.run(args);
        assert_eq!(run.code, 1, "{args:?}: {run:?}");
        assert!(run.err.contains("mirror") && run.err.contains("\nhelp: "), "{args:?}: {run:?}");
    }
    let url = format!("http://{}", server.address);
    let status = home.run(&["status"]);
    assert!(status.out.contains(&format!("mirror of {url}, heard ")), "{status:?}");
    assert!(status.out.contains("redeploy-piha-web waits for approval"), "{status:?}");
    assert!(status.out.contains("web: unhealthy (x)"), "{status:?}");
    assert_eq!(home.run(&["status", "--check"]).code, 3);
    let digest = home.run(&["digest"]).out;
    assert!(digest.starts_with(&format!("> This is a mirror of {url}, heard ")), "{digest}");
    assert!(digest.contains("redeploy-piha-web"), "{digest}");
    let shown = Server::of(home, &[]);
    let token = shown.token(&["oskar"]);
    for page in ["/", "/services", "/nodes", "/actions", "/audit", "/services/piha/web"] {
        let page = shown.get(page);
        assert_eq!(page.status, 200, "{page:?}");
        let body = page.body.replace("&#x2f;", "/");
        assert!(body.contains(&format!("mirror of <a href=\"{url}/\">")), "{page:?}");
        assert!(!page.body.contains("/approve\""), "{page:?}");
    }
    let agent = shown.token(&["piha", "--agent"]);
    for (path, token) in [
        ("/api/v1/actions/redeploy-piha-web/approve", &token),
        ("/actions/redeploy-piha-web/reject", &token),
        ("/api/v1/events", &agent),
    ] {
        let refused = shown.post(path, token, "");
        assert!(refused.status == 409 && refused.body.replace("&#x2f;", "/").contains(&url), "{refused:?}");
        assert_eq!(shown.post(path, "wrong", "").status, 401, "who may not ask is not told where to");
    }
    server.terminate();
    let home = &shown.home;
    let gone = mirror(home, &server, &[]);
    assert!(gone.code == 1 && gone.err.contains("cannot reach") && gone.err.contains("ago stays"), "{gone:?}");
    let status = home.run(&["status"]);
    assert!(status.out.contains("web: unhealthy (x)") && status.out.contains("cannot reach"), "{status:?}");
    // An hour later, by the clock of the file that says when it was heard.
    let heard = std::fs::File::options().write(true).open(home.at("state/mirror_tags.json")).unwrap();
    let hour = Duration::from_secs(3600);
    heard.set_modified(heard.metadata().unwrap().modified().unwrap() - hour).unwrap();
    for text in
        [home.run(&["status"]).out, shown.get("/").body, shown.get("/api/v1/digest").body, shown.get("/summary").body]
    {
        assert!(text.contains("heard 60 min ago"), "{text}");
    }
}

#[test]
fn a_root_with_a_life_of_its_own_is_left_alone() {
    let server = Server::with_web("");
    report(&server, "web", true);
    let before = server.home.snapshot();
    let itself = mirror(&server.home, &server, &[]);
    assert!(
        itself.code == 1 && itself.err.contains("events of its own") && itself.err.contains("--root"),
        "{itself:?}"
    );
    assert_eq!(server.home.snapshot(), before);
    let queue = Home::new();
    queue.create("redeploy-piha-web");
    assert!(mirror(&queue, &server, &[]).err.contains("actions of its own"));
    assert_eq!(queue.states("redeploy-piha-web"), [State::Pending]);
    let home = Home::new();
    assert_eq!(home.run(&["observe"]).code, 0);
    assert!(mirror(&home, &server, &[]).err.contains("a world of its own"));
}

#[test]
fn a_mirror_is_not_mirrored_by_another_nor_by_itself() {
    let server = Server::with_web("");
    report(&server, "web", true);
    let home = Home::new();
    assert_eq!(mirror(&home, &server, &[]).code, 0);
    let shown = Server::of(home, &[]);
    let source = format!("http://{}", server.address);
    let advice = format!("http://{} is itself a mirror of {source}; ", shown.address);

    // A second one, that had no source yet.
    let other = Home::new();
    for args in [&[][..], &["--dry-run"]] {
        let refused = mirror(&other, &shown, args);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains(advice.trim_end_matches("; ")), "{refused:?}");
        assert!(refused.err.contains(&format!("help: give --from {source}\n")), "{refused:?}");
    }
    assert!(!other.root.is_mirror() && !other.at("world/services.json").exists());
    // One that had the right one keeps that, and says what is wrong.
    assert_eq!(mirror(&other, &server, &[]).code, 0);
    let before = world(&other);
    report(&server, "more", true);
    assert!(mirror(&other, &shown, &[]).err.contains(&advice));
    assert_eq!(world(&other), before);
    let status = other.run(&["status"]);
    assert!(status.out.contains(&format!("mirror of {source}, heard ")), "{status:?}");
    assert!(status.out.contains("is itself a mirror of"), "{status:?}");

    // Itself: it would be heard for ever.
    let itself = shown.home.run(&["mirror", "--from", &format!("http://{}", shown.address)]);
    assert!(itself.code == 1 && itself.err.contains(&advice), "{itself:?}");
    let status = shown.home.run(&["status"]);
    assert!(status.out.contains(&format!("mirror of {source}, heard ")), "{status:?}");
    assert_eq!(mirror(&shown.home, &server, &[]).code, 0);
    assert_eq!(world(&shown.home), world(&server.home));
    assert!(!shown.home.run(&["status"]).out.contains("is itself"));

    // Even one that has no source but itself.
    let alone = Server::start("");
    let from = format!("http://{}", alone.address);
    let itself = alone.home.run(&["mirror", "--from", &from]);
    assert!(itself.code == 1 && itself.err.contains("is itself a mirror;"), "{itself:?}");
    assert!(itself.err.contains("give the URL of the control plane"), "{itself:?}");
    assert!(!alone.home.root.is_mirror());
}

#[test]
fn another_source_starts_anew() {
    let (one, two) = (Server::with_web(""), Server::with_web(""));
    report(&one, "web", true);
    report(&two, "web", false);
    let home = Home::new();
    for server in [&one, &two, &one] {
        assert_eq!(mirror(&home, server, &[]).code, 0);
        assert_eq!(world(&home), world(&server.home));
        let from = home.run(&["status", "--json"]).out;
        assert!(from.contains(&server.address.to_string()), "{from}");
    }
}

#[test]
fn killed_at_any_moment_the_mirror_comes_to_the_same_world() {
    let home = Home::new();
    let mut rng = Rng::with_seed(7);
    let mut server = Server::with_web("");
    for round in 0..12 {
        report(&server, &format!("s{round}"), rng.bool());
        let url = format!("http://{}", server.address);
        for _ in 0..4 {
            let mut child = home.hlctl(&["mirror", "--from", &url, "--every", "100ms"]);
            let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(rng.u64(0..60)));
            if rng.u8(0..3) == 0 {
                // The control plane dies too, and comes back elsewhere.
                let _ = server.child.kill();
                let _ = server.child.wait();
            }
            std::thread::sleep(Duration::from_millis(rng.u64(0..60)));
            child.kill().unwrap();
            child.wait().unwrap();
            for name in &WORLD[..4] {
                if let Ok(bytes) = std::fs::read(home.at(&format!("world/{name}"))) {
                    let whole: Result<serde_json::Value, _> = serde_json::from_slice(&bytes);
                    assert!(whole.is_ok(), "world/{name} is torn");
                }
            }
            if server.child.try_wait().unwrap().is_some() {
                server = Server::of(std::mem::replace(&mut server.home, Home::new()), &[]);
            }
        }
        let done = mirror(&home, &server, &[]);
        assert_eq!(done.code, 0, "{done:?}");
        assert_eq!(world(&home), world(&server.home), "round {round}");
    }
    assert!(home.leftovers().is_empty());
}
