//! How much of the world the nodes of one token may make up: everything that reads the world holds all of it, and a
//! mirror takes no more than it has room for. Of what is told again or otherwise only the size matters. Never writes.

use std::collections::HashMap;

use crate::flow::event::{Event, Kind};
use crate::flow::name::NodeName;
use crate::flow::time::{DAY_MS, HOUR_MS, Stamp};
use crate::store::root::Root;
use crate::store::world;

/// Longest line that is taken, in bytes.
pub const MAX_LINE: usize = 16 << 10;
/// Most services of one token's nodes.
const MAX_SERVICES: usize = 1000;
/// Most bytes of what is known of them, each by its longest line.
const MAX_BYTES: usize = 4 << 20;
/// For how long a service is counted of which the world shows nothing: removed, or from the future.
const REMEMBERED_MS: i64 = DAY_MS;
/// Most bytes in an hour of events whose time has not come. Only so much of them is kept at hand; for the rest the
/// whole log is read again when they are due, and a flood of them would make each pass do that.
const MAX_AHEAD: usize = 1 << 20;

/// Why a line would make the world too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// There are too many services.
    #[error("{0} would be one more than the {MAX_SERVICES} services of this token's nodes")]
    Services(String),
    /// They say too much.
    #[error("this and what is known of the other services of this token's nodes is longer than {MAX_BYTES} bytes")]
    Bytes,
}

/// The services of one token's nodes: those that the world shows, and those that were taken since.
pub struct Share {
    nodes: Vec<NodeName>,
    since: Stamp,
    /// By node and service, the length of the longest that may be known of it.
    services: HashMap<String, usize>,
    bytes: usize,
    /// Since when, and how many bytes of events whose time had not come.
    ahead: (Stamp, usize),
}

impl Share {
    /// Reads what the world shows of these nodes; nothing where it cannot be read.
    pub fn read(root: &Root, nodes: &[NodeName], now: Stamp) -> Share {
        let mut share =
            Share { nodes: nodes.to_vec(), since: now, services: HashMap::new(), bytes: 0, ahead: (now, 0) };
        let rows = world::read_services(root).ok().flatten().map(|world| world.services).unwrap_or_default();
        for row in rows.into_iter().filter(|row| nodes.contains(&row.node)) {
            let length = row.details.get().len() + row.status.len() + row.reason.map_or(0, |reason| reason.len());
            share.services.insert(name(row.node.as_str(), row.service.as_str()), length);
            share.bytes += length;
        }
        share
    }

    /// Returns whether it is still to be believed, for a token of these nodes.
    pub fn is_of(&self, nodes: &[NodeName], now: Stamp) -> bool {
        self.nodes == nodes && (0..REMEMBERED_MS).contains(&now.since(self.since))
    }

    /// Counts a batch that holds so many bytes of events whose time has not come, unless there were too many before.
    pub fn take_ahead(&mut self, bytes: usize, now: Stamp) -> bool {
        if !(0..HOUR_MS).contains(&now.since(self.ahead.0)) {
            self.ahead = (now, 0);
        }
        let is_room = bytes == 0 || self.ahead.1 < MAX_AHEAD;
        self.ahead.1 += if is_room { bytes } else { 0 };
        is_room
    }

    /// Takes room for what a line says, if there is any.
    pub fn take(&mut self, event: &Event<'_>, line: &[u8]) -> Result<(), Full> {
        let service = match &event.kind {
            Kind::Healthy | Kind::Unhealthy | Kind::Status(_) | Kind::Removed => event.service.as_deref(),
            Kind::Heartbeat | Kind::Disk(_) | Kind::Action | Kind::Unknown => None,
        };
        let Some(service) = service else { return Ok(()) };
        let name = name(&event.node, service);
        let known = self.services.get(&name).copied();
        if known.is_none() && self.services.len() >= MAX_SERVICES {
            return Err(Full::Services(name));
        }
        let more = line.len().saturating_sub(known.unwrap_or_default());
        if more > 0 && self.bytes + more > MAX_BYTES {
            return Err(Full::Bytes);
        }
        if more > 0 {
            self.bytes += more;
            self.services.insert(name, line.len());
        }
        Ok(())
    }
}

fn name(node: &str, service: &str) -> String {
    format!("{node}/{service}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::event::parse;
    use crate::flow::fold::{Fold, Place};
    use crate::store::world::WorldFiles;

    const NOW: Stamp = Stamp::from_millis(1_795_418_000_000);

    fn line(node: &str, service: &str, kind: &str, size: usize) -> String {
        let text = format!(r#"{{"ts":1795418000,"node":"{node}","type":"{kind}","service":"{service}","reason":""}}"#);
        text.replace(r#""reason":"""#, &format!(r#""reason":"{}""#, "x".repeat(size)))
    }

    fn take(share: &mut Share, line: &str) -> Result<(), Full> {
        share.take(&parse(line).unwrap(), line.as_bytes())
    }

    fn empty() -> (tempfile::TempDir, Root, Vec<NodeName>) {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        (dir, root, vec!["piha".parse().unwrap()])
    }

    #[test]
    fn services_are_counted_by_name_whatever_is_said_of_them() {
        let (_dir, root, nodes) = empty();
        let mut share = Share::read(&root, &nodes, NOW);
        for n in 0..MAX_SERVICES {
            let kind = ["service_healthy", "service_unhealthy", "service_removed"][n % 3];
            take(&mut share, &line("piha", &format!("s{n}"), kind, 0)).unwrap();
        }
        let more = take(&mut share, &line("piha", "more", "service_removed", 0)).unwrap_err();
        assert_eq!(more.to_string(), "piha/more would be one more than the 1000 services of this token's nodes");
        take(&mut share, &line("piha", "s7", "service_unhealthy", 50)).unwrap();
        for kind in ["node_heartbeat", "service_odd", "action_failed"] {
            take(&mut share, &line("piha", "more", kind, 9000)).unwrap();
        }
        assert!(share.is_of(&nodes, NOW.plus_millis(REMEMBERED_MS - 1)));
        assert!(!share.is_of(&nodes, NOW.plus_millis(REMEMBERED_MS)) && !share.is_of(&nodes, NOW.plus_millis(-1)));
        assert!(!share.is_of(&[], NOW));
    }

    #[test]
    fn long_lines_are_counted_once_a_service() {
        let (_dir, root, nodes) = empty();
        let mut share = Share::read(&root, &nodes, NOW);
        let long = |n: usize| line("piha", &format!("s{n}"), "service_unhealthy", MAX_LINE - 100);
        let fit = MAX_BYTES / long(0).len();
        for n in (0..fit).chain(0..fit) {
            take(&mut share, &long(n)).unwrap();
        }
        assert_eq!(take(&mut share, &long(fit)), Err(Full::Bytes));
        take(&mut share, &line("piha", "s0", "service_healthy", 0)).unwrap();
        assert_eq!(take(&mut share, &long(fit)), Err(Full::Bytes), "the long line may be the newer one");
    }

    #[test]
    fn what_is_ahead_of_its_time_has_an_end_each_hour() {
        let (_dir, root, nodes) = empty();
        let mut share = Share::read(&root, &nodes, NOW);
        let mut take = |bytes, seconds: i64| share.take_ahead(bytes, NOW.plus_millis(seconds * 1000));
        assert!(take(MAX_AHEAD - 1, 0) && take(MAX_AHEAD, 1), "a whole batch, or it would never be taken");
        assert!(!take(1, 3599) && take(0, 3599));
        assert!(take(MAX_AHEAD, 3600) && !take(1, 3601));
        assert!(take(1, -1), "the clock went back");
    }

    #[test]
    fn what_the_world_shows_is_counted_and_may_be_told_again() {
        let (_dir, root, nodes) = empty();
        let mut fold = Fold::default();
        for (node, n) in (0..MAX_SERVICES).map(|n| ("piha", n)).chain((0..50).map(|n| ("vps", n))) {
            let at = Place { path: "d/a".into(), index: n as u64 };
            fold.add(&parse(&line(node, &format!("s{n}"), "service_unhealthy", 10)).unwrap(), &at);
        }
        WorldFiles::new(&fold.services(), &fold.nodes()).write(&root).unwrap();
        let mut share = Share::read(&root, &nodes, NOW);
        assert_eq!(share.services.len(), MAX_SERVICES);
        take(&mut share, &line("piha", "s999", "service_healthy", 10)).unwrap();
        assert!(matches!(take(&mut share, &line("piha", "more", "service_healthy", 0)), Err(Full::Services(_))));
        let mut other = Share::read(&root, &["vps".parse().unwrap()], NOW);
        take(&mut other, &line("vps", "more", "service_healthy", 0)).unwrap();
        assert_eq!(other.services.len(), 51);
    }
}
