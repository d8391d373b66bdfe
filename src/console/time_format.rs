//! Time formats of the page and the command.

use std::fmt;

/// A time of day in UTC: `12:03:04`, or `24 Nov 12:03:04` if the day is not today.
pub struct UtcTime {
    /// The time to show, in milliseconds since 1970.
    pub at_ms: u64,
    /// The current time, in milliseconds since 1970.
    pub now_ms: u64,
}

/// Milliseconds since 1970 in the format of RFC 3339: `2026-11-25T12:03:04Z`.
pub struct Rfc3339(pub u64);

/// Seconds, rounded and with their unit: `6 minutes`.
pub struct HumanDuration(pub u64);

const DAY_S: u64 = 86_400;

// === impl UtcTime ===

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, now) = (self.at_ms / 1000, self.now_ms / 1000);
        if at / DAY_S != now / DAY_S {
            let (_, month, day) = date(at / DAY_S);
            let name = MONTHS.get(month.saturating_sub(1) as usize).unwrap_or(&"");
            write!(f, "{day} {name} ")?;
        }
        time_of_day(f, at)
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn time_of_day(f: &mut fmt::Formatter<'_>, at_s: u64) -> fmt::Result {
    let of_day = at_s % DAY_S;
    write!(f, "{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

// === impl Rfc3339 ===

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.0 / 1000;
        let (year, month, day) = date(at / DAY_S);
        write!(f, "{year:04}-{month:02}-{day:02}T")?;
        time_of_day(f, at)?;
        f.write_str("Z")
    }
}

/// Year, month and day in the Gregorian calendar; `days` counts from 1970-01-01.
///
/// Source: Howard Hinnant, *chrono-compatible low-level date algorithms*,
/// `civil_from_days`.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // The computed year begins in March, so that the leap day is its last day.
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

// === impl HumanDuration ===

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (length, name) = match self.0 {
            it if it < 90 => (1, "second"),
            it if it < 90 * 60 => (60, "minute"),
            it if it < 36 * 3600 => (3600, "hour"),
            _ => (DAY_S, "day"),
        };
        let count = self.0.saturating_add(length / 2) / length;
        write!(f, "{count}\u{a0}{name}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::{HumanDuration, Rfc3339, UtcTime};

    #[test]
    fn timestamps_follow_rfc_3339() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_795_608_184_999, "2026-11-25T12:03:04Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59Z"),
        ];
        for (ms, text) in table {
            assert_eq!(Rfc3339(ms).to_string(), text);
        }
        // The largest time does not overflow.
        assert!(Rfc3339(u64::MAX).to_string().ends_with('Z'));
    }

    #[test]
    fn a_time_of_another_day_has_its_date() {
        let now_ms = 1_795_608_184_000;
        assert_eq!(UtcTime { at_ms: now_ms, now_ms }.to_string(), "12:03:04");
        let yesterday = UtcTime { at_ms: now_ms - 86_400_000, now_ms };
        assert_eq!(yesterday.to_string(), "24 Nov 12:03:04");
    }

    #[test]
    fn durations_are_rounded() {
        let table = [
            (0, "0 seconds"),
            (1, "1 second"),
            (89, "89 seconds"),
            (90, "2 minutes"),
            (370, "6 minutes"),
            (7200, "2 hours"),
            (200_000, "2 days"),
        ];
        for (seconds, text) in table {
            assert_eq!(HumanDuration(seconds).to_string().replace('\u{a0}', " "), text);
        }
        assert!(HumanDuration(u64::MAX).to_string().ends_with("days"));
    }
}
