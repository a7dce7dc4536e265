//! A command that is told something on standard input and answers on two streams, read only as far as the caller
//! wants them. Knows nothing of what is said.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{MemfdFlags, memfd_create};

use super::{UNKILLABLE, any_ready, keep_last};

/// Most that is kept of standard error.
const MAX_STDERR: usize = 16 * 1024;

/// Why a command was not listened to until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Its time was up.
    Late,
    /// It had said enough.
    Enough,
}

/// What a command answered.
#[derive(Debug)]
pub struct Talk {
    /// Its exit code; none where it was ended.
    pub code: Option<i32>,
    /// Why it was ended before its time.
    pub stopped: Option<Stopped>,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// The last of its standard error.
    pub stderr: String,
}

/// Returns a file that is only in memory, and gone with this process: it holds what nobody else should read.
pub fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("hlctl", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Returns where a child of the same user finds an open file of this process.
pub fn path_for_child(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()))
}

/// Runs a command that reads `stdin`, until its end, or until its output so far is `enough`, or its time is up: then
/// it is killed with its group.
pub fn talk(
    argv: &[OsString],
    stdin: File,
    within: Duration,
    enough: &mut dyn FnMut(&[u8]) -> bool,
) -> io::Result<Talk> {
    let end = Instant::now() + within;
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let (out, out_writer) = io::pipe()?;
    let (err, err_writer) = io::pipe()?;
    let handle = duct::cmd(program, arguments)
        .stdin_file(stdin)
        .stdout_file(out_writer)
        .stderr_file(err_writer)
        .unchecked()
        .before_spawn(|c| {
            c.process_group(0);
            Ok(())
        })
        .start()?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let stopped = listen([out, err], end, &mut stdout, &mut stderr, enough);
    if !matches!(stopped, Ok(None)) {
        super::kill(&handle);
    }
    let code = handle.wait_timeout(UNKILLABLE)?.and_then(|output| output.status.code());
    Ok(Talk { code, stopped: stopped?, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
}

/// Reads both streams to their end, and returns why it stopped before.
fn listen(
    [out, err]: [PipeReader; 2],
    end: Instant,
    stdout: &mut Vec<u8>,
    stderr: &mut Vec<u8>,
    enough: &mut dyn FnMut(&[u8]) -> bool,
) -> io::Result<Option<Stopped>> {
    let (mut out, mut err) = (Some(out), Some(err));
    let mut buffer = vec![0; 64 * 1024];
    while out.is_some() || err.is_some() {
        let left = end.saturating_duration_since(Instant::now());
        let open = out.iter().chain(&err);
        let mut fds: Vec<PollFd<'_>> = open.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        if left.is_zero() || !any_ready(&mut fds, left)? {
            return Ok(Some(Stopped::Late));
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>().into_iter();
        if out.is_some() && ready.next() == Some(true) {
            let n = read(&mut out, &mut buffer)?;
            stdout.extend_from_slice(&buffer[..n]);
            if n > 0 && enough(stdout) {
                return Ok(Some(Stopped::Enough));
            }
        }
        if err.is_some() && ready.next() == Some(true) {
            let n = read(&mut err, &mut buffer)?;
            keep_last(stderr, &buffer[..n], MAX_STDERR);
        }
    }
    Ok(None)
}

/// Reads once, and lets go of a stream that has ended.
fn read(stream: &mut Option<PipeReader>, buffer: &mut [u8]) -> io::Result<usize> {
    let n = stream.as_mut().map_or(Ok(0), |open| open.read(buffer))?;
    if n == 0 {
        *stream = None;
    }
    Ok(n)
}
