//! How often one unit is listened to.

/// Counts the votes of units, so that no one of them is heard more than it should be. It
/// has a fixed size: units that share a place in it have each other forgotten, so that a
/// unit may be heard a few times more, and never less.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    most: u32,
    places: Box<[UnitSlot]>,
}

/// A unit's votes in a minute.
#[derive(Clone, Copy, Debug, Default)]
struct UnitSlot {
    unit: u64,
    minute: u64,
    votes: u32,
}

const SLOTS: usize = 1024;

const MINUTE_NS: u64 = 60_000_000_000;

// === impl Limiter ===

impl RateLimiter {
    /// One that hears each unit `most` times a minute.
    pub fn new(most: u32) -> Self {
        Self { most, places: vec![UnitSlot::default(); SLOTS].into() }
    }

    /// Whether the unit with this hash is heard; `now` is in nanoseconds of a clock that
    /// only goes on.
    pub fn allow(&mut self, unit: u64, now: u64) -> bool {
        let minute = now / MINUTE_NS;
        let at = usize::try_from(unit % SLOTS as u64).unwrap_or_default();
        let Some(place) = self.places.get_mut(at) else { return true };
        if (place.unit, place.minute) != (unit, minute) {
            *place = UnitSlot { unit, minute, votes: 0 };
        }
        place.votes = place.votes.saturating_add(1);
        place.votes <= self.most
    }
}
