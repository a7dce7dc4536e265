//! The program on a terminal of its own.

use std::io::{Read, Write};
use std::process::{Child, Command};

use pty_process::blocking::{self, Pty};

/// A session on a terminal.
pub struct Terminal {
    pty: Pty,
    child: Child,
    unread: Vec<u8>,
}

impl Terminal {
    /// Starts a program on a new terminal.
    pub fn start(command: Command) -> Self {
        let (pty, pts) = blocking::open().unwrap();
        let child = blocking::Command::from(command).spawn(pts).unwrap();
        Self { pty, child, unread: Vec::new() }
    }

    /// Reads until the program has said something; returns what it said up to there, without the terminal's `\r`.
    pub fn until(&mut self, words: &str) -> String {
        loop {
            if let Some(at) = self.unread.windows(words.len()).position(|w| w == words.as_bytes()) {
                let rest = self.unread.split_off(at + words.len());
                return text(std::mem::replace(&mut self.unread, rest));
            }
            assert!(self.read(), "it ended without {words:?}: {}", text(self.unread.clone()));
        }
    }

    /// Types something.
    pub fn send(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads to the end; returns the rest and how it ended.
    pub fn end(mut self) -> (String, i32) {
        while self.read() {}
        (text(std::mem::take(&mut self.unread)), self.child.wait().unwrap().code().unwrap_or(-1))
    }

    /// Reads some; false once the program has left the terminal.
    fn read(&mut self) -> bool {
        let mut some = [0; 4096];
        // Linux says EIO where nobody has the other side open any more.
        let count = self.pty.read(&mut some).unwrap_or(0);
        self.unread.extend_from_slice(&some[..count]);
        count > 0
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap().replace('\r', "")
}
