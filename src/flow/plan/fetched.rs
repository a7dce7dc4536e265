//! What `plan --fetch` found in a repository: the commits that a redeploy would bring. It stands in the pending action,
//! and an approval of that pins the newest of them.

use serde::{Deserialize, Serialize};

use super::super::time::Stamp;
use super::Commit;

/// The commits that wait to be pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// When they were fetched.
    pub at: Stamp,
    /// The commit of the work tree.
    pub from: Commit,
    /// The newest commit of the branch's remote: this is what is pinned.
    pub to: Commit,
    /// The commits between, one a line as `git log --oneline` has them, newest first.
    pub commits: Vec<String>,
    /// How the project's files differ, as a unified diff.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
}
