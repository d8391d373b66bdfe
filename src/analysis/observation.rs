//! Observations: one request each, as workers send them to the leader.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::measurements::Measurements;
use super::step_index::StepIndex;
use crate::assignment::{Epoch, Version};

/// One request of a unit that a step's weight assigned, and its response.
///
/// There is none for requests that are forced, pinned or without a unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When the response ended, in nanoseconds of the monotonic clock.
    pub at_ns: u64,
    /// The unit's analysis hash, which is independent of the hash that chose its version.
    pub unit: u64,
    /// The epoch whose weight decided.
    pub epoch: Epoch,
    /// The assigned version.
    pub version: Version,
    /// Whether the unit was on blue before the step.
    ///
    /// Only such a unit's response may count for a rollback: what a unit met on green before
    /// counts for an earlier step.
    pub is_newly_exposed: bool,
    /// Whether this is the request's first observation, which reports the assignment.
    ///
    /// If a request is still open at a tick, its assignment is reported alone and its response
    /// later.
    pub is_assignment: bool,
    /// What is known of the response.
    pub measurements: Measurements,
    /// What is known of green's response to a copy of the request, in a shadow step. Then the
    /// observation is a *pair*: the version is blue, and no user has seen green.
    pub shadow: Option<Measurements>,
}

/// An observation with the step that its epoch belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepObservation {
    /// The step.
    pub step: StepIndex,
    /// The observation.
    pub observation: Observation,
}

/// The bits of the encoded flags from this one on are those of the measurements, without the
/// highest one.
const MEASUREMENTS_SHIFT: u32 = 3;

/// The bit of the encoded flags of a pair: the shadow's measurements follow.
const HAS_SHADOW: u8 = 1 << 7;

// === impl Observation ===

impl Observation {
    /// The length of an encoded observation that is no pair, in bytes.
    pub const ENCODED_BYTES: usize = 8 + 8 + 4 + 1 + Measurements::ENCODED_BYTES;

    /// The length of an encoded pair, in bytes.
    pub const ENCODED_PAIR_BYTES: usize = Self::ENCODED_BYTES + 1 + Measurements::ENCODED_BYTES;

    /// Both halves of a pair as responses of the versions that gave them; otherwise the
    /// observation itself.
    pub fn halves(self) -> impl Iterator<Item = Self> {
        let own = Self { shadow: None, ..self };
        let of_green =
            self.shadow.map(|measurements| Self { version: Version::Green, measurements, ..own });
        std::iter::once(own).chain(of_green)
    }

    /// Appends the observation: little endian, field after field.
    pub fn encode(&self, to: &mut Vec<u8>) {
        let flags = u8::from(self.version == Version::Green)
            | u8::from(self.is_newly_exposed) << 1
            | u8::from(self.is_assignment) << 2
            | self.measurements.flags() << MEASUREMENTS_SHIFT
            | if self.shadow.is_some() { HAS_SHADOW } else { 0 };
        to.extend(self.at_ns.to_le_bytes());
        to.extend(self.unit.to_le_bytes());
        to.extend(self.epoch.get().to_le_bytes());
        to.push(flags);
        self.measurements.encode(to);
        if let Some(shadow) = &self.shadow {
            to.push(shadow.flags());
            shadow.encode(to);
        }
    }

    /// Decodes one observation. Returns it with the bytes that follow it, or `None` where there
    /// is no complete one.
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (at_ns, rest) = bytes.split_first_chunk()?;
        let (unit, rest) = rest.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first()?;
        let (measurements, rest) = Measurements::decode(rest, flags >> MEASUREMENTS_SHIFT)?;
        let (shadow, rest) = match flags & HAS_SHADOW {
            0 => (None, rest),
            _ => {
                let (flags, rest) = rest.split_first()?;
                let (shadow, rest) = Measurements::decode(rest, *flags)?;
                (Some(shadow), rest)
            }
        };
        let observation = Self {
            at_ns: u64::from_le_bytes(*at_ns),
            unit: u64::from_le_bytes(*unit),
            epoch: Epoch::new(u32::from_le_bytes(*epoch)),
            version: if flags & 1 == 0 { Version::Blue } else { Version::Green },
            is_newly_exposed: flags & 2 != 0,
            is_assignment: flags & 4 != 0,
            measurements,
            shadow,
        };
        Some((observation, rest))
    }

    /// Decodes all observations that were encoded one after the other. Ignores an incomplete
    /// one at the end.
    pub fn decode_all(bytes: &[u8]) -> impl Iterator<Item = Self> {
        let mut rest = bytes;
        std::iter::from_fn(move || {
            let (observation, after) = Self::decode(rest)?;
            rest = after;
            Some(observation)
        })
    }
}

// === impl SortedByContent ===

/// Sorts observations by their content.
///
/// Equal sets of observations are sorted alike, in whichever order workers gathered them.
pub(super) struct SortedByContent(pub StepObservation);

impl SortedByContent {
    /// What is compared where the times and the units are equal.
    fn rest_of_key(&self) -> impl Ord + use<> {
        let Self(StepObservation { step, observation }) = self;
        (
            *step,
            observation.version == Version::Green,
            observation.is_newly_exposed,
            observation.is_assignment,
            observation.measurements.sort_key(),
            observation.shadow.map(|shadow| shadow.sort_key()),
        )
    }
}

impl Ord for SortedByContent {
    fn cmp(&self, other: &Self) -> Ordering {
        let [this, that] = [self, other].map(|it| &it.0.observation);
        // Nearly all differ in these, and the rest is much to read.
        let first = this.at_ns.cmp(&that.at_ns).then_with(|| this.unit.cmp(&that.unit));
        first.then_with(|| self.rest_of_key().cmp(&other.rest_of_key()))
    }
}

impl PartialOrd for SortedByContent {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortedByContent {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SortedByContent {}
