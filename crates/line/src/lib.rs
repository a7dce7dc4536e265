//! The hot path of a replay: the fields of an ordinary event, which nearly all lines are, read as JSON down to the
//! text's end. Knows nothing of what the fields mean, and gives no verdict: what it does not take may still be an event.
//!
//! Nothing here but what is done once a line or once a byte; that is what its profile in the program's manifest is for.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Most unknown keys of an ordinary event.
const FEW: usize = 4;

/// The fields of an ordinary event: strings where strings belong, one name a field, no escapes, nothing nested but the
/// details.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    /// `ts`, or one of its other names.
    pub ts: Option<&'a RawValue>,
    /// `node`, or one of its other names.
    pub node: Option<&'a str>,
    /// `type`, or one of its other names.
    pub kind: Option<&'a str>,
    /// `service`, or its other name.
    pub service: Option<&'a str>,
    /// `status`.
    pub status: Option<&'a str>,
    /// `reason`.
    pub reason: Option<&'a str>,
    /// `level`.
    pub level: Option<&'a str>,
    /// `source`.
    pub source: Option<&'a str>,
    /// `details`, or one of its other names.
    pub details: Option<&'a RawValue>,
}

/// Returns the fields of an ordinary event, or nothing where the text is anything else.
// Never inlined, as none of these: within the program it would be compiled for size again.
#[inline(never)]
pub fn fields(text: &str) -> Option<Fields<'_>> {
    serde_json::from_str(text).ok()
}

/// Returns how many brackets and braces are opened in a text, those in strings included.
#[inline(never)]
pub fn opened(text: &str) -> usize {
    // Eight bytes at once by hand: the last step of a build for size turns no loop into vector code, not even this one.
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    // As many as a byte can count.
    let count = |block: &[[u8; 8]]| -> usize {
        let lanes = block.iter().fold(0u64, |lanes, word| {
            // A brace is a bracket with one bit more. What is none of the two keeps a bit, which carries into the top.
            let other = (u64::from_le_bytes(*word) | (0x20 * ONES)) ^ (0x7b * ONES);
            let top = ((other & (0x7f * ONES)) + 0x7f * ONES) | other;
            lanes + ((!top >> 7) & ONES)
        });
        lanes.to_le_bytes().into_iter().map(usize::from).sum()
    };
    words.chunks(255).map(count).sum::<usize>() + rest.iter().filter(|b| matches!(b, b'[' | b'{')).count()
}

/// Returns whether a text is not empty, begins with a letter or a digit and holds nothing but those and `. _ -`.
#[inline(never)]
pub fn is_name(text: &str) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && text.as_bytes().iter().all(allowed)
}

/// Returns the milliseconds since the Unix epoch of a time such as `2026-11-23T07:13:05.123Z`, or nothing where it is
/// written in any other form or needs a closer look.
#[inline(never)]
pub fn utc_millis(text: &str) -> Option<i64> {
    let bytes: &[u8; 24] = text.as_bytes().try_into().ok()?;
    const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let fits = bytes.iter().zip(FORM).all(|(b, form)| if *form == b'0' { b.is_ascii_digit() } else { b == form });
    let number = |from: usize, to: usize| bytes[from..to].iter().fold(0i64, |sum, b| sum * 10 + i64::from(b - b'0'));
    if !fits {
        return None;
    }
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    // A month's last days and leap seconds are for a calendar.
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years from March on, so that a leap day is the last of its year: Hinnant's `days_from_civil`.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year = year.rem_euclid(400);
    let days = era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + number(20, 23))
}

/// Returns the milliseconds of Unix seconds such as `1795418000` or `1795418000.5`, cut behind the third digit, or
/// nothing where they are written in any other form.
#[inline(never)]
pub fn unix_millis(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |digits: &[u8]| digits.iter().fold(0i64, |sum, b| sum * 10 + i64::from(b - b'0'));
    let is_digits = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let (whole, fraction) = match bytes.iter().position(|b| *b == b'.') {
        Some(point) => (&bytes[..point], &bytes[point + 1..]),
        None => (bytes, &b"0"[..]),
    };
    if whole.len() > 12 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let cut = &fraction[..fraction.len().min(3)];
    Some(number(whole) * 1000 + number(cut) * [100, 10, 1][cut.len() - 1])
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ordinary event")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields<'de>, M::Error> {
                let mut fields = Fields::default();
                let (mut others, mut unknown) = (0, [""; FEW]);
                while let Some(Plain(key)) = map.next_key()? {
                    let text = match key {
                        "ts" | "timestamp" | "time" => {
                            if fields.ts.replace(map.next_value()?).is_some() {
                                return Err(M::Error::custom(NOT_ORDINARY));
                            }
                            continue;
                        }
                        "details" | "data" | "payload" => {
                            if fields.details.replace(map.next_value()?).is_some() {
                                return Err(M::Error::custom(NOT_ORDINARY));
                            }
                            continue;
                        }
                        "node" | "host" | "hostname" => &mut fields.node,
                        "type" | "event_type" | "event" => &mut fields.kind,
                        "service" | "service_name" => &mut fields.service,
                        "status" => &mut fields.status,
                        "reason" => &mut fields.reason,
                        "level" => &mut fields.level,
                        "source" => &mut fields.source,
                        other => {
                            if others == FEW || unknown[..others].contains(&other) {
                                return Err(M::Error::custom(NOT_ORDINARY));
                            }
                            if map.next_value::<&RawValue>()?.get().starts_with(['[', '{']) {
                                return Err(M::Error::custom(NOT_ORDINARY));
                            }
                            unknown[others] = other;
                            others += 1;
                            continue;
                        }
                    };
                    let Plain(value) = map.next_value()?;
                    if text.replace(value).is_some() {
                        return Err(M::Error::custom(NOT_ORDINARY));
                    }
                }
                Ok(fields)
            }
        }
        input.deserialize_map(FieldsVisitor)
    }
}

const NOT_ORDINARY: &str = "not ordinary";

/// A string without escapes.
struct Plain<'a>(&'a str);

impl<'de> Deserialize<'de> for Plain<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct PlainVisitor;
        impl<'de> Visitor<'de> for PlainVisitor {
            type Value = Plain<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string without escapes")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Plain<'de>, E> {
                Ok(Plain(text))
            }
        }
        input.deserialize_str(PlainVisitor)
    }
}
