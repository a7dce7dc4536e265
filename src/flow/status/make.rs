//! Makes the summary of its inputs: judges each node and each watched service, and counts.

use std::collections::BTreeMap;

use super::sentences::{event_sentences, missing_sentence, node_sentence, pass_sentences, queue_sentences};
use super::{Counts, Inputs, NodeLine, NodeStanding, PassFacts, PassSummary, Pending, STATUS_SCHEMA, Summary};
use crate::flow::drift::{self, DriftKind};
use crate::flow::event::Level;
use crate::flow::name::NodeName;
use crate::flow::reconcile;
use crate::flow::sort;
use crate::flow::time::Stamp;
use crate::flow::world::{NodeRow, Nodes, ServiceRow, Services};

/// Makes the summary.
pub fn summarize(inputs: &Inputs<'_>) -> Summary {
    let empty = (Services::none(), Nodes::none());
    let (services, nodes) = inputs.world.unwrap_or((&empty.0, &empty.1));
    let mut attention = Vec::new();
    if inputs.world.is_none() {
        attention.push("there is no world yet: run `hlctl observe`".to_owned());
    }
    let unmanaged: Vec<&ServiceRow> = reconcile::unmanaged(inputs.desired, services);
    let mut service_counts = Counts { unmanaged: unmanaged.len(), ..Counts::default() };
    let known =
        |n: &&NodeRow| !inputs.desired.hosts.contains_key(&n.node) && !inputs.desired.broken.contains_key(&n.node);
    let mut node_counts = Counts { unmanaged: nodes.nodes.iter().filter(known).count(), ..Counts::default() };
    let mut node_lines = Vec::new();
    for (name, host) in &inputs.desired.hosts {
        let row = nodes.get(name.as_str());
        let standing = standing(inputs, row, host.watched().next().is_some());
        node_counts.total += 1;
        match standing {
            NodeStanding::Heard => node_counts.healthy += 1,
            NodeStanding::DiskFull => node_counts.unhealthy += 1,
            NodeStanding::NeverHeard => node_counts.missing += 1,
            NodeStanding::Silent => node_counts.silent += 1,
            NodeStanding::Unwatched | NodeStanding::Broken => {}
        }
        let mut line = NodeLine {
            node: name.clone(),
            standing,
            last_seen: row.and_then(|r| r.last_seen),
            disk: disk(row),
            services: vec![],
        };
        let mut never_reported = Vec::new();
        for service in host.watched() {
            let row = services.get(name.as_str(), service.name.as_str());
            service_counts.total += 1;
            service_counts.silent += usize::from(standing == NodeStanding::Silent);
            let words = match (drift::judge(row), row) {
                (None, _) => "healthy".to_owned(),
                (Some((DriftKind::MissingService, _)), _) | (_, None) => "missing".to_owned(),
                (Some(_), Some(row)) => {
                    row.reason.as_ref().map_or(row.status.clone(), |r| format!("{} ({r})", row.status))
                }
            };
            match words.as_str() {
                "healthy" => service_counts.healthy += 1,
                "missing" => {
                    service_counts.missing += 1;
                    never_reported.push(service.name.as_str());
                }
                _ => {
                    service_counts.unhealthy += 1;
                    attention.push(format!("{} on {name} is {words}", service.name));
                }
            }
            line.services.push((service.name.clone(), words.clone(), words == "healthy"));
        }
        attention.extend(missing_sentence(name, standing, &never_reported));
        attention.extend(node_sentence(inputs, &line));
        node_lines.push(line);
    }
    for (name, errors) in &inputs.desired.broken {
        node_counts.total += 1;
        attention.extend(errors.iter().map(|e| format!("broken host file: {e}")));
        let disk = String::new();
        node_lines.push(NodeLine {
            node: name.clone(),
            standing: NodeStanding::Broken,
            last_seen: None,
            disk,
            services: vec![],
        });
    }
    for row in nodes.nodes.iter().filter(known).filter(|row| row.disk_pressure == Some(Level::High)) {
        attention.push(format!(
            "the disk of {}, which nobody manages, is under pressure: {}",
            row.node,
            disk(Some(row))
        ));
    }
    sort::by(&mut node_lines, |a, b| a.node.cmp(&b.node));
    attention.extend(inputs.desired.strays.iter().map(ToString::to_string));
    let well = attention.is_empty();
    queue_sentences(inputs, &mut attention);
    event_sentences(inputs, &mut attention);
    pass_sentences(inputs, &mut attention);
    let pending = inputs.pending.iter().map(|(action, since)| Pending {
        id: action.id.clone(),
        kind: action.kind,
        risk: action.kind.risk(),
        node: action.node.clone(),
        service: action.service.clone(),
        age_seconds: since.map_or(0, |since| inputs.now.since(since).max(0) / 1000),
    });
    Summary {
        flapping: inputs.flapping.clone(),
        schema: STATUS_SCHEMA.into(),
        as_of: nodes.as_of.max(services.as_of),
        healthy: well,
        nodes: node_counts,
        services: service_counts,
        drift: inputs.drift.to_vec(),
        actions: inputs.counts.iter().map(|(state, n)| (state.as_str().to_owned(), *n)).collect(),
        pending: pending.collect(),
        passes: inputs
            .passes
            .iter()
            .map(|(name, facts)| ((*name).to_owned(), pass_summary(facts.as_ref(), inputs.now)))
            .collect(),
        rejected_events: inputs.rejects.count,
        waiting_events: inputs.waiting,
        clock_skew: skew(inputs),
        attention,
        rejects: inputs.rejects.clone(),
        unmanaged: unmanaged.iter().map(|row| format!("{}/{}", row.node, row.service)).collect(),
        mirror: None,
        node_lines,
    }
}

fn standing(inputs: &Inputs<'_>, row: Option<&NodeRow>, watched: bool) -> NodeStanding {
    let Some(row) = row.filter(|r| r.last_seen.is_some() || r.disk_pressure.is_some()) else {
        return if watched { NodeStanding::NeverHeard } else { NodeStanding::Unwatched };
    };
    let age = row.last_seen.map_or(0, |seen| inputs.now.since(seen));
    if watched && age > i64::try_from(inputs.silent_after.as_millis()).unwrap_or(i64::MAX) {
        NodeStanding::Silent
    } else if row.disk_pressure == Some(Level::High) {
        NodeStanding::DiskFull
    } else {
        NodeStanding::Heard
    }
}

/// Returns a node's disk in words.
pub fn disk(row: Option<&NodeRow>) -> String {
    let Some(level) = row.and_then(|r| r.disk_pressure) else { return String::new() };
    let used = row.and_then(|r| r.disk.as_ref()).and_then(|d| d.used_percent.as_ref());
    let level = if level == Level::High { "high" } else { "normal" };
    used.map_or(level.to_owned(), |used| format!("{used} % ({level})"))
}

fn pass_summary(facts: Option<&PassFacts>, now: Stamp) -> PassSummary {
    PassSummary {
        last_finished: facts.map(|f| f.finished),
        ok: facts.is_some_and(|f| f.ok),
        age_seconds: facts.map(|f| now.since(f.finished).max(0) / 1000),
        error: facts.and_then(|f| f.error.clone()),
        took: facts.and_then(|f| f.took),
    }
}

fn skew(inputs: &Inputs<'_>) -> BTreeMap<NodeName, i64> {
    let seconds = |(node, ts): (&NodeName, &Stamp)| (node.clone(), ts.since(inputs.now) / 1000);
    inputs.waiting_nodes.iter().map(seconds).filter(|(_, seconds)| *seconds > 0).collect()
}
