//! Flags of a unit in a step: which of its responses were already counted.
//!
//! Each test counts a unit once per step: by its first bad response, its first value, or its
//! first response after the warm-up. A unit's flags say which of these have been seen.

use super::measurements::Measurements;
use super::metric::Metric;
use super::repeats::Repeats;
use super::step_index::StepIndex;

/// The flags that a tick has set for a unit, for the log of seen units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitFlags {
    /// The step.
    pub step: StepIndex,
    /// The unit's hash.
    pub unit: u64,
    /// The flags, one bit each.
    pub flags: u64,
}

/// The largest number of gates: a unit has four flags for each.
pub const MAX_GATES: usize = 15;

/// The flag of a unit that was assigned in the step and was on blue before it. The bits below
/// it are four for each gate.
pub(super) const ASSIGNED: u64 = 1 << (MAX_GATES * 4);

/// The flag of a unit whose first duration on blue was learned from.
pub(super) const LEARNED_DURATION: u64 = ASSIGNED << 1;

/// The flag of a unit whose first time to the first content on blue was learned from.
pub(super) const LEARNED_TTFT: u64 = ASSIGNED << 2;

/// The flag of an entry of the log that has a unit's levels in its lowest 32 bits, and no flags; see
/// [`unit_past`](super::unit_past).
const HAS_LEVELS: u64 = 1 << 63;

/// A unit's flags for one gate.
#[derive(Clone, Copy)]
pub(super) struct GateFlags {
    /// Its first bad response, or its first value, if it was on blue before: data of the test
    /// of harm.
    harm: u64,
    /// Its first response after the warm-up: data of the test of non-inferiority.
    non_inferiority: u64,
    /// Its first response for which the metric is known, if it was on blue before.
    pub known: u64,
    /// Its first response for which the metric should be known and is not, if it was on blue
    /// before.
    pub missing: u64,
}

/// What a response is the first of for its unit, in one step and for one metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstResponse {
    /// It counts for the test of harm.
    pub is_for_harm: bool,
    /// It counts for the test of non-inferiority.
    pub is_for_non_inferiority: bool,
    /// What it counts for, whether it is the first or not.
    pub repeats: Repeats,
}

// === impl FirstResponse ===

impl FirstResponse {
    /// The same without the tests of non-inferiority.
    pub fn without_non_inferiority(self) -> Self {
        let repeats = self.repeats.without_non_inferiority();
        Self { is_for_non_inferiority: false, repeats, ..self }
    }
}

// === impl UnitFlags ===

impl UnitFlags {
    /// The length of an encoded entry, in bytes. It does not contain the step.
    pub const ENCODED_BYTES: usize = 8 + 8;

    /// An entry with a unit's levels instead of flags.
    pub(super) fn with_levels(step: StepIndex, unit: u64, levels: [i8; 4]) -> Self {
        let bytes = levels.map(|level| level.to_le_bytes()[0]);
        Self { step, unit, flags: HAS_LEVELS | u64::from(u32::from_le_bytes(bytes)) }
    }

    /// The unit's levels; `None` for an entry with flags.
    pub(super) fn levels(&self) -> Option<[i8; 4]> {
        let bytes = (self.flags as u32).to_le_bytes();
        (self.flags & HAS_LEVELS != 0).then(|| bytes.map(|byte| i8::from_le_bytes([byte])))
    }

    /// Appends the unit's hash and its flags, little endian.
    pub fn encode(&self, to: &mut Vec<u8>) {
        to.extend(self.unit.to_le_bytes());
        to.extend(self.flags.to_le_bytes());
    }

    /// The entries of a step that were encoded one after the other. Ignores an incomplete one
    /// at the end.
    pub fn decode_all(step: StepIndex, bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.chunks_exact(Self::ENCODED_BYTES).filter_map(move |entry| {
            let (unit, rest) = entry.split_first_chunk()?;
            let (flags, _) = rest.split_first_chunk()?;
            Some(Self { step, unit: u64::from_le_bytes(*unit), flags: u64::from_le_bytes(*flags) })
        })
    }
}

// === impl GateFlags ===

impl GateFlags {
    /// The flags for the gate at an index of the plan, below [`MAX_GATES`].
    pub fn new(gate: usize) -> Self {
        let flag = |kind: usize| 1 << ((gate % MAX_GATES) + kind * MAX_GATES);
        Self { harm: flag(0), non_inferiority: flag(1), known: flag(2), missing: flag(3) }
    }

    /// The flags that a response sets.
    pub fn of_response(
        self,
        metric: Metric,
        measurements: &Measurements,
        is_newly_exposed: bool,
        is_after_warmup: bool,
    ) -> u64 {
        let flag_if = |condition: bool, flag: u64| if condition { flag } else { 0 };
        let missing = flag_if(is_newly_exposed && measurements.is_missing(metric), self.missing);
        if !measurements.is_known(metric) {
            return missing;
        }
        let is_data = measurements.is_data_of_harm(metric);
        missing
            | flag_if(is_newly_exposed, self.known)
            | flag_if(is_data && is_newly_exposed, self.harm)
            | flag_if(is_after_warmup, self.non_inferiority)
    }

    /// Removes the flag of the test of harm.
    pub fn without_harm(self, flags: u64) -> u64 {
        flags & !self.harm
    }

    /// What the response is the first of, if it was the first to set the flags `new`.
    pub fn first_response(self, new: u64, repeats: Repeats) -> FirstResponse {
        FirstResponse {
            is_for_harm: new & self.harm != 0,
            is_for_non_inferiority: new & self.non_inferiority != 0,
            repeats,
        }
    }
}
