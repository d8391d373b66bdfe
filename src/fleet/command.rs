//! An operator's command, given to any instance, committed for all.

use super::decider::Decider;
use super::decision_context::DecisionContext;
use super::format;
use super::generation::ConfigStatus;
use super::records::InForce;
use super::store::{FleetRecord, FleetStore, StoreError};
use crate::rollout::{CommandError, ExpectedStep, OperatorCommand, Transition};

/// How often a command is tried where instances decide in between.
const MAX_TRIES: usize = 8;

/// Commits a command. Returns the transition that it has made, once it is in force in the store.
///
/// # Errors
/// [`CommandError::StoreUnavailable`] where the store does not answer: then nothing has changed, or
/// the store says later that it has. [`CommandError::ConfigReplaced`] where another configuration has
/// replaced this instance's, and [`CommandError::ConfigChanging`] where this one is to replace it. Others
/// where the command is not valid now.
pub async fn apply_command(
    store: &impl FleetStore,
    context: &DecisionContext<'_>,
    fleet_ns: impl Fn(&InForce) -> u64,
    command: &OperatorCommand,
    expected: ExpectedStep,
) -> Result<Transition, CommandError> {
    let mut sent: Option<Transition> = None;
    for _ in 0..MAX_TRIES {
        let found = store.read(&FleetRecord::InForce).await.map_err(unavailable)?;
        let found = found.ok_or(CommandError::StoreUnavailable)?;
        let in_force: InForce =
            format::decode(&found.value).map_err(|_| CommandError::StoreUnavailable)?;
        let status = in_force.generations.status_of(context.fingerprint, false);
        let mut context = *context;
        context.now.monotonic_ns = fleet_ns(&in_force);
        let decider = in_force.decider.clone();
        context.id = &decider;
        let committed = Some((in_force, found.revision));
        let mut copy = match Decider::load(store, committed).await {
            Ok(copy) => copy,
            // An instance has decided in between.
            Err(StoreError::Conflict) => continue,
            Err(error) => return Err(unavailable(error)),
        };
        // A proxy on the way may send a commit twice: the second one is in conflict with the first.
        if let Some(sent) = sent.take_if(|it| copy.has_made(it)) {
            return Ok(sent);
        }
        match status {
            ConfigStatus::Current => {}
            ConfigStatus::New => return Err(CommandError::ConfigChanging),
            ConfigStatus::Superseded => return Err(CommandError::ConfigReplaced),
        }
        let (decision, transition) = copy.decide_command(&context, command, expected)?;
        match copy.commit(store, &decision).await {
            Ok(_) => return Ok(transition),
            Err(StoreError::Conflict) => sent = Some(transition),
            Err(error) => return Err(unavailable(error)),
        }
    }
    Err(CommandError::StoreUnavailable)
}

fn unavailable(_: StoreError) -> CommandError {
    CommandError::StoreUnavailable
}
