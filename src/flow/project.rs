//! A Compose project on this machine, as the files say from which Compose renders its config: what they hold, which
//! others they name, which variables they take from the environment, and the secrets in them. Reads words; opens
//! nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use super::digest::sha256_hex;
use super::mask::{MASK, SECRET_WORDS, is_secret, mask, secrets_of_env_file};
use super::{diff, sort};
pub use named::{Named, folder_of, join};
pub use variables::{Environment, Variables};

mod named;
mod variables;

/// What Compose looks for in a project's folder, in its order.
pub const COMPOSE_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// What Compose adds to the file that it found by itself.
pub const OVERRIDE_FILES: [&str; 4] =
    ["compose.override.yaml", "compose.override.yml", "docker-compose.override.yml", "docker-compose.override.yaml"];

/// Most lines of a file that a plan holds; its digest covers all of them.
const MOST_LINES: usize = 500;

/// A project's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// The name of its Compose file, where that is there.
    pub file: Option<String>,
    /// The files that `COMPOSE_FILE` names instead.
    pub files: Vec<String>,
    /// The files from which its config is rendered.
    pub sources: Vec<Source>,
    /// The secrets in them.
    pub secrets: Vec<String>,
}

/// One of a project's files, or a variable that they take from the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its path as seen from the project's folder; `$NAME` of a variable.
    pub path: String,
    /// The sha256 of its bytes, or why there is none: `missing`, `unreadable`, `too_many`.
    pub sha256: String,
    /// What it says: a Compose file's lines, of a file of variables only their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

/// What a file of a project is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Compose file.
    Compose,
    /// A file of `NAME=value` lines.
    Variables,
}

impl Source {
    /// Returns a variable of the environment: what is shown is its name alone.
    pub fn variable(name: &str, value: &str) -> Source {
        Source { path: format!("${name}"), sha256: sha256_hex(format!("{name}={value}").as_bytes()), lines: Vec::new() }
    }
}

/// What a file says.
#[derive(Debug, Default)]
pub struct Said {
    /// The secret values in it.
    pub secrets: Vec<String>,
    /// The files that it names, from which its config is rendered as well.
    pub named: Vec<Named>,
    /// The variables that it takes from the environment, where that has them.
    pub used: BTreeSet<String>,
}

impl Kind {
    /// Returns a file's lines as a plan may hold them.
    pub fn lines(self, text: &str) -> Vec<String> {
        let lines = text.lines().take(MOST_LINES);
        match self {
            Self::Compose => lines.map(str::to_owned).collect(),
            Self::Variables => lines.filter_map(variable).collect(),
        }
    }

    /// Returns what a file says.
    pub fn read(self, text: &str, variables: &Variables<'_>) -> Said {
        let mut said = Said { used: variables.used(text), ..Said::default() };
        match self {
            Self::Variables => {
                said.secrets = secrets_of_env_file(text);
                let bare = text.lines().filter(|line| !line.contains('=')).filter_map(variable);
                said.used.extend(bare.filter(|name| variables.has(name)));
            }
            Self::Compose => {
                let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
                let names_files = has(&named::WORDS);
                let passes_on = has(&variables::WORDS) && variables.any_in(text);
                // Most files say nothing of this, and need not be taken apart.
                if !(names_files || passes_on || has(&SECRET_WORDS)) {
                    return said;
                }
                let mut value = serde_yaml::from_str::<Value>(text).unwrap_or_default();
                // What cannot be merged is an error to Compose, too.
                let _ = value.apply_merge();
                collect_secrets(&value, &mut said.secrets);
                said.named = named::files(&value, variables);
                variables.passed_on(&value, &mut said.used);
            }
        }
        said
    }
}

/// Returns the name that a line of an env file sets.
fn variable(line: &str) -> Option<String> {
    let line = line.trim();
    let name = line.split_once('=').map_or(line, |(name, _)| name).trim_end();
    (!name.is_empty() && !name.starts_with('#')).then(|| name.to_owned())
}

/// Collects the values of variables that are secret by their names. What is taken from elsewhere is no secret, and only
/// what looks like a variable counts, or half of Compose's own words would.
fn collect_secrets(value: &Value, found: &mut Vec<String>) {
    let secret = |name: &str, value: String| {
        let is_elsewhere = value.starts_with('$') || name.ends_with("_FILE");
        (is_variable(name) && !is_elsewhere && is_secret(name, &value)).then_some(value)
    };
    match value {
        Value::Mapping(map) => {
            for (name, value) in map {
                found.extend(name.as_str().zip(scalar(value)).and_then(|(name, value)| secret(name, value)));
                collect_secrets(value, found);
            }
        }
        Value::Sequence(all) => all.iter().for_each(|value| collect_secrets(value, found)),
        Value::String(text) => found.extend(text.split_once('=').and_then(|(name, v)| secret(name, v.to_owned()))),
        _ => {}
    }
}

/// Returns a value as the text that a variable gets.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns a rendered config in one order and without secrets, so that two can be held against each other whichever
/// command rendered them; none where it is no map.
pub fn normal_config(text: &str, secrets: &[String]) -> Option<String> {
    let config = serde_yaml::from_str::<Value>(text).ok().filter(Value::is_mapping)?;
    let text = serde_yaml::to_string(&in_order(config)).ok()?;
    Some(mask(&text, secrets))
}

/// Sorts the keys of all maps, and masks the values of variables that are secret by their names.
fn in_order(value: Value) -> Value {
    match value {
        Value::Mapping(map) => {
            let hidden = |key: &Value, value: Value| match (key.as_str(), scalar(&value)) {
                (Some(name), Some(text)) if is_variable(name) && is_secret(name, &text) => MASK.into(),
                _ => in_order(value),
            };
            let mut pairs: Vec<(Value, Value)> =
                map.into_iter().map(|(key, v)| (key.clone(), hidden(&key, v))).collect();
            sort::by(&mut pairs, |a, b| a.0.as_str().cmp(&b.0.as_str()));
            Value::Mapping(pairs.into_iter().collect())
        }
        Value::Sequence(all) => Value::Sequence(all.into_iter().map(in_order).collect()),
        Value::String(text) => match text.split_once('=') {
            Some((name, value)) if is_variable(name) && is_secret(name, value) => format!("{name}={MASK}").into(),
            _ => Value::String(text),
        },
        other => other,
    }
}

/// Returns how a rendered config differs from an earlier one, as a unified diff; empty where it does not.
pub fn config_diff(before: &str, now: &str) -> String {
    diff::unified((before, "deployed"), (now, "now"))
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rendered_config_is_the_same_in_each_order_and_holds_no_secret() {
        let v1 = "version: '3'\nservices:\n  w: {image: x, environment: {A: '1', DB_PASSWORD: hunter22}}\n";
        let v2 = "services:\n  w: {environment: {DB_PASSWORD: other-one, A: '1'}, image: x}\nversion: '3'\n";
        let normal = |text: &str| normal_config(text, &[]).unwrap();
        assert_eq!(normal(v1), normal(v2));
        assert!(config_diff(&normal(v1), &normal(v2)).is_empty());
        let changed =
            v1.replace("image: x", "image: 'y:token-1'").replace("{A: '1', DB", "[A=1, 'API_TOKEN=abcdef'], l: {DB");
        let changed = normal_config(&changed, &["token-1".to_owned()]).unwrap();
        assert!(!changed.contains("abcdef") && !changed.contains("token-1"), "{changed}");
        assert!(config_diff(&normal(v1), &changed).contains("\n+    image: y:***\n"), "{changed}");
        assert_eq!(normal_config("no map", &[]), None);
    }

    #[test]
    fn values_of_variables_stay_out_of_the_lines_and_literal_secrets_are_known() {
        assert_eq!(
            Kind::Variables.lines("# x\nexport A=1\n\nDB_PASS=hunter22\nBARE\n"),
            ["export A", "DB_PASS", "BARE"]
        );
        let text = "services:\n  w:\n    environment:\n      DB_PASSWORD: 'hunter22'\n      X_KEY: ${FROM_ENV}\n      \
                    P_PASSWORD_FILE: /run/secrets/p\n      key: abcdef1\n  v: {environment: [API_TOKEN=abcdef], l: {PIN_KEY: 123456}}\n";
        let own = Environment::default();
        assert_eq!(Kind::Compose.read(text, &Variables::of(&own)).secrets, ["hunter22", "abcdef", "123456"]);
        assert_eq!(Kind::Compose.lines("a\n b\n"), ["a", " b"]);
    }
}
