//! JSON merge patch (RFC 7396), applied to the text of a document.

use serde_json::{Map, Value};

use crate::json::splice::{Change, Object};

/// The result of applying `patch` to the JSON in `target`; `None` is a missing value.
///
/// Source: RFC 7396, section 2.
pub fn apply(target: Option<&str>, patch: &Value) -> String {
    let Value::Object(patch) = patch else { return patch.to_string() };
    let object = target.and_then(Object::parse).unwrap_or(Object::EMPTY);
    object.with_members(&changes(&object, patch))
}

/// The changes that the members of `patch` make to an object.
pub fn changes<'p>(object: &Object<'_>, patch: &'p Map<String, Value>) -> Vec<(&'p str, Change)> {
    let change = |(name, value): (&'p String, &Value)| {
        let change = match value {
            Value::Null => Change::Remove,
            value => Change::Set(apply(object.get(name), value)),
        };
        (name.as_str(), change)
    };
    patch.iter().map(change).collect()
}
