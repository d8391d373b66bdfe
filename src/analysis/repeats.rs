//! How much one unit counts in a period, whatever it sends.
//!
//! A unit's flags in a period have five numbers of eight bits, above those of [`period`](super::period):
//!
//! | bits | number |
//! |---|---|
//! | 22–29 | the minute of the last one that counted for [outages](super::outage) |
//! | 32–39 | its responses that were counted at their end |
//! | 40–47 | its responses that were counted when it was known whether they are slow |
//! | 48–55 | the minute of the last one that counted for known fractions at its end |
//! | 56–63 | the minute of the last one that counted for the known fraction of `slow_rate` |
//!
//! A response that is open after the objective is reported as slow, and everything else is known at its
//! end. So one observation counts for `slow_rate`, the other one for all other metrics, and each kind has
//! a limit of its own: with a common one, what is counted would depend on whether responses are slow.

use super::measurements::Measurements;
use super::metric::Metric;

/// What a response counts for, whether it is its unit's first or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Repeats {
    /// Whether its values count for the test of non-inferiority.
    pub is_for_values: bool,
    at_end: RateRepeats,
    of_slowness: RateRepeats,
}

/// What a response counts for in the gate of a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RateRepeats {
    /// It counts for the test of non-inferiority.
    pub is_for_non_inferiority: bool,
    /// It counts for the [fraction](super::known_fraction) of responses for which the rate is known.
    pub is_for_known_fraction: bool,
}

/// A number of eight bits in a unit's flags, by its lowest bit.
#[derive(Clone, Copy)]
struct Byte(u32);

/// How many requests of a unit count in a period for the test of non-inferiority of a rate.
pub const MAX_REQUESTS: u64 = 8;

/// How many values of a unit count in a period for the test of non-inferiority of values.
///
/// Units that send more have more weight. Values of one unit are more alike than its failures, so
/// unequal weights cost more evidence here.
pub const MAX_VALUES: u64 = 2;

/// A unit counts for known fractions, and for outages, once in this time, in nanoseconds.
///
/// A client that sends failing requests without end counts for as much as any unit of the minute.
/// A limit for a whole period would hide an outage of a version whose units have all reached it.
pub(super) const KNOWN_FRACTION_NS: u64 = 60 * 1_000_000_000;

/// The bit of a unit's flags that is set after its first vote.
const HAS_VOTED: u64 = 1 << 31;

const MINUTE_OF_OUTAGES: Byte = Byte(22);
const COUNTED_AT_END: Byte = Byte(32);
const COUNTED_SLOWNESS: Byte = Byte(40);
const MINUTE_AT_END: Byte = Byte(48);
const MINUTE_OF_SLOWNESS: Byte = Byte(56);

// === impl Repeats ===

impl Repeats {
    /// What each response counts for where units have no limit.
    pub fn without_limit(is_after_warmup: bool) -> Self {
        let rates =
            RateRepeats { is_for_non_inferiority: is_after_warmup, is_for_known_fraction: true };
        Self { is_for_values: false, at_end: rates, of_slowness: rates }
    }

    /// Counts an observation in the flags of its unit. It arrives `since_ns` nanoseconds after the
    /// period began.
    pub fn count(
        flags: &mut u64,
        measurements: &Measurements,
        since_ns: u64,
        is_after_warmup: bool,
    ) -> Self {
        if !measurements.is_response() {
            let is_for_values = is_after_warmup && *flags & HAS_VOTED == 0;
            *flags |= if is_after_warmup { HAS_VOTED } else { 0 };
            return Self { is_for_values, ..Self::without_limit(is_after_warmup) };
        }
        let minute = minute(since_ns);
        let has_ended = !measurements.is_open();
        let reveals_slowness = measurements.may_reveal(Metric::SlowRate);
        let is_for_values = has_ended && is_after_warmup && COUNTED_AT_END.get(*flags) < MAX_VALUES;
        let mut count = |is_revealed: bool, counted: Byte, last_minute: Byte| {
            let is_for_non_inferiority =
                is_revealed && is_after_warmup && counted.get(*flags) < MAX_REQUESTS;
            counted.set(flags, counted.get(*flags) + u64::from(is_for_non_inferiority));
            let is_for_known_fraction = is_revealed && last_minute.begin(flags, minute);
            RateRepeats { is_for_non_inferiority, is_for_known_fraction }
        };
        Self {
            is_for_values,
            at_end: count(has_ended, COUNTED_AT_END, MINUTE_AT_END),
            of_slowness: count(reveals_slowness, COUNTED_SLOWNESS, MINUTE_OF_SLOWNESS),
        }
    }

    /// The same without the tests of non-inferiority.
    pub fn without_non_inferiority(self) -> Self {
        let without = |it: RateRepeats| RateRepeats { is_for_non_inferiority: false, ..it };
        Self {
            is_for_values: false,
            at_end: without(self.at_end),
            of_slowness: without(self.of_slowness),
        }
    }

    /// What the response counts for in a gate on this rate.
    pub fn of_rate(&self, metric: Metric) -> RateRepeats {
        if metric == Metric::SlowRate { self.of_slowness } else { self.at_end }
    }
}

/// Whether a response that arrives `since_ns` nanoseconds after the period began counts for
/// [outages](super::outage), and counts it in the flags of its unit.
pub(super) fn count_for_outages(flags: &mut u64, since_ns: u64) -> bool {
    MINUTE_OF_OUTAGES.begin(flags, minute(since_ns))
}

/// The number of the minute that has begun by then; 0 is that of a unit that has not counted.
fn minute(since_ns: u64) -> u64 {
    (since_ns / KNOWN_FRACTION_NS).saturating_add(1).min(u64::from(u8::MAX))
}

// === impl Byte ===

impl Byte {
    /// Takes a minute for the last one, and returns whether it is later than the one before.
    fn begin(self, flags: &mut u64, minute: u64) -> bool {
        let is_later = self.get(*flags) < minute;
        if is_later {
            self.set(flags, minute);
        }
        is_later
    }

    fn get(self, flags: u64) -> u64 {
        flags >> self.0 & 0xff
    }

    fn set(self, flags: &mut u64, value: u64) {
        *flags = *flags & !(0xff << self.0) | (value & 0xff) << self.0;
    }
}
