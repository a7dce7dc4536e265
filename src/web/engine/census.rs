//! Who is connected, and what answers they hold: how much there may be of both, of one address and of all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::web::lock;

const MAX_CONNECTIONS: usize = 512;
const MAX_PER_PEER: usize = 64;
/// The last places, of few one in four, are for those who have few: somebody with some addresses does not shut the
/// operator out.
const RESERVED: usize = 16;
const FEW: usize = 4;
/// Descriptors that are kept for files and the pool.
const RESERVED_FILES: usize = 64;
/// How many of them have to be left, or those who are idle give theirs back.
const LAST_FILES: u64 = 16;

/// How many KiB of large answers may be on their way: a client that does not read holds what it asked for.
const ANSWERS: usize = 8 * 1024;
/// The part of it that who shows no token may hold, and who of them at one address.
const OF_STRANGERS: usize = 6 * 1024;
const OF_STRANGER: usize = 2 * 1024;

/// Returns how many connections the process's descriptors allow, after asking for as many as it may have.
fn connections_allowed() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(4096, |m| m.min(4096));
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
    let files = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    MAX_CONNECTIONS.min(files.saturating_sub(RESERVED_FILES)).max(4)
}

/// Returns whether hardly any descriptor is left behind this one, the lowest that was free: files need some too.
pub fn is_among_the_last(descriptor: i32) -> bool {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.is_some_and(|limit| u64::try_from(descriptor).unwrap_or_default() + LAST_FILES >= limit)
}

/// Who is connected.
pub struct Census {
    most: usize,
    shares: Arc<Shares>,
}

impl Census {
    /// Makes a census of nobody.
    pub fn new() -> Self {
        Self { most: connections_allowed(), shares: Arc::default() }
    }

    /// Returns a place for a connection, if there is one.
    pub fn place(&self, peer: IpAddr, trusted: bool) -> Option<Share> {
        let open = self.most - RESERVED.min(self.most / 4);
        self.shares
            .take(peer, 1, |all, own| all < self.most && (trusted || own < if all < open { MAX_PER_PEER } else { FEW }))
    }

    /// Returns how many are connected.
    pub fn total(&self) -> usize {
        lock(&self.shares.0).0
    }
}

/// What large answers are on their way, in KiB.
#[derive(Clone, Default)]
pub struct Freight(Arc<Shares>);

impl Freight {
    /// Returns room for an answer, if there is any. One alone may always set out, however large.
    pub fn room(&self, client: IpAddr, is_known: bool, size: usize) -> Option<Share> {
        let size = size.min(if is_known { ANSWERS } else { OF_STRANGERS });
        self.0.take(client, size, |all, own| match is_known {
            true => all + size <= ANSWERS,
            false => all + size <= OF_STRANGERS && (own == 0 || own + size <= OF_STRANGER),
        })
    }
}

/// How much of something is taken: of all, and of each client.
#[derive(Default)]
struct Shares(Mutex<(usize, HashMap<IpAddr, usize>)>);

/// A client's share, free again when it is dropped.
pub struct Share {
    of: Arc<Shares>,
    client: IpAddr,
    amount: usize,
}

impl Shares {
    /// Takes an amount where that may be, after how much all and this client have.
    fn take(self: &Arc<Self>, client: IpAddr, amount: usize, may: impl FnOnce(usize, usize) -> bool) -> Option<Share> {
        let mut taken = lock(&self.0);
        let own = taken.1.get(&client).copied().unwrap_or_default();
        if !may(taken.0, own) {
            return None;
        }
        taken.0 += amount;
        taken.1.insert(client, own + amount);
        Some(Share { of: self.clone(), client, amount })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = lock(&self.of.0);
        taken.0 -= self.amount;
        let own = taken.1.get(&self.client).map_or(0, |own| own - self.amount);
        match own {
            0 => taken.1.remove(&self.client),
            own => taken.1.insert(self.client, own),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn who_has_few_connections_gets_one_when_others_have_taken_what_they_may() {
        let census = Census { most: MAX_CONNECTIONS, shares: Arc::default() };
        let count = |from: u32, of: u32, trusted: bool| -> Vec<Share> {
            (0..1000).filter_map(|n| census.place(address(from + n % of), trusted)).collect()
        };
        let one = count(1, 1, false);
        assert_eq!(one.len(), MAX_PER_PEER);
        let twenty = count(100, 20, false);
        assert_eq!(one.len() + twenty.len(), 496, "the last sixteen are not theirs");
        let new = count(2, 1, false);
        assert_eq!(new.len(), FEW);
        assert_eq!(count(3, 1, true).len(), RESERVED - FEW, "a proxy speaks for many");
        assert_eq!(census.total(), 496 + FEW, "and those are free again");
        drop((one, twenty, new));
        assert_eq!((census.total(), lock(&census.shares.0).1.len()), (0, 0));
    }

    #[test]
    fn what_strangers_hold_leaves_room_for_others_and_for_who_is_known() {
        let freight = Freight::default();
        let hog = freight.room(address(1), false, 100_000).expect("one alone may always set out");
        assert!(freight.room(address(2), false, 1).is_none());
        let page = freight.room(address(1), true, 45).expect("who is known is not refused for it, wherever he is");
        drop(hog);
        let some: Vec<Share> = (0..100).filter_map(|_| freight.room(address(1), false, 100)).collect();
        assert_eq!(some.len(), OF_STRANGER / 100);
        assert!(freight.room(address(2), false, 100).is_some(), "another address has a share of its own");
        assert!(freight.room(address(2), true, ANSWERS).is_none());
        drop((page, some));
        assert_eq!(*lock(&freight.0.0), Default::default());
    }
}
