//! What is only looked at.
#![expect(missing_docs, reason = "a doc comment on a flattened field would change the help text")]

use clap::{Args, Subcommand};

use crate::flow::action::ActionId;
use crate::flow::lifecycle::State;
use crate::flow::name::{NodeName, ServiceName};

/// List the queue
#[derive(Debug, Args)]
pub struct Actions {
    /// Only this state (repeatable)
    #[arg(long, value_name = "STATE")]
    pub state: Vec<State>,
}

/// Show one action
#[derive(Debug, Args)]
pub struct Show {
    /// Its ID
    pub id: ActionId,
}

/// Print the output of an action's executions
#[derive(Debug, Args)]
pub struct Logs {
    /// Its ID
    pub id: ActionId,
    /// Go on while it runs
    #[arg(short, long)]
    pub follow: bool,
    /// Print the bytes as they are, control characters included
    #[arg(long)]
    pub raw: bool,
}

/// Show nodes, services, drift, queue and passes
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Exit with 3 when something needs a person
    #[arg(long)]
    pub check: bool,
}

/// Show the audit log, or verify it
#[derive(Debug, Args)]
pub struct Audit {
    #[command(subcommand)]
    pub verb: Option<AuditVerb>,
    /// Only the last lines
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
}

/// What to do with the audit log
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// Find any line changed, removed, reordered or cut off the end
    Verify,
}

/// Print the world as Markdown, or a part of it
#[derive(Debug, Args)]
pub struct DigestArgs {
    /// Most bytes
    #[arg(long, value_name = "BYTES", default_value_t = 32 * 1024)]
    pub max: usize,
    /// Only this node, also under its aliases
    #[arg(long = "node", value_name = "NODE", conflicts_with = "action")]
    pub select_node: Option<NodeName>,
    /// Only this service of the node
    #[arg(long, value_name = "NAME", requires = "select_node")]
    pub service: Option<ServiceName>,
    /// Only this action, with the end of its output
    #[arg(long, value_name = "ID")]
    pub action: Option<ActionId>,
}
