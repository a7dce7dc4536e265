//! JSON as text: made small without being understood.

use serde::Deserialize;

/// Returns valid JSON without the spaces between its tokens; halves of surrogate pairs, which most
/// readers refuse, become `\ufffd`.
pub fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            '\\' => {
                taken = escape_len(rest);
                out.push_str(if is_half_pair(rest, taken) { "\\ufffd" } else { &rest[..taken] });
            }
            '"' => {
                in_string = !in_string;
                out.push(c);
            }
            ' ' | '\t' | '\n' | '\r' if !in_string => {}
            _ => out.push(c),
        }
        rest = &rest[taken..];
    }
    out
}

/// Returns the length of the escape at the front; of a whole surrogate pair, of both halves.
fn escape_len(text: &str) -> usize {
    match unit(text) {
        None => 2.min(text.len()),
        Some(0xd800..=0xdbff) if matches!(text.get(6..).and_then(unit), Some(0xdc00..=0xdfff)) => 12,
        Some(_) => 6,
    }
}

fn is_half_pair(text: &str, len: usize) -> bool {
    len == 6 && matches!(unit(text), Some(0xd800..=0xdfff))
}

/// Returns the number of the `\uXXXX` at the front.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// Reads a value. Bytes are taken for the text that they should be: one reader for both is half the code.
pub fn from_bytes<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    serde_json::from_str(std::str::from_utf8(json).map_err(serde::de::Error::custom)?)
}

/// Serializes a path; bytes that are no UTF-8, which JSON cannot hold, are replaced.
pub fn path<S: serde::Serializer>(path: &std::path::Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_go_and_strings_stay() {
        for (json, want) in [
            ("{ \"a b\" :\n [1,\t2.50 ] }\r", r#"{"a b":[1,2.50]}"#),
            (r#" " \" \\ " "#, r#"" \" \\ ""#),
            (r#""\ud83d\ude00 é""#, r#""\ud83d\ude00 é""#),
            (r#""\ud83d x\udE00""#, r#""\ufffd x\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
        ] {
            assert_eq!(compact(json), want);
        }
    }
}
