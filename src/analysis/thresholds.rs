//! Thresholds of times, learned from blue and then frozen.
//!
//! A gate on a quantile, and one on slow responses without a configured objective, count how often
//! a time exceeds a threshold. The threshold is a quantile of blue's units' first times. It is
//! learned once, and frozen before it is used, so each response after it is a fair round: whatever
//! the threshold is, a green that is like blue exceeds it as often as blue.
//!
//! **When it is frozen.** [`MIN_BEYOND`] of the times must lie beyond the quantile: then the
//! fraction of blue's responses beyond the threshold is known to within a third of it (its relative
//! standard deviation is 1/√10). And learning must have taken [`MIN_WINDOWS`] times as long as the
//! threshold: shortly after the beginning only short responses have ended. Aborted responses are
//! left out. In a baseline all units are on blue, so more of them teach than in any step; and what is
//! frozen there does not depend on which of them chance puts on green. None of these can make a test
//! invalid; they only decide which part of the times the threshold cuts off.
//!
//! **A quantile by a rate.** Let `T` be blue's quantile, `m` the margin and `t` the tolerance.
//! "Green's times, divided by `1 + m`, do not exceed `T` more often than blue's" is the hypothesis
//! of the test of harm: a response of green is bad beyond `T·(1 + m)`, one of blue beyond `T`, and
//! the rates are compared by a ratio of 1. "Green's times, divided by `1 + t`, exceed `T` at least
//! as often as blue's" is that of the test of non-inferiority. Both are exact, given `T`.
//!
//! Howard and Ramdas (*Sequential estimation of quantiles with applications to A/B testing and
//! best-arm identification*, Bernoulli 28, 2022) bound each version's quantile by a confidence
//! sequence of its own. That needs no threshold, and assumes that a version's times do not drift.
//! A fixed threshold compares both versions at the same time, so that a drift of both is no
//! evidence, and keeps only counts.

use serde::{Deserialize, Serialize};

use super::measurements::Measurements;
use super::metric::{Metric, TimeQuantile};
use super::observation::Observation;
use super::plan::AnalysisPlan;
use super::step_index::StepIndex;
use super::unit_flags::{LEARNED_DURATION, LEARNED_TTFT};
use crate::assignment::Version;

/// The thresholds of a plan's gates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// When learning began, in nanoseconds of the observations' clock; `None` before the baseline or the
    /// first step.
    began_ns: Option<u64>,
    /// The frozen thresholds, in milliseconds.
    frozen: Vec<(Metric, f64)>,
    /// Blue's times, until all thresholds of a time are frozen.
    durations: TimeHistogram,
    ttfts: TimeHistogram,
}

/// How many times are in each bucket. There are 16 buckets an octave, so a bucket's bounds are
/// at most 6.25 % apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct TimeHistogram(Vec<u32>);

/// The times that thresholds are learned from, with the flag of a unit that was learned from.
const LEARNED_TIMES: [(Metric, u64); 2] =
    [(Metric::Duration, LEARNED_DURATION), (Metric::Ttft, LEARNED_TTFT)];

/// How many times must lie beyond a quantile before it is frozen.
pub const MIN_BEYOND: f64 = 10.0;

/// Learning takes at least so many times as long as the threshold.
const MIN_WINDOWS: f64 = 4.0;

/// The quantile of blue's durations from which a response is slow, if no objective is configured.
pub const SLOW_QUANTILE: TimeQuantile = TimeQuantile { time: Metric::Duration, quantile: 0.95 };

/// The last bucket, for times above about 13 hours.
const LAST_BUCKET: usize = 26 * 16;

// === impl Thresholds ===

impl Thresholds {
    /// Begins to learn, unless that has begun.
    pub(super) fn begin(&mut self, now_ns: u64) {
        self.began_ns.get_or_insert(now_ns);
    }

    /// The frozen threshold of a metric, in milliseconds. `None` for a metric that needs none, and
    /// before it is frozen.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.frozen.iter().find(|(it, _)| *it == metric).map(|(_, threshold)| *threshold)
    }

    /// The frozen thresholds that `before` did not have, in milliseconds.
    pub fn frozen_since(&self, before: &Self) -> impl Iterator<Item = (Metric, f64)> {
        self.frozen.iter().copied().filter(|(metric, _)| before.get(*metric).is_none())
    }

    /// Whether a gate on this metric waits for its threshold.
    pub(super) fn awaits(&self, plan: &AnalysisPlan, metric: Metric) -> bool {
        learned_quantile(plan, metric).is_some() && self.get(metric).is_none()
    }

    /// Whether a threshold of this time is still to be learned.
    fn learns(&self, plan: &AnalysisPlan, time: Metric) -> bool {
        self.pending(plan).any(|(_, quantile)| quantile.time == time)
    }

    /// The flags of the times that a response teaches: one of blue that was not aborted.
    pub(super) fn taught_flags(&self, plan: &AnalysisPlan, observation: &Observation) -> u64 {
        if observation.version == Version::Green {
            return 0;
        }
        let taught = LEARNED_TIMES.iter().filter(|(time, _)| {
            let time_ms = observation.measurements.censored_value_of(*time);
            time_ms.is_some_and(|it| !it.is_censored) && self.learns(plan, *time)
        });
        taught.fold(0, |flags, (_, flag)| flags | flag)
    }

    /// Learns the times whose flags the unit had not set before.
    pub(super) fn learn(&mut self, measurements: &Measurements, new: u64) {
        for (time, flag) in LEARNED_TIMES {
            if let Some(value_ms) = measurements.value_of(time).filter(|_| new & flag != 0) {
                self.histogram_mut(time).add(value_ms);
            }
        }
    }

    /// The frozen thresholds alone. The others are learned again in a step: at its beginning short
    /// responses end, however long ago learning began, and its units have taught before.
    pub(super) fn frozen_alone(self) -> Self {
        Self { frozen: self.frozen, ..Self::default() }
    }

    /// The frozen thresholds that a changed plan needs, too.
    pub(super) fn frozen_for(self, plan: &AnalysisPlan) -> Self {
        let mut kept = self.frozen_alone();
        kept.frozen.retain(|(metric, _)| learned_quantile(plan, *metric).is_some());
        kept
    }

    /// Freezes the thresholds that are known well enough. Call it before a tick's observations are
    /// added.
    pub(super) fn freeze_if_known(&mut self, plan: &AnalysisPlan, now_ns: u64) {
        let Some(began_ns) = self.began_ns else { return };
        let learned_ms = now_ns.saturating_sub(began_ns) as f64 / 1e6;
        let known = self.pending(plan).filter_map(|(metric, quantile)| {
            let histogram = self.histogram(quantile.time);
            let threshold = histogram.quantile(quantile.quantile)?;
            (learned_ms >= MIN_WINDOWS * threshold).then_some((metric, threshold))
        });
        let known: Vec<_> = known.collect();
        if known.is_empty() {
            return;
        }
        self.frozen.extend(known);
        for (time, _) in LEARNED_TIMES {
            if !self.learns(plan, time) {
                *self.histogram_mut(time) = TimeHistogram::default();
            }
        }
    }

    /// When [`Self::freeze_if_known`] freezes a threshold of which enough is known, or a millisecond
    /// later, in nanoseconds of the observations' clock.
    pub(super) fn freezes_ns(&self, plan: &AnalysisPlan) -> impl Iterator<Item = u64> {
        let pending = self.began_ns.into_iter().flat_map(|began_ns| {
            let known = self.pending(plan).filter_map(|(_, quantile)| {
                self.histogram(quantile.time).quantile(quantile.quantile)
            });
            known.map(move |threshold_ms| (began_ns, threshold_ms))
        });
        pending.map(|(began_ns, threshold_ms)| {
            let learned_ms = libm::ceil(MIN_WINDOWS * threshold_ms) as u64 + 1;
            began_ns.saturating_add(learned_ms.saturating_mul(1_000_000))
        })
    }

    /// Adds what the thresholds reveal of a response: whether its times exceed quantiles.
    pub(super) fn derive(
        &self,
        plan: &AnalysisPlan,
        step: StepIndex,
        observation: &Observation,
    ) -> Measurements {
        let measurements = observation.measurements;
        plan.gates.iter().fold(measurements, |derived, gate| {
            let metric = gate.spec.metric;
            let Some(quantile) = metric.quantile() else { return derived };
            let (Some(threshold), Some(params)) = (self.get(metric), gate.params(step)) else {
                return derived;
            };
            let derived = match measurements.is_missing(quantile.time) {
                true => derived.with_missing(metric),
                false => derived,
            };
            let Some(time) = measurements.censored_value_of(quantile.time) else { return derived };
            let exceeds = |excess: f64| match observation.version {
                Version::Blue => time.exceeds(threshold),
                Version::Green => time.exceeds(threshold * (1.0 + excess)),
            };
            derived.with_quantile(metric, exceeds(params.margin), exceeds(params.tolerance))
        })
    }

    /// Adds what was learned elsewhere under the same plan.
    pub(super) fn merge(&mut self, other: &Self) {
        self.durations.merge(&other.durations);
        self.ttfts.merge(&other.ttfts);
    }

    /// The metrics whose thresholds are still to be learned.
    fn pending(&self, plan: &AnalysisPlan) -> impl Iterator<Item = (Metric, TimeQuantile)> {
        let learned = plan.gates.iter().filter_map(|gate| {
            let metric = gate.spec.metric;
            Some((metric, learned_quantile(plan, metric)?))
        });
        learned.filter(|(metric, _)| self.get(*metric).is_none())
    }

    fn histogram(&self, time: Metric) -> &TimeHistogram {
        if time == Metric::Ttft { &self.ttfts } else { &self.durations }
    }

    fn histogram_mut(&mut self, time: Metric) -> &mut TimeHistogram {
        if time == Metric::Ttft { &mut self.ttfts } else { &mut self.durations }
    }
}

/// The quantile of blue's times that a metric's threshold is; `None` if it has none to learn.
pub fn learned_quantile(plan: &AnalysisPlan, metric: Metric) -> Option<TimeQuantile> {
    match metric {
        Metric::SlowRate => plan.learns_objective.then_some(SLOW_QUANTILE),
        _ => metric.quantile(),
    }
}

/// How many of blue's units must have a time before a quantile of it is frozen.
pub fn min_units(quantile: f64) -> u64 {
    libm::ceil(MIN_BEYOND / (1.0 - quantile) - 1e-9) as u64
}

// === impl TimeHistogram ===

impl TimeHistogram {
    fn add(&mut self, value_ms: f64) {
        let bucket = bucket(value_ms);
        if self.0.len() <= bucket {
            self.0.resize(bucket + 1, 0);
        }
        if let Some(count) = self.0.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
    }

    /// The upper bound of the bucket with a quantile of the times; `None` if there are too few.
    fn quantile(&self, quantile: f64) -> Option<f64> {
        let total: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        if total < min_units(quantile) {
            return None;
        }
        let rank = quantile * total as f64;
        let mut below = 0;
        let bucket = self.0.iter().position(|count| {
            below += u64::from(*count);
            below as f64 >= rank
        })?;
        Some(upper_bound_ms(bucket))
    }

    fn merge(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            *to = to.saturating_add(*from);
        }
    }
}

/// The exponent and the four leading bits of the mantissa, counted from 1 ms.
fn bucket(value_ms: f64) -> usize {
    let bits = (value_ms.max(1.0) as f32).to_bits() >> BUCKET_SHIFT;
    (bits.saturating_sub(ONE_MS) as usize).min(LAST_BUCKET)
}

fn upper_bound_ms(bucket: usize) -> f64 {
    f64::from(f32::from_bits((bucket as u32 + 1 + ONE_MS) << BUCKET_SHIFT))
}

/// An `f32` has 23 bits of mantissa; four are kept.
const BUCKET_SHIFT: u32 = 19;

/// The bits that are kept of the number 1.
const ONE_MS: u32 = 127 << 4;
