//! Reads what the operator wrote, and notes each thing that is of another shape than it
//! should be.

use std::cell::RefCell;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::config::examples::example;
use crate::config::invalid_config::{FieldError, InvalidConfig, WHOLE};
use crate::config::nearest::nearest;

/// The fields of one object.
pub(in crate::config) struct ObjectReader<'a> {
    place: Node<'a>,
    object: &'a Map<String, Value>,
    /// Those that were asked for: there are no others.
    known: Vec<&'static str>,
}

/// A value, and where it stands.
#[derive(Clone)]
pub(in crate::config) struct Node<'a> {
    path: String,
    value: &'a Value,
    problems: &'a RefCell<Vec<FieldError>>,
}

/// What `read` makes of the fields of a whole text.
///
/// # Errors
/// Everything that is of another shape than it should be.
pub(in crate::config) fn read_object<T>(
    json: &Value,
    read: impl FnOnce(ObjectReader<'_>) -> T,
) -> Result<T, InvalidConfig> {
    let problems = RefCell::default();
    let value = Node::root(json, &problems).object().map(read);
    let problems = problems.into_inner();
    value.filter(|_| problems.is_empty()).ok_or(InvalidConfig { errors: problems })
}

// === impl Place ===

impl<'a> Node<'a> {
    /// The whole text.
    pub fn root(value: &'a Value, problems: &'a RefCell<Vec<FieldError>>) -> Self {
        Self { path: String::new(), value, problems }
    }

    /// What stands there, of whatever kind.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    pub fn text(&self) -> Option<String> {
        self.is(self.value.as_str().map(str::to_owned), "a text")
    }

    pub fn unsigned(&self) -> Option<u64> {
        self.is(self.value.as_u64(), "a whole number from 0")
    }

    pub fn number(&self) -> Option<Number> {
        self.is(self.value.as_number().cloned(), "a number")
    }

    pub fn boolean(&self) -> Option<bool> {
        self.is(self.value.as_bool(), "true or false")
    }

    pub fn object(&self) -> Option<ObjectReader<'a>> {
        let object = self.is(self.value.as_object(), "an object")?;
        Some(ObjectReader { place: self.clone(), object, known: Vec::new() })
    }

    pub fn items(&self) -> Vec<Self> {
        let items = self.is(self.value.as_array(), "a list").map(Vec::as_slice);
        let item =
            |(at, value)| Self { path: format!("{}[{at}]", self.path), value, ..self.clone() };
        items.unwrap_or_default().iter().enumerate().map(item).collect()
    }

    /// The items of a list, or what stands there as the only one.
    pub fn one_or_many(&self) -> Vec<Self> {
        if self.value.is_array() { self.items() } else { vec![self.clone()] }
    }

    /// Notes that what stands there is wrong.
    #[cold]
    pub fn wrong(&self, mend: String) {
        let path = if self.path.is_empty() { WHOLE } else { &self.path };
        self.problems.borrow_mut().push(FieldError::new(path, self.value, mend));
    }

    fn is<T>(&self, value: Option<T>, kind: &str) -> Option<T> {
        if value.is_none() {
            let mend = match example(&self.path) {
                Some(example) => format!("is not {kind}; write {example}"),
                None => format!("is not {kind}"),
            };
            self.wrong(mend);
        }
        value
    }
}

// === impl Fields ===

impl<'a> ObjectReader<'a> {
    /// The field of this name, if it is there.
    pub fn get(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.known.push(name);
        let value = self.object.get(name)?;
        Some(self.at(name, value))
    }

    /// As [`get`](Self::get), where `null` says that nothing is written: what fills in a
    /// template writes it for what it has no value for.
    fn node(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.get(name).filter(|place| !place.value.is_null())
    }

    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.node(name)?.text()
    }

    pub fn unsigned(&mut self, name: &'static str) -> Option<u64> {
        self.node(name)?.unsigned()
    }

    pub fn number(&mut self, name: &'static str) -> Option<Number> {
        self.node(name)?.number()
    }

    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.node(name)?.boolean()
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

    /// Where in the list the text stands that is written.
    pub fn choice(&mut self, name: &'static str, choices: &[&str]) -> Option<usize> {
        let place = self.node(name)?;
        let at = choices.iter().position(|choice| place.value.as_str() == Some(choice));
        if at.is_none() {
            let choices: Vec<_> = choices.iter().map(|it| format!("\"{it}\"")).collect();
            place.wrong(format!("write {}", choices.join(" or ")));
        }
        at
    }

    /// All of them, where any name is allowed.
    pub fn entries(&self) -> Vec<(String, Node<'a>)> {
        let entry = |(name, value): (&String, &'a Value)| (name.clone(), self.at(name, value));
        self.object.iter().map(entry).collect()
    }

    /// Notes the fields that nobody has asked for.
    pub fn finish(self) {
        for (name, value) in self.object {
            if !self.known.contains(&name.as_str()) {
                let known = self.known.join(", ");
                let meant = nearest(name, &self.known)
                    .map(|it| format!("did you mean {it}? "))
                    .unwrap_or_default();
                let mend = format!("is no field here; {meant}the fields are {known}");
                self.at(name, value).wrong(mend);
            }
        }
    }

    fn at(&self, name: &str, value: &'a Value) -> Node<'a> {
        let above = &self.place.path;
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        Node { path, value, problems: self.place.problems }
    }
}

/// JSON in which no field is written twice.
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
