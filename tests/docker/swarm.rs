//! A stack on a real Swarm of one node, made for this and left afterwards.

use std::process::Command;

use crate::lab::{Lab, SERVES, ok};
use crate::needs;

/// A Swarm of this engine, for as long as it lives.
struct Swarm;

impl Swarm {
    /// Begins one; none where the engine is in one already, which is not ours to use.
    fn begin() -> Option<Swarm> {
        if !ok(Command::new("docker").args([
            "swarm",
            "init",
            "--advertise-addr",
            "127.0.0.1",
            "--listen-addr",
            "127.0.0.1:0",
        ])) {
            needs::skip("the engine cannot begin a Swarm of its own");
            return None;
        }
        Some(Swarm)
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["swarm", "leave", "--force"]).output();
    }
}

#[test]
fn a_stack_is_deployed_restarted_and_its_replicas_are_its_health() {
    let Some(lab) = Lab::new("runtime: swarm, min_healthy: 1s, healthy_deadline: 60s") else { return };
    let Some(_swarm) = Swarm::begin() else { return };
    lab.compose(&["build"]);
    let command = serde_json::to_string(&SERVES.replace('$', "$$")).unwrap();
    let text = |command: &str| {
        format!(
            "version: '3.8'\nservices:\n  web:\n    image: {}:latest\n    command: [sh, -c, {command}]\n    networks: [host]\n\
             networks: {{host: {{external: true, name: host}}}}\n",
            lab.service
        )
    };
    std::fs::write(lab.project().join("docker-compose.yml"), text(&command)).unwrap();
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    assert!(done["result"]["facts"]["verified"].is_string(), "{done}");
    let agent_tells = || {
        let report = lab.json(&["agent", "--node", "box"]);
        let events = report["events"].as_array().unwrap().clone();
        let mut of_service = events.iter().filter(|e| e["service"] == lab.service.as_str());
        of_service.next().unwrap_or_else(|| panic!("{report}"))["type"].clone()
    };
    assert_eq!(agent_tells(), "service_healthy");
    let service = format!("{}_web", lab.service);
    let forced = || lab.docker(&["service", "inspect", "--format", "{{.Spec.TaskTemplate.ForceUpdate}}", &service]);
    let before = forced();
    let done = lab.act("container_restart");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("container_restart"));
    assert_ne!(forced(), before, "the stack's service was restarted");
    lab.settings("runtime: swarm, min_healthy: 1s, healthy_deadline: 4s");
    std::fs::write(lab.project().join("docker-compose.yml"), text("exit 1")).unwrap();
    let done = lab.act("redeploy");
    assert_eq!(done["result"]["reason"], "not_healthy_after", "{done}");
    assert!(done["result"]["message"].as_str().unwrap().contains("replicas"), "{done}");
    lab.docker(&["stack", "rm", &lab.service]);
    // One look is not believed.
    lab.hlctl_ok(&["agent", "--node", "box"]);
    assert_eq!(agent_tells(), "service_removed");
}
