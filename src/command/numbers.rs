//! Whole numbers on the command line.

use std::ops::RangeInclusive;

/// A parser of whole numbers in a range, whose error says which numbers are valid.
pub fn whole_number<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|it| range.contains(it));
        number.and_then(|it| T::try_from(it).ok()).ok_or_else(|| match *range.end() {
            u64::MAX => format!("write a whole number from {}", range.start()),
            end => format!("write a whole number from {} to {end}", range.start()),
        })
    }
}

/// A parser of whole numbers from 0.
pub fn index<T: TryFrom<u64>>() -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
{
    whole_number(0..=u64::MAX)
}
