//! What an agent's spool may do without when it is full: heartbeats before repeats, repeats before changes, and of
//! each the oldest first; and whose its lines are. Never reads or writes it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::event::{Kind, Level, parse_bytes};

/// What a waiting line is worth, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// The node was alive: a later sign says the same.
    Heartbeat,
    /// What an earlier waiting line of the same service or disk says already.
    Repeat,
    /// Something changed, or nobody knows what it means.
    Change,
}

/// Tells changes from repeats, line by line in the order of the spool.
#[derive(Debug, Default)]
pub struct Sorter(HashMap<(String, Option<String>), String>);

impl Sorter {
    /// Returns what the next line is worth.
    pub fn worth(&mut self, line: &[u8]) -> Worth {
        let Ok(event) = parse_bytes(line) else { return Worth::Change };
        let service = event.service.as_deref().map(str::to_owned);
        let (of, says) = match &event.kind {
            Kind::Heartbeat => return Worth::Heartbeat,
            Kind::Action | Kind::Unknown => return Worth::Change,
            Kind::Disk(Level::High) => (None, "high".to_owned()),
            Kind::Disk(Level::Normal) => (None, "normal".to_owned()),
            Kind::Removed => (service, String::new()),
            Kind::Healthy | Kind::Unhealthy | Kind::Status(_) => {
                let reason = event.reason.as_deref().unwrap_or_default();
                (service, format!("{} {reason}", event.status().unwrap_or_default()))
            }
        };
        match self.0.insert((event.node.into_owned(), of), says.clone()) {
            Some(before) if before == says => Worth::Repeat,
            _ => Worth::Change,
        }
    }
}

/// Returns lines node by node, each node's in their order. What is no event stays with what stands before it; there
/// is nothing where no line is an event.
pub fn by_node(lines: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut parts, mut last, mut first) = (Vec::<(String, Vec<u8>)>::new(), 0, Vec::new());
    for line in lines.split_inclusive(|b| *b == b'\n') {
        if let Ok(event) = parse_bytes(line) {
            last = parts.iter().position(|(node, _)| *node == event.node).unwrap_or(parts.len());
            if last == parts.len() {
                parts.push((event.node.into_owned(), std::mem::take(&mut first)));
            }
        }
        parts.get_mut(last).map_or(&mut first, |(_, part)| part).extend_from_slice(line);
    }
    parts
}

/// How many lines a full spool lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// Heartbeats.
    pub heartbeats: u64,
    /// Lines that said what an earlier one had said.
    pub repeats: u64,
    /// Changes: the oldest, once nothing else was left.
    pub changes: u64,
    /// Lines that no control plane takes.
    pub too_long: u64,
}

impl Dropped {
    /// Returns whether nothing was lost.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what was lost at another time.
    pub fn add(&mut self, other: Dropped) {
        self.heartbeats += other.heartbeats;
        self.repeats += other.repeats;
        self.changes += other.changes;
        self.too_long += other.too_long;
    }
}

/// Says which lines go, so that at least `excess` bytes do; the lines are given oldest first with their sizes.
pub fn shed(lines: &[(Worth, u32)], excess: u64) -> (Vec<bool>, Dropped) {
    let (mut goes, mut dropped, mut freed) = (vec![false; lines.len()], Dropped::default(), 0);
    for worth in [Worth::Heartbeat, Worth::Repeat, Worth::Change] {
        let of_worth = lines.iter().enumerate().filter(|(_, (w, _))| *w == worth);
        for (i, (_, size)) in of_worth {
            if freed >= excess {
                return (goes, dropped);
            }
            (goes[i], freed) = (true, freed + u64::from(*size));
            match worth {
                Worth::Heartbeat => dropped.heartbeats += 1,
                Worth::Repeat => dropped.repeats += 1,
                Worth::Change => dropped.changes += 1,
            }
        }
    }
    (goes, dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(sorter: &mut Sorter, rest: &str) -> Worth {
        sorter.worth(format!(r#"{{"ts":1795418000,"node":"piha",{rest}}}"#).as_bytes())
    }

    #[test]
    fn what_says_the_same_again_is_a_repeat() {
        let mut sorter = Sorter::default();
        for (rest, want) in [
            (r#""type":"node_heartbeat""#, Worth::Heartbeat),
            (r#""type":"service_healthy","service":"a""#, Worth::Change),
            (r#""type":"service_healthy","service":"a""#, Worth::Repeat),
            (r#""type":"service_healthy","service":"b""#, Worth::Change),
            (r#""type":"service_unhealthy","service":"a","reason":"x""#, Worth::Change),
            (r#""type":"service_unhealthy","service":"a","reason":"y""#, Worth::Change),
            (r#""type":"service_unhealthy","service":"a","reason":"y""#, Worth::Repeat),
            (r#""type":"service_status","service":"a","status":"unhealthy","reason":"y""#, Worth::Repeat),
            (r#""type":"service_removed","service":"a""#, Worth::Change),
            (r#""type":"service_healthy","service":"a""#, Worth::Change),
            (r#""type":"disk_pressure","level":"high""#, Worth::Change),
            (r#""type":"disk_pressure","level":"high""#, Worth::Repeat),
            (r#""type":"disk_pressure","level":"normal""#, Worth::Change),
            (r#""type":"service_healthy","service":"a""#, Worth::Repeat),
            (r#""type":"odd""#, Worth::Change),
            (r#""type":"odd""#, Worth::Change),
        ] {
            assert_eq!(worth(&mut sorter, rest), want, "{rest}");
        }
        assert_eq!(sorter.worth(b"no event"), Worth::Change);
    }

    #[test]
    fn each_line_goes_with_its_node() {
        let line = |node: &str, n: u32| format!("{{\"ts\":179541800{n},\"node\":\"{node}\",\"type\":\"t\"}}\n");
        let parts = |lines: &[&str]| -> Vec<(String, String)> {
            let parts = by_node(lines.concat().as_bytes()).into_iter();
            parts.map(|(node, part)| (node, String::from_utf8(part).unwrap())).collect()
        };
        assert_eq!(parts(&[]), []);
        assert_eq!(parts(&["x\n", "{}\n"]), []);
        let (a, b) = (|n| line("a", n), |n| line("b", n));
        assert_eq!(parts(&[&a(1), &a(2)]), [("a".to_owned(), a(1) + &a(2))]);
        assert_eq!(
            parts(&["x\n", &b(1), &a(2), "y\n", &b(3), "z\n", &a(4)]),
            [("b".to_owned(), "x\n".to_owned() + &b(1) + &b(3) + "z\n"), ("a".to_owned(), a(2) + "y\n" + &a(4))]
        );
    }

    #[test]
    fn the_least_and_the_oldest_goes_first() {
        use Worth::{Change as C, Heartbeat as H, Repeat as R};
        let lines = [(C, 10), (H, 10), (R, 10), (H, 10), (C, 10), (R, 10)];
        let gone = |excess| {
            let (goes, dropped) = shed(&lines, excess);
            let at: Vec<usize> = goes.iter().enumerate().filter(|(_, g)| **g).map(|(i, _)| i).collect();
            (at, dropped.heartbeats, dropped.repeats, dropped.changes)
        };
        assert_eq!(gone(0), (vec![], 0, 0, 0));
        assert_eq!(gone(1), (vec![1], 1, 0, 0));
        assert_eq!(gone(20), (vec![1, 3], 2, 0, 0));
        assert_eq!(gone(21), (vec![1, 2, 3], 2, 1, 0));
        assert_eq!(gone(41), (vec![0, 1, 2, 3, 5], 2, 2, 1));
        assert_eq!(gone(1000), (vec![0, 1, 2, 3, 4, 5], 2, 2, 2));
    }

    proptest::proptest! {
        #[test]
        fn nothing_goes_while_something_of_less_worth_stays(
            lines in proptest::collection::vec((0..3u8, 1..500u32), 0..200), excess in 0..60_000u64,
        ) {
            let of = |n| [Worth::Heartbeat, Worth::Repeat, Worth::Change][usize::from(n)];
            let lines: Vec<(Worth, u32)> = lines.into_iter().map(|(n, size)| (of(n), size)).collect();
            let (goes, dropped) = shed(&lines, excess);
            let size = |wanted: bool| -> u64 {
                lines.iter().zip(&goes).filter(|(_, g)| **g == wanted).map(|(l, _)| u64::from(l.1)).sum()
            };
            proptest::prop_assert!(size(true) >= excess || size(false) == 0);
            let went = lines.iter().zip(&goes).filter(|(_, g)| **g).map(|(l, _)| l.0);
            let most = went.clone().max();
            for ((worth, _), goes) in lines.iter().zip(&goes) {
                proptest::prop_assert!(*goes || Some(*worth) >= most);
            }
            proptest::prop_assert_eq!(went.count() as u64, dropped.heartbeats + dropped.repeats + dropped.changes);
        }
    }
}
