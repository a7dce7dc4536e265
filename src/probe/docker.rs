//! What Docker's own program says, one short call each. An engine that does not answer is an error in its words, never
//! an empty list.

use crate::flow::engine::Container;
use crate::flow::listing::{self, Listed};
use crate::process::Said;

/// Lists all containers.
pub fn containers() -> Result<Vec<Listed>, String> {
    listing::parse(&ask(&["ps", "--all", "--no-trunc", "--format", listing::FORMAT])?)
}

/// Looks into some containers, by their IDs; one that is gone meanwhile is left out.
pub fn inspect(ids: &[&str]) -> Vec<Container> {
    if ids.is_empty() {
        return Vec::new();
    }
    // It ends with 1 where one of them is gone, and tells of the others all the same.
    let said = said(&[&["inspect", "--type", "container"], ids].concat());
    said.ok().and_then(|said| Container::parse_all(&said.stdout)).unwrap_or_default()
}

/// Returns the version of the engine.
pub fn version() -> Result<String, String> {
    ask(&["version", "--format", "{{.Server.Version}}"]).map(|version| version.trim().to_owned())
}

/// Returns the services of a stack with their replicas, `1/2`.
pub fn stack(name: &str) -> Result<Vec<(String, String)>, String> {
    let said = said(&["stack", "services", "--format", "{{.Name}} {{.Replicas}}", name])?;
    if !said.is_success && !said.stderr.contains("othing found in stack") {
        return Err(last_line(&said.stderr));
    }
    let pair = |line: &str| line.split_once(' ').map(|(name, replicas)| (name.to_owned(), replicas.to_owned()));
    Ok(said.stdout.lines().filter_map(pair).filter(|(_, replicas)| replicas.contains('/')).collect())
}

fn ask(words: &[&str]) -> Result<String, String> {
    let said = said(words)?;
    if said.is_success { Ok(said.stdout) } else { Err(last_line(&said.stderr)) }
}

fn said(words: &[&str]) -> Result<Said, String> {
    super::said(&[&["docker"], words].concat())
}

fn last_line(text: &str) -> String {
    let line =
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("docker failed without a word");
    line.to_owned()
}
