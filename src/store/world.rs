//! `world/services.json` and `world/nodes.json`: read by everyone, written by `observe` (and by `mirror`).

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

use super::atomic::WriteError;
use super::root::Root;
use crate::flow::json;
use crate::flow::world::{NODES_SCHEMA, Nodes, SERVICES_SCHEMA, Services};

const SERVICES: &str = "services.json";
const NODES: &str = "nodes.json";

/// Why a file of the world cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It is damaged.
    #[error("cannot read {}: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's word.
        source: serde_json::Error,
    },
    /// It is of another format.
    #[error("cannot read {}: its schema is {schema:?}, this hlctl knows {known:?}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What the file says.
        schema: String,
        /// What is known.
        known: &'static str,
    },
}

impl WorldError {
    /// Returns what the operator should do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "run hlctl as the owner of the root, or with sudo; then run `hlctl observe`".into()
            }
            Self::Damaged { .. } => "run `hlctl observe` first: it writes the file again from the events".into(),
            Self::Schema { .. } => {
                "use the hlctl that wrote it, or run `hlctl observe` with this one to write it again".into()
            }
        }
    }
}

/// Reads both files; one that is missing knows of nothing.
pub fn read_both(root: &Root) -> Result<(Services, Nodes), WorldError> {
    let services = read_services(root)?.unwrap_or_else(Services::none);
    Ok((services, read_nodes(root)?.unwrap_or_else(Nodes::none)))
}

/// Reads `world/services.json`; nothing where it is missing.
pub fn read_services(root: &Root) -> Result<Option<Services>, WorldError> {
    read(&root.world(SERVICES), SERVICES_SCHEMA)
}

/// Reads `world/nodes.json`; nothing where it is missing.
pub fn read_nodes(root: &Root) -> Result<Option<Nodes>, WorldError> {
    read(&root.world(NODES), NODES_SCHEMA)
}

#[derive(Deserialize)]
struct Head {
    schema: String,
}

fn read<T: DeserializeOwned>(path: &Path, known: &'static str) -> Result<Option<T>, WorldError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(WorldError::Unreadable { path: path.to_owned(), source }),
    };
    // The schema first: a newer one need not have anything else that is known.
    let damaged = |source| WorldError::Damaged { path: path.to_owned(), source };
    let head: Head = json::from_bytes(&bytes).map_err(damaged)?;
    if head.schema != known {
        return Err(WorldError::Schema { path: path.to_owned(), schema: head.schema, known });
    }
    json::from_bytes(&bytes).map(Some).map_err(damaged)
}

/// The world as the bytes of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldFiles {
    services: Vec<u8>,
    nodes: Vec<u8>,
}

impl WorldFiles {
    /// Makes the files' bytes.
    pub fn new(services: &Services, nodes: &Nodes) -> Self {
        Self { services: services.to_json(), nodes: nodes.to_json() }
    }

    /// Returns a hash of each file.
    pub fn hashes(&self) -> [u64; 2] {
        [xxh3_64(&self.services), xxh3_64(&self.nodes)]
    }

    /// Writes what changed. Returns whether anything did.
    pub fn write(&self, root: &Root) -> Result<bool, WriteError> {
        let services = root.write(&root.world(SERVICES), &self.services)?;
        let nodes = root.write(&root.world(NODES), &self.nodes)?;
        Ok(services || nodes)
    }
}

/// Returns a hash of each of the world's files as they are; nothing where one cannot be read.
pub fn hashes(root: &Root) -> Option<[u64; 2]> {
    let hash = |name: &str| std::fs::read(root.world(name)).ok().map(|bytes| xxh3_64(&bytes));
    Some([hash(SERVICES)?, hash(NODES)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::fold::Fold;

    #[test]
    fn missing_damaged_and_newer_files_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        assert_eq!(read_services(&root).unwrap(), None);
        let fold = Fold::default();
        let files = WorldFiles::new(&fold.services(), &fold.nodes());
        assert_eq!(hashes(&root), None);
        assert!(files.write(&root).unwrap());
        assert!(!files.write(&root).unwrap());
        assert_eq!(hashes(&root), Some(files.hashes()));
        assert_eq!(read_services(&root).unwrap(), Some(fold.services()));
        assert_eq!(read_nodes(&root).unwrap(), Some(fold.nodes()));
        let path = root.world(SERVICES);
        for (text, want) in [
            ("{\"schema\":\"hlctl.services/v1\",\"as_of\":null,\"services\":[", "EOF"),
            ("{\"schema\":\"hlctl.services/v2\",\"rows\":{}}", "its schema is \"hlctl.services/v2\""),
            ("{\"schema\":\"hlctl.services/v1\",\"as_of\":null,\"services\":[],\"new\":1}", ""),
            ("", "EOF"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read_services(&root).err().map(|e| (e.to_string(), e.advice()));
            let (message, advice) = error.unwrap_or_default();
            assert!(message.contains(want), "{text}: {message}");
            assert_eq!(message.is_empty(), want.is_empty());
            assert_eq!(advice.contains("hlctl observe"), !want.is_empty());
        }
    }
}
