//! How often feedback of one unit counts.

/// Limits how much feedback of one unit counts in a minute.
///
/// The size is fixed. Where two units share a slot, each resets the other's count: a unit may
/// then exceed its limit, and is never limited too early.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    max_per_minute: u32,
    slots: Box<[UnitSlot]>,
}

/// The feedback of one unit in one minute.
#[derive(Clone, Copy, Debug, Default)]
struct UnitSlot {
    unit: u64,
    minute: u64,
    events: u32,
}

const SLOTS: usize = 1024;

const MINUTE_NS: u64 = 60_000_000_000;

// === impl RateLimiter ===

impl RateLimiter {
    /// A limiter that allows each unit `max_per_minute` events a minute.
    pub fn new(max_per_minute: u32) -> Self {
        Self { max_per_minute, slots: vec![UnitSlot::default(); SLOTS].into() }
    }

    /// The number of events that each unit may have in a minute.
    pub fn max_per_minute(&self) -> u32 {
        self.max_per_minute
    }

    /// Counts an event of the unit with this hash, and returns whether it is within the limit.
    /// `now_ns` is in nanoseconds of a monotonic clock.
    pub fn allow(&mut self, unit: u64, now_ns: u64) -> bool {
        let minute = now_ns / MINUTE_NS;
        let index = usize::try_from(unit % SLOTS as u64).unwrap_or_default();
        let Some(slot) = self.slots.get_mut(index) else { return true };
        if (slot.unit, slot.minute) != (unit, minute) {
            *slot = UnitSlot { unit, minute, events: 0 };
        }
        slot.events = slot.events.saturating_add(1);
        slot.events <= self.max_per_minute
    }
}
