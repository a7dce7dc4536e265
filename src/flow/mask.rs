//! Secrets: which values are secret, and how a text is shown without them.

use super::sort;

/// Shortest value that is masked; shorter ones would mask half of every text.
pub const MIN_SECRET: usize = 6;

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// What a variable's name holds whose value is secret.
pub const SECRET_WORDS: [&str; 4] = ["TOKEN", "PASSWORD", "SECRET", "KEY"];

/// Returns whether a variable's name says that its value is secret, and the value is long enough to be one.
pub fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    value.chars().count() >= MIN_SECRET && SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Returns the secret values of a text of `NAME=value` lines, as in Compose's `.env`.
pub fn secrets_of_env_file(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.trim().trim_start_matches("export ").split_once('='))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches(['"', '\''])))
        .filter(|(name, value)| is_secret(name, value))
        .map(|(_, value)| value.to_owned())
        .collect()
}

/// Returns a text with every secret masked, also where it stands escaped in JSON. Of secrets that overlap nothing is
/// left.
pub fn mask(text: &str, secrets: &[String]) -> String {
    let mut hidden: Vec<(usize, usize)> = Vec::new();
    for secret in secrets {
        let escaped = serde_json::Value::from(secret.as_str()).to_string();
        let forms = [secret.as_str(), escaped.trim_matches('"')];
        let found = forms.into_iter().filter(|f| !f.is_empty()).flat_map(|form| places(text, form));
        hidden.extend(found);
    }
    sort::by(&mut hidden, Ord::cmp);
    let (mut masked, mut at) = (String::with_capacity(text.len()), 0);
    for (from, to) in hidden {
        if from >= at {
            masked.push_str(&text[at..from]);
            masked.push_str(MASK);
        }
        at = at.max(to);
    }
    masked.push_str(&text[at..]);
    masked
}

/// Returns where a form stands, occurrences that overlap each other included.
fn places(text: &str, form: &str) -> Vec<(usize, usize)> {
    let step = form.chars().next().map_or(1, char::len_utf8);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(form)) {
        found.push((from + at, from + at + form.len()));
        from += at + step;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_lengths_decide() {
        assert!(is_secret("MQTT_PASSWORD", "hunter22"));
        assert!(is_secret("api_key", "abcdef"));
        assert!(!is_secret("API_KEY", "abc"));
        assert!(!is_secret("PATH", "/usr/bin:/bin"));
    }

    #[test]
    fn a_secret_within_another_does_not_show_its_rest() {
        let secrets = ["abcdef".to_owned(), "abcdefghi".to_owned()];
        assert_eq!(mask("x abcdefghi abcdef y", &secrets), "x *** *** y");
        let overlapping = ["abcabc".to_owned(), "bcXYZ1".to_owned()];
        assert_eq!(mask("<abcabcabcXYZ1>", &overlapping), "<***>");
        assert_eq!(mask(r#"["a'b\"c$d secret"]"#, &[r#"a'b"c$d secret"#.to_owned()]), r#"["***"]"#);
        assert_eq!(secrets_of_env_file("A=1\nexport DB_PASSWORD=\"s3cret!\"\nTOKEN=x\n"), ["s3cret!"]);
    }
}
