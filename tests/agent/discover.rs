//! `agent --discover` on the engine's running projects: what it writes is accepted, watched, and finds no drift.

use std::process::Command;

use serde_json::Value;

use crate::lab::{Lab, Pass, becomes};
use crate::needs;

const SERVES: &str = "command: [sh, -c, 'trap exit TERM; busybox httpd -p 80 -h /; while :; do sleep 0.2; done']";

/// Removes what other tests' projects on this engine put into the files, so that only this lab's stays.
fn own(lab: &Lab, text: &str) -> Vec<Value> {
    let file: Value = serde_yaml::from_str(text).unwrap();
    let services = file["services"].as_array().unwrap().clone();
    let name = |s: &Value| s["name"].as_str().or(s.as_str()).unwrap_or_default().to_owned();
    services.into_iter().filter(|s| name(s).starts_with(&lab.prefix)).collect()
}

#[test]
fn what_runs_here_is_written_accepted_and_without_drift() {
    let Some(lab) = Lab::with_docker() else { return };
    if !needs::program("git") {
        return;
    }
    std::fs::remove_dir_all(lab.path("root/hosts/box")).unwrap();
    let name = |kind: &str| format!("{}{kind}", lab.prefix);
    // A port of the engine's choice would be another one after a restart.
    let bound = (20_000..30_000).find_map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).ok());
    let free = bound.unwrap().local_addr().unwrap();
    lab.project(&name("web"), &[("web", &format!("{SERVES}, ports: ['{free}:80']"))]);
    lab.project(&name("odd"), &[("web", &format!("{SERVES}, network_mode: none"))]);
    lab.output(Command::new("git").args(["init", "-q"]).arg(lab.path("repo")));
    for kind in ["web", "odd"] {
        let project = if kind == "odd" { name("renamed") } else { name("web") };
        lab.compose(&name(kind), &["--project-name", &project, "up", "-d"]);
    }
    // A project that no repository holds.
    lab.project(&name("away"), &[("web", &format!("{SERVES}, network_mode: none"))]);
    std::fs::rename(lab.path("repo/services").join(name("away")), lab.path("away")).unwrap();
    lab.output(
        Command::new("docker-compose")
            .args(["--project-name", &name("away"), "up", "-d"])
            .current_dir(lab.path("away")),
    );
    assert!(becomes(|| std::net::TcpStream::connect(free).is_ok()));

    let discover = |more: &[&str]| lab.run(&[&["agent", "--discover"], more].concat());
    let dry = discover(&["--dry-run"]);
    assert!(dry.status.success(), "{dry:?}");
    assert!(!lab.path("root/hosts/box").exists(), "nothing is written");
    let written = discover(&[]);
    assert!(written.status.success(), "{written:?}");
    let path = lab.path("root/hosts/box/services.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let found = own(&lab, &text);
    let names: Vec<&str> = found.iter().map(|s| s["name"].as_str().or(s.as_str()).unwrap()).collect();
    assert_eq!(names, [name("away"), name("renamed"), name("web")], "{text}");
    assert_eq!(found[0]["containers"][0], format!("{}_web_1", name("away")));
    assert_eq!(found[1]["compose"], format!("services/{}", name("odd")));
    assert_eq!(found[1]["project"], name("renamed"));
    assert_eq!(found[2]["check"]["tcp"], free.to_string());
    let host = std::fs::read_to_string(lab.path("root/hosts/box/host.yaml")).unwrap();
    assert!(host.contains(&format!("repo: {}", lab.path("repo").display())), "{host}");

    // The very files that were written. Other tests' containers come and go on this engine.
    for words in [&["check"][..], &["agent"], &["observe"], &["reconcile"]] {
        let output = lab.run(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
    }
    let status: Value = serde_json::from_slice(&lab.run(&["--json", "status"]).stdout).unwrap();
    let is_own = |drift: &&Value| drift["service"].as_str().is_some_and(|s| s.starts_with(&lab.prefix));
    assert_eq!(status["drift"].as_array().unwrap().iter().find(is_own), None, "{status}");
    let healthy = lab.events().into_iter().filter(|e| e["type"] == "service_healthy" && is_own(&e)).count();
    assert_eq!(healthy, 3, "{text}");
    for service in ["web", "away"] {
        closes_the_loop(&lab, &name(service));
    }
    // Nothing can be pulled, so that each has a recipe of its own.
    for service in ["web", "away"] {
        redeploys(&lab, &name(service));
    }

    // What a person wrote stays, and what is new follows it.
    let (web, renamed) = (name("web"), name("renamed"));
    for (mine, is_list) in [
        (format!("# my own words\nservices:\n- {web}   # the page\n"), true),
        (
            format!(
                "services:\n    # the page\n    - name: {web}\n      # not yet\n      monitor: false\n\n    # the mail\n    - mail\n# the end\n"
            ),
            true,
        ),
        (
            format!(
                "services:\n    # the page\n    {web}:\n        monitor: false\n    # the mail\n    mail:\n# the end\n"
            ),
            false,
        ),
    ] {
        let merged = merge(&lab, &mine);
        assert!(merged.starts_with(&mine), "{merged}");
        let wanted = if is_list { format!("    - name: {renamed}\n") } else { format!("    {renamed}:\n") };
        let wanted = if mine.contains("\n- ") { wanted.trim_start() } else { &wanted };
        assert!(merged.contains(wanted), "no {wanted:?} in {merged}");
    }
    for mine in
        [format!("services: [mail, {web}] # mine\n"), format!("services: {{mail: , {web}: {{monitor: false}}}}\n")]
    {
        let merged = merge(&lab, &mine);
        let (first, end) = mine.split_at(mine.rfind([']', '}']).unwrap());
        assert!(merged.starts_with(&format!("{first}, ")) && merged.contains(end), "{merged}");
    }
    assert_eq!(std::fs::read_to_string(lab.path("root/hosts/box/host.yaml")).unwrap(), host);
    lab.services(&format!("{{services: [{web}]}}\n"));
    let refused = discover(&[]);
    assert_eq!(refused.status.code(), Some(1));
    let err = String::from_utf8(refused.stderr).unwrap();
    assert!(err.contains("no line that begins") && err.contains("help: write one service a line"), "{err}");

    // Once there is something to pull from, a redeploy does.
    upstream(&lab);
    std::fs::remove_dir_all(lab.path("root/hosts/box")).unwrap();
    assert!(discover(&[]).status.success());
    let text = std::fs::read_to_string(&path).unwrap();
    let recipes: Vec<bool> = own(&lab, &text).iter().map(|s| s["recipes"].is_object()).collect();
    assert_eq!(recipes, [true, false, false], "{text}");
    redeploys(&lab, &web);
    assert!(lab.path("repo/pulled").exists());
}

/// Merges what runs here into a file, and lets `check` read the result.
fn merge(lab: &Lab, mine: &str) -> String {
    lab.services(mine);
    for words in [&["agent", "--discover"][..], &["check"]] {
        let output = lab.run(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
    }
    std::fs::read_to_string(lab.path("root/hosts/box/services.yaml")).unwrap()
}

/// Lets a service be redeployed, and looks whether its container is another one.
fn redeploys(lab: &Lab, service: &str) {
    let container = || lab.docker(&["inspect", "--format", "{{.Id}}", &format!("{service}_web_1")]);
    let before = container();
    let action = format!("redeploy-box-{service}");
    for words in [&["request", "redeploy", "box", service][..], &["approve", &action], &["execute"]] {
        let output = lab.run(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?} {:?}", lab.run(&["logs", &action]));
    }
    assert_ne!(container(), before);
    assert_eq!(lab.pass().found(service), "healthy");
}

/// Gives the repository a remote that is a commit ahead of it.
fn upstream(lab: &Lab) {
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=o", "-c", "user.email=o@x", "-c", "core.hooksPath=/dev/null"]);
        lab.output(git.args(words).current_dir(lab.path("repo")));
    };
    let origin = lab.path("origin.git").display().to_string();
    git(&["add", "--all"]);
    git(&["commit", "-qm", "one"]);
    git(&["clone", "-q", "--bare", ".", &origin]);
    git(&["remote", "add", "origin", &origin]);
    git(&["fetch", "-q", "origin"]);
    lab.put("repo/pulled", "");
    git(&["add", "--all"]);
    git(&["commit", "-qm", "two"]);
    git(&["push", "-q", "-u", "origin", "HEAD"]);
    git(&["reset", "-q", "--hard", "HEAD^"]);
}

/// Kills a service's container, and lets the passes bring it back.
fn closes_the_loop(lab: &Lab, service: &str) {
    lab.docker(&["kill", &format!("{service}_web_1")]);
    assert_eq!(lab.passes(2).found(service), "containers_not_running");
    for words in
        [&["observe"][..], &["reconcile"], &["approve", &format!("container-restart-box-{service}")], &["execute"]]
    {
        let output = lab.run(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
    }
    let pass = lab.pass();
    assert_eq!((pass.found(service).as_str(), lab.told(service).as_str()), ("healthy", "healthy"), "{pass:?}");
}

#[test]
fn wrong_uses_of_discover_say_what_to_do() {
    let lab = Lab::new();
    let broken = "services:\n  - a\n  - a\n";
    lab.services(broken);
    for (words, code, message) in [
        (&["agent", "--discover"][..], 1, "stands twice"),
        (&["agent", "--discover", "--hosts", "/no/such"], 1, "hlctl init"),
        (&["agent", "--discover", "--every", "1m"], 2, "cannot be used with"),
        (&["agent", "--discover", "--node", "a/b"], 2, "is not a name"),
    ] {
        let pass = Pass::of(&mut lab.command(words));
        assert_eq!(pass.code, code, "{words:?}: {}", pass.err);
        assert!(pass.err.contains(message), "{words:?}: {}", pass.err);
    }
    assert_eq!(std::fs::read_to_string(lab.path("root/hosts/box/services.yaml")).unwrap(), broken);
}
