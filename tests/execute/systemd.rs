//! Units of a real systemd, restarted and verified.

use std::process::Stdio;

use crate::lab::Lab;
use crate::manager::Manager;

#[test]
fn a_unit_is_restarted_and_its_health_is_what_systemd_says_of_it() {
    let settings = "runtime: systemd, scope: user, min_healthy: 1s, healthy_deadline: 4s";
    let services = ["up", "flaps", "dies", "once"].map(|name| format!("{{name: {name}, {settings}}}"));
    let lab = Lab::new(&format!("[{}]", services.join(", ")));
    let units = lab.path(".config/systemd/user");
    std::fs::create_dir_all(&units).unwrap();
    for (name, unit) in [
        ("up", "ExecStart=/bin/sleep 1000"),
        ("flaps", "ExecStart=/bin/sh -c 'sleep 0.3; exit 3'\nRestart=always\nRestartSec=50ms"),
        ("dies", "ExecStart=/bin/sh -c 'sleep 0.3; exit 3'"),
        ("once", "Type=oneshot\nExecStart=/bin/true"),
    ] {
        let text = format!("[Unit]\nStartLimitIntervalSec=0\n[Service]\n{unit}\n");
        std::fs::write(units.join(format!("{name}.service")), text).unwrap();
    }
    let Some(manager) = Manager::start(&lab.path("")) else { return };
    for (name, reason, word) in [
        ("up", None, ""),
        ("once", None, ""),
        ("flaps", Some("not_healthy_after"), "unit"),
        ("dies", Some("not_healthy_after"), "the unit is failed (exit-code)"),
    ] {
        lab.approve(&[&format!("box/{name}")]);
        let code = manager.enter(&lab.command(&["execute"])).stdout(Stdio::null()).status().unwrap().code();
        let done = lab.show(&format!("redeploy-box-{name}"));
        assert_eq!(code, Some(if reason.is_some() { 4 } else { 0 }), "{done}");
        assert_eq!(done["result"]["reason"].as_str(), reason, "{done}");
        assert!(done["result"]["message"].as_str().unwrap_or_default().contains(word), "{done}");
        assert_eq!(done["result"]["facts"]["verified"].is_string(), reason.is_none(), "{done}");
    }
}
