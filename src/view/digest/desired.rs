//! The desired state as lines of a digest, without the names and passwords that a URL may hold.

use super::inline;
use crate::flow::desired::{Connection, Desired, Host};
use crate::flow::hostfile::{OnFailure, Service};
use crate::flow::name::ServiceName;
use crate::flow::plan::describe;
use crate::flow::status::Summary;

/// Of more services than these, the digest of everything tells only of those that are not well.
const MANY: usize = 60;

/// Returns what is desired everywhere, by node.
pub fn of_all(desired: &Desired, summary: &Summary) -> Vec<String> {
    let unwell = |host: &Host, service: &Service| {
        let mut lines = summary.node_lines.iter().filter(|line| line.node == host.node);
        lines.any(|line| line.services.iter().any(|(name, _, well)| *name == service.name && !well))
    };
    let all: usize = desired.hosts.values().map(|host| host.services.len()).sum();
    let mut lines = Vec::new();
    for host in desired.hosts.values() {
        let services = host.services.iter().filter(|s| all <= MANY || unwell(host, s));
        let told = services.map(|s| format!("{}/{}", host.node, service_line(s)));
        lines.extend(
            std::iter::once(format!("{}: {}", host.node, connection(host))).filter(|_| all <= MANY).chain(told),
        );
    }
    if all > MANY {
        lines.truncate(MANY);
        lines.push(format!("{all} services are desired: `hlctl digest --node NODE` tells of the others"));
    }
    lines
}

/// Returns what is desired on a node, or of one service there.
pub fn of(host: &Host, service: Option<&ServiceName>) -> Vec<String> {
    let node = service.is_none().then(|| format!("the node is {}", connection(host)));
    let services = host.services.iter().filter(|s| service.is_none_or(|name| s.name == *name));
    node.into_iter().chain(services.map(service_line)).collect()
}

fn connection(host: &Host) -> String {
    match &host.connection {
        Connection::Local => "the control plane's own machine".to_owned(),
        Connection::Ssh(destination) => format!("reached over ssh as {}", inline(destination)),
    }
}

fn service_line(service: &Service) -> String {
    let settings = &service.settings;
    let mut line = format!("{}: {}", service.name, format!("{:?}", settings.runtime).to_lowercase());
    if !settings.monitor {
        line += ", not monitored";
    }
    line += &settings.compose.as_ref().map_or(String::new(), |path| format!(", project {}", inline(path.as_str())));
    line += &settings
        .check
        .as_ref()
        .map_or(", no check".into(), |check| format!(", checked by {}", inline(&without_user(&describe(check)))));
    if !settings.depends_on.is_empty() {
        let names = settings.depends_on.iter().map(|d| match &d.node {
            Some(node) => format!("{node}/{}", d.service),
            None => d.service.to_string(),
        });
        line += &format!(", after {}", names.collect::<Vec<_>>().join(" and "));
    }
    if settings.on_failure == OnFailure::Rollback {
        line += ", rolled back where that fails";
    }
    line
}

/// Returns the text without the name and password of a URL in it.
fn without_user(text: &str) -> String {
    let Some((before, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#', ' ']).unwrap_or(rest.len());
    let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
    format!("{before}://{}", &rest[host..])
}
