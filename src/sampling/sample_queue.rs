//! Samples that wait to be sent.

use std::collections::VecDeque;

/// Samples, or pairs of them, that wait to be sent. It is bounded by the number of entries and by the
/// bytes of their texts: an entry that does not fit is dropped, whatever its version.
#[derive(Clone, Debug)]
pub struct SampleQueue<T> {
    entries: VecDeque<(T, usize)>,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

// === impl SampleQueue ===

impl<T> SampleQueue<T> {
    /// An empty queue with these bounds.
    pub fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, max_entries, max_bytes }
    }

    /// Adds an entry with texts of `bytes` bytes. Returns whether it fits.
    pub fn push(&mut self, entry: T, bytes: usize) -> bool {
        let after = self.bytes.saturating_add(bytes);
        let fits = self.entries.len() < self.max_entries && after <= self.max_bytes;
        if fits {
            self.bytes = after;
            self.entries.push_back((entry, bytes));
        }
        fits
    }

    /// Takes the oldest entry.
    pub fn pop(&mut self) -> Option<T> {
        let (entry, bytes) = self.entries.pop_front()?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(entry)
    }

    /// Drops all entries, and returns them.
    pub fn clear(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.bytes = 0;
        std::mem::take(&mut self.entries).into_iter().map(|(entry, _)| entry)
    }

    /// How many entries wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no entry waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes of texts wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
