//! What a plan goes on without, and how that is said: an image that could not be pulled but is there, what a broken
//! commit added and could not be removed.

use super::step::Steps;
use super::verdict::{Failure, Reason};
use crate::flow::engine;
use crate::flow::plan::{Step, What, name};

/// The hint that the images which were on the node already were taken.
const NOT_PULLED: &str = "images_not_pulled";

/// The hint that containers which a broken commit added are still there.
const LEFT: &str = "added_containers_left";

impl Steps<'_, '_> {
    /// Decides whether the plan goes on without a command that failed, and says so. An image that came from a registry
    /// is not what the approval meant where that registry cannot be asked; one that was built or loaded here is.
    pub fn go_without(&mut self, step: &Step, words: &[String], failure: Failure) -> Result<(), Failure> {
        if step.names(name::CONTAINER_ADDED) {
            self.hint(LEFT);
        }
        let pulled = self.asker.pulled(self.config.as_deref().unwrap_or_default()).into_iter();
        let service = words.last().filter(|_| step.names(name::SERVICE));
        if let Some(image) = service.and_then(|s| pulled.into_iter().find(|p| p.service == *s)).map(|p| p.image) {
            let words = ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", &image];
            // One that is not here at all is found by the step that looks for them.
            let digests = self.asker.also(What::Config, &words).unwrap_or_default();
            if engine::came_from_registry(&image, &digests) && !engine::registry_lacks(&failure.message) {
                let message = format!("{image} came from a registry, which does not give it: {}", failure.message);
                return Err(Failure { reason: Reason::FetchFailed, message, ..failure });
            }
            self.hint(NOT_PULLED);
            let all = self.outcome.facts.entry(NOT_PULLED.into()).or_default();
            *all = if all.is_empty() { image } else { format!("{all}, {image}") };
        }
        self.log.line(&format!("hlctl: going on without it: {}", failure.message));
        Ok(())
    }

    /// Returns the IDs of the containers that are to be removed; they are noted by name.
    pub fn added(&mut self) -> Vec<String> {
        let Some((ran, project)) = self.before.ran.as_ref().and_then(|ran| Some((ran, ran.project.as_ref()?))) else {
            return Vec::new();
        };
        let Some(now) = self.asker.of_project(project) else {
            self.hint(LEFT);
            return Vec::new();
        };
        let added = ran.added(&now);
        if !added.is_empty() {
            let names: Vec<&str> = added.iter().map(|c| c.name.as_str()).collect();
            self.outcome.facts.insert("removed".into(), names.join(", "));
        }
        added.into_iter().map(|c| c.id.clone()).collect()
    }

    fn hint(&mut self, hint: &str) {
        if !self.outcome.hints.iter().any(|known| known == hint) {
            self.outcome.hints.push(hint.into());
        }
    }
}
