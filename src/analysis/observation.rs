//! What one response tells the judge.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::metric::Metric;
use crate::assignment::Version;

/// One request of a unit that the step's weight put on its version, and its response.
/// Forced, pinned and unit-less requests are none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When it ended, on a clock that only goes on; in nanoseconds.
    pub at_ns: u64,
    /// A hash of the unit that has nothing to do with the one that chose its version.
    pub unit: u64,
    /// The step whose weight decided, counted from 0.
    pub epoch: u16,
    /// What it was decided to be.
    pub version: Version,
    /// Whether the unit was on blue before the step. Only then does its version tell of
    /// the step, and may count for a rollback: what a unit of green's has met before,
    /// another step has counted.
    pub is_newly_exposed: bool,
    /// Whether this is the first that is told of the request, and so tells of the assignment.
    /// Of a request that is still open at a tick the assignment is told alone, and the
    /// response later.
    pub is_assignment: bool,
    /// What the response was like.
    pub measurements: Measurements,
}

/// What is known of a response, metric by metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurements {
    known: u16,
    bad: u16,
    missing: u16,
    is_limited: bool,
    values: [f32; MAX_VALUES],
}

/// How many metrics have values.
const MAX_VALUES: usize = 5;

// === impl Observation ===

impl Observation {
    /// How many bytes one takes when it is written down.
    pub const ENCODED_BYTES: usize = 8 + 8 + 2 + 1 + 2 + 2 + 2 + 4 * MAX_VALUES;

    /// Writes it down: little endian, field after field.
    pub fn encode(&self, to: &mut Vec<u8>) {
        let Measurements { known, bad, missing, is_limited, values } = self.measurements;
        let flags = u8::from(self.version == Version::Green)
            | u8::from(self.is_newly_exposed) << 1
            | u8::from(is_limited) << 2
            | u8::from(self.is_assignment) << 3;
        to.extend(self.at_ns.to_le_bytes());
        to.extend(self.unit.to_le_bytes());
        to.extend(self.epoch.to_le_bytes());
        to.push(flags);
        to.extend(known.to_le_bytes());
        to.extend(bad.to_le_bytes());
        to.extend(missing.to_le_bytes());
        values.iter().for_each(|value| to.extend(value.to_le_bytes()));
    }

    /// Reads one, and what follows it; `None` where there is none.
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (at, rest) = bytes.split_first_chunk()?;
        let (unit, rest) = rest.split_first_chunk()?;
        let (step, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first()?;
        let (known, rest) = rest.split_first_chunk()?;
        let (bad, rest) = rest.split_first_chunk()?;
        let (missing, rest) = rest.split_first_chunk()?;
        let (mut values, mut rest) = ([0.0; MAX_VALUES], rest);
        for value in &mut values {
            let (bytes, after) = rest.split_first_chunk()?;
            *value = f32::from_le_bytes(*bytes);
            rest = after;
        }
        let version = if flags & 1 == 0 { Version::Blue } else { Version::Green };
        let told = Measurements {
            known: u16::from_le_bytes(*known),
            bad: u16::from_le_bytes(*bad),
            missing: u16::from_le_bytes(*missing),
            is_limited: flags & 4 != 0,
            values,
        };
        let observation = Self {
            at_ns: u64::from_le_bytes(*at),
            unit: u64::from_le_bytes(*unit),
            epoch: u16::from_le_bytes(*step),
            version,
            is_newly_exposed: flags & 2 != 0,
            is_assignment: flags & 8 != 0,
            measurements: told,
        };
        Some((observation, rest))
    }

    /// What observations are sorted by: of the same ones, dealt in whatever way, the
    /// order is the same.
    fn order(&self) -> impl Ord + use<> {
        let Measurements { known, bad, missing, is_limited, values } = self.measurements;
        let is_green = self.version == Version::Green;
        let told = (known, bad, missing, is_limited, values.map(f32::to_bits));
        (
            self.at_ns,
            self.unit,
            self.epoch,
            is_green,
            self.is_newly_exposed,
            self.is_assignment,
            told,
        )
    }
}

// === impl InOrder ===

/// An observation in the order in which those of a tick are taken in.
pub(super) struct InOrder(pub Observation);

impl Ord for InOrder {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.order().cmp(&other.0.order())
    }
}

impl PartialOrd for InOrder {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for InOrder {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for InOrder {}

// === impl Told ===

impl Measurements {
    /// Adds whether the response counts among `metric`'s bad ones.
    #[must_use]
    pub fn with_rate(mut self, metric: Metric, is_bad: bool) -> Self {
        self.known |= bit(metric);
        if is_bad {
            self.bad |= bit(metric);
        }
        self
    }

    /// Adds the response's value of `metric`; nothing if that is no value.
    #[must_use]
    pub fn with_value(mut self, metric: Metric, value: f32) -> Self {
        let place = place(metric).and_then(|at| self.values.get_mut(at));
        if let (Some(place), true) = (place, value.is_finite() && value >= 0.0) {
            *place = value;
            self.known |= bit(metric);
        }
        self
    }

    /// Adds that the response should tell of `metric` and does not, or not all of it: its
    /// body could not be read, or lacks the value.
    #[must_use]
    pub fn with_missing(mut self, metric: Metric) -> Self {
        self.missing |= bit(metric);
        self
    }

    /// Takes out what is known of these metrics: they are missing.
    #[must_use]
    pub fn with_all_missing(self, metrics: impl Iterator<Item = Metric>) -> Self {
        metrics.fold(self, |told, metric| {
            Self { known: told.known & !bit(metric), ..told }.with_missing(metric)
        })
    }

    /// Adds that the response met a limit that both versions may share.
    #[must_use]
    pub fn with_rate_limited(mut self) -> Self {
        self.is_limited = true;
        self
    }

    /// Whether the response should tell of `metric` and does not.
    pub fn is_missing(&self, metric: Metric) -> bool {
        self.missing & bit(metric) != 0
    }

    /// Whether the response met a limit that both versions may share.
    pub fn is_rate_limited(&self) -> bool {
        self.is_limited
    }

    /// Whether it is a response's at all: an assignment and a vote tell nothing of one.
    pub fn is_response(&self) -> bool {
        let of_votes = bit(Metric::ThumbsDownRate) | bit(Metric::Score);
        (self.known | self.missing) & !of_votes != 0
    }

    /// Whether `metric` is known.
    pub fn is_known(&self, metric: Metric) -> bool {
        self.known & bit(metric) != 0
    }

    /// Whether it was bad, if that is known.
    pub fn is_bad(&self, metric: Metric) -> Option<bool> {
        (self.known & bit(metric) != 0).then_some(self.bad & bit(metric) != 0)
    }

    /// The value, if that is known.
    pub fn value_of(&self, metric: Metric) -> Option<f64> {
        let value = self.values.get(place(metric)?)?;
        (self.known & bit(metric) != 0).then_some(f64::from(*value))
    }
}

fn bit(metric: Metric) -> u16 {
    1 << metric as u16
}

fn place(metric: Metric) -> Option<usize> {
    (metric as usize).checked_sub(Metric::Duration as usize)
}
