//! The deciding instance: consumes the outboxes, reconciles, and commits as one transaction.
//!
//! No election lasts. An instance that commits is the decider until another instance commits, and the
//! guard of the transaction lets only one of two commits pass. A commit that fails leaves nothing
//! behind: the copy of the records is dropped, and the next decider reads them again. What no record has,
//! the past of units and the units of a period, passes to it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::consumption::Consumed;
use super::decision_context::DecisionContext;
use super::format::{self, UnreadableRecord};
use super::generation::Generations;
use super::memory::{self, RecordMemory, SHOWN_RECORDS};
use super::read_outboxes::ReadOutboxes;
use super::reconcile_outcome::ReconcileOutcome;
use super::records::{InForce, LocalRollback, Outbox, Participants};
use super::store::{
    FleetRecord, FleetStore, Folder, FoundRecord, InstanceId, Revision, StoreError, Transaction,
};
use crate::rollout::store::{Record, poll_once};
use crate::rollout::{
    Candidate, CommandError, ExpectedStep, OperatorCommand, PublishedSnapshot, RampEvent,
    RampState, RampWorker, ReconcileContext, Transition,
};

/// What the deciding instance keeps between two decisions.
#[derive(Debug)]
pub struct Decider {
    memory: RecordMemory,
    worker: RampWorker,
    participants: Participants,
    /// What is in force; `None` before the first commit.
    in_force: Option<InForce>,
    /// The revision of that record in the store, which guards the next commit. `None` where it does
    /// not exist.
    guard: Option<Revision>,
    /// The outboxes that could not be read, each with its revision when that was reported.
    unreadable: BTreeMap<FleetRecord, Revision>,
    /// What a commit puts in force that was begun, and is not known to have taken effect.
    attempted: Option<InForce>,
    /// Whether the newest commit is of this instance.
    has_taken_over: bool,
}

/// A decision that is ready to be committed.
#[derive(Debug)]
pub struct Decision {
    transaction: Transaction,
    in_force: InForce,
    /// What the ramp has done.
    pub outcome: ReconcileOutcome,

    /// Records that could not be read.
    pub unreadable: Vec<(FleetRecord, UnreadableRecord)>,
}

/// How many instances a decision notes as gone: etcd accepts 128 writes in a commit.
const MAX_GONE_AT_ONCE: usize = 64;

/// How long an instance that hands over nothing counts as taking part, in nanoseconds.
pub const PARTICIPANT_NS: u64 = 600_000_000_000;

// === impl Decider ===

impl Decider {
    /// Reads the records that a decision needs, where this is in force.
    ///
    /// # Errors
    /// [`StoreError`] where the store does not answer, or has a record of another form.
    pub async fn load(
        store: &impl FleetStore,
        committed: Option<(InForce, Revision)>,
    ) -> Result<Self, StoreError> {
        let mut records = Vec::new();
        for (record, fleet_record) in SHOWN_RECORDS {
            if let Some(found) = store.read(&fleet_record).await? {
                records.push((record, decoded::<Vec<u8>>(&fleet_record, &found)?));
            }
        }
        let participants = match store.read(&FleetRecord::Participants).await? {
            Some(found) => decoded(&FleetRecord::Participants, &found)?,
            None => Participants::default(),
        };
        for (record, found) in store.list(Folder::SeenUnits, Revision(0)).await?.records {
            if let FleetRecord::SeenUnits { epoch, chunk } = record {
                let value: Vec<u8> = decoded(&record, &found)?;
                // Earlier versions left chunks of forgotten steps behind, without units.
                if !value.is_empty() {
                    records.push((Record::SeenUnits { epoch, chunk }, value));
                }
            }
        }
        let (in_force, guard) = committed.unzip();
        Ok(Self::new(records, participants, in_force, guard))
    }

    /// A decider with these records. `guard` is the revision of what the store says is in force.
    fn new(
        records: Vec<(Record, Vec<u8>)>,
        participants: Participants,
        in_force: Option<InForce>,
        guard: Option<Revision>,
    ) -> Self {
        let published = in_force.as_ref().and_then(|it| postcard::to_allocvec(&it.published?).ok());
        let history = in_force.as_ref().and_then(|it| it.history.clone());
        let of_in_force = [(Record::Snapshot, published), (Record::History, history)];
        let of_in_force = of_in_force.into_iter().filter_map(|(it, value)| Some((it, value?)));
        Self {
            memory: RecordMemory::new(records.into_iter().chain(of_in_force)),
            worker: RampWorker::new(0),
            participants,
            in_force,
            guard,
            unreadable: BTreeMap::new(),
            attempted: None,
            has_taken_over: false,
        }
    }

    /// A decider with this state, for a store that has lost what was in force. `guard` is the revision
    /// of what the store says instead.
    pub fn with_state(state: &RampState, in_force: InForce, guard: Option<Revision>) -> Self {
        let state = postcard::to_allocvec(state).ok().map(|it| (Record::State, it));
        let records = state.into_iter().collect();
        let mut decider = Self::new(records, Participants::default(), Some(in_force), guard);
        decider.on_store_lost(guard);
        decider
    }

    /// A decider with the state of this Envoy's own ramp, for a store that never had one.
    pub fn with_own_state(state: &RampState) -> Self {
        let state = postcard::to_allocvec(state).ok().map(|it| (Record::State, it));
        let records = state.into_iter().collect();
        let mut decider = Self::new(records, Participants::default(), None, None);
        decider.on_store_lost(None);
        decider
    }

    /// This decider, with what is in the memory of the one before it alone: the past of units, and the units
    /// of a period. Nothing passes where another instance's decision has consumed evidence since. An operator's
    /// command consumes none.
    #[must_use]
    pub fn with_memory_of(mut self, former: Self) -> Self {
        let decided = |it: &InForce| (it.decider.clone(), it.consumed.clone());
        if self.in_force.as_ref().map(decided) == former.in_force.as_ref().map(decided) {
            // What was not committed is consumed again.
            former.worker.change_store(former.attempted.is_none());
            (self.worker, self.has_taken_over) = (former.worker, former.has_taken_over);
        }
        self
    }

    /// The store has lost what was committed: the next decision writes all records. `guard` is the revision
    /// of what the store says is in force instead.
    pub fn on_store_lost(&mut self, guard: Option<Revision>) {
        self.memory.mark_all_changed();
        self.guard = guard;
        if let Some(in_force) = &mut self.in_force {
            // The revisions of such a store may begin again. The sequence numbers of the outboxes
            // say which of them were consumed.
            in_force.consumed = Consumed::default();
        }
    }

    /// The revision of what the store says is in force, as this decider knows it.
    pub fn revision(&self) -> Option<Revision> {
        self.guard
    }

    /// Whether a commit was begun, and is not known to have taken effect. Then the copy of the records is not
    /// that of what is in force.
    pub fn is_unconfirmed(&self) -> bool {
        self.attempted.is_some()
    }

    /// Notes that a commit has taken effect whose answer was lost, if it was this decider's.
    pub fn confirm(&mut self, in_force: &InForce, revision: Revision) {
        if let Some(in_force) = self.attempted.take_if(|it| it == in_force) {
            self.on_committed(in_force, revision);
        }
    }

    fn on_committed(&mut self, in_force: InForce, revision: Revision) {
        (self.in_force, self.guard) = (Some(in_force), Some(revision));
        (self.attempted, self.has_taken_over) = (None, true);
    }

    /// The ramp's state.
    pub fn state(&self) -> Option<RampState> {
        postcard::from_bytes(&self.memory.get(Record::State)?).ok()
    }

    /// Whether a transition is one of the newest that the ramp has made.
    pub fn has_made(&self, transition: &Transition) -> bool {
        self.state().is_some_and(|it| it.log.iter().any(|made| made == transition))
    }

    /// The bytes of the ramp's state and of the history of differences.
    pub fn records_for_display(&self) -> impl Iterator<Item = (Record, Vec<u8>)> {
        let records = SHOWN_RECORDS.into_iter();
        records.filter_map(|(record, _)| Some((record, self.memory.get(record)?)))
    }

    /// The instances that take part.
    pub fn participants(&self) -> &Participants {
        &self.participants
    }

    /// Consumes the outboxes and reconciles. `None` where nothing has changed, and the last commit
    /// is not long ago.
    ///
    /// # Errors
    /// [`StoreError`] where the store does not answer. Nothing has changed then.
    pub async fn decide(
        &mut self,
        store: &impl FleetStore,
        context: &DecisionContext<'_>,
    ) -> Result<Option<Decision>, StoreError> {
        let consumed = self.in_force.as_ref().map_or(Revision(0), |it| it.consumed.revision());
        let mut outboxes = ReadOutboxes::default();
        let mut each = |record, found| outboxes.take(&self.participants, record, found);
        let listed = store.list_each(Folder::Outboxes, consumed, &mut each).await?;
        let unreadable = outboxes.newly_unreadable(&mut self.unreadable);
        let is_new_configuration = self.generations(context).current != context.fingerprint;
        let committed_ns = self.in_force.as_ref().map_or(0, |it| it.clock_ns);
        let since_ns = context.now.monotonic_ns.saturating_sub(committed_ns);
        let may_wait = self.guard.is_some() && !is_new_configuration;
        let has_new = !outboxes.is_empty() || !unreadable.is_empty();
        if may_wait && !has_new && since_ns < context.idle_ns {
            return Ok(None);
        }
        let rollbacks = self.consume(outboxes.take_new(), context);
        let outcome = self.reconcile(context, &rollbacks);
        let up_to = outboxes.left.map_or(listed, |left| Revision(left.0.saturating_sub(1)));
        let before_ns = context.now.monotonic_ns.saturating_sub(PARTICIPANT_NS);
        let gone = self.participants.mark_gone(before_ns, MAX_GONE_AT_ONCE, &outboxes.unconsumed);
        let consumed = match store.orders_writes() {
            true => Consumed::UpTo(up_to),
            false => self.participants.sequences(),
        };
        let mut decision = self.decision(context, consumed, outcome);
        decision.unreadable = unreadable;
        // What such an instance has written since the listing is not consumed yet.
        decision.transaction.deletes.extend(gone.into_iter().map(FleetRecord::Outbox));
        decision.transaction.deletes_up_to = Some(listed);
        Ok(Some(decision))
    }

    /// Applies an operator's command. What is in force keeps its decider and its time.
    ///
    /// # Errors
    /// [`CommandError`] where the command is not valid now.
    pub fn decide_command(
        &mut self,
        context: &DecisionContext<'_>,
        command: &OperatorCommand,
        expected: ExpectedStep,
    ) -> Result<(Decision, Transition), CommandError> {
        let DecisionContext { spec, history, now, .. } = *context;
        let reconcile = ReconcileContext { spec, history, now, report: &|_| {} };
        let applied = self.worker.apply(&self.memory, &reconcile, command, expected);
        // The copy answers at once.
        let transition = poll_once(applied).unwrap_or(Err(CommandError::StoreUnavailable))?;
        let consumed = self.in_force.as_ref().map(|it| it.consumed.clone()).unwrap_or_default();
        let transitions = vec![transition.clone()];
        let outcome = ReconcileOutcome { transitions, ..ReconcileOutcome::default() };
        let decision = self.decision(context, consumed, outcome);
        Ok((decision, transition))
    }

    /// Commits a decision.
    ///
    /// # Errors
    /// [`StoreError`] where it is not certain that the decision is committed. The decider must not decide any
    /// more, unless it is found that it was: see [`Self::confirm`].
    pub async fn commit(
        &mut self,
        store: &impl FleetStore,
        decision: &Decision,
    ) -> Result<Revision, StoreError> {
        self.attempted = Some(decision.in_force.clone());
        let revision = store.commit(decision.transaction.clone()).await?;
        self.on_committed(decision.in_force.clone(), revision);
        Ok(revision)
    }

    /// Takes over what the outboxes hold. Returns the instances' own rollbacks.
    fn consume(
        &mut self,
        outboxes: impl Iterator<Item = (InstanceId, Outbox)>,
        context: &DecisionContext<'_>,
    ) -> Vec<LocalRollback> {
        let mut rollbacks = Vec::new();
        for (id, outbox) in outboxes {
            let is_current = outbox.fingerprint == context.fingerprint;
            if !self.participants.consume(&id, &outbox, is_current, context.now.monotonic_ns) {
                continue;
            }
            rollbacks.extend(outbox.rollback);
            self.memory.queue_observations(outbox.observations);
        }
        rollbacks
    }

    /// Runs the ramp's worker on the copy of the records.
    fn reconcile(
        &self,
        context: &DecisionContext<'_>,
        rollbacks: &[LocalRollback],
    ) -> ReconcileOutcome {
        let outcome = RefCell::new(ReconcileOutcome::default());
        let report = |event: RampEvent<'_>| {
            // It has decided before, and has only read again what it has decided.
            let is_known = self.has_taken_over && matches!(event, RampEvent::BecameLeader(_));
            if let Ok(mut outcome) = outcome.try_borrow_mut()
                && !is_known
            {
                outcome.note(event);
            }
        };
        let DecisionContext { spec, history, now, .. } = *context;
        let reconcile = ReconcileContext { spec, history, now, report: &report };
        // The copy answers at once.
        poll_once(async {
            self.worker.tick(&self.memory, &reconcile, Candidate::Current).await;
            for LocalRollback { epoch, why } in rollbacks {
                self.worker.adopt_rollback(&self.memory, &reconcile, *epoch, why).await;
            }
        });
        outcome.into_inner()
    }

    fn decision(
        &mut self,
        context: &DecisionContext<'_>,
        consumed: Consumed,
        outcome: ReconcileOutcome,
    ) -> Decision {
        let mut generations = self.generations(context);
        generations.replace(context.fingerprint);
        let published = self.memory.get(Record::Snapshot);
        let in_force = InForce {
            clock_ns: context.now.monotonic_ns,
            consumed,
            published: published.and_then(|it| postcard::from_bytes::<PublishedSnapshot>(&it).ok()),
            generations,
            decider: context.id.clone(),
            instances: self.participants.count(),
            history: self.memory.get(Record::History),
        };
        let (mut puts, mut deletes) = (Vec::new(), Vec::new());
        for (record, value) in self.memory.take_changes() {
            match memory::fleet_record(record) {
                Some(record) if value.is_empty() => deletes.push(record),
                Some(record) => puts.extend(format::encode(&value).map(|it| (record, it))),
                None => {}
            }
        }
        puts.extend(format::encode(&in_force).map(|it| (FleetRecord::InForce, it)));
        let participants = format::encode(&self.participants);
        puts.extend(participants.map(|it| (FleetRecord::Participants, it)));
        let transaction = Transaction {
            guards: vec![(FleetRecord::InForce, self.guard)],
            puts,
            deletes,
            deletes_up_to: None,
        };
        Decision { transaction, in_force, outcome, unreadable: Vec::new() }
    }

    fn generations(&self, context: &DecisionContext<'_>) -> Generations {
        match &self.in_force {
            Some(in_force) => in_force.generations.clone(),
            None => Generations::new(context.fingerprint),
        }
    }
}

// === impl Decision ===

impl Decision {
    /// What is in force once the decision is committed.
    pub fn in_force(&self) -> &InForce {
        &self.in_force
    }
}

fn decoded<T: serde::de::DeserializeOwned>(
    record: &FleetRecord,
    found: &FoundRecord,
) -> Result<T, StoreError> {
    format::decode(&found.value)
        .map_err(|error| StoreError::Failed(format!("{}: {error}", record.path())))
}
