//! Plans: the exact commands of an action, made from the host files alone, and their digest. The dry run, the
//! page, the approval and the execution consume the same value. Runs nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::ActionType;
use super::desired::Host;
use super::digest::Digester;
use super::hostfile::{Check, OnFailure, Runtime, Service};
use super::mask::mask;
use super::project::Source;
pub use commit::Commit;
pub use fetched::Fetched;
use make::Maker;
pub use step::{Ask, Phase, Step, What, name};

mod commit;
mod compose;
mod fetched;
mod make;
mod step;

/// Seconds between the SIGTERM of a step that took too long and its SIGKILL (contract 5.3).
pub const KILL_AFTER_S: u64 = 10;

/// Where a host's repository is looked for when `repo:` does not say.
pub const DEFAULT_REPO: &str = "~/homelab";

/// What will run, in order, and how it is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// `sha256:…` over everything below.
    pub digest: String,
    /// The commit that an approval has pinned, by its full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// The sha256 of the Compose override file in `hosts/`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_sha256: Option<String>,
    /// The files from which Compose renders the project's config, where they lie on this machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub project: Vec<Source>,
    /// What the node is asked, without changing anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Ask>,
    /// The commands.
    pub steps: Vec<Step>,
    /// How health is verified afterwards, if the service says how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

/// The check of a service whose health is asked of what runs it: the container engine, or systemd.
pub const ENGINE: &str = "engine";

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

/// Returns the commands with which `plan --fetch` finds the commits of a service's redeploy; none where no repository
/// is pulled. Of those, only the fetch changes anything: what the repository knows of its remote.
pub fn fetch_asks(host: &Host, service: &Service) -> Vec<Ask> {
    let recipe = Maker { host, service: Some(service), commit: None };
    if service.settings.runtime != Runtime::Compose || recipe.recipe(ActionType::Redeploy).is_some() {
        return Vec::new();
    }
    recipe.fetch_asks(service)
}

/// The `on` of a step that runs on this machine.
pub const LOCAL: &str = "local";

impl Plan {
    /// Makes the plan of an action on a host's service, or on the host itself; with a commit, one that goes to
    /// exactly that.
    pub fn make(
        host: &Host,
        service: Option<&Service>,
        kind: ActionType,
        commit: Option<&Commit>,
    ) -> Result<Plan, NoPlan> {
        let maker = Maker { host, service, commit };
        let own = maker.recipe(kind);
        let is_own = own.is_some();
        let (asks, steps) = match own {
            Some(steps) => (Vec::new(), steps),
            None => maker.defaults(kind)?,
        };
        let commit = commit.filter(|c| steps.iter().any(|s| s.argv.iter().any(|w| w == c.as_str())));
        let knows = !is_own && asks.iter().any(|a| matches!(a.what, What::Containers | What::Services | What::Unit));
        let verify = service.filter(|_| kind != ActionType::DiskCleanup).and_then(|s| verify(s, knows));
        let override_sha256 = service.filter(|_| steps.iter().any(|s| s.compose)).map(|s| &s.name);
        let override_sha256 = override_sha256.and_then(|name| host.override_sums.get(name)).cloned();
        let project = service.filter(|_| steps.iter().any(Step::renders_config));
        let project = project.and_then(|s| host.projects.get(&s.name)).map(|p| p.sources.clone()).unwrap_or_default();
        let commit = commit.cloned();
        let mut plan = Plan { digest: String::new(), commit, override_sha256, project, asks, steps, verify };
        let name = service.map(|s| s.name.as_str());
        plan.digest = plan.digest_of(kind, host.node.as_str(), name);
        Ok(plan)
    }

    /// Returns whether it has steps that restore what ran before.
    pub fn restores(&self) -> bool {
        self.steps.iter().any(|step| step.phase == Phase::Rollback)
    }

    /// Returns whether a person was promised that what ran before is restored where health does not come.
    pub fn promises_rollback(&self) -> bool {
        self.restores() || self.verify.as_ref().is_some_and(|verify| verify.on_failure == "rollback")
    }

    /// Returns the plan as it may be shown and kept: secrets masked, the digest that of the plan that runs.
    pub fn masked(&self, secrets: &[String]) -> Plan {
        let mut plan = self.clone();
        let asks = plan.asks.iter_mut().map(|ask| &mut ask.step);
        for word in asks.chain(&mut plan.steps).flat_map(|step| &mut step.argv) {
            *word = mask(word, secrets);
        }
        for line in plan.project.iter_mut().flat_map(|source| &mut source.lines) {
            *line = mask(line, secrets);
        }
        if let Some(verify) = &mut plan.verify {
            verify.check = mask(&verify.check, secrets);
        }
        plan
    }

    fn digest_of(&self, kind: ActionType, node: &str, service: Option<&str>) -> String {
        let head = Digester::default().text("hlctl.plan/v1").text(kind.as_str()).text(node).maybe(service);
        let head = head.maybe(self.commit.as_ref().map(Commit::as_str)).maybe(self.override_sha256.as_deref());
        let head =
            self.project.iter().fold(head, |d, source| d.text("project").text(&source.path).text(&source.sha256));
        let head = head.number(self.asks.len() as u64);
        let asks = self.asks.iter().fold(head, |d, ask| ask.step.digest(d));
        let steps = self.steps.iter().fold(asks.number(self.steps.len() as u64), |d, step| step.digest(d));
        let Some(Verify { check, min_healthy_s, healthy_deadline_s, on_failure }) = &self.verify else {
            return steps.number(0).finish();
        };
        steps.number(1).text(check).number(*min_healthy_s).number(*healthy_deadline_s).text(on_failure).finish()
    }
}

fn verify(service: &Service, engine_knows: bool) -> Option<Verify> {
    let settings = &service.settings;
    let engine = engine_knows.then(|| ENGINE.to_owned());
    Some(Verify {
        check: settings.check.as_ref().map(describe).or(engine)?,
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
            override_sums: Default::default(),
            projects: Default::default(),
        }
    }

    fn lines(host: &Host, kind: ActionType) -> Vec<String> {
        let service = (kind != ActionType::DiskCleanup).then(|| &host.services[0]);
        let plan = Plan::make(host, service, kind, None).unwrap();
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
                "o@h: timeout -k 10 600 docker compose --project-directory lab/services/mosquitto pull <service>",
                "o@h: timeout -k 10 600 docker compose --project-directory lab/services/mosquitto build",
                "o@h: timeout -k 10 600 docker image inspect --format {{.Id}} <images>",
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
            lines(&host, ActionType::Redeploy)[4],
            "local: docker compose --project-directory /srv/lab/apps/web --file /srv/lab/apps/web/compose.yaml \
             --file /etc/o.yml --project-name w --profile p up -d --build --force-recreate"
        );
    }

    #[test]
    fn a_roll_back_is_in_the_plan_by_name_and_only_where_it_is_wanted() {
        let phases = |services: &str| {
            let host = host(services, "connection: local\nrepo: /r");
            let plan = Plan::make(&host, Some(&host.services[0]), ActionType::Redeploy, None).unwrap();
            let back = plan.steps.into_iter().filter(|s| s.phase == Phase::Rollback);
            back.map(|s| s.argv.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(
            phases("services: [{name: w, on_failure: rollback}]"),
            [
                "git -C /r reset --keep <commit-before>",
                "docker tag <image-before> <image-name>",
                "docker rm --force <container-added>",
                "docker compose --project-directory /r/services/w up -d --no-build --force-recreate"
            ]
        );
        assert!(phases("services: [w]").is_empty());
    }

    #[test]
    fn health_is_the_engine_s_to_tell_where_there_is_no_check_and_no_recipe() {
        let check = |service: &str, kind| {
            let host = host(&format!("services: [{service}]"), "");
            Plan::make(&host, Some(&host.services[0]), kind, None).unwrap().verify.map(|v| v.check)
        };
        assert_eq!(check("w", ActionType::ContainerRestart).as_deref(), Some("engine"));
        assert_eq!(check("{name: w, runtime: swarm}", ActionType::Redeploy).as_deref(), Some("engine"));
        assert_eq!(check("{name: w, check: {tcp: 'h:1'}}", ActionType::Redeploy).as_deref(), Some("tcp h:1"));
        assert_eq!(check("{name: w, runtime: systemd}", ActionType::Redeploy).as_deref(), Some("engine"));
        assert_eq!(check("{name: w, runtime: nomad}", ActionType::Redeploy), None);
        assert_eq!(check("{name: w, recipes: {redeploy: [[make]]}}", ActionType::Redeploy), None);
    }

    #[test]
    fn units_of_the_user_and_services_of_a_stack_are_named_as_their_tools_want_them() {
        let all =
            |service: &str, kind| lines(&host(&format!("services: [{service}]"), "connection: local\nrepo: /r"), kind);
        let (restart, redeploy) = (ActionType::ContainerRestart, ActionType::Redeploy);
        assert_eq!(all("{name: u, runtime: systemd, scope: user}", restart), ["local: systemctl --user restart u"]);
        assert_eq!(
            all("{name: u, runtime: systemd}", redeploy),
            ["local: systemctl daemon-reload", "local: systemctl restart u"]
        );
        assert_eq!(all("{name: s, runtime: swarm}", restart), ["local: docker service update --force <service>"]);
        assert_eq!(
            all("{name: s, runtime: swarm}", redeploy),
            ["local: docker stack deploy --compose-file /r/services/s/<compose-file> s"]
        );
        assert_eq!(all("{name: j, runtime: nomad}", restart), ["local: nomad job restart -yes j"]);
        assert_eq!(all("{name: j, runtime: nomad}", redeploy), ["local: nomad job run /r/services/j/j.nomad.hcl"]);
    }

    #[test]
    fn a_pinned_commit_is_merged_and_changes_the_digest() {
        let host = host("services: [w]", "connection: local\nrepo: /r");
        let commit = Commit::try_from("c".repeat(40)).unwrap();
        let make = |commit| Plan::make(&host, Some(&host.services[0]), ActionType::Redeploy, commit).unwrap();
        let (free, pinned) = (make(None), make(Some(&commit)));
        assert_eq!(pinned.steps[0].argv[3..], ["merge", "--ff-only", commit.as_str()]);
        assert_ne!(free.digest, pinned.digest);
        let restart = Plan::make(&host, Some(&host.services[0]), ActionType::ContainerRestart, Some(&commit)).unwrap();
        assert_eq!(restart.commit, None, "what goes to no commit pins none");
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
        let error = Plan::make(&bare, Some(&bare.services[0]), ActionType::Redeploy, None).unwrap_err();
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
        assert!(Plan::make(&only, None, ActionType::DiskCleanup, None).is_err());
    }

    #[test]
    fn each_part_of_a_plan_changes_its_digest() {
        let digest = |services: &str, file: &str, kind| {
            let host = host(services, file);
            Plan::make(&host, Some(&host.services[0]), kind, None).unwrap().digest
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
