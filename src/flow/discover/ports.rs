//! Published ports as checks: `0.0.0.0:8080->80/tcp` is `check: {tcp: "127.0.0.1:8080"}`, where something answers.

use std::collections::BTreeMap;

use super::super::hostfile::Address;
use super::super::listing::Listed;
use super::super::sort;
use super::{Answered, Proposal};

/// A port that a container publishes, as this machine sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// The port on the host.
    pub port: u16,
    /// The address: loopback where it listens on all of them.
    pub host: String,
    /// The port inside of the container.
    pub inner: u16,
}

impl Published {
    /// Returns where it is to be asked.
    pub fn address(&self) -> Address {
        Address { host: self.host.clone(), port: self.port }
    }
}

/// Returns the TCP ports that a container publishes, each once; of a range the first.
pub fn published(container: &Listed) -> Vec<Published> {
    let mut all: Vec<Published> = container.ports.split(", ").filter_map(one).collect();
    sort::by(&mut all, Ord::cmp);
    all.dedup_by_key(|p| p.port);
    all
}

fn one(text: &str) -> Option<Published> {
    let (outer, inner) = text.split_once("->")?;
    let first = |ports: &str| ports.split('-').next()?.parse::<u16>().ok();
    let (host, port) = outer.rsplit_once(':')?;
    let host = match host.trim_matches(['[', ']']) {
        "" | "0.0.0.0" | "::" => "127.0.0.1".to_owned(),
        host => host.to_owned(),
    };
    Some(Published { port: first(port)?, host, inner: first(inner.strip_suffix("/tcp")?)? })
}

/// From here on the engine gives ports by itself, others after each start.
const FIRST_RANDOM: u16 = 32_768;

/// Adds the check of a project: the first published port that answers; the others are told.
pub fn suggest(proposal: &mut Proposal, members: &[&Listed], answers: &BTreeMap<Published, Answered>) {
    let mut ports: Vec<Published> = members.iter().flat_map(|c| published(c)).collect();
    sort::by(&mut ports, Ord::cmp);
    ports.dedup_by_key(|p| p.port);
    let best = ports.iter().filter(|p| p.port < FIRST_RANDOM).find_map(|p| Some((p.clone(), *answers.get(p)?)));
    for port in ports.iter().filter(|p| best.as_ref().is_none_or(|(best, _)| best != *p)) {
        let why = match (port.port >= FIRST_RANDOM, answers.contains_key(port)) {
            (true, _) => "published, at a port that may be another one after the next start",
            (false, true) => "published as well",
            (false, false) => "published, but nothing answered",
        };
        proposal.remarks.push(format!("check: {{tcp: \"{}\"}}  ({why})", port.address()));
    }
    if let Some((best, answered)) = best {
        let kind = match answered {
            Answered::Tcp => "tcp",
            Answered::Mqtt => "mqtt",
        };
        proposal.set("check", format!("{{{kind}: \"{}\"}}", best.address()));
    }
}
