//! What an operator writes: `services.yaml`, `host.yaml` and `config.yaml`, cut at lines of equals signs. Any bytes
//! give a desired state with its plans, or errors with their lines.
#![no_main]

use hlctl::flow::action::ActionType;
use hlctl::flow::desired::{Desired, HostError};
use hlctl::flow::hostfile;
use hlctl::flow::plan::Plan;
use hlctl::flow::project::Environment;
use hlctl::flow::yaml::YamlError;
use hlctl::store::hosts;
use hlctl::store::root::Root;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static DIR: tempfile::TempDir = {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(dir.path().join("hosts/piha")).expect("a folder");
        dir
    };
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut texts = text.split("=====\n");
    let (services, host, config) = (texts.next(), texts.next(), texts.next());
    for error in [
        services.and_then(|text| hostfile::parse_services(text).err()),
        host.and_then(|text| hostfile::parse_host(text).err()),
    ] {
        has_place(error);
    }
    DIR.with(|dir| {
        let folder = dir.path().join("hosts/piha");
        for (path, text) in [
            (folder.join("services.yaml"), services),
            (folder.join("host.yaml"), host),
            (dir.path().join("config.yaml"), config),
        ] {
            match text {
                Some(text) => std::fs::write(path, text).expect("a file"),
                None => drop(std::fs::remove_file(path)),
            }
        }
        let root = Root::open(dir.path()).expect("the root is there");
        has_place(hlctl::store::config::read(&root).err().map(|e| e.error));
        let node = "piha".parse().expect("a name");
        let here = hosts::Here { node: Some(&node), home: None, environment: &Environment::default() };
        let desired = Desired::assemble(hosts::read(&dir.path().join("hosts"), here));
        let errors = desired.errors().map(HostError::to_string).count();
        assert_eq!(errors == 0, desired.hosts.contains_key(&node), "neither a host nor an error");
        for host in desired.hosts.values() {
            plans(host);
        }
        let _ = desired.shared_ids();
    });
});

fn has_place(error: Option<YamlError>) {
    assert!(error.is_none_or(|e| e.line > 0 && e.column > 0 && !e.message.is_empty()));
}

fn plans(host: &hlctl::flow::desired::Host) {
    for kind in ActionType::ALL {
        for service in host.services.iter().map(Some).chain([None]) {
            let make = || Plan::make(host, service, kind, None).map_err(|e| e.to_string());
            assert_eq!(make().map(|p| p.digest), make().map(|p| p.digest));
        }
    }
}
