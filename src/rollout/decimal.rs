//! Numbers for the decision log.

use std::fmt;

/// A number with so many decimals, six at most.
///
/// By whole numbers: the standard library's code for writing an `f64` is a twentieth of
/// the filter's size.
pub struct Decimal(pub f64, pub usize);

// === impl Decimal ===

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, decimals) = *self;
        let scale = 10_i64.saturating_pow(u32::try_from(decimals.min(6)).unwrap_or_default());
        // Out of range it becomes the nearest that is in it; what is no number, 0.
        let scaled = libm::round(number * scale as f64) as i64;
        let sign = if scaled < 0 { "-" } else { "" };
        let (whole, rest) = (scaled / scale, scaled % scale);
        write!(f, "{sign}{}", whole.unsigned_abs())?;
        if decimals == 0 {
            return Ok(());
        }
        write!(f, ".{:0decimals$}", rest.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn numbers_are_written() {
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
}
