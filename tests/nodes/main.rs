//! Three machines: `vps`, `piha` and `edge` as network namespaces on one bridge, each with a root and an sshd of its own,
//! and the program on all of them as it runs in a homelab. The whole loop, partitions, and clocks that differ.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod lab;
#[path = "../needs/mod.rs"]
mod needs;
mod net;
mod partition;
mod relay;
mod skew;
mod whole_loop;
