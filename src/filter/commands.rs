//! An operator's command, applied in the VM that receives it.

use super::runtime::RolloutRuntime;
use crate::config::CommandRequest;
use crate::rollout::{CommandError, Transition};

impl RolloutRuntime {
    /// Applies a command and returns the transition. Other VMs follow at their next tick.
    ///
    /// # Errors
    /// The command is not valid in this phase, is meant for another step, or shared data is not
    /// available.
    pub fn apply_command(&self, request: &CommandRequest) -> Result<Transition, CommandError> {
        let history = self.history.as_ref();
        let transition = match (&self.ramp, &self.config.ramp, &self.manual_worker) {
            (Some(worker), Some(spec), _) => worker.apply(spec, history, request)?,
            (_, _, Some(worker)) => {
                let transition = worker.apply(self.config.share, &request.command)?;
                self.record_weights();
                transition
            }
            _ => return Err(CommandError::NotControllable),
        };
        self.update_gauges();
        Ok(transition)
    }
}
