//! The step that an operator command is for.

use super::state::RampState;
use crate::analysis::StepIndex;

/// The step that an operator has seen, as far as the command names it. In any other step the command is
/// invalid, so that it does not apply to a step that the ramp has entered meanwhile; and without a ramp,
/// where the default, any step, is the only valid one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpectedStep {
    /// The step's index.
    pub step: Option<StepIndex>,
    /// Whether it is the shadow step. That one and the first step have the same index.
    pub is_shadow_step: Option<bool>,
}

// === impl ExpectedStep ===

impl ExpectedStep {
    /// Whether the ramp is in this step.
    pub fn is_current(self, state: &RampState) -> bool {
        self.step.is_none_or(|it| it == state.step)
            && self.is_shadow_step.is_none_or(|it| it == state.is_shadow_step())
    }
}
