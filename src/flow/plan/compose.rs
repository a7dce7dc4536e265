//! The steps of Docker Compose. A redeploy fetches before it disturbs: the commit, the images, the build.

use super::super::engine::name_filter;
use super::super::hostfile::{OnFailure, Service};
use super::super::project::{COMPOSE_FILES, join};
use super::make::{Made, Maker, by_name, words};
use super::{Ask, Phase, Step, What, name};

impl Maker<'_> {
    /// Restarts the containers; both commands start those that are stopped.
    pub fn compose_restart(&self, service: &Service) -> Made {
        let containers: Vec<&str> = service.settings.containers.iter().map(|c| c.as_str()).collect();
        let step = if containers.is_empty() {
            self.compose(service, &["restart"], Phase::Apply)
        } else {
            self.step(words(&[&["docker", "restart"], &containers[..]].concat()), Phase::Apply, None)
        };
        let asks = [vec![self.containers_ask(service)], self.compose_file_ask(service, &step)].concat();
        (asks, vec![step])
    }

    /// Brings a project to what the repository says.
    pub fn compose_redeploy(&self, service: &Service) -> Made {
        let fetch = |argv: &[&str]| self.step(words(argv), Phase::Fetch, None);
        let config = self.compose(service, &["config"], Phase::Fetch);
        let file = self.compose_file_ask(service, &config);
        let asks = vec![self.commit_ask(), self.containers_ask(service), self.ask(What::Config, config)];
        let asks = [asks, file].concat();
        let mut steps = vec![
            self.git(),
            // One at a time, so that it is known which fails; an image that no registry has may be here already.
            Step { may_fail: true, named: true, ..self.compose(service, &["pull", name::SERVICE], Phase::Fetch) },
            self.compose(service, &["build"], Phase::Fetch),
            Step { named: true, ..fetch(&["docker", "image", "inspect", "--format", "{{.Id}}", name::IMAGES]) },
        ];
        let restores = service.settings.on_failure == OnFailure::Rollback;
        if restores {
            // With a name of its own no clean-up takes the image away before the roll-back needs it.
            let kept = format!("hlctl-before/{}:{}", image_name(service.name.as_str()), name::NUMBER);
            steps.push(Step { named: true, ..fetch(&["docker", "tag", name::IMAGE_BEFORE, &kept]) });
        }
        steps.push(self.compose(service, &["up", "-d", "--build", "--force-recreate"], Phase::Apply));
        if restores {
            steps.extend(self.compose_rollback(service));
        }
        (asks, steps)
    }

    /// Restores the commit and the images that ran before, and removes what was added. `reset --keep` refuses to lose
    /// a change that somebody made in the work tree; `--remove-orphans` would take what was an orphan before, too.
    fn compose_rollback(&self, service: &Service) -> [Step; 4] {
        let (home, repo) = self.repo();
        let reset = words(&["git", "-C", &repo, "reset", "--keep", name::COMMIT_BEFORE]);
        let tag = words(&["docker", "tag", name::IMAGE_BEFORE, name::IMAGE_NAME]);
        let remove = words(&["docker", "rm", "--force", name::CONTAINER_ADDED]);
        [
            Step { named: true, ..self.step(reset, Phase::Rollback, home) },
            Step { named: true, ..self.step(tag, Phase::Rollback, None) },
            // What ran before is worth more than that nothing else does.
            Step { named: true, may_fail: true, ..self.step(remove, Phase::Rollback, None) },
            self.compose(service, &["up", "-d", "--no-build", "--force-recreate"], Phase::Rollback),
        ]
    }

    /// Returns the question for the service's containers: those named, else all of the project, stopped ones too.
    fn containers_ask(&self, service: &Service) -> Ask {
        let named: Vec<&str> = service.settings.containers.iter().map(|c| c.as_str()).collect();
        let step = if named.is_empty() {
            self.compose(service, &["ps", "-a", "-q"], Phase::Fetch)
        } else {
            let mut argv = words(&["docker", "ps", "--all", "--quiet", "--no-trunc"]);
            argv.extend(named.iter().flat_map(|name| ["--filter".to_owned(), name_filter(name)]));
            self.step(argv, Phase::Fetch, None)
        };
        self.ask(What::Containers, step)
    }

    fn compose(&self, service: &Service, verb: &[&str], phase: Phase) -> Step {
        let settings = &service.settings;
        let file = self.compose_file(service);
        let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let (home, project) = self.below_repo(folder);
        let mut argv = words(&["docker", "compose", "--project-directory", &project]);
        let names_file = settings.compose.as_ref().is_some_and(|c| is_yaml(c.as_str()));
        let over = self.host.overrides.get(&service.name);
        // What `COMPOSE_FILE` names is told: from where its paths are seen differs from version to version. With an
        // override the base file has to be named too; without one the project's own is found.
        let files = self.host.projects.get(&service.name).map_or(&[][..], |project| &project.files);
        let files: Vec<String> = files.iter().map(|file| join(folder, file)).collect();
        let files = if files.is_empty() && (names_file || over.is_some()) { vec![file.clone()] } else { files };
        for file in &files {
            argv.extend(words(&["--file", &self.below_repo(file).1]));
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
        Step { compose: true, ..by_name(self.step(argv, phase, home)) }
    }

    /// Returns the question for the name of the project's Compose file, where a step has to be told it. It comes with
    /// the repository, so only then it can be answered.
    pub fn compose_file_ask(&self, service: &Service, step: &Step) -> Vec<Ask> {
        if !step.names(name::COMPOSE_FILE) {
            return Vec::new();
        }
        let file = self.compose_file(service);
        let (home, folder) = self.below_repo(file.rsplit_once('/').map_or(".", |(folder, _)| folder));
        let names = COMPOSE_FILES.iter().flat_map(|file| ["-o", "-name", file]).skip(1);
        let argv = [&["find", &folder, "-maxdepth", "1", "("][..], &names.collect::<Vec<_>>(), &[")"]].concat();
        vec![self.ask(What::ComposeFile, self.step(words(&argv), Phase::Fetch, home))]
    }

    /// Returns the project's Compose file below the repository.
    pub fn compose_file(&self, service: &Service) -> String {
        let own = service.settings.compose.as_ref().map(|c| c.as_str().trim_end_matches('/').to_owned());
        match own {
            Some(file) if is_yaml(&file) => file,
            folder => {
                let folder = folder.unwrap_or_else(|| format!("services/{}", service.name));
                let project = self.host.projects.get(&service.name);
                let base = project.and_then(|p| p.file.as_deref()).unwrap_or(name::COMPOSE_FILE);
                format!("{folder}/{base}")
            }
        }
    }
}

/// Returns a service's name as the name of an image may hold it: in lower case, no separator at its end or beside
/// another.
fn image_name(service: &str) -> String {
    let name = service.to_ascii_lowercase();
    let parts = name.split(['.', '_', '-']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-")
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yml") || path.ends_with(".yaml")
}
