//! JSON merge patch (RFC 7396), on JSON as it was written.

use serde_json::{Map, Value};

use crate::json::splice::{Change, Object};

/// What `patch` makes of the value that is written in `target`, if there is one.
///
/// Source: RFC 7396, section 2.
pub fn merged(target: Option<&str>, patch: &Value) -> String {
    let Value::Object(patch) = patch else { return patch.to_string() };
    let object = target.and_then(Object::parse).unwrap_or(Object::EMPTY);
    object.with_members(&changes(&object, patch))
}

/// What the members of a patch change in an object.
pub fn changes<'p>(object: &Object<'_>, patch: &'p Map<String, Value>) -> Vec<(&'p str, Change)> {
    let change = |(name, value): (&'p String, &Value)| {
        let change = match value {
            Value::Null => Change::Remove,
            value => Change::Set(merged(object.get(name), value)),
        };
        (name.as_str(), change)
    };
    patch.iter().map(change).collect()
}
