//! `state/sessions.json`, readable by its owner alone: who is logged in on which browser. Holds hashes of what the
//! cookies hold. A session ends with its time, with a logout, or with its token.

use serde::{Deserialize, Serialize};

use super::lock::Lock;
use super::root::Root;
use super::tokens::{self, Token, TokensError};
use crate::flow::json;
use crate::flow::time::{DAY_MS, Stamp};

const SCHEMA: &str = "hlctl.sessions/v1";
const NAME: &str = "sessions.json";

/// How long a session lasts: a week.
pub const LIFETIME_MS: i64 = 7 * DAY_MS;

/// Most sessions that are kept; the oldest ends where one more begins.
const MOST: usize = 200;

/// A session as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Session {
    sha256: String,
    /// The hash of its token: a new token of the same name does not bring an old session back.
    token: String,
    expires: Stamp,
}

#[derive(Serialize, Deserialize)]
struct SessionsFile {
    schema: String,
    sessions: Vec<Session>,
}

/// Returns the sessions that have not ended; a file that cannot be read means that everybody is logged out.
fn read(root: &Root, now: Stamp) -> Vec<Session> {
    let file = std::fs::read(root.state(NAME)).ok().and_then(|b| json::from_bytes::<SessionsFile>(&b).ok());
    let sessions = file.filter(|f| f.schema == SCHEMA).map(|f| f.sessions).unwrap_or_default();
    sessions.into_iter().filter(|s| s.expires > now).collect()
}

fn change(root: &Root, now: Stamp, edit: impl FnOnce(&mut Vec<Session>)) -> Result<(), TokensError> {
    let _lock = Lock::take(root, "sessions")?;
    let mut sessions = read(root, now);
    edit(&mut sessions);
    let surplus = sessions.len().saturating_sub(MOST);
    sessions.drain(..surplus);
    let file = SessionsFile { schema: SCHEMA.into(), sessions };
    let bytes = serde_json::to_vec(&file).expect("times and hashes serialize");
    root.write_secret(&root.state(NAME), &bytes)?;
    Ok(())
}

/// Begins a session of a token's holder. Returns what the cookie has to hold.
pub fn begin(root: &Root, token: &Token, now: Stamp) -> Result<String, TokensError> {
    let (secret, sha256) = tokens::secret()?;
    let session = Session { sha256, token: token.sha256.clone(), expires: now.plus_millis(LIFETIME_MS) };
    change(root, now, |sessions| sessions.push(session))?;
    Ok(secret)
}

/// Returns the token whose session a cookie holds, if both still count.
pub fn find<'a>(root: &Root, tokens: &'a [Token], secret: &str, now: Stamp) -> Option<&'a Token> {
    let sent = tokens::hash(secret);
    let session = read(root, now).into_iter().find(|s| tokens::same(&s.sha256, &sent))?;
    tokens.iter().find(|t| tokens::same(&t.sha256, &session.token))
}

/// Ends a session.
pub fn end(root: &Root, secret: &str, now: Stamp) -> Result<(), TokensError> {
    let sent = tokens::hash(secret);
    change(root, now, |sessions| sessions.retain(|s| !tokens::same(&s.sha256, &sent)))
}
