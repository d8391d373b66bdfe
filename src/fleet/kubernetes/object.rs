//! A ConfigMap as JSON, and what is read of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::store::Revision;
use super::base64;
use super::names::{Names, RECORD_ANNOTATION};

/// A ConfigMap, or its metadata alone. Fields that are not read are skipped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Object {
    /// What it is. An object in a list has no kind.
    pub kind: Option<String>,
    /// Its metadata.
    pub metadata: Metadata,
    /// Its texts.
    pub data: Option<BTreeMap<String, String>>,
    /// Its bytes, as base64.
    #[serde(rename = "binaryData")]
    pub binary_data: Option<BTreeMap<String, String>>,
}

/// The metadata of an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// The version that the API compares.
    #[serde(rename = "resourceVersion")]
    pub resource_version: String,
    /// Its annotations.
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Objects of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ObjectList {
    /// What it is.
    pub kind: String,
    /// Where the list continues.
    pub metadata: ListMetadata,
    /// The objects.
    pub items: Vec<Object>,
}

/// The metadata of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListMetadata {
    /// The version of the list as a whole.
    #[serde(rename = "resourceVersion")]
    pub resource_version: String,
    /// The token of the next part; absent or empty after the last.
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

// === impl Object ===

impl Object {
    /// The version of the latest write. It is compared for equality alone.
    ///
    /// # Errors
    /// A message, where it is not the number that the API has had so far.
    pub fn revision(&self) -> Result<Revision, String> {
        let version = &self.metadata.resource_version;
        let revision = version.parse().map(Revision).ok().filter(|it| it.0 > 0);
        revision.ok_or_else(|| format!("the resourceVersion {version:?} is not a number"))
    }

    /// An annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// The bytes under a key. `None` where there is no such key.
    ///
    /// # Errors
    /// A message, where they are not base64.
    pub fn bytes(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        let Some(text) = self.binary_data.as_ref().and_then(|it| it.get(key)) else {
            return Ok(None);
        };
        let bytes = base64::decode(text);
        bytes.map(Some).ok_or_else(|| format!("{key} of {} is not base64", self.metadata.name))
    }

    /// The bytes of an object that has one record, if its annotation names that record.
    ///
    /// # Errors
    /// A message, where it does not have that record.
    pub fn only_record(&self, path: &str) -> Result<Vec<u8>, String> {
        let name = &self.metadata.name;
        match self.annotation(RECORD_ANNOTATION) {
            Some(found) if found == path => {}
            found => return Err(format!("{name} has the record {found:?} instead of {path:?}")),
        }
        self.bytes(RECORD_KEY)?.ok_or_else(|| format!("{name} has no bytes under {RECORD_KEY:?}"))
    }
}

/// The key of the bytes in an object that has one record.
const RECORD_KEY: &str = "record";

/// An object that has one record. `version` is the one that it replaces.
pub fn with_one_record(
    names: &Names,
    name: &str,
    kind: &str,
    path: &str,
    value: &[u8],
    version: Option<u64>,
) -> Vec<u8> {
    let mut object = new(names, name, kind);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("annotations".to_owned(), json!({RECORD_ANNOTATION: path}));
        if let Some(version) = version {
            metadata.insert("resourceVersion".to_owned(), version.to_string().into());
        }
    }
    object.insert("binaryData".to_owned(), json!({RECORD_KEY: base64::encode(value)}));
    Value::Object(object).to_string().into_bytes()
}

/// A new ConfigMap without data.
pub fn new(names: &Names, name: &str, kind: &str) -> Map<String, Value> {
    let labels: Map<String, Value> =
        names.labels(kind).into_iter().map(|(name, it)| (name.to_owned(), it.into())).collect();
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), "v1".into());
    object.insert("kind".to_owned(), "ConfigMap".into());
    object.insert("metadata".to_owned(), json!({"name": name, "labels": labels}));
    object
}
