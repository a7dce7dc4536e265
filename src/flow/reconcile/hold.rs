//! Why an ID is held and until when: rules 4 and 5 of contract section 5, and the silences.

use super::{Ended, Inputs};
use crate::flow::action::ActionId;
use crate::flow::config::{Config, SilentNodes};
use crate::flow::drift::{Drift, DriftKind};
use crate::flow::lifecycle::State;
use crate::flow::time::Stamp;

/// How far ahead of the clock a time may lie and still count: five minutes, as for events.
pub const CLOCK_TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// Why an ID is held, and until when that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its end.
    pub until: Option<Stamp>,
    /// The reason.
    pub why: String,
}

/// Rules 4 and 5, and the silences: why nothing is queued now.
pub(super) fn hold(inputs: &Inputs<'_>, drift: &Drift, id: &ActionId) -> Option<Hold> {
    let silence = inputs.silences.iter().find(|s| s.covers(&drift.node, drift.service.as_ref(), inputs.now));
    if let Some(silence) = silence {
        let why = format!("silenced by {}: {}", silence.by, silence.why);
        return Some(Hold { until: Some(silence.until), why });
    }
    let unheard = drift.kind == DriftKind::MissingService && drift.node_unheard;
    if unheard && inputs.config.silent_nodes == SilentNodes::Hold {
        return Some(Hold {
            until: None,
            why: format!("nothing was ever heard of {} (silent_nodes: hold)", drift.node),
        });
    }
    hold_after(inputs.ended.get(id)?, drift.last_gone, inputs.config, inputs.now)
}

/// Rule 4: how long an ended record holds its ID.
pub fn hold_after(ended: &Ended, last_gone: Option<Stamp>, config: &Config, now: Stamp) -> Option<Hold> {
    let at = ended.at.filter(|at| at.since(now) <= CLOCK_TOLERANCE_MS)?;
    let (until, why) = match ended.state {
        State::Completed => (at.plus(config.settle), format!("completed at {at}: waiting for the agent's word")),
        State::Rejected if last_gone.is_some_and(|gone| gone > at) => return None,
        State::Rejected => (at.plus(config.reject_hold), format!("rejected at {at}, and the drift was not gone since")),
        State::Failed | State::Cancelled | State::Pending | State::Approved | State::Running => return None,
    };
    (until > now).then_some(Hold { until: Some(until), why })
}
