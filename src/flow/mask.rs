//! Secrets: which values are secret, and how a text is shown without them.

/// Shortest value that is masked; shorter ones would mask half of every text.
pub const MIN_SECRET: usize = 6;

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// Returns whether a variable's name says that its value is secret, and the value is long enough to be one.
pub fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    value.chars().count() >= MIN_SECRET && ["TOKEN", "PASSWORD", "SECRET", "KEY"].iter().any(|word| name.contains(word))
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

/// Returns a text with every secret masked, longer ones first.
pub fn mask(text: &str, secrets: &[String]) -> String {
    let mut ordered: Vec<&String> = secrets.iter().collect();
    ordered.sort_by_key(|s| std::cmp::Reverse(s.len()));
    ordered.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
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
        assert_eq!(secrets_of_env_file("A=1\nexport DB_PASSWORD=\"s3cret!\"\nTOKEN=x\n"), ["s3cret!"]);
    }
}
