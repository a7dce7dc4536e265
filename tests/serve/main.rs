//! `hlctl serve` over real sockets: the API, who may do what, what attackers send, and the pages in a browser.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "../support/mod.rs"]
mod support;
use support::needs;
#[path = "../chromium/mod.rs"]
mod chromium;

mod server;
mod gallery;
mod api;
mod access;
mod secrets;
mod attacks;
mod copy;
mod histories;
mod pages;
mod decide;
mod open_page;
mod looks;
mod schema;
mod tools;
mod systemd;
