//! What one instance has seen itself, until it hands it over.

use super::records::LocalRollback;
use crate::analysis::Observation;
use crate::assignment::{Epoch, Share};
use crate::rollout::observation_buffer::ObservationBuffer;
use crate::rollout::{Clocks, LocalGuard, Phase, RampSpec, Snapshot};

/// What one instance has seen itself.
#[derive(Debug)]
pub struct LocalEvidence {
    /// What is not handed over yet.
    pub buffer: ObservationBuffer,
    guard: LocalGuard,
    /// The rollback that the instance has made by itself.
    pub rollback: Option<LocalRollback>,
}

/// How many observations an outbox holds: well under a mebibyte, which every store accepts.
pub const MAX_OUTBOX_OBSERVATIONS: usize = 8_000;

// === impl LocalEvidence ===

impl Default for LocalEvidence {
    fn default() -> Self {
        Self {
            buffer: ObservationBuffer::with_max(MAX_OUTBOX_OBSERVATIONS),
            guard: LocalGuard::default(),
            rollback: None,
        }
    }
}

impl LocalEvidence {
    /// Adds observations to what is to be handed over.
    pub fn add(&mut self, observations: &[Observation]) {
        for observation in observations {
            self.buffer.add(*observation);
        }
    }

    /// Looks at new observations, and rolls this instance back if it must. Returns the reason.
    /// `instances` is how many decide by their own evidence; `None` while the fleet decides.
    pub fn watch(
        &mut self,
        spec: &RampSpec,
        in_force: &Snapshot,
        now: Clocks,
        observations: &[Observation],
        instances: Option<u32>,
    ) -> Option<String> {
        if in_force.phase == Phase::RolledBack || self.rollback.is_some() {
            return None;
        }
        self.guard.observe(spec, in_force, now, observations);
        let why = self.guard.reason_to_roll_back(spec, in_force.step, instances)?;
        self.rollback = Some(LocalRollback { epoch: in_force.epoch, why: why.clone() });
        Some(why)
    }

    /// What is in force in this instance, where this is in force in the fleet: blue has all traffic
    /// if the instance has rolled back by itself.
    pub fn in_force(&self, fleet: Snapshot) -> Snapshot {
        match self.rollback {
            None => fleet,
            Some(_) => Snapshot {
                phase: Phase::RolledBack,
                share: Share::ZERO,
                previous_share: Share::ZERO,
                epoch: Epoch::MANUAL,
                is_shadow_step: false,
                ..fleet
            },
        }
    }
}
