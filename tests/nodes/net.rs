//! Three network namespaces on a bridge, which lies in a fourth: nothing of the machine's own network is touched. They
//! go away with their owner, and so does every process that was started in them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::needs;

/// The nodes, in the order of their addresses.
pub const NODES: [&str; 3] = ["vps", "piha", "edge"];
/// The namespace of the bridge.
const WIRE: &str = "wire";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The namespaces; removed with it.
#[derive(Debug)]
pub struct Net {
    prefix: String,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    /// Its status; 0 where there was none.
    pub status: u16,
    /// Its headers.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Net {
    /// Makes them; none where the machine does not let this test.
    pub fn new() -> Option<Net> {
        let programs = ["ip", "nft", "setpriv"].into_iter().all(needs::program);
        if !programs || !needs::super_user() {
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let net = Net { prefix: format!("hln{}x{number}", std::process::id()) };
        let made = Command::new("ip").args(["netns", "add", &net.name(WIRE)]).output().unwrap();
        if !needs::there("network namespaces that this test may make", made.status.success()) {
            return None;
        }
        let wire = net.name(WIRE);
        ip(&["-n", &wire, "link", "add", "bridge", "type", "bridge"]);
        ip(&["-n", &wire, "link", "set", "bridge", "up"]);
        let names = |(n, node): (usize, &&str)| format!("{} {node}\n", address(n));
        let names: String = NODES.iter().enumerate().map(names).collect();
        for (n, node) in NODES.into_iter().enumerate() {
            let ns = net.name(node);
            ip(&["netns", "add", &ns]);
            // `ip netns exec` lays what is here over `/etc`.
            let etc = net.etc(node);
            // Another test that ends may take the folder above away once.
            assert!((0..3).any(|_| std::fs::create_dir_all(&etc).is_ok()), "{}", etc.display());
            std::fs::write(etc.join("hosts"), format!("127.0.0.1 localhost\n{names}")).unwrap();
            ip(&["link", "add", node, "netns", &wire, "type", "veth", "peer", "name", "eth0", "netns", &ns]);
            ip(&["-n", &wire, "link", "set", node, "master", "bridge", "up"]);
            ip(&["-n", &ns, "address", "add", &format!("{}/24", address(n)), "dev", "eth0"]);
            ip(&["-n", &ns, "link", "set", "lo", "up"]);
            ip(&["-n", &ns, "link", "set", "eth0", "up"]);
        }
        Some(net)
    }

    fn name(&self, node: &str) -> String {
        format!("{}-{node}", self.prefix)
    }

    fn etc(&self, node: &str) -> PathBuf {
        Path::new("/etc/netns").join(self.name(node))
    }

    /// Returns a program to be started on a node. Its process is the program's own, and it dies with this test.
    pub fn command(&self, node: &str, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "ip", "netns", "exec", &self.name(node), program]);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", needs::var("PATH").unwrap_or_default());
        command.env_clear().env("PATH", path).env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    /// Pulls a node's plug, or puts it in again.
    pub fn plug(&self, node: &str, is_in: bool) {
        ip(&["-n", &self.name(WIRE), "link", "set", node, if is_in { "up" } else { "down" }]);
    }

    /// Loses so many of a hundred frames between the nodes, whichever way they go.
    pub fn lose(&self, percent: u8) {
        let chain = "add chain bridge loss frames { type filter hook forward priority 0; }";
        let rule = format!("; add rule bridge loss frames numgen random mod 100 < {percent} drop");
        let rule = if percent > 0 { rule } else { String::new() };
        let script = format!("add table bridge loss; {chain}; flush chain bridge loss frames{rule}");
        let nft = Command::new("ip").args(["netns", "exec", &self.name(WIRE), "nft", &script]).output().unwrap();
        assert!(nft.status.success(), "{nft:?}");
    }

    /// Does something on a node: sockets that it opens are the node's for good.
    pub fn on<T: Send>(&self, node: &str, act: impl FnOnce() -> T + Send) -> T {
        let space = std::fs::File::open(Path::new("/run/netns").join(self.name(node))).unwrap();
        let enter = || move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        // A thread of its own, which ends in the other namespace.
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                enter();
                act()
            });
            thread.join().unwrap()
        })
    }

    /// Listens on a node's loopback.
    pub fn listen(&self, node: &str) -> TcpListener {
        self.on(node, || TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Connects from one node to a port of another one.
    pub fn connect(&self, from: &str, to: &str, port: u16) -> std::io::Result<TcpStream> {
        let to = SocketAddr::new(node_address(to).parse().unwrap(), port);
        self.on(from, || TcpStream::connect_timeout(&to, Duration::from_secs(5)))
    }

    /// Sends a request to the control plane from the node on which it runs, as a browser's page of it would.
    pub fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        self.ask_on("vps", method, path, headers, body)
    }

    /// Sends a request to the server of a node, from that node.
    pub fn ask_on(&self, node: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {node}:18180\r\nConnection: close\r\n");
        for header in headers {
            text += &format!("{header}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let mut bytes = Vec::new();
        if let Ok(mut stream) = self.connect(node, node, 18180) {
            stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
            // What came before the connection was lost is the answer.
            let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.read_to_end(&mut bytes).map(drop));
        }
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for node in NODES.into_iter().chain([WIRE]) {
            let ns = self.name(node);
            let pids = Command::new("ip").args(["netns", "pids", &ns]).output().map(|o| o.stdout).unwrap_or_default();
            for pid in String::from_utf8_lossy(&pids).split_whitespace() {
                let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw);
                let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
            }
            let _ = Command::new("ip").args(["netns", "delete", &ns]).stderr(Stdio::null()).status();
            let _ = std::fs::remove_dir_all(self.etc(node));
        }
        // Others may have theirs there.
        let _ = std::fs::remove_dir("/etc/netns");
    }
}

/// Returns a node's address.
pub fn node_address(node: &str) -> String {
    address(NODES.iter().position(|n| *n == node).unwrap())
}

fn address(n: usize) -> String {
    format!("10.77.0.{}", n + 1)
}

fn ip(args: &[&str]) {
    let ip = Command::new("ip").args(args).output().unwrap();
    assert!(ip.status.success(), "{args:?}: {ip:?}");
}
