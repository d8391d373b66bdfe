//! Parsers of durations such as `"10m"` and of RFC 3339 timestamps.

use std::time::{Duration, SystemTime};

const DAY: i64 = 24 * 60 * 60;

/// The longest allowed duration. Adding it to a clock does not overflow.
const MAX_DURATION: Duration = Duration::from_secs(365 * DAY.unsigned_abs());

/// The units of a duration, from the longest, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Parses a duration, at most 365 days: whole numbers of `d`, `h`, `m`, `s` and `ms`, each at most
/// once and in this order, such as `10m` or `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (mut rest, mut units, mut milliseconds) = (text, UNITS.iter(), 0_u64);
    loop {
        let (number, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        let part = number.parse::<u64>().ok()?.checked_mul(*length)?;
        milliseconds = milliseconds.checked_add(part)?;
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    let duration = Duration::from_millis(milliseconds);
    (duration <= MAX_DURATION).then_some(duration)
}

/// Parses a `date-time` of RFC 3339, section 5.6. Times before 1970 are rejected, because the
/// clock of the `.wasm` cannot represent them.
///
/// A leap second is read as the first second of the next day, as in POSIX.
pub(crate) fn parse_timestamp(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't'])?;
    let (time, offset) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0),
        None => split_offset(time)?,
    };
    let (time, nanoseconds) = match time.split_once('.') {
        Some((time, fraction)) => (time, nanoseconds(fraction)?),
        None => (time, 0),
    };
    let days = days_since_epoch(numbers(date, '-', [4, 2, 2])?)?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days * DAY + hour * 3600 + minute * 60 + second - offset;
    if second == 60 && seconds % DAY != 0 {
        return None;
    }
    let since_epoch = Duration::new(u64::try_from(seconds).ok()?, nanoseconds);
    SystemTime::UNIX_EPOCH.checked_add(since_epoch)
}

/// Splits `10:00:00+02:00` into the time and the offset in seconds.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    let (time, offset) = time.split_at_checked(time.find(['+', '-'])?)?;
    let (sign, offset) = match offset.strip_prefix('-') {
        Some(offset) => (-1, offset),
        None => (1, offset.strip_prefix('+')?),
    };
    let [hours, minutes] = numbers(offset, ':', [2, 2])?;
    (hours <= 23 && minutes <= 59).then_some((time, sign * (hours * 3600 + minutes * 60)))
}

/// Parses the digits of a fraction of a second. Digits after the ninth are dropped.
fn nanoseconds(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || !is_digits(fraction) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// The number of days from 1970-01-01 to a date of the Gregorian calendar; `None` if the date
/// does not exist.
///
/// Years start in March here, so that the leap day is the last one. Source: Howard Hinnant,
/// *chrono-compatible low-level date algorithms*, `days_from_civil`.
fn days_since_epoch([year, month, day]: [i64; 3]) -> Option<i64> {
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Parses `N` numbers of exactly these lengths, separated by `separator`.
fn numbers<const N: usize>(text: &str, separator: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next().filter(|part| part.len() == length && is_digits(part))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
