//! Randomness: for requests without a unit, and for what identifies a VM.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

/// A stream of uniform draws that no client can predict: a counter, hashed with keys that the standard
/// library takes from the host's random bytes.
#[derive(Default)]
pub struct RandomDraws {
    keys: RandomState,
    drawn: Cell<u64>,
}

/// A random number from the keys that the standard library takes from the host's random bytes.
pub fn random_u64() -> u64 {
    RandomState::new().hash_one(0)
}

// === impl RandomDraws ===

impl RandomDraws {
    /// The next draw, uniform over all values.
    pub fn draw(&self) -> u32 {
        self.drawn.update(|drawn| drawn.wrapping_add(1));
        (self.keys.hash_one(self.drawn.get()) >> 32) as u32
    }
}
