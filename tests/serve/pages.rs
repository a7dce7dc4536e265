//! The pages without a browser: forms and links do everything, and a page that did not change is not sent again.

use hlctl::flow::lifecycle::State;

use crate::gallery;
use crate::server::Server;
use crate::support::{Home, needs};

const ID: &str = "redeploy-piha-web";

#[test]
fn the_queue_is_decided_with_forms_alone() {
    let server = Server::with_web("");
    server.home.create(ID);
    server.home.create("disk-cleanup-piha-x");
    let cookie = server.log_in(&server.token(&["oskar"]));
    let page = server.send("GET", &format!("/actions/{ID}"), &[&format!("Cookie: {cookie}")], "").body;
    let csrf = server.csrf(&cookie);
    assert!(page.contains("Redeploy web on piha"), "the button tells the deed");
    let digest = page.split_once("name=\"digest\" value=\"").unwrap().1.split('"').next().unwrap();
    server.home.put(
        "hosts/piha/services.yaml",
        "services:\n  - name: web\n    runtime: command\n    recipes: {redeploy: [[\"false\"]]}\n",
    );
    let form = format!("csrf={csrf}&digest={digest}");
    let reject = format!("/actions/{ID}/reject");
    let stale = server.submit(&reject, &cookie, &format!("{form}&reason=not+tonight"));
    assert_eq!(
        (stale.status, server.home.states(ID)),
        (409, vec![State::Pending]),
        "nor is what was not seen rejected"
    );
    assert!(stale.body.contains("cannot reject redeploy-piha-web: its plan is now sha256:"), "{stale:?}");
    let page = server.send("GET", &format!("/actions/{ID}"), &[&format!("Cookie: {cookie}")], "").body;
    assert!(page.contains("Rejected, it is not queued again until"), "{page}");
    let digest = page.rsplit_once("name=\"digest\" value=\"").unwrap().1.split('"').next().unwrap();
    let rejected = server.submit(&reject, &cookie, &format!("csrf={csrf}&digest={digest}&reason=not+tonight"));
    assert_eq!((rejected.status, rejected.header("location")), (303, Some("/actions/redeploy-piha-web")));
    assert_eq!(server.home.states(ID), [State::Rejected]);
    assert!(server.get(&format!("/actions/{ID}")).body.contains("not tonight"));
}

#[test]
fn several_are_approved_with_the_plans_that_were_shown() {
    let server = Server::with_web("");
    let ids = ["redeploy-piha-web", "redeploy-piha-web-2"];
    for id in ids {
        server.home.create(id);
    }
    let cookie = server.log_in(&server.token(&["oskar"]));
    let csrf = server.csrf(&cookie);
    let page = server.send("GET", "/actions?several", &[&format!("Cookie: {cookie}")], "").body;
    assert_eq!(page.matches("class=\"plan\"").count(), 2, "each plan once: {page}");
    let picks: Vec<String> =
        page.split("name=\"pick\" value=\"").skip(1).map(|p| p.split('"').next().unwrap().replace(' ', "+")).collect();
    assert_eq!(picks.len(), 2, "{page}");
    let form = format!("csrf={csrf}&pick={}&pick={}", picks[0], picks[1]);
    assert_eq!(server.submit("/approve", &cookie, &form).status, 303);
    assert!(ids.iter().all(|id| server.home.states(id) == [State::Approved]));
    assert_eq!(server.submit("/approve", &cookie, &form).status, 409);
}

#[test]
fn what_is_held_is_shown_with_its_end() {
    let server = Server::with_web("");
    let event = format!("{{\"ts\":\"{}\",\"node\":\"piha\",\"type\":\"node_heartbeat\"}}", gallery::now());
    server.home.put(&format!("events/{}/a.json", gallery::now().day()), event);
    let run = |args: &[&str]| assert_eq!(server.home.run(args).code, 0, "{args:?}");
    run(&["observe"]);
    run(&["reconcile"]);
    let cookie = format!("Cookie: {}", server.log_in(&server.token(&["oskar"])));
    let page = server.send("GET", "/", &[&cookie], "").body;
    assert!(page.contains("not queued again until what is wrong was gone once, or 24 h are over"), "{page}");
    assert!(!page.contains("Held for now"), "{page}");
    run(&["reject", ID, "--reason", "not tonight"]);
    let held = server.get("/").body;
    let held =
        held.split("Held for now").nth(1).unwrap_or_else(|| panic!("{held}")).split("</section>").next().unwrap();
    assert!(
        held.replace("&#x2f;", "/").contains("\"/services/piha/web\"") && held.contains("ends <time datetime=\""),
        "{held}"
    );
    assert!(held.contains(">in 23 h<"), "{held}");
    let service = server.get("/services/piha/web").body;
    assert!(service.contains("held: rejected at") && service.contains(", ends <time"), "{service}");
}

#[test]
fn an_empty_root_teaches_what_to_do_next() {
    let server = Server::start("");
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Nothing to watch yet"), "{}", page.body);
    assert!(page.body.contains("hlctl ingest") && page.body.contains("services.yaml"), "{}", page.body);
}

#[test]
fn a_page_that_did_not_change_is_not_sent_again() {
    let server = Server::with_web("");
    let first = server.get("/services");
    let tag = first.header("etag").unwrap().to_owned();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let line = format!("If-None-Match: {tag}");
    assert_eq!(server.send("GET", "/services", &[&line], "").status, 304);
    assert_eq!(first.header("cache-control"), Some("no-store"));
}

#[test]
fn everything_lies_below_the_base_path() {
    let home = Home::new();
    home.create(ID);
    let server = Server::of(home, &["--base-path", "/homelab/"]);
    for path in
        ["/homelab", "/homelab/", "/", "/homelab/actions", "/homelab/nodes", "/homelab/actions/redeploy-piha-web"]
    {
        let page = server.get(path);
        assert_eq!(page.status, 200, "{path}: {page:?}");
        for link in page.body.split(['"']).filter(|l| l.starts_with('/') && !l.starts_with("/>")) {
            assert!(link.starts_with("/homelab/"), "{path}: {link}");
        }
    }
    assert_eq!(server.get("/homelab/summary").status, 200);
    assert!(server.get("/homelab/api/v1/openapi.json").body.contains("\"/homelab/\""));
    assert_eq!(server.get("/homelabs/actions").status, 404);
}

#[test]
fn what_the_overview_of_four_nodes_and_eight_decisions_weighs() {
    let server = gallery::open("");
    for service in ["grafana", "loki", "prometheus", "node-exporter"] {
        assert_eq!(server.home.run(&["request", "redeploy", "chelsty-infra", service]).code, 0);
    }
    let cookie = server.log_in(&server.token(&["oskar"]));
    let cookie = format!("Cookie: {cookie}");
    let get = |path: &str| server.send("GET", path, &[&cookie], "").body;
    let page = get("/");
    assert_eq!(page.matches("<details class=\"row\"").count(), 8, "{page}");
    let parts = ["/", "/assets/style.css", "/assets/page.js"].map(|path| get(path).len());
    println!("html, css and js: {parts:?}, {} together", parts.iter().sum::<usize>());
    assert!(parts.iter().sum::<usize>() <= 60_000, "{parts:?}");
    // Without scripts a plan that is left for later is a link away.
    let later = page.split("data-later=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(page.contains(&format!("href=\"{later}\"")) && get(later).contains("name=\"digest\""), "{later}");
    // Both lists tell what is most urgent first.
    let order = |page: &str| -> Vec<String> {
        page.split("<details class=\"row\" data-key=\"").skip(1).map(|r| r.split('"').next().unwrap().into()).collect()
    };
    assert_eq!(order(&page), order(&get("/actions")));
}

#[test]
fn of_a_silent_node_it_is_said_how_its_services_were() {
    let server = gallery::open("");
    let overview = server.get("/").body;
    let pill = overview.split("/services/vps/caddy").next().unwrap().rsplit("<a ").next().unwrap();
    assert!(pill.contains("class=\"pill quiet\""), "{pill}");
    let pill = overview.split("/services/vps/caddy").nth(1).unwrap().split("</a>").next().unwrap();
    assert!(pill.contains("last heard healthy") && pill.contains("class=\"quiet\" d=\"M4"), "{pill}");
    assert!(overview.contains("11 of 16 services healthy on 4 nodes, 3 not heard of"), "{overview}");
    let service = server.get("/services/vps/caddy").body;
    assert!(service.contains("last heard healthy") && service.contains("not heard of: vps is silent"), "{service}");
    assert!(service.contains("href=\"/nodes#node-vps\""), "{service}");
    let rows = server.get("/services").body;
    let first = |of: &str| rows.find(&format!("/services/{of}\"")).unwrap();
    assert!(first("piha/mosquitto") < first("chelsty-infra/grafana"), "what is not well comes first");
    assert!(first("vps/caddy") < first("chelsty-infra/grafana"));
}

#[test]
fn the_command_and_the_page_count_alike() {
    let server = gallery::open("");
    let status = server.home.run(&["status"]).out;
    let verdict = status.split(':').next().unwrap().to_owned();
    assert!(server.get("/").body.contains(&format!("<h1>{verdict}</h1>")), "{verdict}");
    assert_eq!(verdict.split(' ').next(), Some(&*status.matches("\n  ! ").count().to_string()), "{status}");
}

#[test]
fn the_overview_draws_the_last_day_and_a_service_its_week_from_packed_days_too() {
    let server = gallery::open("");
    let page = server.get("/").body;
    assert!(page.contains("aria-label=\"healthy all of the last day\""), "{page}");
    let gatus = page.split("/services/vps/gatus").nth(1).unwrap();
    let words = gatus.split("aria-label=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(words.starts_with("healthy 7") && words.ends_with(" of the last day, 1 break"), "{words}");
    let week = |page: &str| {
        let at = page.split(" of the last week").next().unwrap();
        at.rsplit_once('"').unwrap().1.to_owned()
    };
    let plain = week(&server.get("/services/piha/homeassistant").body);
    assert!(plain.starts_with("healthy 9"), "{plain}");
    // The same after all but the last two days were packed, seen by a server that knows nothing yet.
    let days = crate::support::names(&server.home.at("events"));
    for (i, day) in days.iter().rev().enumerate().skip(2) {
        let file = server.home.at("events").join(day).join("a.jsonl");
        let packer = if i % 2 == 0 { "gzip" } else { "zstd" };
        if !needs::program(packer) {
            return;
        }
        let mut pack = std::process::Command::new(packer);
        assert!(pack.args(["-q", "-f"]).args((i % 2 == 1).then_some("--rm")).arg(&file).status().unwrap().success());
        assert!(!file.exists());
    }
    assert_eq!(week(&server.get("/services/piha/homeassistant").body), plain);
    let mut server = server;
    server.terminate();
    server.restart();
    assert_eq!(week(&server.get("/services/piha/homeassistant").body), plain);
}
