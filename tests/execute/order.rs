//! Dependencies, nodes that are away, maintenance windows.

use crate::lab::{Lab, service};

#[test]
fn a_dependency_runs_before_what_depends_on_it_on_another_node() {
    let lab = Lab::new("[]");
    let mark = lab.path("order").display().to_string();
    let says = |name: &str, more: &str| service(name, &format!("echo {name} >>{mark}; sleep 0.2"), more);
    lab.host(
        "box",
        "connection: local",
        &format!("[{}, {}]", says("app", ", depends_on: [cellar/db]"), says("web", ", depends_on: [app]")),
    );
    lab.host("cellar", "connection: local", &format!("[{}]", says("db", "")));
    lab.approve(&["box/web", "box/app", "cellar/db"]);
    lab.ok(&["execute"]);
    assert_eq!(lab.read("order"), "db\napp\nweb\n");
}

#[test]
fn nodes_run_side_by_side_and_the_actions_of_one_after_each_other() {
    let lab = Lab::new("[]");
    let at = |name: &str| lab.path(name).display().to_string();
    // Each of the first two ends only once the other one runs, too.
    let meets = |own: &str, other: &str| {
        let script = format!("touch {}; until [ -e {} ]; do sleep 0.05; done", at(own), at(other));
        service("meets", &script, ", timeout: 60s")
    };
    // Whoever finds the folder there is not alone on the node.
    let alone = |name: &str| service(name, &format!("mkdir {0} && sleep 0.2 && rmdir {0}", at("alone")), "");
    let local = "connection: local";
    lab.host("box", local, &format!("[{}, {}, {}]", meets("one", "two"), alone("first"), alone("second")));
    lab.host("cellar", local, &format!("[{}]", meets("two", "one")));
    lab.approve(&["box/meets", "cellar/meets", "box/first", "box/second"]);
    lab.ok(&["execute", "--jobs", "2"]);
    for id in ["redeploy-box-meets", "redeploy-cellar-meets", "redeploy-box-first", "redeploy-box-second"] {
        assert_eq!(lab.show(id)["state"], "completed", "{id}");
    }
    // With one job no two nodes are worked on at once.
    lab.host("box", local, &format!("[{}]", alone("first")));
    lab.host("cellar", local, &format!("[{}]", alone("first")));
    lab.approve(&["box/first", "cellar/first"]);
    lab.ok(&["execute", "--jobs", "1"]);
}

#[test]
fn what_depends_on_a_failed_action_stays_approved() {
    let lab = Lab::new("[]");
    let services = [
        service("db", "exit 1", ""),
        service("app", "true", ", depends_on: [db]"),
        service("web", "true", ", depends_on: [app]"),
        service("other", "true", ""),
    ];
    lab.host("box", "connection: local", &format!("[{}]", services.join(", ")));
    lab.approve(&["box/web", "box/app", "box/db", "box/other"]);
    let report = lab.json(&["execute"]);
    assert!(report["left"]["redeploy-box-app"].as_str().unwrap().contains("depends on redeploy-box-db"), "{report}");
    assert!(report["left"]["redeploy-box-web"].is_string(), "{report}");
    assert_eq!(lab.show("redeploy-box-other")["state"], "completed");
    assert_eq!(lab.show("redeploy-box-web")["state"], "approved");
}

#[test]
fn a_node_that_cannot_be_reached_is_tried_once() {
    let lab = Lab::new("[]");
    lab.host("away", "ssh: nobody@127.0.0.1", "[{name: a, runtime: systemd}, {name: b, runtime: systemd}]");
    let bin = lab.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let ssh = bin.join("ssh");
    let text = "#!/bin/sh\necho x >>\"$HOME/tries\"\necho 'ssh: connect to host 127.0.0.1 port 22: Connection refused' >&2\nexit 255\n";
    std::fs::write(&ssh, text).unwrap();
    std::fs::set_permissions(&ssh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    lab.approve(&["away/a", "away/b"]);
    #[expect(clippy::disallowed_methods, reason = "a stand-in for ssh comes first on PATH")]
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = lab.command(&["--json", "execute"]).env("PATH", path).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert_eq!(lab.read("tries"), "x\n");
    assert_eq!(lab.show("redeploy-away-a")["result"]["reason"], "ssh_unreachable");
    assert_eq!(lab.show("redeploy-away-b")["state"], "approved");
}

#[test]
fn approved_actions_wait_for_their_window() {
    let lab = Lab::new(&format!("[{}]", service("web", "true", "")));
    lab.approve(&["box/web"]);
    // A window that is never open: it begins and ends within a minute twelve hours from now.
    let hour = |offset: u32| {
        let output =
            std::process::Command::new("date").args(["-u", "-d", &format!("+{offset} hours"), "+%H"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    lab.config(&format!("policy: {{windows: [{{nodes: [box], from: \"{0}:00\", to: \"{0}:01\"}}]}}\n", hour(12)));
    let report = lab.json(&["execute"]);
    assert!(report["waiting"]["redeploy-box-web"].as_str().unwrap().contains("opens at"), "{report}");
    assert_eq!(lab.show("redeploy-box-web")["state"], "approved");
    assert_eq!(lab.json(&["status"])["passes"]["execute"]["ok"], true, "waiting is no failure");
    lab.config(&format!(
        "policy: {{windows: [{{nodes: [box], from: \"{}:00\", to: \"{}:00\"}}]}}\n",
        hour(23),
        hour(2)
    ));
    lab.ok(&["execute"]);
    assert_eq!(lab.show("redeploy-box-web")["state"], "completed");
}

#[test]
fn a_window_knows_its_node_by_each_name_and_one_for_no_node_is_said_in_each_pass() {
    let never = |node: &str| {
        // It is open for a minute, some day in the week that is not today's or tomorrow's.
        let output = std::process::Command::new("date").args(["-u", "-d", "+3 days", "+%a"]).output().unwrap();
        let day = String::from_utf8(output.stdout).unwrap().trim().to_lowercase();
        format!("policy:\n  windows:\n  - {{nodes: [{node}], from: \"02:00\", to: \"02:01\", days: [{day}]}}\n")
    };
    let lab = Lab::new("[]");
    let one = format!("[{}]", service("web", "true", ""));
    lab.host("box", "connection: local\naliases: [node-1]", &one);
    lab.approve(&["box/web"]);
    let with_map = |argv: &[&str]| {
        let output = lab.command(argv).env("NODE_ALIAS_MAP", r#"{"node-2":"box"}"#).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for name in ["box", "node-1", "node-2"] {
        lab.config(&never(name));
        for argv in [&["execute", "--dry-run"][..], &["execute"], &["check"]] {
            let (code, said) = with_map(argv);
            assert!(code == Some(0) && !said.contains("windows"), "{name} {argv:?}: {said}");
        }
        assert_eq!(lab.show("redeploy-box-web")["state"], "approved", "{name}");
    }
    // A broken host may have any alias. It waits in any case.
    std::fs::write(lab.path("hosts/box/host.yaml"), "aliases: [").unwrap();
    lab.config(&never("node-3"));
    let (code, said) = with_map(&["execute"]);
    assert!(code == Some(1) && !said.contains("node-3"), "{said}");
    assert_eq!(lab.show("redeploy-box-web")["state"], "approved");
    lab.host("box", "connection: local", &one);
    lab.config(&never("bxo"));
    for argv in [&["execute", "--dry-run"][..], &["check"], &["execute"]] {
        let (code, said) = with_map(argv);
        let expected = "config.yaml: line 3, column 14: `policy.windows` names bxo, which is no node of hosts/";
        assert!(code == Some(1) && said.contains(expected) && said.contains("did you mean `box`?"), "{argv:?}: {said}");
    }
    assert_eq!(
        lab.show("redeploy-box-web")["state"],
        "completed",
        "no node waits for a window that is none of its own"
    );
    assert_eq!(lab.json(&["status"])["passes"]["execute"]["ok"], false);
}

#[test]
fn a_roll_back_that_a_runtime_does_not_have_is_said_to_be_missing() {
    let lab =
        Lab::new(&format!("[{}]", service("web", "exit 3", ", check: {command: [\"true\"]}, on_failure: rollback")));
    lab.approve(&["box/web"]);
    assert_eq!(lab.run(&["execute"]).status.code(), Some(4));
    let done = lab.show("redeploy-box-web");
    assert_eq!(done["result"]["reason"], "step_failed", "{done}");
    assert_eq!(done["result"]["hints"], serde_json::json!(["nothing_to_roll_back_to"]), "{done}");
}
