//! What is decided over HTTP shows no secret of the projects: not in a file below the root, not in an answer.

use hlctl::flow::lifecycle::State;
use hlctl::web::routes::ROUTES;

use crate::server::Server;
use crate::support::Home;

const SECRET: &str = "s3cr3t-";

/// Returns a server whose own environment, and projects with their `.env`, have secrets.
fn with_secrets() -> Server {
    let home = Home::new();
    let host = format!("connection: local\nrepo: {}\n", home.at("repo").display());
    home.put("hosts/piha/host.yaml", host);
    home.put(
        "hosts/piha/services.yaml",
        "services: [{name: web, check: {command: [\"true\", s3cr3t-own]}}, db, cache]\n",
    );
    for service in ["web", "db", "cache"] {
        let project = format!("repo/services/{service}");
        let compose = "services: {web: {image: web, environment: {API_KEY: s3cr3t-compose}}}\n";
        home.put(&format!("{project}/docker-compose.yml"), compose);
        home.put(&format!("{project}/.env"), "DB_PASSWORD=s3cr3t-env\n");
    }
    let mut command = home.hlctl(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("MY_TOKEN", "s3cr3t-own");
    Server::by(home, command)
}

fn request(server: &Server, kind: &str, service: &str) -> String {
    let mut command = server.home.hlctl(&["request", kind, "piha", service, "--note", "s3cr3t-env"]);
    let run = command.env("MY_TOKEN", "s3cr3t-own").output().unwrap();
    assert!(run.status.success(), "{run:?}");
    format!("{}-piha-{service}", kind.replace('_', "-"))
}

/// Asserts that no file and no answer shows one: of the files, the desired state and the projects have them.
fn nothing_is_shown(server: &Server, cookie: &str) {
    for (path, bytes) in server.home.snapshot() {
        let is_source = path.starts_with("hosts") || path.starts_with("repo");
        let text = String::from_utf8_lossy(&bytes);
        assert!(is_source || !text.contains(SECRET), "{}: {text}", path.display());
    }
    let ids = State::ALL.into_iter().flat_map(|state| {
        let dir = server.home.root.actions().join(state.as_str());
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
    });
    for id in ids.collect::<Vec<_>>() {
        for route in ROUTES.iter().filter(|route| route.method == "GET") {
            let path = route.path.replace("{id}", &id).replace("{node}", "piha").replace("{service}", "web");
            for headers in [vec![], vec![cookie]] {
                let lines = headers.iter().map(|line| format!("{line}\r\n")).collect::<String>();
                let answer = server.talk(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{lines}\r\n").as_bytes());
                assert!(!answer.body.contains(SECRET), "{path}: {answer:?}");
            }
        }
        for part in [format!("action={id}"), "node=piha".into(), "node=piha&service=web".into()] {
            let answer = server.get(&format!("/api/v1/digest?{part}"));
            assert!(answer.status == 200 && !answer.body.contains(SECRET), "{part}: {answer:?}");
        }
    }
}

#[test]
fn decisions_over_the_api_show_no_secret() {
    let server = with_secrets();
    let token = server.token(&["oskar"]);
    let (approved, rejected) = (request(&server, "redeploy", "web"), request(&server, "container_restart", "db"));
    let post = |id: &str, verb: &str, body: &str| server.post(&format!("/api/v1/actions/{id}/{verb}"), &token, body);
    let answer = post(&approved, "approve", "{\"note\":\"s3cr3t-compose s3cr3t-env s3cr3t-own\"}");
    assert!(answer.status == 200 && !answer.body.contains(SECRET), "{answer:?}");
    let answer = post(&rejected, "reject", "{\"reason\":\"for s3cr3t-compose, s3cr3t-env, s3cr3t-own\"}");
    assert!(answer.status == 200 && !answer.body.contains(SECRET), "{answer:?}");
    let plan = server.home.json(State::Approved, &approved)["plan"].to_string();
    assert!(plan.contains("***") && plan.contains("API_KEY"), "{plan}");
    nothing_is_shown(&server, "Cookie: none");
}

#[test]
fn decisions_on_the_pages_show_no_secret() {
    let server = with_secrets();
    let cookie = server.log_in(&server.token(&["oskar"]));
    let csrf = server.csrf(&cookie);
    let line = format!("Cookie: {cookie}");
    let digest = |id: &str| {
        let page = server.send("GET", &format!("/actions/{id}"), &[&line], "").body;
        page.split_once("name=\"digest\" value=\"").unwrap().1.split('"').next().unwrap().to_owned()
    };
    let note = "note=s3cr3t-compose+s3cr3t-env+s3cr3t-own";
    let one = request(&server, "redeploy", "web");
    let form = format!("csrf={csrf}&digest={}&{note}", digest(&one));
    assert_eq!(server.submit(&format!("/actions/{one}/approve"), &cookie, &form).status, 303);
    let several = request(&server, "redeploy", "db");
    let form = format!("csrf={csrf}&pick={several}+{}&{note}", digest(&several));
    assert_eq!(server.submit("/approve", &cookie, &form).status, 303);
    let rejected = request(&server, "redeploy", "cache");
    let form = format!("csrf={csrf}&{}", note.replace("note", "reason"));
    assert_eq!(server.submit(&format!("/actions/{rejected}/reject"), &cookie, &form).status, 303);
    nothing_is_shown(&server, &line);
}
