//! Makes the steps of an action for each runtime: recipes first, else the defaults of contract 5.3.

use std::time::Duration;

use super::super::action::ActionType;
use super::super::desired::{Connection, Host};
use super::super::hostfile::{Argv, Recipe, Runtime, Scope, Service};
use super::{Ask, Commit, DEFAULT_REPO, KILL_AFTER_S, LOCAL, NoPlan, Phase, Step, What, name, whole_seconds};

/// The time of a step that belongs to no service: a disk clean-up's.
const NODE_STEP: Duration = Duration::from_secs(600);

/// Seconds that a question to the node may take.
const ASK_S: u64 = 30;

/// Makes the steps of one action.
pub struct Maker<'a> {
    /// Where.
    pub host: &'a Host,
    /// For which service; none for the node itself.
    pub service: Option<&'a Service>,
    /// The commit to go to, where it was approved.
    pub commit: Option<&'a Commit>,
}

/// Questions and steps.
pub type Made = (Vec<Ask>, Vec<Step>);

impl Maker<'_> {
    /// Returns the steps that the operator's own recipe says.
    pub fn recipe(&self, kind: ActionType) -> Option<Vec<Step>> {
        let own = self.service.and_then(|s| s.settings.recipes.get(&kind));
        let recipe =
            own.or_else(|| self.host.file.recipes.get(&kind)).or_else(|| self.disk_recipe_of_a_service(kind))?;
        // Where nobody says, the home of whoever runs it, here as over ssh: never where a pass happened to be started.
        let cwd = self.host.file.repo.as_ref().map_or("~", |repo| repo.as_str()).to_owned();
        let cwd = Some(cwd);
        let step = |argv: &Argv| self.step(argv.words().to_vec(), Phase::Apply, cwd.clone());
        Some(recipe.steps().iter().map(step).collect())
    }

    /// Returns the first recipe by which a service says how its node's disk is cleaned.
    fn disk_recipe_of_a_service(&self, kind: ActionType) -> Option<&Recipe> {
        let is_disk = kind == ActionType::DiskCleanup;
        self.host.services.iter().find_map(|s| s.settings.recipes.get(&kind).filter(|_| is_disk))
    }

    /// Returns the steps of the service's runtime.
    pub fn defaults(&self, kind: ActionType) -> Result<Made, NoPlan> {
        let Some(service) = self.service else { return Ok((Vec::new(), self.disk_cleanup()?)) };
        let name = service.name.as_str();
        let apply = |argv: &[&str]| self.step(words(argv), Phase::Apply, None);
        let steps = match (service.settings.runtime, kind) {
            (_, ActionType::DiskCleanup) => self.disk_cleanup()?,
            (Runtime::Compose, ActionType::ContainerRestart) => return Ok(self.compose_restart(service)),
            (Runtime::Compose, ActionType::Redeploy) => return Ok(self.compose_redeploy(service)),
            (Runtime::Swarm, ActionType::ContainerRestart) => {
                let update = apply(&["docker", "service", "update", "--force", name::SERVICE]);
                return Ok((vec![self.stack(name)], vec![Step { named: true, ..update }]));
            }
            (Runtime::Swarm, ActionType::Redeploy) => {
                let (home, file) = self.below_repo(&self.compose_file(service));
                let argv = words(&["docker", "stack", "deploy", "--compose-file", &file, name]);
                let deploy = by_name(self.step(argv, Phase::Apply, home));
                let asks = [vec![self.stack(name)], self.compose_file_ask(service, &deploy)].concat();
                return Ok((asks, vec![deploy]));
            }
            (Runtime::Systemd, ActionType::ContainerRestart) => {
                return Ok((vec![self.unit(name)], vec![self.systemctl(&["restart", name])]));
            }
            (Runtime::Systemd, ActionType::Redeploy) => {
                let steps = vec![self.systemctl(&["daemon-reload"]), self.systemctl(&["restart", name])];
                return Ok((vec![self.unit(name)], steps));
            }
            (Runtime::Nomad, ActionType::ContainerRestart) => vec![apply(&["nomad", "job", "restart", "-yes", name])],
            (Runtime::Nomad, ActionType::Redeploy) => {
                let (home, file) = self.below_repo(&format!("services/{name}/{name}.nomad.hcl"));
                vec![self.step(words(&["nomad", "job", "run", &file]), Phase::Apply, home)]
            }
            (Runtime::Command, ActionType::ContainerRestart | ActionType::Redeploy) => {
                return Err(NoPlan(format!(
                    "{}/{name} has runtime command and no recipe for {kind}: add `recipes: {{{kind}: [[…]]}}` in services.yaml",
                    self.host.node
                )));
            }
        };
        Ok((Vec::new(), steps))
    }

    /// Docker's clean-up where a service is compose or swarm, then Nomad's, else systemd's.
    fn disk_cleanup(&self) -> Result<Vec<Step>, NoPlan> {
        let has = |wanted: &[Runtime]| self.host.services.iter().any(|s| wanted.contains(&s.settings.runtime));
        let apply = |argv: &[&str]| self.step(words(argv), Phase::Apply, None);
        if has(&[Runtime::Compose, Runtime::Swarm]) {
            return Ok(vec![
                apply(&["docker", "image", "prune", "--force", "--filter", "until=24h"]),
                apply(&["docker", "builder", "prune", "--force"]),
            ]);
        }
        if has(&[Runtime::Nomad]) {
            return Ok(vec![apply(&["nomad", "system", "gc"])]);
        }
        if has(&[Runtime::Command]) && !has(&[Runtime::Systemd]) {
            return Err(NoPlan(format!(
                "{} runs only commands and has no recipe for disk_cleanup: add `recipes: {{disk_cleanup: [[…]]}}` in host.yaml",
                self.host.node
            )));
        }
        Ok(vec![apply(&["journalctl", "--vacuum-time=7d"])])
    }

    fn systemctl(&self, words: &[&str]) -> Step {
        let user = self.service.is_some_and(|s| s.settings.scope == Scope::User);
        let program: &[&str] = if user { &["systemctl", "--user"] } else { &["systemctl"] };
        self.step(self::words(&[program, words].concat()), Phase::Apply, None)
    }

    /// Returns the question for a unit's state.
    fn unit(&self, name: &str) -> Ask {
        let show = self.systemctl(&["show", "--property=LoadState,ActiveState,Type,Result,NRestarts", name]);
        self.ask(What::Unit, Step { phase: Phase::Fetch, ..show })
    }

    /// Returns the question for a stack's services.
    fn stack(&self, name: &str) -> Ask {
        let argv = ["docker", "stack", "services", "--format", "{{.Name}} {{.Replicas}}", name];
        self.ask(What::Services, self.step(words(&argv), Phase::Fetch, None))
    }

    /// Returns the step that brings the repository to its remote's commit, or to the approved one.
    pub fn git(&self) -> Step {
        let (home, repo) = self.repo();
        let argv = match self.commit {
            Some(commit) => words(&["git", "-C", &repo, "merge", "--ff-only", commit.as_str()]),
            None => words(&["git", "-C", &repo, "pull", "--ff-only"]),
        };
        self.step(argv, Phase::Fetch, home)
    }

    /// Returns the question for the repository's commit.
    pub fn commit_ask(&self) -> Ask {
        let (home, repo) = self.repo();
        let argv = words(&["git", "-C", &repo, "rev-parse", "--verify", "HEAD^{commit}"]);
        self.ask(What::Commit, self.step(argv, Phase::Fetch, home))
    }

    /// Returns what `plan --fetch` asks.
    pub fn fetch_asks(&self, service: &Service) -> Vec<Ask> {
        let (home, repo) = self.repo();
        let file = self.compose_file(service);
        let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let git = |what, argv: &[&str]| {
            let argv = words(&[&["git", "-C", &repo], argv].concat());
            self.ask(what, self.step(argv, Phase::Fetch, home.clone()))
        };
        let diff = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD...@{upstream}", "--", folder];
        vec![
            // A fetch takes its time: that of a step, not of a question.
            Ask {
                what: What::Fetch,
                step: self.step(words(&["git", "-C", &repo, "fetch", "--quiet"]), Phase::Fetch, home.clone()),
            },
            self.commit_ask(),
            git(What::Upstream, &["rev-parse", "--verify", "@{upstream}^{commit}"]),
            git(What::Log, &["log", "--no-color", "--no-decorate", "--oneline", "--max-count=50", "HEAD..@{upstream}"]),
            git(What::Diff, &diff),
        ]
    }

    /// Returns a question whose command this step is.
    pub fn ask(&self, what: What, step: Step) -> Ask {
        let mut step = Step { timeout_s: ASK_S, ..step };
        if step.is_remote() {
            // The word after `timeout -k 10`.
            step.argv[3] = ASK_S.to_string();
        }
        Ask { what, step }
    }

    /// Returns the repository as a step on this host names it, with the working directory that this needs.
    ///
    /// A path below the home stays relative to it: no shell expands `~` here, and whose home it is only the node
    /// knows.
    pub fn repo(&self) -> (Option<String>, String) {
        let repo = self.host.file.repo.as_ref().map_or(DEFAULT_REPO, |r| r.as_str()).trim_end_matches('/');
        if repo.starts_with('/') || repo.is_empty() {
            return (None, if repo.is_empty() { "/".into() } else { repo.to_owned() });
        }
        let below = repo.strip_prefix("~/").unwrap_or(if repo == "~" { "." } else { repo });
        let home = (self.host.connection == Connection::Local).then(|| "~".to_owned());
        (home, below.to_owned())
    }

    /// Returns a path below the repository as a step names it.
    pub fn below_repo(&self, path: &str) -> (Option<String>, String) {
        let (home, repo) = self.repo();
        if path.starts_with('/') {
            (home, path.to_owned())
        } else {
            (home, format!("{}/{path}", repo.trim_end_matches('/')))
        }
    }

    /// Returns one command on the host: over ssh under `timeout`.
    pub fn step(&self, argv: Vec<String>, phase: Phase, cwd: Option<String>) -> Step {
        let timeout = self.service.map_or(NODE_STEP, |s| s.settings.timeout);
        let timeout_s = whole_seconds(timeout).max(1);
        let plain = |on: String, argv, cwd| Step {
            on,
            argv,
            cwd,
            timeout_s,
            phase,
            compose: false,
            named: false,
            may_fail: false,
        };
        match &self.host.connection {
            Connection::Local => plain(LOCAL.into(), argv, cwd),
            Connection::Ssh(destination) => {
                let (kill, seconds) = (KILL_AFTER_S.to_string(), timeout_s.to_string());
                let mut remote = words(&["timeout", "-k", &kill, &seconds]);
                // A login shell begins in the home: only a path that leaves it needs saying.
                if let Some(dir) = cwd.as_deref().map(|d| d.strip_prefix("~/").unwrap_or(d)).filter(|d| *d != "~") {
                    remote.extend(words(&["env", &format!("--chdir={dir}")]));
                }
                remote.extend(argv);
                plain(destination.clone(), remote, None)
            }
        }
    }
}

/// Returns a step that says so where it holds the name of a Compose file that only the node knows.
pub fn by_name(step: Step) -> Step {
    let named = step.named || step.argv.iter().any(|word| word.contains(name::COMPOSE_FILE));
    Step { named, ..step }
}

/// Returns a command's words.
pub fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|w| (*w).to_owned()).collect()
}
