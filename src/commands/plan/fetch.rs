//! `plan --fetch`: lets the node fetch, and notes in the pending redeploy which commits it would bring. An approval of
//! that plan, by whichever way, pins the newest of them.

use crate::context::Context;
use crate::flow::action::{ActionType, raw};
use crate::flow::desired::Desired;
use crate::flow::lifecycle::State;
use crate::flow::mask::mask;
use crate::flow::plan::{self, Plan};
use crate::runner::Asker;
use crate::store::actions::Entry;
use crate::store::root::Root;
use crate::store::transition;

/// Fetches for an action and notes what was found in its file; one that pulls nothing, or is approved already, is left
/// as it is.
pub fn into(cx: &Context, root: &Root, desired: &Desired, entry: &mut Entry) -> Result<(), String> {
    let action = &entry.action;
    let host = desired.hosts.get(&desired.canonical(&action.node));
    let service = host.zip(action.service.as_ref()).and_then(|(host, name)| Some((host, host.service(name)?)));
    let Some((host, service)) = service.filter(|_| action.kind == ActionType::Redeploy) else { return Ok(()) };
    let asks = plan::fetch_asks(host, service);
    if asks.is_empty() || entry.state != State::Pending {
        return Ok(());
    }
    let home = cx.home();
    let asker = Asker { asks: &asks, compose: None, home: home.as_deref() };
    let mut fetched = asker.fetched(cx.now()).map_err(|e| format!("cannot fetch on {}: {e}", host.node))?;
    for text in fetched.commits.iter_mut().chain([&mut fetched.diff]) {
        *text = mask(text, &cx.secrets);
    }
    let plan = Plan::make(host, Some(service), action.kind, Some(&fetched.to)).map_err(|e| e.to_string())?;
    let set = vec![("fetched", raw(&fetched)), ("plan", raw(&plan.masked(&cx.secrets)))];
    *entry = transition::annotate(root, entry, set).map_err(|e| format!("what was fetched could not be noted: {e}"))?;
    Ok(())
}
