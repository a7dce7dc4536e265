//! The files that a Compose file names and that its config is rendered from: what it includes and extends, and the
//! variables and labels of its services.

use serde_yaml::Value;

use super::{Kind, Variables};

/// What a Compose file holds that names another.
pub const WORDS: [&str; 4] = ["env_file", "label_file", "extends", "include"];

/// A file that another one names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its path, as seen from where the paths of the naming file begin.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Where the paths in it begin, seen from the same place.
    pub base: String,
    /// Whether it is missed where it is not there.
    pub is_needed: bool,
}

/// Returns the files that a Compose file names, each variable in their paths filled in.
pub fn files(root: &Value, variables: &Variables<'_>) -> Vec<Named> {
    let mut found = Vec::new();
    let filled = |value: Option<&Value>| -> Vec<String> {
        value.map(paths).unwrap_or_default().iter().map(|path| variables.fill(path)).collect()
    };
    let of_variables = |path| Named { path, kind: Kind::Variables, base: String::new(), is_needed: true };
    let included = match root.get("include") {
        Some(Value::Sequence(all)) => all.iter().collect(),
        other => other.into_iter().collect::<Vec<_>>(),
    };
    for one in included {
        let paths = filled(Some(one));
        let folder = filled(one.get("project_directory")).pop();
        let base = folder.or_else(|| paths.first().map(|path| folder_of(path).to_owned())).unwrap_or_default();
        match one.get("env_file") {
            Some(named) => found.extend(filled(Some(named)).into_iter().map(of_variables)),
            None => found.push(Named { is_needed: false, ..of_variables(join(&base, ".env")) }),
        }
        found.extend(paths.into_iter().map(|path| Named {
            path,
            kind: Kind::Compose,
            base: base.clone(),
            is_needed: true,
        }));
    }
    // In the oldest form the services are all that there is.
    let services = root.get("services").unwrap_or(root).as_mapping();
    for service in services.into_iter().flat_map(|services| services.values()) {
        let lists = [service.get("env_file"), service.get("label_file")].into_iter().flat_map(filled);
        found.extend(lists.map(of_variables));
        let base = filled(service.get("extends").and_then(|extends| extends.get("file"))).pop();
        found.extend(base.map(|path| Named {
            base: folder_of(&path).to_owned(),
            path,
            kind: Kind::Compose,
            is_needed: true,
        }));
    }
    found
}

/// Returns the paths of a value: one, a list of them, or maps that hold a `path`.
fn paths(value: &Value) -> Vec<String> {
    match value {
        Value::String(path) => vec![path.clone()],
        Value::Sequence(all) => all.iter().flat_map(paths).collect(),
        Value::Mapping(map) => map.get("path").map(paths).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Returns the folder of a path; none is where it begins.
pub fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| if folder.is_empty() { "/" } else { folder })
}

/// Returns a path as it is seen from where its folder's path begins.
pub fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() || path.starts_with(['/', '~']) {
        path.to_owned()
    } else {
        format!("{}/{path}", folder.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, Said};
    use super::*;

    fn read(text: &str) -> Said {
        let own = Environment::from([("STAGE".to_owned(), "prod".to_owned())]);
        Kind::Compose.read(text, &Variables::of(&own))
    }

    #[test]
    fn files_that_a_compose_file_names_are_found_in_each_form() {
        let text = "include: [a.yml, {path: [x/b.yml, c.yml], env_file: d.env}, {path: y.yml, project_directory: p}]\n\
                    x-base: &base {env_file: merged.env}\nservices:\n  w:\n    <<: *base\n    \
                    extends: {file: z/f.yml, service: w}\n  v:\n    env_file: [g.env, {path: h.env, required: false}, \
                    '${STAGE:-dev}.env', '${MISSING:-v}.env']\n    extends: w\n    label_file: l\n";
        let found: Vec<String> = read(text)
            .named
            .iter()
            .map(|n| format!("{}{}{}", n.path, if n.base.is_empty() { "" } else { "@" }, n.base))
            .collect();
        let expected = ".env a.yml d.env x/b.yml@x c.yml@x p/.env y.yml@p merged.env z/f.yml@z \
                        g.env h.env prod.env v.env l";
        assert_eq!(found.join(" "), expected);
        assert_eq!(read("web: {image: a, env_file: old.env}").named[0].path, "old.env");
        assert!(read("services: {w: {env_file: [").named.is_empty() && read("include").named.is_empty());
    }

    #[test]
    fn paths_are_joined_as_compose_sees_them() {
        assert_eq!((folder_of("a.yml"), folder_of("../x/a.yml"), folder_of("/a.yml")), ("", "../x", "/"));
        assert_eq!((join("", "a"), join("/", "a"), join("x/", "a")), ("a".into(), "/a".into(), "x/a".into()));
        assert_eq!((join("x", "/a").as_str(), join("x", "~/a").as_str()), ("/a", "~/a"));
    }
}
