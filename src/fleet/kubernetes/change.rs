//! A transaction as a change of the rollout's object.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::store::{FleetRecord, StoreError, Transaction};
use super::base64;
use super::names::{IN_FORCE_ANNOTATION, Names, key_of};
use super::object;
use crate::analysis::UnitFlags;
use crate::hash::hash_64;
use crate::rollout::seen_units_log::CHUNK_ENTRIES;

/// From this size in bytes on, a chunk of units is an object of its own: it has all its entries, and does
/// not change any more.
const FULL_CHUNK_BYTES: usize = CHUNK_ENTRIES * UnitFlags::ENCODED_BYTES;

/// What a transaction changes in the rollout's object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    in_force: Option<Vec<u8>>,
    /// Bytes by key; `None` removes the key.
    bytes: BTreeMap<String, Option<Vec<u8>>>,
    /// The objects of full chunks by key; `None` removes the key.
    chunks: BTreeMap<String, Option<String>>,
}

/// A full chunk that becomes an object of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChunk {
    /// The object's name.
    pub name: String,
    /// The path of its record.
    pub path: String,
    /// Its bytes.
    pub value: Vec<u8>,
}

// === impl Change ===

impl Change {
    /// The change of a transaction that replaces `guard`, and the objects to create before it.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where it writes a record that is not in the rollout's object, or deletes one that is
    /// no chunk of units.
    pub fn of(
        transaction: Transaction,
        names: &Names,
        guard: u64,
    ) -> Result<(Self, Vec<NewChunk>), StoreError> {
        let (mut change, mut chunks) = (Self::default(), Vec::new());
        for (record, value) in transaction.puts {
            if record == FleetRecord::InForce {
                change.in_force = Some(value);
                continue;
            }
            let Some(key) = key_of(&record) else {
                let path = record.path();
                return Err(StoreError::Failed(format!("{path} is not part of a decision")));
            };
            let FleetRecord::SeenUnits { .. } = record else {
                change.bytes.insert(key, Some(value));
                continue;
            };
            let (bytes, chunk) = if value.len() < FULL_CHUNK_BYTES {
                (Some(value), None)
            } else {
                let name = names.of_chunk(&key, guard, hash_64(&value));
                chunks.push(NewChunk { name: name.clone(), path: record.path(), value });
                (None, Some(name))
            };
            change.bytes.insert(key.clone(), bytes);
            change.chunks.insert(key, chunk);
        }
        for record in transaction.deletes {
            let (FleetRecord::SeenUnits { .. }, Some(key)) = (&record, key_of(&record)) else {
                let path = record.path();
                return Err(StoreError::Failed(format!("a decision does not delete {path}")));
            };
            change.bytes.insert(key.clone(), None);
            change.chunks.insert(key, None);
        }
        Ok((change, chunks))
    }

    /// The object of each chunk after the change, where it was `before`.
    pub fn chunks_after(&self, mut before: BTreeMap<String, String>) -> BTreeMap<String, String> {
        for (key, name) in &self.chunks {
            match name {
                Some(name) => drop(before.insert(key.clone(), name.clone())),
                None => drop(before.remove(key)),
            }
        }
        before
    }

    /// The merge patch of the object at a version.
    pub fn patch(&self, version: u64) -> Vec<u8> {
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if let (Some(in_force), Some(metadata)) = (&self.in_force, metadata.as_object_mut()) {
            let annotations = json!({IN_FORCE_ANNOTATION: base64::encode(in_force)});
            metadata.insert("annotations".to_owned(), annotations);
        }
        let (data, binary_data) = (self.data(), self.binary_data());
        json!({"metadata": metadata, "data": data, "binaryData": binary_data})
            .to_string()
            .into_bytes()
    }

    /// The object, where it does not exist yet.
    pub fn create(&self, names: &Names) -> Vec<u8> {
        let mut object = object::new(names, &names.of_rollout(), "rollout");
        if let (Some(in_force), Some(metadata)) =
            (&self.in_force, object.get_mut("metadata").and_then(Value::as_object_mut))
        {
            let annotations = json!({IN_FORCE_ANNOTATION: base64::encode(in_force)});
            metadata.insert("annotations".to_owned(), annotations);
        }
        let without_removed = |mut map: Map<String, Value>| {
            map.retain(|_, value| !value.is_null());
            Value::Object(map)
        };
        object.insert("data".to_owned(), without_removed(self.data()));
        object.insert("binaryData".to_owned(), without_removed(self.binary_data()));
        Value::Object(object).to_string().into_bytes()
    }

    fn data(&self) -> Map<String, Value> {
        let value = |it: &Option<String>| it.clone().map_or(Value::Null, Value::String);
        self.chunks.iter().map(|(key, name)| (key.clone(), value(name))).collect()
    }

    fn binary_data(&self) -> Map<String, Value> {
        let value = |it: &Option<Vec<u8>>| {
            it.as_ref().map_or(Value::Null, |it| Value::String(base64::encode(it)))
        };
        self.bytes.iter().map(|(key, bytes)| (key.clone(), value(bytes))).collect()
    }
}
