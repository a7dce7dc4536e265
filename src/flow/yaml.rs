//! YAML as operators write it: errors carry line, column and, for a misspelt key or value, the nearest known one.

use serde::de::DeserializeOwned;

/// Largest YAML file that is read, in bytes; hand-written ones are a few KiB.
pub const MAX_YAML: usize = 1 << 20;

/// Why a YAML text does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", place(*.line, *.column))]
pub struct YamlError {
    /// Line from 1; 0 where it is not known.
    pub line: usize,
    /// Column from 1; 0 where it is not known.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub advice: Option<String>,
}

fn place(line: usize, column: usize) -> String {
    if line == 0 { String::new() } else { format!("line {line}, column {column}: ") }
}

/// Reads a value from YAML text.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    if text.starts_with('\u{feff}') {
        return Err(at(1, 1, "the file begins with a byte-order mark", "save it as UTF-8 without BOM"));
    }
    if text.len() > MAX_YAML {
        return Err(at(0, 0, "the file is larger than 1 MiB", "a host file lists services; keep data elsewhere"));
    }
    serde_yaml::from_str(text).map_err(|e| {
        // An error of the whole, such as a second document, is told at its beginning.
        let (line, column) = e.location().map_or((1, 1), |l| (l.line(), l.column()));
        let mut message = e.to_string();
        // The location is said once, by this type.
        if let Some(cut) = message.rfind(&format!(" at line {line} column {column}")) {
            message.truncate(cut);
        }
        let advice = advice(text, &message);
        YamlError { line, column, message, advice }
    })
}

fn at(line: usize, column: usize, message: &str, advice: &str) -> YamlError {
    YamlError { line, column, message: message.into(), advice: Some(advice.into()) }
}

fn advice(text: &str, message: &str) -> Option<String> {
    if message.contains("unknown field") || message.contains("unknown variant") {
        let mut quoted = message.split('`').skip(1).step_by(2);
        let wrong = quoted.next()?;
        return nearest(wrong, quoted).map(|known| format!("did you mean `{known}`?"));
    }
    if text.lines().any(|l| l.trim_start().starts_with("<<:")) {
        return Some("merge keys (`<<:`) are not read here: write the settings out".into());
    }
    if message.contains("expected a boolean") {
        return Some("write true or false".into());
    }
    if message.contains("found character that cannot start any token") || message.contains('\t') {
        return Some("indent with spaces, not tabs, and quote values that begin with a special character".into());
    }
    None
}

/// Returns the line and column of a word in a text where it first stands alone after a key; the beginning where it does
/// not.
pub fn place_of(text: &str, key: &str, word: &str) -> (usize, usize) {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    let from = text.find(key).unwrap_or(0);
    let mut found = text[from..].match_indices(word).map(|(at, _)| from + at);
    let alone =
        found.find(|at| !is_part(text[..*at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next()));
    let before = &text[..alone.unwrap_or(0)];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// Returns the candidate that looks most like what was written, if any looks like it at all.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|c| (strsim::jaro_winkler(wrong, c), strsim::normalized_damerau_levenshtein(wrong, c), c))
        // Two letters exchanged make a short name unlike itself to the first measure alone.
        .filter(|(likeness, closeness, _)| *likeness > 0.7 || *closeness > 0.6)
        .map(|(likeness, closeness, c)| (likeness.max(closeness), c))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}

/// Serde for durations as people write them (`10s`, `5m`, `24h`); up to 366 days.
pub mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error};

    const LONGEST: Duration = Duration::from_secs(366 * 86_400);

    /// Returns the duration that a text such as `5m` means.
    pub fn parse(text: &str) -> Result<Duration, String> {
        let duration = humantime::parse_duration(text)
            .map_err(|e| format!("{text:?} is not a duration such as 10s, 5m or 24h ({e})"))?;
        if duration > LONGEST { Err(format!("{text:?} is longer than 366 days")) } else { Ok(duration) }
    }

    /// Deserializes a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        parse(&String::deserialize(input)?).map_err(Error::custom)
    }

    /// Deserializes a duration or `none`.
    pub fn or_none<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
        match String::deserialize(input)?.as_str() {
            "none" => Ok(None),
            text => parse(text).map(Some).map_err(Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is tested")]
    struct Sample {
        monitor: bool,
        #[serde(default, with = "duration")]
        settle: std::time::Duration,
    }

    #[test]
    fn an_error_has_its_place_and_the_nearest_key() {
        let error = parse::<Sample>("monitor: true\nsetle: 5m\n").unwrap_err();
        assert_eq!(error.line, 2, "{error}");
        assert_eq!(error.advice.as_deref(), Some("did you mean `settle`?"));
        assert_eq!(error.to_string().matches("line").count(), 1, "{error}");
    }

    #[test]
    fn no_is_not_false_and_a_bom_is_named() {
        assert_eq!(parse::<Sample>("monitor: no").unwrap_err().advice.as_deref(), Some("write true or false"));
        assert!(parse::<Sample>("\u{feff}monitor: true").unwrap_err().message.contains("byte-order mark"));
        assert!(parse::<Sample>("monitor: true\nmonitor: false").unwrap_err().message.contains("duplicate"));
    }

    #[test]
    fn a_word_is_found_where_it_stands_alone() {
        let text = "vps: 1\nwindows:\n  - {nodes: [vps-2, vps]}\n";
        assert_eq!(place_of(text, "windows", "vps"), (3, 21));
        assert_eq!((place_of(text, "rules", "vps"), place_of(text, "windows", "nas")), ((1, 1), (1, 1)));
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration::parse("5m").unwrap().as_secs(), 300);
        assert!(duration::parse("5").is_err());
        assert!(duration::parse("900000h").is_err());
    }
}
