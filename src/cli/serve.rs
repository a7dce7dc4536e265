//! The server, and who may speak with it.

use clap::{Args, Subcommand};

use crate::flow::name::NodeName;

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
