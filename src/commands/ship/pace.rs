//! How much is sent at a time: little at first, then twice as much for as long as that is quick, so that a spool drains
//! over any line. Sends nothing.

use std::time::{Duration, Instant};

use crate::store::spool::SEGMENT;

/// What is sent first, in bytes.
const FIRST: usize = 16 << 10;
/// Which part of it is tried where that was too much.
const LESS: usize = 8;

/// The pace of one pass.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    /// How long one request may take.
    patience: Duration,
    /// Most bytes of the next request.
    limit: usize,
    /// Most bytes that the other side takes, as far as it has said.
    most: usize,
    is_tried_again: bool,
}

impl Pace {
    /// Begins a pass whose requests are given up after `patience`.
    pub fn new(patience: Duration) -> Pace {
        Pace { began: Instant::now(), patience, limit: FIRST, most: SEGMENT, is_tried_again: false }
    }

    /// Returns the most bytes of the next request.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns whether it has been sending for long enough: what is left then goes with the next pass.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() > self.patience * 2 / 3
    }

    /// Learns from so many bytes that were taken in this time.
    pub fn taken(&mut self, bytes: usize, took: Duration) {
        if took < self.patience / 6 {
            self.limit = self.limit.max(2 * bytes).min(self.most);
        } else if took > self.patience / 3 {
            self.limit = bytes / 2;
        }
    }

    /// Learns that so many bytes at once are refused.
    pub fn refused(&mut self, bytes: usize) {
        self.most = bytes / 2;
        self.limit = self.most;
    }

    /// Learns that so many bytes did not get through in time. Returns whether less may: once a pass, because where
    /// nobody answers it would be without end, and never of what is little: cut otherwise, it has another key.
    pub fn late(&mut self, bytes: usize) -> bool {
        self.limit = bytes / LESS;
        self.began = Instant::now();
        bytes > FIRST / LESS && !std::mem::replace(&mut self.is_tried_again, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sends_more_while_that_is_quick_and_less_where_it_is_slow() {
        let second = Duration::from_secs;
        let mut pace = Pace::new(second(30));
        let mut limits = Vec::new();
        for _ in 0..6 {
            limits.push(pace.limit() >> 10);
            pace.taken(pace.limit(), second(1));
        }
        assert_eq!(limits, [16, 32, 64, 128, 256, 256]);
        pace.taken(1000, second(1));
        assert_eq!(pace.limit(), SEGMENT, "little was left");
        pace.taken(SEGMENT, second(8));
        assert_eq!(pace.limit(), SEGMENT, "neither quick nor slow");
        pace.taken(SEGMENT, second(20));
        assert_eq!(pace.limit(), SEGMENT / 2);
        pace.refused(1000);
        pace.taken(500, second(1));
        assert_eq!(pace.limit(), 500, "what was refused is not tried again");
        assert!(!pace.late(FIRST / LESS), "it is little already");
        assert!(pace.late(FIRST) && pace.limit() == FIRST / LESS && !pace.is_over() && !pace.late(FIRST));
    }
}
