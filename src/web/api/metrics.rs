//! `/metrics` in the text format of Prometheus: the same summary as everywhere, as numbers.

use std::fmt::Write as _;

use super::Answer;
use crate::commands;
use crate::flow::status::{NodeStanding, Summary};
use crate::web::message::Response;
use crate::web::routes::Call;

/// Returns the metrics.
pub fn metrics(call: &Call<'_>) -> Answer {
    let text = text(&commands::status::run(&call.app.cx)?);
    Ok(Response::new(200, "text/plain; version=0.0.4; charset=utf-8", text))
}

/// One family of metrics, being written.
struct Family<'a> {
    out: &'a mut String,
    name: &'static str,
}

impl<'a> Family<'a> {
    fn gauge(out: &'a mut String, name: &'static str, help: &str) -> Self {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        Self { out, name }
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let escape = |v: &str| v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let pairs: Vec<String> = labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escape(v))).collect();
        let labels = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
        let _ = writeln!(self.out, "{}{labels} {value}", self.name);
    }
}

fn text(summary: &Summary) -> String {
    let mut text = String::new();
    let out = &mut text;
    let mut build = Family::gauge(out, "hlctl_build_info", "The version that runs; always 1.");
    build.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    Family::gauge(out, "hlctl_healthy", "Whether every watched service and node is well.")
        .sample(&[], u8::from(summary.healthy));
    let mut services =
        Family::gauge(out, "hlctl_services", "Services by state; those that nobody desires as unmanaged.");
    let counts = &summary.services;
    for (state, n) in [
        ("healthy", counts.healthy),
        ("unhealthy", counts.unhealthy),
        ("missing", counts.missing),
        ("unmanaged", counts.unmanaged),
    ] {
        services.sample(&[("state", state)], n);
    }
    let mut nodes = Family::gauge(out, "hlctl_nodes", "Nodes by state.");
    let counts = &summary.nodes;
    let standing = |standing| summary.node_lines.iter().filter(|line| line.standing == standing).count();
    for (state, n) in [
        ("healthy", counts.healthy),
        ("disk_full", counts.unhealthy),
        ("never_heard", counts.missing),
        ("silent", counts.silent),
        ("unmanaged", counts.unmanaged),
        ("broken", standing(NodeStanding::Broken)),
        ("unwatched", standing(NodeStanding::Unwatched)),
    ] {
        nodes.sample(&[("state", state)], n);
    }
    let mut drift = Family::gauge(out, "hlctl_drift", "Drift of the last reconcile by type.");
    for kind in ["missing_service", "unhealthy_service", "disk_pressure", "silent_node"] {
        drift.sample(&[("type", kind)], summary.drift.iter().filter(|d| d.kind.as_str() == kind).count());
    }
    let mut actions = Family::gauge(out, "hlctl_actions", "Actions by state.");
    for (state, n) in &summary.actions {
        actions.sample(&[("state", state)], n);
    }
    let oldest = summary.pending.iter().map(|p| p.age_seconds).max().unwrap_or(0);
    Family::gauge(out, "hlctl_pending_oldest_age_seconds", "For how long the oldest pending action has waited.")
        .sample(&[], oldest);
    Family::gauge(out, "hlctl_attention", "Things that need a person.").sample(&[], summary.attention.len());
    let mut ages = Family::gauge(out, "hlctl_pass_age_seconds", "How long ago a pass ended; absent if it never did.");
    for (name, pass) in &summary.passes {
        if let Some(age) = pass.age_seconds {
            ages.sample(&[("pass", name)], age);
        }
    }
    let help = "How long the last run of a pass took; absent where that is not known.";
    let mut durations = Family::gauge(out, "hlctl_pass_duration_seconds", help);
    for (name, pass) in &summary.passes {
        if let Some(took) = pass.took {
            durations.sample(&[("pass", name)], took.as_secs_f64());
        }
    }
    let mut ok = Family::gauge(out, "hlctl_pass_ok", "Whether the last run of a pass went well.");
    for (name, pass) in &summary.passes {
        ok.sample(&[("pass", name)], u8::from(pass.ok));
    }
    Family::gauge(out, "hlctl_rejected_events", "Events that could not be read.").sample(&[], summary.rejected_events);
    Family::gauge(out, "hlctl_waiting_events", "Events from the future.").sample(&[], summary.waiting_events);
    text
}
