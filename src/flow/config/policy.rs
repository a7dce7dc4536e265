//! `policy:` of `config.yaml`: what is approved without a person, and in which windows approved actions run. Says what is
//! wrong with it; what follows from it, `flow/policy.rs` and `flow/window.rs` work out.

use std::time::Duration;

use tz::TimeZoneSettings;

use crate::flow::action::{ActionType, Risk};
use crate::flow::desired::Desired;
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::yaml::{self, YamlError};

/// What is approved without a person, and when approved actions run.
#[derive(Debug, Clone, PartialEq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// After how long an approval that was not executed ends.
    #[serde(deserialize_with = "yaml::duration::or_none")]
    pub approval_ttl: Option<Duration>,
    /// What is approved by itself.
    pub auto_approve: Vec<AutoApprove>,
    /// When approved actions run; without one, at once.
    pub windows: Vec<Window>,
}

impl Policy {
    /// Looks the rules of its windows' time zones up; `text` is the file that it stands in.
    pub(super) fn look_up_zones(&mut self, text: &str, zones: &TimeZoneSettings<'_>) -> Result<(), YamlError> {
        for zone in self.windows.iter_mut().map(|w| &mut w.zone).filter(|z| z.name != UTC) {
            if zone.look_up(zones).is_none() {
                return Err(unknown_zone(text, &zone.name));
            }
        }
        Ok(())
    }

    /// Returns it with the canonical names of its nodes.
    pub fn with_names_of(mut self, desired: &Desired) -> Policy {
        let rules = self.auto_approve.iter_mut().map(|rule| &mut rule.nodes);
        for node in rules.chain(self.windows.iter_mut().map(|window| &mut window.nodes)).flatten() {
            *node = desired.canonical(node);
        }
        self
    }

    /// Returns the nodes that the rules of automatic approval name, and those that the windows do.
    pub fn nodes(&self) -> impl Iterator<Item = (PolicyKey, &NodeName)> {
        let rules = self.auto_approve.iter().flat_map(|rule| &rule.nodes).map(|node| (PolicyKey::AutoApprove, node));
        rules.chain(self.windows.iter().flat_map(|window| &window.nodes).map(|node| (PolicyKey::Windows, node)))
    }
}

/// What in the policy names nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKey {
    /// `auto_approve`.
    AutoApprove,
    /// `windows`.
    Windows,
}

impl PolicyKey {
    /// Returns it as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AutoApprove => "auto_approve",
            Self::Windows => "windows",
        }
    }
}

/// Returns what is said of the nodes in the policy that there are not; of one that may be another's alias nothing is
/// known.
pub fn unknown_nodes(text: &str, policy: &Policy, desired: &Desired) -> Vec<(PolicyKey, YamlError)> {
    let is_unknown = |node: &NodeName| desired.host(&desired.canonical(node)) == Ok(None);
    let known = || desired.hosts.keys().map(NodeName::as_str).chain(desired.aliases.keys().map(String::as_str));
    let say = |(key, node): (PolicyKey, &NodeName)| {
        let (line, column) = yaml::place_of(text, key.as_str(), node.as_str());
        let message = format!("`policy.{}` names {node}, which is no node of hosts/", key.as_str());
        let nearest = yaml::nearest(node.as_str(), known()).map(|known| format!("did you mean `{known}`?"));
        let advice = nearest.or_else(|| Some("name a folder of hosts/, or an alias".to_owned()));
        (key, YamlError { line, column, message, advice })
    };
    policy.nodes().filter(|(_, node)| is_unknown(node)).map(say).collect()
}

/// A rule of automatic approval: all of what it names must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(try_from = "AutoApproveFields")]
pub struct AutoApprove {
    /// The risk.
    pub risk: Option<Risk>,
    /// The type of action.
    pub kind: Option<ActionType>,
    /// The nodes.
    pub nodes: Vec<NodeName>,
    /// The services.
    pub services: Vec<ServiceName>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct AutoApproveFields {
    risk: Option<Risk>,
    #[serde(rename = "type")]
    kind: Option<ActionType>,
    #[serde(default)]
    nodes: Vec<NodeName>,
    #[serde(default)]
    services: Vec<ServiceName>,
}

impl TryFrom<AutoApproveFields> for AutoApprove {
    type Error = &'static str;
    fn try_from(f: AutoApproveFields) -> Result<Self, Self::Error> {
        // An empty rule fits everything: nobody means that.
        if f.risk.is_none() && f.kind.is_none() && f.nodes.is_empty() && f.services.is_empty() {
            return Err("a rule of auto_approve names a risk, a type, nodes or services");
        }
        Ok(Self { risk: f.risk, kind: f.kind, nodes: f.nodes, services: f.services })
    }
}

/// A time of the week in which approved actions of these nodes run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The nodes; none means all.
    #[serde(default)]
    pub nodes: Vec<NodeName>,
    /// Its begin, `HH:MM`.
    pub from: TimeOfDay,
    /// Its end, `HH:MM`; before `from`, it lies on the next day.
    pub to: TimeOfDay,
    /// The days on which it begins; none means all.
    #[serde(default)]
    pub days: Vec<Day>,
    /// The time zone, by its IANA name or as POSIX has it; default UTC.
    #[serde(default = "utc")]
    pub zone: Zone,
}

/// The zone that needs no looking up.
const UTC: &str = "UTC";

/// A time zone: UTC until its name was looked up, which [`parse`](super::parse) does.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(from = "String")]
pub struct Zone {
    name: String,
    rules: tz::TimeZone,
}

impl Zone {
    /// Returns by how many seconds local time is ahead of UTC at a moment given in Unix seconds.
    pub fn ahead(&self, unix: i64) -> Option<i64> {
        self.rules.find_local_time_type(unix).ok().map(|kind| i64::from(kind.ut_offset()))
    }

    fn look_up(&mut self, zones: &TimeZoneSettings<'_>) -> Option<()> {
        // It becomes part of a path.
        let is_safe = self.name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !self.name.contains("..");
        self.rules = is_safe.then(|| zones.parse_posix_tz(&self.name).ok())??;
        Some(())
    }
}

impl From<String> for Zone {
    fn from(name: String) -> Self {
        Self { name, rules: tz::TimeZone::utc() }
    }
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct TimeOfDay(pub chrono::NaiveTime);

impl TryFrom<String> for TimeOfDay {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let time = chrono::NaiveTime::parse_from_str(&text, "%H:%M");
        time.map(TimeOfDay).map_err(|_| format!("{text:?} is not a time of day such as \"02:00\""))
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

fn unknown_zone(text: &str, name: &str) -> YamlError {
    let (line, column) = yaml::place_of(text, "zone", name);
    let message = format!("{name:?} is not a time zone that this machine knows");
    let advice =
        "a name such as Europe/Warsaw needs the system's zones (Debian's tzdata); CET-1CEST,M3.5.0,M10.5.0/3 does not";
    YamlError { line, column, message, advice: Some(advice.into()) }
}

fn utc() -> Zone {
    UTC.to_owned().into()
}
