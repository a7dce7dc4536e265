//! Actions: what they are called, what they may do, and the file that holds one. Unknown fields of a file are
//! kept to the byte. The directory is the state: nothing here repeats it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fields::Fields;
use super::lifecycle::State;
use super::name::{NodeName, ServiceName};
use super::plan::{Commit, Fetched};
use super::time::Stamp;
pub use id::ActionId;
pub use kind::{ActionType, Risk};
pub use outcome::Outcome;

mod id;
mod kind;
mod outcome;

/// The format of an action file.
pub const ACTION_SCHEMA: &str = "hlctl.action/v1";

/// The way by which a transition was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The command line.
    Cli,
    /// The web UI or API.
    Web,
    /// A Telegram button.
    Telegram,
    /// `policy.auto_approve`.
    Policy,
    /// The reconcile pass.
    Reconcile,
    /// The execute pass.
    Execute,
    /// Somebody moved the file.
    Hand,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cli => "cli",
            Self::Web => "web",
            Self::Telegram => "telegram",
            Self::Policy => "policy",
            Self::Reconcile => "reconcile",
            Self::Execute => "execute",
            Self::Hand => "hand",
        })
    }
}

/// One transition in the life of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it happened.
    pub at: Stamp,
    /// The state that it led to.
    pub to: State,
    /// Who did it.
    #[serde(default)]
    pub by: String,
    /// By which way; an entry that does not say was written by hand.
    #[serde(default = "by_hand")]
    pub via: Via,
    /// What they said, or a reason.
    #[serde(default)]
    pub note: Option<String>,
}

fn by_hand() -> Via {
    Via::Hand
}

/// The drift for which an action was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftNote {
    /// Its kind: `missing_service`, `unhealthy_service`, `disk_pressure`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The reason that the agent gave.
    #[serde(default)]
    pub reason: Option<String>,
    /// Since when it has lasted, as far as reconcile could tell.
    #[serde(default)]
    pub detected_at: Option<Stamp>,
}

/// An action as its file describes it.
#[derive(Debug, Clone)]
pub struct Action {
    /// Its name.
    pub id: ActionId,
    /// What it does.
    pub kind: ActionType,
    /// Where.
    pub node: NodeName,
    /// To which service; none for a disk clean-up.
    pub service: Option<ServiceName>,
    /// Counts executions that failed before, from 1.
    pub attempt: u32,
    /// Why it was made; none where a person asked for it.
    pub drift: Option<DriftNote>,
    /// What the operator should know before saying yes.
    pub hints: Vec<String>,
    /// The digest of the plan in the file, if it has one.
    pub plan_digest: Option<String>,
    /// The commit that the plan in the file goes to, if it names one.
    pub plan_commit: Option<Commit>,
    /// What `plan --fetch` found, where it was asked.
    pub fetched: Option<Fetched>,
    /// Its life so far, as the file tells it: see [`super::lifecycle::standing`].
    pub history: Vec<HistoryEntry>,
    /// How it ended, or how its end was about to be recorded.
    pub result: Option<Outcome>,
    /// The file's fields, unknown ones included.
    pub fields: Fields,
}

/// Why a file is no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ActionError(String);

fn bad(message: impl Into<String>) -> ActionError {
    ActionError(message.into())
}

impl Action {
    /// Reads an action from the bytes of `ID.json`.
    pub fn parse(id: &ActionId, bytes: &[u8]) -> Result<Action, ActionError> {
        if bytes.is_empty() {
            return Err(bad("the file is empty"));
        }
        let text = std::str::from_utf8(bytes).map_err(|e| bad(format!("not UTF-8 at byte {}", e.valid_up_to())))?;
        let fields: Fields = serde_json::from_str(text).map_err(|e| bad(format!("not an action: {e}")))?;
        if let Some(schema) = get::<String>(&fields, "schema")?.filter(|s| s != ACTION_SCHEMA) {
            return Err(bad(format!("schema {schema:?} is not {ACTION_SCHEMA}: a newer hlctl may have written it")));
        }
        if let Some(own) = get::<String>(&fields, "id")?.filter(|own| own != id.as_str()) {
            return Err(bad(format!("the id {own:?} is not the file's name")));
        }
        let kind: ActionType = get(&fields, "type")?.ok_or_else(|| bad("it has no `type`"))?;
        let node: NodeName = get(&fields, "node")?.ok_or_else(|| bad("it has no `node`"))?;
        let service: Option<ServiceName> = get(&fields, "service")?;
        match kind {
            ActionType::Redeploy | ActionType::ContainerRestart if service.is_none() => {
                return Err(bad(format!("a {kind} needs a `service`")));
            }
            _ => {}
        }
        let pin = PlanPin::of(get(&fields, "plan")?);
        Ok(Action {
            id: id.clone(),
            kind,
            node,
            // A disk is the node's, whatever service a hand wrote beside it.
            service: service.filter(|_| kind != ActionType::DiskCleanup),
            attempt: get(&fields, "attempt")?.unwrap_or(1),
            drift: get(&fields, "drift")?,
            hints: get(&fields, "hints")?.unwrap_or_default(),
            plan_digest: pin.digest(),
            plan_commit: pin.commit(),
            fetched: get(&fields, "fetched")?,
            history: get(&fields, "history")?.unwrap_or_default(),
            result: get(&fields, "result")?,
            fields,
        })
    }

    /// Returns the commit to which its plan goes in a state: fetched while it is pending, then the one approved.
    pub fn commit(&self, state: State) -> Option<&Commit> {
        match state {
            State::Pending => self.fetched.as_ref().map(|f| &f.to),
            State::Approved
            | State::Running
            | State::Completed
            | State::Failed
            | State::Rejected
            | State::Cancelled => self.plan_commit.as_ref(),
        }
    }

    /// Returns whether both are about the same service, or both about the same node's disk.
    pub fn is_about(&self, node: &NodeName, service: Option<&ServiceName>) -> bool {
        self.node == *node && self.service.as_ref() == service
    }
}

/// What an action's file pins. A digest or a commit that is none is still no leave to run another plan.
#[derive(Default)]
struct PlanPin {
    digest: Option<serde_json::Value>,
    commit: Option<serde_json::Value>,
}

impl PlanPin {
    /// Reads a plan. What is no plan pins itself, which no plan is like: only where there is none is there no pin.
    fn of(plan: Option<serde_json::Value>) -> Self {
        match plan {
            None | Some(serde_json::Value::Null) => Self::default(),
            Some(serde_json::Value::Object(plan)) => Self {
                digest: plan.get("digest").filter(|d| !d.is_null()).cloned(),
                commit: plan.get("commit").cloned(),
            },
            Some(other) => Self { digest: Some(other), commit: None },
        }
    }

    fn digest(&self) -> Option<String> {
        self.digest.as_ref().map(|digest| digest.as_str().map_or_else(|| digest.to_string(), str::to_owned))
    }

    fn commit(&self) -> Option<Commit> {
        Commit::try_from(self.commit.as_ref()?.as_str()?.to_owned()).ok()
    }
}

/// Returns a field; absent and `null` are none.
fn get<T: serde::de::DeserializeOwned>(fields: &Fields, name: &str) -> Result<Option<T>, ActionError> {
    match fields.get(name) {
        None => Ok(None),
        Some(raw) => serde_json::from_str(raw.get()).map_err(|e| bad(format!("field `{name}`: {e}"))),
    }
}

/// Returns a value as raw JSON, to be put into a file's fields.
pub fn raw<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("the program's own values have string keys")
}

/// Returns the file's fields after a transition: one history entry more, all else as it was.
pub fn with_entry(action: &Action, keep: usize, entry: &HistoryEntry) -> Fields {
    let mut fields = action.fields.clone();
    let mut history: Vec<Box<RawValue>> =
        fields.get("history").and_then(|h| serde_json::from_str(h.get()).ok()).unwrap_or_default();
    history.truncate(keep);
    history.push(raw(entry));
    fields.set("history", raw(&history));
    fields
}
