//! `hlctl check`: lints config.yaml and the host files, all of them, and changes nothing.

use serde::Serialize;

use crate::context::Context;
use crate::fail::Result;
use crate::flow::action::ActionType;
use crate::flow::desired::{Desired, Host};
use crate::flow::hostfile::{OnFailure, Runtime, Service};
use crate::flow::plan::{Phase, Plan};
use crate::store;
use crate::store::config::ConfigError;
use crate::store::root::Root;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct CheckReport {
    /// How many hosts are sound.
    pub hosts: usize,
    /// How many services they have.
    pub services: usize,
    /// What must be mended.
    pub errors: Vec<String>,
    /// What will not work as it is, and harms nothing else.
    pub warnings: Vec<String>,
}

/// Lints everything that an operator writes.
pub fn run(cx: &Context) -> Result<CheckReport> {
    let mut report = CheckReport::default();
    // Host files can be linted where there is no root: in a checkout, before they are deployed.
    let root = Root::open(&cx.root).ok();
    let mut say = |e: &ConfigError| report.errors.push(format!("{e} ({})", e.advice()));
    let config = root.as_ref().and_then(|root| store::config::read(root).inspect_err(&mut say).ok());
    let desired = match cx.desired() {
        Ok(desired) => desired,
        Err(e) => {
            report.errors.push(e.to_string());
            let plain = Context { alias_map: None, ..cx.clone() };
            plain.desired()?
        }
    };
    for (root, config) in root.iter().zip(&config) {
        let unknown = store::config::unknown_nodes(root, config, &desired);
        report.errors.extend(unknown.iter().map(|(_, e)| format!("{e} ({})", e.advice())));
    }
    report.errors.extend(desired.errors().map(super::queue::host_error));
    report.hosts = desired.hosts.len();
    report.services = desired.hosts.values().map(|h| h.services.len()).sum();
    for (id, pairs) in desired.shared_ids() {
        let names: Vec<String> = pairs.iter().map(|(node, service)| format!("{node}/{service}")).collect();
        report.errors.push(format!("{} share the ID {id}: rename one of these services", names.join(" and ")));
    }
    if !desired.missing && !desired.is_verdict() {
        report.warnings.push(format!(
            "{} holds no host: put a services.yaml into a folder named as the node",
            desired.path.display()
        ));
    }
    for host in desired.hosts.values() {
        report.errors.extend(unknown_dependencies(&desired, host));
        report.warnings.extend(missing_plans(host));
        report.warnings.extend(missing_rollbacks(host));
    }
    Ok(report)
}

fn unknown_dependencies(desired: &Desired, host: &Host) -> Vec<String> {
    let mut errors = Vec::new();
    for service in &host.services {
        for needed in &service.settings.depends_on {
            let node = needed.node.as_ref().unwrap_or(&host.node);
            // What a broken host runs is unknown.
            let known = desired.host(node).is_err()
                || desired.hosts.get(node).is_some_and(|h| h.service(&needed.service).is_some());
            if !known {
                let path = desired.path.join(host.node.as_str()).join("services.yaml");
                errors.push(format!(
                    "{}: {} depends on {node}/{}, which nobody runs",
                    path.display(),
                    service.name,
                    needed.service
                ));
            }
        }
    }
    errors
}

fn missing_plans(host: &Host) -> Vec<String> {
    let kinds = [ActionType::Redeploy, ActionType::ContainerRestart];
    let of_services = host.watched().flat_map(|s| kinds.map(|kind| Plan::make(host, Some(s), kind, None).err()));
    let of_the_disk = Plan::make(host, None, ActionType::DiskCleanup, None).err();
    of_services.flatten().chain(of_the_disk).map(|e| e.to_string()).collect()
}

/// Returns what is said of services that want a roll-back which their redeploy does not have.
fn missing_rollbacks(host: &Host) -> Vec<String> {
    let wants = host.services.iter().filter(|s| s.settings.on_failure == OnFailure::Rollback);
    let has = |service: &Service| {
        let plan = Plan::make(host, Some(service), ActionType::Redeploy, None);
        // Where there is no plan, that is what is said.
        plan.map_or(true, |plan| plan.steps.iter().any(|step| step.phase == Phase::Rollback))
    };
    let why = |service: &Service| match service.settings.runtime {
        Runtime::Compose => "a recipe's redeploy",
        Runtime::Systemd => "runtime systemd",
        Runtime::Swarm => "runtime swarm",
        Runtime::Nomad => "runtime nomad",
        Runtime::Command => "runtime command",
    };
    let say = |service: &Service| {
        let (node, name) = (&host.node, &service.name);
        format!("{node}/{name} has `on_failure: rollback`, but {} cannot be rolled back: remove it", why(service))
    };
    wants.filter(|service| !has(service)).map(say).collect()
}
