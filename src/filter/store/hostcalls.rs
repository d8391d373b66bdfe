//! The host calls of shared data and shared queues.
#![allow(unsafe_code, reason = "the host is reached through foreign functions")]

use proxy_wasm::types::Bytes;

use crate::filter::host_error::HostError;
use crate::filter::hostcalls::{receive, receive_number};

#[rustfmt::skip]
mod abi {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub fn proxy_get_shared_data(
            key: *const u8, key_size: usize, value: *mut *mut u8, size: *mut usize, cas: *mut u32
        ) -> u32;
        pub fn proxy_set_shared_data(
            key: *const u8, key_size: usize, value: *const u8, size: usize, cas: u32
        ) -> u32;
        pub fn proxy_register_shared_queue(name: *const u8, size: usize, id: *mut u32) -> u32;
        pub fn proxy_enqueue_shared_queue(id: u32, value: *const u8, size: usize) -> u32;
        pub fn proxy_dequeue_shared_queue(id: u32, value: *mut *mut u8, size: *mut usize) -> u32;
    }
}

/// Identifies the last write of a shared value, for a compare-and-swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CasToken(u32);

impl CasToken {
    /// Matches any write.
    pub const ANY: Self = Self(0);

    /// Matches no write. Envoy compares only where there is a value, so that a value is written if
    /// there was none.
    pub const ABSENT: Self = Self(u32::MAX);

    /// The token with this number.
    pub fn from_number(number: u64) -> Self {
        Self(number as u32)
    }

    /// The token's number.
    pub fn number(self) -> u64 {
        self.0.into()
    }
}

/// The value that all VMs of this `vm_id` share under `key`; `None` if there is none.
pub fn get_shared_data(key: &str) -> Option<(Bytes, CasToken)> {
    let mut cas = 0;
    // SAFETY: `key` outlives the call; the host writes a number to `cas`, and to the two places as
    // `receive` says.
    let value = receive(|value, size| unsafe {
        abi::proxy_get_shared_data(key.as_ptr(), key.len(), value, size, &mut cas)
    });
    Some((value.ok()?, CasToken(cas)))
}

/// Writes a shared value. An error may mean that another VM has written since `cas`.
pub fn set_shared_data(key: &str, value: &[u8], cas: CasToken) -> Result<(), HostError> {
    // SAFETY: key and value outlive the call; the host only reads them.
    HostError::check(unsafe {
        abi::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas.0)
    })
}

/// A queue that all VMs of this `vm_id` share.
#[derive(Clone, Copy, Debug)]
pub struct SharedQueue(u32);

impl SharedQueue {
    /// The queue of that name, made if there is none.
    pub fn open(name: &str) -> Result<Self, HostError> {
        // SAFETY: `name` outlives the call.
        receive_number(|id| unsafe {
            abi::proxy_register_shared_queue(name.as_ptr(), name.len(), id)
        })
        .map(Self)
    }

    /// Appends bytes.
    pub fn push(self, bytes: &[u8]) -> Result<(), HostError> {
        // SAFETY: `bytes` outlives the call; the host only reads them.
        HostError::check(unsafe {
            abi::proxy_enqueue_shared_queue(self.0, bytes.as_ptr(), bytes.len())
        })
    }

    /// Removes the oldest bytes; `None` if the queue is empty.
    pub fn pop(self) -> Option<Bytes> {
        // SAFETY: the host writes as `receive` says.
        receive(|value, size| unsafe { abi::proxy_dequeue_shared_queue(self.0, value, size) }).ok()
    }
}
