//! The command line's types, and nothing else: what they mean is said once, in `run`.
#![expect(missing_docs, reason = "a doc comment on a flattened field would change the help text")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::flow::name::{NodeName, ServiceName};

mod passes;
mod events;
mod decide;
mod look;
mod serve;

pub use decide::{Approve, PlanArgs, Reject, Request, Select, Silence};
pub use events::{Events, Ingest, Moment};
pub use look::{Actions, Audit, AuditVerb, DigestArgs, Logs, Show, StatusArgs};
pub use passes::{Agent, Every, Execute, Init, Mirror, Observe, Prune, Reconcile, ThisNode, Uplink};
pub use serve::{Serve, TokenAdd, TokenRevoke, TokenVerb};

/// The control plane of a homelab: files, stateless passes, and actions that a person approves
#[derive(Debug, Parser)]
#[command(name = "hlctl", version, max_term_width = 100, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    /// This machine's name among the nodes [default: HLCTL_NODE, else the host name]
    #[arg(long, value_name = "NAME")]
    pub node: Option<NodeName>,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "The loop: observe, reconcile, approve, execute. Try it without anything: hlctl demo";

/// What every command takes
#[derive(Debug, Args)]
pub struct Global {
    /// Data directory [default: HLCTL_ROOT, else /opt/homelab]
    #[arg(long, global = true, help_heading = "Global options", value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Desired state [default: HLCTL_HOSTS, else hosts/ in the root]
    #[arg(long, global = true, help_heading = "Global options", value_name = "DIR")]
    pub hosts: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Say more on stderr
    #[arg(short, long, global = true, help_heading = "Global options", action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colours
    #[arg(long, global = true, help_heading = "Global options", value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
}

/// When to use colours
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The verbs
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the data directory
    Init(Init),
    /// Fold the events into the world (a pass)
    Observe(Observe),
    /// Compare the desired state with the world and queue what it takes (a pass)
    Reconcile(Reconcile),
    /// Run what was approved (a pass)
    Execute(Execute),
    /// Bring the world of the control plane here (a pass)
    Mirror(Mirror),
    /// Remove what is old and no longer needed (a pass)
    Prune(Prune),
    /// Look at this node's services and write what changed as events (a pass)
    Agent(Agent),
    /// Show the event log
    Events(Events),
    /// Take events in as JSON lines from standard input
    Ingest(Ingest),
    /// Approve pending actions
    Approve(Approve),
    /// Reject pending actions
    Reject(Reject),
    /// List the queue
    Actions(Actions),
    /// Show one action with its plan and history
    Show(Show),
    /// Print the output of an action's executions
    Logs(Logs),
    /// Queue an action that you want
    Request(Request),
    /// Print what would run
    Plan(PlanArgs),
    /// Show nodes, services, drift, queue and passes
    Status(StatusArgs),
    /// Hold new actions and notifications for a while
    Silence(Silence),
    /// Show the audit log, or verify it
    Audit(Audit),
    /// Serve the pages and the API
    Serve(Serve),
    /// Make, list and revoke the tokens of operators, readers and agents
    Token {
        #[command(subcommand)]
        verb: TokenVerb,
    },
    /// Lint config.yaml and the host files
    Check,
    /// Print the world as Markdown, or a part of it
    Digest(DigestArgs),
    /// Play a homelab of three nodes in a temporary root
    Demo(Demo),
    /// Print a shell's completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page of hlctl, or of one command
    Man {
        /// The command
        command: Option<String>,
        /// Write all pages into this directory instead
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        dir: Option<PathBuf>,
    },
    /// Wait for a byte on stdin, then become the command
    #[command(hide = true)]
    StepGate {
        /// The command
        #[arg(last = true, required = true)]
        argv: Vec<std::ffi::OsString>,
    },
    /// Handle one small service of the demo
    #[command(hide = true)]
    DemoService(DemoService),
}

/// Play a homelab of three nodes in a temporary root
#[derive(Debug, Args)]
pub struct Demo {
    /// Go through it without asking
    #[arg(long)]
    pub script: bool,
    /// Keep the root, to look at the files
    #[arg(long)]
    pub keep: bool,
}

/// Handle one small service of the demo
#[derive(Debug, Args)]
pub struct DemoService {
    /// What to do with it
    pub verb: ServiceVerb,
    /// Its name
    pub name: ServiceName,
    /// The folder of its node
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

/// What can be done with a service of the demo
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ServiceVerb {
    /// Write its files anew
    Deploy,
    /// Start it in the background
    Start,
    /// Stop it
    Stop,
    /// Ask it for its page
    Check,
    /// Be it
    Run,
}
