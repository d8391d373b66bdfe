//! Attributes of spans, in the JSON of OTLP.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

/// An attribute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attribute<'a> {
    key: &'static str,
    value: AttributeValue<'a>,
}

/// The value of an attribute: `AnyValue` of OTLP.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum AttributeValue<'a> {
    /// A text.
    #[serde(rename = "stringValue")]
    Text(Cow<'a, str>),
    /// A truth value.
    #[serde(rename = "boolValue")]
    Bool(bool),
    /// A whole number. The JSON of protobuf writes 64 bits as a text.
    #[serde(rename = "intValue", serialize_with = "as_text")]
    Int(u64),
    /// Any other number. It must be finite.
    #[serde(rename = "doubleValue")]
    Double(f64),
    /// Several values.
    #[serde(rename = "arrayValue")]
    Array {
        /// The values.
        values: Vec<AttributeValue<'a>>,
    },
}

/// The attributes of a span that is being written.
#[derive(Debug, Default)]
pub struct Attributes<'a>(Vec<Attribute<'a>>);

// === impl Attributes ===

impl<'a> Attributes<'a> {
    /// Adds an attribute.
    pub fn add(&mut self, key: &'static str, value: AttributeValue<'a>) {
        self.0.push(Attribute { key, value });
    }

    /// Adds a text.
    pub fn text(&mut self, key: &'static str, text: impl Into<Cow<'a, str>>) {
        self.add(key, AttributeValue::Text(text.into()));
    }

    /// Adds a text, if there is one.
    pub fn optional_text(&mut self, key: &'static str, text: Option<&'a str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// Adds a number, if there is one.
    pub fn optional_int(&mut self, key: &'static str, number: Option<u64>) {
        if let Some(number) = number {
            self.add(key, AttributeValue::Int(number));
        }
    }

    /// The attributes that were added.
    pub fn into_vec(self) -> Vec<Attribute<'a>> {
        self.0
    }
}

/// A 64-bit number as the JSON of protobuf writes it.
pub(super) fn as_text<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}
