//! The passes, and what repeats or places them.
#![expect(missing_docs, reason = "a doc comment on a flattened field would change the help text")]

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::flow::control_plane::ControlPlane;
use crate::flow::name::NodeName;
use crate::flow::yaml::duration;

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
