//! A homelab of four nodes in which everything happens that a page can show, with a week behind it. Each text that
//! comes from outside ends in the same words, so that a test can choose them as an attacker would.

use hlctl::flow::fields::Fields;
use hlctl::flow::lifecycle::{State, Transition};
use hlctl::flow::time::Stamp;
use serde_json::{Value, json};

use crate::server::Server;
use crate::support::Home;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// The pages, one of each kind and each state of an action.
pub const PAGES: [&str; 22] = [
    "/",
    "/services",
    "/services/piha/mosquitto",
    "/services/piha/homeassistant",
    "/services/nas/immich",
    "/nodes",
    "/actions",
    "/actions?state=failed",
    "/actions?several",
    "/actions/container-restart-piha-mosquitto",
    "/actions/redeploy-nas-immich",
    "/actions/redeploy-nas-postgres",
    "/actions/disk-cleanup-chelsty-infra",
    "/actions/redeploy-nas-paperless",
    "/actions/redeploy-nas-jellyfin",
    "/actions/container-restart-piha-zigbee2mqtt",
    "/actions/redeploy-piha-pihole",
    "/actions/container-restart-piha-pihole",
    "/actions/redeploy-piha-homeassistant",
    "/audit",
    "/login",
    "/none",
];

/// Returns the name under which a page's picture is kept.
pub fn name(page: &str) -> String {
    match page.trim_matches('/') {
        "" => "overview".into(),
        path => path.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "-"),
    }
}

/// What there is on which node, and how much of the last day it was well.
const SERVICES: [(&str, &[&str]); 4] = [
    ("piha", &["homeassistant", "mosquitto", "pihole", "zigbee2mqtt"]),
    ("nas", &["immich", "jellyfin", "nextcloud", "paperless", "postgres"]),
    ("vps", &["caddy", "gatus", "vaultwarden"]),
    ("chelsty-infra", &["grafana", "loki", "node-exporter", "prometheus"]),
];

/// Makes the homelab and its server; every free text ends in these words.
pub fn open(words: &str) -> Server {
    let home = Home::new();
    let now = now();
    hosts(&home, words);
    events(&home, now, words);
    let run = |args: &[&str]| {
        let run = home.run(args);
        // A host file is broken where the words are not those of a friend.
        assert!(matches!(run.code, 0 | 4) || !words.is_empty(), "{args:?}: {run:?}");
    };
    run(&["observe", "--full"]);
    // What ended before.
    run(&["request", "container_restart", "piha", "zigbee2mqtt"]);
    run(&["request", "redeploy", "piha", "pihole"]);
    run(&["approve", "container-restart-piha-zigbee2mqtt", "redeploy-piha-pihole"]);
    run(&["execute"]);
    run(&["request", "redeploy", "piha", "homeassistant"]);
    run(&["reject", "redeploy-piha-homeassistant", "--reason", &format!("not while people are at home{words}")]);
    home.try_create_as("container-restart-piha-pihole", drifted("container_restart", "piha", "pihole", words)).unwrap();
    run(&["reconcile"]);
    home.try_create_as("redeploy-nas-postgres", fetched(words)).unwrap();
    // What is under way.
    run(&["request", "redeploy", "nas", "paperless"]);
    run(&["request", "redeploy", "nas", "jellyfin"]);
    run(&["approve", "redeploy-nas-paperless", "redeploy-nas-jellyfin"]);
    home.apply("redeploy-nas-jellyfin", Transition::Claim, &format!("execute{words}")).unwrap();
    let output = format!(
        "$ git -C /srv/homelab pull --ff-only\nUpdating 41f2c1e..9b0d3aa\nFast-forward\n$ docker compose pull\n jellyfin Pulling\n 4f4fb700ef54 Already exists\n 8a1e25ce7c4f Downloading [=====>     ] 12.4MB/28.1MB{words}\n"
    );
    home.put("actions/logs/redeploy-nas-jellyfin/20261123T071305.123Z.log", output);
    home.put("actions/pending/notes.json", format!("{{\"note\":\"a hand put me here{}", words));
    run(&["observe"]);
    assert_eq!(home.states("container-restart-piha-pihole"), [State::Cancelled]);
    Server::of(home, &[])
}

/// Returns the fields of a pending action with a drift and hints.
fn drifted(kind: &str, node: &str, service: &str, words: &str) -> Fields {
    let id = format!("{}-{node}-{service}", kind.replace('_', "-"));
    let action = json!({
        "schema": "hlctl.action/v1", "id": id, "type": kind, "risk": "low", "node": node, "service": service, "attempt": 2,
        "drift": {
            "type": "unhealthy_service", "reason": format!("containers_not_running{words}"),
            "detected_at": "2026-11-23T07:00:00.000Z",
        },
        "hints": [format!("flapping: 4 times in the last hour{words}")],
        "plan": { "digest": "sha256:00", "steps": [] }, "history": [], "result": null,
    });
    serde_json::from_value(action).unwrap()
}

/// Returns the fields of a redeploy whose commits were fetched.
fn fetched(words: &str) -> Fields {
    let diff = format!(
        "--- a/services/postgres/docker-compose.yml\n+++ b/services/postgres/docker-compose.yml\n@@ -3,5 +3,6 @@ services:\n   db:\n\
         -    image: postgres:17.1\n+    image: postgres:17.2\n+    shm_size: 256mb # {words}\n     volumes:\n       - data:/var/lib/postgresql/data\n"
    );
    let commits = [
        format!("9b0d3aa71c20 postgres: 17.2, for CVE-2026-10979{words}"),
        "41f2c1e9d0aa postgres: more shared memory".into(),
    ];
    let action = json!({
        "schema": "hlctl.action/v1", "id": "redeploy-nas-postgres", "type": "redeploy", "risk": "guarded", "node": "nas",
        "service": "postgres", "attempt": 3, "drift": null, "plan": null, "history": [], "result": null,
        "hints": [format!("attempt 3: the last one failed: fetch_failed: the registry did not answer{words}")],
        "fetched": {
            "at": now().plus_millis(-4 * MINUTE).to_string(), "from": "0".repeat(40), "to": "9b0d3aa71c".repeat(4),
            "commits": commits, "diff": diff,
        },
    });
    serde_json::from_value(action).unwrap()
}

fn hosts(home: &Home, words: &str) {
    for (node, services) in SERVICES {
        let host = match node {
            "piha" => json!({ "connection": "local" }),
            _ => {
                json!({ "connection": "ssh", "ssh": format!("ops@{node}.lan"), "repo": format!("/srv/homelab{words}") })
            }
        };
        let services: Vec<Value> = services.iter().map(|name| service(name, words)).collect();
        home.put(&format!("hosts/{node}/host.yaml"), host.to_string());
        home.put(&format!("hosts/{node}/services.yaml"), json!({ "services": services }).to_string());
    }
    if !words.is_empty() {
        let broken = json!({ "services": [{ "name": format!("x{words}"), format!("key{words}"): words }] });
        home.put("hosts/broken/services.yaml", broken.to_string());
    }
}

fn service(name: &str, words: &str) -> Value {
    let shell = |text: &str| json!([["sh", "-c", format!("{text} # {words}")]]);
    match name {
        "zigbee2mqtt" => json!({
            "name": name, "runtime": "command",
            "recipes": { "container_restart": shell("echo ' Container zigbee2mqtt  Restarting'; echo ' Container zigbee2mqtt  Started'") },
        }),
        "pihole" => json!({
            "name": name, "runtime": "command",
            "recipes": {
                "redeploy": shell("echo 'Pulling pihole ...'; echo 'error: pull access denied for pihole/pihole, repository does not exist' >&2; exit 18"),
                "container_restart": shell("true"),
            },
        }),
        "mosquitto" => json!({ "name": name, "check": { "mqtt": "127.0.0.1:1883" } }),
        "immich" => json!({
            "name": name, "on_failure": "rollback", "depends_on": ["postgres"],
            "check": { "http": "http://127.0.0.1:2283/api/server/ping", "contains": format!("pong{words}") },
        }),
        _ => {
            json!({ "name": name, "check": { "command": ["curl", "-fsS", format!("http://127.0.0.1:8080/{name}{words}")] } })
        }
    }
}

/// Writes a week: mostly well, with a few breaks, one of them now.
fn events(home: &Home, now: Stamp, words: &str) {
    let mut days = std::collections::BTreeMap::<String, String>::new();
    let mut tell = |ago: i64, mut event: Value| {
        let at = now.plus_millis(-ago);
        event["ts"] = at.to_string().into();
        event["source"] = format!("agent{words}").into();
        *days.entry(at.day()).or_default() += &format!("{event}\n");
    };
    for (n, (node, services)) in SERVICES.into_iter().enumerate() {
        // One node was last heard some time ago.
        let last = if node == "vps" { 40 * MINUTE } else { 5_000 * (n as i64 + 1) };
        for (i, service) in services.iter().enumerate().filter(|(_, s)| **s != "immich") {
            let newest = i64::from(*service == "mosquitto");
            for k in (newest..7 * 48).rev() {
                let ago = last + k * 30 * MINUTE + i as i64 * 700;
                let broken = match *service {
                    "homeassistant" => (6..9).contains(&k) || (200..203).contains(&k),
                    "loki" => k % 29 == 3,
                    "gatus" => (30..41).contains(&k),
                    _ => false,
                };
                tell(
                    ago,
                    if broken { unhealthy(node, service, "check_failed", words) } else { healthy(node, service) },
                );
            }
        }
        tell(
            last + 20,
            json!({ "node": node, "type": "node_heartbeat", "details": { "agent": format!("0.1.0{words}"), "uptime_s": 1_814_400 + n * 86_400 } }),
        );
        let (level, used) = if node == "chelsty-infra" { ("high", 93.1) } else { ("normal", 41.5 + 13.0 * n as f64) };
        tell(
            last + 10,
            json!({ "node": node, "type": "disk_pressure", "level": level, "details": { "used_percent": used, "mount": format!("/{words}") } }),
        );
    }
    tell(12 * MINUTE, unhealthy("piha", "mosquitto", "mqtt_unreachable", ""));
    tell(2_000, unhealthy("piha", "mosquitto", "mqtt_unreachable", ""));
    tell(
        3_000,
        json!({ "node": "nas", "type": "service_status", "service": "watchtower", "status": format!("starting{words}"), "reason": words }),
    );
    tell(HOUR, json!({ "node": "nas", "type": format!("unheard_of{words}"), "id": words }));
    for (day, mut lines) in days {
        if !words.is_empty() {
            lines += &format!("{{\"ts\":\"{words}\n");
        }
        home.put(&format!("events/{day}/a.jsonl"), lines);
    }
}

fn healthy(node: &str, service: &str) -> Value {
    json!({ "node": node, "type": "service_healthy", "service": service })
}

fn unhealthy(node: &str, service: &str, reason: &str, words: &str) -> Value {
    let details = json!({ "last_line": format!("connection refused{words}") });
    json!({
        "node": node, "type": "service_unhealthy", "service": service, "reason": format!("{reason}{words}"), "details": details,
    })
}

/// Returns the time, which the server reads from the same clock.
pub fn now() -> Stamp {
    let date = std::process::Command::new("date").arg("+%s").output().unwrap();
    Stamp::parse_unix(String::from_utf8(date.stdout).unwrap().trim()).unwrap()
}
