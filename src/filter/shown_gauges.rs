//! What a configuration shows in the gauges of its rollout.

use super::runtime::RolloutRuntime;
use crate::assignment::EffectiveShare;
use crate::rollout::{Phase, Snapshot};
use crate::stats::GaugeValues;

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Shows what is in force in the gauges.
    pub fn update_gauges(&self) {
        self.metrics.gauges.show(self.context_id, self.gauge_values());
    }

    /// The same on a tick, unless weights have replaced the ramp. Their configuration may be in another VM,
    /// whose gauges this one, which still has a stream, must not overwrite.
    pub(super) fn tick_gauges(&self) {
        let is_unknown = self.ramp.as_ref().is_some_and(|it| it.snapshot() == Snapshot::UNKNOWN);
        if !is_unknown || self.is_newest() {
            self.update_gauges();
        }
    }

    /// What is in force.
    pub(super) fn gauge_values(&self) -> GaugeValues {
        let Some(ramp) = &self.ramp else { return self.effective_share().into() };
        let is_store_away = self.fleet.as_ref().is_some_and(|it| it.is_away.get());
        GaugeValues { is_store_away, ..ramp.snapshot().gauge_values() }
    }
}

// === impl GaugeValues ===

impl From<EffectiveShare> for GaugeValues {
    fn from(share: EffectiveShare) -> Self {
        match share {
            EffectiveShare::Share(share) => {
                Self { green_bp: share.basis_points().into(), ..Self::INACTIVE }
            }
            EffectiveShare::RolledBack => {
                Self { phase: Phase::RolledBack.gauge_value(), ..Self::INACTIVE }
            }
        }
    }
}
