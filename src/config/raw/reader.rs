//! Reads objects field by field, and collects an error for each value of the wrong type and each
//! unknown field.

use std::cell::RefCell;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::config::examples::{example, example_of_type};
use crate::config::invalid_config::{FieldError, InvalidConfig, WHOLE_CONFIG};
use crate::config::nearest::{did_you_mean, nearest};
use crate::json::whole_number;

/// Reads the fields of an object.
pub(in crate::config) struct ObjectReader<'a> {
    node: Node<'a>,
    object: &'a Map<String, Value>,
    /// The names of the fields that were read. All others are unknown.
    known: Vec<&'static str>,
}

/// A value with its path in the configuration.
#[derive(Clone)]
pub(in crate::config) struct Node<'a> {
    path: String,
    value: &'a Value,
    errors: &'a RefCell<Vec<FieldError>>,
}

/// Applies `read` to the object `json`.
///
/// # Errors
/// All values of the wrong type and all unknown fields.
pub(in crate::config) fn read_object<T>(
    json: &Value,
    read: impl FnOnce(ObjectReader<'_>) -> T,
) -> Result<T, InvalidConfig> {
    let errors = RefCell::default();
    let value = Node::root(json, &errors).object().map(read);
    let errors = errors.into_inner();
    value.filter(|_| errors.is_empty()).ok_or(InvalidConfig { errors })
}

/// The number of a JSON text. By the deserializer of whole configurations, so that the `.wasm` has no
/// second one.
pub(in crate::config) fn parse_number(text: &str) -> Option<Number> {
    match serde_json::from_slice(text.as_bytes()) {
        Ok(NoDuplicateKeys(Value::Number(number))) => Some(number),
        _ => None,
    }
}

/// The number in a text such as "12.5": JSON's notation without an exponent.
pub(in crate::config) fn number_from_text(text: &str) -> Option<Number> {
    let is_decimal = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
    parse_number(text).filter(|_| is_decimal)
}

/// The number of percent in a text such as "25" or "25%".
pub(in crate::config) fn percent_from_text(text: &str) -> Option<Number> {
    number_from_text(text.strip_suffix('%').unwrap_or(text))
}

/// The ratio in a text such as "0.25" or "25%".
pub(in crate::config) fn ratio_from_text(text: &str) -> Option<Number> {
    let Some(percent) = text.strip_suffix('%') else { return number_from_text(text) };
    number_from_text(percent)?;
    // The nearest number to the decimal, which a division by 100 may miss.
    parse_number(&format!("{percent}e-2"))
}

// === impl Node ===

impl<'a> Node<'a> {
    /// The node of the whole configuration.
    pub fn root(value: &'a Value, errors: &'a RefCell<Vec<FieldError>>) -> Self {
        Self { path: String::new(), value, errors }
    }

    /// The value, of any type.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    pub fn text(&self) -> Option<String> {
        self.expect_type(self.value.as_str().map(str::to_owned), "a string")
    }

    /// A whole number from 0, which may be written as text, as for [`number`](Self::number).
    pub fn unsigned(&self) -> Option<u64> {
        let number = self.number_by(number_from_text).as_ref().and_then(whole_number);
        self.expect_type(number, "a whole number from 0")
    }

    /// A number. It may be written as text, because Envoy 1.40 passes the decimals of YAML as text.
    pub fn number(&self) -> Option<Number> {
        self.expect_type(self.number_by(number_from_text), "a number")
    }

    /// The number, or what `parse` makes of the text.
    pub fn number_by(&self, parse: fn(&str) -> Option<Number>) -> Option<Number> {
        match self.value {
            Value::String(text) => parse(text),
            value => value.as_number().cloned(),
        }
    }

    /// A number in percent, such as 25 or "25%".
    pub fn percent(&self) -> Option<Number> {
        self.expect_type(self.number_by(percent_from_text), "a number")
    }

    /// A whole number in percent.
    pub fn whole_percent(&self) -> Option<u64> {
        let number = self.number_by(percent_from_text).as_ref().and_then(whole_number);
        self.expect_type(number, "a whole number from 0")
    }

    /// A ratio, such as 0.25 or "25%".
    pub fn ratio(&self) -> Option<Number> {
        self.expect_type(self.number_by(ratio_from_text), "a number")
    }

    pub fn boolean(&self) -> Option<bool> {
        self.expect_type(self.value.as_bool(), "true or false")
    }

    pub fn object(&self) -> Option<ObjectReader<'a>> {
        let object = self.expect_type(self.value.as_object(), "an object")?;
        Some(ObjectReader { node: self.clone(), object, known: Vec::new() })
    }

    pub fn items(&self) -> Vec<Self> {
        let items = self.expect_type(self.value.as_array(), "a list").map(Vec::as_slice);
        let node = |(index, value)| Self {
            path: format!("{}[{index}]", self.path),
            value,
            ..self.clone()
        };
        items.unwrap_or_default().iter().enumerate().map(node).collect()
    }

    /// The items of a list. A value that is not a list is treated as a list of one.
    pub fn one_or_many(&self) -> Vec<Self> {
        if self.value.is_array() { self.items() } else { vec![self.clone()] }
    }

    /// Adds an error for this value.
    #[cold]
    pub fn reject(&self, fix: String) {
        let path = if self.path.is_empty() { WHOLE_CONFIG } else { &self.path };
        self.errors.borrow_mut().push(FieldError::new(path, self.value, fix));
    }

    /// Adds an error if `value`, this node's value as the expected type, is `None`.
    fn expect_type<T>(&self, value: Option<T>, expected: &'static str) -> Option<T> {
        if value.is_none() {
            let example = match example(&self.path) {
                Some(example) => example.to_owned(),
                None => example_of_type(&self.path, self.value, expected),
            };
            self.reject(format!("is not {expected}; write {example}"));
        }
        value
    }
}

// === impl ObjectReader ===

impl<'a> ObjectReader<'a> {
    /// The field called `name`, if it is present.
    pub fn get(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.known.push(name);
        let value = self.object.get(name)?;
        Some(self.child(name, value))
    }

    /// Whether the field called `name` is written.
    pub fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// Like [`get`](Self::get), but treats `null` as absent, because templates write it for
    /// variables without a value.
    pub fn get_non_null(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.get(name).filter(|node| !node.value.is_null())
    }

    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.get_non_null(name)?.text()
    }

    pub fn unsigned(&mut self, name: &'static str) -> Option<u64> {
        self.get_non_null(name)?.unsigned()
    }

    pub fn number(&mut self, name: &'static str) -> Option<Number> {
        self.get_non_null(name)?.number()
    }

    pub fn percent(&mut self, name: &'static str) -> Option<Number> {
        self.get_non_null(name)?.percent()
    }

    pub fn ratio(&mut self, name: &'static str) -> Option<Number> {
        self.get_non_null(name)?.ratio()
    }

    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.get_non_null(name)?.boolean()
    }

    pub fn object(&mut self, name: &'static str) -> Option<ObjectReader<'a>> {
        self.get(name)?.object()
    }

    pub fn items(&mut self, name: &'static str) -> Option<Vec<Node<'a>>> {
        Some(self.get(name)?.items())
    }

    pub fn texts(&mut self, name: &'static str) -> Vec<String> {
        let items = self.items(name).unwrap_or_default();
        items.iter().filter_map(Node::text).collect()
    }

    /// The index in `choices` of the field's text.
    pub fn choice(&mut self, name: &'static str, choices: &[&str]) -> Option<usize> {
        let node = self.get_non_null(name)?;
        let index = choices.iter().position(|choice| node.value.as_str() == Some(choice));
        if index.is_none() {
            let quoted: Vec<_> = choices.iter().map(|choice| format!("\"{choice}\"")).collect();
            node.reject(format!("write {}", quoted.join(" or ")));
        }
        index
    }

    /// All fields, for an object whose field names are arbitrary.
    pub fn entries(&self) -> Vec<(String, Node<'a>)> {
        let entry = |(name, value): (&String, &'a Value)| (name.clone(), self.child(name, value));
        self.object.iter().map(entry).collect()
    }

    /// Adds an error for each field that was not read.
    pub fn finish(self) {
        for (name, value) in self.object {
            if !self.known.contains(&name.as_str()) {
                let known = self.known.join(", ");
                let suggestion = did_you_mean(nearest(name, &self.known));
                let fix = format!("unknown field; {suggestion}the fields are {known}");
                self.child(name, value).reject(fix);
            }
        }
    }

    fn child(&self, name: &str, value: &'a Value) -> Node<'a> {
        let parent = &self.node.path;
        let path = if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
        Node { path, value, errors: self.node.errors }
    }
}

/// A JSON value without duplicate keys.
pub(in crate::config) struct NoDuplicateKeys(pub Value);

impl<'de> Deserialize<'de> for NoDuplicateKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UniqueVisitor;

        impl<'de> Visitor<'de> for UniqueVisitor {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(NoDuplicateKeys(item)) = items.next_element()? {
                    list.push(item);
                }
                Ok(Value::Array(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
                let mut object = Map::new();
                while let Some(name) = fields.next_key::<String>()? {
                    if object.contains_key(&name) {
                        return Err(A::Error::custom(format_args!("{name} is written twice")));
                    }
                    let NoDuplicateKeys(value) = fields.next_value()?;
                    object.insert(name, value);
                }
                Ok(Value::Object(object))
            }
        }

        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}
