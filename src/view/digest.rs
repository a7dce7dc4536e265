//! The digest: the state as Markdown from a template, in a stable order.

use minijinja::context;

use super::{Report, Style, clean, template};
use crate::commands::digest::DigestReport;
use crate::commands::events::Shown;
use crate::flow::action::Action;
use crate::flow::desired::Desired;
use crate::flow::event::Level;
use crate::flow::lifecycle::State;
use crate::flow::name::ServiceName;
use crate::flow::status::{Counts, Flapping, NodeStanding, Summary};
use crate::flow::time::{Stamp, span};
use crate::store::actions::Entry;

pub mod part;
pub mod action;
mod desired;

const TEMPLATE: &str = include_str!("digest.md");

/// How many ended actions are told of.
const RECENT: usize = 10;

/// What is known of everything.
#[derive(Debug)]
pub struct Whole<'a> {
    /// The state.
    pub summary: &'a Summary,
    /// What should be.
    pub desired: &'a Desired,
    /// The queue.
    pub entries: &'a [Entry],
    /// What changed lately, newest first.
    pub events: &'a [Shown],
    /// The end of the output of what runs or failed.
    pub outputs: &'a [(&'a Entry, String)],
    /// The time.
    pub now: Stamp,
}

/// Returns the Markdown of everything.
pub fn markdown(whole: &Whole<'_>) -> String {
    let Whole { summary, desired, entries, events, outputs, now } = *whole;
    let mut environment = template::environment();
    environment.add_template("digest.md", TEMPLATE).expect("the template is part of the program");
    let template = environment.get_template("digest.md").expect("it was just added");
    let open: Vec<_> = entries.iter().filter(|e| !e.state.is_ended()).map(|e| line(e, now)).collect();
    let mut ended: Vec<&Entry> = entries.iter().filter(|e| e.state.is_ended()).collect();
    Entry::newest_first(&mut ended);
    let ended: Vec<_> = ended.into_iter().take(RECENT).map(|e| line(e, now)).collect();
    let nodes: Vec<_> = summary.node_lines.iter().map(|n| {
        let seen = n.last_seen.map_or("never".into(), |t| format!("{} ago", span(now.since(t))));
        let (well, others): (Vec<_>, Vec<_>) = n.services.iter().partition(|(_, _, well)| *well);
        let other = |(name, words, _): &(ServiceName, String, bool)| context! { name => name.as_str(), words => inline(words) };
        let others: Vec<_> = others.into_iter().map(other).collect();
        let well = well.iter().map(|(name, _, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let (standing, silent) = (n.standing.as_str(), n.standing == NodeStanding::Silent);
        context! { name => n.node.as_str(), standing, silent, seen, disk => inline(&n.disk), well, others }
    }).collect();
    let drift: Vec<_> = summary.drift.iter().map(|d| context! {
        node => d.node.as_str(), service => d.service.as_ref().map(|s| s.as_str()), kind => d.kind.as_str(),
        why => inline(&d.why), since => d.since.to_string(), action => d.action.as_deref(), held_by => d.held_by.as_deref().map(inline),
        held_until => d.held_until.map(|t| t.to_string()),
    }).collect();
    let attention: Vec<String> = summary.attention.iter().map(|a| inline(a)).collect();
    let passes: Vec<_> = summary
        .passes
        .iter()
        .map(|(name, p)| {
            context! {
                name => name, ok => p.ok, age => p.age_seconds.map(|s| span(s * 1000)), error => p.error.as_deref().map(inline),
            }
        })
        .collect();
    let outputs: Vec<_> = outputs
        .iter()
        .map(|(entry, text)| {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            context! { id => entry.action.id.as_str(), state => entry.state.as_str(), lines }
        })
        .collect();
    let rejects: Vec<String> =
        summary.rejects.newest.iter().map(|r| inline(&serde_json::to_string(r).unwrap_or_default())).collect();
    let rendered = template.render(context! {
        now => now.to_string(), as_of => summary.as_of.map(|t| t.to_string()), healthy => summary.healthy, outputs,
        health => summary.health(),
        events => events.iter().map(|e| event_line(e, true)).collect::<Vec<_>>(), desired => desired::of_all(desired, summary),
        services => counts(&summary.services), nodes_counted => counts(&summary.nodes), attention, drift, open, ended, nodes, passes,
        flapping => summary.flapping.iter().map(flapping).collect::<Vec<_>>(), unmanaged => summary.unmanaged.clone(), rejected => summary.rejected_events, rejects, waiting => summary.waiting_events,
        skew => summary.clock_skew.iter().map(|(n, s)| format!("{n}: {s} s ahead")).collect::<Vec<_>>(),
    });
    rendered.expect("the template names only what it is given") + "\n"
}

fn flapping(f: &Flapping) -> String {
    let times: Vec<String> = f.queued.iter().map(Stamp::to_string).collect();
    format!("`{}`: {}", f.id, times.join(", "))
}

fn counts(c: &Counts) -> minijinja::Value {
    context! { total => c.total, healthy => c.healthy, unhealthy => c.unhealthy, missing => c.missing, unmanaged => c.unmanaged, silent => c.silent }
}

fn line(entry: &Entry, now: Stamp) -> minijinja::Value {
    let Action { id, kind, attempt, drift, hints, result, .. } = &entry.action;
    let last = entry.history().last();
    context! {
        id => id.as_str(), state => entry.state.as_str(), risk => kind.risk().to_string(), attempt,
        age => entry.since().map(|t| span(now.since(t))),
        drift => drift.as_ref().map(|d| inline(&format!("{}{}", d.kind, d.reason.as_ref().map_or(String::new(), |r| format!(" ({r})"))))),
        hints => hints.iter().map(|h| inline(h)).collect::<Vec<_>>(),
        by => last.map(|l| inline(&format!("{} via {}", l.by, l.via))),
        note => note(entry),
        outcome => result.as_ref().filter(|_| entry.state == State::Failed).map(|r| {
            inline(&[r.reason.as_deref(), r.message.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(": "))
        }),
    }
}

/// Returns what was noted at the last transition, where its result does not say the same.
fn note(entry: &Entry) -> Option<String> {
    let reason = entry.action.result.as_ref().and_then(|r| r.reason.as_deref());
    entry.history().last()?.note.as_deref().filter(|note| Some(*note) != reason).map(inline)
}

fn event_line(event: &Shown, with_node: bool) -> String {
    let node = if with_node { format!(" {}", event.node) } else { String::new() };
    let service = event.service.as_ref().map_or(String::new(), |service| format!(" {service}"));
    let level = event.level.map(|level| if level == Level::High { "high" } else { "normal" });
    let told = [event.status.as_deref(), event.reason.as_deref(), level].into_iter().flatten();
    let told: String = told.map(|told| format!(" {}", inline(told))).collect();
    format!("{}{node} {}{service}{told}", event.ts, inline(&event.kind))
}

/// Returns a section of lines as a machine wrote them, which are clean already.
fn literal<'a>(title: &str, lines: impl Iterator<Item = &'a str>) -> String {
    let lines: String = lines.map(|line| format!("    {line}\n")).collect();
    format!("## {title}\n\n{lines}")
}

/// Returns outside text that stays within its line and its list item.
fn inline(text: &str) -> String {
    clean(text).replace('`', "'").replace(['<', '>'], "·")
}

/// Returns the text cut to a size at the end of a line, and says so.
pub fn bounded(text: &str, max: usize) -> String {
    const CUT: &str = "\n(cut here: the digest was longer than asked for)\n";
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max.saturating_sub(CUT.len()).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let end = text[..end].rfind('\n').unwrap_or(0);
    format!("{}{CUT}", &text[..end])
}

impl Report for DigestReport {
    fn text(&self, _: Style) -> String {
        self.markdown.clone()
    }
}
