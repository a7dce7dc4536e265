//! What became of services in the last day and week, as strips of bars and in words. Reads nothing.

use minijinja::{Value, context};

use super::stamp;
use crate::flow::status::count;
use crate::flow::time::{DAY_MS, Stamp};

/// How many bars a strip has.
const BARS: i64 = 48;
/// How many changes are listed.
const LISTED: usize = 12;

/// What is said instead of a day that is still being read.
const UNREAD: &str = "the last day is being read";

/// A time that a strip shows.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    ms: i64,
    words: &'static str,
    begin: &'static str,
}

impl Span {
    /// The last day, half an hour a bar.
    pub const DAY: Span = Span { ms: DAY_MS, words: "the last day", begin: "24 h ago" };
    /// The last week, three and a half hours a bar.
    pub const WEEK: Span = Span { ms: 7 * DAY_MS, words: "the last week", begin: "7 d ago" };
}

/// Whether a service was well, from a time on; nothing where it was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub at: Stamp,
    pub well: Option<bool>,
}

/// A change with the words for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub mark: Mark,
    pub words: String,
}

/// What a strip says.
#[derive(Debug, PartialEq, Eq)]
struct Bars {
    /// Each bar as bad as the worst in it, and well only where it ended so.
    states: Vec<Option<bool>>,
    begin: Stamp,
    width: i64,
    words: String,
}

fn bars(marks: impl Iterator<Item = Mark>, now: Stamp, over: Span) -> Bars {
    let width = over.ms / BARS;
    // The bars stand still until the next begins.
    let end = Stamp::from_millis((now.millis() / width + 1) * width);
    let begin = end.plus_millis(-over.ms);
    let mut marks = marks.filter(|mark| mark.at <= now).peekable();
    let mut state = None;
    while let Some(mark) = marks.next_if(|mark| mark.at < begin) {
        state = mark.well;
    }
    let (mut states, mut well_ms, mut known_ms, mut breaks) = (Vec::new(), 0, 0, 0);
    for i in 0..BARS {
        let mut at = begin.plus_millis(i * width);
        let to = at.plus_millis(width);
        let mut worst = state;
        let mut tally = |state: Option<bool>, ms: i64| {
            known_ms += if state.is_some() { ms } else { 0 };
            well_ms += if state == Some(true) { ms } else { 0 };
        };
        while let Some(mark) = marks.next_if(|mark| mark.at < to) {
            tally(state, mark.at.since(at));
            breaks += usize::from(mark.well == Some(false) && state != Some(false));
            (at, state) = (mark.at, mark.well);
            worst = worst.zip(state).map(|(a, b)| a && b).or(worst).or(state);
        }
        tally(state, to.min(now).since(at).max(0));
        // Where nothing was heard any more, a bar is not well up to its end.
        states.push(if state.is_none() { worst.filter(|well| !well) } else { worst });
    }
    let words = match well_ms.checked_mul(100).and_then(|n| n.checked_div(known_ms)) {
        None => format!("nothing was heard in {}", over.words),
        Some(_) if well_ms == known_ms => format!("healthy all of {}", over.words),
        Some(share) => format!("healthy {share} % of {}, {}", over.words, count(breaks, "break")),
    };
    Bars { states, begin, width, words }
}

fn tone(well: Option<bool>) -> (&'static str, &'static str) {
    match well {
        Some(true) => ("good", "healthy"),
        Some(false) => ("bad", "not healthy"),
        None => ("quiet", "not heard"),
    }
}

/// Returns a strip whose bars can be pointed at.
pub fn strip(changes: &[Change], now: Stamp, over: Span) -> Value {
    let bars = bars(changes.iter().map(|c| c.mark), now, over);
    let bar = |(i, well): (i64, &Option<bool>)| {
        let (tone, word) = tone(*well);
        context! { x => i * 10, tone, word, from => bars.begin.plus_millis(i * bars.width).to_string() }
    };
    let drawn: Vec<Value> = (0..).zip(&bars.states).map(bar).collect();
    context! { bars => drawn, words => bars.words, width => BARS * 10, begin => over.begin }
}

/// Returns a strip of the last day in few bytes: a line for each meaning, which the stylesheet cuts into bars. What was
/// not read yet is said to be so.
pub fn line(marks: &[Mark], now: Stamp, is_unread: bool) -> Value {
    let bars = bars(marks.iter().copied(), now, Span::DAY);
    let path = |wanted: Option<bool>| {
        let mut path = String::new();
        let mut i = 0;
        while let Some(from) = (i..bars.states.len()).find(|n| bars.states[*n] == wanted) {
            i = (from..bars.states.len()).find(|n| bars.states[*n] != wanted).unwrap_or(bars.states.len());
            path += &format!("M{from} 2h{}", i - from);
        }
        path
    };
    context! { good => path(Some(true)), bad => path(Some(false)), quiet => path(None), words => if is_unread { UNREAD.into() } else { bars.words } }
}

/// Returns the newest changes, the newest first.
pub fn newest(changes: &[Change], now: Stamp) -> Vec<Value> {
    let mut told: Vec<&Change> = Vec::new();
    for change in changes {
        if told.last().is_none_or(|last| last.words != change.words) {
            told.push(change);
        }
    }
    let shown = told.iter().rev().take(LISTED);
    shown
        .map(|c| context! { at => stamp(c.mark.at, now), words => c.words.clone(), tone => tone(c.mark.well).0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Stamp {
        Stamp::parse("2026-11-23T12:10:00Z").unwrap().plus_millis(minutes * 60_000)
    }

    fn marks(list: &[(i64, Option<bool>)]) -> Vec<Mark> {
        list.iter().map(|(minutes, well)| Mark { at: at(*minutes), well: *well }).collect()
    }

    #[test]
    fn a_strip_says_how_much_of_the_day_was_well() {
        let marks = marks(&[(-2000, Some(true)), (-300, Some(false)), (-280, Some(true)), (-60, Some(false))]);
        let bars = bars(marks.into_iter(), at(0), Span::DAY);
        assert_eq!(bars.words, "healthy 94 % of the last day, 2 breaks");
        assert_eq!(bars.begin.to_string(), "2026-11-22T12:30:00.000Z");
        let bad: Vec<usize> = (0..48).filter(|i| bars.states[*i] == Some(false)).collect();
        assert_eq!(bad, [37, 38, 45, 46, 47], "from 07:10 to 07:30, and since 11:10");
    }

    #[test]
    fn nothing_heard_is_said_and_drawn_as_such() {
        assert_eq!(bars([].into_iter(), at(0), Span::WEEK).words, "nothing was heard in the last week");
        let line = line(&marks(&[(-130, Some(true)), (-70, None), (9, Some(false))]), at(0), false);
        let path = |tone: &str| line.get_attr(tone).unwrap().to_string();
        assert_eq!(
            (path("good"), path("bad"), path("quiet")),
            ("M43 2h2".into(), String::new(), "M0 2h43M45 2h3".into())
        );
        assert_eq!(path("words"), "healthy all of the last day");
        assert_eq!(super::line(&[], at(0), true).get_attr("words").unwrap().to_string(), UNREAD);
    }
}
