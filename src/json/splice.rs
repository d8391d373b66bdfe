//! JSON as it was written, with some of it exchanged and all else left as it is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// What becomes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It becomes this JSON.
    Set(String),
    /// It goes.
    Remove,
}

/// An object, its members in their order.
#[derive(Debug)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<(String, &'a str)>,
}

/// An array.
#[derive(Debug)]
pub struct Array<'a> {
    text: &'a str,
    items: Vec<&'a str>,
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The text that this JSON is, if it is one.
pub fn unquoted(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

// === impl Object ===

impl<'a> Object<'a> {
    /// One without a member.
    pub const EMPTY: Self = Self { text: "{}", members: Vec::new() };

    /// Reads an object; `None` where the text is not the JSON of one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let Members(members) = serde_json::from_str(text).ok()?;
        Some(Self { text, members })
    }

    /// The value of a member. Of a name that is repeated the last counts, as for nearly
    /// every reader of JSON.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.members.iter().rev().find(|(it, _)| it == name).map(|(_, value)| *value)
    }

    /// The object with these members changed. One that is not there is added at the end,
    /// of one that is repeated each changes.
    pub fn with_members(&self, changes: &[(&str, Change)]) -> String {
        let change_of = |index: usize| {
            let (name, _) = self.members.get(index)?;
            changes.iter().find(|(it, _)| it == name).map(|(_, change)| change)
        };
        let added = changes.iter().filter_map(|(name, change)| match change {
            Change::Set(value) if self.get(name).is_none() => {
                Some(format!("{}:{value}", quoted(name)))
            }
            _ => None,
        });
        let values: Vec<&str> = self.members.iter().map(|(_, value)| *value).collect();
        rewritten(self.text, '{', &values, &change_of, None, &added.collect::<Vec<_>>())
    }
}

// === impl Array ===

impl<'a> Array<'a> {
    /// Reads an array; `None` where the text is not the JSON of one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        Some(Self { text, items: items.into_iter().map(RawValue::get).collect() })
    }

    /// The items.
    pub fn items(&self) -> &[&'a str] {
        &self.items
    }

    /// The array with these items changed, by their index.
    pub fn with_items(&self, changes: &[(usize, Change)]) -> String {
        let change_of =
            |index| changes.iter().find(|(it, _)| *it == index).map(|(_, change)| change);
        rewritten(self.text, '[', &self.items, &change_of, None, &[])
    }

    /// The array with one more item before all others.
    pub fn with_first(&self, item: &str) -> String {
        rewritten(self.text, '[', &self.items, &|_| None, Some(item), &[])
    }

    /// The array with one more item after all others.
    pub fn with_last(&self, item: String) -> String {
        rewritten(self.text, '[', &self.items, &|_| None, None, &[item])
    }
}

/// The text of an object or array with some of its values changed. What stands before a
/// value, a comma and in an object its name, goes with it.
fn rewritten<'a>(
    text: &str,
    opens: char,
    values: &[&str],
    change_of: &dyn Fn(usize) -> Option<&'a Change>,
    first: Option<&str>,
    last: &[String],
) -> String {
    let between = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let mut at = text.find(opens).map_or(text.len(), |at| at + 1);
    let mut new = String::with_capacity(text.len() + 256);
    new.push_str(between(0, at));
    let mut is_empty = true;
    if let Some(item) = first {
        new.push_str(item);
        is_empty = false;
    }
    for (index, value) in values.iter().enumerate() {
        let start = value.as_ptr().addr() - text.as_ptr().addr();
        let lead = between(at, start);
        at = start + value.len();
        let value = match change_of(index) {
            None => value,
            Some(Change::Set(new)) => new.as_str(),
            Some(Change::Remove) => continue,
        };
        // There is a comma before all but the first of the values that were.
        let has_comma = index > 0;
        let lead = match (has_comma, is_empty) {
            (true, true) => lead.trim_start().strip_prefix(',').unwrap_or(lead),
            (false, false) => {
                new.push(',');
                lead
            }
            _ => lead,
        };
        new.push_str(lead);
        new.push_str(value);
        is_empty = false;
    }
    for value in last {
        if !is_empty {
            new.push(',');
        }
        new.push_str(value);
        is_empty = false;
    }
    new.push_str(between(at, text.len()));
    new
}

/// The members of an object, their values as they were written.
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
