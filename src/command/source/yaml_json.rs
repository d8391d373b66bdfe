//! A plugin configuration that is written as YAML, as JSON text.

use saphyr_parser::ScalarStyle;
use serde_json::{Number, Value};

use crate::command::position::Position;
use crate::command::yaml::{NodeKind, YamlNode, boolean};
use crate::config::yaml_decimal;

/// What reads the YAML, which decides the types of plain scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YamlReader {
    /// Envoy, with yaml-cpp.
    Envoy,
    /// Kubernetes.
    Kubernetes,
}

/// The longest JSON text in bytes. Aliases of aliases can grow exponentially.
const MAX_TEXT: usize = 1 << 22;

/// The JSON text of a node, and the offset and position of each name and value in it. Duplicate
/// fields stay, so that the configuration's parser rejects them.
pub fn json_text(node: &YamlNode, reader: YamlReader) -> (String, Vec<(usize, Position)>) {
    let mut json =
        JsonText { text: String::new(), positions: Vec::new(), reader, path: Vec::new() };
    json.add(node);
    (json.text, json.positions)
}

struct JsonText {
    text: String,
    positions: Vec<(usize, Position)>,
    reader: YamlReader,
    /// The names of the fields that contain the node.
    path: Vec<String>,
}

// === impl JsonText ===

impl JsonText {
    fn add_position(&mut self, node: &YamlNode) {
        self.positions.push((self.text.len(), node.position));
    }

    fn add(&mut self, node: &YamlNode) {
        // The parser then rejects the text.
        if self.text.len() > MAX_TEXT {
            return;
        }
        self.add_position(node);
        match &node.kind {
            NodeKind::Scalar(text, style) => {
                let scalar = self.scalar(text, *style);
                self.text.push_str(&scalar);
            }
            NodeKind::List(items) => {
                self.text.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.text.push_str(if at > 0 { ", " } else { "" });
                    self.add(item);
                }
                self.text.push(']');
            }
            NodeKind::Map(fields) => {
                self.text.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    self.text.push_str(if at > 0 { ", " } else { "" });
                    self.add_position(name);
                    self.text.push_str(&quoted(name.text().unwrap_or_default()));
                    self.text.push_str(": ");
                    self.path.push(name.text().unwrap_or_default().to_owned());
                    self.add(value);
                    self.path.pop();
                }
                self.text.push('}');
            }
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle) -> String {
        let is_plain = style == ScalarStyle::Plain;
        match self.reader {
            YamlReader::Envoy if self.is_in_merge() => match yaml_decimal(text) {
                Some(number) => number.to_string(),
                None if is_plain => plain_in_envoy(text),
                None => quoted(text),
            },
            YamlReader::Envoy if is_plain => plain_in_envoy(text),
            YamlReader::Kubernetes if is_plain => plain_in_kubernetes(text),
            _ => quoted(text),
        }
    }

    /// Whether the node is in what is merged into requests, where the filter restores decimals.
    fn is_in_merge(&self) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        matches!(path.as_slice(), ["versions", _, "request", "merge", ..])
    }
}

/// A plain scalar as JSON, with the types that Kubernetes gives it.
fn plain_in_kubernetes(text: &str) -> String {
    match text {
        "" | "~" | "null" => "null".to_owned(),
        "true" | "false" => text.to_owned(),
        _ if serde_json::from_str::<Number>(text).is_ok() => text.to_owned(),
        _ => quoted(text),
    }
}

/// A plain scalar as JSON, with the types that Envoy 1.40 gives it. Decimals and integers of more
/// than 32 bits become strings (`parseYamlNode` in Envoy's `yaml_utility.cc`; its branch for decimals
/// is never taken).
fn plain_in_envoy(text: &str) -> String {
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return "null".to_owned();
    }
    if let Some(truth) = boolean(text) {
        return truth.to_string();
    }
    let Some(integer) = integer(text) else { return quoted(text) };
    let integer = integer.to_string();
    if integer.parse::<i32>().is_ok() { integer } else { quoted(&integer) }
}

/// An integer of C, whose prefix is its base: 16, 0x10 or 020.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, base) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    let sign = if text.starts_with('-') { "-" } else { "" };
    // A second sign is no digit.
    let is_unsigned = !digits.starts_with(['+', '-']);
    i64::from_str_radix(&format!("{sign}{digits}"), base).ok().filter(|_| is_unsigned)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::plain_in_envoy;

    #[test]
    fn a_plain_scalar_has_the_type_that_envoy_gives_it() {
        for (yaml, json) in [
            ("assistant-v8", "\"assistant-v8\""),
            ("95", "95"),
            ("-3", "-3"),
            ("+3", "3"),
            ("0x10", "16"),
            ("010", "8"),
            ("08", "\"08\""),
            ("0", "0"),
            ("95.0", "\"95.0\""),
            (".5", "\".5\""),
            ("1e3", "\"1e3\""),
            ("2147483647", "2147483647"),
            ("2147483648", "\"2147483648\""),
            ("1e400", "\"1e400\""),
            (".inf", "\".inf\""),
            ("inf", "\"inf\""),
            ("+-3", "\"+-3\""),
            ("1h30m", "\"1h30m\""),
            ("25%", "\"25%\""),
            ("yes", "true"),
            ("Off", "false"),
            ("nO", "\"nO\""),
            ("n", "false"),
            ("~", "null"),
            ("", "null"),
        ] {
            assert_eq!(plain_in_envoy(yaml), json, "{yaml}");
        }
    }
}
