//! How often one unit is listened to.

/// Counts the votes of units, so that no one of them is heard more than it should be. It
/// has a fixed size: units that share a place in it have each other forgotten, so that a
/// unit may be heard a few times more, and never less.
#[derive(Clone, Debug)]
pub struct Limiter {
    most: u32,
    places: Box<[Place]>,
}

/// A unit's votes in a minute.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    unit: u64,
    minute: u64,
    votes: u32,
}

const PLACES: usize = 1024;

const MINUTE_NS: u64 = 60_000_000_000;

// === impl Limiter ===

impl Limiter {
    /// One that hears each unit `most` times a minute.
    pub fn new(most: u32) -> Self {
        Self { most, places: vec![Place::default(); PLACES].into() }
    }

    /// Whether the unit with this hash is heard; `now` is in nanoseconds of a clock that
    /// only goes on.
    pub fn hears(&mut self, unit: u64, now: u64) -> bool {
        let minute = now / MINUTE_NS;
        let at = usize::try_from(unit % PLACES as u64).unwrap_or_default();
        let Some(place) = self.places.get_mut(at) else { return true };
        if (place.unit, place.minute) != (unit, minute) {
            *place = Place { unit, minute, votes: 0 };
        }
        place.votes = place.votes.saturating_add(1);
        place.votes <= self.most
    }
}
