//! Whether the images that a redeploy would use are those that run. The engine is asked what it has: nothing is pulled or
//! built, and an engine that is away says nothing.

use serde::Serialize;

use crate::flow::engine;
use crate::flow::mask::mask;
use crate::flow::plan::What;
use crate::runner::Asker;

/// An image of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageChange {
    /// Its name.
    pub name: String,
    /// The ID of the image of that name from which a container was made.
    pub deployed: Option<String>,
    /// The ID of the image that has the name now.
    pub now: Option<String>,
}

/// Returns the images that a rendered config names and, where a service of it names none, those of the containers.
pub fn changes(asker: &Asker<'_>, config: &str, secrets: &[String]) -> Vec<ImageChange> {
    let Some(running) = asker.ran().map(|ran| ran.images) else { return Vec::new() };
    let (mut names, is_whole) = engine::named_images(config);
    if !is_whole {
        let more = running.iter().map(|image| &image.name).filter(|name| !names.contains(name));
        names.extend(more.cloned().collect::<Vec<_>>());
    }
    let change = |name: String| {
        let found = asker.also(What::Containers, &["docker", "image", "inspect", "--format", "{{.Id}}", &name]);
        let deployed = running.iter().find(|image| image.name == name).map(|image| image.id.clone());
        ImageChange { name: mask(&name, secrets), deployed, now: found.map(|id| id.trim().to_owned()) }
    };
    names.into_iter().map(change).collect()
}
