//! E-values as text.

use std::f64::consts::LOG10_E;
use std::fmt;

use super::decimal::Decimal;

/// An e-value, given as its natural logarithm.
///
/// It is shown as a plain number with at least two significant digits: `158`, `4.1`, `0.050`.
/// From a million on it is shown as a power of ten, `10^7.2`; below a thousandth as `<0.001`.
pub struct EValue {
    /// The natural logarithm of the e-value.
    pub log_e: f64,
}

// === impl EValue ===

impl fmt::Display for EValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log10 = self.log_e * LOG10_E;
        if log10 >= 6.0 {
            return write!(f, "10^{}", Decimal(log10, 1));
        }
        let value = libm::exp(self.log_e);
        // Each bound is where the number would be rounded to one more digit.
        let decimals = match value {
            _ if value >= 9.95 => 0,
            _ if value >= 0.995 => 1,
            _ if value >= 0.0995 => 2,
            _ if value >= 0.00995 => 3,
            _ if value >= 0.001 => 4,
            _ => return f.write_str("<0.001"),
        };
        Decimal(value, decimals).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::EValue;

    #[test]
    fn an_e_value_has_at_least_two_significant_digits() {
        let table = [
            (20.0, "20"),
            (157.6, "158"),
            (999_999.0, "999999"),
            (1.6e7, "10^7.2"),
            (9.96, "10"),
            (4.13, "4.1"),
            (1.0, "1.0"),
            (0.996, "1.0"),
            (0.5, "0.50"),
            (0.05, "0.050"),
            (0.0012, "0.0012"),
            (0.0009, "<0.001"),
            (0.0, "<0.001"),
        ];
        for (value, text) in table {
            assert_eq!(EValue { log_e: f64::ln(value) }.to_string(), text, "{value}");
        }
        assert_eq!(EValue { log_e: 1e6 }.to_string(), "10^434294.5");
    }
}
