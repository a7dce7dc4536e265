//! Restart loops: from how often an engine has restarted something, look after look, to whether it goes on doing so.
//! One restart may be chance, a second one soon after is a loop, and what stays up for longer than it used to is none
//! any more. Asks no engine.

use serde::{Deserialize, Serialize};

use super::time::Stamp;

/// Restarts that lie further apart are no loop.
const LOOP_MS: i64 = 10 * 60_000;

/// How long what was restarted must stay up at the least before it counts as running well.
const SETTLED_MS: i64 = 2 * 60_000;

/// What is remembered of something that its engine has restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarts {
    /// How often, by the last look.
    pub count: u64,
    /// When a look saw more of them than the one before; none where no look did.
    pub at: Option<Stamp>,
    /// How many milliseconds lay between the last ones, where two were seen.
    pub apart_ms: Option<i64>,
}

/// What the restarts mean for something that runs at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It was restarted a short time ago. That may be chance.
    Once,
    /// It is restarted again and again.
    Again,
}

impl Restarts {
    /// Returns what to remember after another look. Of what was restarted before the first one, only that of what
    /// began a short time ago counts: an engine does not say when it restarted something.
    pub fn after(before: Option<&Restarts>, count: u64, is_young: bool, now: Stamp) -> Option<Restarts> {
        let seen = before.filter(|b| b.count <= count && b.at.is_none_or(|at| at <= now));
        match seen {
            // A person started it anew, or it never ended.
            _ if count == 0 => None,
            Some(same) if same.count == count => Some(*same),
            Some(fewer) => {
                let more = i64::try_from(count - fewer.count).unwrap_or(i64::MAX);
                let apart_ms = fewer.at.map(|at| now.since(at) / more);
                Some(Restarts { count, at: Some(now), apart_ms })
            }
            None => Some(Restarts { count, at: is_young.then_some(now), apart_ms: None }),
        }
    }

    /// Returns what they mean for something that runs; nothing where they are past.
    pub fn course(&self, now: Stamp) -> Option<Course> {
        let up_ms = now.since(self.at?);
        match self.apart_ms.filter(|ms| *ms <= LOOP_MS) {
            // A look may be late: only twice the pause between two restarts is longer than it.
            Some(apart_ms) if up_ms < SETTLED_MS.max(2 * apart_ms) => Some(Course::Again),
            _ if up_ms < SETTLED_MS => Some(Course::Once),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Stamp = Stamp::from_millis(1_795_435_200_000);

    /// Looks at something that ends every `period` seconds until it stays up, from the first second on. Returns what
    /// each look means: `+` nothing, `1` a restart, `!` a loop; equal ones that follow one another stand once.
    fn looks(period: i64, until: i64, every: i64, end: i64) -> String {
        let (mut memory, mut words) = (None, String::new());
        for second in (0..end).step_by(usize::try_from(every).unwrap()) {
            let count = second.min(until) / period;
            let up = second - count * period;
            let now = NOON.plus_millis(second * 1000);
            let is_looked_into = up < 120 || memory.is_some_and(|m: Restarts| m.course(now) == Some(Course::Again));
            if is_looked_into {
                memory = Restarts::after(memory.as_ref(), u64::try_from(count).unwrap(), up < 120, now);
            }
            let word = match memory.and_then(|m| m.course(now)) {
                None => '+',
                Some(Course::Once) => '1',
                Some(Course::Again) => '!',
            };
            if !words.ends_with(word) {
                words.push(word);
            }
        }
        words
    }

    #[test]
    fn a_loop_of_any_pace_is_one_from_its_second_restart_on() {
        const HOUR: i64 = 3600;
        for (period, every) in [
            (1, 10),
            (5, 2),
            (25, 10),
            (25, 60),
            (61, 60),
            (90, 60),
            (110, 120),
            (170, 60),
            (300, 60),
            (550, 60),
            (25, 900),
        ] {
            let seen = looks(period, HOUR, every, HOUR);
            assert!(seen.ends_with('!'), "every {period} s, looked at every {every} s: {seen}");
            assert_eq!(seen.matches('!').count(), 1, "every {period} s, looked at every {every} s: {seen}");
        }
        assert_eq!(looks(1500, 4 * HOUR, 60, 4 * HOUR).replace("1+", ""), "+", "now and then is no loop");
    }

    #[test]
    fn what_stays_up_in_the_end_is_well() {
        for (period, every) in [(1, 10), (5, 2), (25, 10), (25, 60), (110, 60), (300, 60)] {
            let last = 4 * period.max(every);
            let seen = looks(period, last, every, last + 1200);
            assert!(seen.ends_with("!+"), "every {period} s, looked at every {every} s: {seen}");
        }
        assert_eq!(looks(30, 30, 10, 600), "+1+", "a single restart is none");
    }

    #[test]
    fn one_look_after_the_other() {
        let at = |second: i64| NOON.plus_millis(second * 1000);
        let known = |count, second: Option<i64>, apart: Option<i64>| Restarts {
            count,
            at: second.map(at),
            apart_ms: apart.map(|s| s * 1000),
        };
        for (what, before, count, is_young, second, want) in [
            ("never", None, 0, true, 0, None),
            ("before the first look, long ago", None, 4, false, 0, Some(known(4, None, None))),
            ("before the first look, just now", None, 4, true, 0, Some(known(4, Some(0), None))),
            ("the same", Some(known(4, Some(0), None)), 4, true, 25, Some(known(4, Some(0), None))),
            ("one more", Some(known(4, Some(0), None)), 5, true, 25, Some(known(5, Some(25), Some(25)))),
            ("more than one", Some(known(4, Some(0), None)), 8, true, 60, Some(known(8, Some(60), Some(15)))),
            ("one more, the first seen", Some(known(4, None, None)), 5, true, 25, Some(known(5, Some(25), None))),
            ("a person started it", Some(known(4, Some(0), Some(9))), 0, true, 25, None),
            ("and it ended once", Some(known(4, Some(0), Some(9))), 1, true, 25, Some(known(1, Some(25), None))),
            ("the clock went back", Some(known(4, Some(90), Some(9))), 4, false, 25, Some(known(4, None, None))),
        ] {
            assert_eq!(Restarts::after(before.as_ref(), count, is_young, at(second)), want, "{what}");
        }
        assert_eq!(known(4, None, None).course(at(0)), None);
    }
}
