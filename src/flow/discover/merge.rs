//! Where a `services.yaml` that is there takes more, and in which of YAML's forms. Only finds the place: whether the
//! result says what it must is for others to see.

/// Why a file cannot be added to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAppendable(pub &'static str);

/// How the entries of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// By how much they are indented.
    pub indent: usize,
    /// Whether they are a list, or else a map.
    pub is_list: bool,
}

/// The style of a new file.
pub const NEW: Style = Style { indent: 2, is_list: true };

/// Where more goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line each, at the end.
    Lines(Style),
    /// The same, in the place of an empty list from here to there.
    Instead(usize, usize),
    /// At this byte, between brackets.
    Within {
        /// The byte.
        at: usize,
        /// Whether the brackets are those of a list, or else of a map.
        is_list: bool,
        /// What has to stand before it.
        glue: &'static str,
    },
}

/// Returns where the document ends: at its `...`, or at the end of the file.
pub fn document_end(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.split_whitespace().next() == Some("...") && line.starts_with('.') {
            return at;
        }
        at += line.len();
    }
    at
}

/// The ways to write the key.
const KEYS: [&str; 3] = ["services:", "\"services\":", "'services':"];

/// Returns where more goes in a document.
pub fn place(text: &str) -> Result<Place, NotAppendable> {
    let mut at = 0;
    let key = text.split_inclusive('\n').find_map(|line| {
        let begin = at;
        at += line.len();
        KEYS.iter().find(|key| line.starts_with(**key)).map(|key| begin + key.len())
    });
    let key = key.ok_or(NotAppendable("it has no line that begins with `services:`"))?;
    let rest = &text[key..];
    let value = rest.len() - past_blanks(rest).len();
    let first = rest[value..].chars().next().ok_or(NotAppendable("its services are not there"))?;
    if matches!(first, '[' | '{') {
        let unclosed = NotAppendable("the brackets of its services do not close");
        let (last, close) = closing(&rest[value..]).ok_or(unclosed)?;
        let inside = &rest[value..][1..close];
        if first == '[' && inside.trim().is_empty() {
            return Ok(Place::Instead(key, key + value + close + 1));
        }
        let glue = match rest.as_bytes()[value + last] {
            b',' => " ",
            b':' => " , ",
            _ if last == 0 => "",
            _ => ", ",
        };
        return Ok(Place::Within { at: key + value + last + 1, is_list: first == '[', glue });
    }
    let line = rest[..value].rfind('\n').ok_or(NotAppendable("its services begin on the line of their key"))? + 1;
    Ok(Place::Lines(Style { indent: value - line, is_list: first == '-' }))
}

/// Returns a text without the blanks, line ends and comments at its beginning.
fn past_blanks(text: &str) -> &str {
    let text = text.trim_start();
    match text.strip_prefix('#') {
        Some(comment) => past_blanks(comment.split_once('\n').map_or("", |(_, rest)| rest)),
        None => text,
    }
}

/// Returns where the last thing before the end of a bracket at the beginning ends, and where the bracket closes.
fn closing(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut depth, mut at, mut last) = (0, 0, 0);
    // A quote within a word is none.
    let mut may_quote = true;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'#' if bytes[at - 1].is_ascii_whitespace() => {
                at += text[at..].find('\n')?;
                continue;
            }
            b'"' | b'\'' if may_quote => {
                at += quoted(&text[at..])?;
                may_quote = false;
            }
            b'[' | b'{' => (depth, may_quote) = (depth + 1, true),
            b']' | b'}' if depth == 1 => return Some((last, at)),
            b']' | b'}' => (depth, may_quote) = (depth - 1, false),
            byte => may_quote = matches!(byte, b',' | b':'),
        }
        last = at;
        at += 1;
    }
    None
}

/// Returns where a quoted word ends that begins a text.
fn quoted(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if bytes[0] == b'"' => at += 1,
            b'\'' if bytes[0] == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
            byte if byte == bytes[0] => return Some(at),
            _ => {}
        }
        at += 1;
    }
}
