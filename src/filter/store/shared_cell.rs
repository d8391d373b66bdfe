//! One value in shared data, changed by compare-and-swap.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::hostcalls::{CasToken, get_shared_data, set_shared_data};
use crate::console::Rejections;

/// How often an update is tried when other VMs write in between.
const MAX_TRIES: usize = 4;

/// A value that can be in shared data.
pub trait SharedValue: Sized {
    /// The value; `None` where the bytes are none.
    fn decode(bytes: &[u8]) -> Option<Self>;
    /// Its bytes.
    fn encode(&self) -> Option<Vec<u8>>;
}

/// A value that all VMs share under one key.
pub struct SharedCell<T> {
    key: String,
    value: PhantomData<T>,
}

/// What an update makes of the value that it finds.
pub enum Update<T, R> {
    /// Write this value, and return this result once it is written.
    Write(T, R),
    /// Write nothing, and return this result.
    Keep(R),
}

// === impl SharedCell ===

impl<T: SharedValue> SharedCell<T> {
    /// The value under `key`.
    pub fn new(key: String) -> Self {
        Self { key, value: PhantomData }
    }

    /// The value; `None` where there is none, or none of this form.
    pub fn get(&self) -> Option<T> {
        self.read().0
    }

    /// Changes the value with `change`, which is called again where another VM has written in
    /// between. `None` if the host does not take the value, or other VMs were faster each time.
    pub fn update<R>(&self, mut change: impl FnMut(Option<T>) -> Update<T, R>) -> Option<R> {
        for _ in 0..MAX_TRIES {
            let (found, cas) = self.read();
            match change(found) {
                Update::Keep(result) => return Some(result),
                Update::Write(value, result) => {
                    let bytes = value.encode()?;
                    if set_shared_data(&self.key, &bytes, cas).is_ok() {
                        return Some(result);
                    }
                }
            }
        }
        None
    }

    fn read(&self) -> (Option<T>, CasToken) {
        match get_shared_data(&self.key) {
            Some((bytes, cas)) => (T::decode(&bytes), cas),
            // Of several VMs that write the first value, one does.
            None => (None, CasToken::ABSENT),
        }
    }
}

/// State of this module's version, as postcard: exact, and with a fifth of the code of JSON.
impl<T: Serialize + DeserializeOwned> SharedValue for T {
    fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    fn encode(&self) -> Option<Vec<u8>> {
        postcard::to_allocvec(self).ok()
    }
}

/// Modules of all versions share the rejections: JSON with named fields.
impl SharedValue for Rejections {
    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self::read(bytes))
    }

    fn encode(&self) -> Option<Vec<u8>> {
        Some(self.write())
    }
}
