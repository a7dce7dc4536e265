//! The hot path of a replay: the fields of an ordinary event, which nearly all lines are, read as JSON down to the
//! text's end. Knows nothing of what the fields mean, and gives no verdict: what it does not take may still be an event.
//!
//! Nothing here but what is done once a line or once a byte; that is what its profile in the program's manifest is for.

use hifijson::escape::Lex as _;
use hifijson::num::Lex as _;
use hifijson::token::Lex as _;
use hifijson::{Error, Expect, Read, SliceLexer, str};

/// Most unknown keys of an ordinary event.
const FEW: usize = 4;

/// The fields of an ordinary event: strings where strings belong, one name a field, no escapes.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    /// `ts`, or one of its other names, as JSON text.
    pub ts: Option<&'a str>,
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
    /// `details`, or one of its other names, as JSON text.
    pub details: Option<&'a str>,
}

/// Returns the fields of an ordinary event whose values are nested at most so deep, or nothing where the text is anything
/// else.
// Never inlined, as none of these: within the program it would be compiled for size again.
#[inline(never)]
pub fn fields(text: &str, deepest: usize) -> Option<Fields<'_>> {
    let (mut fields, mut unknown, mut others) = (Fields::default(), [""; FEW], 0);
    let mut lexer = SliceLexer::new(text.as_bytes());
    let object = |next, lexer: &mut SliceLexer<'_>| {
        if next != b'{' {
            return Err(NOT_ORDINARY);
        }
        lexer.discarded().seq(b'}', SliceLexer::ws_peek, |next, lexer| {
            let key = plain(next, lexer, text)?;
            let next = colon(lexer)?;
            let (slot, is_text) = match key {
                "ts" | "timestamp" | "time" => (&mut fields.ts, false),
                "details" | "data" | "payload" => (&mut fields.details, false),
                "node" | "host" | "hostname" => (&mut fields.node, true),
                "type" | "event_type" | "event" => (&mut fields.kind, true),
                "service" | "service_name" => (&mut fields.service, true),
                "status" => (&mut fields.status, true),
                "reason" => (&mut fields.reason, true),
                "level" => (&mut fields.level, true),
                "source" => (&mut fields.source, true),
                other => {
                    if others == FEW || unknown[..others].contains(&other) {
                        return Err(NOT_ORDINARY);
                    }
                    unknown[others] = other;
                    others += 1;
                    return value(next, lexer, deepest);
                }
            };
            let start = at(lexer, text);
            let value = if is_text {
                plain(next, lexer, text)?
            } else {
                value(next, lexer, deepest)?;
                between(text, start, at(lexer, text))?
            };
            if slot.replace(value).is_some() { Err(NOT_ORDINARY) } else { Ok(()) }
        })
    };
    lexer.exactly_one(SliceLexer::ws_peek, object).ok()?;
    Some(fields)
}

/// What is told of all that is left to a closer look: nobody reads it.
const NOT_ORDINARY: Error = Error::Token(Expect::Value);

/// Returns how far a lexer has read.
fn at(lexer: &SliceLexer<'_>, text: &str) -> usize {
    text.len() - lexer.as_slice().len()
}

fn between(text: &str, start: usize, end: usize) -> Result<&str, Error> {
    text.get(start..end).ok_or(NOT_ORDINARY)
}

/// Reads a colon. Returns the first byte of what follows.
fn colon(lexer: &mut SliceLexer<'_>) -> Result<u8, Error> {
    lexer.expect(SliceLexer::ws_peek, b':').ok_or(NOT_ORDINARY)?;
    lexer.ws_peek().ok_or(NOT_ORDINARY)
}

/// Reads the quote that a string begins with.
fn quote(next: u8, lexer: &mut SliceLexer<'_>) -> Result<(), Error> {
    lexer.expect(|_| Some(next), b'"').ok_or(NOT_ORDINARY)
}

/// Reads a string without escapes.
fn plain<'a>(next: u8, lexer: &mut SliceLexer<'_>, text: &'a str) -> Result<&'a str, Error> {
    quote(next, lexer)?;
    let start = at(lexer, text);
    skip_plain(lexer);
    let end = at(lexer, text);
    if lexer.take_next() == Some(b'"') { between(text, start, end) } else { Err(NOT_ORDINARY) }
}

/// Reads a value down to its end, nested at most so deep.
fn value(next: u8, lexer: &mut SliceLexer<'_>, deepest: usize) -> Result<(), Error> {
    match next {
        b'"' => string(next, lexer),
        b'0'..=b'9' | b'-' => Ok(lexer.num_ignore().validate().map(drop)?),
        b'a'..=b'z' => Ok(lexer.null_or_bool().map(drop).ok_or(NOT_ORDINARY)?),
        b'[' | b'{' if deepest == 0 => Err(Error::Depth),
        b'[' => lexer.discarded().seq(b']', SliceLexer::ws_peek, |next, lexer| value(next, lexer, deepest - 1)),
        b'{' => lexer.discarded().seq(b'}', SliceLexer::ws_peek, |next, lexer| {
            string(next, lexer)?;
            value(colon(lexer)?, lexer, deepest - 1)
        }),
        _ => Err(NOT_ORDINARY),
    }
}

/// Reads a string.
fn string(next: u8, lexer: &mut SliceLexer<'_>) -> Result<(), Error> {
    quote(next, lexer)?;
    loop {
        skip_plain(lexer);
        match lexer.take_next() {
            Some(b'"') => return Ok(()),
            Some(b'\\') => {
                let next = lexer.take_next().ok_or(NOT_ORDINARY)?;
                lexer.escape(next).map_err(str::Error::Escape)?;
            }
            _ => return Err(NOT_ORDINARY),
        }
    }
}

/// Which bytes end the plain part of a string.
static IS_SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        special[control] = true;
        control += 1;
    }
    (special[b'"' as usize], special[b'\\' as usize]) = (true, true);
    special
};

/// Reads a string's plain part: most of the bytes of a line are in one, and the lexer would look at each thrice.
#[inline(always)]
fn skip_plain(lexer: &mut SliceLexer<'_>) {
    let rest = lexer.as_slice();
    let plain = rest.iter().position(|b| IS_SPECIAL[usize::from(*b)]).unwrap_or(rest.len());
    *lexer = SliceLexer::new(&rest[plain..]);
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
