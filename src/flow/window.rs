//! Maintenance windows: whether approved actions of a node may run now, and if not, from when on.

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, NaiveTime, Utc, Weekday};

use super::config::{Day, Window, Zone};
use super::name::NodeName;
use super::time::Stamp;

/// Whether a node's actions may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// They may.
    Open,
    /// Not before this time, where there is one within the next eight days.
    Closed(Option<Stamp>),
}

/// Returns whether a node's actions may run now: always where no window is about it, else within one of them.
pub fn gate(windows: &[Window], node: &NodeName, now: Stamp) -> Gate {
    let mut own = windows.iter().filter(|w| w.nodes.is_empty() || w.nodes.contains(node)).peekable();
    if own.peek().is_none() {
        return Gate::Open;
    }
    let Some(now_utc) = DateTime::from_timestamp_millis(now.millis()) else { return Gate::Closed(None) };
    let mut next: Option<DateTime<Utc>> = None;
    for window in own {
        for (begin, end) in occurrences(window, now_utc) {
            if begin <= now_utc && now_utc < end {
                return Gate::Open;
            }
            if begin > now_utc && next.is_none_or(|next| begin < next) {
                next = Some(begin);
            }
        }
    }
    Gate::Closed(next.map(|t| Stamp::from_millis(t.timestamp_millis())))
}

/// Returns a window's begins and ends from yesterday to a week from now.
fn occurrences(window: &Window, now: DateTime<Utc>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let zone = &window.zone;
    let ahead = zone.ahead(now.timestamp()).unwrap_or(0);
    let today = (now + Duration::seconds(ahead)).date_naive();
    let days =
        today.pred_opt().into_iter().flat_map(|first| (0..9).filter_map(move |n| first.checked_add_days(Days::new(n))));
    let is_meant = |day: &NaiveDate| window.days.is_empty() || window.days.iter().any(|d| weekday(*d) == day.weekday());
    let one = |day: NaiveDate| {
        let overnight = window.to.0 <= window.from.0;
        let last = if overnight { day.succ_opt()? } else { day };
        Some((instant(zone, day, window.from.0)?, instant(zone, last, window.to.0)?))
    };
    days.filter(is_meant).filter_map(one).collect()
}

/// Returns the moment of a local time: the earlier one where a clock set back shows it twice, the first after the gap
/// where a clock set forward never shows it.
fn instant(zone: &Zone, day: NaiveDate, time: NaiveTime) -> Option<DateTime<Utc>> {
    let quarters = (0..=12).map(|n| Duration::minutes(15 * n));
    quarters.filter_map(|later| earliest(zone, (day.and_time(time) + later).and_utc().timestamp())).next()
}

/// Returns the first moment at which the clocks of a zone show a local time, given as if it were Unix seconds.
fn earliest(zone: &Zone, local: i64) -> Option<DateTime<Utc>> {
    const DAY: i64 = 86_400;
    // Whatever the offset was or will be, it is the one of a day before or of a day after.
    let offsets = [local - DAY, local + DAY].map(|around| zone.ahead(around));
    let fits = |ahead: &i64| zone.ahead(local - ahead) == Some(*ahead);
    let ahead = offsets.into_iter().flatten().filter(fits).max()?;
    DateTime::from_timestamp(local - ahead, 0)
}

fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Mon,
        Day::Tue => Weekday::Tue,
        Day::Wed => Weekday::Wed,
        Day::Thu => Weekday::Thu,
        Day::Fri => Weekday::Fri,
        Day::Sat => Weekday::Sat,
        Day::Sun => Weekday::Sun,
    }
}

#[cfg(test)]
mod tests {
    use super::super::config;
    use super::super::fixtures::ZONES;
    use super::*;

    fn at(windows: &str, node: &str, now: &str) -> String {
        let windows = config::parse(&format!("policy: {{windows: [{windows}]}}"), &ZONES).unwrap().policy.windows;
        let now = now.parse::<DateTime<Utc>>().unwrap().timestamp_millis();
        match gate(&windows, &node.parse().unwrap(), Stamp::from_millis(now)) {
            Gate::Open => "open".into(),
            Gate::Closed(None) => "closed".into(),
            Gate::Closed(Some(until)) => until.to_string(),
        }
    }

    const SATURDAYS: &str =
        r#"{nodes: [vps], from: "02:00", to: "05:00", days: [sat], zone: "CET-1CEST,M3.5.0,M10.5.0/3"}"#;

    #[test]
    fn a_window_is_open_in_its_zone_on_its_days_for_its_nodes() {
        // 2026-11-21 is a Saturday; Warsaw is an hour ahead.
        assert_eq!(at(SATURDAYS, "vps", "2026-11-21T00:59:59Z"), "2026-11-21T01:00:00.000Z");
        assert_eq!(at(SATURDAYS, "vps", "2026-11-21T01:00:00Z"), "open");
        assert_eq!(at(SATURDAYS, "vps", "2026-11-21T03:59:59Z"), "open");
        assert_eq!(at(SATURDAYS, "vps", "2026-11-21T04:00:00Z"), "2026-11-28T01:00:00.000Z");
        assert_eq!(at(SATURDAYS, "piha", "2026-11-21T12:00:00Z"), "open", "no window is about it");
        assert_eq!(at("", "vps", "2026-11-21T12:00:00Z"), "open");
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let fridays = r#"{from: "22:00", to: "02:00", days: [fri]}"#;
        assert_eq!(at(fridays, "a", "2026-11-20T23:00:00Z"), "open");
        assert_eq!(at(fridays, "a", "2026-11-21T01:59:00Z"), "open");
        assert_eq!(at(fridays, "a", "2026-11-21T02:00:00Z"), "2026-11-27T22:00:00.000Z");
        assert_eq!(at(r#"{from: "00:00", to: "00:00"}"#, "a", "2026-11-21T12:00:00Z"), "open", "a whole day");
    }

    #[test]
    fn clocks_that_are_set_move_it_and_never_lose_it() {
        let nights = r#"{from: "02:30", to: "04:00", zone: "CET-1CEST,M3.5.0,M10.5.0/3"}"#;
        // On 2026-03-29 Warsaw has no 02:30; 03:00 is 01:00 UTC.
        assert_eq!(at(nights, "a", "2026-03-29T00:59:00Z"), "2026-03-29T01:00:00.000Z");
        assert_eq!(at(nights, "a", "2026-03-29T01:30:00Z"), "open");
        // On 2026-10-25 it has it twice: from the first on.
        assert_eq!(at(nights, "a", "2026-10-25T00:30:00Z"), "open");
    }
}
