//! Schemathesis against the served description: what is described is what is answered, for thousands of requests
//! that keep to it and thousands that do not.

use std::process::Command;

use crate::gallery;
use crate::support::needs;

#[test]
fn the_api_is_what_it_says_it_is() {
    if !needs::program("schemathesis") {
        return;
    }
    let server = gallery::open("");
    let dir = tempfile::tempdir().unwrap();
    let (operator, agent) = (server.token(&["oskar"]), server.token(&["piha", "--agent"]));
    let config = format!(
        "headers = {{ Authorization = \"Bearer {operator}\" }}\n\
         [[operations]]\ninclude-path = \"/api/v1/events\"\nheaders = {{ Authorization = \"Bearer {agent}\" }}\n"
    );
    let path = dir.path().join("schemathesis.toml");
    std::fs::write(&path, config).unwrap();
    // What is asked for takes a few hundred cases, the full run more than 5,000.
    let each = if needs::number("HLCTL_FULL", 0) == 1 { "400" } else { "10" };
    let mut schemathesis = Command::new("schemathesis");
    schemathesis.arg("--config-file").arg(&path).current_dir(dir.path()).env("NO_PROXY", "*").env("COLUMNS", "120");
    let url = format!("http://{}/api/v1/openapi.json", server.address);
    let out =
        schemathesis.args(["run", &url, "--checks", "all", "--max-examples", each, "--no-color"]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    let count = text.lines().find(|l| l.contains(" generated")).unwrap_or_else(|| panic!("{text}"));
    println!("{}", count.trim());
    let cases = count.split(" generated").next().unwrap().rsplit(' ').next().unwrap().replace(',', "");
    let least = if needs::number("HLCTL_FULL", 0) == 1 { 5000 } else { 100 };
    assert!(cases.parse::<u32>().unwrap() >= least, "{count}");
}
