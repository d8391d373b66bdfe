//! The past of units: values are compared after what is usual for their unit is taken out.
//!
//! Users who come again differ: one has long prompts, another one a slow network. What a unit was
//! answered on blue *before* a step predicts its values in the step. So a value is divided by
//! `exp(level)`, where the level is the best linear prediction of its logarithm from the unit's
//! past:
//!
//! ```text
//! level = n/(n + κ) · mean of the unit's n deviations,      κ = variance within units / between
//! ```
//!
//! A deviation is the logarithm of a value on blue, less the mean of blue's newest ones, so that a
//! drift over the day makes no unit look slow. Both variances are those of one-way random effects,
//! estimated over all units. A unit without a past has the level 0. With a variance `w` within
//! units and `b` between them, what is left of `b` is `b·κ/(n + κ)`: after 10 values, with `w = b`,
//! a tenth.
//!
//! **Why the tests stay valid.** The levels are frozen when a step begins, from values that were
//! assigned to blue before. Chance assigns the step's new units to a version whatever their past
//! is. So, as for the classes of requests ([`adjustment`](super::adjustment)), the levels of both
//! versions have the same distribution, and given its level a value is multiplied by a constant. If
//! green is not worse than the margin allows for units of each level, adjusted values of green are
//! not stochastically larger than blue's, and each block stays a fair round. A unit whose past is
//! not known is in a stratum of its own, for the same reason: whether it is known does not depend
//! on the version. A bad prediction costs power, never validity.
//!
//! Where a step gathers its evidence again, because the operator has changed how it compares, the levels
//! stay frozen as they were: of the units that are new in the step, those on blue alone have been
//! answered on blue since. Where the ramp goes to another step instead, all pasts are forgotten: they
//! ended when a unit first was on green, and some of these units are on blue again.
//!
//! A unit that is on green since an earlier step has a past that ended earlier than those of blue's
//! units, or none. Its values would be adjusted by another rule than blue's. So the test of
//! non-inferiority of adjusted values counts only units that were on blue before the step.
//!
//! A step may compare a part of blue's units only, and only these are observed. The next step compares
//! others: what is new on green in it was observed on blue before, and most of its control was not. Then
//! whether a past is known would depend on the version. So in such a ramp
//! ([`AnalysisPlan::compares_all`]) only a baseline, in which all units are observed, is a past. It is
//! the same rule for all units, so those that are on green since an earlier step count as well.
//!
//! **Bounds.** At most [`AnalysisPlan::max_units`] units, those with the lowest hashes, with 45
//! bytes each. The sums are in the leader's memory alone. The levels are in the log of seen units as
//! well, when a unit is first seen in a step, so that a new leader has them.
//!
//! Sources: Deng, Xu, Kohavi and Walker, *Improving the sensitivity of online controlled
//! experiments by utilizing pre-experiment data*, WSDM 2013, DOI 10.1145/2433396.2433413 (the
//! covariate from before the treatment); Searle, Casella and McCulloch, *Variance components*,
//! 1992, sections 3.6 and 7.4 (the estimates, and the prediction); Lindon, Ham, Tingley and
//! Bojinov, arXiv 2210.08589 (adjustment under sequential tests).

use std::collections::BTreeMap;

use super::measurements::Measurements;
use super::metric::Metric;
use super::observation::Observation;
use super::plan::AnalysisPlan;
use super::step_index::StepIndex;
use super::undo_log::UndoLog;
use super::unit_flags::UnitFlags;
use crate::assignment::Version;

/// The past of units on blue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitPasts {
    units: BTreeMap<u64, UnitPast>,
    /// Units from this hash on are ignored.
    end: Option<u64>,
    usual: [UsualValue; METRICS.len()],
    /// How to return to what was known at [`Self::begin_undo`].
    undo: Option<Box<Undo>>,
}

/// How to return to what was known before.
#[derive(Clone, Debug, PartialEq)]
struct Undo {
    units: UndoLog<UnitPast>,
    end: Option<u64>,
    usual: [UsualValue; METRICS.len()],
}

/// What is known of one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct UnitPast {
    counts: [u16; METRICS.len()],
    /// The sums of deviations.
    sums: [f32; METRICS.len()],
    levels: Levels,
    /// Whether the levels are in the log of the current step.
    is_logged: bool,
}

/// The level of each of [`METRICS`] as a multiple of [`LEVEL_STEP`].
type Levels = [i8; METRICS.len()];

/// Blue's values of one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct UsualValue {
    /// The number of values.
    count: u64,
    /// The mean logarithm of the newest ones.
    mean: f64,
    /// The sum of squares within units, and its degrees of freedom.
    squares_within: f64,
    degrees_within: u64,
}

/// The metrics whose values are adjusted.
const METRICS: [Metric; 4] = [Metric::Duration, Metric::Ttft, Metric::OutputTokens, Metric::Cost];

/// The difference of two neighbouring levels: 3 %.
const LEVEL_STEP: f64 = 1.0 / 32.0;

/// The mean of blue's newest values is an exponential average over so many.
const NEWEST: u64 = 256;

/// Units are predicted when so many values have come from units that had one before. Fewer say
/// little about how much units differ.
pub const MIN_REPEATED_VALUES: u64 = 100;

// === impl UnitPasts ===

impl UnitPasts {
    /// Learns the values of a response on blue, if `is_past` says that they are a past. They are adjusted
    /// by their request already.
    pub(super) fn learn(
        &mut self,
        plan: &AnalysisPlan,
        is_past: bool,
        observation: &Observation,
        adjusted: &Measurements,
    ) {
        if !is_past || observation.version == Version::Green || adjusted.is_open() {
            return;
        }
        let deviations = std::array::from_fn(|index| {
            let metric = METRICS.get(index)?;
            let value = adjusted.censored_value_of(*metric)?;
            let is_exact = !value.is_censored && value.value > 0.0;
            is_exact.then(|| self.usual.get_mut(index).map(|it| it.deviation(value.value)))?
        });
        if deviations.iter().any(Option::is_some) {
            self.add(observation.unit, deviations, plan.max_units);
        }
    }

    fn add(&mut self, unit: u64, deviations: [Option<f64>; METRICS.len()], max_units: usize) {
        if self.end.is_some_and(|end| unit >= end) {
            return;
        }
        self.note(unit);
        let past = self.units.entry(unit).or_default();
        let sums = past.counts.iter_mut().zip(&mut past.sums).zip(&mut self.usual);
        for (((count, sum), usual), deviation) in sums.zip(deviations) {
            let Some(deviation) = deviation.filter(|_| *count < u16::MAX) else { continue };
            usual.add_within(f64::from(*count), f64::from(*sum), deviation);
            *count += 1;
            *sum += deviation as f32;
        }
        while self.units.len() > max_units {
            let Some((last, past)) = self.units.pop_last() else { break };
            self.end = Some(last);
            if let Some(undo) = &mut self.undo {
                undo.units.note(last, Some(past));
            }
        }
    }

    /// From now on, notes what changes, so that [`Self::undo`] undoes it.
    pub(super) fn begin_undo(&mut self) {
        let (units, end, usual) = (UndoLog::default(), self.end, self.usual);
        self.undo = Some(Box::new(Undo { units, end, usual }));
    }

    /// Undoes what has changed since [`Self::begin_undo`]. Where that is not known, nothing is left.
    pub(super) fn undo(&mut self) {
        let Self { mut units, undo, .. } = std::mem::take(self);
        if let Some(undo) = undo {
            undo.units.undo(&mut units);
            *self = Self { units, end: undo.end, usual: undo.usual, undo: None };
        }
    }

    /// Notes a unit before it is changed.
    fn note(&mut self, unit: u64) {
        if let Some(undo) = &mut self.undo {
            undo.units.note(unit, self.units.get(&unit).copied());
        }
    }

    /// Notes all units before they are changed.
    fn note_all(&mut self) {
        if let Some(undo) = &mut self.undo {
            self.units.iter().for_each(|(unit, past)| undo.units.note(*unit, Some(*past)));
        }
    }

    /// Freezes the levels of all units from what is known of them so far.
    pub(super) fn freeze(&mut self) {
        self.note_all();
        for index in 0..METRICS.len() {
            let values = || self.units.values().filter_map(|it| it.sum_of(index));
            let Some(usual) = self.usual.get(index) else { continue };
            let Some(ratio) = usual.ratio_within_to_between(values()) else { continue };
            for past in self.units.values_mut() {
                let Some((count, sum)) = past.sum_of(index) else { continue };
                if let Some(level) = past.levels.get_mut(index) {
                    let steps = sum / (count + ratio) / LEVEL_STEP;
                    *level = libm::round(steps).clamp(-127.0, 127.0) as i8;
                }
            }
        }
        self.mark_unlogged();
    }

    /// Marks the levels of all units as not logged, for a log that is empty again.
    pub(super) fn log_again(&mut self) {
        self.note_all();
        self.mark_unlogged();
    }

    fn mark_unlogged(&mut self) {
        self.units.values_mut().for_each(|past| past.is_logged = false);
    }

    /// The measurements of a unit without what is usual for it.
    pub(super) fn adjust(&self, unit: u64, measurements: Measurements) -> Measurements {
        let Some(past) = self.units.get(&unit) else { return measurements };
        METRICS.iter().zip(past.levels).filter(|(_, level)| *level != 0).fold(
            measurements,
            |measurements, (metric, level)| {
                let factor = libm::exp(-f64::from(level) * LEVEL_STEP);
                measurements.scaled(*metric, factor as f32)
            },
        )
    }

    /// By what a unit's values of this metric are multiplied.
    pub fn factor(&self, metric: Metric, unit: u64) -> f64 {
        let index = METRICS.iter().position(|it| *it == metric);
        let level = index.and_then(|index| self.units.get(&unit)?.levels.get(index).copied());
        libm::exp(-f64::from(level.unwrap_or_default()) * LEVEL_STEP)
    }

    /// The number of units that are remembered.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether no unit is remembered.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// The entry for the log of seen units with a unit's levels, the first time in a step.
    pub(super) fn take_entry(&mut self, step: StepIndex, unit: u64) -> Option<UnitFlags> {
        if self.units.get(&unit).is_some_and(|it| !it.is_logged) {
            self.note(unit);
        }
        let past = self.units.get_mut(&unit)?;
        let is_new = !std::mem::replace(&mut past.is_logged, true);
        let is_known = past.levels.iter().any(|level| *level != 0);
        (is_new && is_known).then(|| UnitFlags::with_levels(step, unit, past.levels))
    }

    /// Restores the levels of a unit from the log.
    pub(super) fn restore(&mut self, unit: u64, levels: Levels, max_units: usize) {
        self.add(unit, [None; METRICS.len()], max_units);
        if let Some(past) = self.units.get_mut(&unit) {
            (past.levels, past.is_logged) = (levels, true);
        }
    }

    /// Adds units from elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        for (unit, past) in &other.units {
            self.units.entry(*unit).or_insert(*past);
        }
    }
}

// === impl UnitPast ===

impl UnitPast {
    /// The number of deviations of a metric, and their sum; `None` if there are none.
    fn sum_of(&self, index: usize) -> Option<(f64, f64)> {
        let count = self.counts.get(index).copied().filter(|count| *count > 0)?;
        Some((f64::from(count), f64::from(*self.sums.get(index)?)))
    }
}

// === impl UsualValue ===

impl UsualValue {
    /// The deviation of a value, which is then one of the newest.
    fn deviation(&mut self, value: f64) -> f64 {
        let log = libm::log(value);
        if self.count == 0 {
            self.mean = log;
        }
        self.count += 1;
        let deviation = log - self.mean;
        self.mean += deviation / self.count.min(NEWEST) as f64;
        deviation
    }

    /// Adds a deviation of a unit that had `count` of them with this sum before (Welford).
    fn add_within(&mut self, count: f64, sum: f64, deviation: f64) {
        if count > 0.0 {
            let from_mean = deviation - sum / count;
            self.squares_within += from_mean * from_mean * count / (count + 1.0);
            self.degrees_within += 1;
        }
    }

    /// The variance within units as a multiple of the one between them, from the number and the sum
    /// of each unit's deviations. `None` if too little is known, or units do not differ.
    fn ratio_within_to_between(&self, units: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
        if self.degrees_within < MIN_REPEATED_VALUES {
            return None;
        }
        let within = self.squares_within / self.degrees_within as f64;
        let add = |(values, units, squares): (f64, f64, f64), (count, sum): (f64, f64)| {
            (values + count, units + 1.0, squares + sum * sum / count)
        };
        let (values, units, squares) = units.fold((0.0, 0.0, 0.0), add);
        let between = (squares - units * within) / values;
        (between > 0.0).then(|| within / between)
    }
}
