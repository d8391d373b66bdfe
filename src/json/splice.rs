//! Replaces values of a JSON document and keeps all other bytes: order, white space, numbers
//! and escapes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// A change of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Replaces the value by this JSON.
    Set(String),
    /// Removes the value.
    Remove,
}

/// A JSON object: its text, and its members in their order.
#[derive(Debug)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<(String, &'a str)>,
}

/// A JSON array: its text, and its items.
#[derive(Debug)]
pub struct Array<'a> {
    text: &'a str,
    items: Vec<&'a str>,
}

/// `text` as a JSON string, with quotes and escapes.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The text of a JSON string; `None` where `json` is not a string.
pub fn parse_string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

// === impl Object ===

impl<'a> Object<'a> {
    /// An object without members.
    pub const EMPTY: Self = Self { text: "{}", members: Vec::new() };

    /// Parses an object; `None` where `text` is not the JSON of an object.
    pub fn parse(text: &'a str) -> Option<Self> {
        let Members(members) = serde_json::from_str(text).ok()?;
        Some(Self { text, members })
    }

    /// The JSON of a member's value. Where a name is repeated, the last one counts, as in
    /// nearly every JSON library.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.members.iter().rev().find(|(member, _)| member == name).map(|(_, value)| *value)
    }

    /// The text of the object with these members changed. A missing member is added at the
    /// end. Where a name is repeated, its last member changes and the others are removed: so a parser
    /// that takes the first one gets the change too, and the text grows by one value for each change at
    /// most.
    pub fn with_members(&self, changes: &[(&str, Change)]) -> String {
        let last_of = |(name, _): &(&str, Change)| {
            self.members.iter().rposition(|(member, _)| member == name)
        };
        let last: Vec<Option<usize>> = changes.iter().map(last_of).collect();
        let change_of = |index: usize| {
            let (member, _) = self.members.get(index)?;
            let changed = changes.iter().zip(&last).find(|((name, _), _)| name == member);
            let ((_, change), last) = changed?;
            Some(if *last == Some(index) { change } else { &Change::Remove })
        };
        let added = changes.iter().filter_map(|(name, change)| match change {
            Change::Set(value) if self.get(name).is_none() => {
                Some(format!("{}:{value}", quoted(name)))
            }
            _ => None,
        });
        let values: Vec<&str> = self.members.iter().map(|(_, value)| *value).collect();
        splice(self.text, '{', &values, &change_of, None, &added.collect::<Vec<_>>())
    }
}

// === impl Array ===

impl<'a> Array<'a> {
    /// Parses an array; `None` where `text` is not the JSON of an array.
    pub fn parse(text: &'a str) -> Option<Self> {
        let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        Some(Self { text, items: items.into_iter().map(RawValue::get).collect() })
    }

    /// The JSON of each item.
    pub fn items(&self) -> &[&'a str] {
        &self.items
    }

    /// The text of the array with the items at these indices changed. The indices ascend: one
    /// request may have tens of thousands of items, each of which is looked up.
    pub fn with_items(&self, changes: &[(usize, Change)]) -> String {
        let change_of = |index: usize| {
            let found = changes.binary_search_by_key(&index, |(at, _)| *at).ok()?;
            changes.get(found).map(|(_, change)| change)
        };
        splice(self.text, '[', &self.items, &change_of, None, &[])
    }

    /// The text of the array with `item` inserted before its first item.
    pub fn with_first(&self, item: &str) -> String {
        splice(self.text, '[', &self.items, &|_| None, Some(item), &[])
    }

    /// The text of the array with `item` appended.
    pub fn with_last(&self, item: String) -> String {
        splice(self.text, '[', &self.items, &|_| None, None, &[item])
    }
}

/// The text of an object or array with some of its values changed.
///
/// The bytes before a value belong to it: its white space, its comma and, in an object, its
/// name. They are removed with it.
fn splice<'a>(
    text: &str,
    bracket: char,
    values: &[&str],
    change_of: &dyn Fn(usize) -> Option<&'a Change>,
    first: Option<&str>,
    last: &[String],
) -> String {
    let slice = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let mut position = text.find(bracket).map_or(text.len(), |index| index + 1);
    let mut output = String::with_capacity(text.len() + 256);
    output.push_str(slice(0, position));
    let mut is_empty = true;
    if let Some(item) = first {
        output.push_str(item);
        is_empty = false;
    }
    for (index, value) in values.iter().enumerate() {
        let start = value.as_ptr().addr() - text.as_ptr().addr();
        let lead = slice(position, start);
        position = start + value.len();
        let value = match change_of(index) {
            None => value,
            Some(Change::Set(json)) => json.as_str(),
            Some(Change::Remove) => continue,
        };
        // The lead of every value but the first has a comma.
        let has_comma = index > 0;
        let lead = match (has_comma, is_empty) {
            (true, true) => lead.trim_start().strip_prefix(',').unwrap_or(lead),
            (false, false) => {
                output.push(',');
                lead
            }
            _ => lead,
        };
        output.push_str(lead);
        output.push_str(value);
        is_empty = false;
    }
    for value in last {
        if !is_empty {
            output.push(',');
        }
        output.push_str(value);
        is_empty = false;
    }
    output.push_str(slice(position, text.len()));
    output
}

/// The members of an object: each name, and the JSON of its value as it was written.
struct Members<'a>(Vec<(String, &'a str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((name, value.get()));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}
