//! Exchanges that wait to be sent.

use std::collections::VecDeque;

use super::exchange::Exchange;

/// The exchanges of one VM that wait to be sent: a bounded number.
///
/// An exchange that finds the queue full is dropped. Whether it is full depends on how many exchanges
/// wait and not on how large they are, so that a version with longer texts does not lose more of them.
#[derive(Clone, Debug, Default)]
pub struct ExportQueue {
    waiting: VecDeque<Exchange>,
}

/// How many bytes of text wait at most.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// How many exchanges wait at most.
const MAX_EXCHANGES: usize = 256;

/// How many exchanges leave the queue at once.
const MAX_BATCH: usize = 64;

// === impl ExportQueue ===

impl ExportQueue {
    /// How many exchanges can wait whose two texts have up to `max_bytes` bytes each: up to 256, and
    /// as many as have 8 MiB of text.
    pub fn capacity(max_bytes: usize) -> usize {
        let capacity = MAX_TEXT_BYTES.checked_div(max_bytes.saturating_mul(2));
        capacity.unwrap_or(MAX_EXCHANGES).clamp(1, MAX_EXCHANGES)
    }

    /// Adds an exchange whose two texts have up to `max_bytes` bytes each. Returns whether it can wait.
    pub fn push(&mut self, exchange: Exchange, max_bytes: usize) -> bool {
        let has_room = self.waiting.len() < Self::capacity(max_bytes);
        if has_room {
            self.waiting.push_back(exchange);
        }
        has_room
    }

    /// Takes up to 64 of the oldest exchanges.
    pub fn take_batch(&mut self) -> Vec<Exchange> {
        let count = self.waiting.len().min(MAX_BATCH);
        self.waiting.drain(..count).collect()
    }

    /// Whether no exchange waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
