//! Units of a real systemd: the user's manager, in a mount namespace of its own where it finds what it asks of a
//! machine.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::lab::{Lab, until};
use crate::needs;

const MANAGER: &str = "/lib/systemd/systemd";

/// A user's manager; ended with its units when it is dropped.
struct Manager(Child);

impl Manager {
    fn start(lab: &Lab) -> Option<Manager> {
        if !needs::super_user() || !["unshare", "nsenter", "systemctl"].into_iter().all(needs::program) {
            return None;
        }
        if !needs::there("systemd", Path::new(MANAGER).exists()) {
            return None;
        }
        let run = lab.path("run");
        std::fs::create_dir(&run).unwrap();
        // A manager runs only where the machine seems to be booted with systemd.
        let script = format!("mount -t tmpfs run /run && mkdir -p /run/systemd/system && exec {MANAGER} --user");
        let child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &script])
            .env("XDG_RUNTIME_DIR", &run)
            .env("HOME", lab.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let manager = Manager(child);
        until("the manager's socket", || run.join("systemd/private").exists());
        Some(manager)
    }

    /// Runs hlctl where the manager is.
    fn run(&self, lab: &Lab, argv: &[&str]) -> Option<i32> {
        let hlctl = lab.command(argv);
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.0.id().to_string()]).arg(hlctl.get_program()).args(hlctl.get_args());
        command.env("XDG_RUNTIME_DIR", lab.path("run")).env("HOME", lab.path("")).current_dir(lab.path(""));
        command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap().code()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        let _ = self.0.wait();
    }
}

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
    let Some(manager) = Manager::start(&lab) else { return };
    for (name, reason, word) in [
        ("up", None, ""),
        ("once", None, ""),
        ("flaps", Some("not_healthy_after"), "unit"),
        ("dies", Some("not_healthy_after"), "the unit is failed (exit-code)"),
    ] {
        lab.approve(&[&format!("box/{name}")]);
        let code = manager.run(&lab, &["execute"]);
        let done = lab.show(&format!("redeploy-box-{name}"));
        assert_eq!(code, Some(if reason.is_some() { 4 } else { 0 }), "{done}");
        assert_eq!(done["result"]["reason"].as_str(), reason, "{done}");
        assert!(done["result"]["message"].as_str().unwrap_or_default().contains(word), "{done}");
        assert_eq!(done["result"]["facts"]["verified"].is_string(), reason.is_none(), "{done}");
    }
}
