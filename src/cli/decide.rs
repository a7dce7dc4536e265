//! What a person decides: on actions, on what is queued, on silence.
#![expect(missing_docs, reason = "a doc comment on a flattened field would change the help text")]

use std::time::Duration;

use clap::Args;

use crate::flow::action::{ActionId, ActionType, Risk};
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::yaml::duration;

/// Which pending actions
#[derive(Debug, Args)]
pub struct Select {
    /// The actions' IDs; without any, on a terminal, you are asked one by one
    pub ids: Vec<ActionId>,
    /// All pending actions
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// Those of this risk
    #[arg(long, value_parser = risk, conflicts_with = "ids")]
    pub risk: Option<Risk>,
    /// Those of this node
    #[arg(long, value_name = "NODE", conflicts_with = "ids", id = "select_node")]
    pub node: Option<NodeName>,
}

fn risk(text: &str) -> Result<Risk, String> {
    match text {
        "low" => Ok(Risk::Low),
        "guarded" => Ok(Risk::Guarded),
        _ => Err(format!("{text:?} is not a risk: low or guarded")),
    }
}

/// Approve pending actions
#[derive(Debug, Args)]
pub struct Approve {
    #[command(flatten)]
    pub select: Select,
    /// Approve only if the plan still has this digest
    #[arg(long, value_name = "sha256:…", requires = "ids")]
    pub digest: Option<String>,
    /// A note for the history
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Say what would be approved
    #[arg(long)]
    pub dry_run: bool,
}

/// Reject pending actions
#[derive(Debug, Args)]
pub struct Reject {
    #[command(flatten)]
    pub select: Select,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Say what would be rejected
    #[arg(long)]
    pub dry_run: bool,
}

/// Queue an action that you want
#[derive(Debug, Args)]
pub struct Request {
    /// redeploy, container_restart or disk_cleanup
    #[arg(value_name = "TYPE")]
    pub kind: ActionType,
    /// The node
    pub node: NodeName,
    /// The service; none for disk_cleanup
    pub service: Option<ServiceName>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Say what would be queued
    #[arg(long)]
    pub dry_run: bool,
}

/// Print what would run
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// One action; without, all pending and approved ones
    pub id: Option<ActionId>,
    /// Those of this node
    #[arg(long, value_name = "NODE", conflicts_with = "id", id = "select_node")]
    pub node: Option<NodeName>,
    /// Let the node fetch, and show the commits that a redeploy brings; approving then pins the newest
    #[arg(long)]
    pub fetch: bool,
}

/// Hold new actions and notifications for a while
#[derive(Debug, Args)]
pub struct Silence {
    /// NODE or NODE/SERVICE; without, the silences are listed
    pub target: Option<String>,
    /// For how long (2h)
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse, requires = "target")]
    pub duration: Option<Duration>,
    /// Why
    #[arg(long, value_name = "TEXT", requires = "target")]
    pub why: Option<String>,
    /// End it now
    #[arg(long, requires = "target", conflicts_with_all = ["duration", "why"])]
    pub end: bool,
    /// Say what would be held
    #[arg(long)]
    pub dry_run: bool,
}
