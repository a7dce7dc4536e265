//! `hlctl token`: makes, lists and revokes the tokens of operators, readers and agents. A token is shown once.

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result, usage};
use crate::flow::action::Via;
use crate::flow::name::{NodeName, check_name};
use crate::flow::time::Stamp;
use crate::flow::yaml::nearest;
use crate::store::audit;
use crate::store::root::Root;
use crate::store::tokens::{self, Token, TokenKind, TokensError};

/// A new token.
#[derive(Debug, Serialize)]
pub struct AddReport {
    /// Whose it is.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// The nodes that an agent may speak of.
    pub nodes: Vec<NodeName>,
    /// The token itself: shown here and never again.
    pub token: String,
}

/// A known token.
#[derive(Debug, Serialize)]
pub struct Known {
    /// Whose it is.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// The nodes that an agent may speak of.
    pub nodes: Vec<NodeName>,
    /// When it was made.
    pub created_at: Stamp,
    /// Who made it.
    pub created_by: String,
}

/// The known tokens.
#[derive(Debug, Serialize)]
pub struct ListReport {
    /// By name.
    pub tokens: Vec<Known>,
}

/// A token that counts no longer.
#[derive(Debug, Serialize)]
pub struct RevokeReport {
    /// Whose it was.
    pub name: String,
}

/// Makes a token.
pub fn add(cx: &Context, args: &cli::TokenAdd) -> Result<AddReport> {
    let root = cx.root()?;
    check_name(&args.name).map_err(|e| usage(format!("the token's name: {e}"), "name it after its holder"))?;
    let kind = match (args.agent, args.reader) {
        (true, _) => TokenKind::Agent,
        (_, true) => TokenKind::Reader,
        _ => TokenKind::Operator,
    };
    let nodes = match (kind, args.nodes.is_empty()) {
        (TokenKind::Agent, true) => vec![args.name.parse::<NodeName>()?],
        _ => args.nodes.clone(),
    };
    let (secret, sha256) = tokens::secret().advised()?;
    let name = args.name.clone();
    let token = Token { name, kind, nodes, sha256, created_at: cx.now(), created_by: cx.operator() };
    let add = |tokens: &mut Vec<Token>| {
        if tokens.iter().any(|t| t.name == token.name) {
            let advice = format!("take another name, or revoke it first: `hlctl token revoke {}`", token.name);
            return Err(TokensError::Refused { message: format!("there is a token {} already", token.name), advice });
        }
        tokens.push(token.clone());
        tell(cx, &root, audit::Event::TokenAdded, &token)
    };
    tokens::change(&root, add).advised()?;
    Ok(AddReport { name: token.name, kind, nodes: token.nodes, token: secret })
}

/// Lists the tokens.
pub fn list(cx: &Context) -> Result<ListReport> {
    let tokens = tokens::read(&cx.root()?).advised()?;
    let known = |t: Token| Known {
        name: t.name,
        kind: t.kind,
        nodes: t.nodes,
        created_at: t.created_at,
        created_by: t.created_by,
    };
    Ok(ListReport { tokens: tokens.into_iter().map(known).collect() })
}

/// Revokes a token and the sessions that were begun with it.
pub fn revoke(cx: &Context, args: &cli::TokenRevoke) -> Result<RevokeReport> {
    let root = cx.root()?;
    let remove = |tokens: &mut Vec<Token>| {
        let Some(at) = tokens.iter().position(|t| t.name == args.name) else {
            let advice = match nearest(&args.name, tokens.iter().map(|t| t.name.as_str())) {
                Some(other) => format!("did you mean {other}?"),
                None => "`hlctl token list` shows what there is".into(),
            };
            return Err(TokensError::Refused { message: format!("there is no token {}", args.name), advice });
        };
        let token = tokens.remove(at);
        tell(cx, &root, audit::Event::TokenRevoked, &token)
    };
    tokens::change(&root, remove).advised()?;
    Ok(RevokeReport { name: args.name.clone() })
}

fn tell(cx: &Context, root: &Root, event: audit::Event, token: &Token) -> std::result::Result<(), TokensError> {
    let nodes: Vec<&str> = token.nodes.iter().map(NodeName::as_str).collect();
    let of = if nodes.is_empty() { String::new() } else { format!(" of {}", nodes.join(", ")) };
    let mut entry = audit::Entry::about(event, cx.now(), &cx.operator(), Via::Cli);
    entry.peer = cx.peer.clone();
    entry.note = Some(format!("{} token {}{of}", token.kind.as_str(), token.name));
    Ok(audit::append(root, entry)?)
}
