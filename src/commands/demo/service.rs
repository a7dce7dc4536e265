//! `hlctl demo-service`: one small service of the demo as a real process. It answers on a Unix socket with its page,
//! holds a lock for as long as it lives, and ends by itself when its folder is removed. Recipes and checks of the
//! demo's host files call this; it knows no root and no queue.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::Serialize;

use crate::cli::{self, ServiceVerb};
use crate::context::Context;
use crate::exit::Exit;
use crate::fail::{Result, fail};
use crate::view::{Report, Style};

/// The page that a service serves. It is whole if its end is there.
pub const PAGE: &str = "page.html";

const PAGE_END: &str = "</html>\n";

/// Held by the process while it lives; holds its process ID.
const LOCK: &str = "lock";

/// Below the service's folder; always named relative to it, because a socket's path has at most 107 bytes.
const SOCKET: &str = "socket";

/// How long a process may take to come up or to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether it did, and whether the folder is still there.
const PAUSE: Duration = Duration::from_millis(20);

/// What became of a service.
#[derive(Debug, Serialize)]
pub struct ServiceReport {
    line: String,
    healthy: bool,
}

impl Report for ServiceReport {
    fn text(&self, _: Style) -> String {
        format!("{}\n", self.line)
    }

    fn exit(&self) -> Exit {
        if self.healthy { Exit::Done } else { Exit::Failed }
    }
}

/// Does what a recipe or a check asks for; as the service itself, returns when that ends.
pub fn run(cx: &Context, args: &cli::DemoService) -> Result<ServiceReport> {
    let service = Service { name: args.name.to_string(), dir: args.dir.join(args.name.as_str()) };
    let name = &service.name;
    let done = |line: io::Result<String>| match line {
        Ok(line) => Ok(ServiceReport { line, healthy: true }),
        Err(e) => Err(fail(format!("{name}: {e}"), "this is a part of `hlctl demo`; see `hlctl demo --help`")),
    };
    match args.verb {
        ServiceVerb::Deploy => done(service.deploy()),
        ServiceVerb::Start => done(service.start(&cx.exe, &args.dir)),
        ServiceVerb::Stop => done(service.stop()),
        ServiceVerb::Run => done(service.serve()),
        ServiceVerb::Check => Ok(match service.check() {
            Ok(()) => ServiceReport { line: format!("{name} serves its page"), healthy: true },
            Err(e) => ServiceReport { line: format!("{name}: {e}"), healthy: false },
        }),
    }
}

/// A service of the demo, running or not.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
}

impl Service {
    /// Writes the files that it serves.
    fn deploy(&self) -> io::Result<String> {
        fs_err::create_dir_all(&self.dir)?;
        let page = format!("<html><h1>{}</h1><p>It works.</p>{PAGE_END}", self.name);
        fs_err::write(self.dir.join(PAGE), page)?;
        Ok(format!("{}: wrote {PAGE}", self.name))
    }

    /// Starts the process and waits until it answers.
    fn start(&self, exe: &Path, node: &Path) -> io::Result<String> {
        if let Some(pid) = self.pid() {
            return Ok(format!("{} runs already, as process {}", self.name, pid.as_raw_nonzero()));
        }
        std::env::set_current_dir(&self.dir)?;
        let mut child = Command::new(exe)
            .arg0("hlctl")
            .args(["demo-service", "run", &self.name, "--dir"])
            .arg(node)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let up = wait_until(|| UnixStream::connect(SOCKET).is_ok() || !matches!(child.try_wait(), Ok(None)));
        match child.try_wait()? {
            None if up => Ok(format!("{} runs as process {}", self.name, child.id())),
            _ => Err(io::Error::other("the process did not come up")),
        }
    }

    /// Ends the process, if there is one.
    pub fn stop(&self) -> io::Result<String> {
        for signal in [Signal::TERM, Signal::KILL] {
            if self.signal(signal)?.is_none() || wait_until(|| self.pid().is_none()) {
                return Ok(format!("{} is stopped", self.name));
            }
        }
        Err(io::Error::other("the process does not end"))
    }

    /// Ends the process without asking it; returns which one that was.
    pub fn kill(&self) -> io::Result<Option<Pid>> {
        let killed = self.signal(Signal::KILL)?;
        wait_until(|| self.pid().is_none());
        Ok(killed)
    }

    /// Signals the process and no other: the lock is looked at once more after the process is held by its handle.
    fn signal(&self, signal: Signal) -> io::Result<Option<Pid>> {
        let Some(pid) = self.pid() else { return Ok(None) };
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            handle => handle?,
        };
        if self.pid() != Some(pid) {
            return Ok(None);
        }
        match pidfd_send_signal(handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(Some(pid)),
            Err(e) => Err(e.into()),
        }
    }

    /// Returns the process that holds the lock.
    pub fn pid(&self) -> Option<Pid> {
        let mut lock = File::open(self.dir.join(LOCK)).ok()?;
        if lock.try_lock_shared().is_ok() {
            return None;
        }
        let mut text = String::new();
        lock.read_to_string(&mut text).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    }

    /// Asks for the page: it has to come, and whole.
    fn check(&self) -> io::Result<()> {
        std::env::set_current_dir(&self.dir)?;
        let mut stream = UnixStream::connect(SOCKET).map_err(|_| io::Error::other("nothing answers"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        if page.ends_with(PAGE_END) { Ok(()) } else { Err(io::Error::other("its page is cut off")) }
    }

    /// Is the service, in a session of its own, until it is ended or its folder is removed.
    fn serve(&self) -> io::Result<String> {
        // It is its session's leader already where somebody calls it from a shell's job control.
        let _ = rustix::process::setsid();
        std::env::set_current_dir(&self.dir)?;
        let mut lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(LOCK)?;
        // Whoever looks whether it runs holds the lock for a moment.
        if !wait_until(|| lock.try_lock().is_ok()) {
            return Err(io::Error::other("it runs already"));
        }
        lock.set_len(0)?;
        lock.rewind()?;
        lock.write_all(std::process::id().to_string().as_bytes())?;
        let _ = fs_err::remove_file(SOCKET);
        let listener = UnixListener::bind(SOCKET)?;
        while fs_err::exists(LOCK)? {
            let mut waiting = [PollFd::new(&listener, PollFlags::IN)];
            if poll(&mut waiting, Some(&Timespec { tv_sec: 0, tv_nsec: 500_000_000 }))? > 0 {
                let (mut stream, _) = listener.accept()?;
                // Whoever asked may be gone; a page that is not there is an empty answer.
                let _ = stream.write_all(&fs_err::read(PAGE).unwrap_or_default());
            }
        }
        Ok(format!("{} is stopped", self.name))
    }
}

/// Waits until something holds; returns whether it came to hold in time.
fn wait_until(mut holds: impl FnMut() -> bool) -> bool {
    let rounds = PATIENCE.as_millis() / PAUSE.as_millis();
    (0..rounds).any(|_| {
        holds() || {
            std::thread::sleep(PAUSE);
            false
        }
    })
}
