//! Halves of surrogate pairs in JSON, which stand alone where a client has cut a text between two code units.

use std::borrow::Cow;

/// The text with U+FFFD in place of each half of a surrogate pair that stands alone, as
/// `JSON.parse` of a browser allows and `serde_json` does not.
pub fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut fixed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        fixed.push_str(before);
        let is_pair = surrogate(escape, 0xd800..=0xdbff)
            && escape.get(6..).is_some_and(|next| surrogate(next, 0xdc00..=0xdfff));
        let is_lone = !is_pair && surrogate(escape, 0xd800..=0xdfff);
        let length = if is_pair {
            12
        } else if is_lone {
            6
        } else {
            2
        };
        // What follows a backslash may be a character of several bytes: then it is no JSON.
        let length = if escape.is_char_boundary(length) { length } else { 1 };
        let (escape, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        fixed.push_str(if is_lone { "\\ufffd" } else { escape });
        rest = after;
    }
    fixed.push_str(rest);
    Cow::Owned(fixed)
}

/// Whether a text begins with the escape of a code unit in this range.
fn surrogate(text: &str, range: std::ops::RangeInclusive<u16>) -> bool {
    let digits = text.strip_prefix("\\u").and_then(|text| text.get(..4));
    let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
    unit.is_some_and(|unit| range.contains(&unit))
}
