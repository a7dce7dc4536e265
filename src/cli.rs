//! The command line's types, and nothing else: what they mean is said once, in `run`.
#![expect(missing_docs, reason = "a doc comment on a flattened field would change the help text")]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::flow::action::{ActionId, ActionType, Risk};
use crate::flow::control_plane::ControlPlane;
use crate::flow::lifecycle::State;
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::time::Stamp;
use crate::flow::yaml::duration;

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

/// Makes a pass repeat
#[derive(Debug, Args)]
pub struct Every {
    /// Repeat the pass, with this pause between (10s, 1m)
    #[arg(long, value_name = "PAUSE", value_parser = pause)]
    pub every: Option<Duration>,
}

fn pause(text: &str) -> Result<Duration, String> {
    let pause = duration::parse(text)?;
    if pause < Duration::from_millis(100) { Err("a pause is 100ms or longer".into()) } else { Ok(pause) }
}

/// Make the data directory
#[derive(Debug, Args)]
pub struct Init {
    /// Whom it belongs to, as UID or UID:GID
    #[arg(long, value_name = "UID[:GID]", value_parser = owner)]
    pub owner: Option<(u32, u32)>,
    /// Say what would be made
    #[arg(long)]
    pub dry_run: bool,
}

fn owner(text: &str) -> Result<(u32, u32), String> {
    let number = |t: &str| t.parse().map_err(|_| format!("{t:?} is not a numeric ID (see `id -u`)"));
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    Ok((number(uid)?, number(gid)?))
}

/// Fold the events into the world
#[derive(Debug, Args)]
pub struct Observe {
    /// Read every event again, whatever the checkpoint says
    #[arg(long)]
    pub full: bool,
    /// Say what would change, write nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub every: Every,
}

/// Compare the desired state with the world
#[derive(Debug, Args)]
pub struct Reconcile {
    /// Say what would be queued and cancelled, write nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub every: Every,
    #[command(flatten)]
    pub this: ThisNode,
}

/// Run what was approved
#[derive(Debug, Args)]
pub struct Execute {
    /// Nodes side by side
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// Say what would run, run nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub every: Every,
    #[command(flatten)]
    pub this: ThisNode,
}

/// Look at this node's services and write what changed as events
///
/// What is looked at stands in hosts/NODE/services.yaml. Only changes are written, and everything again every
/// agent.refresh of config.yaml.
#[derive(Debug, Args)]
pub struct Agent {
    /// Write services.yaml and host.yaml for what runs here, instead of looking at it; what stands there stays
    #[arg(long, conflicts_with_all = ["every", "to"])]
    pub discover: bool,
    /// Send the events to this control plane, such as http://vps:18180, instead of writing them here
    #[arg(long, value_name = "URL")]
    pub to: Option<ControlPlane>,
    #[command(flatten)]
    pub uplink: Uplink,
    /// Say what was seen and would be written, write nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub every: Every,
    #[command(flatten)]
    pub this: ThisNode,
}

/// Bring the world of the control plane here
///
/// The root becomes a mirror: it shows what the control plane knows, and nothing is decided in it. Where the control
/// plane is gone, what was brought last stays, and everything says how old it is.
#[derive(Debug, Args)]
pub struct Mirror {
    /// The control plane, such as http://vps:18180 [default: CONTROL_PLANE_URL]
    #[arg(long, value_name = "URL")]
    pub from: Option<ControlPlane>,
    /// Say what would change, write nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub uplink: Uplink,
    #[command(flatten)]
    pub every: Every,
}

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

/// Remove what is old and no longer needed
///
/// Events that the world still depends on are kept, whatever their age: reading all events again gives the same world.
/// Ended actions, their output and their history go after keep.actions of config.yaml.
#[derive(Debug, Args)]
pub struct Prune {
    /// How long events are kept [default: keep.events of config.yaml, 30d]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub keep: Option<Duration>,
    /// Compress the files of days that ended so long ago
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub compress: Option<Duration>,
    /// Say what would go, change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub every: Every,
}

/// This machine's name
#[derive(Debug, Args)]
pub struct ThisNode {
    /// This machine's name among the nodes
    #[arg(long = "node", value_name = "NAME", id = "this_node")]
    pub node: Option<NodeName>,
}

/// How the control plane is spoken to
#[derive(Debug, Args)]
pub struct Uplink {
    /// The file that holds the token [default: the systemd credential hlctl-token, where there is one]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Believe the certificates of this file (PEM), and no others
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Speak plain HTTP also to addresses that are neither private nor Tailscale's
    #[arg(long)]
    pub insecure_http: bool,
}

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

/// Show nodes, services, drift, queue and passes
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Exit with 3 when something needs a person
    #[arg(long)]
    pub check: bool,
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

/// Serve the pages and the API
#[derive(Debug, Args)]
pub struct Serve {
    /// The address and port; a socket of the service manager comes before it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:18180")]
    pub listen: std::net::SocketAddr,
    /// The path before every address, behind a proxy (/homelab)
    #[arg(long, value_name = "PATH", value_parser = base_path, default_value = "")]
    pub base_path: String,
}

fn base_path(text: &str) -> Result<String, String> {
    let path = text.trim_matches('/');
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
    };
    if path.is_empty() {
        return Ok(String::new());
    }
    if !path.split('/').all(|part| plain(part) && !part.starts_with('.')) {
        return Err(format!("{text:?} is not a path such as /homelab"));
    }
    Ok(format!("/{path}"))
}

/// What to do with tokens
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make a token and print it, once
    Add(TokenAdd),
    /// List the tokens, without themselves
    List,
    /// Revoke a token, and the sessions begun with it
    Revoke(TokenRevoke),
}

/// Make a token
#[derive(Debug, Args)]
pub struct TokenAdd {
    /// Whose it is: the name in the audit log, or of the agent's node
    pub name: String,
    /// For an agent, which may send events of its node only
    #[arg(long, conflicts_with = "reader")]
    pub agent: bool,
    /// For somebody who may only look
    #[arg(long)]
    pub reader: bool,
    /// The nodes of the agent [default: the one called NAME]
    #[arg(long, value_name = "NODE,NODE", value_delimiter = ',', requires = "agent")]
    pub nodes: Vec<NodeName>,
}

/// Revoke a token
#[derive(Debug, Args)]
pub struct TokenRevoke {
    /// Whose it is
    pub name: String,
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
