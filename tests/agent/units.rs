//! Units of a real systemd, as the agent tells of them.

use std::process::Command;

use crate::lab::{Lab, Pass, becomes};
use crate::manager::Manager;
use crate::needs;

fn systemctl(manager: &Manager, words: &[&str]) -> String {
    let mut systemctl = Command::new("systemctl");
    systemctl.arg("--user").args(words);
    String::from_utf8(manager.enter(&systemctl).output().unwrap().stdout).unwrap()
}

const STAYS: &str = "ExecStart=/bin/sleep 1000";

#[test]
fn units_are_what_systemd_says_of_them() {
    let lab = Lab::new();
    let mut yaml = String::from("services:\n");
    for (name, unit) in [
        ("up", STAYS),
        ("stopped", STAYS),
        ("dies", "ExecStart=/bin/sh -c 'exit 3'"),
        ("loops", "ExecStart=/bin/sh -c 'exit 4'\nRestart=always\nRestartSec=1h"),
        ("starts", "Type=notify\nExecStart=/bin/sleep 1000\nTimeoutStartSec=1h"),
        ("slow", "ExecStart=/bin/sh -c 'sleep 5; exit 1'\nRestart=always\nRestartSec=100ms\nStartLimitIntervalSec=0"),
        ("once", "Type=oneshot\nExecStart=/bin/true"),
        ("fails-once", "Type=oneshot\nExecStart=/bin/false"),
    ] {
        let text = format!("[Service]\n{unit}\n[Install]\nWantedBy=default.target\n");
        lab.put(&format!(".config/systemd/user/{name}.service"), text);
        yaml += &format!("  - {{name: {name}, runtime: systemd, scope: user}}\n");
    }
    lab.services(&(yaml + "  - {name: gone, runtime: systemd, scope: user}\n"));
    let Some(manager) = Manager::start(&lab.path("")) else { return };
    systemctl(&manager, &["start", "--no-block", "up", "dies", "loops", "starts", "once", "fails-once", "slow"]);
    let state = |unit: &str| systemctl(&manager, &["show", "--value", "--property=ActiveState,SubState", unit]);
    assert!(becomes(|| state("dies").contains("failed") && state("fails-once").contains("failed")));
    assert!(becomes(|| state("loops").contains("auto-restart") && state("starts").contains("activating")));
    assert!(becomes(|| state("up").contains("running") && state("once").contains("inactive")));

    let agent = lab.command(&["--json", "agent"]);
    Pass::of(&mut manager.enter(&agent));
    let pass = Pass::of(&mut manager.enter(&agent));
    assert_eq!(pass.code, 0, "{pass:?}");
    for (unit, found, told) in [
        ("up", "healthy", "healthy"),
        ("once", "healthy", "healthy"),
        ("stopped", "containers_not_running", "containers_not_running"),
        ("dies", "containers_not_running", "containers_not_running"),
        ("loops", "containers_not_running", "containers_not_running"),
        ("fails-once", "containers_not_running", "containers_not_running"),
        ("starts", "starting", "nothing"),
        ("gone", "absent", "removed"),
    ] {
        assert_eq!(pass.found(unit), found, "{unit}: {}", pass.seen(unit));
        assert_eq!(lab.told(unit), told, "{unit}: {pass:?}");
    }
    assert!(pass.seen("dies").contains("exit code 3") && pass.seen("loops").contains("exit code 4"), "{pass:?}");

    // What never gets beyond starting is told in the end.
    let memory = lab.path("root/state/agent_memory.json");
    let mut remembered: serde_json::Value = serde_json::from_slice(&std::fs::read(&memory).unwrap()).unwrap();
    remembered["services"]["starts"]["starting_since"] = "2026-01-01T00:00:00Z".into();
    std::fs::write(&memory, remembered.to_string()).unwrap();
    Pass::of(&mut manager.enter(&agent));
    assert_eq!(lab.told("starts"), "status");
    assert_eq!((lab.run(&["observe"]).status.code(), lab.run(&["reconcile"]).status.code()), (Some(0), Some(0)));
    let drift = std::fs::read_to_string(lab.path("root/world/drift.json")).unwrap();
    assert!(drift.contains("unhealthy_service") && drift.contains("\"starts\""), "{drift}");

    // A loop that is slower than the passes, met while it runs.
    assert!((0..60).any(|_| {
        std::thread::sleep(std::time::Duration::from_secs(2));
        Pass::of(&mut manager.enter(&agent));
        lab.told("slow") == "containers_not_running"
    }));
    for _ in 0..4 {
        std::thread::sleep(std::time::Duration::from_secs(2));
        let pass = Pass::of(&mut manager.enter(&agent));
        assert_eq!((pass.found("slow"), pass.found("up")), ("containers_not_running".into(), "healthy".into()));
    }
    systemctl(&manager, &["stop", "slow"]);

    // What a person enabled is what is discovered; what does not run is a comment.
    systemctl(&manager, &["enable", "up", "once", "dies"]);
    std::fs::remove_dir_all(lab.path("root/hosts/box")).unwrap();
    let found = Pass::of(&mut manager.enter(&lab.command(&["--json", "agent", "--discover"])));
    let services: Vec<&str> = found.report["services"].as_array().unwrap().iter().filter_map(|s| s.as_str()).collect();
    assert!(services.contains(&"up") && services.contains(&"once") && !services.contains(&"dies"), "{found:?}");
    let text = std::fs::read_to_string(lab.path("root/hosts/box/services.yaml")).unwrap();
    assert!(text.contains("# - name: dies") && text.contains("scope: user"), "{text}");
}

#[test]
fn of_a_manager_that_does_not_run_nothing_is_known() {
    if !needs::program("systemctl") {
        return;
    }
    let lab = Lab::new();
    lab.services(
        "services:\n  - {name: a-unit, runtime: systemd, scope: user}\n\
         \x20 - {name: checked, runtime: systemd, scope: user, check: {command: ['true']}}\n",
    );
    let pass = lab.passes(2);
    assert_eq!((pass.code, pass.found("a-unit").as_str()), (1, "unknown"), "{pass:?}");
    assert!(pass.err.contains("nothing is known of a-unit: "), "{}", pass.err);
    assert_eq!(lab.told("a-unit"), "nothing");
    assert_eq!(pass.found("checked"), "healthy", "its check speaks for it");
}
