//! How events are shown: columns for people, one object a line on request.

use std::io::{self, Write};

use super::{Style, Tone, clean, json_line};
use crate::commands::events::Shown;
use crate::flow::event::Level;
use crate::flow::words::cut;

/// Longest part of the details that is shown in a column, in characters.
const DETAILS: usize = 60;

/// What was shown so far: the columns only grow.
#[derive(Debug)]
pub struct Page {
    json: bool,
    style: Style,
    widths: [usize; 4],
    has_head: bool,
}

impl Page {
    /// Makes an empty page.
    pub fn new(json: bool, style: Style) -> Self {
        Self { json, style, widths: [24, 8, 17, 10], has_head: false }
    }

    /// Writes events at its end.
    pub fn write(&mut self, events: Vec<Shown>, out: &mut impl Write) -> io::Result<()> {
        if self.json {
            events.iter().try_for_each(|event| out.write_all(json_line(event).as_bytes()))?;
            return out.flush();
        }
        let rows: Vec<_> = events.iter().map(row).collect();
        for (cells, _, _) in &rows {
            for (width, cell) in self.widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if !self.has_head && !rows.is_empty() {
            self.has_head = true;
            let head = ["TIME", "NODE", "TYPE", "SERVICE"].map(str::to_owned);
            writeln!(out, "{}", self.style.paint(&self.line(&head, "WHAT"), Tone::Quiet))?;
        }
        for (cells, what, tone) in rows {
            let line = self.line(&cells, &what);
            writeln!(out, "{}", tone.map_or(line.clone(), |tone| self.style.paint(&line, tone)))?;
        }
        out.flush()
    }

    fn line(&self, cells: &[String; 4], what: &str) -> String {
        let columns: Vec<String> =
            cells.iter().zip(self.widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}  {what}", columns.join("  ")).trim_end().to_owned()
    }
}

fn row(event: &Shown) -> ([String; 4], String, Option<Tone>) {
    let service = event.service.as_ref().map_or("-".to_owned(), ToString::to_string);
    let cells = [event.ts.to_string(), event.node.to_string(), clean(&event.kind).into_owned(), service];
    let level = event.level.map(|level| match level {
        Level::High => "high".to_owned(),
        Level::Normal => "normal".to_owned(),
    });
    let details = event.details.as_ref().map(|details| cut(details.get(), DETAILS).into_owned());
    let source = event.source.as_ref().map(|source| format!("({source})"));
    let what: Vec<String> =
        [event.status.clone(), event.reason.clone(), level, source, details].into_iter().flatten().collect();
    let tone = match (event.status.as_deref(), event.level) {
        (Some("healthy"), _) | (None, Some(Level::Normal)) => Some(Tone::Good),
        (Some(_), _) | (None, Some(Level::High)) => Some(Tone::Attention),
        (None, None) => None,
    };
    (cells, clean(&what.join(" ")).into_owned(), tone)
}
