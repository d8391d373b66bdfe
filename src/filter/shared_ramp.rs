//! A ramp in this VM: the core's worker on shared data.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use super::callout::Callouts;
use super::clock::clocks;
use super::evidence_counters::{EvidenceCounters, EvidenceMetrics};
use super::logger::log_transition;
use super::random::random_u64;
use super::registry::Registry;
use super::store::config_revision::{ConfigRevision, RevisionTracker};
use super::store::keys::store_name;
use super::store::shared_data::SharedDataStore;
use crate::config::CommandRequest;
use crate::console::outlook::Outlook;
use crate::console::outlook_log::OutlookLog;
use crate::console::view::RampView;
use crate::fleet::FleetInstance;
use crate::rollout::decimal::Decimal;
use crate::rollout::replaced::replace_by_weights;
use crate::rollout::store::poll_once;
use crate::rollout::{
    Candidate, Clocks, CommandError, DifferenceHistory, HoldChanges, HoldReason, RampEvent,
    RampSpec, RampState, RampWorker, ReconcileContext, Snapshot, StoredHistory, Transition,
};

thread_local! {
    static RAMPS: Registry<SharedRamp> = const { Registry::new() };
}

/// How often a ramp is reconciled, in milliseconds.
pub const TICK_MS: u32 = 500;

/// A ramp in this VM. Shared data completes each call at once, so one poll does.
pub struct SharedRamp {
    rollout: String,
    store: SharedDataStore,
    /// This VM's part in the fleet, if the ramp has one.
    fleet: RefCell<Option<Rc<FleetInstance>>>,
    /// The calls of the configuration that has talked to the fleet's store last.
    callouts: RefCell<Weak<Callouts>>,
    worker: RampWorker,
    revisions: RevisionTracker,
    /// The counters of the evidence, while this VM leads.
    counters: RefCell<Option<EvidenceCounters>>,
    evidence_metrics: EvidenceMetrics,
    /// What the log says that the ramp waits for.
    hold_changes: RefCell<HoldChanges>,
    /// What the log says of the evidence to come.
    outlook_log: RefCell<OutlookLog>,
}

// === impl SharedRamp ===

impl SharedRamp {
    /// The ramp of `rollout`, made at the first call in this VM.
    pub fn for_rollout(rollout: &str, is_of_fleet: bool) -> Rc<Self> {
        let name = store_name(rollout, is_of_fleet);
        RAMPS.with(|ramps| {
            ramps.get_or_insert(&name, || Self {
                rollout: rollout.to_owned(),
                store: SharedDataStore::new(&name),
                fleet: RefCell::default(),
                callouts: RefCell::default(),
                worker: RampWorker::new(random_u64()),
                revisions: RevisionTracker::new(rollout),
                counters: RefCell::default(),
                evidence_metrics: EvidenceMetrics::default(),
                hold_changes: RefCell::default(),
                outlook_log: RefCell::default(),
            })
        })
    }

    /// What the VMs of this process share.
    pub fn store(&self) -> &SharedDataStore {
        &self.store
    }

    /// This VM's part in the fleet, made by `make` at the first call in this VM.
    pub fn fleet(&self, make: impl FnOnce() -> FleetInstance) -> Rc<FleetInstance> {
        Rc::clone(self.fleet.borrow_mut().get_or_insert_with(|| Rc::new(make())))
    }

    /// This VM takes part in the fleet by this instance from now on.
    pub fn set_fleet(&self, instance: FleetInstance) {
        self.fleet.replace(Some(Rc::new(instance)));
    }

    /// A configuration with these calls talks to the fleet's store from now on. A step of the configuration
    /// before is given up: where Envoy has retired its root context, its calls are never answered.
    pub fn use_link(&self, callouts: &Rc<Callouts>) {
        let before = self.callouts.replace(Rc::downgrade(callouts)).upgrade();
        if let Some(before) = before.filter(|it| !Rc::ptr_eq(it, callouts)) {
            before.cancel_all();
        }
    }

    /// Where assignments and responses are recorded.
    pub fn worker(&self) -> &RampWorker {
        &self.worker
    }

    /// The published snapshot, as this VM has last read it.
    pub fn snapshot(&self) -> Snapshot {
        self.worker.snapshot()
    }

    /// Tracks which configuration is the newest.
    pub fn revisions(&self) -> &RevisionTracker {
        &self.revisions
    }

    /// The stored state; `None` before the first reconcile.
    pub fn state(&self) -> Option<RampState> {
        poll_once(self.worker.state(&self.store)).flatten()
    }

    /// How the gates' differences have developed.
    pub fn differences(&self) -> DifferenceHistory {
        poll_once(self.worker.differences(&self.store)).unwrap_or_default()
    }

    /// A configuration begins in this VM: it is the newest.
    pub fn begin(&self, revision: ConfigRevision) {
        self.revisions.begin(revision);
        self.refresh();
    }

    /// Weights come into force, and replace the ramp that `rollout` has had in this Envoy.
    pub fn replace_by_weights(rollout: &str) {
        let store = SharedDataStore::new(&store_name(rollout, false));
        // Where shared data is not available, no ramp has been stored either.
        let _ = poll_once(replace_by_weights(&store));
    }

    /// Reads the snapshot that is in force.
    pub fn refresh(&self) {
        poll_once(self.worker.refresh(&self.store));
    }

    /// Reports this VM's observations, reconciles if this VM leads, and reads the snapshot. `last_use`
    /// grows with each stream of the configuration.
    pub fn tick(
        &self,
        spec: &RampSpec,
        history: Option<&StoredHistory>,
        revision: ConfigRevision,
        last_use: u64,
    ) {
        let Some(now) = clocks() else {
            poll_once(self.worker.flush(&self.store));
            poll_once(self.worker.refresh(&self.store));
            return;
        };
        let candidate = match self.revisions.check(revision, last_use) {
            true => Candidate::Current,
            false => Candidate::Outdated,
        };
        self.with_context(spec, history, now, |context| {
            poll_once(self.worker.tick(&self.store, context, candidate));
        });
    }

    /// No configuration in this VM has the ramp any more. Reports what is buffered.
    pub fn stop(&self) {
        poll_once(self.worker.stop(&self.store));
    }

    /// Applies an operator's command and returns the transition.
    ///
    /// # Errors
    /// The command is not valid in this phase, is meant for another step, or shared data is not
    /// available.
    pub fn apply(
        &self,
        spec: &RampSpec,
        history: Option<&StoredHistory>,
        request: &CommandRequest,
    ) -> Result<Transition, CommandError> {
        let now = clocks().ok_or(CommandError::StoreUnavailable)?;
        let step = request.expected_step()?;
        let command = &request.command;
        let applied = self.with_context(spec, history, now, |context| {
            poll_once(self.worker.apply(&self.store, context, command, step))
        });
        applied.unwrap_or(Err(CommandError::StoreUnavailable))
    }

    fn with_context<T>(
        &self,
        spec: &RampSpec,
        history: Option<&StoredHistory>,
        now: Clocks,
        work: impl FnOnce(&ReconcileContext<'_>) -> T,
    ) -> T {
        let report = |event: RampEvent<'_>| self.report(spec, event);
        work(&ReconcileContext { spec, history, now, report: &report })
    }

    /// What the page shows of a state that was just committed: its revision is the ramp's time.
    fn view(&self, spec: &RampSpec, state: &RampState) -> Option<RampView> {
        let now = Clocks { monotonic_ns: state.revision, ..clocks()? };
        Some(RampView::new(spec, state, &self.differences(), now))
    }

    /// Logs and counts what happens in the worker.
    pub fn report(&self, spec: &RampSpec, event: RampEvent<'_>) {
        let rollout = &self.rollout;
        match event {
            RampEvent::StateUnreadable(error) => {
                log::error!(
                    "rollout {rollout}: the ramp begins again: its state is unreadable: {error}"
                );
            }
            RampEvent::BecameLeader(state) => {
                let counters = EvidenceCounters::new(rollout, &state.evidence, &spec.analysis);
                self.counters.replace(Some(counters));
            }
            RampEvent::Transition(transition) => log_transition(rollout, transition),
            RampEvent::ThresholdLearned { metric, threshold_ms } => {
                log::info!(
                    "rollout {rollout}: {metric} counts times above {} ms, learned from blue",
                    Decimal(threshold_ms, 0)
                );
            }
            RampEvent::Committed(state) => {
                if let Some(counters) = self.counters.borrow_mut().as_mut() {
                    counters.count(&self.evidence_metrics, &spec.analysis, &state.evidence);
                }
                let now_ns = || clocks().map(|it| it.monotonic_ns);
                let changed = self.hold_changes.borrow_mut().observe(state, now_ns);
                if let Some(reason) = changed {
                    let known_as = match reason {
                        HoldReason::SampleRatioMismatch => " (sample ratio mismatch)",
                        _ => "",
                    };
                    log::warn!("rollout {rollout}: holds; waits for {reason}{known_as}");
                }
                let look = || Outlook::new(&self.view(spec, state)?);
                if let Some(outlook) = self.outlook_log.borrow_mut().observe(state, look) {
                    let step = state.step.get() + 1;
                    log::warn!("rollout {rollout}: step {step} may stay undecided: {outlook}");
                }
            }
        }
    }
}
