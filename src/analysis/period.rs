//! The newest period of a step: green is tested on it alone, and no unit counts without bound.
//!
//! **A late regression.** The bets of a step lose wealth while green is like blue, and each unit
//! counts once a step. A green that becomes worse after hours would have to win that back, from
//! units that have all been counted. So the bets restart in each period of [`PERIOD_NS`], and
//! each unit counts again in it. The bad responses that count so also add up over the step, as
//! those of [units that come again](super::repeated_events).
//!
//! The periods of a ramp share the fraction [`PERIODS_ALPHA`] of α; the `k`-th one has
//! `1/(k(k+1))` of that, which sums up to 1. Each period has its own threshold, and the e-values
//! of two periods are never multiplied: they come from the same units, and a unit that fails often
//! does so in both. By Ville's inequality in each period, and the union bound over them, a green
//! that is not worse is rolled back with a probability of at most α, whatever units have in common
//! from one period to the next.
//!
//! **A heavy unit.** The test of non-inferiority counts requests. One unit that sends half of them
//! would decide alone. So a unit counts in a period at most [`MAX_REQUESTS`] times for a rate and
//! [`MAX_VALUES`] times for values; see [`repeats`](super::repeats).
//!
//! Source: e-detectors that restart (Shin, Ramdas and Rinaldo, *E-detectors*, NEJSDS 2024),
//! with a union bound over the restarts in place of the sum.

use serde::{Deserialize, Serialize};

use super::bad_units::min_bad_units;
use super::gate_stats::GateStats;
use super::known_fraction::CountsByCoverage;
use super::metric::Metric;
use super::observation::Observation;
use super::plan::{AnalysisPlan, AnalysisUnit, Gate, GateStepParams};
use super::rate_stats;
pub use super::repeats::{MAX_REQUESTS, MAX_VALUES};
use super::repeats::{Repeats, count_for_outages};
use super::seen_units::SeenUnits;
use super::step_index::StepIndex;
use super::value_bets::{ValueBets, ValueHypothesis};
use super::value_stats::value_or_vote;
use super::wealth::log_mean_of_directions;

/// The newest period of the current step, or, where that compares nothing, of the last one that does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Period {
    /// The number of periods of the ramp with a test of their own, this one included. The first
    /// period of a step has none: the step's own test is the same.
    number: u32,
    began_ns: u64,
    /// Whether it has ended early. The next tick then begins a new period.
    has_ended: bool,
    /// The bets of each gate, in the plan's order; empty in a period without a test.
    gates: Vec<PeriodBets>,
    /// The units of the period. They are not stored: a new leader begins a new period.
    #[serde(skip)]
    units: Option<SeenUnits>,
    /// What was at [`Self::begin_undo`].
    #[serde(skip)]
    before: Option<Before>,
}

/// What [`Period::undo`] returns to. The bets are stored, so they are not in it.
#[derive(Clone, Debug, PartialEq)]
struct Before {
    number: u32,
    began_ns: u64,
    /// Whether another period has begun since.
    is_over: bool,
    /// The units, if so.
    units: Option<SeenUnits>,
}

/// The bets of one gate against "green is not worse".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum PeriodBets {
    /// Units with a bad response in the period.
    Rate(Box<CountsByCoverage>),
    Values(ValueBets),
}

/// How long a period lasts, in nanoseconds.
pub const PERIOD_NS: u64 = 30 * 60 * 1_000_000_000;

/// The fraction of α for all periods together. The rest is for the test over the whole ramp.
pub const PERIODS_ALPHA: f64 = 0.1;

// === impl Period ===

impl Period {
    /// Begins the first period of a step.
    pub(super) fn begin_step(&mut self, now_ns: u64) {
        let former = self.units.replace(SeenUnits::default());
        if let Some(before) = self.before.as_mut().filter(|it| !it.is_over) {
            (before.is_over, before.units) = (true, former);
        }
        (self.began_ns, self.has_ended) = (now_ns, false);
        self.gates = Vec::new();
    }

    /// Begins a period in a step that other shares have interrupted. It has a test: the step's own has lost
    /// wealth, and has counted units, before the interruption.
    pub(super) fn resume_step(&mut self, now_ns: u64) {
        self.begin_step(now_ns);
        self.has_ended = true;
    }

    /// Begins the next period if the current one is over, or if its units are not known.
    pub(super) fn begin_if_due(&mut self, plan: &AnalysisPlan, now_ns: u64) {
        let is_over = now_ns >= self.end_ns();
        let has_lost_its_units = self.units.is_none();
        if !is_over && !has_lost_its_units {
            return;
        }
        let had_test = !self.gates.is_empty();
        self.begin_step(now_ns);
        if is_over || had_test {
            self.number = self.number.saturating_add(1);
            self.gates = plan.gates.iter().map(PeriodBets::for_gate).collect();
        }
    }

    /// Takes over the units of the same period.
    pub(super) fn take_units_of(&mut self, former: &mut Self) {
        if (self.number, self.began_ns) == (former.number, former.began_ns) {
            self.units = former.units.take();
        }
    }

    /// From now on, notes what changes of the units, so that [`Self::undo`] undoes it.
    pub(super) fn begin_undo(&mut self) {
        self.units.iter_mut().for_each(SeenUnits::begin_undo);
        let Self { number, began_ns, .. } = *self;
        self.before = Some(Before { number, began_ns, is_over: false, units: None });
    }

    /// Returns to the units of [`Self::begin_undo`]. Where they are not known, the next tick begins a new
    /// period.
    pub(super) fn undo(&mut self) {
        let Some(before) = self.before.take() else {
            self.units = None;
            return;
        };
        (self.number, self.began_ns) = (before.number, before.began_ns);
        if before.is_over {
            self.units = before.units;
        }
        self.units.iter_mut().for_each(SeenUnits::undo);
    }

    /// When it is over, in nanoseconds of the observations' clock.
    pub(super) fn end_ns(&self) -> u64 {
        self.began_ns.saturating_add(if self.has_ended { 0 } else { PERIOD_NS })
    }

    /// Counts an observation. Returns what it counts for: that for which its unit has not been
    /// counted too often. Where each request counts, each value is the first of its unit.
    pub(super) fn count(
        &mut self,
        plan: &AnalysisPlan,
        observation: &Observation,
        is_after_warmup: bool,
    ) -> Repeats {
        let Observation { at_ns, unit, ref measurements, .. } = *observation;
        let since_ns = at_ns.saturating_sub(self.began_ns);
        let count =
            |flags: &mut u64| Repeats::count(flags, measurements, since_ns, is_after_warmup);
        match &mut self.units {
            Some(units) if plan.unit == AnalysisUnit::Units => {
                units.update(unit, plan.max_units, count).unwrap_or_default()
            }
            _ => Repeats::without_limit(is_after_warmup),
        }
    }

    /// Whether a response counts for outages: a unit counts once a minute.
    pub(super) fn counts_for_outages(
        &mut self,
        plan: &AnalysisPlan,
        observation: &Observation,
    ) -> bool {
        let since_ns = observation.at_ns.saturating_sub(self.began_ns);
        match &mut self.units {
            Some(units) if plan.unit == AnalysisUnit::Units => {
                let count = |flags: &mut u64| count_for_outages(flags, since_ns);
                units.update(observation.unit, plan.max_units, count).unwrap_or_default()
            }
            _ => true,
        }
    }

    /// Adds a response of the period's step to the bets, and to the events of units that come again.
    /// `stats` has the sums of its gates in the step, to which the response has been added. Units
    /// do not come again after the step.
    pub(super) fn add(
        &mut self,
        plan: &AnalysisPlan,
        (step, is_over): (StepIndex, bool),
        observation: &Observation,
        stats: &mut [GateStats],
    ) {
        let has_test = !self.gates.is_empty();
        let come_again = !is_over && plan.unit == AnalysisUnit::Units;
        if !observation.is_newly_exposed || !(has_test || come_again) {
            return;
        }
        // Without a test of the period's own, values do not count again. Most responses are not bad, and
        // what is cheap is checked first.
        let counts = |(gate, stats): &(&Gate, &GateStats)| {
            let metric = gate.spec.metric;
            (has_test || metric.comparison().counts_events())
                && observation.measurements.is_data_of_harm(metric)
                && stats.counts_harm()
        };
        let data = plan.gates.iter().zip(&*stats).filter(counts).map(|(gate, _)| gate.spec.metric);
        let flags = data.fold(0, |flags, metric| flags | flag(metric));
        if flags == 0 {
            return;
        }
        let Some(new) = self.set_flags(plan, observation.unit, flags) else { return };
        let mut bets = self.gates.iter_mut();
        for (gate, stats) in plan.gates.iter().zip(stats) {
            let bets = bets.next();
            if new & flag(gate.spec.metric) == 0 || gate.params(step).is_none() {
                continue;
            }
            if come_again {
                stats.add_repeated_event(observation.version, observation.unit);
            }
            if let Some(bets) = bets {
                bets.add(gate, observation, stats);
            }
        }
    }

    /// Drops the values that wait for one of the other version.
    pub(super) fn drop_waiting_values(&mut self) {
        for bets in &mut self.gates {
            if let PeriodBets::Values(bets) = bets {
                bets.drop_waiting();
            }
        }
    }

    /// Ends a tick.
    pub(super) fn end_tick(&mut self, plan: &AnalysisPlan) {
        for (gate, bets) in plan.gates.iter().zip(&mut self.gates) {
            bets.end_tick(gate);
        }
    }

    /// The natural logarithm of the e-value of the gate at `index` against "green is not worse",
    /// in this period alone; `None` in a period without a test, or with too few bad units of green.
    pub(super) fn harm_log_e(
        &self,
        index: usize,
        params: &GateStepParams,
        alpha: f64,
    ) -> Option<f64> {
        let bets = self.gates.get(index)?;
        bets.has_enough_units(alpha).then(|| bets.harm_log_e(params))
    }

    /// The natural logarithm of the fraction of α that this period may use.
    pub(super) fn log_alpha_fraction(&self) -> f64 {
        let number = f64::from(self.number);
        libm::log(PERIODS_ALPHA / (number * (number + 1.0)))
    }

    /// Adds the bets of the same period from elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        for (to, from) in self.gates.iter_mut().zip(&other.gates) {
            to.merge(from);
        }
    }

    /// Sets the flags of a unit. Returns those that were not set before; `None` where the unit
    /// must not count.
    fn set_flags(&mut self, plan: &AnalysisPlan, unit: u64, flags: u64) -> Option<u64> {
        match &mut self.units {
            Some(units) if plan.unit == AnalysisUnit::Units => {
                units.set_flags(unit, flags, plan.max_units)
            }
            _ => Some(flags),
        }
    }
}

fn flag(metric: Metric) -> u64 {
    1 << metric as u32
}

// === impl PeriodBets ===

impl PeriodBets {
    fn for_gate(gate: &Gate) -> Self {
        match gate.spec.metric.comparison().counts_events() {
            true => Self::Rate(Box::default()),
            false => Self::Values(ValueBets::default()),
        }
    }

    fn add(&mut self, gate: &Gate, observation: &Observation, stats: &GateStats) {
        let (metric, version) = (gate.spec.metric, observation.version);
        match self {
            Self::Rate(bad) => {
                if let Some(level) = stats.level_for_harm() {
                    bad.add(level, version, 1);
                }
            }
            Self::Values(bets) => {
                if let Some(value) = value_or_vote(&observation.measurements, metric) {
                    let hypothesis = ValueHypothesis::NotWorse(gate.spec.margin);
                    bets.add(metric.comparison(), hypothesis, version, value);
                }
            }
        }
    }

    fn end_tick(&mut self, gate: &Gate) {
        if let Self::Values(bets) = self {
            let hypothesis = ValueHypothesis::NotWorse(gate.spec.margin);
            bets.end_tick(gate.spec.metric.comparison(), hypothesis);
        }
    }

    /// Whether enough units of green were bad in the period; see [`min_bad_units`].
    fn has_enough_units(&self, alpha: f64) -> bool {
        match self {
            Self::Rate(bad) => bad.total().green >= min_bad_units(alpha),
            Self::Values(_) => true,
        }
    }

    fn harm_log_e(&self, params: &GateStepParams) -> f64 {
        match self {
            Self::Rate(bad) => rate_stats::harm_wealth(bad, params).log_mean(),
            Self::Values(bets) => {
                log_mean_of_directions(bets.wealth().iter().map(|it| it.log_mean()))
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Rate(bad), Self::Rate(other)) => bad.merge(other),
            (Self::Values(bets), Self::Values(other)) => bets.merge(other),
            _ => {}
        }
    }
}
