//! Reads the files of the Compose projects on this machine, those that their config is rendered from. What cannot be
//! read is said in the place of its sum, so that it is another plan once it can be.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use crate::flow::digest::sha256_hex;
use crate::flow::project::{COMPOSE_FILES, Kind, OVERRIDE_FILES, Project, Source, named_files};
use crate::flow::sort;

/// Largest file of a project that is read, and how many of them are.
const MAX_FILE: u64 = 1 << 20;
const MAX_FILES: usize = 64;

/// Reads a project: its folder, or its Compose file where that is named. With `is_explicit` Compose is told its files,
/// so that it adds none by itself.
pub fn read(path: &Path, is_explicit: bool) -> Project {
    let is_file = path.extension().is_some_and(|end| end == "yml" || end == "yaml");
    let (folder, named) = match (is_file, path.parent()) {
        (true, Some(folder)) => (folder, path.file_name().map(|name| name.to_string_lossy().into_owned())),
        _ => (path, None),
    };
    let mut project = Project::default();
    if !folder.is_dir() {
        return project;
    }
    let there = |names: &[&str]| names.iter().find(|name| folder.join(name).is_file()).map(|name| (*name).to_owned());
    let added = if is_explicit || is_file { None } else { there(&OVERRIDE_FILES) };
    project.file = named.or_else(|| there(&COMPOSE_FILES));
    let mut wanted: Vec<(String, Kind)> =
        project.file.iter().chain(&added).map(|name| (name.clone(), Kind::Compose)).collect();
    wanted.extend(there(&[".env"]).map(|name| (name, Kind::Variables)));
    let mut seen = BTreeSet::new();
    while let Some((name, kind)) = wanted.pop().filter(|_| seen.len() < MAX_FILES) {
        if !seen.insert(name.clone()) {
            continue;
        }
        let text = match bytes(&folder.join(&name)) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                project.sources.push(Source {
                    path: name.clone(),
                    sha256: sha256_hex(&bytes),
                    lines: kind.lines(&text),
                });
                text
            }
            Err(why) => {
                project.sources.push(Source { path: name, sha256: why.to_owned(), lines: Vec::new() });
                continue;
            }
        };
        project.secrets.extend(kind.secrets(&text));
        if kind == Kind::Compose {
            let beside = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            wanted.extend(named_files(&text).into_iter().map(|(path, is_compose)| {
                let path = if path.starts_with('/') { path } else { format!("{beside}{path}") };
                (path, if is_compose { Kind::Compose } else { Kind::Variables })
            }));
        }
    }
    sort::by(&mut project.sources, |a, b| a.path.cmp(&b.path));
    project
}

fn bytes(path: &Path) -> Result<Vec<u8>, &'static str> {
    let found = std::fs::metadata(path).and_then(|meta| match (meta.is_file(), meta.len() > MAX_FILE) {
        (true, false) => {
            let mut bytes = Vec::new();
            std::fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
            Ok(Ok(bytes))
        }
        (true, true) => Ok(Err("too_large")),
        // A folder or a pipe is no file of a project, and a pipe would be waited for.
        (false, _) => Ok(Err("unreadable")),
    });
    match found {
        Ok(found) => found,
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err("missing"),
        Err(_) => Err("unreadable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_config_is_rendered_from_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("p/compose.yaml", "include: [../common/base.yml]\nservices: {w: {env_file: w.env, image: x}}\n");
        write("p/compose.override.yml", "services: {w: {environment: {API_KEY: abcdef}}}\n");
        write("p/.env", "DB_PASSWORD=hunter22\n");
        write("common/base.yml", "services: {v: {env_file: [v.env]}}\n");
        write("common/v.env", "V=1\n");
        let folder = dir.path().join("p");
        let paths = |project: &Project| project.sources.iter().map(|s| s.path.clone()).collect::<Vec<_>>();
        let project = read(&folder, false);
        assert_eq!(
            paths(&project),
            ["../common/base.yml", "../common/v.env", ".env", "compose.override.yml", "compose.yaml", "w.env"]
        );
        assert_eq!(project.file.as_deref(), Some("compose.yaml"));
        let mut secrets = project.secrets.clone();
        sort::by(&mut secrets, Ord::cmp);
        assert_eq!(secrets, ["abcdef", "hunter22"]);
        assert_eq!(project.sources[5].sha256, "missing");
        assert!(!paths(&read(&folder, true)).contains(&"compose.override.yml".to_owned()));
        assert_eq!(paths(&read(&folder.join("other.yml"), true)), [".env", "other.yml"]);
        assert_eq!(read(&dir.path().join("none"), false), Project::default());
    }
}
