//! Reads what the operator wrote, and notes each thing that is of another shape than it
//! should be.

use std::cell::RefCell;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::nearest::nearest;
use super::written::example;
use super::{Problem, Refused};

/// The fields of one object.
pub(super) struct Fields<'a> {
    place: Place<'a>,
    object: &'a Map<String, Value>,
    /// Those that were asked for: there are no others.
    known: Vec<&'static str>,
}

/// A value, and where it stands.
#[derive(Clone)]
pub(super) struct Place<'a> {
    path: String,
    value: &'a Value,
    problems: &'a RefCell<Vec<Problem>>,
}

/// What `read` makes of the fields of a whole text.
///
/// # Errors
/// Everything that is of another shape than it should be.
pub(super) fn fields_of<T>(json: &Value, read: impl FnOnce(Fields<'_>) -> T) -> Result<T, Refused> {
    let problems = RefCell::default();
    let value = Place::root(json, &problems).fields().map(read);
    let problems = problems.into_inner();
    value.filter(|_| problems.is_empty()).ok_or(Refused { problems })
}

// === impl Place ===

impl<'a> Place<'a> {
    /// The whole text.
    pub fn root(value: &'a Value, problems: &'a RefCell<Vec<Problem>>) -> Self {
        Self { path: String::new(), value, problems }
    }

    /// What stands there, of whatever kind.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    pub fn text(&self) -> Option<String> {
        self.is(self.value.as_str().map(str::to_owned), "a text")
    }

    pub fn whole(&self) -> Option<u64> {
        self.is(self.value.as_u64(), "a whole number from 0")
    }

    pub fn number(&self) -> Option<Number> {
        self.is(self.value.as_number().cloned(), "a number")
    }

    pub fn boolean(&self) -> Option<bool> {
        self.is(self.value.as_bool(), "true or false")
    }

    pub fn fields(&self) -> Option<Fields<'a>> {
        let object = self.is(self.value.as_object(), "an object")?;
        Some(Fields { place: self.clone(), object, known: Vec::new() })
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
        let path = if self.path.is_empty() { super::written::WHOLE } else { &self.path };
        self.problems.borrow_mut().push(Problem::new(path, self.value, mend));
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

impl<'a> Fields<'a> {
    /// The field of this name, if it is there.
    pub fn get(&mut self, name: &'static str) -> Option<Place<'a>> {
        self.known.push(name);
        let value = self.object.get(name)?;
        Some(self.at(name, value))
    }

    /// As [`get`](Self::get), where `null` says that nothing is written: what fills in a
    /// template writes it for what it has no value for.
    fn written(&mut self, name: &'static str) -> Option<Place<'a>> {
        self.get(name).filter(|place| !place.value.is_null())
    }

    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.written(name)?.text()
    }

    pub fn whole(&mut self, name: &'static str) -> Option<u64> {
        self.written(name)?.whole()
    }

    pub fn number(&mut self, name: &'static str) -> Option<Number> {
        self.written(name)?.number()
    }

    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.written(name)?.boolean()
    }

    pub fn fields(&mut self, name: &'static str) -> Option<Fields<'a>> {
        self.get(name)?.fields()
    }

    pub fn items(&mut self, name: &'static str) -> Option<Vec<Place<'a>>> {
        Some(self.get(name)?.items())
    }

    pub fn texts(&mut self, name: &'static str) -> Vec<String> {
        let items = self.items(name).unwrap_or_default();
        items.iter().filter_map(Place::text).collect()
    }

    /// Where in the list the text stands that is written.
    pub fn choice(&mut self, name: &'static str, choices: &[&str]) -> Option<usize> {
        let place = self.written(name)?;
        let at = choices.iter().position(|choice| place.value.as_str() == Some(choice));
        if at.is_none() {
            let choices: Vec<_> = choices.iter().map(|it| format!("\"{it}\"")).collect();
            place.wrong(format!("write {}", choices.join(" or ")));
        }
        at
    }

    /// All of them, where any name is allowed.
    pub fn entries(&self) -> Vec<(String, Place<'a>)> {
        let entry = |(name, value): (&String, &'a Value)| (name.clone(), self.at(name, value));
        self.object.iter().map(entry).collect()
    }

    /// Notes the fields that nobody has asked for.
    pub fn end(self) {
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

    fn at(&self, name: &str, value: &'a Value) -> Place<'a> {
        let above = &self.place.path;
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        Place { path, value, problems: self.place.problems }
    }
}

/// JSON in which no field is written twice.
pub(super) struct Unique(pub Value);

impl<'de> Deserialize<'de> for Unique {
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
                while let Some(Unique(item)) = items.next_element()? {
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
                    let Unique(value) = fields.next_value()?;
                    object.insert(name, value);
                }
                Ok(Value::Object(object))
            }
        }

        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}
