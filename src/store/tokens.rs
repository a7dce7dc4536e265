//! `state/tokens.json`, readable by its owner alone: who may ask for what over HTTP. Holds hashes; a token itself is
//! shown once, when it is made, and kept nowhere.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::atomic::WriteError;
use super::lock::Lock;
use super::root::Root;
use crate::flow::digest::sha256_hex;
use crate::flow::json;
use crate::flow::name::NodeName;
use crate::flow::sort;
use crate::flow::time::Stamp;

/// The format of the file.
pub const TOKENS_SCHEMA: &str = "hlctl.tokens/v1";

const NAME: &str = "tokens.json";

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Reads and decides.
    Operator,
    /// Reads.
    Reader,
    /// Sends the events of its nodes.
    Agent,
}

impl TokenKind {
    /// Returns the kind's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Reader => "reader",
            Self::Agent => "agent",
        }
    }
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Whose it is: for an operator, the name in the audit log.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// The nodes that an agent may speak of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeName>,
    /// The hash of the token.
    pub sha256: String,
    /// When it was made.
    pub created_at: Stamp,
    /// Who made it.
    pub created_by: String,
}

#[derive(Serialize, Deserialize)]
struct TokensFile {
    schema: String,
    tokens: Vec<Token>,
}

/// Why the tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// They cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// They cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The caller found a reason against a change.
    #[error("{message}")]
    Refused {
        /// The reason.
        message: String,
        /// What to do about it.
        advice: String,
    },
    /// The system gives no random bytes.
    #[error("cannot make a token: {0}")]
    Random(getrandom::Error),
}

impl TokensError {
    /// Returns what the operator should do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Read { path, .. } => {
                format!("run hlctl as the owner of the root; or remove {}, then no token is known", path.display())
            }
            Self::Write(e) => e.advice(),
            Self::Refused { advice, .. } => advice.clone(),
            Self::Random(_) => "try it again when the system is up".into(),
        }
    }
}

/// Returns the tokens; none where there is no file.
pub fn read(root: &Root) -> Result<Vec<Token>, TokensError> {
    let path = root.state(NAME);
    let fail = |cause: String| TokensError::Read { path: path.clone(), cause };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(fail(e.to_string())),
    };
    let file: TokensFile = json::from_bytes(&bytes).map_err(|e| fail(e.to_string()))?;
    if file.schema != TOKENS_SCHEMA {
        return Err(fail(format!("its schema is {:?}, this hlctl knows {TOKENS_SCHEMA:?}", file.schema)));
    }
    Ok(file.tokens)
}

/// Changes the tokens under their lock; an error of `edit` leaves the file as it was.
pub fn change(root: &Root, edit: impl FnOnce(&mut Vec<Token>) -> Result<(), TokensError>) -> Result<(), TokensError> {
    let _lock = Lock::take(root, "tokens")?;
    let mut tokens = read(root)?;
    edit(&mut tokens)?;
    sort::by(&mut tokens, |a, b| a.name.cmp(&b.name));
    let file = TokensFile { schema: TOKENS_SCHEMA.into(), tokens };
    let mut bytes = serde_json::to_vec_pretty(&file).expect("names, times and hashes serialize");
    bytes.push(b'\n');
    root.write_secret(&root.state(NAME), &bytes)?;
    Ok(())
}

/// Makes a new secret of 32 random bytes: what a client sends, and what is kept of it.
pub fn secret() -> Result<(String, String), TokensError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(TokensError::Random)?;
    let secret: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let hash = hash(&secret);
    Ok((secret, hash))
}

/// Returns what is kept of a secret.
pub fn hash(secret: &str) -> String {
    sha256_hex(secret.as_bytes())
}

/// Returns whether two hashes are the same, in a time that does not tell where they differ.
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// Finds the token that a client sent.
pub fn find<'a>(tokens: &'a [Token], sent: &str) -> Option<&'a Token> {
    let sent = hash(sent);
    tokens.iter().fold(None, |found, token| if same(&token.sha256, &sent) { Some(token) } else { found })
}
