//! Samples that wait to be sent.

use std::collections::VecDeque;

/// Samples, or pairs of them, that wait to be sent. It is bounded by the number of entries and by the
/// bytes of their texts.
///
/// The newest one is taken first, and where one more does not fit, the oldest ones are dropped. Where more is
/// sampled than can be sent, what is sent is so a moment old and not as old as the queue is long, and
/// whether an entry is sent depends on its age and not on its size or its version.
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

    /// Adds an entry with texts of `bytes` bytes. Returns the entries that are dropped for it: the oldest
    /// ones, or the entry itself where it alone exceeds the bound.
    pub fn push(&mut self, entry: T, bytes: usize) -> Vec<T> {
        if bytes > self.max_bytes {
            return vec![entry];
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.push_back((entry, bytes));
        let mut dropped = Vec::new();
        while self.entries.len() > self.max_entries || self.bytes > self.max_bytes {
            let Some((oldest, bytes)) = self.entries.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(bytes);
            dropped.push(oldest);
        }
        dropped
    }

    /// Takes the newest entry.
    pub fn pop(&mut self) -> Option<T> {
        let (entry, bytes) = self.entries.pop_back()?;
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
