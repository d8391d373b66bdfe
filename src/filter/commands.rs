//! An operator's command, applied in the VM that receives it.

use super::active_rollouts::is_being_replaced;
use super::runtime::RolloutRuntime;
use crate::config::CommandRequest;
use crate::rollout::{CommandError, CommandKind, Transition};

impl RolloutRuntime {
    /// Applies a command and returns the transition. Other VMs follow at their next tick.
    ///
    /// # Errors
    /// The command is not valid in this phase, is meant for another step, or shared data is not
    /// available.
    pub fn apply_command(&self, request: &CommandRequest) -> Result<Transition, CommandError> {
        // It would end any command to a ramp but a rollback.
        let is_lost = self.ramp.is_some() && request.command.kind != CommandKind::Rollback;
        if is_lost && is_being_replaced(self) {
            return Err(CommandError::ConfigChanging);
        }
        let history = self.history.as_ref();
        let transition = match (&self.ramp, &self.config.ramp, &self.manual_worker) {
            (Some(worker), Some(spec), _) => worker.apply(spec, history, request)?,
            (_, _, Some(worker)) => {
                let transition = worker.apply(self.config.share, request)?;
                self.record_weights();
                transition
            }
            _ => return Err(CommandError::NotControllable),
        };
        self.update_gauges();
        Ok(transition)
    }
}
