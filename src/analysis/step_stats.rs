//! The evidence of one step.

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::coverage::Coverage;
use super::gate_stats::GateStats;
use super::observation::Observation;
use super::plan::AnalysisPlan;
use super::repeats::Repeats;
use super::step_index::StepIndex;
use super::thresholds::Thresholds;
use super::unit_flags::{ASSIGNED, GateFlags};

/// The evidence of one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepStats {
    /// Units that were assigned in the step and were on blue before it.
    ///
    /// They count when they are assigned, not when they are answered: a slow version's answers
    /// end late.
    pub units: ByVersion<u64>,
    /// The sums of each gate, in the plan's order.
    pub gates: Vec<GateStats>,
    /// The coverage of each gate's metric, in the plan's order.
    pub coverage: Vec<Coverage>,
}

// === impl StepStats ===

impl StepStats {
    /// Empty sums for the gates of a plan.
    pub(super) fn empty(plan: &AnalysisPlan) -> Self {
        let gates: Vec<_> =
            plan.gates.iter().map(|gate| GateStats::for_metric(gate.spec.metric)).collect();
        let coverage = vec![Coverage::default(); gates.len()];
        Self { units: ByVersion::default(), gates, coverage }
    }

    /// Adds an observation of this step that was the first to set the flags `new`.
    /// `repeats` says what it counts for besides.
    pub(super) fn add(
        &mut self,
        plan: &AnalysisPlan,
        thresholds: &Thresholds,
        step: StepIndex,
        observation: &Observation,
        new: u64,
        repeats: Repeats,
    ) {
        let version = observation.version;
        *self.units.get_mut(version) += u64::from(new & ASSIGNED != 0);
        let gates = plan.gates.iter().zip(&mut self.gates).zip(&mut self.coverage).enumerate();
        for (index, ((gate, stats), coverage)) in gates {
            if thresholds.awaits(plan, gate.spec.metric) {
                continue;
            }
            let flags = GateFlags::new(index);
            *coverage.known.get_mut(version) += u64::from(new & flags.known != 0);
            *coverage.missing.get_mut(version) += u64::from(new & flags.missing != 0);
            let Some(params) = gate.params(step) else { continue };
            let first = flags.first_response(new, repeats);
            let is_adjusted = plan.learns_past_in_steps() && gate.spec.metric.is_adjustable();
            let first = match is_adjusted && !observation.is_newly_exposed {
                true => first.without_non_inferiority(),
                false => first,
            };
            stats.add(&gate.spec, params, observation, first);
        }
    }

    /// Ends a tick.
    pub(super) fn end_tick(&mut self, plan: &AnalysisPlan, step: StepIndex) {
        for (gate, stats) in plan.gates.iter().zip(&mut self.gates) {
            if let Some(params) = gate.params(step) {
                stats.end_tick(&gate.spec, params);
            }
        }
    }

    /// Drops the values that wait for one of the other version.
    pub(super) fn drop_waiting_values(&mut self) {
        self.gates.iter_mut().for_each(GateStats::drop_waiting_values);
    }

    /// Forgets what units told when they came again.
    pub(super) fn forget_repeated(&mut self) {
        self.gates.iter_mut().for_each(GateStats::forget_repeated);
    }

    /// Adds the sums of the same step from elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        self.units += other.units;
        for (to, from) in self.coverage.iter_mut().zip(&other.coverage) {
            to.known += from.known;
            to.missing += from.missing;
        }
        for (to, from) in self.gates.iter_mut().zip(&other.gates) {
            to.merge(from);
        }
    }
}
