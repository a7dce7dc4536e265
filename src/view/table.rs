//! Tables: fitted to a terminal, plain columns in a pipe.

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};

use super::{Style, Tone, clean};

/// The narrowest terminal to which a table is fitted, in columns.
const NARROWEST: u16 = 40;

/// A cell: outside text and, where it has one, its meaning.
pub type Toned = (String, Option<Tone>);

/// Returns a table with a head; without rows, nothing.
pub fn table(style: Style, head: &[&str], rows: Vec<Vec<Toned>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // A terminal that does not know its size says 0: better lines that run on than columns of single letters.
    if let Some(width) = table.width().filter(|width| style.terminal && *width >= NARROWEST) {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    if style.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(head.iter().map(|h| Cell::new(h.to_uppercase()).add_attribute(Attribute::Dim)));
    for row in rows {
        table.add_row(row.into_iter().map(|(text, tone)| {
            let cell = Cell::new(clean(&text));
            match tone {
                None => cell,
                Some(Tone::Good) => cell.fg(Color::Green),
                Some(Tone::Attention) => cell.fg(Color::Yellow),
                Some(Tone::Bad) => cell.fg(Color::Red),
                Some(Tone::Quiet) => cell.add_attribute(Attribute::Dim),
            }
        }));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|l| l.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// Returns a cell without a meaning of its own.
pub fn cell(text: impl Into<String>) -> Toned {
    (text.into(), None)
}

/// Returns a cell with a meaning.
pub fn toned(text: impl Into<String>, tone: Tone) -> Toned {
    (text.into(), Some(tone))
}
