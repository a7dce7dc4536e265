//! Reads the files of the Compose projects on this machine, those that their config is rendered from. What cannot be
//! read is said in the place of its sum, so that it is another plan once it can be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::flow::digest::Sum;
use crate::flow::project::{COMPOSE_FILES, Environment, Kind, OVERRIDE_FILES, Project, Source, Variables, join};

/// Largest file of a project whose words are read, and how many files are looked at.
const MAX_FILE: u64 = 1 << 20;
const MAX_FILES: usize = 256;

/// Reads a project: its folder, or its Compose file where that is named. With an override file Compose is told its files,
/// so that it adds none by itself.
pub fn read(path: &Path, over: Option<&Path>, environment: &Environment) -> Project {
    let is_file = path.extension().is_some_and(|end| end == "yml" || end == "yaml");
    let (folder, named) = match (is_file, path.parent()) {
        (true, Some(folder)) => (folder, path.file_name().map(|name| name.to_string_lossy().into_owned())),
        _ => (path, None),
    };
    if !folder.is_dir() {
        return Project::default();
    }
    let mut reader = Reader::new(folder, environment);
    let there = |names: &[&str]| -> Vec<String> {
        names.iter().filter(|name| folder.join(name).is_file()).map(|name| (*name).to_owned()).collect()
    };
    let own = there(&COMPOSE_FILES);
    let files = if is_file { Vec::new() } else { reader.named_by_environment() };
    let file = named.or_else(|| own.first().cloned());
    // Which of several it takes differs from version to version.
    let more = if is_file || over.is_some() { Vec::new() } else { [own, there(&OVERRIDE_FILES)].concat() };
    let over = over.map(|path| path.to_string_lossy().into_owned());
    for name in file.iter().chain(&more).chain(&files).chain(&over) {
        reader.want(name.clone(), Kind::Compose, String::new());
    }
    if file.is_none() && files.is_empty() {
        reader.want_from_above();
    }
    reader.read_all();
    reader.add_variables();
    Project { file, files, sources: reader.sources.into_values().collect(), secrets: reader.secrets }
}

/// Reads the files of a project, one after the other.
struct Reader<'a> {
    folder: &'a Path,
    home: Option<&'a str>,
    variables: Variables<'a>,
    /// What is still to be read: the path, what it is, and where the paths in it begin.
    wanted: Vec<(String, Kind, String)>,
    seen: BTreeSet<(String, String)>,
    used: BTreeSet<String>,
    sources: BTreeMap<String, Source>,
    secrets: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Begins with the files of variables, which may have a say in what the others are called.
    fn new(folder: &'a Path, environment: &'a Environment) -> Self {
        let mut reader = Reader {
            folder,
            home: environment.get("HOME").map(String::as_str),
            variables: Variables::of(environment),
            wanted: Vec::new(),
            seen: BTreeSet::new(),
            used: BTreeSet::new(),
            sources: BTreeMap::new(),
            secrets: Vec::new(),
        };
        let named = environment.get("COMPOSE_ENV_FILES").filter(|names| !names.is_empty());
        let names = named.map_or(".env", String::as_str).split(',').map(|name| name.trim().to_owned());
        for name in names.filter(|name| named.is_some() || folder.join(name).exists()) {
            let text = reader.read_one(&name, Kind::Variables, "");
            reader.variables.add(&text.unwrap_or_default());
        }
        reader
    }

    fn path(&self, name: &str) -> PathBuf {
        match (name.strip_prefix("~/"), self.home) {
            (Some(below), Some(home)) => Path::new(home).join(below),
            _ => self.folder.join(name),
        }
    }

    /// Returns the Compose files that the environment or `.env` names.
    fn named_by_environment(&self) -> Vec<String> {
        let names = self.variables.get("COMPOSE_FILE").unwrap_or_default();
        let separator = self.variables.get("COMPOSE_PATH_SEPARATOR").filter(|s| !s.is_empty()).unwrap_or(":");
        names.split(separator).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    fn want(&mut self, name: String, kind: Kind, base: String) {
        self.wanted.push((name, kind, base));
    }

    /// Wants the files that Compose finds in the nearest folder above, where the project's own has none.
    fn want_from_above(&mut self) {
        let mut up = String::new();
        for folder in self.folder.ancestors().skip(1) {
            up += "../";
            let all = COMPOSE_FILES.iter().chain(&OVERRIDE_FILES);
            let there: Vec<String> =
                all.filter(|name| folder.join(name).is_file()).map(|name| format!("{up}{name}")).collect();
            if !there.is_empty() {
                // The paths in them begin beside them or in the project, which differs from version to version.
                for (name, base) in
                    there.into_iter().flat_map(|name| [(name.clone(), String::new()), (name, up.clone())])
                {
                    self.want(name, Kind::Compose, base);
                }
                return;
            }
        }
    }

    fn read_all(&mut self) {
        while let Some((name, kind, base)) = self.wanted.pop() {
            if self.seen.len() >= MAX_FILES {
                let name = "…".to_owned();
                self.sources.insert(name.clone(), source(name, "too_many".into()));
                return;
            }
            self.read_one(&name, kind, &base);
        }
    }

    /// Reads a file and wants those that it names; returns its text.
    fn read_one(&mut self, name: &str, kind: Kind, base: &str) -> Option<String> {
        if !self.seen.insert((name.to_owned(), base.to_owned())) {
            return None;
        }
        let (sha256, text) = match sum_and_text(&self.path(name)) {
            Ok(found) => found,
            Err(why) => {
                self.sources.insert(name.to_owned(), source(name.to_owned(), why.to_owned()));
                return None;
            }
        };
        let lines = text.as_ref().map_or_else(|| vec![TOO_LARGE.to_owned()], |text| kind.lines(text));
        self.sources.insert(name.to_owned(), Source { lines, ..source(name.to_owned(), sha256) });
        let said = kind.read(text.as_deref()?, &self.variables);
        self.secrets.extend(said.secrets);
        self.used.extend(said.used);
        for named in said.named {
            let path = join(base, &named.path);
            if named.is_needed || self.path(&path).exists() {
                self.want(path, named.kind, join(base, &named.base));
            }
        }
        text
    }

    /// Adds what the files take from the environment.
    fn add_variables(&mut self) {
        let names = self.used.iter().cloned().chain(self.variables.composes());
        let found = names.filter_map(|name| Some(Source::variable(&name, self.variables.get(&name)?)));
        self.sources.extend(found.map(|source| (source.path.clone(), source)).collect::<Vec<_>>());
    }
}

/// What a plan says in the place of a file's lines where they are not read.
const TOO_LARGE: &str = "(larger than 1 MiB: the files that it names are not looked at)";

fn source(path: String, sha256: String) -> Source {
    Source { path, sha256, lines: Vec::new() }
}

/// Returns the sum of a file and, where it is not too large, its text.
fn sum_and_text(path: &Path) -> Result<(String, Option<String>), &'static str> {
    let read = || {
        // A folder or a pipe is no file of a project, and a pipe would be waited for.
        if !path.metadata()?.is_file() {
            return Ok(None);
        }
        let mut file = File::open(path)?;
        let (mut sum, mut text) = (Sum::default(), Vec::new());
        (&mut file).take(MAX_FILE + 1).read_to_end(&mut text)?;
        sum.add(&text);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => sum.add(&buffer[..n]),
            }
        }
        let text = (text.len() as u64 <= MAX_FILE).then(|| String::from_utf8_lossy(&text).into_owned());
        Ok(Some((sum.hex(), text)))
    };
    match read() {
        Ok(found) => found.ok_or("unreadable"),
        Err(e) if io::Error::kind(&e) == io::ErrorKind::NotFound => Err("missing"),
        Err(_) => Err("unreadable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::sort;

    struct Lab(tempfile::TempDir);

    impl Lab {
        fn new(files: &[(&str, &str)]) -> Lab {
            let lab = Lab(tempfile::tempdir().unwrap());
            files.iter().for_each(|(name, text)| lab.write(name, text));
            lab
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn read(&self, project: &str, over: Option<&str>, own: &[(&str, &str)]) -> Project {
            let environment = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            read(&self.0.path().join(project), over.map(|over| self.0.path().join(over)).as_deref(), &environment)
        }

        /// Returns the paths of the sources as they are shown, the lab's own folder as `/`.
        fn paths(&self, project: &Project) -> String {
            let all: Vec<String> = project.sources.iter().map(|s| s.path.clone()).collect();
            all.join(" ").replace(self.0.path().to_str().unwrap(), "")
        }
    }

    #[test]
    fn every_file_that_the_config_is_rendered_from_is_found() {
        let lab = Lab::new(&[
            ("p/compose.yaml", "include: [../common/base.yml]\nservices: {w: {env_file: w.env, image: x}}\n"),
            ("p/compose.override.yml", "services: {w: {environment: {API_KEY: abcdef}}}\n"),
            ("p/.env", "DB_PASSWORD=hunter22\n"),
            ("common/base.yml", "services: {v: {env_file: [v.env]}}\n"),
            ("common/v.env", "V=1\n"),
            ("common/.env", "W=1\n"),
        ]);
        let project = lab.read("p", None, &[]);
        assert_eq!(
            lab.paths(&project),
            "../common/.env ../common/base.yml ../common/v.env .env compose.override.yml compose.yaml w.env"
        );
        assert_eq!(project.file.as_deref(), Some("compose.yaml"));
        let mut secrets = project.secrets.clone();
        sort::by(&mut secrets, Ord::cmp);
        assert_eq!(secrets, ["abcdef", "hunter22"]);
        assert_eq!(project.sources[6].sha256, "missing");
        assert_eq!(lab.paths(&lab.read("p/other.yml", None, &[])), ".env other.yml");
        assert_eq!(lab.read("none", None, &[]), Project::default());
    }

    #[test]
    fn an_override_of_the_hosts_is_followed_and_its_paths_begin_in_the_project() {
        let over = "services: {w: {env_file: o.env, extends: {file: ../b/base.yml, service: x}, \
                    environment: {A_TOKEN: abcdef}}}\n";
        let lab = Lab::new(&[
            ("p/compose.yaml", "services: {}\n"),
            ("p/compose.override.yml", "services: {}\n"),
            ("b/base.yml", "services: {x: {env_file: b.env}}\n"),
            ("h/o.yml", over),
        ]);
        let project = lab.read("p", Some("h/o.yml"), &[]);
        assert_eq!(lab.paths(&project), "../b/b.env ../b/base.yml /h/o.yml compose.yaml o.env");
        assert_eq!(project.secrets, ["abcdef"]);
    }

    #[test]
    fn the_files_that_the_environment_names_are_those_of_the_project() {
        let lab = Lab::new(&[
            ("p/.env", "STAGE=prod\nCOMPOSE_FILE=a.yml:sub/${STAGE}.yml\n"),
            ("p/a.yml", "services: {w: {env_file: '${STAGE}.env'}}\n"),
            ("up/compose.yml", "services: {w: {env_file: w.env}}\n"),
            ("up/p/x", ""),
        ]);
        let project = lab.read("p", None, &[]);
        assert_eq!(project.files, ["a.yml", "sub/prod.yml"]);
        assert_eq!(lab.paths(&project), ".env a.yml prod.env sub/prod.yml");
        let own = [("COMPOSE_FILE", "/c.yml;b.yml"), ("COMPOSE_PATH_SEPARATOR", ";"), ("COMPOSE_ENV_FILES", "x,y")];
        let project = lab.read("p", None, &own);
        assert_eq!(project.files, ["/c.yml", "b.yml"]);
        let variables = "$COMPOSE_ENV_FILES $COMPOSE_FILE $COMPOSE_PATH_SEPARATOR";
        assert_eq!(lab.paths(&project), format!("{variables} /c.yml b.yml x y"));
        assert_eq!(lab.paths(&lab.read("up/p", None, &[])), "../compose.yml ../w.env w.env", "as Compose looks above");
    }

    #[test]
    fn what_is_taken_from_the_environment_counts_and_is_not_shown() {
        let lab = Lab::new(&[("p/compose.yml", "services: {w: {image: 'a:${TAG}', env_file: ~/w.env}}\n")]);
        let home = lab.0.path().to_str().unwrap();
        lab.write("w.env", "W=1\n");
        let of = |tag: &str| lab.read("p", None, &[("TAG", tag), ("HOME", home), ("OTHER", "1")]).sources;
        let (one, two) = (of("s3cr3t"), of("other1"));
        assert_eq!(one.iter().map(|s| s.path.as_str()).collect::<Vec<_>>(), ["$TAG", "compose.yml", "~/w.env"]);
        assert_ne!(one[0].sha256, two[0].sha256);
        assert_eq!(one[1..], two[1..]);
        assert_eq!(one[2].sha256.len(), 64, "it is found in the home");
        assert!(!format!("{one:?}").contains("s3cr3t"));
        assert_eq!(lab.read("p", None, &[]).sources[0].path, "compose.yml", "what is not set is not taken");
    }

    #[test]
    fn a_large_file_counts_with_all_of_its_bytes_and_too_many_are_said_to_be() {
        let lab = Lab::new(&[("p/compose.yml", "services: {}\n")]);
        let of = |last: &str| {
            lab.write("p/compose.yml", &format!("services: {{}}\n#{}{last}", "x".repeat(2 << 20)));
            lab.read("p", None, &[]).sources.remove(0)
        };
        let (one, two) = (of("1"), of("2"));
        assert_ne!(one.sha256, two.sha256);
        assert_eq!(one.lines, [TOO_LARGE]);
        let names: Vec<String> = (0..2 * MAX_FILES).map(|n| format!("{n}.env")).collect();
        lab.write("p/compose.yml", &format!("services: {{w: {{env_file: [{}]}}}}\n", names.join(", ")));
        assert!(lab.read("p", None, &[]).sources.iter().any(|s| s.sha256 == "too_many"));
    }
}
