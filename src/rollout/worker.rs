//! A ramp in one worker. Every worker reports its observations and assigns by the published
//! snapshot. The one that holds the lease is the leader: it runs the reconciles.

use std::cell::{Cell, RefCell};

use super::clocks::Clocks;
use super::command_error::CommandError;
use super::difference_history::DifferenceHistory;
use super::expected_step::ExpectedStep;
use super::leader::{LeaderState, reconcile};
use super::lease::{self, Candidate};
use super::observation_buffer::{ObservationBuffer, Ticket};
use super::open_responses::{OpenResponse, OpenResponses, OpenTicket};
use super::operator_command::OperatorCommand;
use super::publish_snapshot::{PublishedSnapshot, publish};
use super::reconcile_context::{RampEvent, ReconcileContext};
use super::snapshot::Snapshot;
use super::spec::RampSpec;
use super::state::RampState;
use super::store::{Record, RolloutStore, StoreError, Update, read_decoded, update};
use super::transition_log::Transition;
use crate::analysis::Observation;
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
    last_tick_ns: Cell<u64>,
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
            last_tick_ns: Cell::default(),
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

    /// The time of the last tick, in nanoseconds of the monotonic clock: what happens now happens later.
    pub fn last_tick_ns(&self) -> u64 {
        self.last_tick_ns.get()
    }

    /// Records the responses that are open for longer than the objective as slow ones.
    pub fn record_slow_responses(&self, spec: &RampSpec, now: Clocks) {
        self.last_tick_ns.set(now.monotonic_ns);
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
        match self.reconcile_if_leader(store, context, candidate).await {
            Some(snapshot) => self.snapshot.set(snapshot),
            None => self.refresh(store).await,
        }
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

    /// Makes the next tick adopt what is stored, for another store: a copy of the same records. What is in
    /// the leader's memory alone stays. Where the last tick is not committed in that store, it is forgotten there
    /// as well.
    pub fn change_store(&self, is_last_tick_committed: bool) {
        let Ok(mut leader) = self.leader.try_borrow_mut() else { return };
        let Some(leader) = leader.as_mut() else { return };
        match is_last_tick_committed {
            true => leader.forget_store(),
            false => leader.forget_commit(),
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
    /// [`CommandError::StepChanged`] where the ramp is not in the `expected` step;
    /// [`CommandError::StoreUnavailable`] where the state cannot be read or written; and those of
    /// [`RampState::apply`].
    pub async fn apply(
        &self,
        store: &impl RolloutStore,
        context: &ReconcileContext<'_>,
        command: &OperatorCommand,
        expected: ExpectedStep,
    ) -> Result<Transition, CommandError> {
        let applied = update(store, Record::State, |found: Option<RampState>| {
            let mut state = found.ok_or(CommandError::StoreUnavailable)?;
            if !expected.is_current(&state) {
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

    /// Whether weights have replaced the ramp. Then a worker with an older configuration must not lead: it
    /// would begin the ramp again while the weights are in force.
    async fn is_replaced(&self, store: &impl RolloutStore) -> bool {
        self.state(store).await.is_some_and(|state| state.begins_after_weights())
    }

    /// Reconciles if this worker has the lease. Forgets the leader's state otherwise. Returns what is in
    /// force if there was nothing to do.
    ///
    /// The borrow is held for the whole reconcile: another tick that comes in between finds it,
    /// and leaves the ramp alone.
    #[allow(clippy::await_holding_refcell_ref, reason = "all other borrows are only tried")]
    async fn reconcile_if_leader(
        &self,
        store: &impl RolloutStore,
        context: &ReconcileContext<'_>,
        candidate: Candidate,
    ) -> Option<Snapshot> {
        let mut leader = self.leader.try_borrow_mut().ok()?;
        if candidate == Candidate::Outdated && self.is_replaced(store).await {
            *leader = None;
            return None;
        }
        let now_ns = context.now.monotonic_ns;
        *leader = match lease::try_acquire(store, self.id, candidate, now_ns).await {
            true => reconcile(store, context, leader.take()).await,
            false => None,
        };
        leader.as_ref()?.snapshot_if_idle(context.spec)
    }
}
