//! How an execution ended, as the action's file keeps it.

use serde::{Deserialize, Serialize};

use super::super::time::Stamp;

/// How an execution ended. Unknown fields are kept where the file is rewritten.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Exit code of the last step that ran; none where a signal ended it or none ran.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// When the first step began.
    #[serde(default)]
    pub started_at: Option<Stamp>,
    /// When the last step or the verification ended.
    #[serde(default)]
    pub finished_at: Option<Stamp>,
    /// Number of the step that failed, from 1.
    #[serde(default)]
    pub failed_step: Option<usize>,
    /// Why it failed, a word such as `timeout`; none where it did not.
    #[serde(default)]
    pub reason: Option<String>,
    /// Path of the captured output below the root.
    #[serde(default)]
    pub log: Option<String>,
    /// What a person should know beyond the reason: the last line of an error, what was restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The last lines of the containers' logs, where health did not come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub container_log: Vec<String>,
    /// How the plan differs from the approved one, as a unified diff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Hints for the operator, such as `may_still_run`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// What only the node knew: the compose command, the commit and images before.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub facts: std::collections::BTreeMap<String, String>,
    /// Whether it ran without an approved plan (a file put into `approved/` without one).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpinned: bool,
}
