//! Plans: the exact commands of an action, made from the host files alone, and their digest. The dry run, the
//! page, the approval and the execution consume the same value. Runs nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::ActionType;
use super::desired::{Connection, Host};
use super::digest::Digester;
use super::hostfile::{Check, OnFailure, Recipe, Runtime, Service};
use super::mask::mask;

/// Seconds between the SIGTERM of a step that took too long and its SIGKILL (contract 5.3).
pub const KILL_AFTER_S: u64 = 10;

/// The time of a step that belongs to no service: a disk clean-up's.
const NODE_STEP: Duration = Duration::from_secs(600);

/// Where a host's repository is looked for when `repo:` does not say.
pub const DEFAULT_REPO: &str = "~/homelab";

/// What will run, in order, and how it is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// `sha256:…` over everything below.
    pub digest: String,
    /// The commands.
    pub steps: Vec<Step>,
    /// How health is verified afterwards, if the service says how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `local`, or the destination of ssh.
    pub on: String,
    /// The program and its arguments; over ssh each word is quoted.
    pub argv: Vec<String>,
    /// The working directory: absolute, or `~` for the home of the user who runs it; none leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Seconds until it is ended.
    pub timeout_s: u64,
    /// Whether it fetches, before anything is disturbed, or applies.
    pub phase: Phase,
    /// Whether the leading `docker compose` stands for whichever compose command the node has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compose: bool,
}

/// What a step does to what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Gets what the next steps need; what runs goes on running.
    Fetch,
    /// Changes what runs.
    Apply,
}

/// How health is verified after the last step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// The check in words: `tcp 127.0.0.1:8080`, or `engine` for what the engine knows.
    pub check: String,
    /// Seconds of unbroken health that are wanted.
    pub min_healthy_s: u64,
    /// Seconds within which they must have passed.
    pub healthy_deadline_s: u64,
    /// What follows if they have not.
    pub on_failure: String,
}

/// Why no plan can be made: a sentence with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoPlan(pub String);

impl Step {
    /// Returns whether the step runs over ssh.
    pub fn is_remote(&self) -> bool {
        self.on != LOCAL
    }
}

/// The `on` of a step that runs on this machine.
pub const LOCAL: &str = "local";

impl Plan {
    /// Makes the plan of an action on a host's service, or on the host itself.
    pub fn make(host: &Host, service: Option<&Service>, kind: ActionType) -> Result<Plan, NoPlan> {
        let maker = Maker { host, service };
        let steps = match maker.recipe(kind) {
            Some(steps) => steps,
            None => maker.default_steps(kind)?,
        };
        let verify = service.filter(|_| kind != ActionType::DiskCleanup).and_then(verify);
        let mut plan = Plan { digest: String::new(), steps, verify };
        let name = service.map(|s| s.name.as_str());
        plan.digest = plan.digest_of(kind, host.node.as_str(), name);
        Ok(plan)
    }

    /// Returns the plan as it may be shown and kept: secrets masked, the digest that of the plan that runs.
    pub fn masked(&self, secrets: &[String]) -> Plan {
        let mut plan = self.clone();
        for word in plan.steps.iter_mut().flat_map(|step| &mut step.argv) {
            *word = mask(word, secrets);
        }
        if let Some(verify) = &mut plan.verify {
            verify.check = mask(&verify.check, secrets);
        }
        plan
    }

    fn digest_of(&self, kind: ActionType, node: &str, service: Option<&str>) -> String {
        let head = Digester::default().text("hlctl.plan/v1").text(kind.as_str()).text(node).maybe(service);
        let steps = self.steps.iter().fold(head.number(self.steps.len() as u64), |d, step| {
            let Step { on, argv, cwd, timeout_s, phase, compose } = step;
            d.text(on)
                .list(argv.iter().map(String::as_str))
                .maybe(cwd.as_deref())
                .number(*timeout_s)
                .number(u64::from(*phase == Phase::Fetch))
                .number(u64::from(*compose))
        });
        let Some(Verify { check, min_healthy_s, healthy_deadline_s, on_failure }) = &self.verify else {
            return steps.number(0).finish();
        };
        steps.number(1).text(check).number(*min_healthy_s).number(*healthy_deadline_s).text(on_failure).finish()
    }
}

fn verify(service: &Service) -> Option<Verify> {
    let settings = &service.settings;
    let check = settings.check.as_ref()?;
    Some(Verify {
        check: describe(check),
        min_healthy_s: whole_seconds(settings.min_healthy),
        healthy_deadline_s: whole_seconds(settings.healthy_deadline),
        on_failure: match settings.on_failure {
            OnFailure::None => "none".into(),
            OnFailure::Rollback => "rollback".into(),
        },
    })
}

/// Returns a duration in seconds, a begun one counted whole.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Returns a check in words.
pub fn describe(check: &Check) -> String {
    match check {
        Check::Tcp(address) => format!("tcp {address}"),
        Check::Mqtt(address) => format!("mqtt {address}"),
        Check::Command(argv) => format!("command {}", serde_json::Value::from(argv.words())),
        Check::Http { url, status, contains } => {
            let status = status.map_or(String::new(), |s| format!(" status {s}"));
            let contains = contains.as_ref().map_or(String::new(), |c| format!(" contains {c:?}"));
            format!("http {url}{status}{contains}")
        }
    }
}

struct Maker<'a> {
    host: &'a Host,
    service: Option<&'a Service>,
}

impl Maker<'_> {
    fn recipe(&self, kind: ActionType) -> Option<Vec<Step>> {
        let own = self.service.and_then(|s| s.settings.recipes.get(&kind));
        let recipe =
            own.or_else(|| self.host.file.recipes.get(&kind)).or_else(|| self.disk_recipe_of_a_service(kind))?;
        // Where nobody says, the home of whoever runs it, here as over ssh: never where a pass happened to be started.
        let cwd = self.host.file.repo.as_ref().map_or("~", |repo| repo.as_str()).to_owned();
        let cwd = Some(cwd);
        let step = |argv: &super::hostfile::Argv| self.step(argv.words().to_vec(), Phase::Apply, cwd.clone());
        Some(recipe.steps().iter().map(step).collect())
    }

    /// Returns the first recipe by which a service says how its node's disk is cleaned.
    fn disk_recipe_of_a_service(&self, kind: ActionType) -> Option<&Recipe> {
        let is_disk = kind == ActionType::DiskCleanup;
        self.host.services.iter().find_map(|s| s.settings.recipes.get(&kind).filter(|_| is_disk))
    }

    fn default_steps(&self, kind: ActionType) -> Result<Vec<Step>, NoPlan> {
        let Some(service) = self.service else { return self.disk_cleanup() };
        let name = service.name.as_str();
        let apply = |argv: &[&str]| self.step(words(argv), Phase::Apply, None);
        Ok(match (service.settings.runtime, kind) {
            (_, ActionType::DiskCleanup) => return self.disk_cleanup(),
            (Runtime::Compose, ActionType::ContainerRestart) if !service.settings.containers.is_empty() => {
                let containers = service.settings.containers.iter().map(|c| c.as_str());
                let argv: Vec<&str> = ["docker", "restart"].into_iter().chain(containers).collect();
                vec![apply(&argv)]
            }
            (Runtime::Compose, ActionType::ContainerRestart) => vec![self.compose(service, &["restart"], Phase::Apply)],
            (Runtime::Compose, ActionType::Redeploy) => {
                let (home, repo) = self.repo();
                vec![
                    self.step(words(&["git", "-C", &repo, "pull", "--ff-only"]), Phase::Fetch, home),
                    self.compose(service, &["pull", "--ignore-pull-failures"], Phase::Fetch),
                    self.compose(service, &["build"], Phase::Fetch),
                    self.compose(service, &["up", "-d", "--build", "--force-recreate"], Phase::Apply),
                ]
            }
            (Runtime::Systemd, ActionType::ContainerRestart) => vec![apply(&["systemctl", "restart", name])],
            (Runtime::Systemd, ActionType::Redeploy) => {
                vec![apply(&["systemctl", "daemon-reload"]), apply(&["systemctl", "restart", name])]
            }
            (Runtime::Swarm, ActionType::ContainerRestart) => {
                vec![apply(&["docker", "service", "update", "--force", name])]
            }
            (Runtime::Swarm, ActionType::Redeploy) => {
                let (home, file) = self.below_repo(&self.compose_file(service));
                let argv = words(&["docker", "stack", "deploy", "--compose-file", &file, name]);
                vec![self.step(argv, Phase::Apply, home)]
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
        })
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

    fn compose(&self, service: &Service, verb: &[&str], phase: Phase) -> Step {
        let settings = &service.settings;
        let file = self.compose_file(service);
        let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let (home, project) = self.below_repo(folder);
        let mut argv = words(&["docker", "compose", "--project-directory", &project]);
        let names_file = settings.compose.as_ref().is_some_and(|c| is_yaml(c.as_str()));
        let over = self.host.overrides.get(&service.name);
        // With an override the base file has to be named too; without one the project's own is found.
        if names_file || over.is_some() {
            argv.extend(words(&["--file", &self.below_repo(&file).1]));
        }
        if let Some(over) = over {
            argv.extend(words(&["--file", &self.below_repo(over).1]));
        }
        if let Some(project) = &settings.project {
            argv.extend(words(&["--project-name", project.as_str()]));
        }
        for profile in &settings.profiles {
            argv.extend(words(&["--profile", profile.as_str()]));
        }
        argv.extend(words(verb));
        Step { compose: true, ..self.step(argv, phase, home) }
    }

    /// Returns the project's Compose file below the repository.
    fn compose_file(&self, service: &Service) -> String {
        let own = service.settings.compose.as_ref().map(|c| c.as_str().trim_end_matches('/').to_owned());
        match own {
            Some(file) if is_yaml(&file) => file,
            folder => format!("{}/docker-compose.yml", folder.unwrap_or_else(|| format!("services/{}", service.name))),
        }
    }

    /// Returns the repository as a step on this host names it, with the working directory that this needs.
    ///
    /// A path below the home stays relative to it: no shell expands `~` here, and whose home it is only the node
    /// knows.
    fn repo(&self) -> (Option<String>, String) {
        let repo = self.host.file.repo.as_ref().map_or(DEFAULT_REPO, |r| r.as_str()).trim_end_matches('/');
        if repo.starts_with('/') || repo.is_empty() {
            return (None, if repo.is_empty() { "/".into() } else { repo.to_owned() });
        }
        let below = repo.strip_prefix("~/").unwrap_or(if repo == "~" { "." } else { repo });
        let home = (self.host.connection == Connection::Local).then(|| "~".to_owned());
        (home, below.to_owned())
    }

    fn below_repo(&self, path: &str) -> (Option<String>, String) {
        let (home, repo) = self.repo();
        if path.starts_with('/') {
            (home, path.to_owned())
        } else {
            (home, format!("{}/{path}", repo.trim_end_matches('/')))
        }
    }

    fn step(&self, argv: Vec<String>, phase: Phase, cwd: Option<String>) -> Step {
        let timeout = self.service.map_or(NODE_STEP, |s| s.settings.timeout);
        let timeout_s = whole_seconds(timeout).max(1);
        match &self.host.connection {
            Connection::Local => Step { on: LOCAL.into(), argv, cwd, timeout_s, phase, compose: false },
            Connection::Ssh(destination) => {
                let (kill, seconds) = (KILL_AFTER_S.to_string(), timeout_s.to_string());
                let mut remote = words(&["timeout", "-k", &kill, &seconds]);
                // A login shell begins in the home: only a path that leaves it needs saying.
                if let Some(dir) = cwd.as_deref().map(|d| d.strip_prefix("~/").unwrap_or(d)).filter(|d| *d != "~") {
                    remote.extend(words(&["env", &format!("--chdir={dir}")]));
                }
                remote.extend(argv);
                Step { on: destination.clone(), argv: remote, cwd: None, timeout_s, phase, compose: false }
            }
        }
    }
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yml") || path.ends_with(".yaml")
}

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|w| (*w).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{desired, hostfile};
    use super::*;

    fn host(services: &str, file: &str) -> Host {
        let node = "piha".parse().unwrap();
        let file = hostfile::parse_host(file).unwrap();
        Host {
            connection: desired::connection(&node, &file, None),
            node,
            file,
            services: hostfile::parse_services(services).unwrap(),
            overrides: Default::default(),
        }
    }

    fn lines(host: &Host, kind: ActionType) -> Vec<String> {
        let service = (kind != ActionType::DiskCleanup).then(|| &host.services[0]);
        let plan = Plan::make(host, service, kind).unwrap();
        plan.steps
            .iter()
            .map(|s| {
                format!("{}{}: {}", s.on, s.cwd.as_deref().map_or(String::new(), |c| format!(" {c}")), s.argv.join(" "))
            })
            .collect()
    }

    #[test]
    fn compose_over_ssh_is_wrapped_in_timeout_and_relative_to_the_home() {
        let host = host("services: [mosquitto]", "ssh: o@h\nrepo: ~/lab\n");
        assert_eq!(
            lines(&host, ActionType::Redeploy),
            [
                "o@h: timeout -k 10 600 git -C lab pull --ff-only",
                "o@h: timeout -k 10 600 docker compose --project-directory lab/services/mosquitto pull --ignore-pull-failures",
                "o@h: timeout -k 10 600 docker compose --project-directory lab/services/mosquitto build",
                "o@h: timeout -k 10 600 docker compose --project-directory lab/services/mosquitto up -d --build --force-recreate",
            ]
        );
        assert_eq!(
            lines(&host, ActionType::ContainerRestart),
            ["o@h: timeout -k 10 600 docker compose --project-directory lab/services/mosquitto restart"]
        );
    }

    #[test]
    fn containers_override_file_profile_and_project_are_named() {
        let mut host = host(
            "services: [{name: web, compose: apps/web/compose.yaml, project: w, profiles: [p], containers: [a, b]}]",
            "connection: local\nrepo: /srv/lab\n",
        );
        host.overrides.insert("web".parse().unwrap(), "/etc/o.yml".into());
        assert_eq!(lines(&host, ActionType::ContainerRestart), ["local: docker restart a b"]);
        assert_eq!(
            lines(&host, ActionType::Redeploy)[3],
            "local: docker compose --project-directory /srv/lab/apps/web --file /srv/lab/apps/web/compose.yaml \
             --file /etc/o.yml --project-name w --profile p up -d --build --force-recreate"
        );
    }

    #[test]
    fn recipes_of_the_service_win_over_those_of_the_host() {
        let recipes = "recipes: {redeploy: [[make, up]]}";
        let own = host(
            &format!("services: [{{name: w, runtime: command, {recipes}}}]"),
            "connection: local\nrecipes: {redeploy: [[x]], container_restart: [[y]]}",
        );
        assert_eq!(lines(&own, ActionType::Redeploy), ["local ~: make up"]);
        assert_eq!(lines(&own, ActionType::ContainerRestart), ["local ~: y"]);
        let bare = host("services: [{name: w, runtime: command}]", "");
        let error = Plan::make(&bare, Some(&bare.services[0]), ActionType::Redeploy).unwrap_err();
        assert!(error.0.contains("recipe"), "{error}");
    }

    #[test]
    fn a_disk_clean_up_follows_what_the_node_runs() {
        let first =
            |services: &str| lines(&host(services, "connection: local"), ActionType::DiskCleanup).swap_remove(0);
        assert!(
            first("services: [a, {name: b, runtime: nomad}]").contains("docker image prune --force --filter until=24h")
        );
        assert!(first("services: [{name: b, runtime: nomad}]").contains("nomad system gc"));
        assert!(first("services: [{name: b, runtime: systemd}]").contains("journalctl"));
        assert!(first("services: []").contains("journalctl"));
        let only = host("services: [{name: b, runtime: command}]", "");
        assert!(Plan::make(&only, None, ActionType::DiskCleanup).is_err());
    }

    #[test]
    fn each_part_of_a_plan_changes_its_digest() {
        let digest = |services: &str, file: &str, kind| {
            let host = host(services, file);
            Plan::make(&host, Some(&host.services[0]), kind).unwrap().digest
        };
        let base = ("services: [{name: w, check: {tcp: 'h:1'}}]", "ssh: a@b", ActionType::Redeploy);
        let same = digest(base.0, base.1, base.2);
        assert_eq!(same, digest(base.0, base.1, base.2));
        for other in [
            digest(base.0, "ssh: a@c", base.2),
            digest(base.0, "connection: local", base.2),
            digest(base.0, "ssh: a@b\nrepo: /x", base.2),
            digest(base.0, base.1, ActionType::ContainerRestart),
            digest("services: [{name: v, check: {tcp: 'h:1'}}]", base.1, base.2),
            digest("services: [{name: w, check: {tcp: 'h:2'}}]", base.1, base.2),
            digest("services: [{name: w, check: {tcp: 'h:1'}, timeout: 1m}]", base.1, base.2),
            digest("services: [{name: w, check: {tcp: 'h:1'}, min_healthy: 1m}]", base.1, base.2),
            digest("services: [{name: w, check: {tcp: 'h:1'}, healthy_deadline: 1m}]", base.1, base.2),
            digest("services: [{name: w, check: {tcp: 'h:1'}, on_failure: rollback}]", base.1, base.2),
            digest("services: [w]", base.1, base.2),
            digest("services: [{name: w, check: {tcp: 'h:1'}, recipes: {redeploy: [[a, b]]}}]", base.1, base.2),
            digest("services: [{name: w, check: {tcp: 'h:1'}, recipes: {redeploy: [[a], [b]]}}]", base.1, base.2),
        ] {
            assert_ne!(same, other);
        }
    }
}
