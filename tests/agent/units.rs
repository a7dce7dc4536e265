//! Units of a real systemd: the user's manager, in a mount namespace of its own where it finds what it asks of a
//! machine. Of the machine's own manager, where there is none, nothing is made.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::lab::{Lab, Pass, becomes};
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
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--propagation", "private", "sh", "-c", &script]);
        unshare.env("XDG_RUNTIME_DIR", &run).env("HOME", lab.path(""));
        let child = unshare.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let manager = Manager(child);
        assert!(becomes(|| run.join("systemd/private").exists()), "the manager has no socket");
        Some(manager)
    }

    /// Returns a command that runs where the manager is.
    fn enter(&self, lab: &Lab, inner: &Command) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.0.id().to_string()]).arg(inner.get_program()).args(inner.get_args());
        command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("XDG_RUNTIME_DIR", lab.path("run")).stdin(Stdio::null());
        command
    }

    fn systemctl(&self, lab: &Lab, words: &[&str]) -> String {
        let mut systemctl = Command::new("systemctl");
        systemctl.arg("--user").args(words).env("PATH", needs::var("PATH").unwrap());
        let output = self.enter(lab, &systemctl).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        let _ = self.0.wait();
    }
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
        ("once", "Type=oneshot\nExecStart=/bin/true"),
        ("fails-once", "Type=oneshot\nExecStart=/bin/false"),
    ] {
        let text = format!("[Service]\n{unit}\n[Install]\nWantedBy=default.target\n");
        lab.put(&format!(".config/systemd/user/{name}.service"), text);
        yaml += &format!("  - {{name: {name}, runtime: systemd, scope: user}}\n");
    }
    lab.services(&(yaml + "  - {name: gone, runtime: systemd, scope: user}\n"));
    let Some(manager) = Manager::start(&lab) else { return };
    manager.systemctl(&lab, &["start", "--no-block", "up", "dies", "loops", "starts", "once", "fails-once"]);
    let state = |unit: &str| manager.systemctl(&lab, &["show", "--value", "--property=ActiveState,SubState", unit]);
    assert!(becomes(|| state("dies").contains("failed") && state("fails-once").contains("failed")));
    assert!(becomes(|| state("loops").contains("auto-restart") && state("starts").contains("activating")));
    assert!(becomes(|| state("up").contains("running") && state("once").contains("inactive")));

    let agent = lab.command(&["--json", "agent"]);
    Pass::of(&mut manager.enter(&lab, &agent));
    let pass = Pass::of(&mut manager.enter(&lab, &agent));
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

    // What a person enabled is what is discovered; what does not run is a comment.
    manager.systemctl(&lab, &["enable", "up", "once", "dies"]);
    std::fs::remove_dir_all(lab.path("root/hosts/box")).unwrap();
    let found = Pass::of(&mut manager.enter(&lab, &lab.command(&["--json", "agent", "--discover"])));
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
