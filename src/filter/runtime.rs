//! What the streams of one configuration share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::activation::Activation;
use super::build::IS_ROUTE;
use super::callout::Callouts;
use super::clock::{clocks, wall_clock_offset_ms};
use super::console_token;
use super::exporter::Exporter;
use super::fleet_link::FleetLink;
use super::hostcalls;
use super::judge_link::JudgeLink;
use super::listener_role;
use super::manual_worker::ManualWorker;
use super::metrics::RolloutMetrics;
use super::random::RandomDraws;
use super::shared_key::{random_key, shared_key};
use super::shared_pairing::SharedPairing;
use super::shared_ramp::{SharedRamp, TICK_MS};
use super::shared_samples::SharedSamples;
use super::store::config_revision::{ConfigRevision, RevisionTracker};
use super::store::keys::store_name;
use super::store::running::{self, SLOW_TICK_MS};
use super::store::shared_data::SharedDataStore;
use super::waiting_streams::WaitingStreams;
use crate::assignment::{EffectiveShare, Share, UnitKey};
use crate::config::{Config, Role};
use crate::feedback::ExposureKey;
use crate::feedback::intake::FeedbackIntake;
use crate::rollout::store::poll_once;
use crate::rollout::{Phase, Snapshot, StoredHistory};

/// A rollout's configuration in one VM, with everything that it needs to run.
pub struct RolloutRuntime {
    /// The root context's number.
    pub context_id: u32,
    /// The plugin's name in Envoy's configuration.
    pub plugin: String,
    /// The configuration.
    pub config: Config,
    /// Identifies the configuration among those of the rollout.
    pub revision: ConfigRevision,
    /// The rollout's counters and gauges.
    pub metrics: Rc<RolloutMetrics>,
    /// The ramp in this VM, where the configuration has one.
    pub ramp: Option<Rc<SharedRamp>>,
    /// The rollout without a ramp, where the configuration has none.
    pub manual_worker: Option<Rc<ManualWorker>>,
    /// Which shares were in force when, where conversations keep theirs.
    pub history: Option<StoredHistory>,
    store: SharedDataStore,
    /// The key of the hashes of units. `None` where neither a ramp nor feedback needs it, and while
    /// shared data is not available: then nothing is evidence, because the VMs would not agree on
    /// units, and no feedback is counted.
    pub unit_key: Cell<Option<UnitKey>>,
    /// Draws for requests without a unit.
    pub random: RandomDraws,
    /// The link to the fleet's store, where several Envoys share the ramp.
    pub fleet: Option<FleetLink>,
    /// The requests whose halves are being joined, where the ramp has a shadow step.
    pub pairing: Option<Rc<SharedPairing>>,
    /// The sampled requests, where requests are sampled.
    pub samples: Option<Rc<SharedSamples>>,
    /// The link to the judge, where the release's configuration has one.
    pub judge: Option<JudgeLink>,
    /// The export of sampled requests, where it is configured.
    pub exporter: Option<Exporter>,
    /// Verifies and limits feedback, where it is configured.
    pub feedback: Option<RefCell<FeedbackIntake>>,
    /// The requests that wait for their body.
    pub waiting: WaitingStreams,
    /// Whether the configuration is active in this VM.
    pub activation: Activation,
}

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// The runtime of a plugin's configuration, whose text is `text`. It changes nothing that VMs share
    /// until it is active.
    pub fn new(
        context_id: u32,
        plugin: String,
        config: Config,
        text: &[u8],
        callouts: &Rc<Callouts>,
    ) -> Self {
        listener_role::note(&config);
        let rollout = config.rollout.as_str();
        // A shadow's filter assigns nothing, and has no share in force that a gauge could show.
        let is_shadow = config.is_shadow();
        let metrics = metrics_of(&config);
        let samples = SharedSamples::for_config(&config).filter(|_| !IS_ROUTE);
        let judge = config.judge.as_ref().filter(|_| !is_shadow && !IS_ROUTE);
        let judge = judge.map(|it| JudgeLink::new(it, rollout, callouts));
        let exporter = match IS_ROUTE {
            true => None,
            false => Exporter::for_config(&config, callouts, &metrics),
        };
        let revision = ConfigRevision::from_text(text);
        let has_ramp = config.ramp.is_some() && !is_shadow && !IS_ROUTE;
        let ramp = has_ramp.then(|| SharedRamp::for_rollout(rollout, config.fleet.is_some()));
        let is_manual = !is_shadow && !has_ramp;
        let manual_worker = is_manual.then(|| ManualWorker::for_rollout(rollout));
        let store = SharedDataStore::new(&store_name(rollout, config.fleet.is_some()));
        let history = history_of(&config, &store);
        let feedback = config.feedback.as_ref().filter(|_| !IS_ROUTE).map(|it| {
            // With a key of this VM only, it verifies what it has signed.
            let key = shared_key(rollout, "receipts").unwrap_or_else(random_key);
            let key = ExposureKey::from_bytes(&key).unwrap_or_default();
            RefCell::new(FeedbackIntake::new(key, it.max_per_minute))
        });
        let fleet = match (&config.fleet, &config.ramp) {
            (Some(fleet), Some(spec)) if has_ramp => {
                Some(FleetLink::new(fleet, rollout, spec, callouts))
            }
            _ => None,
        };
        // A fleet has its own key, which the store says.
        let needs_unit_key = (ramp.is_some() || feedback.is_some()) && fleet.is_none();
        let unit_key = needs_unit_key.then(|| shared_unit_key(rollout)).flatten();
        if needs_unit_key && unit_key.is_none() {
            log::error!(
                "rollout {rollout}: this worker's responses are not analysed: the host refuses \
                 shared data"
            );
        }
        Self {
            context_id,
            plugin,
            revision,
            metrics,
            ramp,
            manual_worker,
            history,
            store,
            unit_key: Cell::new(unit_key),
            random: RandomDraws::default(),
            fleet,
            pairing: if IS_ROUTE { None } else { SharedPairing::for_config(&config) },
            samples,
            judge,
            exporter,
            feedback,
            waiting: WaitingStreams::default(),
            activation: Activation::default(),
            config,
        }
    }

    /// How often the root context is ticked, in milliseconds; 0 is never.
    ///
    /// Commands take effect on ticks. They may come from the console of another VM.
    pub fn tick_period_ms(&self) -> u32 {
        let can_command = || console_token::is_set() || console_token::is_announced();
        let has_ticks = self.ramp.is_some()
            || self.samples.is_some()
            || self.config.waits_for_bodies()
            || (!self.is_shadow() && can_command());
        match has_ticks {
            true => TICK_MS,
            false if self.is_shadow() => 0,
            false => SLOW_TICK_MS,
        }
    }

    /// Called on each tick: runs the ramp or follows the manual weights, asks the judge, exports samples, and
    /// updates the gauges. `last_use` grows with each stream of the configuration.
    pub fn tick(self: &Rc<Self>, last_use: u64) {
        self.sample_requests();
        self.follow_wall_clock();
        if !IS_ROUTE {
            self.record_pairs();
            self.tick_judge();
            if let Some(exporter) = &self.exporter {
                match self.effective_share() {
                    EffectiveShare::RolledBack => exporter.drop_waiting(),
                    EffectiveShare::Share(_) => exporter.send(),
                }
            }
        }
        let history = self.history.as_ref();
        if let Some(link) = self.fleet.as_ref().filter(|_| !IS_ROUTE) {
            self.tick_fleet(link, last_use);
            self.refresh_history();
            self.tick_gauges();
        } else if let (false, Some(worker), Some(spec)) = (IS_ROUTE, &self.ramp, &self.config.ramp)
        {
            if self.unit_key.get().is_none() {
                self.unit_key.set(shared_unit_key(self.config.rollout.as_str()));
            }
            worker.tick(spec, history, self.revision, last_use);
            self.refresh_history();
            self.tick_gauges();
        } else if let Some(worker) = &self.manual_worker {
            if worker.tick(self.revision, last_use, self.config.share) {
                self.record_weights();
                self.update_gauges();
            } else {
                // The gauges show the newest configuration's share.
                self.refresh_history();
            }
        }
    }

    /// Reads what is in force. For a rollout that another VM runs.
    pub fn follow(&self) {
        self.sample_requests();
        self.refresh_history();
        if let Some(ramp) = &self.ramp {
            ramp.refresh();
        }
        if let Some(worker) = &self.manual_worker {
            worker.follow();
        }
    }

    /// Samples the counters of requests, if it is time.
    pub(super) fn sample_requests(&self) {
        if let Ok(now_ns) = hostcalls::monotonic_time_ns() {
            self.metrics.sample_requests(now_ns / 1_000_000_000);
        }
    }

    /// Called when Envoy goes back to this configuration without configuring it. Records the share in
    /// force: its weights, or what an operator's command has set since this VM last looked.
    pub fn on_switched_back(&self) {
        if let Some(worker) = &self.manual_worker {
            worker.follow();
        }
        self.record_weights();
    }

    /// Called when Envoy deletes the root context. `left` are the runtimes that remain in this VM.
    pub fn stop(&self, left: &[Rc<Self>]) {
        let is_over = || !running::has_rollout(self.config.rollout.as_str());
        self.metrics.gauges.remove_root(self.context_id, is_over);
        let is_release =
            |it: &Rc<Self>| !it.is_shadow() && it.config.rollout == self.config.rollout;
        if !IS_ROUTE && !left.iter().any(is_release) {
            self.drop_waiting();
        }
        let Some(worker) = &self.ramp else { return };
        let is_left = |it: &Rc<Self>| it.ramp.as_ref().is_some_and(|it| Rc::ptr_eq(it, worker));
        if !left.iter().any(is_left) {
            worker.stop();
        }
    }

    /// The share in force; [`EffectiveShare::RolledBack`] after a rollback.
    pub fn effective_share(&self) -> EffectiveShare {
        // The snapshot follows with the leader's next reconcile.
        if self.config.ramp.as_ref().is_some_and(|ramp| ramp.is_rolled_back) {
            return EffectiveShare::RolledBack;
        }
        match self.ramp.as_ref().map(|worker| worker.snapshot()) {
            Some(Snapshot { phase: Phase::RolledBack, .. }) => EffectiveShare::RolledBack,
            Some(Snapshot { share, .. }) => EffectiveShare::Share(share),
            None => {
                let share_override = self.manual_worker.as_ref().and_then(|it| it.share_override());
                share_override.unwrap_or(EffectiveShare::Share(self.config.share))
            }
        }
    }

    /// The phase and green's share that this VM knows to be in force.
    pub fn phase_and_share(&self) -> (Phase, Share) {
        match (&self.ramp, self.effective_share()) {
            (Some(worker), _) => (worker.snapshot().phase, self.green_share()),
            (None, EffectiveShare::RolledBack) => (Phase::RolledBack, Share::ZERO),
            (None, EffectiveShare::Share(share)) => (Phase::ByHand, share),
        }
    }

    /// Green's share in force.
    pub fn green_share(&self) -> Share {
        match self.effective_share() {
            EffectiveShare::Share(share) => share,
            EffectiveShare::RolledBack => Share::ZERO,
        }
    }

    /// What the filter does at the stream's listener; `None` where the listener's metadata names a
    /// role that does not exist.
    pub fn role(&self) -> Option<Role> {
        listener_role::find(&self.config)
    }

    /// Whether the configuration is a shadow's.
    pub fn is_shadow(&self) -> bool {
        self.config.is_shadow()
    }

    /// Whether both are configurations of one rollout in one role.
    pub fn has_same_rollout_and_role(&self, other: &Self) -> bool {
        self.config.role == other.config.role && self.config.rollout == other.config.rollout
    }

    /// Whether no other configuration of the rollout has come after this one.
    pub fn is_newest(&self) -> bool {
        self.revisions().is_some_and(|it| it.is_current(self.revision))
    }

    /// Tracks which configuration of the rollout is the newest; `None` for a shadow's.
    pub fn revisions(&self) -> Option<&RevisionTracker> {
        match (&self.ramp, &self.manual_worker) {
            (Some(worker), _) => Some(worker.revisions()),
            (None, Some(worker)) => Some(worker.revisions()),
            (None, None) => None,
        }
    }

    /// Records the weights of a rollout without a ramp for conversations that begin under them.
    pub fn record_weights(&self) {
        self.follow_wall_clock();
        let (Some(history), None) = (&self.history, &self.ramp) else { return };
        if let Some(now) = clocks() {
            poll_once(history.record_weights(&self.store, self.green_share(), now));
        }
    }

    /// Passes changes of the wall clock to the history, so that its times do not jump.
    fn follow_wall_clock(&self) {
        if let Some(history) = &self.history {
            history.set_wall_clock_offset_ms(wall_clock_offset_ms());
        }
    }

    /// Reads what other VMs have recorded of the share's history.
    fn refresh_history(&self) {
        if let Some(history) = &self.history {
            poll_once(history.refresh(&self.store));
        }
    }
}

/// The rollout's metrics, with those defined that the configuration needs.
fn metrics_of(config: &Config) -> Rc<RolloutMetrics> {
    let rollout = config.rollout.as_str();
    let metrics = RolloutMetrics::for_rollout(rollout);
    let is_shadow = config.is_shadow();
    if is_shadow || config.shadow.is_some() {
        metrics.define_shadow(rollout);
    }
    if config.answers.is_some() {
        metrics.define_outcomes(rollout);
    }
    let judge = config.judge.as_ref();
    if judge.is_some() {
        metrics.define_samples(rollout);
        metrics.define_judge(rollout);
    }
    let has_scores = !is_shadow && judge.is_some_and(|it| it.mode.has_scores());
    if !IS_ROUTE && (has_scores || config.feedback.is_some()) {
        metrics.define_feedback(rollout);
    }
    metrics
}

/// The history of shares, if conversations keep their version.
fn history_of(config: &Config, store: &SharedDataStore) -> Option<StoredHistory> {
    let conversation = config.conversation.as_ref();
    let it = conversation.filter(|_| !config.is_shadow())?;
    let history = StoredHistory::new(it.history.clone(), it.max_age_ms, it.on_rollback);
    poll_once(history.refresh(store));
    Some(history)
}

fn shared_unit_key(rollout: &str) -> Option<UnitKey> {
    UnitKey::from_bytes(&shared_key(rollout, "unit_key")?)
}
