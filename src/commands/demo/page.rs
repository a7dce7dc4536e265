//! The demo's page: `hlctl serve` at a free port of this machine, for as long as the demo lasts.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::cli;
use crate::commands::token;
use crate::context::Context;
use crate::fail::{Result, fail};

/// Who decides on the page.
const OPERATOR: &str = "you";

/// A running server; ended with its end.
#[derive(Debug)]
pub struct Page {
    server: Child,
    /// Where it is.
    pub address: String,
    /// What it is logged in to with.
    pub token: String,
}

impl Page {
    /// Opens the page of a root.
    pub fn open(cx: &Context) -> Result<Page> {
        let args = cli::TokenAdd { name: OPERATOR.into(), agent: false, reader: false, nodes: Vec::new() };
        let token = token::add(cx, &args)?.token;
        let mut command = Command::new(&cx.exe);
        command.arg0("hlctl").arg("--root").arg(&cx.root).args(["serve", "--listen", "127.0.0.1:0"]).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut page = Page { server: command.spawn()?, address: String::new(), token };
        let mut line = String::new();
        if let Some(words) = page.server.stderr.take() {
            BufReader::new(words).read_line(&mut line)?;
        }
        let Some((_, rest)) = line.split_once("http://") else {
            return Err(fail(format!("the page did not open: {}", line.trim()), "is loopback up?"));
        };
        page.address = format!("http://{}", rest.trim());
        Ok(page)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
