//! `state/batches/TOKEN.json`: the keys of the newest batches of events that each agent sent, so that one that it
//! sends again, because the answer was lost, is not written again. A hint: without it the same lines stand in the log
//! twice, and count once.

use std::path::PathBuf;

use super::atomic::{WriteError, replace_unsynced};
use super::root::Root;
use crate::flow::digest::sha256_hex;
use crate::flow::json;
use crate::flow::name::check_name;

/// How many keys of a token are known.
const KNOWN: usize = 64;

/// What is known of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// Its key is a new one.
    New,
    /// It was taken before.
    Taken,
    /// Its key was used for other lines.
    Other,
}

/// Looks a batch up.
pub fn look_up(root: &Root, token: &str, key: &str, body: &[u8]) -> Batch {
    match read(root, token).iter().find(|(known, _)| known == key) {
        None => Batch::New,
        Some((_, hash)) if *hash == sha256_hex(body) => Batch::Taken,
        Some(_) => Batch::Other,
    }
}

/// Remembers a batch whose events are on disk.
pub fn remember(root: &Root, token: &str, key: &str, body: &[u8]) -> Result<(), WriteError> {
    let Some(path) = path(root, token) else { return Ok(()) };
    let mut known = read(root, token);
    known.push((key.to_owned(), sha256_hex(body)));
    known.drain(..known.len().saturating_sub(KNOWN));
    root.make_dir(&root.state("batches"))?;
    replace_unsynced(&path, &serde_json::to_vec(&known).expect("texts serialize"), root.owner())
}

fn read(root: &Root, token: &str) -> Vec<(String, String)> {
    let bytes = path(root, token).and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    json::from_bytes(&bytes).unwrap_or_default()
}

fn path(root: &Root, token: &str) -> Option<PathBuf> {
    check_name(token).ok()?;
    Some(root.state("batches").join(format!("{token}.json")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_batches_of_each_token_are_known() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        assert_eq!(look_up(&root, "piha", "k", b"a"), Batch::New);
        remember(&root, "piha", "k", b"a").unwrap();
        assert_eq!(look_up(&root, "piha", "k", b"a"), Batch::Taken);
        assert_eq!(look_up(&root, "piha", "k", b"b"), Batch::Other);
        assert_eq!(look_up(&root, "vps", "k", b"a"), Batch::New);
        for n in 0..KNOWN {
            remember(&root, "piha", &format!("k{n}"), b"a").unwrap();
        }
        assert_eq!(look_up(&root, "piha", "k", b"a"), Batch::New, "the oldest was forgotten");
        assert_eq!(look_up(&root, "piha", "k0", b"a"), Batch::Taken);
        std::fs::write(dir.path().join("state/batches/piha.json"), "broken").unwrap();
        assert_eq!(look_up(&root, "piha", "k0", b"a"), Batch::New, "a hint and no more");
        remember(&root, "../x", "k", b"a").unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("state")).unwrap().count(), 1);
    }
}
