//! Stands in for the agents of the demo's nodes, which all live on one machine without an engine: makes the services'
//! checks, as their host files say, and writes what it finds as events. Judges nothing.

use serde_json::json;

use super::lab::Lab;
use crate::context::Context;
use crate::fail::{Advised, Result};
use crate::flow::health::Health;
use crate::flow::name::ServiceName;
use crate::probe;
use crate::store::events;

/// Looks at every node once; returns the events that it wrote.
pub fn report(lab: &Lab, cx: &Context) -> Result<Vec<String>> {
    let root = cx.root()?;
    let desired = cx.desired()?;
    let mut written = Vec::new();
    for host in desired.hosts.values() {
        let node = host.node.as_str();
        let mut lines = vec![json!({"ts": cx.now(), "node": node, "type": "node_heartbeat"}).to_string()];
        // What was never deployed is nothing that an agent could see.
        for found in lab.services(node) {
            let service = found.name.parse::<ServiceName>().ok().and_then(|name| host.service(&name));
            let Some(check) = service.and_then(|s| s.settings.check.as_ref()) else { continue };
            let health = probe::check(check, &host.connection, None, probe::TIMEOUT);
            let reason = match health {
                Health::Healthy => None,
                _ if found.pid().is_none() => Some("containers_not_running"),
                Health::Unhealthy { reason, .. } => Some(reason),
                Health::Unknown { .. } => continue,
            };
            let kind = if reason.is_none() { "service_healthy" } else { "service_unhealthy" };
            let mut event = json!({"ts": cx.now(), "node": node, "type": kind, "service": found.name});
            if let Some(reason) = reason {
                event["reason"] = reason.into();
            }
            lines.push(event.to_string());
        }
        events::append(&root, cx.now(), node, &lines).advised()?;
        written.append(&mut lines);
    }
    Ok(written)
}
