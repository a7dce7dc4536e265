//! A server of the built program on a root of its own, and a client that sends exactly what it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Home, needs};

/// A running server; ended with its end.
pub struct Server {
    /// Its root.
    pub home: Home,
    /// Its address.
    pub address: SocketAddr,
    /// Its process.
    pub child: Child,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code; 0 where the connection was closed without one.
    pub status: u16,
    /// The headers as they came.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Reads what a connection gave.
    pub fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let wanted = format!("{name}:");
        let line = self.head.lines().find(|l| l.to_ascii_lowercase().starts_with(&wanted))?;
        Some(line[wanted.len()..].trim())
    }

    /// Returns the body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

impl Server {
    /// Starts a server on an empty root with this `config.yaml`.
    pub fn start(config: &str) -> Self {
        let home = Home::new();
        home.put("config.yaml", config);
        Self::of(home, &[])
    }

    /// Starts a server on a root where `web` on `piha` is to run by recipes.
    pub fn with_web(config: &str) -> Self {
        let home = Home::new();
        home.put("config.yaml", config);
        home.put(
            "hosts/piha/services.yaml",
            "services:\n  - name: web\n    runtime: command\n    recipes:\n      redeploy: [[\"true\"]]\n      container_restart: [[\"true\"]]\n",
        );
        home.put("hosts/piha/host.yaml", "connection: local\n");
        Self::of(home, &[])
    }

    /// Starts a server on a root.
    pub fn of(home: Home, args: &[&str]) -> Self {
        let mut command = home.hlctl(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(args);
        Self::by(home, command)
    }

    /// Starts a server by a command that says where it listens.
    pub fn by(home: Home, command: Command) -> Self {
        let (child, address) = start(command);
        Self { home, address, child }
    }

    /// Starts the server anew at the same address, after it was ended.
    pub fn restart(&mut self) {
        let listen = self.address.to_string();
        (self.child, self.address) = start(self.home.hlctl(&["serve", "--listen", &listen]));
    }

    /// Makes a token.
    pub fn token(&self, args: &[&str]) -> String {
        let run = self.home.run(&[&["token", "add"], args].concat());
        assert_eq!(run.code, 0, "{run:?}");
        run.out.trim().to_owned()
    }

    /// Connects.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        stream
    }

    /// Returns somebody else who asks all the time: whether the server lives, and the pages of an operator.
    pub fn bystander(&self) -> Bystander {
        let (address, done) = (self.address, Arc::new(AtomicBool::new(false)));
        let seen = done.clone();
        // Each has a name of its own.
        let name = format!("bystander-{}", fastrand::u32(..));
        let cookie = self.log_in(&self.token(&[&name]));
        let ask = move || {
            let mut worst = Duration::ZERO;
            let turns = ["/healthz", "/", "/healthz", "/actions"].into_iter().cycle();
            for path in turns.take_while(|_| !seen.load(Ordering::Relaxed)) {
                let began = Instant::now();
                let mut stream = connect_from("127.0.0.2", address).expect("somebody else can connect");
                let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n");
                stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).unwrap();
                let answer = Answer::of(&to_end(&mut stream));
                assert_eq!(answer.status, 200, "{path} after {:?}: {answer:?}", began.elapsed());
                assert!(path == "/healthz" || answer.body.contains("log out"), "{answer:?}");
                worst = worst.max(began.elapsed());
                std::thread::sleep(Duration::from_millis(50));
            }
            worst
        };
        Bystander { done, thread: std::thread::spawn(ask) }
    }

    /// Sends bytes, reads to the end of the connection. Nothing that is sent may be answered with a fault of the server's
    /// own, but for the room that is used up.
    pub fn raw(&self, bytes: &[u8]) -> Answer {
        let answer = self.talk(bytes);
        assert!(answer.status < 500 || answer.status == 507, "{answer:?}");
        answer
    }

    /// Sends bytes, reads to the end of the connection.
    pub fn talk(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that has heard enough may close before all is sent.
        let _ = stream.write_all(bytes);
        Answer::of(&to_end(&mut stream))
    }

    /// Asks for what cannot be made because a file is damaged.
    pub fn get_in_vain(&self, path: &str) -> Answer {
        self.talk(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
    }

    /// Sends a request with these header lines and a body.
    pub fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for header in headers {
            text += &format!("{header}\r\n");
        }
        if !body.is_empty() {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        self.raw(format!("{text}\r\n{body}").as_bytes())
    }

    /// Asks for a page or a file.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// Sends a body with a token.
    pub fn post(&self, path: &str, token: &str, body: &str) -> Answer {
        self.send("POST", path, &[&format!("Authorization: Bearer {token}")], body)
    }

    /// Sends a form with a cookie from a page of the server itself.
    pub fn submit(&self, path: &str, cookie: &str, form: &str) -> Answer {
        let origin = format!("Origin: http://{}", self.address);
        let cookie = format!("Cookie: {cookie}");
        self.send("POST", path, &[&origin, &cookie, "Content-Type: application/x-www-form-urlencoded"], form)
    }

    /// Logs in. Returns the cookie.
    pub fn log_in(&self, token: &str) -> String {
        let answer = self.submit("/login", "", &format!("token={token}"));
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Returns what the forms of a session's pages carry.
    pub fn csrf(&self, cookie: &str) -> String {
        let page = self.send("GET", "/", &[&format!("Cookie: {cookie}")], "");
        let at = page.body.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("no form: {page:?}")).1;
        at.split('"').next().unwrap().to_owned()
    }

    /// Returns the most resident memory that the server's process ever had, in KiB.
    pub fn peak_memory(&self) -> u64 {
        fact(&format!("/proc/{}/status", self.child.id()), "VmHWM:")
    }

    /// Returns how much of the resident memory that the server's process has is of files, in KiB.
    pub fn memory_of_files(&self) -> u64 {
        fact(&format!("/proc/{}/status", self.child.id()), "RssFile:")
    }

    /// Returns the resident memory that the server's process has, in KiB.
    pub fn memory(&self) -> u64 {
        fact(&format!("/proc/{}/status", self.child.id()), "VmRSS:")
    }

    /// Returns how often any thread of the server's went to sleep.
    pub fn sleeps(&self) -> u64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads.map(|t| fact(&t.unwrap().path().join("status").to_string_lossy(), "voluntary_ctxt_switches:")).sum()
    }

    /// Asks the process to end and returns how it did.
    pub fn terminate(&mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

/// Returns a number of a file of the kernel's.
fn fact(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find(|l| l.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn start(mut command: Command) -> (Child, SocketAddr) {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::stderr()));
    let rest = line.split_once("http://").unwrap_or_else(|| panic!("no address: {line}")).1;
    let address = rest.split('/').next().unwrap().trim().parse().unwrap();
    (child, address)
}

/// Connects from one of this machine's own addresses.
pub fn connect_from(ip: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
    let from = SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 0);
    // Not for the servers that other tests start meanwhile.
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &from)?;
    connect(&socket, &to)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

/// Somebody else, at another address, who asks all the time and is to be answered all the time.
pub struct Bystander {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Bystander {
    /// Asserts that each answer came in time.
    pub fn was_answered(self) {
        let worst = self.waited();
        assert!(worst < patience(), "{worst:?}");
    }

    /// Returns how long it waited at the most.
    pub fn waited(self) -> Duration {
        self.done.store(true, Ordering::Relaxed);
        let worst = self.thread.join().unwrap();
        eprintln!("others waited {worst:?} at the most");
        worst
    }
}

/// Returns whether the program under test is the one that is released, and alone on the machine: then its bars hold as
/// they are. An unoptimized one is larger by its own size, and shares the machine with other tests.
pub fn is_released() -> bool {
    needs::var("HLCTL_PROGRAM").is_some()
}

/// Returns how long somebody else waits for an answer at the most: the bar is a second, and is met with much to spare.
pub fn patience() -> Duration {
    Duration::from_secs(if is_released() { 1 } else { 5 })
}

/// Reads what comes until the connection ends, however it ends.
pub fn to_end(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return all,
            Ok(n) => all.extend_from_slice(&buffer[..n]),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
