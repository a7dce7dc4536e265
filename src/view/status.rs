//! How the state of everything looks: the verdict first, then what needs a person, then the rest.

use super::reconcile::drift_table;
use super::table::{cell, table, toned};
use super::{Report, Style, Tone, clean};
use crate::flow::status::{Flapping, NodeLine, NodeStanding, Summary};
use crate::flow::time::span;

impl Report for Summary {
    fn text(&self, style: Style) -> String {
        let mut text = verdict(self, style);
        text += &self.mirror.as_ref().map_or(String::new(), |m| format!("{}\n", clean(&m.words())));
        for sentence in &self.things() {
            text += &format!("  {} {}\n", style.paint("!", Tone::Attention), clean(sentence));
        }
        text += &section(nodes(style, &self.node_lines));
        text += &section(drift_table(style, &self.drift));
        for one in &self.flapping {
            text += &format!("\n{}", flapping(one));
        }
        if !self.unmanaged.is_empty() {
            text += &format!("\nunmanaged: {}\n", clean(&self.unmanaged.join(", ")));
        }
        text += &section(super::observe::rejects(&self.rejects, style));
        text += &section(passes(self, style));
        text
    }
}

fn section(text: String) -> String {
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn verdict(summary: &Summary, style: Style) -> String {
    let tone = if summary.needs() == 0 { Tone::Good } else { Tone::Attention };
    let as_of = summary.as_of.map_or("no events yet".into(), |t| format!("as of {t}"));
    format!("{}: {}, {as_of}\n", style.paint(&style.bold(&summary.verdict()), tone), summary.health())
}

fn nodes(style: Style, lines: &[NodeLine]) -> String {
    let row = |line: &NodeLine| {
        let tone = match line.standing {
            NodeStanding::Heard => Tone::Good,
            NodeStanding::DiskFull | NodeStanding::Silent | NodeStanding::NeverHeard => Tone::Attention,
            NodeStanding::Broken => Tone::Bad,
            NodeStanding::Unwatched => Tone::Quiet,
        };
        let services = line.services.iter().map(|(name, words, well)| match well {
            true => name.to_string(),
            false => format!("{name}: {words}"),
        });
        let seen = line.last_seen.map_or("-".into(), |t| t.to_string());
        vec![
            cell(line.node.as_str()),
            toned(line.standing.as_str(), tone),
            cell(seen),
            cell(if line.disk.is_empty() { "-" } else { &line.disk }),
            cell(services.collect::<Vec<_>>().join(", ")),
        ]
    };
    table(style, &["node", "is", "last seen", "disk", "services"], lines.iter().map(row).collect())
}

fn passes(summary: &Summary, style: Style) -> String {
    let row = |(name, pass): (&String, &crate::flow::status::PassSummary)| {
        let (words, tone) = match (pass.age_seconds, pass.ok) {
            (None, _) => ("never ran".to_owned(), Tone::Attention),
            (Some(age), true) => (format!("well, {} ago", span(age * 1000)), Tone::Good),
            (Some(age), false) => (format!("failed, {} ago", span(age * 1000)), Tone::Bad),
        };
        vec![cell(name), toned(words, tone), cell(pass.error.clone().unwrap_or_default())]
    };
    table(style, &["pass", "last run", "error"], summary.passes.iter().map(row).collect())
}

/// Says when an action was needed again and again.
pub fn flapping(flapping: &Flapping) -> String {
    let times: Vec<String> = flapping.queued.iter().map(ToString::to_string).collect();
    format!("flapping: {} was needed at {}\n", flapping.id, times.join(", "))
}
