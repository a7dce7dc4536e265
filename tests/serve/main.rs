//! `hlctl serve` over real sockets: the API, who may do what, what attackers send, and the pages in a browser.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "../support/mod.rs"]
mod support;

mod server;
mod api;
mod access;
mod attacks;
mod pages;
mod browser;
mod tools;
mod systemd;
