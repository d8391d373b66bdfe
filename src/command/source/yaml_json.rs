//! A plugin configuration that is written as YAML, as JSON text.

use serde_json::Value;

use crate::command::position::Position;
use crate::command::yaml::{
    InvalidYaml, NodeKind, YamlNode, name_in_kubernetes, scalar_in_envoy, scalar_in_json,
    scalar_in_kubernetes,
};
use crate::config::yaml_decimal;

/// What reads the YAML, which decides the types of scalars, and how the filter gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YamlReader {
    /// Envoy reads the file, and the filter gets a `google.protobuf.Struct`.
    Envoy,
    /// The same, for a file that it reads as JSON.
    EnvoyJson,
    /// Kubernetes reads the object, and the control plane makes JSON text of it.
    Kubernetes,
    /// Kubernetes reads the object, which has the `google.protobuf.Struct` for the filter, as an
    /// EnvoyFilter has.
    KubernetesWithStruct,
}

/// The longest JSON text in bytes. Aliases of aliases can grow exponentially.
const MAX_TEXT: usize = 1 << 22;

/// The JSON text of a plugin configuration, and its positions in the file.
pub struct JsonOfYaml {
    pub text: String,
    /// The offset of each name and value in the text, in ascending order, and its position.
    pub positions: Vec<(usize, Position)>,
}

/// The JSON text of a node. Duplicate fields stay, so that the configuration's parser rejects them.
///
/// # Errors
/// The reader rejects the node: Kubernetes a number such as `.inf` and a name that is null, both a
/// name that is a list or a map.
pub fn json_text(node: &YamlNode, reader: YamlReader) -> Result<JsonOfYaml, InvalidYaml> {
    let json = JsonOfYaml { text: String::new(), positions: Vec::new() };
    let mut writer = JsonWriter { json, reader, path: Vec::new() };
    writer.add(node)?;
    Ok(writer.json)
}

struct JsonWriter {
    json: JsonOfYaml,
    reader: YamlReader,
    /// The names of the fields that contain the node.
    path: Vec<String>,
}

// === impl YamlReader ===

impl YamlReader {
    /// The name in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Envoy | Self::EnvoyJson => "Envoy",
            Self::Kubernetes | Self::KubernetesWithStruct => "Kubernetes",
        }
    }
}

// === impl JsonWriter ===

impl JsonWriter {
    fn add_position(&mut self, node: &YamlNode) {
        self.json.positions.push((self.json.text.len(), node.position));
    }

    fn add(&mut self, node: &YamlNode) -> Result<(), InvalidYaml> {
        // The parser then rejects the text.
        if self.json.text.len() > MAX_TEXT {
            return Ok(());
        }
        self.add_position(node);
        match &node.kind {
            NodeKind::Scalar(..) => {
                let value = self.value(node)?.to_string();
                self.json.text.push_str(&value);
            }
            NodeKind::List(items) => {
                self.json.text.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.json.text.push_str(if at > 0 { ", " } else { "" });
                    self.add(item)?;
                }
                self.json.text.push(']');
            }
            NodeKind::Map(fields) => {
                self.json.text.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    self.json.text.push_str(if at > 0 { ", " } else { "" });
                    self.add_position(name);
                    let name = self.name(name)?;
                    self.json.text.push_str(&format!("{}: ", Value::from(name.as_str())));
                    self.path.push(name);
                    self.add(value)?;
                    self.path.pop();
                }
                self.json.text.push('}');
            }
        }
        Ok(())
    }

    /// The value of a scalar.
    fn value(&self, node: &YamlNode) -> Result<Value, InvalidYaml> {
        let Some(scalar) = node.scalar() else { return Ok(Value::Null) };
        let value = match self.reader {
            YamlReader::Envoy => scalar_in_envoy(scalar),
            YamlReader::EnvoyJson => scalar_in_json(scalar),
            YamlReader::Kubernetes | YamlReader::KubernetesWithStruct => {
                scalar_in_kubernetes(scalar).map_err(|why| invalid(node, why))?
            }
        };
        Ok(match value.as_str().and_then(yaml_decimal).filter(|_| self.is_untyped()) {
            Some(number) => Value::from(number),
            None => value,
        })
    }

    /// The name of a field.
    fn name(&self, node: &YamlNode) -> Result<String, InvalidYaml> {
        let why = "is the name of a field, which cannot be a list or a map";
        let scalar = node.scalar().ok_or_else(|| invalid(node, why))?;
        match self.reader {
            // Envoy takes the text of any scalar (`it.first.as<std::string>()`).
            YamlReader::Envoy if scalar_in_envoy(scalar).is_null() => Ok("null".to_owned()),
            YamlReader::Envoy | YamlReader::EnvoyJson => Ok(scalar.text.to_owned()),
            YamlReader::Kubernetes | YamlReader::KubernetesWithStruct => {
                name_in_kubernetes(scalar).map_err(|why| invalid(node, why))
            }
        }
    }

    /// Whether the node is in what is merged into requests, or a parameter of the judge, where the filter
    /// makes numbers of the decimals in a `google.protobuf.Struct`.
    fn is_untyped(&self) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        self.reader != YamlReader::Kubernetes
            && matches!(
                path.as_slice(),
                ["versions", _, "request", "merge", ..] | ["judge", "parameters", ..]
            )
    }
}

fn invalid(node: &YamlNode, why: &str) -> InvalidYaml {
    InvalidYaml { position: node.position, why: why.to_owned() }
}
