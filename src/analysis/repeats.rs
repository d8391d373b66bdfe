//! How much one unit counts in a period, whatever it sends.
//!
//! A unit's flags in a period have these numbers, above those of [`period`](super::period):
//!
//! | bits | number |
//! |---|---|
//! | 22–29 | the minute of the last one that counted for [outages](super::outage) |
//! | 30 | its thumbs that were counted |
//! | 31 | its scores that were counted |
//! | 32–35 | its responses that were counted at their end for rates |
//! | 36–37 | its responses whose times were counted |
//! | 38–39 | its responses whose tokens or cost were counted |
//! | 40–43 | its responses that were counted when it was known whether they are slow |
//! | 48–55 | the minute of the last one that counted for known fractions at its end |
//! | 56–63 | the minute of the last one that counted for the known fraction of `slow_rate` |
//!
//! A response that is open after the objective is reported as slow, and everything else is known at its
//! end. So one observation counts for `slow_rate`, the other one for all other metrics, and each kind has
//! a limit of its own: with a common one, what is counted would depend on whether responses are slow.
//!
//! A response counts towards a limit of values only where it has one: failed responses, and those of a
//! cold start, have no times, and would use up what their unit may tell in the period.

use super::measurements::Measurements;
use super::metric::Metric;

/// What a response counts for, whether it is its unit's first or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Repeats {
    values: ValueRepeats,
    at_end: RateRepeats,
    of_slowness: RateRepeats,
}

/// Which values of an observation count for the test of non-inferiority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ValueRepeats {
    times: bool,
    sizes: bool,
    thumb: bool,
    score: bool,
}

/// What a response counts for in the gate of a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RateRepeats {
    /// It counts for the test of non-inferiority.
    pub is_for_non_inferiority: bool,
    /// It counts for the [fraction](super::known_fraction) of responses for which the rate is known.
    pub is_for_known_fraction: bool,
}

/// A number in a unit's flags.
#[derive(Clone, Copy)]
struct Number {
    lowest_bit: u32,
    max: u64,
}

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

/// How many thumbs, and how many scores, of a unit count in a period.
const MAX_VOTES: u64 = 1;

const MINUTE_OF_OUTAGES: Number = Number::new(22, 8);
const COUNTED_THUMBS: Number = Number::new(30, 1);
const COUNTED_SCORES: Number = Number::new(31, 1);
const COUNTED_AT_END: Number = Number::new(32, 4);
const COUNTED_TIMES: Number = Number::new(36, 2);
const COUNTED_SIZES: Number = Number::new(38, 2);
const COUNTED_SLOWNESS: Number = Number::new(40, 4);
const MINUTE_AT_END: Number = Number::new(48, 8);
const MINUTE_OF_SLOWNESS: Number = Number::new(56, 8);

// === impl Repeats ===

impl Repeats {
    /// What each response counts for where units have no limit.
    pub fn without_limit(is_after_warmup: bool) -> Self {
        let rates =
            RateRepeats { is_for_non_inferiority: is_after_warmup, is_for_known_fraction: true };
        Self { values: ValueRepeats::default(), at_end: rates, of_slowness: rates }
    }

    /// Counts an observation in the flags of its unit. It arrives `since_ns` nanoseconds after the
    /// period began.
    pub fn count(
        flags: &mut u64,
        measurements: &Measurements,
        since_ns: u64,
        is_after_warmup: bool,
    ) -> Self {
        let values = ValueRepeats::count(flags, measurements, is_after_warmup);
        if !measurements.is_response() {
            return Self { values, ..Self::without_limit(is_after_warmup) };
        }
        let minute = minute(since_ns);
        let has_ended = !measurements.is_open();
        let reveals_slowness = measurements.may_reveal(Metric::SlowRate);
        let mut count = |is_revealed: bool, counted: Number, last_minute: Number| {
            let is_for_non_inferiority =
                is_revealed && is_after_warmup && counted.count(flags, MAX_REQUESTS);
            let is_for_known_fraction = is_revealed && last_minute.begin(flags, minute);
            RateRepeats { is_for_non_inferiority, is_for_known_fraction }
        };
        Self {
            values,
            at_end: count(has_ended, COUNTED_AT_END, MINUTE_AT_END),
            of_slowness: count(reveals_slowness, COUNTED_SLOWNESS, MINUTE_OF_SLOWNESS),
        }
    }

    /// The same without the tests of non-inferiority.
    pub fn without_non_inferiority(self) -> Self {
        let without = |it: RateRepeats| RateRepeats { is_for_non_inferiority: false, ..it };
        Self {
            values: ValueRepeats::default(),
            at_end: without(self.at_end),
            of_slowness: without(self.of_slowness),
        }
    }

    /// What the response counts for in a gate on this rate.
    pub fn of_rate(&self, metric: Metric) -> RateRepeats {
        if metric == Metric::SlowRate { self.of_slowness } else { self.at_end }
    }

    /// Whether the response's value of this metric counts for the test of non-inferiority.
    pub fn counts_value_of(&self, metric: Metric) -> bool {
        let ValueRepeats { times, sizes, thumb, score } = self.values;
        match metric {
            Metric::Duration | Metric::Ttft => times,
            Metric::OutputTokens | Metric::Cost => sizes,
            Metric::ThumbsDownRate => thumb,
            Metric::Score => score,
            _ => false,
        }
    }
}

// === impl ValueRepeats ===

impl ValueRepeats {
    /// Counts the values of an observation in the flags of its unit. Before the end of the warm-up
    /// none counts.
    fn count(flags: &mut u64, measurements: &Measurements, is_after_warmup: bool) -> Self {
        let mut count = |metrics: &[Metric], counted: Number, max: u64| {
            let has_value = metrics.iter().any(|metric| measurements.is_known(*metric));
            has_value && is_after_warmup && counted.count(flags, max)
        };
        Self {
            times: count(&[Metric::Duration, Metric::Ttft], COUNTED_TIMES, MAX_VALUES),
            sizes: count(&[Metric::OutputTokens, Metric::Cost], COUNTED_SIZES, MAX_VALUES),
            thumb: count(&[Metric::ThumbsDownRate], COUNTED_THUMBS, MAX_VOTES),
            score: count(&[Metric::Score], COUNTED_SCORES, MAX_VOTES),
        }
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

// === impl Number ===

impl Number {
    const fn new(lowest_bit: u32, bits: u32) -> Self {
        Self { lowest_bit, max: (1 << bits) - 1 }
    }

    /// Counts one more, unless there are `max` already. Returns whether it was counted.
    fn count(self, flags: &mut u64, max: u64) -> bool {
        let counted = self.get(*flags);
        let is_counted = counted < max;
        if is_counted {
            self.set(flags, counted + 1);
        }
        is_counted
    }

    /// Takes a minute for the last one, and returns whether it is later than the one before.
    fn begin(self, flags: &mut u64, minute: u64) -> bool {
        let is_later = self.get(*flags) < minute;
        if is_later {
            self.set(flags, minute);
        }
        is_later
    }

    fn get(self, flags: u64) -> u64 {
        flags >> self.lowest_bit & self.max
    }

    fn set(self, flags: &mut u64, value: u64) {
        *flags = *flags & !(self.max << self.lowest_bit) | (value & self.max) << self.lowest_bit;
    }
}
