//! A Docker engine of a test's own, which may be killed and may run out of space: in namespaces of its own, so that
//! nothing of it is left once it ends, and never the machine's.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::ok;
use crate::needs;

pub struct Engine {
    dir: tempfile::TempDir,
    namespaces: Child,
}

impl Engine {
    /// Starts one whose images and containers have so much space (`40m`); none where a part is missing.
    pub fn start(space: &str) -> Option<Engine> {
        if !needs::super_user() || !["dockerd", "docker", "unshare", "mount"].into_iter().all(needs::program) {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), "{}").unwrap();
        let script = format!(
            "cd {} && mkdir data && mount -t tmpfs -o size={space} data data || exit 1\n\
             trap 'kill -KILL $engine' USR1\n\
             while :; do\n  [ -e off ] || {{ dockerd --config-file config.json --data-root $PWD/data --exec-root $PWD/exec \
             --pidfile $PWD/pid --host unix://$PWD/docker.sock --bridge none --iptables=false --ip6tables=false \
             --storage-driver vfs --live-restore >>log 2>&1 & engine=$!; wait $engine; wait $engine; rm -f pid docker.sock; }}\n  \
             sleep 0.1\ndone\n",
            dir.path().display()
        );
        let namespaces = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-c", &script])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let engine = Engine { dir, namespaces };
        engine.wait();
        Some(engine)
    }

    /// Returns where it listens, as `DOCKER_HOST` wants it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    /// Kills it; it stays away until it is revived. What it runs goes on running.
    pub fn kill(&self) {
        std::fs::write(self.path("off"), "").unwrap();
        let children = format!("/proc/{0}/task/{0}/children", self.namespaces.id());
        let init = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(init).unwrap(), Signal::USR1).unwrap();
    }

    pub fn revive(&self) {
        std::fs::remove_file(self.path("off")).unwrap();
        self.wait();
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        while !ok(Command::new("docker").arg("info").env("DOCKER_HOST", self.host())) {
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(Instant::now() < end, "the engine does not answer: {log}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.namespaces.kill();
        let _ = self.namespaces.wait();
    }
}
