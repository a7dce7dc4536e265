//! The world's pages: services, one service with its last week, nodes.

use std::collections::BTreeSet;

use minijinja::{Value, context};

use super::history::{self, Change, Mark, Span};
use super::records::Records;
use super::{Answer, Page, below_root, clean, maybe_stamp, render, state, words};
use crate::commands;
use crate::fail::Advised;
use crate::flow::desired::{Desired, HostError};
use crate::flow::name::{NodeName, ServiceName};
use crate::flow::sort;
use crate::flow::status::{NodeLine, NodeStanding, Summary};
use crate::flow::time::Stamp;
use crate::flow::world::{self, Nodes, ServiceRow, Services};
use crate::store;
use crate::web::message::Refusal;
use crate::web::past::{self, Days};
use crate::web::routes::Call;

/// How many actions the page of a service shows.
const ACTIONS: usize = 10;

fn world_of(call: &Call<'_>, desired: &Desired) -> Result<(Services, Nodes), Refusal> {
    let (services, nodes) = store::world::read_both(&call.app.root).advised()?;
    Ok(world::canonical(&services, &nodes, &desired.aliases))
}

fn standing_tone(standing: NodeStanding) -> &'static str {
    match standing {
        NodeStanding::Heard => "good",
        NodeStanding::DiskFull | NodeStanding::Silent | NodeStanding::NeverHeard => "attention",
        NodeStanding::Broken => "bad",
        NodeStanding::Unwatched => "quiet",
    }
}

/// Returns how a service is, in words.
fn status_words(row: Option<&ServiceRow>) -> String {
    let Some(row) = row else { return "missing".into() };
    let reason = row.reason.as_deref().map_or(String::new(), |r| format!(": {}", words::reason(r)));
    clean(&format!("{}{reason}", row.status))
}

/// How a service that is watched is shown.
struct Look {
    tone: &'static str,
    words: String,
    /// Since when nothing was heard of it, where its node is silent: it is known how it was, not how it is.
    unheard: Option<Stamp>,
}

impl Look {
    fn new(call: &Call<'_>, line: Option<&NodeLine>, row: Option<&ServiceRow>, well: bool) -> Look {
        let last = line.filter(|l| l.standing == NodeStanding::Silent).and(row).map(|row| row.last_event);
        let unheard = last.filter(|at| call.now.since(*at) > silent_after(call));
        let tone = match (well, row, unheard) {
            (true, _, Some(_)) => "quiet",
            (true, _, None) => "good",
            (false, None, _) => "attention",
            (false, Some(_), _) => "bad",
        };
        let words = status_words(row);
        Look { tone, words: if unheard.is_some() { format!("last heard {words}") } else { words }, unheard }
    }
}

fn silent_after(call: &Call<'_>) -> i64 {
    i64::try_from(call.app.config.silent_after.as_millis()).unwrap_or(i64::MAX / 2)
}

/// Returns what the silence of a node says of its services: from then on nothing is known.
fn silence(call: &Call<'_>, line: Option<&NodeLine>) -> Option<Mark> {
    let seen = line.filter(|l| l.standing == NodeStanding::Silent)?.last_seen?;
    Some(Mark { at: seen.plus_millis(silent_after(call)), well: None })
}

/// Returns the strip of a service's last day.
fn day(call: &Call<'_>, days: &Days<'_>, line: &NodeLine, name: &ServiceName, row: Option<&ServiceRow>) -> Value {
    let mut marks = days.of(&line.node, name);
    marks.extend(row.map(past::of_row).unwrap_or_default());
    marks.extend(silence(call, Some(line)));
    sort::by(&mut marks, Ord::cmp);
    history::line(&marks, call.now, days.are_unread)
}

/// Returns the nodes as cards.
pub fn node_cards(call: &Call<'_>, desired: &Desired, summary: &Summary) -> Result<Vec<Value>, Refusal> {
    let world = world_of(call, desired)?;
    let days = call.app.days.days(&call.app.root, desired, call.now);
    Ok(summary.node_lines.iter().map(|line| card(call, desired, &world, &days, line)).collect())
}

fn card(
    call: &Call<'_>,
    desired: &Desired,
    (rows, nodes): &(Services, Nodes),
    days: &Days<'_>,
    line: &NodeLine,
) -> Value {
    let row = nodes.get(line.node.as_str());
    let used = row.and_then(|r| r.disk.as_ref()).and_then(|d| d.used_percent.as_ref()).and_then(|n| n.as_f64());
    let high = desired.hosts.get(&line.node).and_then(|h| h.file.disk.high).unwrap_or(call.app.config.agent.disk_high);
    let services: Vec<Value> = line
        .services
        .iter()
        .map(|(name, _, well)| {
            let row = rows.get(line.node.as_str(), name.as_str());
            let look = Look::new(call, Some(line), row, *well);
            let heard = maybe_stamp(look.unheard, call.now);
            let day = day(call, days, line, name, row);
            context! { name => name.as_str(), words => look.words, heard, tone => look.tone, day }
        })
        .collect();
    let well = line.services.iter().filter(|(_, _, well)| *well).count();
    context! {
        name => line.node.as_str(), standing => line.standing.as_str(), tone => standing_tone(line.standing),
        seen => maybe_stamp(line.last_seen, call.now), disk => clean(line.disk.trim_end_matches(" (normal)")), services, well,
        used => used.filter(|u| (0.0..=100.0).contains(u)), high => high.0,
        full => line.standing == NodeStanding::DiskFull,
        mount => row.and_then(|r| r.disk.as_ref()).and_then(|d| d.mount.as_deref()).map(clean),
        details => row.map(|r| r.details.get()).filter(|d| *d != "{}").map(clean),
    }
}

/// Returns the page of the nodes.
pub fn nodes(call: &Call<'_>) -> Answer {
    let (desired, summary) = state(call)?;
    let cards = node_cards(call, &desired, &summary)?;
    let page = Page { template: "nodes.html", name: "nodes", digest: Some(String::new()) };
    render(call, &page, Some(&summary), context! { nodes => cards })
}

/// Returns the page of the services.
pub fn services(call: &Call<'_>) -> Answer {
    let (desired, summary) = state(call)?;
    let (services, _) = world_of(call, &desired)?;
    let days = call.app.days.days(&call.app.root, &desired, call.now);
    let mut rows = Vec::new();
    for line in &summary.node_lines {
        for (name, _, well) in &line.services {
            let row = services.get(line.node.as_str(), name.as_str());
            let look = Look::new(call, Some(line), row, *well);
            let own = context! {
                node => line.node.as_str(), service => name.as_str(), words => look.words, tone => look.tone,
                heard => maybe_stamp(look.unheard, call.now), day => day(call, &days, line, name, row),
                at => maybe_stamp(row.map(|r| r.last_event), call.now),
                healthy_at => maybe_stamp(row.and_then(|r| r.last_healthy), call.now),
            };
            rows.push((["bad", "attention", "quiet"].iter().position(|t| *t == look.tone).unwrap_or(3), own));
        }
    }
    // What is not well first.
    sort::by_key(&mut rows, |(rank, _)| *rank);
    let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    let listed: BTreeSet<(&str, &str)> = summary
        .node_lines
        .iter()
        .flat_map(|line| line.services.iter().map(|(name, _, _)| (line.node.as_str(), name.as_str())))
        .collect();
    let unmanaged: Vec<Value> = crate::flow::reconcile::unmanaged(&desired, &services)
        .into_iter()
        // A mirror, which desires nothing itself, lists what its control plane watches above.
        .filter(|r| !listed.contains(&(r.node.as_str(), r.service.as_str())))
        .map(|r| {
            context! {
                node => r.node.as_str(), service => r.service.as_str(), words => clean(&r.status),
                at => maybe_stamp(Some(r.last_event), call.now),
            }
        })
        .collect();
    let page = Page { template: "services.html", name: "services", digest: Some(String::new()) };
    render(call, &page, Some(&summary), context! { rows, unmanaged })
}

/// Says why nothing is known of what should run on a node.
fn why_unknown(call: &Call<'_>, error: &HostError) -> String {
    below_root(call, &format!("its host file cannot be believed, so what should run there is not known: {error}"))
}

/// Returns the page of one service.
pub fn service(call: &Call<'_>) -> Answer {
    let unknown = || Refusal::new(404, "there is no such service");
    let [node, service] = call.parameters.as_slice() else { return Err(unknown()) };
    let node: NodeName = node.parse().map_err(|_| unknown())?;
    let service: ServiceName = service.parse().map_err(|_| unknown())?;
    let desired = call.app.cx.desired()?;
    let (services, _) = world_of(call, &desired)?;
    let row = services.get(node.as_str(), service.as_str());
    let wanted = desired.hosts.get(&node).and_then(|h| h.service(&service));
    let broken = desired.broken.get(&node).and_then(|errors| errors.first());
    if row.is_none() && wanted.is_none() && broken.is_none() {
        return Err(unknown());
    }
    let summary = commands::status::of(&call.app.cx, &desired)?;
    let line = summary.node_lines.iter().find(|l| l.node == node);
    let look = Look::new(call, line, row, row.is_some_and(ServiceRow::is_healthy));
    let told = call.app.weeks.told(&call.app.root, &desired, &node, &service, call.now);
    let mut past = told.changes.to_vec();
    let quiet = |mark| Change { mark, words: format!("not heard of: {node} is silent") };
    past.extend(silence(call, line).map(quiet));
    sort::by(&mut past, Ord::cmp);
    let drift = summary.drift.iter().find(|d| d.node == node && d.service.as_ref() == Some(&service));
    let mut others = Records::newest(call, ACTIONS, &|e| e.action.is_about(&node, Some(&service)))?.entries;
    sort::by_key(&mut others, |e| std::cmp::Reverse(e.since()));
    let status = row.map_or(if broken.is_some() { "unknown" } else { "missing" }.into(), |r| clean(&r.status));
    let own = context! {
        node => node.as_str(), service => service.as_str(),
        status => if look.unheard.is_some() { format!("last heard {status}") } else { status },
        tone => look.tone, unheard => look.unheard.is_some(),
        reason => row.and_then(|r| r.reason.as_deref()).map(words::reason).map(clean),
        at => maybe_stamp(row.map(|r| r.last_event), call.now),
        healthy_at => maybe_stamp(row.and_then(|r| r.last_healthy), call.now),
        unhealthy_at => maybe_stamp(row.and_then(|r| r.last_unhealthy), call.now),
        details => row.map(|r| r.details.get()).filter(|d| *d != "{}").map(clean),
        why => drift.map(|d| clean(&d.why)).or_else(|| broken.map(|b| why_unknown(call, b))), action => drift.and_then(|d| d.action.as_deref()),
        deed => others.iter().find(|e| drift.is_some_and(|d| d.action.as_deref() == Some(e.action.id.as_str()))).map(|e| super::queue::deed(&e.action)),
        held => drift.and_then(|d| d.held_by.as_deref()).map(clean),
        until => maybe_stamp(drift.and_then(|d| d.held_until), call.now),
        runtime => wanted.map(|w| format!("{:?}", w.settings.runtime).to_lowercase()),
        monitor => wanted.is_some_and(|w| w.settings.monitor), desired => wanted.is_some(),
        nobody => if broken.is_some() { "nobody knows" } else { "by nobody" },
        day => history::strip(&past, call.now, Span::DAY), week => history::strip(&past, call.now, Span::WEEK),
        cut => told.is_cut, unread => told.is_unread,
        events => history::newest(&past, call.now), actions => others.iter().take(ACTIONS).map(|e| super::queue::line(call, e)).collect::<Vec<_>>(),
    };
    let page =
        Page { template: "service.html", name: "service", digest: Some(format!("?node={node}&service={service}")) };
    render(call, &page, Some(&summary), own)
}
