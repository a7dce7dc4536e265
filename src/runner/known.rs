//! What only the node knows: asked where a plan says so by name, and filled into its steps. Asking changes nothing; an
//! answer that does not come or makes no sense is no answer.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::Compose;
use super::step::{home_dir, plain_words};
use super::unit;
use crate::flow::engine::{self, Container};
use crate::flow::health::Health;
use crate::flow::plan::{Ask, Commit, Fetched, Step, What, name};
use crate::flow::project::COMPOSE_FILES;
use crate::flow::ssh::{self, CONNECT_TIMEOUT_S};
use crate::flow::time::Stamp;
use crate::flow::units::Unit;
use crate::process;

/// Most of a diff that is kept.
const MOST_DIFF: usize = 32 * 1024;

/// Asks the node of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The plan's questions.
    pub asks: &'a [Ask],
    /// Which compose command the node has.
    pub compose: Option<Compose>,
    /// The home on this machine.
    pub home: Option<&'a Path>,
}

/// What was there before anything was disturbed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Before {
    /// The repository's commit.
    pub commit: Option<String>,
    /// The images of the containers, each with the name under which it was started.
    pub images: Vec<Image>,
}

/// What a step's names are filled in with.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// What was there before.
    pub before: &'a Before,
    /// The rendered Compose config.
    pub config: Option<&'a str>,
    /// What the project's Compose file is called.
    pub compose_file: Option<&'a str>,
}

/// An image that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl<'a> Asker<'a> {
    /// Returns the answer to the plan's question, if it has one and the node an answer.
    pub fn answer(&self, what: What) -> Option<String> {
        self.run(&self.asks.iter().find(|ask| ask.what == what)?.step)
    }

    /// Returns what the branch's remote has, after a fetch; or in words why it could not be found out.
    pub fn fetched(&self, at: Stamp) -> Result<Fetched, String> {
        let commit = |what: What, name: &str| {
            let answer = self.answer(what).ok_or_else(|| format!("cannot find {name}"))?;
            Commit::try_from(answer.trim().to_owned())
        };
        self.answer(What::Fetch).ok_or("`git fetch` failed: is the remote there, and the node?")?;
        let diff = self.answer(What::Diff).unwrap_or_default();
        let whole = diff.len() <= MOST_DIFF;
        let end = diff.char_indices().map(|(at, _)| at).take_while(|at| *at <= MOST_DIFF).last().unwrap_or(0);
        Ok(Fetched {
            at,
            from: commit(What::Commit, "the work tree's commit")?,
            to: commit(What::Upstream, "the branch that this one follows")?,
            commits: self.answer(What::Log).unwrap_or_default().lines().map(str::to_owned).collect(),
            diff: if whole { diff } else { format!("{}\n(the rest is left out)\n", &diff[..end]) },
        })
    }

    /// Runs a command of the program's own on the node of a question.
    pub fn also(&self, what: What, words: &[&str]) -> Option<String> {
        let step = &self.asks.iter().find(|ask| ask.what == what)?.step;
        let wrapper = if step.is_remote() { &step.argv[..4] } else { &[] };
        let argv = wrapper.iter().cloned().chain(words.iter().map(|w| (*w).to_owned())).collect();
        self.run(&Step { argv, cwd: None, compose: false, ..step.clone() })
    }

    /// Returns the service's containers as the engine sees them; none where it knows none.
    pub fn containers(&self) -> Vec<Container> {
        let ids = self.answer(What::Containers).unwrap_or_default();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if ids.iter().all(|id| engine::is_id(id)) { self.inspect(&ids) } else { Vec::new() }
    }

    /// Looks at known containers again; at the service's anew where one of them is gone. Asking Compose takes ten times
    /// as long as asking the engine.
    pub fn containers_again(&self, known: &[Container]) -> Vec<Container> {
        let ids: Vec<&str> = known.iter().map(|c| c.id.as_str()).collect();
        let found = self.inspect(&ids);
        if found.is_empty() { self.containers() } else { found }
    }

    fn inspect(&self, ids: &[&str]) -> Vec<Container> {
        if ids.is_empty() {
            return Vec::new();
        }
        let words = [&["docker", "inspect", "--type", "container"], ids].concat();
        let json = self.also(What::Containers, &words).unwrap_or_default();
        Container::parse_all(&json).into_iter().filter(|c| !c.is_one_off).collect()
    }

    /// Returns what is there before anything is disturbed.
    pub fn before(&self) -> Before {
        let commit = self.answer(What::Commit).map(|c| c.trim().to_owned());
        let commit = commit.filter(|c| Commit::try_from(c.clone()).is_ok());
        let mut images: Vec<Image> = Vec::new();
        for container in self.containers().into_iter().filter(|c| !c.image_name.is_empty()) {
            if !images.iter().any(|image| image.name == container.image_name) {
                images.push(Image { id: container.image, name: container.image_name });
            }
        }
        Before { commit, images }
    }

    /// Returns a step's commands, each name filled in; none where there is nothing to fill it with.
    pub fn fill(&self, step: &Step, with: Filling<'_>) -> Vec<Vec<String>> {
        let Filling { before, config, compose_file } = with;
        let argv = plain_words(step, self.compose);
        if !step.named {
            return vec![argv];
        }
        let with = |pairs: &[(&str, &str)]| -> Vec<String> {
            argv.iter().map(|word| pairs.iter().fold(word.clone(), |w, (name, value)| w.replace(name, value))).collect()
        };
        if step.names(name::COMPOSE_FILE) {
            return compose_file.iter().map(|file| with(&[(name::COMPOSE_FILE, file)])).collect();
        }
        if step.names(name::COMMIT_BEFORE) {
            return before.commit.iter().map(|commit| with(&[(name::COMMIT_BEFORE, commit)])).collect();
        }
        if step.names(name::IMAGE_BEFORE) {
            // A name that holds a digest means nothing else, ever: it needs no tag and can take none.
            let restorable =
                (1..).zip(&before.images).filter(|(_, i)| !i.name.contains('@') && !i.name.starts_with("sha256:"));
            let words = restorable.map(|(n, image)| {
                let n: u32 = n;
                with(&[
                    (name::IMAGE_BEFORE, &image.id),
                    (name::IMAGE_NAME, &image.name),
                    (name::NUMBER, &n.to_string()),
                ])
            });
            return words.collect();
        }
        if step.names(name::SERVICE) {
            return self.services().iter().map(|service| with(&[(name::SERVICE, &service.0)])).collect();
        }
        let images = engine::images(config.unwrap_or_default());
        let words = argv.into_iter().flat_map(|w| if w == name::IMAGES { images.clone() } else { vec![w] });
        if images.is_empty() { Vec::new() } else { vec![words.collect()] }
    }

    /// Returns what the project's Compose file is called. Where there is none the usual name stands for it: that is the
    /// one which Compose then says it does not find.
    pub fn compose_file(&self) -> &'static str {
        let found = self.answer(What::ComposeFile).unwrap_or_default();
        let is_there = |name: &&str| found.lines().any(|path| path.rsplit('/').next() == Some(name));
        COMPOSE_FILES.into_iter().find(is_there).unwrap_or("docker-compose.yml")
    }

    /// Returns the state of the systemd unit, if systemd has it.
    pub fn unit(&self) -> Option<Unit> {
        unit::parse(&self.answer(What::Unit)?)
    }

    /// Returns the Swarm services of the stack with their replicas, `1/2`.
    pub fn services(&self) -> Vec<(String, String)> {
        let lines = self.answer(What::Services).unwrap_or_default();
        let pair = |line: &str| line.split_once(' ').map(|(name, replicas)| (name.to_owned(), replicas.to_owned()));
        lines.lines().filter_map(pair).filter(|(_, replicas)| replicas.contains('/')).collect()
    }

    /// Returns the health of a stack: all its replicas run, and no update of it is under way.
    pub fn stack_health(&self) -> Health {
        let services = self.services();
        let names: Vec<&str> = services.iter().map(|(name, _)| name.as_str()).collect();
        let inspect = [&["docker", "service", "inspect"], &names[..]].concat();
        let json = self.also(What::Services, &inspect).unwrap_or_default();
        match (engine::replicas(&services), engine::update_trouble(&json)) {
            (Health::Healthy, Some(trouble)) => Health::failed(trouble),
            (health, _) => health,
        }
    }

    fn run(&self, step: &Step) -> Option<String> {
        let mut words = plain_words(step, self.compose);
        if step.names(name::COMPOSE_FILE) {
            let file = self.compose_file();
            words.iter_mut().for_each(|word| *word = word.replace(name::COMPOSE_FILE, file));
        }
        let limit = Duration::from_secs(step.timeout_s + CONNECT_TIMEOUT_S);
        if step.is_remote() {
            return process::output(&ssh::command(&step.on, &words, None).ok()?, None, limit);
        }
        let dir = home_dir(step.cwd.as_deref(), self.home).ok()?;
        let argv: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        process::output(&argv, dir.as_deref(), limit)
    }
}

impl Before {
    /// Returns it as facts of the record.
    pub fn facts(&self) -> BTreeMap<String, String> {
        let images: Vec<String> = self.images.iter().map(|i| format!("{} {}", i.name, i.id)).collect();
        let images = (!images.is_empty()).then(|| images.join(", "));
        let facts = [("commit_before", self.commit.clone()), ("images_before", images)];
        facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::plan::Phase;

    fn step(argv: &[&str], named: bool) -> Step {
        let argv = argv.iter().map(|w| (*w).to_owned()).collect();
        let on = "local".to_owned();
        Step { on, argv, cwd: None, timeout_s: 9, phase: Phase::Apply, compose: false, named, may_fail: false }
    }

    #[test]
    fn a_name_is_filled_in_once_for_each_and_only_where_the_step_says_so() {
        let fill = |step: &Step, before: &Before| {
            let with = Filling { before, config: None, compose_file: Some("compose.yml") };
            Asker { asks: &[], compose: None, home: None }.fill(step, with)
        };
        let image = |id: &str, name: &str| Image { id: id.into(), name: name.into() };
        let images = vec![image("sha256:a", "web:1"), image("sha256:b", "db@sha256:b"), image("sha256:c", "log")];
        let before = Before { commit: Some("c0ffee".into()), images };
        let tag = ["docker", "tag", "<image-before>", "<image-name>"];
        assert_eq!(
            fill(&step(&tag, true), &before),
            [["docker", "tag", "sha256:a", "web:1"], ["docker", "tag", "sha256:c", "log"]]
        );
        assert_eq!(fill(&step(&tag, false), &before), [tag], "a recipe's own words stay");
        assert_eq!(fill(&step(&["git", "<commit-before>"], true), &before), [["git", "c0ffee"]]);
        assert!(fill(&step(&["git", "<commit-before>"], true), &Before::default()).is_empty());
        assert_eq!(fill(&step(&["up", "w/<compose-file>"], true), &before), [["up", "w/compose.yml"]]);
        assert!(fill(&step(&["docker", "<images>"], true), &before).is_empty());
    }
}
