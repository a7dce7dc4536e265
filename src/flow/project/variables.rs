//! The variables with which Compose renders a project: those of this program's environment, which the file of variables
//! beside the project only adds to.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

/// The environment of this program, by name.
pub type Environment = BTreeMap<String, String>;

/// What Compose itself takes from its environment, and renders another config for.
const COMPOSES: [&str; 6] = [
    "COMPOSE_DISABLE_ENV_FILE",
    "COMPOSE_ENV_FILES",
    "COMPOSE_FILE",
    "COMPOSE_PATH_SEPARATOR",
    "COMPOSE_PROFILES",
    "COMPOSE_PROJECT_NAME",
];

/// Under what in a Compose file a name without a value stands for that of the environment.
pub const WORDS: [&str; 2] = ["environment", "args"];

/// How deep a default within a default is looked into.
const DEEPEST: usize = 16;

/// Longest text that is filled in; no path is longer.
const LONGEST: usize = 4096;

/// The variables of a project.
#[derive(Debug)]
pub struct Variables<'a> {
    own: &'a Environment,
    of_file: BTreeMap<String, String>,
}

impl<'a> Variables<'a> {
    /// Returns those of the environment.
    pub fn of(own: &'a Environment) -> Self {
        Variables { own, of_file: BTreeMap::new() }
    }

    /// Adds those of a file such as `.env`.
    pub fn add(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line);
            let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
            let value = match (value.trim(), value.trim().chars().next()) {
                (value, Some('\'')) => value.trim_matches('\'').to_owned(),
                (value, Some('"')) => self.fill(value.trim_matches('"')),
                (value, _) => self.fill(value.split(" #").next().unwrap_or(value).trim_end()),
            };
            self.of_file.insert(name.trim().to_owned(), value);
        }
    }

    /// Returns a variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.own.get(name).or_else(|| self.of_file.get(name)).map(String::as_str)
    }

    /// Returns whether the environment has a variable.
    pub fn has(&self, name: &str) -> bool {
        self.own.contains_key(name)
    }

    /// Returns whether a text may hold the name of one that the environment has.
    pub fn any_in(&self, text: &str) -> bool {
        // `_` is what a shell leaves everywhere.
        self.own.keys().any(|name| name != "_" && text.contains(name.as_str()))
    }

    /// Returns those that the environment has and Compose heeds, whatever the files say.
    pub fn composes(&self) -> impl Iterator<Item = String> {
        COMPOSES.into_iter().filter(|name| self.has(name)).map(str::to_owned)
    }

    /// Returns those that the environment has and a text names with `$NAME` or `${NAME…}`.
    pub fn used(&self, text: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('$') {
            rest = after.strip_prefix('$').unwrap_or(after);
            if rest.len() == after.len() {
                let name = name_of(rest.strip_prefix('{').unwrap_or(rest));
                found.extend(self.has(name).then(|| name.to_owned()));
            }
        }
        found
    }

    /// Adds those that a Compose file passes on without naming a value.
    pub fn passed_on(&self, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Mapping(map) => {
                for (key, value) in map {
                    if key.as_str().is_some_and(|key| WORDS.contains(&key)) {
                        found.extend(bare_names(value).filter(|name| self.has(name)).map(str::to_owned));
                    }
                    self.passed_on(value, found);
                }
            }
            Value::Sequence(all) => all.iter().for_each(|value| self.passed_on(value, found)),
            _ => {}
        }
    }

    /// Returns a text with its variables filled in as Compose does it; what is not set is empty.
    pub fn fill(&self, text: &str) -> String {
        if text.len() > LONGEST { text.to_owned() } else { self.fill_at(text, 0) }
    }

    fn fill_at(&self, text: &str, depth: usize) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$').filter(|_| depth < DEEPEST) {
            filled.push_str(before);
            let (value, left) = self.fill_one(after, depth);
            filled.push_str(&value);
            rest = left;
        }
        filled + rest
    }

    /// Returns what stands for the variable after a `$`, and the text after it.
    fn fill_one<'t>(&self, text: &'t str, depth: usize) -> (String, &'t str) {
        let as_it_is = ("$".to_owned(), text);
        if let Some(rest) = text.strip_prefix('$') {
            return ("$".to_owned(), rest);
        }
        let braced = text.strip_prefix('{');
        let name = name_of(braced.unwrap_or(text));
        let value = self.get(name);
        let plain = value.unwrap_or_default().to_owned();
        let Some(body) = braced else {
            return if name.is_empty() { as_it_is } else { (plain, &text[name.len()..]) };
        };
        let Some((how, rest)) = up_to_brace(&body[name.len()..]).filter(|_| !name.is_empty()) else { return as_it_is };
        let (value, how) = match how.strip_prefix(':') {
            Some(how) => (value.filter(|value| !value.is_empty()), how),
            None => (value, how),
        };
        let filled = match (how.strip_prefix('-'), how.strip_prefix('+'), value) {
            (Some(other), _, None) | (_, Some(other), Some(_)) => self.fill_at(other, depth + 1),
            (_, Some(_), None) => String::new(),
            _ => plain,
        };
        (filled, rest)
    }
}

/// Returns the name with which a text begins.
fn name_of(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    if text.starts_with(|c: char| c.is_ascii_digit()) { "" } else { &text[..end] }
}

/// Returns what stands before the brace that closes, and what after it.
fn up_to_brace(text: &str) -> Option<(&str, &str)> {
    let mut open = 0_usize;
    let closes = |c: char| {
        let is_end = c == '}' && open == 0;
        open = match c {
            '{' => open + 1,
            '}' => open.saturating_sub(1),
            _ => open,
        };
        is_end
    };
    let end = text.find(closes)?;
    Some((&text[..end], &text[end + 1..]))
}

/// Returns the names in a list or map that stand there without a value.
fn bare_names(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(name) => Box::new(std::iter::once(name.as_str())),
        Value::Sequence(all) => Box::new(all.iter().filter_map(Value::as_str).filter(|text| !text.contains('='))),
        Value::Mapping(map) => {
            Box::new(map.iter().filter(|(_, value)| value.is_null()).filter_map(|(k, _)| k.as_str()))
        }
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn own(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_text_is_filled_in_as_compose_does_it() {
        let own = own(&[("A", "1"), ("EMPTY", "")]);
        let mut variables = Variables::of(&own);
        variables.add("# B=0\nA=9\nexport B='$A'\nC=\"x$A\" \nD=$B # two\n");
        for (text, filled) in [
            ("$A-${A}-$$A", "1-1-$A"),
            ("${X:-v}.env", "v.env"),
            ("${X-${Y:-${A}}}/", "1/"),
            ("${EMPTY:-d}|${EMPTY-d}|${A:+s}|${X:+s}|${X}", "d||s||"),
            ("${A:?say}${A?}", "11"),
            ("$B $C $D", "$A x1 $A"),
            ("${A", "${A"),
            ("a$ $1 ${}", "a$ $1 ${}"),
        ] {
            assert_eq!(variables.fill(text), filled, "{text}");
        }
        for times in [500, 200_000] {
            let deep = "${X:-".repeat(times);
            assert_eq!(variables.fill(&deep), deep, "no text is too deep or too long for it");
            let deep = deep.clone() + &"}".repeat(times);
            assert!(variables.fill(&deep).len() <= deep.len());
        }
    }

    #[test]
    fn what_is_taken_from_the_environment_is_found_in_each_form() {
        let own = own(&[("TAG", "1"), ("PASSED", "2"), ("LISTED", "3"), ("ARG", "4"), ("NOT", "5"), ("OF_FILE", "6")]);
        let variables = Variables::of(&own);
        let text = "services:\n  w:\n    image: 'a:${X:-$TAG}'\n    command: echo $$NOT NOT\n    \
                    environment: {PASSED: , NOT: 7}\n    build: {args: [ARG, NOT=1]}\n  v: {environment: [LISTED]}\n";
        let used: Vec<String> = Kind::Compose.read(text, &variables).used.into_iter().collect();
        assert_eq!(used, ["ARG", "LISTED", "PASSED", "TAG"]);
        let used = Kind::Variables.read("OF_FILE\nX=$TAG\nNOT=1\n# NOT\n", &variables).used;
        assert_eq!(used.into_iter().collect::<Vec<_>>(), ["OF_FILE", "TAG"]);
    }
}
