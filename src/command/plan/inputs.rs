//! A ramp and the traffic that it is planned for.

use crate::analysis::Gate;
use crate::command::forecast::{GateForecast, StepTraffic};
use crate::rollout::RampSpec;
use crate::simulate::{Behaviour, World};

/// A ramp and the traffic that it is planned for.
pub(super) struct PlanInputs<'a> {
    pub ramp: &'a RampSpec,
    pub world: &'a World,
    /// Whether the ramp counts conversations.
    pub by_conversation: bool,
}

/// The behaviour of a green like blue.
pub(super) fn like_blue(behaviour: &Behaviour) -> Behaviour {
    Behaviour { green: 1.0, ..*behaviour }
}

// === impl PlanInputs ===

impl PlanInputs<'_> {
    /// The traffic of a step; `None` if the step is not compared.
    pub fn traffic(&self, step: usize) -> Option<StepTraffic> {
        let shares: Vec<f64> = self.ramp.steps.iter().map(|it| it.share.fraction()).collect();
        let baseline_s = self.ramp.baseline.as_secs_f64();
        let plan = &self.ramp.analysis;
        StepTraffic::new(plan, self.world, &shares, step, self.by_conversation, baseline_s)
    }

    /// The forecast of a gate in a step.
    pub fn forecast<'a>(
        &'a self,
        gate: &'a Gate,
        step: usize,
        traffic: &'a StepTraffic,
    ) -> GateForecast<'a> {
        let max_s = self.ramp.timeout.as_secs_f64();
        let plan = &self.ramp.analysis;
        GateForecast { plan, gate, step, traffic, explained: self.world.explained, max_s }
    }

    /// The share of ramps that a green like blue completes after the shadow step, which depends on
    /// pairs and not on traffic, from 0 to 1: the product over the critical gates of all steps, as if
    /// they were independent.
    pub fn completes(&self) -> f64 {
        (0..self.ramp.steps.len()).map(|step| self.advances(step)).product()
    }

    fn advances(&self, step: usize) -> f64 {
        let Some(traffic) = self.traffic(step) else { return 1.0 };
        let critical = self
            .ramp
            .analysis
            .gates
            .iter()
            .filter(|it| it.spec.is_critical && !it.spec.metric.is_of_pairs());
        let passes = critical.filter_map(|gate| {
            let metric = gate.spec.metric;
            let behaviour = self.world.behaviours.iter().find(|it| it.metric == metric)?;
            let pass = self.forecast(gate, step, &traffic).pass(&like_blue(behaviour))?;
            Some(pass.share)
        });
        passes.product()
    }
}
