//! What the container engine says: the state of containers, the images of a rendered config, the bytes that a
//! clean-up freed. Reads words; runs nothing.

use serde_json::Value;

use super::health::Health;
use super::{json, sort};

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
    /// Whether the engine lets it rest once it has ended well: it has no restart policy, or one for failures alone.
    pub may_rest: bool,
    /// Its image's ID.
    pub image: String,
    /// The name of its image.
    pub image_name: String,
    /// Whether it is the container of a `compose run`.
    pub is_one_off: bool,
    /// The Compose project that it belongs to, and as which of its services; empty where it belongs to none.
    pub project: String,
    /// See [`Self::project`].
    pub service: String,
}

/// Returns whether a word is the ID of a container.
pub fn is_id(word: &str) -> bool {
    (12..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Returns the filter by which `docker ps` finds the container of exactly this name. Unlike `docker inspect` it does
/// not fail for those that are there because of one that is not.
pub fn name_filter(name: &str) -> String {
    format!("name=^/?{}$", name.replace('.', "\\."))
}

/// Returns the names for which a command filters.
pub fn filtered_names(argv: &[String]) -> Vec<String> {
    let name = |word: &String| Some(word.strip_prefix("name=^/?")?.strip_suffix('$')?.replace("\\.", "."));
    argv.iter().filter_map(name).collect()
}

impl Container {
    /// Reads the containers that `docker inspect` tells of; none where these are no words of its own. (Its templates
    /// fail on what one engine leaves out and another one does not.)
    pub fn parse_all(json: &str) -> Option<Vec<Container>> {
        let found: Value = json::from_bytes(json.as_bytes()).ok()?;
        found.as_array()?.iter().map(Container::read).collect()
    }

    fn read(found: &Value) -> Option<Container> {
        let text = |path: &str| Some(found.pointer(path)?.as_str()?.to_owned());
        let number = |path: &str| found.pointer(path).and_then(Value::as_i64).unwrap_or_default();
        let labels = found.pointer("/Config/Labels");
        let label = |name: &str| labels?.get(format!("{COMPOSE}{name}"))?.as_str();
        Some(Container {
            id: text("/Id")?,
            name: text("/Name")?.trim_start_matches('/').to_owned(),
            status: text("/State/Status")?,
            exit_code: number("/State/ExitCode"),
            // An engine says "none" of a container without a health check, or nothing.
            health: text("/State/Health/Status").filter(|h| h != "none").unwrap_or_default(),
            starts: (number("/RestartCount").unsigned_abs(), text("/State/StartedAt").unwrap_or_default()),
            may_rest: !matches!(text("/HostConfig/RestartPolicy/Name").as_deref(), Some("always" | "unless-stopped")),
            image: text("/Image")?,
            is_one_off: label("oneoff").is_some_and(|l| l.eq_ignore_ascii_case("true")),
            project: label("project").unwrap_or_default().to_owned(),
            service: label("service").unwrap_or_default().to_owned(),
            image_name: text("/Config/Image").unwrap_or_default(),
        })
    }

    /// Returns what is wrong with it, if something is.
    pub fn trouble(&self) -> Option<String> {
        match self.health.as_str() {
            health @ ("starting" | "unhealthy") if self.status == "running" => {
                Some(format!("{} is {health}", self.name))
            }
            _ => self.stopped(),
        }
    }

    /// Returns in words that it does not run.
    fn stopped(&self) -> Option<String> {
        let is_running = self.status == "running";
        (!is_running).then(|| format!("{} is {} (exit code {})", self.name, self.status, self.exit_code))
    }

    /// A container that did what it had to and ended well: a migration, say. Servers end well, too, when somebody stops
    /// them.
    fn is_done(&self) -> bool {
        self.status == "exited" && self.exit_code == 0 && self.may_rest
    }
}

/// What Compose's labels begin with.
pub const COMPOSE: &str = "com.docker.compose.";

/// Watches containers from look to look: one that was started again since the last look was not healthy between.
#[derive(Debug, Default)]
pub struct Watcher {
    wanted: Vec<String>,
    has_check: bool,
    last: Option<Vec<(String, (u64, String))>>,
}

impl Watcher {
    /// Watches a service of which those with these names have to be there. Where it has a check of its own, only that
    /// says whether what runs also works.
    pub fn new(wanted: Vec<String>, has_check: bool) -> Watcher {
        Watcher { wanted, has_check, last: None }
    }

    /// Returns the health of a service's containers.
    pub fn look(&mut self, containers: &[Container]) -> Health {
        let seen: Vec<_> = containers.iter().map(|c| (c.id.clone(), c.starts.clone())).collect();
        let restarted = self.last.as_ref().is_some_and(|last| *last != seen);
        self.last = Some(seen);
        let up = containers.iter().any(|c| c.status == "running");
        let may_rest = |c: &&Container| up && c.is_done() && !self.wanted.contains(&c.name);
        let trouble = |c: &Container| if self.has_check { c.stopped() } else { c.trouble() };
        let trouble = containers.iter().filter(|c| !may_rest(c)).find_map(trouble);
        match (trouble, self.missing(containers)) {
            (Some(trouble), _) => Health::failed(trouble),
            (None, Some(name)) => Health::failed(format!("there is no container {name}")),
            (None, None) if containers.is_empty() => Health::unknown("the engine knows no container of it"),
            (None, None) if restarted => Health::failed("a container was started again"),
            (None, None) => Health::Healthy,
        }
    }

    /// Returns the name of one that is wanted and not there.
    pub fn missing(&self, containers: &[Container]) -> Option<&String> {
        self.wanted.iter().find(|name| !containers.iter().any(|c| c.name == **name))
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
        None if services.is_empty() => Health::unknown("the Swarm knows no service of it"),
        None => Health::Healthy,
    }
}

/// Returns what is under way or stuck among a stack's services, by what `docker service inspect` tells of them: right
/// after a deployment the replicas are still those of before.
pub fn update_trouble(json: &str) -> Option<String> {
    let services: Value = json::from_bytes(json.as_bytes()).ok()?;
    services.as_array()?.iter().find_map(|service| {
        let state = service.pointer("/UpdateStatus/State")?.as_str().filter(|state| *state != "completed")?;
        Some(format!("the update of {} is {state}", service.pointer("/Spec/Name")?.as_str()?))
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
    #[serde(default)]
    pull_policy: String,
}

/// A service of a rendered Compose config whose image is not built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The service.
    pub service: String,
    /// Its image.
    pub image: String,
    /// Whether there is no registry to ask for it (`pull_policy: never`).
    pub is_never: bool,
}

/// Returns what a rendered Compose config needs and does not build, each image once. What only other profiles than
/// these start is left to Compose.
pub fn pulled(config: &str, active: &[&str]) -> Vec<Pulled> {
    let Ok(config) = serde_yaml::from_str::<Config>(config) else { return Vec::new() };
    let mut all: Vec<Pulled> = Vec::new();
    for (service, settings) in config.services {
        let is_active = |profile: &String| active.contains(&profile.as_str());
        let is_meant = settings.profiles.is_empty() || settings.profiles.iter().any(is_active);
        let Some(image) = settings.image.filter(|_| is_meant && settings.build.is_none()) else { continue };
        let is_word = |word: &str| !word.starts_with('-');
        if is_word(&image) && is_word(&service) && !all.iter().any(|other| other.image == image) {
            all.push(Pulled { service, image, is_never: settings.pull_policy == "never" });
        }
    }
    all
}

/// Returns all images that a rendered Compose config names, and whether each of its services names one.
pub fn named_images(config: &str) -> (Vec<String>, bool) {
    let Ok(config) = serde_yaml::from_str::<Config>(config) else { return (Vec::new(), false) };
    let is_whole = config.services.values().all(|s| s.image.is_some());
    let mut images: Vec<String> =
        config.services.into_values().filter_map(|s| s.image).filter(|image| !image.starts_with('-')).collect();
    sort::by(&mut images, Ord::cmp);
    images.dedup();
    (images, is_whole)
}

/// Returns whether an image came from a registry under its name, by the digests that `docker image inspect` tells of
/// it as JSON.
pub fn came_from_registry(image: &str, digests: &str) -> bool {
    let digests: Vec<String> = serde_json::from_str(digests).unwrap_or_default();
    let short = |name: &str| name.trim_start_matches("docker.io/").trim_start_matches("library/").to_owned();
    let name = image.split('@').next().unwrap_or_default();
    let tag = name.rfind(':').filter(|colon| !name[*colon..].contains('/'));
    let name = short(&name[..tag.unwrap_or(name.len())]);
    digests.iter().filter_map(|digest| digest.split_once('@')).any(|(repository, _)| short(repository) == name)
}

/// Returns whether a registry said that it has no such image, or none for us: it was there to ask.
pub fn registry_lacks(said: &str) -> bool {
    ["does not exist", "not found", "manifest unknown"].iter().any(|words| said.contains(words))
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
        Container::parse_all(&json).unwrap().swap_remove(0)
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
        let look = |mut watcher: Watcher, done| watcher.look(&[done, container("running", 0, "", "t")]);
        assert!(look(Watcher::default(), done.clone()).is_healthy());
        let named = look(Watcher::new(vec!["web_1".into()], false), done.clone());
        assert!(!named.is_healthy(), "those that are named have to run");
        let kept_up = look(Watcher::default(), Container { may_rest: false, ..done });
        assert!(kept_up.to_string().contains("exited (exit code 0)"), "{kept_up}");
    }

    #[test]
    fn a_restart_policy_says_whether_a_container_may_rest() {
        for (policy, want) in [
            ("", true),
            (r#", "HostConfig": {}"#, true),
            (r#", "HostConfig": {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}}"#, true),
            (r#", "HostConfig": {"RestartPolicy": {"Name": "on-failure"}}"#, true),
            (r#", "HostConfig": {"RestartPolicy": {"Name": "always"}}"#, false),
            (r#", "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}}"#, false),
        ] {
            let rest =
                format!(r#""State": {{"Status": "exited"}}, "Image": "i", "Config": {{"Labels": null}}{policy}"#);
            let found = Container::parse_all(&format!(r#"[{{"Id": "1", "Name": "/a", {rest}}}]"#)).unwrap();
            assert_eq!(found[0].may_rest, want, "{policy}");
        }
    }

    #[test]
    fn words_that_are_no_container_are_none() {
        assert_eq!(Container::parse_all("docker inspect").or(Container::parse_all("")), None);
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
    fn one_that_is_named_and_not_there_is_no_health_and_none_at_all_says_nothing() {
        let wanted = vec!["web_1".to_owned(), "ty.po".to_owned()];
        assert_eq!(filtered_names(&[name_filter("web_1"), "--quiet".into(), name_filter("ty.po")]), wanted);
        let mut watcher = Watcher::new(wanted, false);
        let found = watcher.look(&[container("running", 0, "", "t")]);
        assert!(found.to_string().contains("there is no container ty.po"), "{found}");
        assert!(matches!(Watcher::default().look(&[]), Health::Unknown { .. }));
        assert!(matches!(replicas(&[]), Health::Unknown { .. }));
    }

    #[test]
    fn beside_a_check_only_what_runs_counts() {
        let mut watcher = Watcher::new(Vec::new(), true);
        assert!(watcher.look(&[container("running", 0, "unhealthy", "t1")]).is_healthy());
        assert!(!watcher.look(&[container("running", 0, "unhealthy", "t2")]).is_healthy(), "it was started again");
        assert!(!watcher.look(&[container("restarting", 1, "", "t2")]).is_healthy());
    }

    #[test]
    fn only_images_that_are_pulled_are_looked_for() {
        let config = "services:\n  a: {image: x:1}\n  b: {build: {context: /b}, image: y:1}\n  c: {image: z, profiles: [p]}\n  d: {image: x:1}\n  e: {image: l, pull_policy: never}\nversion: '3'\n";
        let found = |active: &[&str]| {
            let all = pulled(config, active).into_iter();
            all.map(|p| format!("{} {} {}", p.service, p.image, p.is_never)).collect::<Vec<_>>()
        };
        assert_eq!(found(&[]), ["a x:1 false", "e l true"]);
        assert_eq!(found(&["p"]), ["a x:1 false", "c z false", "e l true"]);
        assert!(["no: config", "- x", ""].iter().all(|config| pulled(config, &[]).is_empty()));
    }

    #[test]
    fn an_image_is_a_registry_s_only_under_the_name_that_it_has_there() {
        let from = |image, digests| came_from_registry(image, digests);
        assert!(from("r:5000/web:1", r#"["r:5000/web@sha256:a"]"#));
        assert!(
            from("docker.io/library/nginx", r#"["nginx@sha256:a"]"#)
                && from("nginx:1@sha256:a", r#"["nginx@sha256:a"]"#)
        );
        assert!(!from("mine/nginx:1", r#"["nginx@sha256:a"]"#));
        assert!(!from("web", "[]") && !from("web", "null") && !from("web", ""));
        assert!(registry_lacks("pull access denied for web, repository does not exist or may require 'docker login'"));
        assert!(!registry_lacks("Get \"https://r/v2/\": dial tcp: lookup r: no such host"));
    }

    #[test]
    fn freed_bytes_are_read_in_each_one_s_own_words() {
        assert_eq!(freed("Deleted Images:\nx\n\nTotal reclaimed space: 1.5kB\n"), Some(1500));
        assert_eq!(freed("Total:\t0B\n"), Some(0));
        assert_eq!(freed("Vacuuming done, freed 8.0M of archived journals from /var/log/journal.\n"), Some(8 << 20));
        assert_eq!(freed("nothing"), None);
    }
}
