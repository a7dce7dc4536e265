//! `hlctl digest`: the world as Markdown, or a node, a service or an action, made for a model or a forum post: what is
//! wrong first, bounded in size, no secrets.

use serde::Serialize;

use crate::cli;
use crate::context::Context;
use crate::fail::{Advised, Result, unknown};
use crate::flow::action::ActionId;
use crate::flow::desired::Desired;
use crate::flow::lifecycle::State;
use crate::flow::mask::mask;
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::world;
use crate::store;
use crate::store::actions::Entry;
use crate::store::root::Root;
use crate::view::digest::{self, action, part};

/// How much of an action's output its digest holds.
const OUTPUT_SIZE: usize = 4 * 1024;
/// How much of the output of what runs or failed the digest of everything holds, of each.
const END_SIZE: usize = 1536;
/// Of how many actions it holds that.
const OUTPUTS: usize = 4;
/// How many changes are told of.
const EVENTS: usize = 20;

/// The Markdown.
#[derive(Debug, Serialize)]
pub struct DigestReport {
    /// The text.
    pub markdown: String,
}

/// Makes the digest.
pub fn run(cx: &Context, args: &cli::DigestArgs) -> Result<DigestReport> {
    let root = cx.root()?;
    let desired = cx.desired()?;
    let cx = &cx.knowing(&desired);
    let text = match (&args.action, &args.select_node) {
        (Some(id), _) => of_action(cx, &desired, id)?,
        (None, Some(node)) => of_part(cx, &desired, node, args.service.as_ref())?,
        // What is all of it, the control plane knows best; of a part a mirror has the world.
        (None, None) if root.is_mirror() => super::mirror::digest(&root),
        (None, None) => of_all(cx, &desired)?,
    };
    let text = if root.is_mirror() { super::mirror::headed(&root, &text, cx.now()) } else { text };
    Ok(DigestReport { markdown: digest::bounded(&mask(&text, &cx.secrets), args.max) })
}

fn of_all(cx: &Context, desired: &Desired) -> Result<String> {
    let (root, now) = (cx.root()?, cx.now());
    let summary = super::status::of(cx, desired)?;
    let entries = super::actions::list(cx, &cli::Actions { state: Vec::new() })?.entries;
    let events = super::events::newest(cx, None, None, EVENTS)?;
    let outputs = outputs(&root, &entries, |state| state == State::Failed, OUTPUTS)?;
    let (summary, entries, events, outputs) = (&summary, &entries, &events, &outputs);
    Ok(digest::markdown(&digest::Whole { summary, desired, entries, events, outputs, now }))
}

/// Returns the end of the output of what runs, and of what ended in such a state, the newest first: of so many actions
/// that have any.
fn outputs<'a>(
    root: &Root,
    entries: &'a [Entry],
    is_told: impl Fn(State) -> bool,
    most: usize,
) -> Result<Vec<(&'a Entry, String)>> {
    let mut told: Vec<&Entry> = entries.iter().filter(|e| is_told(e.state)).collect();
    Entry::newest_first(&mut told);
    told.splice(..0, entries.iter().filter(|e| e.state == State::Running));
    let mut outputs = Vec::new();
    for entry in told {
        if outputs.len() == most {
            break;
        }
        let output = super::logs::end(root, &entry.action.id, END_SIZE)?;
        outputs.extend((!output.is_empty()).then_some((entry, output)));
    }
    Ok(outputs)
}

fn of_action(cx: &Context, desired: &Desired, id: &ActionId) -> Result<String> {
    let shown = super::actions::show(cx, &cli::Show { id: id.clone() })?;
    let plan = shown.planned.as_ref().and_then(|p| p.plan.as_ref());
    let output = super::logs::end(&cx.root()?, id, OUTPUT_SIZE)?;
    let (entry, node) = (&shown.entry, desired.canonical(&shown.entry.action.node));
    let host = desired.hosts.get(&node);
    let events = super::events::newest(cx, Some(&node), entry.action.service.as_ref(), EVENTS)?;
    Ok(action::markdown(&action::Told { entry, plan, host, output: &output, events: &events, now: cx.now() }))
}

fn of_part(cx: &Context, desired: &Desired, node: &NodeName, service: Option<&ServiceName>) -> Result<String> {
    let root = cx.root()?;
    let (services, nodes) = store::world::read_both(&root).advised()?;
    let (services, nodes) = world::canonical(&services, &nodes, &desired.aliases);
    let canonical = desired.canonical(node);
    let row = nodes.get(canonical.as_str());
    // What is heard and desired by nobody can be told of, too.
    let node = if row.is_some() { canonical } else { super::select::known_node(desired, node)? };
    let host = desired.hosts.get(&node);
    let errors = desired.broken.get(&node).map(Vec::as_slice).unwrap_or_default();
    let mut rows: Vec<_> = services.services.iter().filter(|row| row.node == node).collect();
    if let Some(service) = service {
        rows.retain(|row| row.service == *service);
        match host {
            Some(host) if rows.is_empty() => super::select::known_service(host, service)?,
            None if rows.is_empty() && errors.is_empty() => {
                return Err(unknown(
                    format!("{node} has no service {service}"),
                    "`hlctl status` shows what was reported",
                ));
            }
            _ => {}
        }
    }
    let mut entries = super::actions::list(cx, &cli::Actions { state: Vec::new() })?.entries;
    entries.retain(|e| {
        desired.canonical(&e.action.node) == node && (service.is_none() || e.action.service.as_ref() == service)
    });
    let summary = super::status::of(cx, desired)?;
    let events = super::events::newest(cx, Some(&node), service, EVENTS)?;
    // Of a node what runs or failed, as in the digest of everything; of a service what was done last.
    let is_told = |state: State| state == State::Failed || (service.is_some() && state.is_ended());
    let outputs = outputs(&root, &entries, is_told, if service.is_some() { 1 } else { OUTPUTS })?;
    let (node, summary, now, entries) = (&node, &summary, cx.now(), &entries);
    Ok(part::markdown(&part::Part { node, service, summary, host, errors, row, rows, entries, outputs, events, now }))
}
