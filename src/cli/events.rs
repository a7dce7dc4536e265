//! The event log: what is read of it and written to it.
#![expect(missing_docs, reason = "a doc comment on a flattened field would change the help text")]

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::flow::name::{NodeName, ServiceName};
use crate::flow::time::Stamp;
use crate::flow::yaml::duration;

/// Show the event log
///
/// In the order of the days on which the events came in, and of their times within a day.
#[derive(Debug, Args)]
pub struct Events {
    /// Only this node, also under its aliases
    #[arg(long = "node", value_name = "NODE")]
    pub select_node: Option<NodeName>,
    /// Only this service
    #[arg(long, value_name = "NAME")]
    pub service: Option<ServiceName>,
    /// Only this type (repeatable)
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Vec<String>,
    /// Only from this time on: a time (2026-11-23T07:00:00Z) or how long ago (2h)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Moment>,
    /// Only up to this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Moment>,
    /// Only the last ones
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Go on with what is added; without --since or --last, after the last ten
    #[arg(short, long)]
    pub follow: bool,
}

/// A point in time, or one so long ago
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    At(Stamp),
    Ago(Duration),
}

impl Moment {
    /// Returns the point in time that is meant at `now`.
    pub fn at(self, now: Stamp) -> Stamp {
        match self {
            Self::At(stamp) => stamp,
            Self::Ago(age) => now.plus_millis(-i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
        }
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    let date = || Stamp::parse(&format!("{text}T00:00:00")).map(Moment::At);
    let ago = || duration::parse(text).map(Moment::Ago);
    Stamp::parse(text)
        .map(Moment::At)
        .or_else(|_| date())
        .or_else(|_| ago())
        .map_err(|_| format!("{text:?} is neither a time such as 2026-11-23T07:00:00Z nor an age such as 2h"))
}

/// Take events in as JSON lines from standard input
///
/// For example: mosquitto_sub -t 'homelab/#' | hlctl ingest. Each line is checked before it is written; what was read
/// is on disk within a second.
#[derive(Debug, Args)]
pub struct Ingest {
    /// The file of the day that they are written into
    #[arg(long, value_name = "NAME", default_value = "ingest")]
    pub source: NodeName,
    /// Append the lines that are no events to this file
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}
