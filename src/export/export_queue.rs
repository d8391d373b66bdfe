//! Exchanges that wait to be sent.

use std::collections::VecDeque;

use super::exchange::Exchange;

/// The exchanges of one VM that wait to be sent: a bounded number.
///
/// An exchange that finds the queue full is dropped. Whether it is full depends on how many exchanges wait
/// and not on how large they are, so that a version with longer texts does not lose more of them.
#[derive(Clone, Debug)]
pub struct ExportQueue {
    waiting: VecDeque<Exchange>,
    capacity: usize,
}

/// How many bytes of text wait at most.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// How many exchanges wait at most.
const MAX_EXCHANGES: usize = 256;

/// How many exchanges leave the queue at once.
const MAX_BATCH: usize = 64;

// === impl ExportQueue ===

impl ExportQueue {
    /// A queue of exchanges with up to `max_text_bytes` bytes of text each: up to 256, and up to 8 MiB
    /// of text.
    pub fn new(max_text_bytes: usize) -> Self {
        let capacity = MAX_TEXT_BYTES.checked_div(max_text_bytes).unwrap_or(MAX_EXCHANGES);
        Self { waiting: VecDeque::new(), capacity: capacity.clamp(1, MAX_EXCHANGES) }
    }

    /// How many exchanges can wait.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Adds an exchange.
    ///
    /// # Errors
    /// The exchange, if the queue is full.
    pub fn push(&mut self, exchange: Exchange) -> Result<(), Box<Exchange>> {
        if self.waiting.len() >= self.capacity {
            return Err(Box::new(exchange));
        }
        self.waiting.push_back(exchange);
        Ok(())
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
