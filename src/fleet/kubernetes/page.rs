//! A part of a list, as one request, and its answer.

use super::super::store::Folder;
use super::answer::{self, Failure};
use super::names::Names;
use super::object::{Object, ObjectList};

/// The number of objects of the first part of a list, whose sizes are not known: 32 full outboxes of a
/// shadow step are 26 MB of JSON.
const FIRST_OBJECTS: usize = 32;

/// The most objects of a part, so that it is below 32 MiB, which Envoy accepts, also where all of them are as
/// large as they can be: those of the part before say nothing about that. 256 chunks are 23 MB of JSON.
const MAX_OUTBOXES: usize = FIRST_OBJECTS;
const MAX_CHUNKS: usize = 256;

/// The size of a part in bytes that later parts aim at.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// What is read next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    selector: String,
    next: Option<String>,
    limit: usize,
    most: usize,
}

// === impl Page ===

impl Page {
    /// The first part of a folder.
    pub fn first(names: &Names, folder: Folder) -> Self {
        let most = match folder {
            Folder::Outboxes => MAX_OUTBOXES,
            Folder::SeenUnits => MAX_CHUNKS,
        };
        Self { selector: names.selector(folder), next: None, limit: FIRST_OBJECTS, most }
    }

    /// The path of the request, with its query.
    pub fn path(&self, names: &Names) -> String {
        let mut path = format!("{}?{}&limit={}", names.collection(), self.selector, self.limit);
        if let Some(next) = &self.next {
            path += "&continue=";
            path += &percent_encoded(next);
        }
        path
    }

    /// The objects of an answer, and the part after it at the same resource version.
    ///
    /// # Errors
    /// [`Failure::Unknown`] where it is not a list of ConfigMaps.
    pub fn read(&self, body: &[u8]) -> Result<(Vec<Object>, Option<Self>), Failure> {
        let list: ObjectList = answer::parse(body, "ConfigMapList")?;
        if list.kind != "ConfigMapList" {
            return Err(Failure::Unknown(format!(
                "the Kubernetes API answers with a {} instead of a ConfigMapList",
                list.kind
            )));
        }
        let next = list.metadata.next.filter(|it| !it.is_empty());
        if next.is_some() && next == self.next {
            return Err(Failure::Unknown(
                "a list of the Kubernetes API does not continue".to_owned(),
            ));
        }
        let object_bytes = body.len() / list.items.len().max(1) + 1;
        let limit = (PAGE_BYTES / object_bytes).clamp(1, self.most);
        let next = next.map(|next| Self { next: Some(next), limit, ..self.clone() });
        Ok((list.items, next))
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}
