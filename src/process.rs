//! Child processes as runner and probe start them: an argv without a shell, output in one pipe, a process group of
//! their own that a time-out ends as a whole. Knows no action, no node and no log.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};

pub mod group;
pub mod talk;

/// How long output is still waited for after the process has ended: what it wrote itself is in the pipe by then; only
/// what it left running can hold the pipe open for longer.
const LINGER: Duration = Duration::from_millis(100);

/// How long the end of a killed process is waited for before it is given up (it hangs in the kernel).
const UNKILLABLE: Duration = Duration::from_secs(5);

/// A child that was started, and its output.
#[derive(Debug)]
pub struct Child {
    handle: Arc<duct::Handle>,
    output: PipeReader,
    pid: Pid,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its status; none where even SIGKILL did not end it.
    pub status: Option<ExitStatus>,
    /// Whether it was ended because its time was up.
    pub timed_out: bool,
}

/// Whether the child becomes the leader of its own process group at once, or will do so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leader {
    /// At once.
    Now,
    /// It makes itself the leader of a session.
    Itself,
}

impl Child {
    /// Starts a command with standard output and error in one pipe; standard input is `/dev/null` unless given.
    pub fn start(
        argv: &[OsString],
        dir: Option<&Path>,
        stdin: Option<PipeReader>,
        leader: Leader,
    ) -> io::Result<Child> {
        let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let (output, writer) = io::pipe()?;
        let mut command = duct::cmd(program, arguments).stderr_to_stdout().stdout_file(writer).unchecked();
        command = match stdin {
            Some(pipe) => command.stdin_file(pipe),
            None => command.stdin_null(),
        };
        if let Some(dir) = dir {
            command = command.dir(dir);
        }
        if leader == Leader::Now {
            command = command.before_spawn(|c| {
                c.process_group(0);
                Ok(())
            });
        }
        let handle = Arc::new(command.start()?);
        let pid = handle.pids().first().and_then(|pid| Pid::from_raw(i32::try_from(*pid).ok()?));
        Ok(Child { handle, output, pid: pid.ok_or(io::ErrorKind::NotFound)? })
    }

    /// Returns the process ID, which is its process group's too.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the next byte of the output, or nothing where it ended or none came in time.
    pub fn first_byte(&mut self, within: Duration) -> io::Result<Option<u8>> {
        let mut fds = [PollFd::new(&self.output, PollFlags::IN)];
        if !any_ready(&mut fds, within)? {
            return Ok(None);
        }
        let mut byte = [0];
        Ok((self.output.read(&mut byte)? == 1).then_some(byte[0]))
    }

    /// Waits for the child's end and hands its output on as it comes. When its time is up the whole group gets
    /// SIGTERM, and SIGKILL when it is still there `grace` later.
    ///
    /// A child that has ended is not waited for because something it left running holds its output open; such a
    /// process gets SIGPIPE from then on, so it has to redirect its output.
    pub fn wait(mut self, within: Duration, grace: Duration, sink: &mut dyn FnMut(&[u8])) -> io::Result<Ended> {
        let (ended, ending) = io::pipe()?;
        let waiter = Arc::clone(&self.handle);
        std::thread::Builder::new().spawn(move || {
            let _ = waiter.wait();
            drop(ending);
        })?;
        let mut stage = Stage::Running;
        let mut next = Instant::now() + within;
        let mut buffer = vec![0; 64 * 1024];
        let (mut open, mut alive) = (true, true);
        loop {
            if Instant::now() >= next {
                (stage, next) = match stage {
                    Stage::Running => (Stage::Ending, self.signal(Signal::TERM, grace)),
                    Stage::Ending => (Stage::Killed, self.signal(Signal::KILL, UNKILLABLE)),
                    Stage::Killed => break,
                };
            }
            if !alive && (stage == Stage::Running || !group::is_alive(self.pid)) {
                break;
            }
            // What outlives its leader is not announced: it has to be looked for.
            let pause = next.saturating_duration_since(Instant::now());
            let pause = if alive { pause } else { pause.min(Duration::from_millis(50)) };
            let (readable, over) = wait_for(open.then_some(&self.output), alive.then_some(&ended), pause)?;
            if readable {
                open = pass_on(&mut self.output, &mut buffer, sink)?;
            }
            alive &= !over;
        }
        let linger = Instant::now() + LINGER;
        while open {
            let pause = linger.saturating_duration_since(Instant::now());
            open = !pause.is_zero()
                && wait_for(Some(&self.output), None, pause)?.0
                && pass_on(&mut self.output, &mut buffer, sink)?;
        }
        let status = if alive { None } else { self.handle.try_wait()?.map(|output| output.status) };
        Ok(Ended { status, timed_out: stage != Stage::Running })
    }

    /// Signals the whole group, and returns the moment until which that may take.
    fn signal(&self, signal: Signal, patience: Duration) -> Instant {
        group::signal(self.pid, signal);
        Instant::now() + patience
    }
}

/// How far the end of a child whose time is up has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Ending,
    Killed,
}

/// Waits until there is output, or the child has ended, or the time is up.
fn wait_for(output: Option<&PipeReader>, ended: Option<&PipeReader>, pause: Duration) -> io::Result<(bool, bool)> {
    let mut fds: Vec<PollFd<'_>> =
        [output, ended].into_iter().flatten().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    any_ready(&mut fds, pause)?;
    let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
    let mut next = |asked: bool| asked && ready.next().unwrap_or(false);
    Ok((next(output.is_some()), next(ended.is_some())))
}

/// Hands one read's bytes on; returns whether the pipe is still open.
fn pass_on(output: &mut PipeReader, buffer: &mut [u8], sink: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
    let n = output.read(buffer)?;
    sink(&buffer[..n]);
    Ok(n > 0)
}

/// Waits until one of these is ready, and returns whether one is.
pub fn any_ready(fds: &mut [PollFd<'_>], pause: Duration) -> io::Result<bool> {
    // Rounded up to the millisecond, so that a pause about to end is not spun through.
    let pause = Timespec::try_from(pause + Duration::from_millis(1)).map_err(io::Error::other)?;
    Ok(rustix::io::retry_on_intr(|| poll(fds, Some(&pause)))? > 0)
}

/// What a short command answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it ended.
    pub ended: Ended,
    /// The last of its output, at most [`Answer::MAX`] bytes.
    pub output: String,
}

impl Answer {
    /// Most output that is kept of a short command.
    pub const MAX: usize = 16 * 1024;

    /// Returns whether it ended with 0.
    pub fn is_success(&self) -> bool {
        self.ended.status.is_some_and(|s| s.success())
    }
}

/// Runs a short command to its end and returns what it said.
pub fn ask(argv: &[OsString], dir: Option<&Path>, within: Duration) -> io::Result<Answer> {
    let mut output = Vec::new();
    let ended = Child::start(argv, dir, None, Leader::Now)?.wait(within, Duration::from_secs(1), &mut |bytes| {
        keep_last(&mut output, bytes, Answer::MAX);
    })?;
    Ok(Answer { ended, output: String::from_utf8_lossy(&output).into_owned() })
}

/// What a command wrote, its two streams apart.
#[derive(Debug, Clone)]
pub struct Said {
    /// Whether it ended with 0.
    pub is_success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs a short command to its end; none where it did not end in time, and then it is killed.
pub fn said(argv: &[OsString], dir: Option<&Path>, within: Duration) -> io::Result<Option<Said>> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = duct::cmd(program, arguments).stdin_null().stderr_capture().stdout_capture().unchecked();
    if let Some(dir) = dir {
        command = command.dir(dir);
    }
    let own_group = |c: &mut std::process::Command| {
        c.process_group(0);
        Ok(())
    };
    let handle = command.before_spawn(own_group).start()?;
    let answer = handle.wait_timeout(within);
    if !matches!(answer, Ok(Some(_))) {
        kill(&handle);
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(answer?.map(|answer| Said {
        is_success: answer.status.success(),
        stdout: text(&answer.stdout),
        stderr: text(&answer.stderr),
    }))
}

/// Runs a short command to its end and returns its standard output, if it ended with 0 in time; what it says on
/// standard error is not wanted.
pub fn output(argv: &[OsString], dir: Option<&Path>, within: Duration) -> Option<String> {
    said(argv, dir, within).ok()?.filter(|said| said.is_success).map(|said| said.stdout)
}

/// Kills a command with its group.
fn kill(handle: &duct::Handle) {
    for pid in handle.pids().iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?)) {
        group::signal(pid, Signal::KILL);
    }
}

/// Adds bytes to a buffer that keeps the last of them.
pub fn keep_last(buffer: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let bytes = &bytes[bytes.len().saturating_sub(most)..];
    let surplus = (buffer.len() + bytes.len()).saturating_sub(most);
    buffer.drain(..surplus);
    buffer.extend_from_slice(bytes);
}
