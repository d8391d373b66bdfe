//! Tripwires: limits on green that roll back at once, over a short window.
//!
//! With a tripwire the operator states that no test is needed above a limit. It has no
//! statistical guarantee, and so three safeguards: it needs a minimum of green's responses, it
//! needs a minimum of units with a bad response, and it compares. Where blue is about as bad,
//! the cause is not green but an incident that affects both versions.
//!
//! One unit alone does not trip it by default, unless it is the only one that green has had for
//! ten minutes: then nobody else can show how green is.

use super::metric::{Comparison, Metric};
use super::observation::Observation;
use super::tripwire_window::{TripwireWindow, WindowMean};
use crate::assignment::Version;

/// A limit on green.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tripwire {
    /// The metric that is limited: a rate's share of responses, or the mean of values.
    pub metric: Metric,
    /// The largest allowed value; the smallest, for a metric of which less is worse.
    pub limit: f64,
    /// The minimum number of green's responses in the window.
    pub min_samples: u64,
    /// The minimum number of distinct units with a bad response; for values, with one beyond the
    /// limit. Fewer are enough where green has had no other units for [`ALL_UNITS_WINDOW_S`].
    pub min_units: usize,
    /// The length of the window, in seconds.
    pub window_s: u64,
    /// Whether green's value alone decides, whatever blue's is.
    pub is_absolute: bool,
}

/// The state of a tripwire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// Green is within the limit, or has too few responses.
    Within,
    /// Green is beyond the limit; blue is not about as bad, or has too few responses.
    Tripped {
        /// Green's value.
        green: f64,
        /// Blue's value, if it has enough responses.
        blue: Option<f64>,
        /// Whether the units or responses are fewer than needed, but all that green has had.
        is_by_all_units: bool,
    },
    /// Green is beyond the limit, and blue is about as bad.
    Incident {
        /// Green's value.
        green: f64,
        /// Blue's value.
        blue: f64,
    },
}

/// A window is divided into this many slots.
const SLOTS: u64 = 10;

/// The largest value of [`Tripwire::min_units`].
pub const MAX_MIN_UNITS: usize = 16;

/// For so many seconds must all units of green have had bad responses, so that fewer than
/// [`Tripwire::min_units`] are enough. In a shorter time a single client can be the only one by
/// chance, or choose such a time. It is the longest window that a configuration can have.
pub const ALL_UNITS_WINDOW_S: u64 = 600;

/// Blue is about as bad as green where its value is at least this fraction of green's, and
const MIN_RATIO_OF_GREEN: f64 = 0.5;

/// at least this fraction of the limit: a limit may lie only a little above the usual value. Or
const MIN_RATIO_OF_LIMIT: f64 = 0.75;

/// for a rate, where it is at most so many standard errors of the difference better than green. When an
/// outage of both versions begins or ends, the window shows a part of it, and by chance more on green.
const MAX_DEVIATIONS: f64 = 3.0;

/// Blue needs one in so many of green's minimum of responses to be compared with.
const MIN_OF_BLUE: u64 = 4;

/// Of the minimum of responses, one in so many must be outside the largest group of units.
const MIN_OTHERS: u64 = 4;

const SECOND_NS: u64 = 1_000_000_000;

// === impl Tripwire ===

impl Tripwire {
    /// The state of the tripwire, from the responses in its window.
    pub fn evaluate(&self, window: &TripwireWindow) -> Reading {
        let green = self.mean(window, Version::Green, self.min_samples);
        let Some(green_mean) = green else { return Reading::Within };
        let WindowMean { responses, responses_of_largest, mean: green, .. } = green_mean;
        let has_units = window.bad_units() >= self.min_units
            && (self.min_units == 1 || responses - responses_of_largest >= self.min_others());
        let is_by_all_units = !has_units && self.is_by_all_units(window);
        if !self.is_beyond_limit(green) || !(has_units || is_by_all_units) {
            return Reading::Within;
        }
        match self.mean(window, Version::Blue, self.min_of_blue()) {
            Some(blue) if !self.is_absolute && self.is_about_as_bad(&blue, &green_mean) => {
                Reading::Incident { green, blue: blue.mean }
            }
            blue => Reading::Tripped { green, blue: blue.map(|it| it.mean), is_by_all_units },
        }
    }

    /// Adds a response to the window.
    pub fn record(&self, window: &mut TripwireWindow, observation: &Observation) {
        let measurements = &observation.measurements;
        window.count_open(observation, measurements.ends_request(self.metric));
        // A rate limit that both versions share says nothing where nothing is compared.
        if self.is_absolute && self.metric == Metric::ErrorRate && measurements.is_rate_limited() {
            return;
        }
        let is_bad = measurements.is_bad(self.metric);
        let event = || Some(f64::from(u8::from(is_bad?)));
        let Some(value) = measurements.value_of(self.metric).or_else(event) else { return };
        let counts_as_bad = match self.metric.comparison() {
            Comparison::Rate | Comparison::Share | Comparison::Quantile => is_bad == Some(true),
            // One unit's value can be so large that the mean is beyond the limit.
            Comparison::Higher | Comparison::Lower | Comparison::Either => {
                self.is_beyond_limit(value)
            }
        };
        let second = observation.at_ns / SECOND_NS;
        window.add(observation, second / self.slot_s(), value);
        if observation.version == Version::Green {
            window.add_green_unit(observation.unit, second, self.min_units + 1);
            if counts_as_bad {
                window.add_bad_unit(observation.unit, second, MAX_MIN_UNITS);
            }
        }
    }

    /// Removes what is older than the window.
    pub fn expire(&self, window: &mut TripwireWindow, now_s: u64) {
        window.expire(self.window_s, self.slot_s(), now_s);
    }

    /// The first second after `now_s` in which [`Self::expire`] changes the window; `None` where no time
    /// does.
    pub fn next_expiry_s(&self, window: &TripwireWindow, now_s: u64) -> Option<u64> {
        window.expiries_s(self.window_s, self.slot_s()).filter(|it| *it > now_s).min()
    }

    fn is_beyond_limit(&self, value: f64) -> bool {
        match self.metric.comparison() {
            Comparison::Lower => value < self.limit,
            _ => value > self.limit,
        }
    }

    /// Whether all units that green has had for long enough have a bad response.
    fn is_by_all_units(&self, window: &TripwireWindow) -> bool {
        let is_long = self.window_s >= ALL_UNITS_WINDOW_S && window.is_full();
        let units = window.green_units();
        // So few are all that there are, because one more would be kept.
        is_long && units <= self.min_units && window.bad_units() == units
    }

    /// A version's value in the window, if it has at least so many responses.
    fn mean(&self, window: &TripwireWindow, version: Version, min: u64) -> Option<WindowMean> {
        let is_rate = self.metric.comparison() == Comparison::Rate;
        window.mean(version, is_rate).filter(|it| it.responses >= min)
    }

    /// The minimum number of blue's responses. Where both versions have about the minimum of green,
    /// blue has fewer by chance, and an outage of both must not look like green's.
    fn min_of_blue(&self) -> u64 {
        (self.min_samples / MIN_OF_BLUE).max(1)
    }

    /// The minimum number of green's responses outside the group that has most. Otherwise one
    /// unit with all of the responses but one or two could trip the wire as soon as one of the
    /// others fails by chance.
    fn min_others(&self) -> u64 {
        self.min_samples / MIN_OTHERS
    }

    fn slot_s(&self) -> u64 {
        self.window_s.div_ceil(SLOTS).max(1)
    }

    /// Whether blue is about as bad as green.
    fn is_about_as_bad(&self, blue: &WindowMean, green: &WindowMean) -> bool {
        let variance_factor = blue.variance_factor + green.variance_factor;
        let (blue, green) = (blue.mean, green.mean);
        match self.metric.comparison() {
            Comparison::Rate => {
                let both = (blue + green) / 2.0;
                let deviation = libm::sqrt(both * (1.0 - both) * variance_factor);
                let is_by_chance = green - blue <= MAX_DEVIATIONS * deviation;
                blue >= green * MIN_RATIO_OF_GREEN
                    && (blue >= self.limit * MIN_RATIO_OF_LIMIT || is_by_chance)
            }
            Comparison::Lower => {
                let needed = ((1.0 - green) * MIN_RATIO_OF_GREEN)
                    .max((1.0 - self.limit) * MIN_RATIO_OF_LIMIT);
                1.0 - blue >= needed
            }
            _ => blue >= (green * MIN_RATIO_OF_GREEN).max(self.limit * MIN_RATIO_OF_LIMIT),
        }
    }
}
