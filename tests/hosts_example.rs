//! The example in `hosts/` is what newcomers copy: it has to be sound.

use std::path::Path;

use hlctl::flow::action::ActionType;
use hlctl::flow::desired::{Connection, Desired, Wanted};
use hlctl::flow::hostfile::Runtime;
use hlctl::flow::name::{NodeName, ServiceName};
use hlctl::flow::plan::Plan;
use hlctl::flow::project::Environment;
use hlctl::store::hosts;

fn desired() -> Desired {
    let here = hosts::Here { node: None, home: None, environment: &Environment::default() };
    Desired::assemble(hosts::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts"), here))
}

fn node(name: &str) -> NodeName {
    name.parse().expect("the tests use proper names")
}

fn service(name: &str) -> ServiceName {
    name.parse().expect("the tests use proper names")
}

#[test]
fn it_is_sound_and_shares_no_ids() {
    let desired = desired();
    let errors: Vec<String> = desired.errors().map(ToString::to_string).collect();
    assert!(desired.is_sound(), "{errors:#?}");
    assert!(desired.shared_ids().is_empty());
    let nodes: Vec<&str> = desired.hosts.keys().map(NodeName::as_str).collect();
    assert_eq!(nodes, ["chelsty-ha", "chelsty-infra", "piha", "vps"]);
}

#[test]
fn old_names_lead_to_the_nodes_and_home_assistant_is_left_alone() {
    let desired = desired();
    assert_eq!(desired.canonical(&node("node-1")).as_str(), "piha");
    assert_eq!(desired.canonical(&node("node-2")).as_str(), "chelsty-infra");
    assert!(matches!(desired.wants(&node("chelsty-ha"), &service("homeassistant")), Wanted::Unwatched(..)));
    assert!(matches!(desired.wants(&node("piha"), &service("mosquitto")), Wanted::Yes(..)));
}

#[test]
fn the_override_of_piha_stands_in_its_plans_and_in_no_other() {
    let desired = desired();
    for name in ["piha", "chelsty-infra"] {
        let host = &desired.hosts[name];
        assert!(matches!(host.connection, Connection::Ssh(_)));
        let plan = Plan::make(host, host.service(&service("zigbee2mqtt")), ActionType::Redeploy, None).unwrap();
        let with_override =
            plan.steps.iter().any(|s| s.argv.iter().any(|w| w.ends_with("docker-compose.override.yml")));
        assert_eq!(with_override, name == "piha");
    }
}

#[test]
fn every_watched_service_can_be_healed_and_every_dependency_exists() {
    let desired = desired();
    for host in desired.hosts.values() {
        for watched in host.watched() {
            for kind in [ActionType::Redeploy, ActionType::ContainerRestart] {
                Plan::make(host, Some(watched), kind, None).unwrap();
            }
            for needed in &watched.settings.depends_on {
                let on = needed.node.as_ref().unwrap_or(&host.node);
                assert!(matches!(desired.wants(on, &needed.service), Wanted::Yes(..)), "{on}/{}", needed.service);
            }
            // Only Compose and commands are executed so far.
            assert!(matches!(watched.settings.runtime, Runtime::Compose | Runtime::Command));
        }
    }
}

#[test]
fn the_override_is_yaml() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts/piha/runtime/zigbee2mqtt/docker-compose.override.yml");
    let value: serde_yaml::Value = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(value["services"]["zigbee2mqtt"]["devices"].is_sequence());
}
