//! The gate before a step: this program, started in the step's place, becomes the leader of a session of its own, says
//! so, and waits. Only when its process group is recorded durably is it told to become the command; when whoever
//! started it died first, it ends without having run anything.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The hidden subcommand of this program that is the gate.
pub const SUBCOMMAND: &str = "step-gate";

/// What the gate writes once it leads its session, before anything of the step's own.
pub const READY: u8 = 0x06;

/// What lets it pass.
pub const GO: u8 = b'\n';

/// How a shell ends where there is no such program, and where it cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_RUNNABLE: u8 = 126;

/// How the gate ends when it is never opened.
const NEVER_OPENED: u8 = 125;

/// Returns the command line that puts a command behind the gate.
pub fn command(gate: &std::path::Path, argv: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    [gate.into(), SUBCOMMAND.into(), "--".into()].into_iter().chain(argv).collect()
}

/// Waits for the byte, then becomes the command. Returns only where it does not.
pub fn main(argv: &[OsString]) -> ExitCode {
    match pass(argv) {
        Ok(code) => code,
        Err(error) => complain("cannot wait at the gate", &error, NEVER_OPENED),
    }
}

fn pass(argv: &[OsString]) -> io::Result<ExitCode> {
    // Without a terminal of its own no program can ask, and then hang for want of an answer.
    rustix::process::setsid()?;
    let mut stdout = io::stdout();
    stdout.write_all(&[READY])?;
    stdout.flush()?;
    let mut byte = [0];
    if rustix::io::read(rustix::stdio::stdin(), &mut byte)? == 0 {
        return Ok(NEVER_OPENED.into());
    }
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let Some((program, arguments)) = argv.split_first() else { return Ok(NOT_FOUND.into()) };
    let error = Command::new(program).args(arguments).exec();
    let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE };
    Ok(complain(&format!("cannot run {}", program.display()), &error, code))
}

fn complain(what: &str, error: &io::Error, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "hlctl: {what}: {error}");
    code.into()
}
