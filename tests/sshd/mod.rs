//! An sshd on loopback with keys of its own, and an `ssh` on PATH that knows it under several names.
#![allow(clippy::allow_attributes, reason = "each test uses another part of this")]
#![allow(dead_code, reason = "each test uses another part of this")]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The names under which its `ssh` reaches it, or does not.
pub const GOOD: &str = "good";
pub const FISH: &str = "fish";
pub const NOISY: &str = "noisy";
pub const SHARED: &str = "shared";
pub const REFUSED: &str = "refused";
pub const UNREACHABLE: &str = "unreachable";
pub const CHANGED: &str = "changed";
pub const UNKNOWN: &str = "unknown";

pub struct Sshd {
    dir: tempfile::TempDir,
    child: Child,
}

impl Sshd {
    /// Starts one; none where it is not installed.
    pub fn start() -> Option<Sshd> {
        if !["sshd", "ssh", "ssh-keygen", "fish"].into_iter().all(crate::needs::program) {
            return None;
        }
        // Debian's sshd wants this folder when it is root's.
        if rustix::process::geteuid().is_root() {
            let _ = std::fs::create_dir("/run/sshd");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for key in ["host", "other_host", "user", "user_fish", "user_noisy", "stranger"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(path(key))
                .status()
                .unwrap();
            assert!(made.success());
        }
        let public = |key: &str| std::fs::read_to_string(path(&format!("{key}.pub"))).unwrap();
        let shell = |shell: &str| format!("command=\"{shell} -c \\\"$SSH_ORIGINAL_COMMAND\\\"\" ");
        let keys = public("user")
            + &shell("fish")
            + &public("user_fish")
            + &shell("echo Welcome to the noise; sh")
            + &public("user_noisy");
        std::fs::write(path("authorized_keys"), keys).unwrap();
        let (port, closed) = (free_port(), free_port());
        std::fs::write(path("known_hosts"), format!("[127.0.0.1]:{port} {}", public("host"))).unwrap();
        std::fs::write(path("changed_hosts"), format!("[127.0.0.1]:{port} {}", public("other_host"))).unwrap();
        let d = dir.path().display();
        // What a test wants to stand in for a program of the node comes first on its PATH.
        let search = crate::needs::var("PATH").unwrap_or_default();
        let server = format!(
            "SetEnv \"PATH={d}/programs:{search}\"\nPort {port}\nListenAddress 127.0.0.1\nHostKey {d}/host\nAuthorizedKeysFile {d}/authorized_keys\nStrictModes no\n\
             UsePAM no\nPidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
        );
        std::fs::write(path("sshd_config"), server).unwrap();
        let host = |name: &str, settings: &str| format!("Host {name}\n{settings}");
        let client = [
            host(FISH, &format!("IdentityFile {d}/user_fish\n")),
            host(NOISY, &format!("IdentityFile {d}/user_noisy\n")),
            host(SHARED, &format!("ControlMaster auto\nControlPath {d}/control-%C\nControlPersist 60\n")),
            host(REFUSED, &format!("IdentityFile {d}/stranger\n")),
            host(UNREACHABLE, &format!("Port {closed}\n")),
            host(CHANGED, &format!("UserKnownHostsFile {d}/changed_hosts\n")),
            host(UNKNOWN, "UserKnownHostsFile /dev/null\n"),
            host(&format!("* !{REFUSED}"), &format!("IdentityFile {d}/user\n")),
            host(
                "*",
                &format!(
                    "HostName 127.0.0.1\nPort {port}\nIdentitiesOnly yes\nIdentityAgent none\n\
                 UserKnownHostsFile {d}/known_hosts\nGlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\n"
                ),
            ),
        ];
        std::fs::write(path("ssh_config"), client.concat()).unwrap();
        std::fs::create_dir(path("bin")).unwrap();
        let ssh = if Path::new("/usr/bin/ssh").exists() { "/usr/bin/ssh" } else { "/bin/ssh" };
        std::fs::write(path("bin/ssh"), format!("#!/bin/sh\nexec {ssh} -F {d}/ssh_config \"$@\"\n")).unwrap();
        std::fs::set_permissions(path("bin/ssh"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let log = std::fs::File::create(path("sshd.log")).unwrap();
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Sshd { dir, child })
    }

    /// Returns the folder whose `ssh` knows this sshd.
    pub fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// Returns the folder whose programs the node finds first.
    pub fn programs(&self) -> PathBuf {
        self.dir.path().join("programs")
    }

    /// Returns the server's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns a PATH on which that `ssh` comes first.
    pub fn search_path(&self) -> String {
        format!("{}:{}", self.bin().display(), crate::needs::var("PATH").unwrap_or_default())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = Command::new(self.bin().join("ssh")).args(["-O", "exit", SHARED]).stderr(Stdio::null()).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
