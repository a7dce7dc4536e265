//! Points in time as the whole program keeps them: milliseconds, UTC, cut (never rounded).
//! Parses and prints; never asks what time it is.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An hour, in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;
/// A day of 24 hours, in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// A point in time in whole milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(i64);

/// Why a text or number is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// The text is no RFC 3339 time.
    #[error("{0:?} is not an RFC 3339 time")]
    Format(String),
    /// The number is no count of Unix seconds.
    #[error("{0} is not a time in Unix seconds")]
    Number(String),
}

impl Stamp {
    /// 2000-01-01T00:00:00Z: nothing older is believed (contract section 3).
    pub const EARLIEST: Stamp = Stamp(946_684_800_000);
    /// 2201-01-01T00:00:00Z: nothing from then on is believed (contract section 3).
    pub const END: Stamp = Stamp(7_289_654_400_000);

    /// Makes a time from milliseconds since the Unix epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Stamp(ms)
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 time; one without an offset is UTC. Digits behind the millisecond are cut.
    ///
    /// ```
    /// use hlctl::flow::time::Stamp;
    ///
    /// let stamp = Stamp::parse("2026-11-23T08:13:05.1239+01:00").unwrap();
    /// assert_eq!(stamp.to_string(), "2026-11-23T07:13:05.123Z");
    /// ```
    pub fn parse(text: &str) -> Result<Self, StampError> {
        // What nearly all are written like; the calendar has the last word on the rest.
        if let Some(ms) = hlctl_line::utc_millis(text) {
            return Ok(Stamp(ms));
        }
        if let Ok(t) = DateTime::parse_from_rfc3339(text) {
            return Ok(Stamp(t.timestamp_millis()));
        }
        // The calendar would take 2026-1-3 and +2026, too.
        let form = "0000-00-00 00:00:00".bytes().zip(text.bytes());
        let fits = |(form, byte): (u8, u8)| match form {
            b'0' => byte.is_ascii_digit(),
            b' ' => matches!(byte, b' ' | b'T'),
            _ => byte == form,
        };
        let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"].iter().filter(|_| form.clone().all(fits));
        formats
            .into_iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|t| Stamp(t.and_utc().timestamp_millis()))
            .ok_or_else(|| StampError::Format(text.to_owned()))
    }

    /// Reads Unix seconds from the text of a JSON number, cut to the millisecond by its decimal digits,
    /// so that no binary fraction moves an event by a millisecond.
    pub fn parse_unix(number: &str) -> Result<Self, StampError> {
        if let Some(ms) = hlctl_line::unix_millis(number) {
            return Ok(Stamp(ms));
        }
        let bad = || StampError::Number(number.to_owned());
        let (mantissa, exponent) = match number.split_once(['e', 'E']) {
            Some((m, e)) => (m, e.parse::<i32>().map_err(|_| bad())?),
            None => (number, 0),
        };
        let negative = mantissa.starts_with('-');
        let (whole, fraction) =
            mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa.trim_start_matches('-'), ""));
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(bad());
        }
        // The decimal point stands behind this many digits once seconds became milliseconds.
        let point =
            (whole.len() as i64).checked_add(i64::from(exponent)).and_then(|p| p.checked_add(3)).ok_or_else(bad)?;
        let leading = digits.iter().take_while(|d| **d == b'0').count() as i64;
        if point - leading > 18 {
            return Err(bad());
        }
        let ms = (0..point.max(0)).fold(0i64, |sum, i| {
            let digit = digits.get(i as usize).map_or(0, |d| i64::from(d - b'0'));
            sum.saturating_mul(10).saturating_add(digit)
        });
        Ok(Stamp(if negative { -ms } else { ms }))
    }

    /// Returns whether the time lies in the years 2000 to 2200, the only ones an event may have.
    pub fn is_plausible(self) -> bool {
        (Self::EARLIEST..Self::END).contains(&self)
    }

    /// Returns a time as the file system gives it; none of before 1970.
    pub fn of(time: std::time::SystemTime) -> Option<Self> {
        let since_epoch = time.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since_epoch.as_millis()).ok().map(Stamp)
    }

    /// Returns this time moved by a number of milliseconds, stopping at the ends of what can be written.
    pub fn plus_millis(self, ms: i64) -> Self {
        Stamp(self.0.saturating_add(ms))
    }

    /// Returns this time moved by a duration, stopping at the ends of what can be written.
    pub fn plus(self, by: std::time::Duration) -> Self {
        self.plus_millis(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
    }

    /// Returns the milliseconds from `earlier` to this time; negative if that lies ahead.
    pub fn since(self, earlier: Stamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the day in UTC as `YYYY-MM-DD`, the name of a folder of events.
    pub fn day(self) -> String {
        self.date_time().format("%Y-%m-%d").to_string()
    }

    /// Returns the month in UTC as `YYYY-MM`, the name of an audit file.
    pub fn month(self) -> String {
        self.date_time().format("%Y-%m").to_string()
    }

    /// Returns the time in a form that is safe and sorts as a file name: `20261123T071305123Z`.
    pub fn file_name(self) -> String {
        self.date_time().format("%Y%m%dT%H%M%S%3fZ").to_string()
    }

    /// Returns chrono's view of the time, for calendars and zones.
    pub fn date_time(self) -> DateTime<chrono::Utc> {
        // Times outside of what a calendar can name never pass `is_plausible`; the epoch stands for them.
        DateTime::UNIX_EPOCH
            .checked_add_signed(TimeDelta::milliseconds(self.0.clamp(-1 << 50, 1 << 50)))
            .unwrap_or(DateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.date_time().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        Stamp::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Where the program reads the time: a function, so that only `main` names the real clock.
#[derive(Clone, Copy)]
pub struct Clock(pub fn() -> Stamp);

impl Clock {
    /// Returns the time now.
    pub fn now(self) -> Stamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Returns a span of milliseconds as people say it, in its largest whole unit: `8 s`, `12 min`, `3 h`, `2 d`.
///
/// ```
/// assert_eq!(hlctl::flow::time::span(12 * 60 * 1000), "12 min");
/// ```
pub fn span(ms: i64) -> String {
    let s = ms.max(0) / 1000;
    match s {
        0..=119 => format!("{s} s"),
        120..=7199 => format!("{} min", s / 60),
        7200..=172_799 => format!("{} h", s / 3600),
        _ => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(s: &str) -> String {
        Stamp::parse(s).unwrap().to_string()
    }

    #[test]
    fn the_short_way_of_times_says_what_the_calendar_says() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut short = 0;
        for _ in 0..200_000 {
            let n = |rng: &mut fastrand::Rng, most: u32| rng.u32(0..most);
            let mut text = format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                n(&mut rng, 10_000),
                n(&mut rng, 14),
                n(&mut rng, 33),
                n(&mut rng, 26),
                n(&mut rng, 62),
                n(&mut rng, 62),
                n(&mut rng, 1000)
            );
            if rng.u8(0..8) == 0 {
                let at = rng.usize(0..text.len());
                text.replace_range(at..=at, rng.choice(["x", "", "+", ":", "0", " ", "é"]).unwrap());
            }
            let Some(ms) = hlctl_line::utc_millis(&text) else { continue };
            assert_eq!(DateTime::parse_from_rfc3339(&text).unwrap().timestamp_millis(), ms, "{text}");
            short += 1;
        }
        assert!(short > 100_000, "{short}");
        let ms = |text| hlctl_line::unix_millis(text);
        assert_eq!([ms("1795418000"), ms("0.1"), ms("12.3456")], [Some(1_795_418_000_000), Some(100), Some(12_345)]);
        for odd in ["", ".", "1.", ".5", "-1", "1e3", "1.5e3", "+1", "1.x", "1234567890123", "1.2.3"] {
            assert_eq!(ms(odd), None, "{odd}");
        }
    }

    #[test]
    fn rfc3339_with_offset_without_and_with_many_digits() {
        assert_eq!(text("2026-11-23T08:13:05.1239999999+01:00"), "2026-11-23T07:13:05.123Z");
        assert_eq!(text("2026-11-23T07:13:05"), "2026-11-23T07:13:05.000Z");
        assert_eq!(text("2026-11-23 07:13:05.5"), "2026-11-23T07:13:05.500Z");
        assert_eq!(text("2026-11-23t07:13:05z"), "2026-11-23T07:13:05.000Z");
        for odd in
            ["yesterday", "2026-13-01T00:00:00Z", "2026-1-3T7:3:5", "+2026-11-23T07:13:05", "2026-11-23T07:13", ""]
        {
            assert!(Stamp::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn an_hour_that_a_clock_shows_twice_or_never_is_told_by_its_offset() {
        // Warsaw puts its clocks back on 2026-10-25 at 3:00, and on at 2:00 on 2026-03-29.
        for (local, utc) in [
            ("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00.000Z"),
            ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00.000Z"),
            ("2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00.000Z"),
            ("2026-03-29T03:30:00+02:00", "2026-03-29T01:30:00.000Z"),
        ] {
            assert_eq!(text(local), utc, "{local}");
        }
    }

    #[test]
    fn a_leap_second_is_the_second_after() {
        assert_eq!(text("2016-12-31T23:59:60.250Z"), "2017-01-01T00:00:00.250Z");
    }

    #[test]
    fn unix_seconds_are_cut_by_their_decimal_digits() {
        for (number, ms) in [
            ("1700000000", 1_700_000_000_000),
            ("1700000000.1239999", 1_700_000_000_123),
            ("1700000000.999999999999", 1_700_000_000_999),
            ("1.7e9", 1_700_000_000_000),
            ("17000000001239e-4", 1_700_000_000_123),
            ("0", 0),
            ("-1.5", -1500),
            ("1e-400", 0),
        ] {
            assert_eq!(Stamp::parse_unix(number).unwrap().millis(), ms, "{number}");
        }
        for bad in ["1e400", "1e99999999999", "x", "", "."] {
            assert!(Stamp::parse_unix(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_2000_to_2200_is_plausible() {
        for (t, ok) in [
            ("1999-12-31T23:59:59.999Z", false),
            ("2000-01-01T00:00:00Z", true),
            ("2200-12-31T23:59:59.999Z", true),
            ("2201-01-01T00:00:00Z", false),
        ] {
            assert_eq!(Stamp::parse(t).unwrap().is_plausible(), ok, "{t}");
        }
    }

    #[test]
    fn names_of_days_months_and_files() {
        let t = Stamp::parse("2026-11-23T07:13:05.123Z").unwrap();
        assert_eq!(
            (t.day().as_str(), t.month().as_str(), t.file_name().as_str()),
            ("2026-11-23", "2026-11", "20261123T071305123Z")
        );
    }
}
