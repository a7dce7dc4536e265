//! Passes as they follow one another: what is remembered, what is told again, what is refused.

use std::process::Command;

use crate::lab::{Lab, Pass};
use crate::needs;

/// Services whose health is a file's being there.
fn files(lab: &Lab, names: &[&str]) {
    let mut yaml = String::from("services:\n");
    for name in names {
        let file = lab.path(name);
        yaml += &format!(
            "  - {{name: {name}, runtime: command, check: {{command: [test, -e, '{}']}}, recipes: {{redeploy: [['true']], container_restart: [['true']]}}}}\n",
            file.display()
        );
    }
    lab.services(&yaml);
}

fn kinds(lab: &Lab) -> Vec<String> {
    let short = |e: &serde_json::Value| {
        let kind = e["type"].as_str().unwrap().trim_start_matches("service_");
        format!("{kind}{}", e["service"].as_str().map_or(String::new(), |s| format!(" {s}")))
    };
    lab.events().iter().map(short).collect()
}

#[test]
fn the_world_follows_what_the_passes_tell() {
    let lab = Lab::new();
    files(&lab, &["web", "db"]);
    lab.put("web", "");
    lab.put("db", "");
    let status = || -> serde_json::Value {
        for pass in ["observe", "reconcile"] {
            assert_eq!(lab.run(&[pass]).status.code(), Some(0));
        }
        serde_json::from_slice(&lab.run(&["--json", "status"]).stdout).unwrap()
    };
    assert_eq!(lab.pass().events(), 4, "two services, the disk, a heartbeat");
    let quiet = status();
    assert_eq!((&quiet["services"]["healthy"], quiet["drift"].as_array().unwrap().len()), (&2.into(), 0), "{quiet}");
    let node: serde_json::Value =
        serde_json::from_slice(&std::fs::read(lab.path("root/world/nodes.json")).unwrap()).unwrap();
    let facts = &node["nodes"][0]["details"];
    assert_eq!(facts["agent"], env!("CARGO_PKG_VERSION"));
    assert!(facts["uptime_s"].is_u64() && facts["memory"]["total_mib"].is_u64() && facts["disk"]["mount"].is_string());
    assert!(facts["load"].as_array().is_some_and(|load| load.len() == 3), "{facts}");

    std::fs::remove_file(lab.path("db")).unwrap();
    lab.passes(2);
    let sick = status();
    assert_eq!(sick["drift"][0]["reason"], "check_failed", "{sick}");
    files(&lab, &["web"]);
    lab.pass();
    assert_eq!(kinds(&lab).last().unwrap(), "removed db");
    let gone = status();
    assert_eq!((&gone["services"]["total"], &gone["services"]["unmanaged"]), (&1.into(), &0.into()), "{gone}");
}

#[test]
fn the_memory_is_only_a_hint() {
    let lab = Lab::new();
    files(&lab, &["web"]);
    lab.put("web", "");
    assert_eq!((lab.pass().events(), lab.pass().events()), (3, 0));
    let memory = lab.path("root/state/agent_memory.json");
    let written = std::fs::metadata(&memory).unwrap().modified().unwrap();
    assert_eq!(lab.pass().events(), 0);
    assert_eq!(std::fs::metadata(&memory).unwrap().modified().unwrap(), written, "what did not change is not written");
    for broken in ["", "{", "[]", r#"{"schema":"hlctl.agent/v99"}"#] {
        std::fs::write(&memory, broken).unwrap();
        assert_eq!(lab.pass().events(), 3, "{broken:?} is told anew");
        assert_eq!(lab.pass().events(), 0);
    }
    std::fs::remove_file(&memory).unwrap();
    assert_eq!(lab.pass().events(), 3);
}

#[test]
fn time_goes_by_and_everything_is_told_again() {
    if !needs::program("faketime") {
        return;
    }
    let lab = Lab::new();
    files(&lab, &["web", "db"]);
    lab.put("web", "");
    let at = |time: &str| {
        let hlctl = lab.command(&["--json", "agent"]);
        let mut command = Command::new("faketime");
        command.arg(time).arg(hlctl.get_program()).args(hlctl.get_args()).env_clear();
        command.envs(hlctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Pass::of(&mut command).events()
    };
    assert_eq!(at("2026-11-23 12:00:00"), 3, "web, the disk, a heartbeat");
    assert_eq!(at("2026-11-23 12:01:00"), 1, "db has failed twice");
    assert_eq!(at("2026-11-23 12:04:50"), 0);
    assert_eq!(at("2026-11-23 12:05:00"), 4);
    assert_eq!(at("2026-11-23 12:06:00"), 0);
    assert_eq!(at("2026-11-23 09:00:00"), 4, "a clock that went back puts nothing off");
    lab.put("root/config.yaml", "agent: {refresh: 1m, unhealthy_after: 1}\n");
    assert_eq!(at("2026-11-23 09:01:00"), 4);
}

#[test]
fn an_alias_is_the_node_and_a_broken_host_is_alive() {
    let lab = Lab::new();
    files(&lab, &["web"]);
    lab.put("web", "");
    lab.put("root/hosts/box/host.yaml", "aliases: [node-1]\ndisk: {high: 1}\n");
    let pass = Pass::of(lab.command(&["--json", "agent", "--node", "node-1"]).env_remove("HLCTL_NODE"));
    assert_eq!((pass.code, pass.report["node"].as_str()), (0, Some("box")), "{pass:?}");
    let disk = lab.events().into_iter().find(|e| e["type"] == "disk_pressure").unwrap();
    assert_eq!(disk["level"], "high", "by host.yaml: {disk}");
    lab.services("services: [web, web]\n");
    let before = lab.events().len();
    assert_eq!((lab.pass().code, lab.events().len()), (1, before), "the disk is as high as it was");
    std::fs::remove_file(lab.path("root/state/agent_memory.json")).unwrap();
    let before = lab.events().len();
    let pass = lab.pass();
    assert_eq!(pass.code, 1);
    assert!(pass.err.contains("stands twice"), "{}", pass.err);
    let new = kinds(&lab).split_off(before);
    assert_eq!(new, ["disk_pressure", "node_heartbeat"], "what it should watch is not known");
}

#[test]
fn a_second_agent_says_that_one_is_running() {
    let lab = Lab::new();
    files(&lab, &["web"]);
    std::fs::create_dir_all(lab.path("root/state")).unwrap();
    let lock = std::fs::File::create(lab.path("root/state/agent.lock")).unwrap();
    lock.lock().unwrap();
    let output = lab.run(&["agent"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("another agent is running"));
    assert!(lab.events().is_empty());
}

#[test]
fn wrong_uses_say_what_to_do_and_write_nothing() {
    let lab = Lab::new();
    files(&lab, &["web"]);
    for (words, code, message) in [
        (&["agent", "--node", "bok"][..], 1, "did you mean `--node box`?"),
        (&["agent", "--node", "elsewhere"], 1, "hlctl agent --discover --node elsewhere"),
        (&["agent", "--node", "../box"], 2, "is not a name"),
        (&["agent", "--every", "fast"], 2, "not a duration"),
        (&["agent", "--hosts", "/no/such"], 1, "there is no host folder"),
    ] {
        let output = lab.run(words);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {err}");
        assert!(err.contains(message), "{words:?}: {err}");
    }
    let mut nowhere = Command::new(env!("CARGO_BIN_EXE_hlctl"));
    let output = nowhere.args(["--root", "/no/such/root", "agent"]).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    lab.put("root/config.yaml", "agent: {refresh: soon}\n");
    assert_eq!(lab.run(&["agent"]).status.code(), Some(1));
    assert!(lab.events().is_empty());
}
