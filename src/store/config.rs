//! Reads `config.yaml`. Never writes it: it is the operator's.

use std::path::PathBuf;

use crate::flow::config::{self, Config, PolicyKey};
use crate::flow::desired::Desired;
use crate::flow::yaml::YamlError;

use super::root::Root;

/// A `config.yaml` that cannot be believed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: YamlError,
}

impl ConfigError {
    /// Returns what the operator should do about it.
    pub fn advice(&self) -> String {
        self.error.advice.clone().unwrap_or_else(|| "mend it, then run `hlctl check`".into())
    }
}

/// Reads the settings; without a file, the defaults.
pub fn read(root: &Root) -> Result<Config, ConfigError> {
    let path = root.config();
    let read = super::hosts::text(&path)
        .and_then(|text| text.map_or(Ok(Config::default()), |t| config::parse(&t, &tz::TimeZoneSettings::DEFAULT)));
    read.map_err(|error| ConfigError { path, error })
}

/// Returns what is said of the nodes in the policy that there are not.
pub fn unknown_nodes(root: &Root, config: &Config, desired: &Desired) -> Vec<(PolicyKey, ConfigError)> {
    if config.policy.nodes().next().is_none() {
        return Vec::new();
    }
    let path = root.config();
    let text = super::hosts::text(&path).ok().flatten().unwrap_or_default();
    let found = config::unknown_nodes(&text, &config.policy, desired);
    found.into_iter().map(|(key, error)| (key, ConfigError { path: path.clone(), error })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_time_zones_are_known() {
        let text = r#"policy: {windows: [{from: "02:00", to: "05:00", zone: Europe/Warsaw}]}"#;
        if !std::path::Path::new("/usr/share/zoneinfo/Europe/Warsaw").exists() {
            eprintln!("skipped: this system has no tzdata");
            return;
        }
        let config = config::parse(text, &tz::TimeZoneSettings::DEFAULT).unwrap();
        let winter = 1_795_418_000;
        assert_eq!(config.policy.windows[0].zone.ahead(winter), Some(3600));
    }
}
