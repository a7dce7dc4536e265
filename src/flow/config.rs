//! `config.yaml`: every key has a default, an unknown one is an error that names the nearest.

use std::time::Duration;

use tz::TimeZoneSettings;

use super::yaml::{self, YamlError};

mod policy;

pub use policy::{AutoApprove, Day, Policy, PolicyKey, TimeOfDay, Window, Zone, unknown_nodes};

/// The operator's settings.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long an ID is held after `completed`.
    #[serde(with = "yaml::duration")]
    pub settle: Duration,
    /// How long an ID is held after `rejected`, at the longest.
    #[serde(with = "yaml::duration")]
    pub reject_hold: Duration,
    /// After how long without a sign of life a node is silent.
    #[serde(with = "yaml::duration")]
    pub silent_after: Duration,
    /// What to do with the missing services of a node that was never heard.
    pub silent_nodes: SilentNodes,
    /// Within how long the same action three times is flapping.
    #[serde(with = "yaml::duration")]
    pub flap_window: Duration,
    /// What is approved without a person, and when approved actions run.
    pub policy: Policy,
    /// The web UI and API.
    pub serve: Serve,
    /// The node agent.
    pub agent: Agent,
    /// What `prune` keeps.
    pub keep: Keep,
    /// Largest size of `events/` that `POST /api/v1/events` fills.
    pub events_quota: Bytes,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(300),
            reject_hold: Duration::from_secs(24 * 3600),
            silent_after: Duration::from_secs(900),
            silent_nodes: SilentNodes::Queue,
            flap_window: Duration::from_secs(3600),
            policy: Policy::default(),
            serve: Serve::default(),
            agent: Agent::default(),
            keep: Keep::default(),
            events_quota: Bytes(1 << 30),
        }
    }
}

/// What to do with the missing services of a node that was never heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SilentNodes {
    /// Queue their actions, with a hint.
    Queue,
    /// Hold them.
    Hold,
}

/// The web UI and API.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Serve {
    /// Who may read.
    pub read: ReadAccess,
    /// Host names beside IP literals and `localhost`.
    pub allowed_hosts: Vec<String>,
    /// Addresses whose forwarded-for headers are believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
}

/// Who may read over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadAccess {
    /// Everybody who can connect.
    #[default]
    Open,
    /// Who has a token.
    Token,
}

/// The node agent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Agent {
    /// After how long an unchanged health is reported again.
    #[serde(with = "yaml::duration")]
    pub refresh: Duration,
    /// How many failed passes in a row make a service unhealthy.
    pub unhealthy_after: std::num::NonZeroU32,
    /// Per cent used at which a disk's pressure is high.
    pub disk_high: super::hostfile::Percent,
}

impl Default for Agent {
    fn default() -> Self {
        let twice = std::num::NonZeroU32::MIN.saturating_add(1);
        Self { refresh: Duration::from_secs(300), unhealthy_after: twice, disk_high: super::hostfile::Percent(90) }
    }
}

/// What `prune` keeps.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Events younger than this.
    #[serde(with = "yaml::duration")]
    pub events: Duration,
    /// Ended actions younger than this.
    #[serde(with = "yaml::duration")]
    pub actions: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self { events: Duration::from_secs(30 * 86_400), actions: Duration::from_secs(90 * 86_400) }
    }
}

/// A number of bytes, written `512MiB` or `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Bytes(pub u64);

impl TryFrom<String> for Bytes {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a size such as 512MiB or 1GiB");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let shift = match text[digits..].trim() {
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            "TiB" => 40,
            "B" => 0,
            _ => return Err(bad()),
        };
        let number: u64 = text[..digits].parse().map_err(|_| bad())?;
        number.checked_mul(1 << shift).map(Bytes).ok_or_else(bad)
    }
}

/// Reads `config.yaml`; an empty file is all defaults. `zones` knows the rules of the time zones.
pub fn parse(text: &str, zones: &TimeZoneSettings<'_>) -> Result<Config, YamlError> {
    let mut config = yaml::parse::<Option<Config>>(text)?.unwrap_or_default();
    config.policy.look_up_zones(text, zones)?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::ZONES;
    use super::*;

    #[test]
    fn the_contract_s_example_says_the_defaults() {
        let text = r#"
settle: 5m
reject_hold: 24h
silent_after: 15m
silent_nodes: queue
flap_window: 1h
policy: {approval_ttl: none, auto_approve: [], windows: []}
serve: {read: open, allowed_hosts: [], trusted_proxies: []}
agent: {refresh: 5m, unhealthy_after: 2, disk_high: 90}
keep: {events: 30d, actions: 90d}
events_quota: 1GiB
"#;
        assert_eq!(parse(text, &ZONES).unwrap(), Config::default());
        assert_eq!(parse("", &ZONES).unwrap(), Config::default());
    }

    #[test]
    fn rules_and_windows_are_read() {
        let config = parse(
            "policy:\n  auto_approve: [{risk: low, nodes: [piha]}, {type: disk_cleanup}]\n  windows: [{nodes: [vps], from: \"02:00\", to: \"05:00\", days: [sat], zone: \"CET-1CEST,M3.5.0,M10.5.0/3\"}]\n",
            &ZONES,
        )
        .unwrap();
        assert_eq!(config.policy.auto_approve.len(), 2);
        assert_eq!(config.policy.windows[0].days, [Day::Sat]);
    }

    #[test]
    fn a_wrong_value_is_an_error_with_its_line() {
        for (text, word) in [
            ("setle: 5m", "unknown field"),
            ("settle: 5", "not a duration"),
            ("silent_nodes: maybe", "unknown variant"),
            ("policy: {auto_approve: [{}]}", "names a risk"),
            ("policy: {windows: [{from: '25:00', to: '1:00'}]}", "time of day"),
            ("policy: {windows: [{from: '1:00', to: '2:00', zone: Warsaw}]}", "not a time zone"),
            ("policy: {windows: [{from: '01:00', to: '02:00', zone: ../passwd}]}", "not a time zone"),
            ("policy: {approval_ttl: never}", "not a duration"),
            ("serve: {trusted_proxies: [nginx]}", "IP address"),
            ("agent: {unhealthy_after: 0}", "nonzero"),
            ("agent: {disk_high: 200}", "percentage"),
            ("events_quota: 1GB", "not a size"),
        ] {
            let error = parse(text, &ZONES).unwrap_err();
            assert!(error.message.contains(word), "{text}: {error}");
            assert!(error.line > 0, "{text}: {error:?}");
        }
        assert_eq!(parse("setle: 5m", &ZONES).unwrap_err().advice.as_deref(), Some("did you mean `settle`?"));
    }
}
