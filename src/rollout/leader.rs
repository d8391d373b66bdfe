//! What the leader keeps between two reconciles, and how it reconciles.

use super::difference_history::DifferenceHistory;
use super::leader_memory::RampStage;
use super::publish_snapshot::publish;
use super::reconcile_context::{RampEvent, ReconcileContext};
use super::seen_units_log::SeenUnitsLog;
use super::settled::Settled;
use super::snapshot::Snapshot;
use super::spec::RampSpec;
use super::state::RampState;
use super::store::{
    Record, RecordRevision, RolloutStore, StoreError, StoredRecord, WriteCondition,
};
use crate::analysis::Observation;

/// What the leader keeps between two reconciles.
#[derive(Debug)]
pub(super) struct LeaderState {
    state: RampState,
    /// The state as the leader has last written it.
    written: Vec<u8>,
    /// The revision of the record under which the leader has last found what it had written.
    found: Option<RecordRevision>,
    seen_units: SeenUnitsLog,
    differences: DifferenceHistory,
    /// Where the ramp was before the last reconcile.
    before: RampStage,
    /// Whether the last reconcile was not committed, and its memory is that of `before`.
    is_forgotten: bool,
    /// Whether the last snapshot is published.
    is_published: bool,
    /// Set after a reconcile without observations that has changed nothing.
    settled: Option<Settled>,
    /// Whether the last reconcile had nothing to do.
    is_idle: bool,
}

/// Runs one reconcile. Returns the leader's state for the next one; `None` if the store cannot be read.
///
/// Where another worker has written the state, the leader adopts it. If that worker won the
/// compare-and-swap, the next reconcile does so. In both cases it keeps what no record has: the past
/// of units.
pub(super) async fn reconcile(
    store: &impl RolloutStore,
    context: &ReconcileContext<'_>,
    leader: Option<LeaderState>,
) -> Option<LeaderState> {
    let found = store.read(Record::State).await.ok()?;
    let condition = WriteCondition::unchanged(found.as_ref());
    let is_own = |leader: &LeaderState| found.as_ref().is_some_and(|it| leader.has_written(it));
    let mut leader = match leader {
        Some(leader) if is_own(&leader) => leader,
        former => {
            let mut loaded = LeaderState::load_or_init(store, context, found.as_ref()).await;
            if let Some(mut former) = former {
                let stage = former.stage_of_memory();
                loaded.state.take_memory_of(stage, &mut former.state.evidence);
            }
            loaded
        }
    };
    leader.found = found.map(|it| it.revision);
    leader.begin_commit();
    let batches = store.take_observations().await;
    let observations: Vec<Observation> =
        batches.iter().flat_map(|batch| Observation::decode_all(batch)).collect();
    leader.is_idle = observations.is_empty() && leader.is_settled(context);
    if leader.is_idle {
        leader.record_idle(store, context).await;
        return Some(leader);
    }
    leader.settled = None;
    let before = leader.state.revision;
    let known = leader.state.evidence.thresholds().clone();
    let transitions = leader.state.reconcile(context.spec, context.now, &observations);
    leader.seen_units.append(&mut leader.state);
    if observations.is_empty() && leader.is_unchanged(before) {
        leader.settled = Some(Settled::new(context.spec, &leader.state, context.now));
    } else if leader.commit(store, condition).await.is_err() {
        // Another worker has reconciled, or applied a command. The next reconcile takes these
        // observations.
        for batch in &batches {
            let _ = store.append_observations(batch).await;
        }
        leader.forget_commit();
        return Some(leader);
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
    leader.is_published = publish(store, context, &leader.state).await;
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
        Self {
            before: state.stage(),
            is_forgotten: false,
            state,
            written: Vec::new(),
            found: None,
            seen_units,
            differences,
            is_published: false,
            settled: None,
            is_idle: false,
        }
    }

    /// What is in force, if the last reconcile had nothing to do.
    pub(super) fn snapshot_if_idle(&self, spec: &RampSpec) -> Option<Snapshot> {
        self.is_idle.then(|| self.state.snapshot(spec))
    }

    /// Whether the record is what the leader has written. Its bytes are compared once.
    fn has_written(&self, record: &StoredRecord) -> bool {
        self.found == Some(record.revision) || self.written == record.value
    }

    /// Whether a reconcile without observations has nothing to do.
    fn is_settled(&self, context: &ReconcileContext<'_>) -> bool {
        self.is_published
            && self.seen_units.is_written()
            && self.settled.as_ref().is_some_and(|it| it.holds(context.spec, context.now))
    }

    /// Does what takes place in a reconcile that has nothing to do: conversations may be new in the
    /// configuration, and the history of differences gets its samples.
    async fn record_idle(&mut self, store: &impl RolloutStore, context: &ReconcileContext<'_>) {
        if let Some(history) = context.history {
            let snapshot = self.state.snapshot(context.spec);
            history.record_snapshot(store, snapshot, context.now).await;
        }
        let Self { state, differences, settled: Some(settled), .. } = self else { return };
        if !differences.is_due(state, context.now) {
            return;
        }
        let is_new = match settled.has_sample {
            Some(true) => {
                differences.repeat(context.now);
                true
            }
            Some(false) => false,
            None => {
                let is_new = differences.record(context.spec, state, context.now);
                settled.has_sample = Some(is_new);
                is_new
            }
        };
        if is_new {
            differences.write(store).await;
        }
    }

    /// Whether the state is what was written, when it had this revision. Then it keeps that.
    fn is_unchanged(&mut self, revision: u64) -> bool {
        let new = std::mem::replace(&mut self.state.revision, revision);
        let is_same = encode(&self.state).is_ok_and(|it| it == self.written);
        if !is_same {
            self.state.revision = new;
        }
        is_same
    }

    /// The stage to which the leader's in-memory evidence belongs.
    fn stage_of_memory(&self) -> RampStage {
        if self.is_forgotten { self.before } else { self.state.stage() }
    }

    /// Begins a reconcile that may not be committed.
    fn begin_commit(&mut self) {
        self.before = self.state.stage();
        self.state.evidence.begin_commit();
    }

    /// Makes the next reconcile adopt the stored state.
    pub(super) fn forget_store(&mut self) {
        (self.written, self.found) = (Vec::new(), None);
    }

    /// Makes the next reconcile adopt the stored state, because this one was not committed: its observations
    /// come again.
    pub(super) fn forget_commit(&mut self) {
        self.forget_store();
        if !std::mem::replace(&mut self.is_forgotten, true) {
            self.state.evidence.forget_commit();
        }
    }

    /// Commits the state by compare-and-swap.
    async fn commit(
        &mut self,
        store: &impl RolloutStore,
        condition: WriteCondition,
    ) -> Result<(), StoreError> {
        self.written = encode(&self.state)?;
        store.write(Record::State, &self.written, condition).await
    }
}

// Not inlined, because it is large.
#[inline(never)]
fn encode(state: &RampState) -> Result<Vec<u8>, StoreError> {
    postcard::to_allocvec(state).map_err(|_| StoreError::Unavailable)
}
