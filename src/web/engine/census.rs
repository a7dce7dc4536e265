//! Who is connected: how many connections there may be, of one address and of all.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use crate::web::lock;

const MAX_CONNECTIONS: usize = 512;
const MAX_PER_PEER: usize = 64;
/// Descriptors that are kept for files and the pool.
const RESERVED_FILES: usize = 64;

/// Returns how many connections the process's descriptors allow, after asking for as many as it may have.
pub fn connections_allowed() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(4096, |m| m.min(4096));
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
    let files = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    MAX_CONNECTIONS.min(files.saturating_sub(RESERVED_FILES)).max(4)
}

/// Who is connected.
pub struct Census {
    most: usize,
    peers: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

/// A connection's place among those allowed, free again when it is dropped.
pub struct Place {
    census: Arc<Census>,
    peer: IpAddr,
}

impl Census {
    /// Makes a census of nobody.
    pub fn new(most: usize) -> Self {
        Self { most, peers: Mutex::default() }
    }

    /// Returns a place for a connection, if there is one.
    pub fn place(self: &Arc<Self>, peer: SocketAddr, trusted: bool) -> Option<Place> {
        let peer = peer.ip().to_canonical();
        let mut peers = lock(&self.peers);
        let (total, of_peers) = &mut *peers;
        let of_peer = of_peers.entry(peer).or_default();
        if *total >= self.most || (!trusted && *of_peer >= MAX_PER_PEER) {
            if *of_peer == 0 {
                of_peers.remove(&peer);
            }
            return None;
        }
        *total += 1;
        *of_peer += 1;
        Some(Place { census: self.clone(), peer })
    }

    /// Returns how many are connected.
    pub fn total(&self) -> usize {
        lock(&self.peers).0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut peers = lock(&self.census.peers);
        peers.0 -= 1;
        if let Some(of_peer) = peers.1.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                peers.1.remove(&self.peer);
            }
        }
    }
}
