//! The states of an action and the only ways between them (contract 5.2). A state changes through
//! [`State::next`] or not at all; which state a file is in, its directory says.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::action::HistoryEntry;

/// Where an action stands: the name of the directory that holds its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for the operator.
    Pending,
    /// Will be executed by the next pass.
    Approved,
    /// Is being executed.
    Running,
    /// Its steps ended well.
    Completed,
    /// It did not end well.
    Failed,
    /// The operator said no.
    Rejected,
    /// Its drift was gone before anybody decided.
    Cancelled,
}

impl State {
    /// All states, in the order in which people meet them.
    pub const ALL: [State; 7] =
        [Self::Pending, Self::Approved, Self::Running, Self::Completed, Self::Failed, Self::Rejected, Self::Cancelled];

    /// The states in which an action is still to be decided or done.
    pub const LIVE: [State; 3] = [Self::Pending, Self::Approved, Self::Running];

    /// The states in which an action has ended.
    pub const ENDED: [State; 4] = [Self::Completed, Self::Failed, Self::Rejected, Self::Cancelled];

    /// Returns the name of the state's directory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns whether an action in this state has ended.
    pub fn is_ended(self) -> bool {
        Self::ENDED.contains(&self)
    }

    /// Returns the state that a transition leads to from here.
    pub fn next(self, transition: Transition) -> Result<State, Refused> {
        use State as S;
        use Transition as T;
        match (self, transition) {
            (S::Pending, T::Approve) => Ok(S::Approved),
            (S::Pending, T::Reject) => Ok(S::Rejected),
            (S::Pending, T::Cancel) => Ok(S::Cancelled),
            (S::Approved, T::Claim) => Ok(S::Running),
            (S::Running, T::Complete) => Ok(S::Completed),
            (S::Running, T::Fail) => Ok(S::Failed),
            (
                S::Pending | S::Approved | S::Running | S::Completed | S::Failed | S::Rejected | S::Cancelled,
                T::Approve | T::Reject | T::Cancel | T::Claim | T::Complete | T::Fail,
            ) => Err(Refused { state: self, transition }),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|s| s.as_str() == text);
        known.ok_or_else(|| {
            format!("{text:?} is not a state: pending, approved, running, completed, failed, rejected or cancelled")
        })
    }
}

/// What can be asked of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transition {
    /// The operator, or the policy, says yes.
    Approve,
    /// The operator says no.
    Reject,
    /// Reconcile finds that its drift is gone.
    Cancel,
    /// The executor takes it.
    Claim,
    /// Its steps ended well.
    Complete,
    /// They did not.
    Fail,
}

impl Transition {
    /// All transitions.
    pub const ALL: [Transition; 6] =
        [Self::Approve, Self::Reject, Self::Cancel, Self::Claim, Self::Complete, Self::Fail];

    /// Returns the verb, as messages say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Cancel => "cancel",
            Self::Claim => "claim",
            Self::Complete => "complete",
            Self::Fail => "fail",
        }
    }

    /// Returns the only state from which this is possible.
    pub fn from(self) -> State {
        match self {
            Self::Approve | Self::Reject | Self::Cancel => State::Pending,
            Self::Claim => State::Approved,
            Self::Complete | Self::Fail => State::Running,
        }
    }
}

/// A transition that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot {} an action that is {state}", transition.as_str())]
pub struct Refused {
    /// The state that the action is in.
    pub state: State,
    /// What was asked.
    pub transition: Transition,
}

/// How a file's history relates to the directory that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How many entries of the history are true.
    pub committed: usize,
    /// Whether a last entry follows that was never committed (a transition that died before its rename).
    pub uncommitted: bool,
    /// Whether a hand brought the file here: no entry tells of this directory.
    pub by_hand: bool,
}

/// Returns how a history relates to the directory of its file.
///
/// A last entry that names another directory was never committed if the one before it names this one, or if a hand
/// moved the file between `pending/` and `approved/` while that transition was under way. Else the file was moved
/// by hand, and what its history says happened before that.
pub fn standing(state: State, history: &[HistoryEntry]) -> Standing {
    let n = history.len();
    match history {
        [.., last] if last.to == state => Standing { committed: n, uncommitted: false, by_hand: false },
        [.., before, _] if before.to == state => Standing { committed: n - 1, uncommitted: true, by_hand: false },
        [.., before, last] if overtaken(before.to, last.to, state) => {
            Standing { committed: n - 1, uncommitted: true, by_hand: true }
        }
        _ => Standing { committed: n, uncommitted: false, by_hand: true },
    }
}

/// Returns whether a hand overtook a transition: it left a state but never came where the history says.
fn overtaken(from: State, to: State, found: State) -> bool {
    match (from, to) {
        (State::Pending, State::Rejected | State::Cancelled) => found == State::Approved,
        (State::Approved, State::Running) => found == State::Pending,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::action::Via;
    use super::super::time::Stamp;
    use super::*;

    /// Every state × transition pair of contract 5.2: what is not listed as allowed is refused.
    #[test]
    fn the_table_of_states_and_transitions() {
        let allowed = [
            (State::Pending, Transition::Approve, State::Approved),
            (State::Pending, Transition::Reject, State::Rejected),
            (State::Pending, Transition::Cancel, State::Cancelled),
            (State::Approved, Transition::Claim, State::Running),
            (State::Running, Transition::Complete, State::Completed),
            (State::Running, Transition::Fail, State::Failed),
        ];
        for state in State::ALL {
            for transition in Transition::ALL {
                let expected = allowed.iter().find(|(s, t, _)| (*s, *t) == (state, transition)).map(|a| a.2);
                assert_eq!(state.next(transition).ok(), expected, "{state} {transition:?}");
                assert_eq!(expected.is_some(), transition.from() == state, "{state} {transition:?}");
            }
        }
    }

    #[test]
    fn live_and_ended_states_are_all_of_them() {
        for state in State::ALL {
            assert_ne!(State::LIVE.contains(&state), state.is_ended(), "{state}");
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
        }
    }

    fn history(states: &[State]) -> Vec<HistoryEntry> {
        let at = Stamp::from_millis(0);
        states.iter().map(|to| HistoryEntry { at, to: *to, by: "t".into(), via: Via::Cli, note: None }).collect()
    }

    #[test]
    fn a_history_is_held_against_its_directory() {
        use State as S;
        for (state, states, committed, uncommitted, by_hand) in [
            (S::Pending, &[S::Pending][..], 1, false, false),
            (S::Pending, &[], 0, false, true),
            (S::Approved, &[S::Pending], 1, false, true),
            (S::Pending, &[S::Pending, S::Approved], 1, true, false),
            (S::Approved, &[S::Pending, S::Approved, S::Running], 2, true, false),
            (S::Approved, &[S::Pending, S::Approved, S::Running, S::Failed], 4, false, true),
            (S::Running, &[S::Pending, S::Approved, S::Running, S::Failed], 3, true, false),
            (S::Rejected, &[S::Pending, S::Approved], 2, false, true),
            (S::Approved, &[S::Pending, S::Rejected], 1, true, true),
            (S::Approved, &[S::Pending, S::Cancelled], 1, true, true),
            (S::Completed, &[S::Pending, S::Rejected], 2, false, true),
            (S::Running, &[S::Pending, S::Cancelled], 2, false, true),
            (S::Pending, &[S::Pending, S::Approved, S::Running], 2, true, true),
        ] {
            let expected = Standing { committed, uncommitted, by_hand };
            assert_eq!(standing(state, &history(states)), expected, "{state} {states:?}");
        }
    }
}
