//! How an instance decides: when it is its turn, and what a commit means to it.

use super::decider::{Decider, Decision};
use super::decision_context::DecisionContext;
use super::event::FleetEvent;
use super::follower::Followed;
use super::instance::{FleetInstance, StepContext};
use super::protocol::{Protocol, Unconfirmed, is_due};
use super::store::{FleetStore, Revision, StoreError};
use super::turn;
use crate::rollout::store::{Record, RolloutStore, WriteCondition};
use crate::rollout::{Clocks, RampState, Snapshot};

/// A decider with nothing to decide commits after so many intervals, to show that it is there.
const IDLE_INTERVALS: u64 = 3;

// === impl FleetInstance ===

impl FleetInstance {
    /// Decides if it is this instance's turn.
    pub(super) async fn decide_if_due(
        &self,
        protocol: &mut Protocol,
        store: &impl FleetStore,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
        followed: Followed,
    ) -> Result<(), StoreError> {
        if !self.is_turn(protocol, context, followed) {
            (protocol.decider, protocol.undecided) = (None, None);
            return Ok(());
        }
        // The outboxes are listed once in an interval, or at once where something is new.
        let now_ns = context.now.monotonic_ns;
        let is_due = is_due(protocol.listed_ns, self.interval_ns(), now_ns);
        let current = protocol.follower.in_force().map(|it| it.generations.current);
        let is_current = current == Some(context.fingerprint);
        if followed == Followed::Same && is_current && !is_due {
            // A store that is full, or that denies writes, still answers reads. It is away until it decides.
            return protocol.undecided.clone().map_or(Ok(()), Err);
        }
        protocol.listed_ns = Some(now_ns);
        let result = self.decide(protocol, store, local, context).await;
        protocol.undecided = result.as_ref().err().cloned();
        result
    }

    async fn decide(
        &self,
        protocol: &mut Protocol,
        store: &impl FleetStore,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
    ) -> Result<(), StoreError> {
        if !can_decide_again(protocol) {
            let loaded = self.load_decider(protocol, store, local, context).await?;
            protocol.decider = Some(match protocol.decider.take() {
                Some(former) => loaded.with_memory_of(former),
                None => loaded,
            });
        }
        let decision_context = self.decision_context(protocol, context);
        let Some(decider) = &mut protocol.decider else { return Ok(()) };
        match decider.decide(store, &decision_context).await? {
            Some(decision) => self.commit(protocol, decision, store, local, context).await,
            None => Ok(()),
        }
    }

    async fn commit(
        &self,
        protocol: &mut Protocol,
        mut decision: Decision,
        store: &impl FleetStore,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
    ) -> Result<(), StoreError> {
        for (record, error) in &decision.unreadable {
            (context.report)(FleetEvent::Unreadable(record, *error));
        }
        let Some(decider) = &mut protocol.decider else { return Ok(()) };
        // Noted before the call: this step may be given up while the store commits.
        let outcome = std::mem::take(&mut decision.outcome);
        let (in_force, state) = (decision.in_force().clone(), decider.state());
        protocol.unconfirmed = Some(Unconfirmed { in_force, outcome, state });
        let revision = match decider.commit(store, &decision).await {
            Ok(revision) => revision,
            Err(error) => {
                // In a conflict, another instance was faster, or a proxy has sent this commit twice. The
                // next step follows what is in force, and so learns which.
                if matches!(error, StoreError::Failed(_)) {
                    protocol.unconfirmed = None;
                }
                protocol.followed_ns = None;
                return if error == StoreError::Conflict { Ok(()) } else { Err(error) };
            }
        };
        self.on_committed(protocol, decision, revision, local, context).await;
        Ok(())
    }

    async fn on_committed(
        &self,
        protocol: &mut Protocol,
        decision: Decision,
        revision: Revision,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
    ) {
        let in_force = decision.in_force().clone();
        protocol.outbox.on_consumed(&in_force.consumed);
        self.has_changed_configuration.set(false);
        protocol.follower.on_committed(in_force.clone(), revision, context.now.monotonic_ns);
        if let Some(confirmed) = protocol.unconfirmed.take() {
            context.report_outcome(&confirmed.outcome, confirmed.state.as_ref());
        }
        if let Some(decider) = &protocol.decider {
            self.set_participants(decider.participants());
            if (context.is_agent)() {
                for (record, value) in decider.records_for_display() {
                    let _ = local.write(record, &value, WriteCondition::Always).await;
                }
            }
        }
        protocol.displayed_ns = Some(context.now.monotonic_ns);
        self.put_in_force(protocol, local, context, in_force).await;
    }

    async fn load_decider(
        &self,
        protocol: &Protocol,
        store: &impl FleetStore,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
    ) -> Result<Decider, StoreError> {
        let known = protocol.follower.known().cloned();
        if known.is_none()
            && let Some(state) = context.own_rollback()
        {
            let now = self.decision_context(protocol, context).now;
            let snapshot = state.snapshot(context.spec);
            let state = state.restored(context.spec, &snapshot, now);
            return Ok(Decider::with_own_state(&state));
        }
        let (Some(lost), Some((in_force, _))) = (protocol.follower.lost(), known.clone()) else {
            return Decider::load(store, known).await;
        };
        let state = local.read(Record::State).await.ok().flatten();
        let state = state.and_then(|it| postcard::from_bytes::<RampState>(&it.value).ok());
        let Some(state) = state else {
            return Err(StoreError::Failed("the store has lost the ramp's state".to_owned()));
        };
        // The units that were counted are lost, so the step counts from the beginning.
        let now = self.decision_context(protocol, context).now;
        let snapshot = in_force.published.map_or(Snapshot::UNKNOWN, |it| it.snapshot);
        let state = state.restored(context.spec, &snapshot, now);
        Ok(Decider::with_state(&state, in_force, lost.revision))
    }

    fn decision_context<'a>(
        &'a self,
        protocol: &Protocol,
        context: &StepContext<'a>,
    ) -> DecisionContext<'a> {
        let StepContext { spec, fingerprint, history, now, .. } = *context;
        // A new fleet's time begins at the wall clock's, so that a later one is ahead of it.
        let began_ns = || now.unix_ms.saturating_mul(1_000_000);
        let fleet_ns = protocol.follower.fleet_ns(now.monotonic_ns).unwrap_or_else(began_ns);
        let now = Clocks { monotonic_ns: fleet_ns, ..now };
        let idle_ns = self.interval_ns().saturating_mul(IDLE_INTERVALS);
        DecisionContext { id: self.id(), spec, history, now, fingerprint, idle_ns }
    }

    pub(super) fn is_turn(
        &self,
        protocol: &Protocol,
        context: &StepContext<'_>,
        followed: Followed,
    ) -> bool {
        let turn = turn::Turn {
            id: self.id(),
            interval_ns: self.interval_ns(),
            follower: &protocol.follower,
            fingerprint: context.fingerprint,
            has_changed_configuration: self.has_changed_configuration.get(),
            now_ns: context.now.monotonic_ns,
        };
        context.may_decide && turn.is_own(followed)
    }
}

/// Whether the decider of the last step can decide: it has what is in force, or had it before the store lost it.
fn can_decide_again(protocol: &mut Protocol) -> bool {
    let known = protocol.follower.known().map(|(_, revision)| *revision);
    let lost = protocol.follower.lost();
    let Some(decider) = &mut protocol.decider else { return false };
    match lost {
        _ if decider.is_unconfirmed() => false,
        None => decider.revision() == known,
        Some(lost) => {
            decider.on_store_lost(lost.revision);
            true
        }
    }
}
