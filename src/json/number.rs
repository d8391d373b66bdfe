//! Numbers of JSON as whole ones. The standard library's parser of fractions is not used, because
//! it has tables of 10 KB.

use serde_json::Number;

/// Up to here each integer is a `double` of its own.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number from 0. It may be written as 95.0 or 9.5e1, as programs do whose numbers are all
/// floating-point, and as JSON Schema allows.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "is in range")]
pub fn whole_number(number: &Number) -> Option<u64> {
    let is_whole = |it: &f64| (0.0..=MAX_EXACT).contains(it) && it.trunc() == *it;
    number.as_u64().or_else(|| number.as_f64().filter(is_whole).map(|it| it as u64))
}

/// The number, rounded half up to a whole one; `None` if it is negative or exceeds 2^64 - 1, or
/// is no number of JSON.
///
/// Some gateways state fractions of tokens, or `12.0`.
pub fn parse_number(text: &[u8]) -> Option<u64> {
    // Nearly every number is a short whole one.
    let digits = text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number.wrapping_mul(10).wrapping_add(digit.into()))
    });
    if text.len() < 20 && !text.is_empty() && digits.is_some() {
        return digits;
    }
    parse_fraction(text)
}

/// The length of the number with which `bytes` begin; `None` if it may continue after them. A number ends
/// before the first byte that is not part of one.
pub fn number_length(bytes: &[u8]) -> Option<usize> {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    bytes.iter().position(|byte| !is_part(byte))
}

/// A number of any form.
#[inline(never)]
fn parse_fraction(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() {
        return None;
    }
    // The digit after the decimal point, once the exponent has moved it.
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent.into())?;
    let mut digits = whole.bytes().chain(fraction.bytes());
    let mut number = 0_u64;
    for _ in 0..point {
        let digit = match digits.next() {
            Some(digit) => u64::from(char::from(digit).to_digit(10)?),
            // Zeros that the exponent adds. A zero has any number of them.
            None if number == 0 => break,
            None => 0,
        };
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    let first_of_rest = if point < 0 { None } else { digits.next() };
    let rounds_up = first_of_rest.is_some_and(|digit| (b'5'..=b'9').contains(&digit));
    let is_number = first_of_rest.is_none_or(|digit| digit.is_ascii_digit())
        && whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit());
    is_number.then(|| number.checked_add(rounds_up.into()))?
}
