//! The text of a plugin configuration as Envoy passes it to the filter.
//!
//! Of a `google.protobuf.StringValue` Envoy passes the text, but of a `google.protobuf.Struct`,
//! which is a configuration as YAML, the protobuf bytes (`MessageUtil::anyToBytes` of Envoy 1.40).
//! This module makes JSON text of these bytes, so that all else reads JSON alone:
//!
//! ```text
//! message Struct    { map<string, Value> fields = 1; }
//! message ListValue { repeated Value values = 1; }
//! message Value     { oneof kind { NullValue null_value = 1; double number_value = 2;
//!                                  string string_value = 3; bool bool_value = 4;
//!                                  Struct struct_value = 5; ListValue list_value = 6; } }
//! ```

use serde_json::{Map, Number, Value};

use super::raw::reader::parse_number;

/// The deepest accepted nesting, which bounds the recursion. `serde_json` has the same limit.
const MAX_DEPTH: usize = 128;

/// From here on a `double` has no fractions, but not every integer either.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The fields whose values may have any type.
const UNTYPED: [&[&str]; 3] = [
    &["versions", "blue", "request", "merge"],
    &["versions", "green", "request", "merge"],
    &["judge", "parameters"],
];

/// The content of a field in the protobuf wire format.
enum Field<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
}

/// Reads the fields of a protobuf message.
struct FieldReader<'a>(&'a [u8]);

/// The JSON text of a plugin configuration, from the bytes that Envoy passes to the filter.
///
/// Bytes that are no `google.protobuf.Struct` are returned as they are. The fields of objects are
/// in alphabetical order, because the order of protobuf's maps changes from one time to the next.
/// A number without fractions is written as an integer, such as 95 for the `double` 95.0.
///
/// Envoy 1.40 makes text of the decimals in its YAML files. The parser reads numbers from text too,
/// but what is merged into requests, and the judge's parameters, have no types of their own: there a
/// text that is such a decimal is a number.
///
/// ```
/// use verdigris::config::text_from_envoy;
/// let of_struct = b"\n\r\n\x01a\x12\x08\x32\x06\n\x04\x1a\x02bc";
/// assert_eq!(text_from_envoy(of_struct.to_vec()), br#"{"a":["bc"]}"#);
/// assert_eq!(text_from_envoy(b"{\"a\": 1}".to_vec()), b"{\"a\": 1}");
/// ```
pub fn text_from_envoy(bytes: Vec<u8>) -> Vec<u8> {
    // No JSON text is a Struct, which has the control character 0x12 before each value.
    match object(&bytes, 0) {
        Some(mut json) if !bytes.is_empty() => {
            for path in UNTYPED {
                let parent = Some(&mut json);
                let found = path.iter().fold(parent, |it, name| it.and_then(|it| it.get_mut(name)));
                if let Some(untyped) = found {
                    restore_decimals(untyped);
                }
            }
            json.to_string().into_bytes()
        }
        _ => bytes,
    }
}

/// Makes numbers of all texts in `json` that Envoy makes of decimals.
fn restore_decimals(json: &mut Value) {
    match json {
        Value::String(text) => {
            if let Some(number) = yaml_decimal(text) {
                *json = Value::Number(number);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(restore_decimals),
        Value::Object(members) => members.values_mut().for_each(restore_decimals),
        _ => {}
    }
}

/// The number of a text that Envoy makes of a number in YAML: a decimal, or an integer of more than
/// 32 bits. `None` for other texts, also for a smaller integer, which was in quotes.
pub(crate) fn yaml_decimal(text: &str) -> Option<Number> {
    let sign = if text.starts_with('-') { "-" } else { "" };
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let before = if digits.starts_with('.') { "0" } else { "" };
    let after = if digits.ends_with('.') { "0" } else { "" };
    let number = [sign, before, digits, after].concat();
    // Not a second sign, nor a smaller integer.
    let is_large = digits != "."
        && digits.starts_with(|it: char| it == '.' || it.is_ascii_digit())
        && text.parse::<i32>().is_err();
    parse_number(&number).filter(|_| is_large)
}

/// The object of a `Struct`; `None` if it is malformed or has a duplicate key.
fn object(bytes: &[u8], depth: usize) -> Option<Value> {
    let mut members = Map::new();
    let mut fields = FieldReader(bytes);
    while !fields.0.is_empty() {
        let mut entry = FieldReader(fields.next_bytes(1)?);
        let name = str::from_utf8(entry.next_bytes(1)?).ok()?;
        let content = value(entry.next_bytes(2)?, depth)?;
        if !entry.0.is_empty() || members.insert(name.to_owned(), content).is_some() {
            return None;
        }
    }
    Some(Value::Object(members))
}

/// The array of a `ListValue`.
fn list(bytes: &[u8], depth: usize) -> Option<Value> {
    let mut items = Vec::new();
    let mut fields = FieldReader(bytes);
    while !fields.0.is_empty() {
        items.push(value(fields.next_bytes(1)?, depth)?);
    }
    Some(Value::Array(items))
}

/// The JSON value of a `Value`.
fn value(bytes: &[u8], depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut fields = FieldReader(bytes);
    let json = match fields.next()? {
        (1, Field::Varint(0)) => Value::Null,
        (2, Field::Fixed64(bits)) => number(f64::from_le_bytes(bits)),
        (3, Field::Bytes(text)) => Value::from(str::from_utf8(text).ok()?),
        (4, Field::Varint(bit @ 0..=1)) => Value::Bool(bit == 1),
        (5, Field::Bytes(fields)) => object(fields, depth + 1)?,
        (6, Field::Bytes(items)) => list(items, depth + 1)?,
        _ => return None,
    };
    fields.0.is_empty().then_some(json)
}

/// A number that JSON cannot express becomes a string, and is then rejected.
#[allow(clippy::cast_possible_truncation, reason = "is in range by the check")]
fn number(number: f64) -> Value {
    if !number.is_finite() {
        Value::from("not a number")
    } else if number.abs() <= MAX_EXACT && number.trunc() == number {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

// === impl FieldReader ===

impl<'a> FieldReader<'a> {
    /// The number and the content of the next field; `None` if the message is malformed or over.
    fn next(&mut self) -> Option<(u64, Field<'a>)> {
        let tag = self.varint()?;
        let content = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(self.take(8)?.try_into().ok()?),
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            _ => return None,
        };
        Some((tag >> 3, content))
    }

    /// The content of the next field, if it has this number and is a text or a message.
    fn next_bytes(&mut self, number: u64) -> Option<&'a [u8]> {
        match self.next()? {
            (found, Field::Bytes(bytes)) if found == number => Some(bytes),
            _ => None,
        }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}
