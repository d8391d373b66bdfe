//! Bytes that the host hands over, and the memory that it puts them in.
//!
//! Before the host hands over a value it calls back for memory, and what it takes
//! for that is by far the most of what a value costs (see ARCHITECTURE.md). What is
//! done here is therefore little: one value at a time, which is nearly all that is
//! ever held, lies in memory that is set aside. Others come from the allocator.
#![allow(unsafe_code, reason = "the host writes into memory that it was given the address of")]

use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::null_mut;

use super::host::HostError;

/// How large a value may be to lie in the memory that is set aside: what Envoy
/// reads from a connection at once.
const ROOM: usize = 1 << 14;

struct Scratch {
    memory: UnsafeCell<[u8; ROOM]>,
    is_taken: Cell<bool>,
}

// SAFETY: a VM has one thread.
unsafe impl Sync for Scratch {}

static SCRATCH: Scratch =
    Scratch { memory: UnsafeCell::new([0; ROOM]), is_taken: Cell::new(false) };

/// Bytes that the host has handed over. Their memory is free again with this.
#[derive(Debug)]
pub struct Value {
    data: *mut u8,
    size: usize,
}

// === impl Value ===

impl Value {
    /// Has `call` fill in pointer and size, and takes the bytes over.
    ///
    /// # Errors
    ///
    /// The status with which the host refused.
    pub fn fill(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Self, HostError> {
        let was_taken = SCRATCH.is_taken.get();
        // What has no byte is not allocated, and its pointer stays null.
        let mut value = Self { data: null_mut(), size: 0 };
        let status = call(&mut value.data, &mut value.size);
        if let Err(error) = HostError::check(status) {
            // Memory that the host asked for before it failed has no owner.
            SCRATCH.is_taken.set(was_taken);
            return Err(error);
        }
        Ok(value)
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: the host got the memory from `proxy_on_memory_allocate`, has filled
        // it, and gave it up with the call's return. It is this value's until `drop`.
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if self.data == SCRATCH.memory.get().cast() {
            SCRATCH.is_taken.set(false);
        } else if !self.data.is_null() {
            // SAFETY: what is not set aside was made below, as a vector of that capacity.
            drop(unsafe { Vec::from_raw_parts(self.data, 0, self.size) });
        }
    }
}

/// Memory for what the host hands over.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    if size <= ROOM && !SCRATCH.is_taken.replace(true) {
        return SCRATCH.memory.get().cast();
    }
    ManuallyDrop::new(Vec::with_capacity(size)).as_mut_ptr()
}
