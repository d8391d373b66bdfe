//! From observations to the sums that the tests use: drops repeats, forms blocks.
//!
//! Observations of a tick arrive together, from any number of workers. They are sorted by their
//! content first, so that the same observations give the same state in any order.

use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use super::adjustment::Adjustment;
use super::gate_stats::GateStats;
use super::measurements::Measurements;
use super::observation::{Observation, SortedByContent, StepObservation};
use super::outage::Outages;
use super::period::Period;
use super::plan::{AnalysisPlan, AnalysisUnit};
use super::repeats::Repeats;
use super::seen_units::SeenUnitsByStep;
use super::step_index::StepIndex;
use super::step_stats::StepStats;
use super::thresholds::Thresholds;
use super::unit_flags::{ASSIGNED, GateFlags, UnitFlags};
use super::unit_past::UnitPasts;

/// The evidence of a ramp. Its size grows with gates and steps, and with units up to a
/// maximum.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The evidence of each step so far.
    pub steps: Vec<StepStats>,
    /// When each step began, in nanoseconds of the observations' clock.
    began_ns: Vec<u64>,
    /// The units of the newest steps. They are many, so they are stored separately: see
    /// [`Evidence::new_flags`].
    #[serde(skip)]
    seen: SeenUnitsByStep,
    /// The flags that the last tick has set.
    #[serde(skip)]
    new_flags: Vec<UnitFlags>,
    /// Observations that arrived after the units of their step were forgotten.
    pub late_observations: u64,
    /// The newest period of the current step, or, where that compares nothing, of the last one that does.
    pub(super) period: Period,
    thresholds: Thresholds,
    adjustment: Adjustment,
    outages: Outages,
    /// Stored with the units, in their log.
    #[serde(skip)]
    pub(super) pasts: UnitPasts,
}

// === impl Evidence ===

impl Evidence {
    /// Records when a step began; or, for the newest step, when it resumed after other shares
    /// than its own were in force.
    ///
    /// Shortly after that, only short answers have ended. A slower green looks as fast as blue
    /// then, because its slow answers have not ended yet. So no response that ends during the
    /// warm-up counts for the test of non-inferiority; nor does any in a step whose beginning is
    /// not known.
    pub fn begin_step(&mut self, step: StepIndex, at_ns: u64) {
        if step.get() >= self.began_ns.len() {
            self.pasts.freeze();
        }
        self.began_ns.resize(step.get(), at_ns);
        self.began_ns.push(at_ns);
        // The tests of what units tell when they come again are of the current step.
        self.steps.iter_mut().take(step.get()).for_each(StepStats::forget_repeated);
        // A step that gathers its evidence again has none so far.
        match self.steps.len() > step.get() {
            true => self.period.resume_step(at_ns),
            false => self.period.begin_step(at_ns),
        }
        self.thresholds.begin(at_ns);
    }

    /// Tests the requests that still come of the last step that compares versions, in periods. The last
    /// step's own test has lost wealth and has counted its units; the step that has begun compares nothing.
    pub fn continue_in_periods(&mut self, at_ns: u64) {
        self.period.resume_step(at_ns);
    }

    /// Begins a tick, before its observations are added: begins the next [`Period`] of the step if
    /// it is due, freezes the thresholds that are known well enough, and updates the adjustment.
    pub fn begin_tick(&mut self, plan: &AnalysisPlan, now_ns: u64) {
        self.period.begin_if_due(plan, now_ns);
        self.thresholds.freeze_if_known(plan, now_ns);
        if self.adjustment.update_if_due() {
            self.steps.iter_mut().for_each(StepStats::drop_waiting_values);
            self.period.drop_waiting_values();
        }
    }

    /// When [`Self::begin_tick`] changes something, unless observations are added before: the times, in
    /// nanoseconds of the observations' clock.
    pub fn changes_ns(&self, plan: &AnalysisPlan) -> impl Iterator<Item = u64> {
        self.thresholds.freezes_ns(plan).chain([self.period.end_ns()])
    }

    /// The thresholds that were learned from blue.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// Learns thresholds and the past of units while all are on blue, before the first step.
    pub fn learn_baseline(&mut self, plan: &AnalysisPlan, observations: &[Observation]) {
        let in_first = |it: &Observation| {
            SortedByContent(StepObservation { step: StepIndex::FIRST, observation: *it })
        };
        let heap: BinaryHeap<_> = observations.iter().map(in_first).collect();
        for SortedByContent(StepObservation { observation, .. }) in heap.into_sorted_vec() {
            let taught = self.thresholds.taught_flags(plan, &observation);
            if taught != 0
                && let Some(new) = self.set_early_flags(plan, observation.unit, taught)
            {
                self.thresholds.learn(&observation.measurements, new);
            }
            self.adjustment.learn(plan, &observation);
            let adjusted = self.adjustment.adjust(observation.measurements);
            self.pasts.learn(plan, plan.adjusts_by_past(), &observation, &adjusted);
        }
    }

    /// The evidence after the baseline: what was learned in it.
    #[must_use]
    pub fn after_baseline(&mut self) -> Self {
        let Self { adjustment, pasts, thresholds, .. } = std::mem::take(self);
        Self { adjustment, pasts, thresholds: thresholds.frozen_alone(), ..Self::default() }
    }

    /// Evidence without observations, for the same step under a changed plan.
    ///
    /// The past of units stays as it was when the step began: in the step, only those on blue have
    /// had more of it. So the step counts as begun, and [`Self::begin_step`] freezes nothing. Thresholds that
    /// are frozen stay, too: the units on blue may be too few to learn them again.
    #[must_use]
    pub fn gathered_again(&mut self, plan: &AnalysisPlan) -> Self {
        let Self { began_ns, mut pasts, thresholds, .. } = std::mem::take(self);
        let again = Self { thresholds: thresholds.frozen_for(plan), ..Self::default() };
        if !plan.adjusts_by_past() {
            return again;
        }
        pasts.log_again();
        Self { began_ns, pasts, ..again }
    }

    /// The past of units.
    pub fn pasts(&self) -> &UnitPasts {
        &self.pasts
    }

    /// By what values are adjusted.
    pub fn adjustment(&self) -> &Adjustment {
        &self.adjustment
    }

    /// Adds a tick's observations.
    pub fn add(&mut self, plan: &AnalysisPlan, observations: Vec<StepObservation>) {
        // A heap compiles to a fifteenth of the code of the standard library's sort.
        let heap: BinaryHeap<_> = observations.into_iter().map(SortedByContent).collect();
        self.new_flags.clear();
        for SortedByContent(observation) in heap.into_sorted_vec() {
            self.add_one(plan, &observation);
        }
        for (index, stats) in self.steps.iter_mut().enumerate() {
            stats.end_tick(plan, StepIndex::new(index));
        }
        self.period.end_tick(plan);
    }

    /// Adds evidence that was gathered elsewhere under the same plan, of other units.
    pub fn merge(&mut self, other: &Self) {
        for (index, from) in other.steps.iter().enumerate() {
            match self.steps.get_mut(index) {
                Some(to) => to.merge(from),
                None => self.steps.push(from.clone()),
            }
        }
        self.period.merge(&other.period);
        self.thresholds.merge(&other.thresholds);
        self.adjustment.merge(&other.adjustment);
        self.pasts.merge(&other.pasts);
        self.late_observations += other.late_observations;
    }

    /// The flags that the last tick has set.
    pub fn new_flags(&self) -> &[UnitFlags] {
        &self.new_flags
    }

    /// Restores a unit's flags from storage.
    pub fn restore(&mut self, plan: &AnalysisPlan, stored: UnitFlags) {
        let UnitFlags { step, unit, flags } = stored;
        if let Some(levels) = stored.levels() {
            return self.pasts.restore(unit, levels, plan.max_units);
        }
        if let Some(seen) = self.seen.step_mut(step, self.began_ns.len()) {
            seen.set_flags(unit, flags, plan.max_units);
        }
    }

    /// Sets flags of a unit in a baseline or a shadow step, whose units are remembered as those of the
    /// first step. Returns the flags that were not set before, or `None` where the unit must not count.
    pub(super) fn set_early_flags(
        &mut self,
        plan: &AnalysisPlan,
        unit: u64,
        flags: u64,
    ) -> Option<u64> {
        if plan.unit == AnalysisUnit::EveryRequest {
            return Some(flags);
        }
        let step = StepIndex::FIRST;
        let seen = self.seen.step_mut(step, self.began_ns.len())?;
        let new = seen.set_flags(unit, flags, plan.max_units)?;
        if new != 0 {
            self.new_flags.push(UnitFlags { step, unit, flags: new });
        }
        Some(new)
    }

    /// The number of units that are remembered.
    pub fn remembered_units(&self) -> usize {
        self.seen.len()
    }

    fn add_one(&mut self, plan: &AnalysisPlan, observation: &StepObservation) {
        let StepObservation { step, observation } = observation;
        if step.get() >= plan.steps.len() {
            return;
        }
        let is_counted = || self.period.counts_for_outages(plan, observation);
        let measurements = self.outages.record(observation, plan.warmup_ns, is_counted);
        let is_after_warmup = self.is_after(plan.warmup_ns, *step, observation);
        let measurements = self.settled(plan, *step, observation, measurements, is_after_warmup);
        let observation = &Observation { measurements, ..*observation };
        let measurements = self.thresholds.derive(plan, *step, observation);
        let observation = &Observation { measurements, ..*observation };
        let new = self.set_flags(plan, *step, observation, is_after_warmup);
        if let Some(new) = new {
            self.thresholds.learn(&measurements, new);
            self.adjustment.learn(plan, observation);
        }
        let adjusted = self.adjustment.adjust(measurements);
        if new.is_some() {
            self.pasts.learn(plan, plan.learns_past_in_steps(), observation, &adjusted);
        }
        let adjusted = self.pasts.adjust(observation.unit, adjusted);
        let observation = &Observation { measurements: adjusted, ..*observation };
        if let Some(new) = new {
            self.add_to_step(plan, *step, observation, is_after_warmup, new);
        }
        // The newest period has a memory of its own: a unit that the step leaves out, because it has
        // seen too many others, may be among those of the period.
        let is_over = self.is_over(*step);
        if self.is_of_period(plan, *step)
            && let Some(stats) = self.steps.get_mut(step.get())
        {
            self.period.add(plan, (*step, is_over), observation, &mut stats.gates);
        }
    }

    /// The measurements that count so early in a step: no times during a cold start; and no tokens and cost
    /// during the warm-up, since the first long answers to end are those of the version that is faster.
    fn settled(
        &self,
        plan: &AnalysisPlan,
        step: StepIndex,
        observation: &Observation,
        mut measurements: Measurements,
        is_after_warmup: bool,
    ) -> Measurements {
        // An assignment alone stays one, and a vote.
        if !measurements.is_response() {
            return measurements;
        }
        if plan.cold_start_ns > 0 && !self.is_after(plan.cold_start_ns, step, observation) {
            measurements = measurements.without_times();
        }
        if is_after_warmup { measurements } else { measurements.without_sizes() }
    }

    /// Adds an observation to the sums of its step. `new` are the flags of its unit that were not set
    /// before.
    fn add_to_step(
        &mut self,
        plan: &AnalysisPlan,
        step: StepIndex,
        observation: &Observation,
        is_after_warmup: bool,
        new: u64,
    ) {
        // An assignment alone counts for nothing.
        let is_data = observation.measurements.is_data();
        // A late response of the step before does not use up what its unit may tell in this one.
        let repeats = match is_data {
            true if self.is_current(step) => self.period.count(plan, observation, is_after_warmup),
            true => Repeats::without_limit(is_after_warmup),
            false => Repeats::default(),
        };
        if self.steps.len() <= step.get() {
            self.steps.resize(step.get() + 1, StepStats::empty(plan));
        }
        if let Some(stats) = self.steps.get_mut(step.get()) {
            stats.add(plan, &self.thresholds, step, observation, new, repeats);
        }
    }

    /// Whether a later step has begun.
    pub(super) fn is_over(&self, step: StepIndex) -> bool {
        self.began_ns.len() > step.get() + 1
    }

    /// Whether a step has begun, and no later one.
    fn is_current(&self, step: StepIndex) -> bool {
        step.get() + 1 == self.began_ns.len()
    }

    /// Whether the period is of this step: the current one, or the last one that compares versions.
    fn is_of_period(&self, plan: &AnalysisPlan, step: StepIndex) -> bool {
        step.get() + 1 == self.began_ns.len().min(plan.steps.len())
    }

    /// Whether a response ended so many nanoseconds after its step began, or later. It is not known of a
    /// step whose beginning is not known.
    fn is_after(&self, time_ns: u64, step: StepIndex, observation: &Observation) -> bool {
        let began_ns = self.began_ns.get(step.get());
        began_ns.is_some_and(|began| observation.at_ns >= began.saturating_add(time_ns))
    }

    /// Sets the unit's flags. Returns those that were not set before, or `None` where the
    /// observation must not count.
    fn set_flags(
        &mut self,
        plan: &AnalysisPlan,
        step: StepIndex,
        observation: &Observation,
        is_after_warmup: bool,
    ) -> Option<u64> {
        let Observation { unit, is_newly_exposed, measurements, .. } = observation;
        let is_assigned = *is_newly_exposed && observation.is_assignment;
        let assigned = if is_assigned { ASSIGNED } else { 0 };
        let stats = self.steps.get(step.get());
        let flags = plan.gates.iter().enumerate().fold(assigned, |flags, (index, gate)| {
            let (metric, of_gate) = (gate.spec.metric, GateFlags::new(index));
            let of_response =
                of_gate.of_response(metric, measurements, *is_newly_exposed, is_after_warmup);
            // A bad response that cannot be compared leaves the unit's next one to count.
            let stats = stats.and_then(|it| it.gates.get(index));
            match stats.is_none_or(GateStats::counts_harm) {
                true => flags | of_response,
                false => flags | of_gate.without_harm(of_response),
            }
        });
        let flags = flags | self.thresholds.taught_flags(plan, observation);
        if plan.unit == AnalysisUnit::EveryRequest {
            return Some(flags);
        }
        let Some(seen) = self.seen.step_mut(step, self.began_ns.len()) else {
            self.late_observations += 1;
            return None;
        };
        let new = seen.set_flags(*unit, flags, plan.max_units);
        if let Some(flags) = new.filter(|new| *new != 0) {
            self.new_flags.push(UnitFlags { step, unit: *unit, flags });
            self.new_flags.extend(self.pasts.take_entry(step, *unit));
        }
        new
    }
}
