//! One Envoy of a fleet: follows what is in force, hands over its evidence, and decides if no other
//! instance does.
//!
//! [`FleetInstance::collect`] runs at each tick and waits for nothing, so that requests and the
//! instance's own guard do not depend on the store. [`FleetInstance::step`] talks to the store; a step
//! begins once the one before it has ended, and may be given up at any point.

use std::cell::{Cell, RefCell};

use super::event::FleetEvent;
use super::follower::Followed;
use super::keys::FleetKeys;
use super::local_evidence::LocalEvidence;
use super::protocol::{Protocol, is_due};
use super::reconcile_outcome::ReconcileOutcome;
use super::records::InForce;
use super::status::{AWAY_INTERVALS, FleetStatus};
use super::store::{FleetRecord, FleetStore, InstanceId, StoreError};
use crate::analysis::Observation;
use crate::rollout::store::{RolloutStore, poll_once};
use crate::rollout::{Clocks, RampSpec, RampState, StoredHistory};

/// One Envoy of a fleet.
#[derive(Debug)]
pub struct FleetInstance {
    id: InstanceId,
    interval_ns: Cell<u64>,
    pub(super) evidence: RefCell<LocalEvidence>,
    protocol: RefCell<Protocol>,
    /// The configuration that this process had last.
    last_fingerprint: Cell<Option<u64>>,
    /// Whether it has replaced another one, and does not decide yet.
    pub(super) has_changed_configuration: Cell<bool>,
    /// Whether another name waits for the outbox to be free.
    pub(super) is_leaving: Cell<bool>,
    /// When a step has last done with the store all that it had to, on the instance's monotonic clock.
    reached_ns: Cell<Option<u64>>,
    /// When the instance has last learned of a commit, on the same clock.
    pub(super) learned_ns: Cell<Option<u64>>,
    /// What is in force, as the instance last learned.
    pub(super) in_force: RefCell<Option<InForce>>,
    /// The keys that are stored where the store has none.
    pub(super) own_keys: FleetKeys,
    pub(super) status: RefCell<FleetStatus>,
}

/// What a step gets.
#[derive(Clone, Copy)]
pub struct StepContext<'a> {
    /// The ramp's specification.
    pub spec: &'a RampSpec,
    /// The fingerprint of the specification.
    pub fingerprint: u64,
    /// Distinguishes the store that the configuration names from others.
    pub store_id: u64,
    /// The history of shares, where conversations keep theirs.
    pub history: Option<&'a StoredHistory>,
    /// The time; the monotonic clock is this instance's.
    pub now: Clocks,
    /// Whether this instance runs the newest configuration that its Envoy has.
    pub may_decide: bool,
    /// Whether this worker talks to the store for its Envoy, now. A step can outlast that, and some
    /// workers only hand over what they have left. They must not put in force what they follow: the worker
    /// that does may know more.
    pub is_agent: &'a dyn Fn() -> bool,
    /// Reads the state of the ramp that this Envoy ran before it joined the fleet, if there was one.
    pub own_state: &'a dyn Fn() -> Option<RampState>,
    /// Gets what happens.
    pub report: &'a dyn Fn(FleetEvent<'_>),
}

/// With a watch, which delivers changes, an instance still reads `in_force` once in this many intervals.
const PUSHED_INTERVALS: u64 = 3;
/// No instance decides once none has committed for this many intervals: the deciding instance commits
/// every three intervals, and another instance takes over after ten at most.
const UNDECIDED_INTERVALS: u64 = 14;

// === impl FleetInstance ===

impl FleetInstance {
    /// An instance that knows nothing yet. `interval_ns` is how often it talks to the store.
    /// `own_keys` are random.
    pub fn new(id: InstanceId, interval_ns: u64, own_keys: FleetKeys) -> Self {
        Self {
            id: id.clone(),
            interval_ns: Cell::new(interval_ns.max(1)),
            evidence: RefCell::default(),
            protocol: RefCell::new(Protocol::new(&id)),
            last_fingerprint: Cell::new(None),
            has_changed_configuration: Cell::new(false),
            is_leaving: Cell::new(false),
            reached_ns: Cell::new(None),
            learned_ns: Cell::new(None),
            in_force: RefCell::default(),
            own_keys,
            status: RefCell::new(FleetStatus { instance: id.name, ..FleetStatus::default() }),
        }
    }

    /// Notes which configuration this instance has, also one that it has too shortly for a step.
    pub fn note_configuration(&self, fingerprint: u64) {
        let before = self.last_fingerprint.replace(Some(fingerprint));
        if before.is_some_and(|it| it != fingerprint) {
            self.has_changed_configuration.set(true);
        }
    }

    /// Notes which configuration decides, as another worker of this Envoy has learned: where it is the one
    /// that this worker has, it is announced.
    pub fn note_deciding(&self, current: u64) {
        if self.last_fingerprint.get() == Some(current) {
            self.has_changed_configuration.set(false);
        }
    }

    /// Whether the configuration has changed, and is not known to decide yet.
    pub fn has_changed_configuration(&self) -> bool {
        self.has_changed_configuration.get()
    }

    /// How often it talks to the store, in nanoseconds.
    pub fn interval_ns(&self) -> u64 {
        self.interval_ns.get()
    }

    /// Changes how often it talks to the store.
    pub fn set_interval_ns(&self, interval_ns: u64) {
        self.interval_ns.set(interval_ns.max(1));
    }

    /// This instance with another name and boot, which takes over what is not handed over yet. `None`
    /// while something is in the outbox, or a step is under way: the outbox is not filled again then,
    /// until [`Self::keep_name`].
    pub fn renamed(&self, id: InstanceId) -> Option<Self> {
        self.is_leaving.set(true);
        let mut protocol = self.protocol.try_borrow_mut().ok().filter(|it| it.outbox.is_free())?;
        let name = id.name.clone();
        let renamed = Self::new(id, self.interval_ns(), self.own_keys);
        renamed.protocol.try_borrow_mut().ok()?.take_knowledge(&mut protocol);
        renamed.in_force.replace(self.in_force.take());
        renamed.reached_ns.set(self.reached_ns.get());
        renamed.learned_ns.set(self.learned_ns.get());
        renamed.status.replace(FleetStatus { instance: name, ..self.status.take() });
        renamed.evidence.replace(self.evidence.take());
        renamed.last_fingerprint.set(self.last_fingerprint.get());
        renamed.has_changed_configuration.set(self.has_changed_configuration.get());
        Some(renamed)
    }

    /// This instance keeps its name.
    pub fn keep_name(&self) {
        self.is_leaving.set(false);
    }

    /// The instance's name and boot.
    pub fn id(&self) -> &InstanceId {
        &self.id
    }

    /// What is in force in the fleet, as this instance last learned.
    pub fn in_force(&self) -> Option<InForce> {
        self.in_force.try_borrow().ok()?.clone()
    }

    /// When the store has last done all that a step had to do, in nanoseconds of the instance's monotonic
    /// clock.
    pub fn reached_ns(&self) -> Option<u64> {
        self.reached_ns.get()
    }

    /// Whether nobody decides for this instance: the store has not done what this instance needed for some intervals,
    /// or no commit was seen for as long as it takes until another instance decides.
    pub fn is_undecided(&self, now_ns: u64) -> bool {
        let has_been = |since: Option<u64>, intervals: u64| {
            let since_ns = since.map_or(u64::MAX, |at| now_ns.saturating_sub(at));
            since_ns >= intervals.saturating_mul(self.interval_ns())
        };
        has_been(self.reached_ns.get(), AWAY_INTERVALS)
            || has_been(self.learned_ns.get(), UNDECIDED_INTERVALS)
    }

    /// Takes what the workers of this Envoy have observed, and rolls this instance back if it must.
    /// `local` is what the workers share.
    pub fn collect(&self, local: &impl RolloutStore, context: &StepContext<'_>) {
        let Some(batches) = poll_once(local.take_observations()) else { return };
        let observations: Vec<Observation> =
            batches.iter().flat_map(|batch| Observation::decode_all(batch)).collect();
        let Ok(mut evidence) = self.evidence.try_borrow_mut() else { return };
        // Also before this worker knows what is in force: others assign by it already.
        evidence.add(&observations);
        let Some(in_force) = self.in_force() else { return };
        let Some(published) = in_force.published else { return };
        // While the fleet decides, this instance's part of its evidence decides nothing.
        let is_undecided = self.is_undecided(context.now.monotonic_ns);
        let instances = is_undecided.then_some(in_force.instances);
        let snapshot = &published.snapshot;
        let rollback =
            evidence.watch(context.spec, snapshot, context.now, &observations, instances);
        drop(evidence);
        if let Some(rollback) = rollback {
            poll_once(self.roll_back_alone(local, context, published, &rollback));
        }
    }

    /// What this Envoy's workers should know of the fleet.
    pub fn status(&self) -> FleetStatus {
        self.status.try_borrow().map(|it| it.clone()).unwrap_or_default()
    }

    /// Whether evidence is to be handed over still, although another worker of this Envoy talks to
    /// the store now.
    pub fn has_pending(&self) -> bool {
        let is_in_outbox = self.protocol.try_borrow().is_ok_and(|it| !it.outbox.is_free());
        is_in_outbox || self.evidence.try_borrow().is_ok_and(|it| !it.buffer.is_empty())
    }

    /// Talks to the store: follows, hands over evidence, and decides if it is this instance's turn.
    ///
    /// # Errors
    /// [`StoreError`] where the store did not do something. The next step tries it again.
    #[allow(clippy::await_holding_refcell_ref, reason = "all other borrows are only tried")]
    pub async fn step(
        &self,
        store: &impl FleetStore,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
    ) -> Result<(), StoreError> {
        let Ok(mut protocol) = self.protocol.try_borrow_mut() else { return Ok(()) };
        let now_ns = context.now.monotonic_ns;
        let alive_within_ns = self.interval_ns().saturating_mul(UNDECIDED_INTERVALS);
        protocol.note_store(context.store_id, alive_within_ns);
        if now_ns < protocol.paused_until_ns {
            return Ok(());
        }
        let result = self.step_with(&mut protocol, store, local, context).await;
        if let Some(pause_s) = store.take_pause_s() {
            let pause_ns = pause_s.saturating_mul(1_000_000_000).max(self.interval_ns());
            protocol.paused_until_ns = now_ns.saturating_add(pause_ns);
        }
        if let Ok(mut status) = self.status.try_borrow_mut() {
            status.clock = protocol.follower.clock();
            status.in_force = protocol.follower.in_force().cloned();
            status.reached_ns = self.reached_ns.get();
            // A store that refuses a guarded write does answer.
            let error = result.as_ref().err().filter(|it| **it != StoreError::Conflict);
            status.error = error.map(ToString::to_string);
        }
        result
    }

    async fn step_with(
        &self,
        protocol: &mut Protocol,
        store: &impl FleetStore,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
    ) -> Result<(), StoreError> {
        self.note_configuration(context.fingerprint);
        let current = protocol.follower.in_force().map(|it| it.generations.current);
        if current == Some(context.fingerprint) {
            self.has_changed_configuration.set(false);
        }
        if let Some(why) = store.take_replacement() {
            (context.report)(FleetEvent::StoreReplaced(&why));
            protocol.outbox.on_store_replaced();
            protocol.followed_ns = None;
            protocol.are_keys_stored = false;
        }
        let followed = self.follow(protocol, store, local, context).await?;
        self.share_keys(protocol, store, context).await?;
        self.hand_over(protocol, store, local, context).await?;
        self.decide_if_due(protocol, store, local, context, followed).await?;
        // A store that is full, or that denies writes, still answers reads.
        self.reached_ns.set(Some(context.now.monotonic_ns));
        self.refresh_display(protocol, store, local, context).await
    }

    /// Learns what is in force.
    async fn follow(
        &self,
        protocol: &mut Protocol,
        store: &impl FleetStore,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
    ) -> Result<Followed, StoreError> {
        let now_ns = context.now.monotonic_ns;
        let follower = &protocol.follower;
        let has_found = follower.known().is_some() && follower.lost().is_none();
        let intervals = if store.is_pushing() && has_found { PUSHED_INTERVALS } else { 1 };
        let every = self.interval_ns().saturating_mul(intervals);
        let is_agent = (context.is_agent)();
        protocol.is_published &= is_agent;
        let must_publish = is_agent && !protocol.is_published;
        if must_publish && protocol.follower.known().is_some() {
            // What it knows may be old.
            protocol.followed_ns = None;
        }
        let pushed = store.take_pushed().filter(|it| !protocol.follower.is_late(it));
        let found = match pushed {
            Some(pushed) => Some(pushed),
            None if !is_due(protocol.followed_ns, every, now_ns) => {
                return Ok(Followed::Same);
            }
            None => store.read(&FleetRecord::InForce).await?,
        };
        protocol.followed_ns = Some(now_ns);
        let revision = found.as_ref().map(|it| it.revision);
        let followed = match protocol.follower.adopt(found, now_ns) {
            Ok(followed) => followed,
            Err(error) => {
                if std::mem::replace(&mut protocol.unreadable, revision) != revision {
                    (context.report)(FleetEvent::Unreadable(&FleetRecord::InForce, error));
                }
                return Err(StoreError::Failed(format!("in_force: {error}")));
            }
        };
        match followed {
            Followed::Changed => self.on_changed(protocol, local, context).await,
            Followed::Lost => {
                protocol.outbox.on_store_replaced();
                protocol.are_keys_stored = false;
            }
            Followed::Same if must_publish => {
                if let Some(in_force) = protocol.follower.in_force().cloned() {
                    self.put_in_force(protocol, local, context, in_force).await;
                }
            }
            Followed::Same | Followed::Nothing => {}
        }
        Ok(followed)
    }

    /// Another commit is in force.
    async fn on_changed(
        &self,
        protocol: &mut Protocol,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
    ) {
        let Some((in_force, revision)) = protocol.follower.known().cloned() else { return };
        protocol.outbox.on_consumed(&in_force.consumed);
        if let Some(decider) = &mut protocol.decider {
            decider.confirm(&in_force, revision);
        }
        if let Some(unconfirmed) = protocol.unconfirmed.take_if(|it| it.in_force == in_force) {
            // The commit whose answer was lost has taken effect.
            context.report_outcome(&unconfirmed.outcome, unconfirmed.state.as_ref());
        }
        protocol.unconfirmed = None;
        if self.put_in_force(protocol, local, context, in_force).await {
            // The page shows it in this step.
            protocol.displayed_ns = None;
        }
    }
}

// === impl StepContext ===

impl StepContext<'_> {
    /// Reports what a commit has done, once it has taken effect. `state` is the ramp's state from then on.
    pub(super) fn report_outcome(&self, outcome: &ReconcileOutcome, state: Option<&RampState>) {
        let ReconcileOutcome { transitions, learned, began_with } = outcome;
        transitions.iter().for_each(|it| (self.report)(FleetEvent::Decided(it)));
        for (metric, threshold_ms) in learned.iter().copied() {
            (self.report)(FleetEvent::ThresholdLearned { metric, threshold_ms });
        }
        if let Some(state) = began_with {
            (self.report)(FleetEvent::TookOver(state));
        }
        if let Some(state) = state {
            (self.report)(FleetEvent::Committed(state));
        }
    }
}
