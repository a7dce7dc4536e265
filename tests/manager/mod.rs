//! A real systemd: a user's manager, in a mount namespace of its own where it finds what it asks of a machine. Of the
//! machine's own manager, where there is none, nothing is made.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::needs;

const PROGRAM: &str = "/lib/systemd/systemd";

/// A user's manager; ended with its units when it is dropped.
pub struct Manager {
    child: Child,
    run: PathBuf,
}

impl Manager {
    /// Starts one for a home, where it may be.
    pub fn start(home: &Path) -> Option<Manager> {
        if !needs::super_user() || !["unshare", "nsenter", "systemctl"].into_iter().all(needs::program) {
            return None;
        }
        if !needs::there("systemd", Path::new(PROGRAM).exists()) {
            return None;
        }
        let run = home.join("run");
        std::fs::create_dir(&run).unwrap();
        // A manager runs only where the machine seems to be booted with systemd.
        let script = format!("mount -t tmpfs run /run && mkdir -p /run/systemd/system && exec {PROGRAM} --user");
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--propagation", "private", "sh", "-c", &script]);
        unshare.env("XDG_RUNTIME_DIR", &run).env("HOME", home);
        let child = unshare.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let manager = Manager { child, run };
        let end = Instant::now() + Duration::from_secs(60);
        while !manager.run.join("systemd/private").exists() {
            assert!(Instant::now() < end, "the manager has no socket");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(manager)
    }

    /// Returns a command that runs where the manager is, with the environment that it was given and no other.
    pub fn enter(&self, inner: &Command) -> Command {
        let mut command = Command::new("nsenter");
        let target = self.child.id().to_string();
        command.args(["--mount", "--target", &target]).arg(inner.get_program()).args(inner.get_args());
        command.env_clear().env("PATH", needs::var("PATH").unwrap());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("XDG_RUNTIME_DIR", &self.run).stdin(Stdio::null());
        inner.get_current_dir().map(|dir| command.current_dir(dir));
        command
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        let _ = self.child.wait();
    }
}
