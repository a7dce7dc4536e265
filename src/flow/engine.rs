//! What the container engine says: the state of containers, the images of a rendered config, the bytes that a
//! clean-up freed. Reads words; runs nothing.

use super::health::Health;
use super::sort;

/// A container at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `running`, `exited`, `restarting`, …
    pub status: String,
    /// Its last exit code.
    pub exit_code: i64,
    /// `healthy`, `starting`, `unhealthy`; empty without a health check.
    pub health: String,
    /// How often the engine has restarted it, and since when it runs.
    pub starts: (u64, String),
    /// Its image's ID.
    pub image: String,
    /// The name of its image.
    pub image_name: String,
    /// Whether it is the container of a `compose run`.
    pub is_one_off: bool,
}

/// Returns whether a word is the ID of a container.
pub fn is_id(word: &str) -> bool {
    (12..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit())
}

impl Container {
    /// Reads the containers that `docker inspect` tells of. (Its templates fail on what one engine leaves out and
    /// another one does not.)
    pub fn parse_all(json: &str) -> Vec<Container> {
        let found = serde_json::from_str::<Vec<Inspected>>(json).unwrap_or_default();
        found.into_iter().map(Container::from).collect()
    }

    /// Returns what is wrong with it, if something is.
    pub fn trouble(&self) -> Option<String> {
        match (self.status.as_str(), self.health.as_str()) {
            ("running", "" | "healthy") => None,
            ("running", health) => Some(format!("{} is {health}", self.name)),
            (status, _) => Some(format!("{} is {status} (exit code {})", self.name, self.exit_code)),
        }
    }

    /// A container that did what it had to and ended well: a migration, say.
    fn is_done(&self) -> bool {
        self.status == "exited" && self.exit_code == 0
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    name: String,
    state: InspectedState,
    #[serde(default)]
    restart_count: u64,
    image: String,
    config: InspectedConfig,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedState {
    status: String,
    #[serde(default)]
    exit_code: i64,
    #[serde(default)]
    started_at: String,
    health: Option<InspectedHealth>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedHealth {
    status: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedConfig {
    #[serde(default)]
    image: String,
    labels: Option<std::collections::BTreeMap<String, String>>,
}

impl From<Inspected> for Container {
    fn from(found: Inspected) -> Container {
        let Inspected { id, name, state, restart_count, image, config } = found;
        let label = |name: &str| config.labels.as_ref().and_then(|labels| labels.get(name));
        // An engine says "none" of a container without a health check, or nothing.
        let health = state.health.map(|h| h.status).filter(|h| h != "none");
        Container {
            id,
            name: name.trim_start_matches('/').to_owned(),
            status: state.status,
            exit_code: state.exit_code,
            health: health.unwrap_or_default(),
            starts: (restart_count, state.started_at),
            image,
            is_one_off: label("com.docker.compose.oneoff").is_some_and(|l| l.eq_ignore_ascii_case("true")),
            image_name: config.image,
        }
    }
}

/// Watches containers from look to look: one that was started again since the last look was not healthy between.
#[derive(Debug, Default)]
pub struct Watcher {
    last: Option<Vec<(String, (u64, String))>>,
}

impl Watcher {
    /// Returns the health of a service's containers.
    pub fn look(&mut self, containers: &[Container]) -> Health {
        let seen: Vec<_> = containers.iter().map(|c| (c.id.clone(), c.starts.clone())).collect();
        let restarted = self.last.as_ref().is_some_and(|last| *last != seen);
        self.last = Some(seen);
        let up = containers.iter().any(|c| c.status == "running");
        let trouble = containers.iter().filter(|c| !(up && c.is_done())).find_map(Container::trouble);
        match trouble {
            Some(trouble) => Health::failed(trouble),
            None if containers.is_empty() => Health::failed("it has no containers any more"),
            None if restarted => Health::failed("a container was started again"),
            None => Health::Healthy,
        }
    }
}

/// Returns the health of a stack's services by their replicas, `1/2`.
pub fn replicas(services: &[(String, String)]) -> Health {
    let is_short = |replicas: &str| {
        // `2/2 (max 1 per node)`
        let counts = replicas.split_whitespace().next().and_then(|r| r.split_once('/'));
        counts.is_none_or(|(running, wanted)| running != wanted)
    };
    match services.iter().find(|(_, replicas)| is_short(replicas)) {
        Some((name, replicas)) => Health::failed(format!("{name} has {replicas} replicas")),
        None if services.is_empty() => Health::failed("it has no services any more"),
        None => Health::Healthy,
    }
}

/// Returns what is under way or stuck among a stack's services, by what `docker service inspect` tells of them: right
/// after a deployment the replicas are still those of before.
pub fn update_trouble(json: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Service {
        spec: Spec,
        update_status: Option<Update>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Spec {
        name: String,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Update {
        state: Option<String>,
    }
    let services: Vec<Service> = serde_json::from_str(json).unwrap_or_default();
    services.into_iter().find_map(|service| {
        let state = service.update_status?.state.filter(|state| state != "completed")?;
        Some(format!("the update of {} is {state}", service.spec.name))
    })
}

#[derive(serde::Deserialize)]
struct Config {
    #[serde(default)]
    services: std::collections::BTreeMap<String, ConfigService>,
}

#[derive(serde::Deserialize)]
struct ConfigService {
    image: Option<String>,
    build: Option<serde_yaml::Value>,
    #[serde(default)]
    profiles: Vec<String>,
}

/// Returns the images that a rendered Compose config needs and does not build. What only a profile starts is left to
/// Compose.
pub fn images(config: &str) -> Vec<String> {
    let Ok(config) = serde_yaml::from_str::<Config>(config) else { return Vec::new() };
    let pulled = config.services.into_values().filter(|s| s.build.is_none() && s.profiles.is_empty());
    names_of(pulled)
}

/// Returns all images that a rendered Compose config names, and whether each of its services names one.
pub fn named_images(config: &str) -> (Vec<String>, bool) {
    let Ok(config) = serde_yaml::from_str::<Config>(config) else { return (Vec::new(), false) };
    let is_whole = config.services.values().all(|s| s.image.is_some());
    (names_of(config.services.into_values()), is_whole)
}

fn names_of(services: impl Iterator<Item = ConfigService>) -> Vec<String> {
    let mut images: Vec<String> = services.filter_map(|s| s.image).filter(|i| !i.starts_with('-')).collect();
    sort::by(&mut images, Ord::cmp);
    images.dedup();
    images
}

/// Returns how many bytes a clean-up says that it freed: Docker counts in thousands, journald in 1024s.
pub fn freed(output: &str) -> Option<u64> {
    output.lines().rev().find_map(|line| {
        let line = line.trim();
        if let Some(size) = line.strip_prefix("Total reclaimed space:").or_else(|| line.strip_prefix("Total:")) {
            return size_in(size.trim(), 1000.0);
        }
        let size = line.split_once("Vacuuming done, freed ")?.1.split_once(" of ")?.0;
        size_in(size, 1024.0)
    })
}

fn size_in(text: &str, base: f64) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let power = match text[digits..].trim().chars().next().map(|c| c.to_ascii_lowercase()) {
        None | Some('b') => 0,
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some(_) => return None,
    };
    let number: f64 = text[..digits].parse().ok()?;
    Some((number * base.powi(power)).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(status: &str, exit: i64, health: &str, started: &str) -> Container {
        let health =
            if health.is_empty() { String::new() } else { format!(", \"Health\": {{\"Status\": \"{health}\"}}") };
        let state = format!("{{\"Status\": \"{status}\", \"ExitCode\": {exit}, \"StartedAt\": \"{started}\"{health}}}");
        let rest = "\"Image\": \"sha256:1\", \"Config\": {\"Image\": \"web:1\", \"Labels\": null}";
        let json = format!("[{{\"Id\": \"0123456789ab\", \"Name\": \"/web_1\", \"State\": {state}, {rest}}}]");
        Container::parse_all(&json).swap_remove(0)
    }

    #[test]
    fn health_is_what_the_engine_says_and_a_restart_breaks_it() {
        let mut watcher = Watcher::default();
        assert!(watcher.look(&[container("running", 0, "", "t1")]).is_healthy());
        assert!(watcher.look(&[container("running", 0, "", "t1")]).is_healthy());
        let again = watcher.look(&[container("running", 0, "", "t2")]);
        assert!(again.to_string().contains("started again"), "{again}");
        assert!(watcher.look(&[container("running", 0, "healthy", "t2")]).is_healthy());
        for (status, exit, health, word) in [
            ("running", 0, "starting", "web_1 is starting"),
            ("exited", 3, "", "exited (exit code 3)"),
            ("restarting", 1, "", "restarting"),
        ] {
            let found = Watcher::default().look(&[container(status, exit, health, "t")]);
            assert!(found.to_string().contains(word), "{found}");
        }
        assert!(!Watcher::default().look(&[]).is_healthy());
    }

    #[test]
    fn a_container_that_ended_well_counts_only_beside_one_that_runs() {
        let done = container("exited", 0, "", "t");
        assert!(!Watcher::default().look(std::slice::from_ref(&done)).is_healthy());
        assert!(Watcher::default().look(&[done, container("running", 0, "", "t")]).is_healthy());
    }

    #[test]
    fn words_that_are_no_container_are_none() {
        assert!(Container::parse_all("docker inspect").is_empty() && Container::parse_all("").is_empty());
        assert!(is_id("0123456789ab") && !is_id("docker-compose") && !is_id("abc"));
    }

    #[test]
    fn a_stack_is_healthy_when_all_its_replicas_run() {
        let services = |r: &str| vec![("s_web".to_owned(), r.to_owned())];
        assert!(replicas(&services("2/2")).is_healthy());
        assert!(replicas(&services("2/2 (max 1 per node)")).is_healthy());
        assert!(!replicas(&services("0/1")).is_healthy());
    }

    #[test]
    fn an_update_that_goes_on_or_stopped_is_no_health() {
        let json = |state: &str| {
            format!("[{{\"Spec\": {{\"Name\": \"s_web\"}}, \"UpdateStatus\": {{\"State\": \"{state}\"}}}}]")
        };
        assert_eq!(update_trouble(&json("updating")).unwrap(), "the update of s_web is updating");
        assert!(update_trouble(&json("paused")).is_some());
        assert_eq!(update_trouble(&json("completed")), None);
        assert_eq!(update_trouble("[{\"Spec\": {\"Name\": \"s_web\"}}]"), None);
        assert_eq!(update_trouble("no json"), None);
    }

    #[test]
    fn only_images_that_are_pulled_are_looked_for() {
        let config = "services:\n  a: {image: x:1}\n  b: {build: {context: /b}, image: y:1}\n  c: {image: z, profiles: [p]}\n  d: {image: x:1}\nversion: '3'\n";
        assert_eq!(images(config), ["x:1"]);
        assert!(images("no: config").is_empty() && images("- x").is_empty() && images("").is_empty());
    }

    #[test]
    fn freed_bytes_are_read_in_each_one_s_own_words() {
        assert_eq!(freed("Deleted Images:\nx\n\nTotal reclaimed space: 1.5kB\n"), Some(1500));
        assert_eq!(freed("Total:\t0B\n"), Some(0));
        assert_eq!(freed("Vacuuming done, freed 8.0M of archived journals from /var/log/journal.\n"), Some(8 << 20));
        assert_eq!(freed("nothing"), None);
    }
}
