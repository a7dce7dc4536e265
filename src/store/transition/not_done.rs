//! Why transitions do not happen, and what the operator can do about it.

use crate::flow::action::ActionId;
use crate::flow::lifecycle::State;
use crate::store::actions::Invalid;
use crate::store::atomic::WriteError;

/// Why a transition did not happen.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// There is no such action.
    #[error("there is no action {id}")]
    Unknown {
        /// What was asked for.
        id: ActionId,
        /// The ID that looks most like it.
        nearest: Option<String>,
    },
    /// Somebody else was there before.
    #[error("{id} is already {state}{}", winner.as_deref().map(|w| format!(", {w}")).unwrap_or_default())]
    Lost {
        /// The action.
        id: ActionId,
        /// Its state now.
        state: State,
        /// Who brought it there, in words.
        winner: Option<String>,
    },
    /// A hand moved or changed the file while the transition was under way.
    #[error("{id} was moved or changed by hand just now{}", state.map(|s| format!(" and is {s}")).unwrap_or_default())]
    Hand {
        /// The action.
        id: ActionId,
        /// Where it is now.
        state: Option<State>,
    },
    /// The ID stands in more than one live state.
    #[error("{id} stands in {} at once", .states.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(" and "))]
    Doubled {
        /// The action.
        id: ActionId,
        /// The states.
        states: Vec<State>,
    },
    /// The file is no action.
    #[error("not an action: {0}")]
    Invalid(Invalid),
    /// The caller found a reason against it.
    #[error("{message}")]
    Refused {
        /// The reason.
        message: String,
        /// What to do about it.
        advice: String,
    },
    /// The disk said no.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl NotDone {
    /// Returns what the operator should do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Unknown { nearest: Some(id), .. } => format!("did you mean {id}?"),
            Self::Unknown { nearest: None, .. } => "`hlctl actions` lists what there is".into(),
            Self::Lost { id, .. } | Self::Hand { id, .. } => format!("look at it with `hlctl show {id}`"),
            Self::Doubled { id, .. } => format!("remove one of the two files actions/*/{id}.json"),
            Self::Invalid(_) => "mend the file, or move it out of actions/".into(),
            Self::Refused { advice, .. } => advice.clone(),
            Self::Write(e) => e.advice(),
        }
    }
}

impl From<Invalid> for NotDone {
    fn from(invalid: Invalid) -> Self {
        NotDone::Invalid(invalid)
    }
}
