//! The sentences that say what needs a person.

use super::{Inputs, NodeLine, NodeStanding, OLD_PASS_MS, count};
use crate::flow::name::NodeName;
use crate::flow::time::span;

/// Returns what was never reported: one line a node where all of it is missing, not one a service.
pub fn missing_sentence(node: &NodeName, standing: NodeStanding, missing: &[&str]) -> Vec<String> {
    match (standing, missing) {
        (_, []) => vec![],
        (NodeStanding::NeverHeard, many) => {
            vec![format!(
                "{node} was never heard: {} missing, perhaps only the agent's reports",
                count(many.len(), "service")
            )]
        }
        (_, some) => some.iter().map(|service| format!("{service} on {node} is missing")).collect(),
    }
}

/// Returns what is wrong with the node itself.
pub fn node_sentence(inputs: &Inputs<'_>, line: &NodeLine) -> Vec<String> {
    let mut sentences = Vec::new();
    if let (NodeStanding::Silent, Some(seen)) = (line.standing, line.last_seen) {
        sentences.push(format!("{} has been silent for {}", line.node, span(inputs.now.since(seen))));
    }
    if line.disk.ends_with("high") || line.disk.ends_with("(high)") {
        sentences.push(format!("the disk of {} is under pressure: {}", line.node, line.disk));
    }
    sentences
}

/// Adds what waits for a person in the queue, and what failed or is no action there.
pub fn queue_sentences(inputs: &Inputs<'_>, attention: &mut Vec<String>) {
    for (action, since) in &inputs.pending {
        let age = since.map_or(String::new(), |since| format!(", for {}", span(inputs.now.since(since))));
        attention.push(format!("{} waits for approval{age}", action.id));
    }
    attention.extend(inputs.failed.iter().map(|(id, why)| format!("{id} failed: {why}")));
    attention.extend(inputs.invalid.iter().cloned());
}

/// Adds what could not be read of the events, and what waits for its time.
pub fn event_sentences(inputs: &Inputs<'_>, attention: &mut Vec<String>) {
    if inputs.rejects.count > 0 {
        attention.push(format!("{} could not be read", count(inputs.rejects.count as usize, "event")));
    }
    if inputs.waiting > 0 {
        attention.push(format!("{} from the future: a node's clock is ahead", count(inputs.waiting as usize, "event")));
    }
}

/// Adds the passes that never ran, failed or are late.
pub fn pass_sentences(inputs: &Inputs<'_>, attention: &mut Vec<String>) {
    for (name, facts) in &inputs.passes {
        let Some(facts) = facts else {
            attention.push(format!("{name} never ran"));
            continue;
        };
        if !facts.ok {
            attention.push(format!("{name} failed: {}", facts.error.as_deref().unwrap_or("no reason was recorded")));
        }
        let age = inputs.now.since(facts.finished);
        if age > OLD_PASS_MS {
            attention.push(format!("{name} ran {} ago", span(age)));
        }
    }
}
