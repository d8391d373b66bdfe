//! A ramp in one worker. Every worker reports its observations and assigns by the published
//! snapshot. The one that holds the lease is the leader: it runs the reconciles.

use std::cell::{Cell, RefCell};

use super::clocks::Clocks;
use super::command_error::CommandError;
use super::difference_history::DifferenceHistory;
use super::lease::{self, Candidate};
use super::observation_buffer::{ObservationBuffer, Ticket};
use super::open_responses::{OpenResponse, OpenResponses, OpenTicket};
use super::operator_command::OperatorCommand;
use super::publish_snapshot::{PublishedSnapshot, publish};
use super::reconcile_context::{RampEvent, ReconcileContext};
use super::seen_units_log::SeenUnitsLog;
use super::snapshot::Snapshot;
use super::spec::RampSpec;
use super::state::RampState;
use super::store::{
    Record, RolloutStore, StoreError, StoredRecord, Update, WriteCondition, read_decoded, update,
};
use super::transition_log::Transition;
use crate::analysis::{Observation, StepIndex};
use crate::assignment::Epoch;

/// A ramp in one worker.
///
/// Its calls can wait for the store, and others may come in between. A reconcile does not begin
/// before the one before it has ended.
#[derive(Debug)]
pub struct RampWorker {
    /// Identifies this worker as the holder of the lease.
    id: u64,
    snapshot: Cell<Snapshot>,
    buffer: RefCell<ObservationBuffer>,
    open: RefCell<OpenResponses>,
    leader: RefCell<Option<LeaderState>>,
}

/// What the leader keeps between two reconciles.
#[derive(Debug)]
struct LeaderState {
    state: RampState,
    /// The state as the leader has last written it.
    written: Vec<u8>,
    seen_units: SeenUnitsLog,
    differences: DifferenceHistory,
}

// === impl RampWorker ===

impl RampWorker {
    /// A worker that knows nothing yet. `id` identifies it among all workers of the ramp.
    pub fn new(id: u64) -> Self {
        Self {
            id,
            snapshot: Cell::new(Snapshot::UNKNOWN),
            buffer: RefCell::default(),
            open: RefCell::default(),
            leader: RefCell::default(),
        }
    }

    /// Identifies this worker among all workers of the ramp.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What is in force, as this worker knows it.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.get()
    }

    /// Records an assignment. So a unit counts when it is assigned, however late its response
    /// ends. [`Self::record_response`] takes the ticket.
    pub fn record_assignment(&self, assignment: Observation) -> Option<Ticket> {
        self.buffer.try_borrow_mut().ok()?.add(assignment)
    }

    /// Records the response to an assignment.
    pub fn record_response(&self, ticket: Option<Ticket>, observation: Observation) {
        if let Ok(mut buffer) = self.buffer.try_borrow_mut() {
            buffer.complete(ticket, observation);
        }
    }

    /// Records an observation that has no assignment of its own, such as feedback.
    pub fn record(&self, observation: Observation) {
        if let Ok(mut buffer) = self.buffer.try_borrow_mut() {
            buffer.add(observation);
        }
    }

    /// Remembers a response that begins, so that it is reported as slow as soon as it is.
    /// [`Self::close_response`] takes the ticket.
    pub fn open_response(&self, response: OpenResponse) -> Option<OpenTicket> {
        self.open.try_borrow_mut().ok()?.add(response)
    }

    /// Forgets a response that has ended, or whose duration does not count. Returns whether it was
    /// reported as slow.
    pub fn close_response(&self, ticket: OpenTicket) -> bool {
        self.open.try_borrow_mut().is_ok_and(|mut it| it.remove(ticket))
    }

    /// Records the responses that are open for longer than the objective as slow ones.
    pub fn record_slow_responses(&self, spec: &RampSpec, now: Clocks) {
        let Some(objective) = spec.objective_in_force(&self.snapshot()) else { return };
        if let Ok(mut open) = self.open.try_borrow_mut() {
            open.take_slow(now.monotonic_ns, objective).for_each(|it| self.record(it));
        }
    }

    /// Runs one tick: reports this worker's observations, reconciles if it is the leader, and
    /// reads what is in force.
    pub async fn tick(
        &self,
        store: &impl RolloutStore,
        context: &ReconcileContext<'_>,
        candidate: Candidate,
    ) {
        self.record_slow_responses(context.spec, context.now);
        self.flush(store).await;
        self.reconcile_if_leader(store, context, candidate).await;
        self.refresh(store).await;
    }

    /// Sends the recorded observations to the leader. What the store does not accept is sent
    /// with the next tick.
    pub async fn flush(&self, store: &impl RolloutStore) {
        let encoded = self.buffer.try_borrow_mut().ok().and_then(|mut it| it.begin_send());
        let Some(encoded) = encoded else { return };
        let is_sent = store.append_observations(&encoded).await.is_ok();
        if let Ok(mut buffer) = self.buffer.try_borrow_mut() {
            buffer.end_send(is_sent);
        }
    }

    /// Reads what is in force.
    pub async fn refresh(&self, store: &impl RolloutStore) {
        let published = read_decoded(store, Record::Snapshot).await;
        if let Ok(Some(PublishedSnapshot { snapshot, .. })) = published {
            self.snapshot.set(snapshot);
        }
    }

    /// Ends this worker's part in the ramp: sends the recorded observations, and forgets the
    /// leader's state.
    pub async fn stop(&self, store: &impl RolloutStore) {
        self.flush(store).await;
        if let Ok(mut leader) = self.leader.try_borrow_mut() {
            *leader = None;
        }
    }

    /// The stored state; `None` before a leader has written one, or where it cannot be read.
    pub async fn state(&self, store: &impl RolloutStore) -> Option<RampState> {
        read_decoded(store, Record::State).await.ok().flatten()
    }

    /// How the gates' differences have developed, as the leader has recorded it.
    pub async fn differences(&self, store: &impl RolloutStore) -> DifferenceHistory {
        DifferenceHistory::load(store).await
    }

    /// Applies an operator command and returns the transition. The leader adopts the changed
    /// state in its next reconcile.
    ///
    /// # Errors
    /// [`CommandError::StepChanged`] where the ramp is not in `expected_step`, if one is given;
    /// [`CommandError::StoreUnavailable`] where the state cannot be read or written; and those of
    /// [`RampState::apply`].
    pub async fn apply(
        &self,
        store: &impl RolloutStore,
        context: &ReconcileContext<'_>,
        command: &OperatorCommand,
        expected_step: Option<StepIndex>,
    ) -> Result<Transition, CommandError> {
        let applied = update(store, Record::State, |found: Option<RampState>| {
            let mut state = found.ok_or(CommandError::StoreUnavailable)?;
            if expected_step.is_some_and(|step| step != state.step) {
                return Err(CommandError::StepChanged);
            }
            let transition = state.apply(context.spec, command.clone(), context.now)?;
            Ok(Update::Write(state.clone(), (state, transition)))
        });
        let (state, transition) = applied.await?;
        (context.report)(RampEvent::Transition(&transition));
        publish(store, context, &state).await;
        self.refresh(store).await;
        Ok(transition)
    }

    /// Rolls back, because one Envoy has rolled back by itself in an epoch. Does nothing if the ramp
    /// is rolled back already, or was started again since.
    pub async fn adopt_rollback(
        &self,
        store: &impl RolloutStore,
        context: &ReconcileContext<'_>,
        epoch: Epoch,
        why: &str,
    ) {
        let adopted = update(store, Record::State, |found: Option<RampState>| {
            let transition = found.and_then(|mut state| {
                let why = why.to_owned();
                let transition = state.adopt_rollback(context.spec, epoch, why, context.now)?;
                Some((state, transition))
            });
            Ok::<_, StoreError>(match transition {
                Some((state, transition)) => {
                    Update::Write(state.clone(), Some((state, transition)))
                }
                None => Update::Keep(None),
            })
        });
        if let Ok(Some((state, transition))) = adopted.await {
            (context.report)(RampEvent::Transition(&transition));
            publish(store, context, &state).await;
        }
    }

    /// Reconciles if this worker has the lease. Forgets the leader's state otherwise.
    ///
    /// The borrow is held for the whole reconcile: another tick that comes in between finds it,
    /// and leaves the ramp alone.
    #[allow(clippy::await_holding_refcell_ref, reason = "all other borrows are only tried")]
    async fn reconcile_if_leader(
        &self,
        store: &impl RolloutStore,
        context: &ReconcileContext<'_>,
        candidate: Candidate,
    ) {
        let Ok(mut leader) = self.leader.try_borrow_mut() else { return };
        let now_ns = context.now.monotonic_ns;
        *leader = match lease::try_acquire(store, self.id, candidate, now_ns).await {
            true => reconcile(store, context, leader.take()).await,
            false => None,
        };
    }
}

/// Runs one reconcile. Returns the leader's state for the next one, or `None` if another worker
/// won the compare-and-swap: the next reconcile adopts the winner's state.
async fn reconcile(
    store: &impl RolloutStore,
    context: &ReconcileContext<'_>,
    leader: Option<LeaderState>,
) -> Option<LeaderState> {
    let found = store.read(Record::State).await.ok()?;
    let condition = WriteCondition::unchanged(found.as_ref());
    let is_own = |leader: &LeaderState| found.as_ref().is_some_and(|it| it.value == leader.written);
    let mut leader = match leader.filter(is_own) {
        Some(leader) => leader,
        None => LeaderState::load_or_init(store, context, found.as_ref()).await,
    };
    let batches = store.take_observations().await;
    let observations: Vec<Observation> =
        batches.iter().flat_map(|batch| Observation::decode_all(batch)).collect();
    let known = leader.state.evidence.thresholds().clone();
    let transitions = leader.state.reconcile(context.spec, context.now, &observations);
    leader.seen_units.append(&mut leader.state);
    if leader.commit(store, condition).await.is_err() {
        // Another worker has reconciled, or applied a command. The next reconcile takes these
        // observations.
        for batch in &batches {
            let _ = store.append_observations(batch).await;
        }
        return None;
    }
    leader.seen_units.write(store, &leader.state).await;
    if leader.differences.record(context.spec, &leader.state, context.now) {
        leader.differences.write(store).await;
    }
    for transition in &transitions {
        (context.report)(RampEvent::Transition(transition));
    }
    for (metric, threshold_ms) in leader.state.evidence.thresholds().frozen_since(&known) {
        (context.report)(RampEvent::ThresholdLearned { metric, threshold_ms });
    }
    (context.report)(RampEvent::Committed(&leader.state));
    publish(store, context, &leader.state).await;
    Some(leader)
}

// === impl LeaderState ===

impl LeaderState {
    /// The stored state, or a new one where there is none that can be decoded.
    async fn load_or_init(
        store: &impl RolloutStore,
        context: &ReconcileContext<'_>,
        found: Option<&StoredRecord>,
    ) -> Self {
        let stored = found.and_then(|it| {
            let decoded = postcard::from_bytes::<RampState>(&it.value);
            decoded.inspect_err(|error| (context.report)(RampEvent::StateUnreadable(error))).ok()
        });
        let mut state = stored.unwrap_or_else(|| {
            let state = RampState::new(context.spec, context.now);
            state.log.iter().for_each(|it| (context.report)(RampEvent::Transition(it)));
            state
        });
        let seen_units = SeenUnitsLog::load(store, context.spec, &mut state).await;
        let differences = DifferenceHistory::load(store).await;
        (context.report)(RampEvent::BecameLeader(&state));
        Self { state, written: Vec::new(), seen_units, differences }
    }

    /// Commits the state by compare-and-swap.
    async fn commit(
        &mut self,
        store: &impl RolloutStore,
        condition: WriteCondition,
    ) -> Result<(), StoreError> {
        self.written = postcard::to_allocvec(&self.state).map_err(|_| StoreError::Unavailable)?;
        store.write(Record::State, &self.written, condition).await
    }
}
