//! The time, as an argument.

/// The time by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The monotonic clock, in nanoseconds. Durations are measured by it.
    pub monotonic_ns: u64,
    /// The wall clock, in milliseconds since 1970. It dates what people read and compare with
    /// other systems.
    pub unix_ms: u64,
}

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;

// === impl Clocks ===

impl Clocks {
    /// The wall clock, in seconds since 1970.
    pub fn unix_s(&self) -> u64 {
        self.unix_ms / 1_000
    }

    /// The monotonic clock, in seconds.
    pub fn monotonic_s(&self) -> u64 {
        self.monotonic_ns / SECOND_NS
    }
}
