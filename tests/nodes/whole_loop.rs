//! The whole loop: a container dies on one node, and the only person in it is the one who says yes.

use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::lab::{Lab, becomes, output, works};
use crate::needs;

/// A project of one container on the machine's engine; undone with its end.
struct Project {
    name: String,
}

impl Project {
    /// Starts it in a folder of `edge`; none where there is no engine.
    fn can() -> bool {
        ["docker", "docker-compose", "busybox"].into_iter().all(needs::program)
            && needs::there("Docker engine that answers", works("docker", &["info"]))
    }

    fn start(lab: &Lab, name: String) -> Project {
        let folder = format!("edge/repo/services/{name}");
        let busybox = output("sh", &["-c", "command -v busybox"], Path::new("/"));
        std::fs::create_dir_all(lab.path(&folder)).unwrap();
        std::fs::copy(busybox, lab.path(&format!("{folder}/busybox"))).unwrap();
        lab.put(
            &format!("{folder}/Dockerfile"),
            "FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT [\"/bin/busybox\"]\n",
        );
        let script = "trap exit TERM; while :; do /bin/busybox sleep 0.2; done";
        let compose = format!(
            "version: '2.4'\nservices:\n  web: {{build: ., image: {name}, network_mode: none, command: [sh, -c, '{script}']}}\n"
        );
        lab.put(&format!("{folder}/docker-compose.yml"), compose);
        let project = Project { name };
        output("docker-compose", &["up", "-d", "--build"], &lab.path(&folder));
        project
    }

    fn container(&self) -> String {
        let filter = format!("label=com.docker.compose.project={}", self.name);
        output("docker", &["ps", "-aq", "--filter", &filter], Path::new("/"))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        for id in self.container().split_whitespace() {
            works("docker", &["rm", "-f", id]);
        }
        works("docker", &["rmi", "-f", &self.name]);
    }
}

#[test]
fn a_killed_container_is_noticed_approved_mended_and_seen_on_the_mirror() {
    if !Project::can() {
        return;
    }
    let name = format!("hln{}", std::process::id());
    let Some(lab) = Lab::new("", &format!("services:\n  - {name}\n")) else { return };
    let project = Project::start(&lab, name.clone());
    let operator = lab.token("vps", &["oskar"]);
    lab.token("edge", &["edge", "--agent"]);
    let token = lab.path("edge/token").display().to_string();
    let (_serve, _shown) = (lab.serve(), lab.serve_on("piha"));
    let _running = [
        lab.start("vps", &[], &["observe", "--every", "2s"]),
        lab.start("vps", &[], &["reconcile", "--every", "2s"]),
        lab.start("vps", &[], &["execute", "--every", "2s"]),
        lab.start("edge", &[], &["agent", "--every", "2s", "--to", "http://vps:18180", "--token-file", &token]),
        lab.start("piha", &[], &["mirror", "--every", "2s", "--from", "http://vps:18180"]),
    ];
    assert!(becomes(|| lab.status("piha", &name) == "healthy"), "the mirror shows it before anything is broken");

    let began = Instant::now();
    let mut steps: Vec<(&str, f64)> = Vec::new();
    let mut step = |what| steps.push((what, began.elapsed().as_secs_f64()));
    output("docker", &["kill", &project.container()], Path::new("/"));
    let id = format!("container-restart-edge-{name}");
    let state = |state: &str| lab.at("vps", &format!("actions/{state}/{id}.json")).exists();
    assert!(becomes(|| state("pending")), "queued");
    step("queued");
    approve(&lab, &operator, &id);
    assert!(!state("pending"));
    step("approved");
    // Healthy again: the mirror may not have heard yet that it was not.
    let is_again = |row: Value| row["status"] == "healthy" && !row["last_unhealthy"].is_null();
    assert!(becomes(|| is_again(lab.row("piha", &name))), "healthy on the mirror");
    step("healthy on the mirror");
    assert!(becomes(|| state("completed") || state("failed")), "ended");
    step("verified");
    assert!(becomes(|| {
        let summary: Value = serde_json::from_str(&lab.read("piha", "world/summary.json")).unwrap_or_default();
        summary["healthy"] == true && lab.read("vps", "world/drift.json") == lab.read("piha", "world/drift.json")
    }));
    step("all well on the mirror");
    // What a person sees who looks at the mirror.
    assert!(becomes(|| {
        let summary = lab.net.ask_on("piha", "GET", "/summary", &[], "").body;
        let summary: Value = serde_json::from_str(&summary).unwrap_or_else(|e| panic!("{e}: {summary}"));
        assert_eq!(summary["mirror"]["from"], "http://vps:18180", "{summary:#}");
        summary["healthy"] == true && summary["actions"]["completed"] == 1
    }));
    let page = lab.net.ask_on("piha", "GET", &format!("/services/edge/{name}"), &[], "");
    let is_shown = ["mirror of <a href", "healthy", &name].into_iter().all(|words| page.body.contains(words));
    assert!(page.status == 200 && is_shown, "{page:?}");
    let status = lab.ok("piha", &["status"]);
    assert!(status.contains("mirror of http://vps:18180, heard "), "{status}");

    let action = lab.json("vps", &["show", &id]);
    assert!(state("completed"), "{action:#}");
    let plan = &action["plan"]["steps"][0];
    assert_eq!(plan["on"], "root@edge", "{action:#}");
    assert_eq!(
        output("docker", &["ps", "-q", "--filter", &format!("name={name}")], Path::new("/")),
        project.container()[..12]
    );
    lab.ok("vps", &["audit", "verify"]);
    let audit = lab.ok("vps", &["audit"]);
    assert!(audit.contains("oskar") && audit.contains("web"), "{audit}");
    lab.assert_calm();
    // The bar is 30 s; a busy machine is no error.
    eprintln!("the whole loop, seconds after the kill:");
    steps.iter().for_each(|(what, at)| eprintln!("{at:6.1}  {what}"));
    assert!(began.elapsed().as_secs() < 240);
}

/// Logs in on the control plane's page and sends the form of an action, as its browser does.
fn approve(lab: &Lab, token: &str, id: &str) {
    let origin = "Origin: http://vps:18180";
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let login = lab.net.ask("POST", "/login", &[origin, kind], &format!("token={token}"));
    assert_eq!(login.status, 303, "{login:?}");
    let cookie = login.head.lines().find_map(|l| l.split_once("ookie: ")).unwrap().1.split(';').next().unwrap();
    let cookie = format!("Cookie: {cookie}");
    let page = lab.net.ask("GET", &format!("/actions/{id}"), &[&cookie], "");
    assert_eq!(page.status, 200, "{page:?}");
    let form = page.body.split_once(&format!("/actions/{id}/approve\"")).unwrap_or_else(|| panic!("{page:?}")).1;
    let field = |name: &str| {
        let rest = form.split_once(&format!("name=\"{name}\" value=\"")).unwrap().1;
        rest.split('"').next().unwrap().to_owned()
    };
    let form = format!("csrf={}&digest={}", field("csrf"), field("digest"));
    let done = lab.net.ask("POST", &format!("/actions/{id}/approve"), &[origin, &cookie, kind], &form);
    assert_eq!(done.status, 303, "{done:?}");
}
