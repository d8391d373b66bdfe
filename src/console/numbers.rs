//! Number formats of the page and the command.

use std::fmt::{self, Write};

use crate::rollout::decimal::Decimal;

/// A whole number with thousands separators: `1,234`.
pub struct GroupedCount(pub u64);

/// Basis points as percent: `25 %`, `0.5 %`.
pub struct SharePercent(pub u32);

/// A number in a gate's unit: `share`, `ms`, `tokens`, `usd` or `score`.
pub struct Amount<'a> {
    /// The number; a dash is shown for NaN and infinity.
    pub number: f64,
    /// The unit.
    pub unit: &'a str,
    /// Whether it is a difference, which is shown with its sign.
    pub is_difference: bool,
}

/// A ratio of counts as percent: `1.2 %` for 12 of 1,000.
pub struct RatePercent(pub u64, pub u64);

// === impl GroupedCount ===

impl fmt::Display for GroupedCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        group(f, &self.0.to_string())
    }
}

fn group(f: &mut fmt::Formatter<'_>, digits: &str) -> fmt::Result {
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            f.write_char(',')?;
        }
        f.write_char(digit)?;
    }
    Ok(())
}

// === impl SharePercent ===

impl fmt::Display for SharePercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => write!(f, "{whole}\u{a0}%"),
            rest if rest % 10 == 0 => write!(f, "{whole}.{}\u{a0}%", rest / 10),
            rest => write!(f, "{whole}.{rest:02}\u{a0}%"),
        }
    }
}

// === impl Amount ===

impl fmt::Display for Amount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.number.is_finite() {
            return f.write_str("–");
        }
        let size = self.number.abs();
        let (before, shown, decimals, after) = match self.unit {
            "share" if self.is_difference => ("", size * 100.0, decimals(size * 100.0), "\u{a0}pp"),
            "share" => ("", size * 100.0, decimals(size * 100.0), "\u{a0}%"),
            "ms" if size >= 999.5 => {
                ("", size / 1000.0, if size < 9_995.0 { 2 } else { 1 }, "\u{a0}s")
            }
            "ms" => ("", size, usize::from(size > 0.0 && size < 9.95), "\u{a0}ms"),
            "usd" => ("$", size, if size >= 0.995 { 2 } else { dollars(size) }, ""),
            "score" => ("", size, 3, ""),
            _ => ("", size, usize::from(size > 0.0 && size < 99.95), ""),
        };
        let digits = Decimal(shown, decimals).to_string();
        let is_zero = digits.chars().all(|it| matches!(it, '0' | '.'));
        f.write_str(match (is_zero, self.number < 0.0, self.is_difference) {
            (true, ..) => "",
            (false, true, _) => "−",
            (false, false, true) => "+",
            (false, false, false) => "",
        })?;
        f.write_str(before)?;
        match digits.split_once('.') {
            Some((whole, rest)) => {
                group(f, whole)?;
                write!(f, ".{rest}")?;
            }
            None => group(f, &digits)?,
        }
        f.write_str(after)
    }
}

/// How many decimals a percentage has.
fn decimals(percent: f64) -> usize {
    match percent {
        0.0 => 0,
        it if it < 0.995 => 2,
        it if it < 99.95 => 1,
        _ => 0,
    }
}

/// How many decimals an amount below a dollar has: two significant digits.
fn dollars(size: f64) -> usize {
    match size {
        0.0 => 2,
        it if it >= 0.095 => 2,
        it if it >= 0.0095 => 3,
        it if it >= 0.00095 => 4,
        it if it >= 0.000_095 => 5,
        _ => 6,
    }
}

// === impl RatePercent ===

impl fmt::Display for RatePercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0 as f64 / self.1 as f64;
        Amount { number, unit: "share", is_difference: false }.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Amount, GroupedCount, RatePercent, SharePercent};

    #[test]
    fn amounts_are_rounded_and_have_a_unit() {
        let table = [
            (0.0, "share", false, "0 %"),
            (0.109, "share", false, "10.9 %"),
            (0.0004, "share", false, "0.04 %"),
            (1.0, "share", false, "100 %"),
            (0.012, "share", true, "+1.2 pp"),
            (-0.000_001, "share", true, "0.00 pp"),
            (850.4, "ms", false, "850 ms"),
            (999.7, "ms", false, "1.00 s"),
            (12_345.0, "ms", false, "12.3 s"),
            (3.25, "ms", false, "3.3 ms"),
            (-40.0, "ms", true, "−40 ms"),
            (1_234_567.0, "tokens", false, "1,234,567"),
            (12.34, "tokens", false, "12.3"),
            (0.0042, "usd", false, "$0.0042"),
            (1234.5, "usd", false, "$1,234.50"),
            (-0.000_021, "usd", true, "−$0.000021"),
            (0.0, "usd", false, "$0.00"),
            (0.8125, "score", false, "0.813"),
            (-0.02, "score", true, "−0.020"),
            (f64::NAN, "ms", false, "–"),
            (f64::INFINITY, "usd", true, "–"),
        ];
        for (number, unit, is_difference, text) in table {
            let shown = Amount { number, unit, is_difference }.to_string();
            assert_eq!(shown.replace('\u{a0}', " "), text, "{number} {unit}");
        }
    }

    #[test]
    fn counts_have_thousands_separators() {
        let table = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (count, text) in table {
            assert_eq!(GroupedCount(count).to_string(), text);
        }
        assert_eq!(GroupedCount(u64::MAX).to_string(), "18,446,744,073,709,551,615");
    }

    #[test]
    fn shares_and_rates_are_shown_as_percent() {
        for (share, text) in [(0, "0 %"), (2500, "25 %"), (50, "0.5 %"), (333, "3.33 %")] {
            assert_eq!(SharePercent(share).to_string().replace('\u{a0}', " "), text);
        }
        assert_eq!(RatePercent(12, 1000).to_string(), "1.2\u{a0}%");
        assert_eq!(RatePercent(0, 0).to_string(), "–");
    }
}
