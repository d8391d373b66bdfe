//! How many units a client needs to force a verdict.

use serde::Serialize;

use super::inputs::PlanInputs;
use crate::analysis::influence::StepUnderAttack;
use crate::analysis::metric::Comparison;
use crate::analysis::{ByVersion, Gate, Metric, StepIndex};

/// How many units a client needs to force a verdict in a step, by the first critical gate on a
/// rate.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct StepInfluence {
    /// The gate's metric.
    pub metric: Metric,
    /// Units of green with a bad response that roll back when the step begins.
    pub rollback_at_start: Option<u64>,
    /// The same after the bake time, if green is like blue.
    pub rollback_after_bake: Option<u64>,
    /// Units of blue with a bad response that let a green with [`GREEN_RATIO`] times the bad
    /// responses advance after the bake time.
    pub advance_after_bake: Option<u64>,
}

/// How much worse the green is that an attacker lets advance.
pub(super) const GREEN_RATIO: f64 = 3.0;

// === impl StepInfluence ===

impl StepInfluence {
    /// The influence on a step; `None` if it is not compared, or without a gate on a rate.
    pub fn new(inputs: &PlanInputs<'_>, step: usize) -> Option<Self> {
        let plan = &inputs.ramp.analysis;
        let traffic = inputs.traffic(step)?;
        let is_rate = |gate: &&Gate| {
            let metric = gate.spec.metric;
            gate.spec.is_critical
                && metric.comparison() == Comparison::Rate
                && !metric.is_of_pairs()
        };
        let gate = plan.gates.iter().find(is_rate)?;
        let metric = gate.spec.metric;
        let rate = inputs.world.behaviours.iter().find(|it| it.metric == metric)?.blue;
        let step = StepUnderAttack::new(plan, gate, StepIndex::new(step))?;
        let bake_s = inputs.ramp.bake.as_secs_f64();
        let (new, all) = (traffic.newly_exposed, traffic.exposed);
        let bad_units = ByVersion {
            blue: traffic.units_with_event(new.blue, rate, bake_s) as u64,
            green: traffic.units_with_event(new.green, rate, bake_s) as u64,
        };
        // Each request counts for advancing, since the warm-up.
        let requests = traffic.per_second * (bake_s - traffic.warmup_s).max(0.0);
        let worse = (rate * GREEN_RATIO).min(1.0);
        let bad_requests = ByVersion {
            blue: (requests * all.blue * rate) as u64,
            green: (requests * all.green * worse).round() as u64,
        };
        Some(Self {
            metric,
            rollback_at_start: step.units_to_roll_back(ByVersion::default()),
            rollback_after_bake: step.units_to_roll_back(bad_units),
            advance_after_bake: step.units_to_pass(bad_requests),
        })
    }
}
