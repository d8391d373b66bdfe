//! What is read differently in JSON than in YAML, of which it is a part: numbers, and the escapes of
//! surrogates. `\ud83d\ude00` is one character in JSON, and two invalid ones in YAML.
//!
//! Each surrogate is replaced by a private-use character whose escape is as long, so that the
//! positions in the text stay. The texts of scalars get the character itself.

use std::borrow::Cow;

use saphyr_parser::ScalarStyle;
use serde_json::Value;

use super::scalar::{Scalar, decimal};

/// The code units of surrogates are 2 << 10 values from this one on.
const SURROGATES: u32 = 0xd800;
/// The code points that stand for them.
const STAND_INS: u32 = 0xe000;
const COUNT: u32 = 2 << 10;

/// The value that Envoy gives a scalar of JSON, in which each number is a `double`. Its parser,
/// protobuf's, rejects a plain scalar of YAML that is no JSON.
pub fn scalar_in_json(scalar: Scalar<'_>) -> Value {
    let Scalar { text, style, tag: _ } = scalar;
    match text {
        _ if style != ScalarStyle::Plain => Value::from(text),
        "null" => Value::Null,
        "true" => Value::from(true),
        "false" => Value::from(false),
        text => decimal(text).unwrap_or_else(|| Value::from(text)),
    }
}

/// The text with a stand-in for each surrogate of a pair. `None` if there is no pair, or if the text
/// has such a character itself, which could not be told from a stand-in.
pub fn without_pairs(json: &str) -> Option<String> {
    let is_stand_in = |it: u32| (STAND_INS..STAND_INS + COUNT).contains(&it);
    if !json.contains("\\u") || json.chars().any(|it| is_stand_in(u32::from(it))) {
        return None;
    }
    let (mut text, mut rest, mut has_pairs) = (String::new(), json, false);
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        text.push('\\');
        let unit = unit(escape);
        let low = unit.and_then(|_| self::unit(escape.get(5..)?.strip_prefix('\\')?));
        rest = match (unit, low) {
            (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => {
                has_pairs = true;
                let [high, low] = [high, low].map(|it| it - SURROGATES + STAND_INS);
                text.push_str(&format!("u{high:04x}\\u{low:04x}"));
                escape.get(11..)?
            }
            (Some(unit), _) if is_stand_in(unit) => return None,
            _ => {
                // The character after it may be a backslash.
                let mut characters = escape.chars();
                text.extend(characters.next());
                characters.as_str()
            }
        };
    }
    text.push_str(rest);
    has_pairs.then_some(text)
}

/// The code unit of an escape, after its backslash.
fn unit(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix('u')?.get(..4)?;
    digits.bytes().all(|it| it.is_ascii_hexdigit()).then_some(())?;
    u32::from_str_radix(digits, 16).ok()
}

/// A scalar's text with the characters of the pairs.
pub fn with_pairs(text: Cow<'_, str>) -> Cow<'_, str> {
    let unit = |it: char| {
        let surrogate = u32::from(it).checked_sub(STAND_INS).filter(|it| *it < COUNT);
        surrogate.and_then(|it| u16::try_from(it + SURROGATES).ok())
    };
    if !text.contains(|it| unit(it).is_some()) {
        return text;
    }
    let mut units = Vec::new();
    for character in text.chars() {
        match unit(character) {
            Some(unit) => units.push(unit),
            None => units.extend_from_slice(character.encode_utf16(&mut [0; 2])),
        }
    }
    Cow::Owned(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_json_is_a_double() {
        for (text, expected) in [
            ("3000000000", "3000000000"),
            ("9007199254740993", "9007199254740992.0"),
            ("0.5", "0.5"),
            ("1e3", "1000"),
            ("-2.0", "-2"),
            ("true", "true"),
            ("null", "null"),
            ("on", r#""on""#),
            ("0x10", r#""0x10""#),
        ] {
            let scalar = Scalar { text, style: ScalarStyle::Plain, tag: None };
            assert_eq!(scalar_in_json(scalar).to_string(), expected, "{text}");
        }
        let quoted = Scalar { text: "5", style: ScalarStyle::DoubleQuoted, tag: None };
        assert_eq!(scalar_in_json(quoted), "5");
    }

    #[test]
    fn a_pair_is_replaced_in_the_same_length() {
        for (json, expected) in [
            (
                r#"{"a": "\ud83d\ude00 \uD83D\uDE00"}"#,
                Some(r#"{"a": "\ue03d\ue600 \ue03d\ue600"}"#),
            ),
            (r#""\\\ud83d\ude00ä""#, Some(r#""\\\ue03d\ue600ä""#)),
            (r#""\\ud83d\\ude00""#, None),
            (r#""\ud83d \ude00""#, None),
            (r#""\ude00\ud83d""#, None),
            (r#""\ud83d\u0041""#, None),
            (r#""\u+83d\ude00""#, None),
            (r#""\ud83d\ude0""#, None),
            (r#""\ud83d\ude00 \ue03d""#, None),
            ("\"\\ud83d\\ude00 \u{e03d}\"", None),
            ("\\", None),
        ] {
            assert_eq!(without_pairs(json).as_deref(), expected, "{json}");
        }
        assert_eq!(with_pairs("a\u{e03d}\u{e600}ä".into()), "a\u{1f600}ä");
        assert_eq!(with_pairs("aä".into()), "aä");
    }
}
