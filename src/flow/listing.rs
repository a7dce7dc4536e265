//! The containers of an engine as one `docker ps` lists them, and which of them belong to a service. Reads words; runs
//! nothing.

use std::path::Path;

use super::hostfile::Service;

/// What `docker ps --format` is asked for: a JSON array a line. Not `{{json .}}`, for which some engines measure the
/// size of each container.
pub const FORMAT: &str = concat!(
    r#"[{{json .ID}},{{json .Names}},{{json .State}},{{json .Status}},{{json .Ports}},"#,
    r#"{{json (.Label "com.docker.compose.project")}},{{json (.Label "com.docker.compose.project.working_dir")}},"#,
    r#"{{json (.Label "com.docker.compose.project.config_files")}},{{json (.Label "com.docker.compose.oneoff")}},"#,
    r#"{{json (.Label "com.docker.stack.namespace")}}]"#
);

/// A container as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `running`, `exited`, `restarting`, …
    pub state: String,
    /// The engine's sentence: `Up 5 minutes (healthy)`.
    pub status: String,
    /// Its ports: `0.0.0.0:8080->80/tcp, 443/tcp`.
    pub ports: String,
    /// Its Compose project; empty without one.
    pub project: String,
    /// That project's folder.
    pub working_dir: String,
    /// That project's files.
    pub config_files: String,
    /// The Swarm stack that it belongs to; empty without one.
    pub stack: String,
}

/// Reads the lines that [`FORMAT`] gives. Containers of a `compose run` and those that are going away are left out.
pub fn parse(text: &str) -> Result<Vec<Listed>, String> {
    let mut all = Vec::new();
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        let [id, names, state, status, ports, project, working_dir, config_files, one_off, stack] =
            serde_json::from_str::<[String; 10]>(line).map_err(|e| format!("docker ps said {line:?}: {e}"))?;
        if one_off.eq_ignore_ascii_case("true") || state == "removing" {
            continue;
        }
        // Old links between containers are further names, with a slash.
        let name = names.split(',').find(|n| !n.contains('/')).unwrap_or(&names).to_owned();
        all.push(Listed { id, name, state, status, ports, project, working_dir, config_files, stack });
    }
    Ok(all)
}

impl Listed {
    /// Returns the exit code of a container that is not running.
    pub fn exit_code(&self) -> Option<i32> {
        let rest = self.status.strip_prefix("Exited (").or_else(|| self.status.strip_prefix("Restarting ("))?;
        rest.split_once(')')?.0.parse().ok()
    }

    /// Returns what the engine's health check says, where the container has one.
    pub fn health(&self) -> Option<&str> {
        let inner = self.status.strip_suffix(')')?.rsplit_once('(')?.1;
        let word = inner.strip_prefix("health: ").unwrap_or(inner);
        ["healthy", "unhealthy", "starting"].into_iter().find(|known| *known == word)
    }

    /// Returns whether it ended well: it did what it had to, or somebody stopped it.
    pub fn has_ended_well(&self) -> bool {
        self.state == "exited" && self.exit_code() == Some(0)
    }

    /// Returns whether it has been running for less than two minutes: it may have been restarted.
    pub fn is_young(&self) -> bool {
        let young = |up: &str| up.contains("second") || up.starts_with("About a minute") || up.starts_with("1 minute");
        self.state == "running" && self.status.strip_prefix("Up ").is_some_and(young)
    }
}

/// Returns the containers of a service: those that its settings name, else those of its Compose project, whose folder
/// on this machine is `folder`. With them, the names that no container has.
pub fn of_service<'a, 's>(
    all: &'a [Listed],
    service: &'s Service,
    folder: Option<&Path>,
) -> (Vec<&'a Listed>, Vec<&'s str>) {
    let named = &service.settings.containers;
    if !named.is_empty() {
        let find = |name: &str| all.iter().find(|c| c.name == name);
        let found = named.iter().filter_map(|name| find(name.as_str())).collect();
        return (found, named.iter().map(|n| n.as_str()).filter(|n| find(n).is_none()).collect());
    }
    let by_name = |name: &str| all.iter().filter(|c| !c.project.is_empty() && c.project == name).collect::<Vec<_>>();
    if let Some(project) = &service.settings.project {
        return (by_name(project.as_str()), Vec::new());
    }
    let in_folder = |c: &&Listed| folder.is_some_and(|folder| Path::new(&c.working_dir) == folder);
    let mut found: Vec<&Listed> = all.iter().filter(|c| !c.project.is_empty()).filter(in_folder).collect();
    if found.is_empty() {
        found = by_name(&default_project(service, folder));
    }
    (found, Vec::new())
}

/// Returns the name that Compose gives to a project without one: its folder's, in what letters it allows.
fn default_project(service: &Service, folder: Option<&Path>) -> String {
    let base = folder.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    project_name(&base.unwrap_or_else(|| service.name.as_str().to_owned()))
}

/// Returns a folder's name as Compose makes it a project's.
pub fn project_name(folder: &str) -> String {
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    folder.to_lowercase().chars().filter(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::super::hostfile::parse_services;
    use super::*;

    fn listed(name: &str, status: &str, project: &str, dir: &str) -> Listed {
        let state = if status.starts_with("Up") { "running" } else { "exited" };
        let line = serde_json::json!(["0123456789ab", name, state, status, "", project, dir, "", "", ""]);
        parse(&format!("{line}\n\n")).unwrap().swap_remove(0)
    }

    #[test]
    fn the_engine_s_sentences_are_read() {
        for (status, code, health, young) in [
            ("Up 5 minutes (healthy)", None, Some("healthy"), false),
            ("Up 2 seconds (health: starting)", None, Some("starting"), true),
            ("Up Less than a second", None, None, true),
            ("Up About a minute (unhealthy)", None, Some("unhealthy"), true),
            ("Up About an hour", None, None, false),
            ("Up 11 minutes (Paused)", None, None, false),
            ("Exited (137) 2 seconds ago", Some(137), None, false),
            ("Restarting (1) 3 seconds ago", Some(1), None, false),
            ("Created", None, None, false),
        ] {
            let found = listed("web", status, "", "");
            assert_eq!((found.exit_code(), found.health(), found.is_young()), (code, health, young), "{status}");
        }
        assert!(parse("permission denied").is_err());
        let one_off = serde_json::json!(["1", "web_run_1", "running", "Up", "", "web", "", "", "True", ""]);
        assert!(parse(&one_off.to_string()).unwrap().is_empty());
        assert_eq!(listed("other/alias,web_1", "Up 1 second", "", "").name, "web_1");
    }

    #[test]
    fn a_service_s_containers_are_found_by_name_project_or_folder() {
        let all = [
            listed("web_1", "Up", "web", "/srv/lab/services/web"),
            listed("odd_1", "Up", "renamed", "/srv/lab/services/odd"),
            listed("grafana", "Up", "monitoring", "/srv/lab/services/monitoring"),
            listed("alone", "Up", "", ""),
        ];
        let found = |yaml: &str, folder: &str| {
            let service = parse_services(&format!("services: [{yaml}]")).unwrap().swap_remove(0);
            let folder = (!folder.is_empty()).then(|| Path::new(folder).to_owned());
            let (found, missing) = of_service(&all, &service, folder.as_deref());
            let names: Vec<&str> = found.iter().map(|c| c.name.as_str()).collect();
            (names.join(" "), missing.join(" "))
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(found("web", "/srv/lab/services/web"), pair("web_1", ""));
        assert_eq!(found("web", ""), pair("web_1", ""), "by the project's usual name");
        assert_eq!(found("odd", "/srv/lab/services/odd"), pair("odd_1", ""), "a project with a name of its own");
        assert_eq!(found("{name: g, project: monitoring}", "/x"), pair("grafana", ""));
        assert_eq!(found("{name: g, containers: [grafana, gone]}", "/x"), pair("grafana", "gone"));
        assert_eq!(found("alone", "/srv/lab/services/alone"), pair("", ""), "no project, no name given");
        assert_eq!(project_name("My.App_2"), "myapp_2");
    }
}
