//! What only the node knows: asked where a plan says so by name, and filled into its steps. Asking changes nothing; an
//! answer that does not come or makes no sense is no answer, which is never the same as "there is none".

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::Compose;
use super::before::{Before, Image, Known, Ran};
use super::step::{home_dir, plain_words};
use crate::flow::engine::{self, Container, Pulled};
use crate::flow::health::Health;
use crate::flow::plan::{Ask, Commit, Fetched, Step, What, name};
use crate::flow::project::COMPOSE_FILES;
use crate::flow::ssh::{self, CONNECT_TIMEOUT_S};
use crate::flow::time::Stamp;
use crate::flow::units::{self, Unit};
use crate::process;

/// What a project's Compose file is called where there is none, or nobody says.
pub const USUAL_FILE: &str = "docker-compose.yml";

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

/// What a step's names are filled in with.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// What was there before.
    pub before: &'a Before,
    /// The rendered Compose config.
    pub config: Option<&'a str>,
    /// What the project's Compose file is called.
    pub compose_file: Option<&'a str>,
    /// The IDs of the containers whose service was not there before.
    pub added: &'a [String],
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

    /// Returns the names of the containers that the plan asks for, where it names them.
    pub fn named_containers(&self) -> Vec<String> {
        let ask = self.asks.iter().find(|ask| ask.what == What::Containers);
        ask.map(|ask| engine::filtered_names(&ask.step.argv)).unwrap_or_default()
    }

    /// Returns the service's containers as the engine sees them.
    pub fn containers(&self) -> Option<Vec<Container>> {
        self.inspect(&self.answer(What::Containers)?)
    }

    /// Looks at known containers again; at the service's anew where one of them is gone. Asking Compose takes ten times
    /// as long as asking the engine.
    pub fn containers_again(&self, known: &[Container]) -> Option<Vec<Container>> {
        let ids: Vec<&str> = known.iter().map(|c| c.id.as_str()).collect();
        let found = self.inspect(&ids.join(" ")).filter(|found| !found.is_empty());
        found.or_else(|| self.containers())
    }

    /// Looks into the containers of these IDs.
    fn inspect(&self, ids: &str) -> Option<Vec<Container>> {
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if ids.is_empty() {
            return Some(Vec::new());
        }
        if !ids.iter().all(|id| engine::is_id(id)) {
            return None;
        }
        let words = [&["docker", "inspect", "--type", "container"], &ids[..]].concat();
        let mut found = Container::parse_all(&self.also(What::Containers, &words)?)?;
        found.retain(|c| !c.is_one_off);
        Some(found)
    }

    /// Returns all containers of a Compose project, also those that its config no longer knows.
    pub fn of_project(&self, project: &str) -> Option<Vec<Container>> {
        let label = format!("label={}project={project}", engine::COMPOSE);
        let words = ["docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", &label];
        self.inspect(&self.also(What::Containers, &words)?)
    }

    /// Returns the commit of the repository.
    pub fn commit(&self) -> Option<String> {
        let commit = self.answer(What::Commit)?.trim().to_owned();
        Commit::try_from(commit.clone()).is_ok().then_some(commit)
    }

    /// Returns what runs before anything is disturbed.
    pub fn ran(&self) -> Option<Ran> {
        let own = self.containers()?;
        let project = own.iter().map(|c| &c.project).find(|project| !project.is_empty()).cloned();
        let all = match &project {
            Some(project) => self.of_project(project)?,
            None => own.clone(),
        };
        let mut images: Vec<Image> = Vec::new();
        for container in own.iter().filter(|c| !c.image_name.is_empty()) {
            if !images.iter().any(|image| image.name == container.image_name) {
                images.push(Image { id: container.image.clone(), name: container.image_name.clone() });
            }
        }
        let own = own.iter().map(Known::of).collect();
        Some(Ran { images, own, all: all.iter().map(Known::of).collect(), project })
    }

    /// Returns a step's commands, each name filled in; none where there is nothing to fill it with, and in words why
    /// where it cannot be found out.
    pub fn fill(&self, step: &Step, with: Filling<'_>) -> Result<Vec<Vec<String>>, String> {
        let Filling { before, config, compose_file, added } = with;
        let argv = plain_words(step, self.compose);
        if !step.named {
            return Ok(vec![argv]);
        }
        let with = |argv: &[String], pairs: &[(&str, &str)]| -> Vec<String> {
            argv.iter().map(|word| pairs.iter().fold(word.clone(), |w, (name, value)| w.replace(name, value))).collect()
        };
        // This one stands beside others.
        let argv = match compose_file {
            Some(file) => with(&argv, &[(name::COMPOSE_FILE, file)]),
            None => argv,
        };
        let each = |name: &str, values: Vec<String>| values.iter().map(|v| with(&argv, &[(name, v)])).collect();
        if step.names(name::COMMIT_BEFORE) {
            return Ok(each(name::COMMIT_BEFORE, before.commit.clone().into_iter().collect()));
        }
        if step.names(name::IMAGE_BEFORE) {
            // A name that holds a digest means nothing else, ever: it needs no tag and can take none.
            let images = before.ran.as_ref().map_or(&[][..], |ran| &ran.images[..]);
            let restorable =
                (1u32..).zip(images).filter(|(_, i)| !i.name.contains('@') && !i.name.starts_with("sha256:"));
            let words = restorable.map(|(n, image)| {
                let pairs =
                    [(name::IMAGE_BEFORE, &*image.id), (name::IMAGE_NAME, &image.name), (name::NUMBER, &n.to_string())];
                with(&argv, &pairs)
            });
            return Ok(words.collect());
        }
        if step.names(name::CONTAINER_ADDED) {
            return Ok(each(name::CONTAINER_ADDED, added.to_vec()));
        }
        if step.names(name::SERVICE) && step.compose {
            let pulled = self.pulled(config.unwrap_or_default()).into_iter().filter(|p| !p.is_never);
            return Ok(each(name::SERVICE, pulled.map(|p| p.service).collect()));
        }
        if step.names(name::SERVICE) {
            let services = self.services().ok_or("the services of the stack could not be asked for")?;
            if services.is_empty() {
                return Err("the Swarm knows no service of the stack: redeploy it".into());
            }
            return Ok(each(name::SERVICE, services.into_iter().map(|(name, _)| name).collect()));
        }
        if !step.names(name::IMAGES) {
            return Ok(vec![argv]);
        }
        let images: Vec<String> = self.pulled(config.unwrap_or_default()).into_iter().map(|p| p.image).collect();
        let words = argv.into_iter().flat_map(|w| if w == name::IMAGES { images.clone() } else { vec![w] });
        Ok(if images.is_empty() { Vec::new() } else { vec![words.collect()] })
    }

    /// Returns what a rendered config needs and does not build, by the profiles that the plan names.
    pub fn pulled(&self, config: &str) -> Vec<Pulled> {
        let argv = self.asks.iter().find(|ask| ask.what == What::Config).map_or(&[][..], |ask| &ask.step.argv[..]);
        let profiles = argv.windows(2).filter(|words| words[0] == "--profile").map(|words| words[1].as_str());
        engine::pulled(config, &profiles.collect::<Vec<_>>())
    }

    /// Returns what the project's Compose file is called. Where there is none the usual name stands for it: that is the
    /// one which Compose then says it does not find.
    pub fn compose_file(&self) -> Option<&'static str> {
        let found = self.answer(What::ComposeFile)?;
        let is_there = |name: &&str| found.lines().any(|path| path.rsplit('/').next() == Some(name));
        Some(COMPOSE_FILES.into_iter().find(is_there).unwrap_or(USUAL_FILE))
    }

    /// Returns the state of the systemd unit.
    pub fn unit(&self) -> Option<Unit> {
        units::parse(&self.answer(What::Unit)?).pop()
    }

    /// Returns the Swarm services of the stack with their replicas, `1/2`.
    pub fn services(&self) -> Option<Vec<(String, String)>> {
        let lines = self.answer(What::Services)?;
        let pair = |line: &str| line.split_once(' ').map(|(name, replicas)| (name.to_owned(), replicas.to_owned()));
        Some(lines.lines().filter_map(pair).filter(|(_, replicas)| replicas.contains('/')).collect())
    }

    /// Returns the health of a stack: all its replicas run, and no update of it is under way.
    pub fn stack_health(&self) -> Health {
        let silent = || Health::unknown("the Swarm does not answer");
        let Some(services) = self.services() else { return silent() };
        let health = engine::replicas(&services);
        if !health.is_healthy() {
            return health;
        }
        let names: Vec<&str> = services.iter().map(|(name, _)| name.as_str()).collect();
        let inspect = [&["docker", "service", "inspect"], &names[..]].concat();
        match self.also(What::Services, &inspect).map(|json| engine::update_trouble(&json)) {
            None => silent(),
            Some(Some(trouble)) => Health::failed(trouble),
            Some(None) => Health::Healthy,
        }
    }

    fn run(&self, step: &Step) -> Option<String> {
        let mut words = plain_words(step, self.compose);
        if step.names(name::COMPOSE_FILE) {
            let file = self.compose_file().unwrap_or(USUAL_FILE);
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
            let added = ["0123456789ab".to_owned()];
            let with = Filling { before, config: None, compose_file: Some("compose.yml"), added: &added };
            Asker { asks: &[], compose: None, home: None }.fill(step, with).unwrap()
        };
        let image = |id: &str, name: &str| Image { id: id.into(), name: name.into() };
        let images = vec![image("sha256:a", "web:1"), image("sha256:b", "db@sha256:b"), image("sha256:c", "log")];
        let ran = Some(Ran { images, ..Ran::default() });
        let before = Before { commit: Some("c0ffee".into()), ran, is_resumed: false };
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
        assert_eq!(fill(&step(&["rm", "<container-added>"], true), &before), [["rm", "0123456789ab"]]);
    }
}
