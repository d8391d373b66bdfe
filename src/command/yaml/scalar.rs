//! The types that Envoy and Kubernetes give to the scalars of YAML. YAML leaves them to the reader,
//! and the two differ:
//!
//! | YAML | Envoy | Kubernetes |
//! |---|---|---|
//! | `on`, `No`, `y` | boolean | boolean |
//! | `~`, `Null`, nothing | null | null |
//! | `0x10`, `010` | 16, 8 | 16, 8 |
//! | `0o10`, `0b11`, `1_000`, `08` | text | 8, 3, 1000, 8 |
//! | `0.5`, `1e3`, `3000000000` | text | number |
//! | `.inf`, `.nan` | text | rejected |
//! | `2026-11-28`, `1h30m`, `12:30` | text | text |
//! | `!!str 5`, `!!int "5"` | 5, 5 | text, 5 |
//!
//! Tables of tests have what Envoy 1.40 put into the node's metadata of `/config_dump`, and what the
//! library of Kubernetes printed.

use saphyr_parser::ScalarStyle;
use serde_json::{Number, Value};

/// The prefix of YAML's own tags, which are written `!!str`.
const CORE_TAG: &str = "tag:yaml.org,2002:";
/// Below this size, each `double` without fractions is an integer of 64 bits.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A scalar of YAML: its text, style and tag.
#[derive(Clone, Copy)]
pub struct Scalar<'a> {
    pub text: &'a str,
    pub style: ScalarStyle,
    pub tag: Option<&'a str>,
}

/// The value that Envoy 1.40 gives a scalar (`parseYamlNode` in Envoy's `yaml_utility.cc`, and
/// yaml-cpp's `convert` and `IsNullString`).
///
/// yaml-cpp gives a quoted scalar the tag `!`, by which Envoy reads it as text. Where the file
/// gives it another tag, Envoy reads it as a plain one. Integers of more than 32 bits become text,
/// and so do decimals: Envoy's branch for these is never taken.
pub fn scalar_in_envoy(scalar: Scalar<'_>) -> Value {
    let Scalar { text, style, tag } = scalar;
    match tag {
        None if style != ScalarStyle::Plain => return Value::from(text),
        None if is_null(text) => return Value::Null,
        Some("!") => return Value::from(text),
        _ => {}
    }
    if let Some(truth) = boolean(text) {
        return Value::from(truth);
    }
    let Some(integer) = integer_of_c(text) else { return Value::from(text) };
    match i32::try_from(integer) {
        Ok(integer) => Value::from(integer),
        Err(_) => Value::from(integer.to_string()),
    }
}

/// The value that Kubernetes gives a scalar: `kubectl`, the API server and Helm read YAML with
/// `sigs.k8s.io/yaml`, which is go-yaml 2 (`resolve` in its `resolve.go`, `scalar` in `decode.go`)
/// and then `encoding/json`.
///
/// # Errors
/// Why they reject it: it is not a number of JSON, or is not of the type of its tag.
pub fn scalar_in_kubernetes(scalar: Scalar<'_>) -> Result<Value, &'static str> {
    let Scalar { text, style, tag } = scalar;
    let Some(tag) = tag else {
        return match style {
            ScalarStyle::Plain => plain_in_kubernetes(text),
            _ => Ok(Value::from(text)),
        };
    };
    let value = match tag.strip_prefix(CORE_TAG) {
        Some("bool" | "int" | "float" | "null") => plain_in_kubernetes(text)?,
        Some("binary") => return Err("has the tag !!binary: write the text itself"),
        _ => return Ok(Value::from(text)),
    };
    let is_of_tag = match tag.strip_prefix(CORE_TAG) {
        Some("bool") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("int") => value.is_i64() || value.is_u64(),
        _ => value.is_number(),
    };
    if is_of_tag { Ok(value) } else { Err("is not of the type of its tag") }
}

/// The name that Kubernetes gives a field: names that are no texts become texts.
///
/// # Errors
/// Why Kubernetes rejects it.
pub fn name_in_kubernetes(scalar: Scalar<'_>) -> Result<String, &'static str> {
    match scalar_in_kubernetes(scalar)? {
        Value::String(text) => Ok(text),
        Value::Number(number) if number.is_f64() => {
            // `sigs.k8s.io/yaml` writes names with the precision of 32 bits.
            Ok((number.as_f64().unwrap_or_default() as f32).to_string())
        }
        Value::Null => {
            Err("is null, which is no name of a field in Kubernetes: write it in quotes")
        }
        other => Ok(other.to_string()),
    }
}

/// A plain scalar as yaml-cpp, Envoy's parser, and go-yaml read it: `y`, `yes`, `true` and `on` are
/// true, `n`, `no`, `false` and `off` are false, in lower case, in upper case or capitalized.
pub fn boolean(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let is_of_one_case = text.get(1..).is_some_and(|rest| {
        rest == lower.get(1..).unwrap_or_default() || *text == text.to_ascii_uppercase()
    });
    match lower.as_str() {
        "y" | "yes" | "true" | "on" if is_of_one_case => Some(true),
        "n" | "no" | "false" | "off" if is_of_one_case => Some(false),
        _ => None,
    }
}

/// A plain scalar as yaml-cpp and go-yaml read it.
fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn plain_in_kubernetes(text: &str) -> Result<Value, &'static str> {
    if is_null(text) {
        return Ok(Value::Null);
    }
    if let Some(truth) = boolean(text) {
        return Ok(Value::from(truth));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err("is no number of JSON");
    }
    // Underscores may be anywhere in a number, but in one that begins with a point between digits only.
    let digits = match unsigned.starts_with(|it: char| it.is_ascii_digit()) || unsigned != text {
        true => text.replace('_', ""),
        false => without_separators(text),
    };
    if !unsigned.starts_with(|it: char| it.is_ascii_digit() || it == '.' || it == '_') {
        return Ok(Value::from(text));
    }
    Ok(integer_of_go(&digits).or_else(|| decimal(&digits)).unwrap_or_else(|| Value::from(text)))
}

/// The text without underscores that are between digits.
fn without_separators(text: &str) -> String {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at)).is_some_and(|it: &u8| it.is_ascii_digit())
    };
    let is_separator = |at: usize| is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1));
    let kept = text.char_indices().filter(|(at, it)| *it != '_' || !is_separator(*at));
    kept.map(|(_, it)| it).collect()
}

/// An integer of C, whose prefix is its base: 16, 0x10 or 020.
fn integer_of_c(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, base) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    i64::try_from(signed(text, digits, base)?).ok()
}

/// An integer of Go's `strconv.ParseInt`, or `ParseUint`, with the base 0: those of C, 0o17 and 0b11.
fn integer_of_go(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (prefix, rest) = digits.split_at_checked(2).unwrap_or_default();
    let (digits, base) = match prefix {
        "0x" | "0X" => (rest, 16),
        "0o" | "0O" => (rest, 8),
        "0b" | "0B" => (rest, 2),
        _ if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        _ => (digits, 10),
    };
    let integer = signed(text, digits, base)?;
    let has_sign = text.starts_with(['+', '-']);
    let of_64_bits = i64::try_from(integer).map(Value::from);
    of_64_bits.ok().or_else(|| u64::try_from(integer).ok().filter(|_| !has_sign).map(Value::from))
}

/// The digits with the sign of `text`.
fn signed(text: &str, digits: &str, base: u32) -> Option<i128> {
    let sign = if text.starts_with('-') { "-" } else { "" };
    // A second sign is no digit.
    let is_unsigned = !digits.starts_with(['+', '-']);
    i128::from_str_radix(&format!("{sign}{digits}"), base).ok().filter(|_| is_unsigned)
}

/// A number such as `-1.5e3`, `.5` or `5.` (`yamlStyleFloat` in go-yaml's `resolve.go`). One that a
/// `double` cannot have is a text.
pub(super) fn decimal(text: &str) -> Option<Value> {
    let is_part = |it: char| it.is_ascii_digit() || matches!(it, '.' | 'e' | 'E' | '+' | '-');
    let number: f64 = text.parse().ok().filter(|it: &f64| it.is_finite())?;
    // Rust also reads "inf" and "nan".
    if !text.chars().all(is_part) {
        return None;
    }
    // `encoding/json` writes 1.0 as 1.
    if number.fract() == 0.0 && number.abs() < MAX_EXACT {
        return Some(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Scalar<'_> {
        Scalar { text, style: ScalarStyle::Plain, tag: None }
    }

    /// A plain scalar, what Envoy 1.40 makes of it, and what `sigs.k8s.io/yaml` 1.6 with go-yaml
    /// 2.4.4 makes of it: `YAMLToJSON` of `a: SCALAR`. `ERR` if it is rejected.
    const SCALARS: &str = r#"
        assistant-v8 | "assistant-v8" | "assistant-v8"
        on | true | true
        Off | false | false
        yes | true | true
        y | true | true
        Y | true | true
        n | false | false
        NO | false | false
        nO | "nO" | "nO"
        tRUE | "tRUE" | "tRUE"
        T | "T" | "T"
        ~ | null | null
        Null | null | null
        nULL | "nULL" | "nULL"
        95 | 95 | 95
        -3 | -3 | -3
        +3 | 3 | 3
        +-3 | "+-3" | "+-3"
        -0 | 0 | 0
        0 | 0 | 0
        00 | 0 | 0
        007 | 7 | 7
        010 | 8 | 8
        017 | 15 | 15
        08 | "08" | 8
        08.5 | "08.5" | 8.5
        0x10 | 16 | 16
        0X10 | 16 | 16
        -0x10 | -16 | -16
        0xg | "0xg" | "0xg"
        0x | "0x" | "0x"
        0x1.8p1 | "0x1.8p1" | "0x1.8p1"
        0o17 | "0o17" | 15
        0O17 | "0O17" | 15
        0o8 | "0o8" | "0o8"
        0b11 | "0b11" | 3
        -0b11 | "-0b11" | -3
        0b2 | "0b2" | "0b2"
        1_000 | "1_000" | 1000
        1__0_ | "1__0_" | 10
        0_7 | "0_7" | 7
        0x_10 | "0x_10" | 16
        _1 | "_1" | "_1"
        1_000.5 | "1_000.5" | 1000.5
        +1_0.5 | "+1_0.5" | 10.5
        .5 | ".5" | 0.5
        -.5 | "-.5" | -0.5
        .5e3 | ".5e3" | 500
        .5_0 | ".5_0" | 0.5
        ._5 | "._5" | "._5"
        . | "." | "."
        ..5 | "..5" | "..5"
        .1e | ".1e" | ".1e"
        + | "+" | "+"
        5. | "5." | 5
        1.0 | "1.0" | 1
        95.0 | "95.0" | 95
        0.1 | "0.1" | 0.1
        1.5.5 | "1.5.5" | "1.5.5"
        1e3 | "1e3" | 1000
        1E3 | "1E3" | 1000
        1e+3 | "1e+3" | 1000
        1.e3 | "1.e3" | 1000
        1e-7 | "1e-7" | 1e-7
        1e3x | "1e3x" | "1e3x"
        1e400 | "1e400" | "1e400"
        2147483647 | 2147483647 | 2147483647
        2147483648 | "2147483648" | 2147483648
        -2147483648 | -2147483648 | -2147483648
        0x80000000 | "2147483648" | 2147483648
        9223372036854775807 | "9223372036854775807" | 9223372036854775807
        18446744073709551615 | "18446744073709551615" | 18446744073709551615
        -9223372036854775809 | "-9223372036854775809" | -9223372036854776000
        100000000000000000000000 | "100000000000000000000000" | 1e+23
        0x1FFFFFFFFFFFFFFFFF | "0x1FFFFFFFFFFFFFFFFF" | "0x1FFFFFFFFFFFFFFFFF"
        .inf | ".inf" | ERR
        -.INF | "-.INF" | ERR
        .nan | ".nan" | ERR
        inf | "inf" | "inf"
        NaN | "NaN" | "NaN"
        .infinity | ".infinity" | ".infinity"
        1h30m | "1h30m" | "1h30m"
        25% | "25%" | "25%"
        12:30 | "12:30" | "12:30"
        2001-12-14 | "2001-12-14" | "2001-12-14"
        2001-12-14T10:00:00Z | "2001-12-14T10:00:00Z" | "2001-12-14T10:00:00Z"
        = | "=" | "="
        << | "<<" | "<<"
    "#;

    #[test]
    fn a_plain_scalar_has_the_type_that_its_reader_gives_it() {
        for row in SCALARS.trim().lines() {
            let [yaml, envoy, kubernetes] = row.trim().split(" | ").collect::<Vec<_>>()[..] else {
                panic!("{row}")
            };
            let envoy: Value = serde_json::from_str(envoy).unwrap();
            assert_eq!(scalar_in_envoy(plain(yaml)), envoy, "{yaml}");
            // Both are texts of the same number.
            let in_kubernetes = scalar_in_kubernetes(plain(yaml)).ok();
            let expected = serde_json::from_str::<Value>(kubernetes).ok();
            let as_double = |it: &Option<Value>| it.as_ref().and_then(Value::as_f64);
            match as_double(&expected).is_some() {
                true => {
                    assert_eq!(as_double(&in_kubernetes), as_double(&expected), "{yaml}");
                    let is_whole = |it: &Option<Value>| it.as_ref().is_some_and(|it| !it.is_f64());
                    assert!(
                        !is_whole(&expected) || is_whole(&in_kubernetes) || yaml.starts_with("-9")
                    );
                }
                false => assert_eq!(in_kubernetes, expected, "{yaml}"),
            }
        }
        assert_eq!(scalar_in_envoy(plain("")), Value::Null);
        assert_eq!(scalar_in_kubernetes(plain("")), Ok(Value::Null));
    }

    #[test]
    fn quotes_and_tags_decide_as_in_the_reader() {
        let core = |name: &str| format!("{CORE_TAG}{name}");
        for (text, is_quoted, tag, envoy, kubernetes) in [
            ("5", true, None, r#""5""#, r#""5""#),
            ("on", true, None, r#""on""#, r#""on""#),
            ("5", false, Some("!".to_owned()), r#""5""#, r#""5""#),
            ("~", false, Some("!".to_owned()), r#""~""#, r#""~""#),
            ("5", false, Some("!foo".to_owned()), "5", r#""5""#),
            ("on", true, Some("!foo".to_owned()), "true", r#""on""#),
            ("5", false, Some(core("str")), "5", r#""5""#),
            ("5", true, Some(core("str")), "5", r#""5""#),
            ("~", false, Some(core("str")), r#""~""#, r#""~""#),
            ("", false, Some(core("str")), r#""""#, r#""""#),
            ("5", true, Some(core("int")), "5", "5"),
            ("5", false, Some(core("float")), "5", "5"),
            ("0.5", true, Some(core("float")), r#""0.5""#, "0.5"),
            ("yes", true, Some(core("bool")), "true", "true"),
            ("x", false, Some(core("null")), r#""x""#, "ERR"),
            ("0.5", false, Some(core("int")), r#""0.5""#, "ERR"),
            ("aGk=", false, Some(core("binary")), r#""aGk=""#, "ERR"),
        ] {
            let style = if is_quoted { ScalarStyle::DoubleQuoted } else { ScalarStyle::Plain };
            let scalar = Scalar { text, style, tag: tag.as_deref() };
            assert_eq!(scalar_in_envoy(scalar).to_string(), envoy, "{text} {tag:?}");
            let in_kubernetes = scalar_in_kubernetes(scalar).ok();
            assert_eq!(in_kubernetes, serde_json::from_str(kubernetes).ok(), "{text} {tag:?}");
        }
    }

    #[test]
    fn a_name_of_another_type_becomes_a_text_in_kubernetes() {
        for (yaml, name) in [
            ("on", Some("true")),
            ("n", Some("false")),
            ("0x10", Some("16")),
            ("4.1", Some("4.1")),
            ("4.10", Some("4.1")),
            ("gpt-4.10", Some("gpt-4.10")),
            ("2001-12-14", Some("2001-12-14")),
            ("~", None),
            ("", None),
        ] {
            assert_eq!(name_in_kubernetes(plain(yaml)).ok().as_deref(), name, "{yaml}");
        }
    }
}
