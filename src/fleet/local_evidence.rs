//! What one instance has seen itself, until it hands it over.

use super::records::LocalRollback;
use crate::analysis::Observation;
use crate::rollout::observation_buffer::ObservationBuffer;
use crate::rollout::{Clocks, LocalGuard, Phase, RampSpec, Snapshot};

/// What one instance has seen itself.
#[derive(Debug)]
pub struct LocalEvidence {
    /// What is not handed over yet.
    pub buffer: ObservationBuffer,
    guard: LocalGuard,
}

/// How many observations an outbox holds: well under a mebibyte, which every store accepts.
pub const MAX_OUTBOX_OBSERVATIONS: usize = 8_000;

// === impl LocalEvidence ===

impl Default for LocalEvidence {
    fn default() -> Self {
        Self {
            buffer: ObservationBuffer::with_max(MAX_OUTBOX_OBSERVATIONS),
            guard: LocalGuard::default(),
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

    /// Looks at new observations. Returns the rollback that this instance must make.
    /// `instances` is how many decide by their own evidence; `None` while the fleet decides.
    pub fn watch(
        &mut self,
        spec: &RampSpec,
        in_force: &Snapshot,
        now: Clocks,
        observations: &[Observation],
        instances: Option<u32>,
    ) -> Option<LocalRollback> {
        if in_force.phase == Phase::RolledBack {
            return None;
        }
        self.guard.observe(spec, in_force, now, observations);
        let why = self.guard.reason_to_roll_back(spec, in_force.step, instances)?;
        Some(LocalRollback { epoch: in_force.epoch, why })
    }
}
