//! What is kept of an event log when older events go: what is young, what waits for its time, and what the world
//! depends on. Decides; never opens a file.

use serde_json::value::RawValue;

use super::event::{JSON_SPACE, parse_bytes};
use super::fold::Fold;
use super::time::Stamp;

/// What is kept of an event log when older events go.
#[derive(Debug)]
pub struct Retention<'a> {
    /// All that is known.
    pub fold: &'a Fold,
    /// Older events go.
    pub from: Stamp,
}

impl Retention<'_> {
    /// Returns whether a text stays: an event that is young, waits for its time, or is needed by the world.
    pub fn keeps(&self, text: &[u8]) -> bool {
        parse_bytes(text).is_ok_and(|event| event.ts >= self.from || self.fold.needs(&event))
    }

    /// Returns what stays of a `.json` file.
    pub fn document(&self, bytes: &[u8]) -> Kept {
        let Ok(text) = std::str::from_utf8(bytes) else { return Kept::Nothing };
        if !text.trim_start_matches(JSON_SPACE).starts_with('[') {
            return if self.keeps(bytes) { Kept::All } else { Kept::Nothing };
        }
        let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(text) else {
            return Kept::Nothing;
        };
        let kept: Vec<&str> = elements.iter().map(|e| e.get()).filter(|e| self.keeps(e.as_bytes())).collect();
        match kept.len() {
            0 => Kept::Nothing,
            n if n == elements.len() => Kept::All,
            _ => Kept::Some(format!("[{}]\n", kept.join(",\n"))),
        }
    }
}

/// What stays of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    /// It stays as it is.
    All,
    /// It goes.
    Nothing,
    /// It shrinks to this.
    Some(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::event::parse;
    use crate::flow::fold::Place;

    const OLD: &str = r#"{"ts":1795418000,"node":"n","type":"service_healthy","service":"s"}"#;
    const NEW: &str = r#"{"ts":1795418005,"node":"n","type":"service_healthy","service":"s"}"#;
    const DOWN: &str = r#"{"ts":1795418003,"node":"n","type":"service_unhealthy","service":"s"}"#;

    fn fold(events: &[&str]) -> Fold {
        let mut fold = Fold::default();
        events.iter().for_each(|text| fold.add(&parse(text).unwrap(), &Place { path: "d/a".into(), index: 1 }));
        fold
    }

    #[test]
    fn what_the_world_shows_or_what_hides_stays() {
        let fold = fold(&[OLD, NEW, DOWN]);
        let keep = Retention { fold: &fold, from: Stamp::END };
        assert_eq!([OLD, NEW, DOWN].map(|text| keep.keeps(text.as_bytes())), [false, true, true]);
        assert!(!keep.keeps(b"broken"));
        let young = Retention { fold: &fold, from: Stamp::from_millis(1_795_418_000_000) };
        assert!(young.keeps(OLD.as_bytes()));
        assert_eq!(keep.document(OLD.as_bytes()), Kept::Nothing);
        assert_eq!(keep.document(NEW.as_bytes()), Kept::All);
        assert_eq!(keep.document(b"["), Kept::Nothing);
        assert_eq!(keep.document(format!("[{NEW}, {DOWN}]").as_bytes()), Kept::All);
        assert_eq!(
            keep.document(format!("[{NEW}, {OLD},7,{DOWN}]").as_bytes()),
            Kept::Some(format!("[{NEW},\n{DOWN}]\n"))
        );
    }
}
