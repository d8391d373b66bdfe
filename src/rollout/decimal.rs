//! Numbers as text, without the standard library's code for floats.

use std::fmt;

/// A number with this many decimals, at most six.
///
/// It uses whole numbers: the standard library's code for writing an `f64` is a twentieth of
/// the filter's size.
pub struct Decimal(pub f64, pub usize);

/// Basis points as percent: `25 %`, `0.50 %`.
pub struct PercentOfBasisPoints(pub u32);

// === impl Decimal ===

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, decimals) = *self;
        let scale = 10_i64.saturating_pow(u32::try_from(decimals.min(6)).unwrap_or_default());
        // A number out of range becomes the nearest in range; NaN becomes 0.
        let scaled = libm::round(number * scale as f64) as i64;
        let sign = if scaled < 0 { "-" } else { "" };
        let (whole, fraction) = (scaled / scale, scaled % scale);
        write!(f, "{sign}{}", whole.unsigned_abs())?;
        if decimals == 0 {
            return Ok(());
        }
        write!(f, ".{:0decimals$}", fraction.unsigned_abs())
    }
}

// === impl PercentOfBasisPoints ===

impl fmt::Display for PercentOfBasisPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        match hundredths {
            0 => write!(f, "{whole} %"),
            _ => write!(f, "{whole}.{hundredths:02} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Decimal, PercentOfBasisPoints};

    #[test]
    fn a_decimal_is_rounded() {
        let table = [
            (0.0, 2, "0.00"),
            (1.005, 0, "1"),
            (0.0909, 4, "0.0909"),
            (-0.04, 1, "0.0"),
            (-2.25, 1, "-2.3"),
            (1234.5, 3, "1234.500"),
            (f64::NAN, 1, "0.0"),
        ];
        for (number, decimals, text) in table {
            assert_eq!(Decimal(number, decimals).to_string(), text);
        }
    }

    #[test]
    fn basis_points_are_shown_as_percent() {
        for (basis_points, text) in [(0, "0 %"), (5, "0.05 %"), (50, "0.50 %"), (2500, "25 %")] {
            assert_eq!(PercentOfBasisPoints(basis_points).to_string(), text);
        }
    }
}
