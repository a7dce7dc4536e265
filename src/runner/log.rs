//! The captured output of an execution: `<started>.log` takes the first 2 MiB as it comes, `<started>.tail.log` keeps
//! the last of what follows, `<started>.config.yaml` is the Compose config that was deployed. Secrets are masked before anything is
//! written; a full disk never stops a step.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::masker::Masker;
use crate::process::keep_last;
use tail::Tail;

pub mod read;
mod tail;

/// How much of an output's beginning is kept.
pub const HEAD: u64 = 2 << 20;

/// How much of a step's output is remembered to say why it failed.
const RECENT: usize = 8 * 1024;

/// What the name of a rendered Compose config ends in, beside the log of the execution that deployed it.
const CONFIG: &str = ".config.yaml";

/// Keeps the rendered Compose config that an execution deployed, so that the next plan can say what has changed.
pub fn keep_config(dir: &Path, started: &str, config: &str, owner: Option<(u32, u32)>) -> io::Result<()> {
    open(&dir.join(format!("{started}{CONFIG}")), owner)?.write_all(config.as_bytes())
}

/// Returns the path of the beginning of an execution's output.
pub fn head_path(dir: &Path, started: &str) -> PathBuf {
    dir.join(format!("{started}.log"))
}

/// Returns the path of the end of an execution's output, where there was more than the beginning holds.
pub fn tail_path(dir: &Path, started: &str) -> PathBuf {
    dir.join(format!("{started}.tail.log"))
}

/// Writes an execution's output.
#[derive(Debug)]
pub struct Log {
    files: Files,
    masker: Masker,
}

/// Where masked output goes.
#[derive(Debug)]
struct Files {
    head: File,
    room: u64,
    tail: Tail,
    recent: Vec<u8>,
    at_line_start: bool,
    error: Option<io::Error>,
}

impl Log {
    /// Begins the log of an execution in an existing folder; as the super-user, for its owner.
    pub fn create(dir: &Path, started: &str, secrets: &[String], owner: Option<(u32, u32)>) -> io::Result<Log> {
        let head = open(&head_path(dir, started), owner)?;
        let room = HEAD.saturating_sub(head.metadata()?.len());
        let tail = Tail::new(tail_path(dir, started), owner);
        let files = Files { head, room, tail, recent: Vec::new(), at_line_start: true, error: None };
        Ok(Log { files, masker: Masker::new(secrets) })
    }

    /// Takes output of the running step.
    pub fn output(&mut self, bytes: &[u8]) {
        let files = &mut self.files;
        self.masker.feed(bytes, &mut |masked| files.write(masked));
    }

    /// Writes a line of the program's own, after the output so far.
    pub fn line(&mut self, text: &str) {
        self.flush();
        if !self.files.at_line_start {
            self.files.write(b"\n");
        }
        self.output(text.as_bytes());
        self.flush();
        self.files.write(b"\n");
    }

    /// Begins a step: what was said before is not its output.
    pub fn begin_step(&mut self, header: &str) {
        self.line(header);
        self.files.recent.clear();
    }

    /// Writes what was held back, as no more output of the step comes.
    pub fn flush(&mut self) {
        let files = &mut self.files;
        self.masker.finish(&mut |masked| files.write(masked));
    }

    /// Returns the last of the step's output, masked.
    pub fn recent(&self) -> String {
        String::from_utf8_lossy(&self.files.recent).into_owned()
    }

    /// Returns why some of the output could not be written, if so.
    pub fn error(&self) -> Option<&io::Error> {
        self.files.error.as_ref()
    }
}

impl Files {
    fn write(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        self.at_line_start = *last == b'\n';
        keep_last(&mut self.recent, bytes, RECENT);
        if self.error.is_some() {
            return;
        }
        let room = usize::try_from(self.room).unwrap_or(usize::MAX);
        let (head, tail) = bytes.split_at(bytes.len().min(room));
        let written =
            self.head.write_all(head).and_then(|()| if tail.is_empty() { Ok(()) } else { self.tail.write(tail) });
        self.room -= head.len() as u64;
        self.error = written.err();
    }
}

/// Opens a file to be appended to, made for the owner where there is one.
fn open(path: &Path, owner: Option<(u32, u32)>) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    if let Some((uid, gid)) = owner {
        rustix::fs::fchown(&file, Some(rustix::fs::Uid::from_raw(uid)), Some(rustix::fs::Gid::from_raw(gid)))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_program_begin_a_line_and_are_masked() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(dir.path(), "t", &["hunter22".to_owned()], None).unwrap();
        log.begin_step("$ login hunter22");
        log.output(b"no newline hunt");
        log.output(b"er22");
        log.line("exit code 1");
        assert_eq!(
            std::fs::read_to_string(head_path(dir.path(), "t")).unwrap(),
            "$ login ***\nno newline ***\nexit code 1\n"
        );
        assert!(log.recent().starts_with("no newline ***"), "{}", log.recent());
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error_and_a_full_one_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Log::create(&dir.path().join("gone"), "t", &[], None).is_err());
        let mut log = Log::create(dir.path(), "t", &[], None).unwrap();
        std::fs::create_dir(tail_path(dir.path(), "t")).unwrap();
        log.output(&vec![b'x'; HEAD as usize + 1]);
        assert!(log.error().is_some());
        log.output(b"the step goes on");
        assert!(log.recent().ends_with("goes on"));
    }
}
