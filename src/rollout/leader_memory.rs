//! What is in a leader's memory alone, and passes to the state that another worker has written.

use super::state::RampState;
use crate::analysis::{Evidence, StepIndex};
use crate::assignment::Epoch;

/// Where a ramp was when a leader's memory was as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct RampStage {
    epoch: Epoch,
    step: StepIndex,
    is_before_first_step: bool,
}

// === impl RampState ===

impl RampState {
    /// Where the ramp is.
    pub(super) fn stage(&self) -> RampStage {
        let is_before_first_step = self.is_before_first_step();
        RampStage { epoch: self.epoch, step: self.step, is_before_first_step }
    }

    /// Takes over what is in a leader's memory alone, for the same ramp: `former` is that leader's evidence at
    /// a stage, and another worker has written this state. Where that worker has done more than to enter the
    /// next step, it is not known which values came before the step, and nothing is taken over.
    pub(super) fn take_memory_of(&mut self, stage: RampStage, former: &mut Evidence) {
        let is_in_next_step = self.step == stage.step.next()
            || (stage.is_before_first_step && !self.is_before_first_step());
        if self.epoch == stage.epoch {
            self.evidence.take_memory_of(former);
        } else if self.epoch == stage.epoch.plus(1) && is_in_next_step {
            self.evidence.take_past_of(former);
        }
    }
}
