//! Some instances, their store and their clocks.

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};
use verdigris::analysis::step_stats::StepStats;
use verdigris::analysis::{GateStats, Measurements, Metric, Observation};
use verdigris::assignment::{
    Epoch, RollbackPolicy, Share, ShareHistory, StartTime, StickyShare, UnitKey, Version,
};
use verdigris::config::Config;
use verdigris::fleet::command::apply_command;
use verdigris::fleet::decision_context::DecisionContext;
use verdigris::fleet::memory::RecordMemory;
use verdigris::fleet::{
    FleetEvent, FleetInstance, FleetKeys, FleetRecord, InForce, InstanceId, StepContext,
};
use verdigris::rollout::store::{Record, RolloutStore, poll_once};
use verdigris::rollout::{
    Clocks, CommandError, CommandKind, ExpectedStep, OperatorCommand, PublishedSnapshot, RampSpec,
    RampState, Snapshot, SpecFingerprint, StoredHistory, Transition,
};

use super::test_store::TestStore;

pub const SECOND_NS: u64 = 1_000_000_000;

type Step = Pin<Box<dyn Future<Output = ()>>>;

/// One Envoy of a fleet.
pub struct Envoy<S: TestStore> {
    client: Rc<S::Client>,
    pub instance: Rc<FleetInstance>,
    /// What its workers share.
    pub local: Rc<RecordMemory>,
    pub spec: Rc<RampSpec>,
    /// The state of the ramp that it ran alone before.
    pub own_state: Option<RampState>,
    /// The history of shares, where conversations keep their version.
    pub history: Option<Rc<StoredHistory>>,
    /// Whether this worker talks to the store for its Envoy.
    pub is_agent: Rc<Cell<bool>>,
    step: Option<Step>,
    is_stopped: bool,
    /// Which store its configuration names.
    store_id: u64,
    /// How far its clock is ahead, in seconds.
    ahead_s: u64,
}

/// The instances of a fleet.
pub struct Fleet<S: TestStore> {
    pub store: S,
    pub envoys: Vec<Envoy<S>>,
    pub events: Rc<RefCell<Vec<String>>>,
    pub now_ms: u64,
    boots: u64,
    ramp: Value,
    interval_ns: u64,
}

/// A ramp in which green takes 10, 50 and 100 %.
pub fn ramp() -> Value {
    json!({
        "steps": [10, 50, 100], "bake": "10s", "warmup": "0s",
        "gates": [{"metric": "error_rate", "tolerance": 1}],
        "tripwires": [],
    })
}

pub fn spec(ramp: &Value) -> RampSpec {
    spec_with_interval(ramp, "1s")
}

/// The specification where instances talk to the store this often.
pub fn spec_with_interval(ramp: &Value, interval: &str) -> RampSpec {
    let config = json!({
        "rollout": "r", "unit": {"header": "u"}, "ramp": ramp,
        "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
        "fleet": {"store": "etcd", "cluster": "etcd", "interval": interval},
    });
    Config::parse(config.to_string().as_bytes()).unwrap().ramp.unwrap()
}

// === impl Fleet ===

impl<S: TestStore> Fleet<S> {
    /// A fleet of so many instances, whose clocks differ by hours.
    pub fn new(count: usize) -> Self {
        Self::with_ramp(count, ramp())
    }

    /// A fleet of so many instances that have this ramp in their configurations.
    pub fn with_ramp(count: usize, ramp: Value) -> Self {
        Self::with_interval(count, ramp, SECOND_NS)
    }

    /// A fleet whose instances talk to the store this often.
    pub fn with_interval(count: usize, ramp: Value, interval_ns: u64) -> Self {
        let mut fleet = Self {
            store: S::default(),
            envoys: Vec::new(),
            events: Rc::default(),
            now_ms: 1_000_000,
            boots: 0,
            ramp,
            interval_ns,
        };
        (0..count).for_each(|_| fleet.start());
        fleet
    }

    /// Starts one more instance.
    pub fn start(&mut self) {
        let envoy = self.boot(self.envoys.len(), &self.ramp.clone());
        self.envoys.push(envoy);
    }

    /// Starts another worker in the Envoy of an instance. It does not talk to the store yet. Returns its
    /// index.
    pub fn start_worker(&mut self, index: usize) -> usize {
        let booted = self.boot(index, &self.ramp.clone());
        let Envoy { spec, local, ahead_s, .. } = &self.envoys[index];
        let (spec, local, ahead_s) = (Rc::clone(spec), Rc::clone(local), *ahead_s);
        booted.is_agent.set(false);
        self.envoys.push(Envoy { spec, local, ahead_s, ..booted });
        self.envoys.len() - 1
    }

    /// From now on, another worker of the same Envoy talks to the store.
    pub fn hand_over_lease(&mut self, from: usize, to: usize) {
        self.envoys[from].is_agent.set(false);
        self.envoys[to].is_agent.set(true);
    }

    /// Kills an instance, and starts it again with nothing but its configuration.
    pub fn restart(&mut self, index: usize) {
        let spec = Rc::clone(&self.envoys[index].spec);
        self.envoys[index] = Envoy { spec, ..self.boot(index, &self.ramp.clone()) };
    }

    /// Kills an instance for good.
    pub fn stop(&mut self, index: usize) {
        self.envoys[index].step = None;
        self.envoys[index].is_stopped = true;
    }

    fn boot(&mut self, index: usize, ramp: &Value) -> Envoy<S> {
        self.boots += 1;
        // Spread over all numbers, as random ones are.
        let boot = self.boots.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let id = InstanceId { name: format!("envoy-{index}"), boot };
        Envoy {
            client: self.store.client(),
            instance: Rc::new(FleetInstance::new(id, self.interval_ns, own_keys(self.boots))),
            local: Rc::default(),
            spec: Rc::new(spec(ramp)),
            own_state: None,
            history: None,
            is_agent: Rc::new(Cell::new(true)),
            step: None,
            is_stopped: false,
            store_id: 0,
            ahead_s: 3600 * self.boots,
        }
    }

    /// Changes the ramp in the configuration of one Envoy, for all of its workers.
    pub fn configure(&mut self, index: usize, ramp: &Value) {
        let (local, spec) = (Rc::clone(&self.envoys[index].local), Rc::new(spec(ramp)));
        for envoy in self.envoys.iter_mut().filter(|it| Rc::ptr_eq(&it.local, &local)) {
            envoy.spec = Rc::clone(&spec);
            envoy.instance.note_configuration(SpecFingerprint::number(&spec));
        }
    }

    /// The configuration of an Envoy names another store from now on.
    pub fn move_to(&mut self, index: usize, store: &S) {
        let envoy = &mut self.envoys[index];
        (envoy.client, envoy.step) = (store.client(), None);
        envoy.store_id += 1;
    }

    /// A worker learns what the one of its Envoy that talks to the store knows.
    fn share_status(&self, index: usize) {
        let envoy = &self.envoys[index];
        let is_agent = |it: &&Envoy<S>| it.is_agent.get() && Rc::ptr_eq(&it.local, &envoy.local);
        let status = self.envoys.iter().find(is_agent).map(|it| it.instance.status());
        if let Some(in_force) = status.and_then(|it| it.in_force) {
            envoy.instance.note_deciding(in_force.generations.current);
        }
    }

    /// Takes what the workers of an instance have observed.
    pub fn collect(&mut self, index: usize) {
        self.begin_step(index);
        self.poll(index);
        self.give_up(index);
    }

    /// Gives an instance another name, if it can have it now.
    pub fn rename(&mut self, index: usize, id: &InstanceId) -> bool {
        let renamed = self.envoys[index].instance.renamed(id.clone());
        renamed.map(|it| self.envoys[index].instance = Rc::new(it)).is_some()
    }

    /// Begins a step of an instance, unless one is under way. Its own guard runs at once. A worker that does
    /// not talk to the store only hands over what it has left.
    pub fn begin_step(&mut self, index: usize) {
        let now = self.clocks(index);
        let envoy = &mut self.envoys[index];
        let has_work = envoy.is_agent.get() || envoy.instance.has_pending();
        if envoy.step.is_some() || envoy.is_stopped || !has_work {
            return;
        }
        let (instance, local) = (Rc::clone(&envoy.instance), Rc::clone(&envoy.local));
        let (spec, store) = (Rc::clone(&envoy.spec), Rc::clone(&envoy.client));
        let (events, own_state) = (Rc::clone(&self.events), envoy.own_state.clone());
        let history = envoy.history.clone();
        let (is_agent, store_id) = (Rc::clone(&envoy.is_agent), envoy.store_id);
        envoy.step = Some(Box::pin(async move {
            let report = |event: FleetEvent<'_>| events.borrow_mut().push(text(index, &event));
            let fingerprint = SpecFingerprint::number(&spec);
            let context = StepContext {
                spec: &spec,
                fingerprint,
                store_id,
                history: history.as_deref(),
                now,
                may_decide: is_agent.get(),
                is_agent: &|| is_agent.get(),
                own_state: &|| own_state.clone(),
                report: &report,
            };
            if is_agent.get() {
                instance.collect(&*local, &context);
            }
            let _ = instance.step(&*store, &*local, &context).await;
        }));
    }

    /// Polls the step of an instance, if one is under way. Returns whether one is.
    pub fn poll(&mut self, index: usize) -> bool {
        let Some(step) = &mut self.envoys[index].step else { return false };
        if step.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            self.envoys[index].step = None;
        }
        true
    }

    /// Gives up the step of an instance that is under way.
    pub fn give_up(&mut self, index: usize) {
        self.envoys[index].step = None;
    }

    /// Lets all instances tick for so many half seconds, each step until it ends.
    pub fn run(&mut self, half_seconds: u64) {
        for _ in 0..half_seconds {
            self.now_ms += 500;
            for index in 0..self.envoys.len() {
                self.share_status(index);
                self.begin_step(index);
                while self.poll(index) {}
            }
        }
    }

    /// A request of a unit that an instance has assigned by what is in force there, and its response.
    /// Returns whether it was evidence of a step.
    pub fn request(&mut self, index: usize, unit: u64, is_bad: bool) -> bool {
        let Some(Snapshot { epoch, share, previous_share, .. }) = self.snapshot(index) else {
            return false;
        };
        let bucket = unit.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let is_below = |share: Share| (bucket * 10_000) >> 32 < u64::from(share.basis_points());
        let version = if is_below(share) { Version::Green } else { Version::Blue };
        let is_newly_exposed = !is_below(previous_share);
        let is_bad = is_bad && version == Version::Green;
        let observation = observation(unit, epoch, version, is_bad);
        self.observe(index, Observation { is_newly_exposed, ..observation });
        epoch != Epoch::MANUAL
    }

    pub fn observe(&mut self, index: usize, observation: Observation) {
        let at_ns = self.clocks(index).monotonic_ns;
        let mut bytes = Vec::new();
        Observation { at_ns, ..observation }.encode(&mut bytes);
        let local = &self.envoys[index].local;
        poll_once(local.append_observations(&bytes)).unwrap().unwrap();
    }

    /// An operator's command to an instance, with its answer.
    pub fn command(&self, index: usize, kind: CommandKind) -> Result<Transition, CommandError> {
        let envoy = &self.envoys[index];
        let now = self.clocks(index);
        let context = DecisionContext {
            id: envoy.instance.id(),
            spec: &envoy.spec,
            history: envoy.history.as_deref(),
            now,
            fingerprint: SpecFingerprint::number(&envoy.spec),
            idle_ns: 0,
        };
        let command = OperatorCommand::new(kind, "a test", now.unix_ms)?;
        let fleet_ns = |it: &InForce| it.clock_ns;
        let any = ExpectedStep::default();
        let mut applied = pin!(apply_command(&*envoy.client, &context, fleet_ns, &command, any));
        loop {
            let polled = applied.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(result) = polled {
                return result;
            }
        }
    }

    /// What is in force for the workers of an instance.
    pub fn snapshot(&self, index: usize) -> Option<Snapshot> {
        let bytes = self.envoys[index].local.get(Record::Snapshot)?;
        Some(postcard::from_bytes::<PublishedSnapshot>(&bytes).unwrap().snapshot)
    }

    /// Conversations keep their version from now on, and finish on it after a rollback.
    pub fn keep_conversations(&mut self) {
        for envoy in &mut self.envoys {
            let history =
                StoredHistory::new(ShareHistory::default(), u64::MAX, RollbackPolicy::Finish);
            envoy.history = Some(Rc::new(history));
        }
    }

    /// By what an instance assigns a conversation that began then.
    pub fn sticky_share(&self, index: usize, start_ms: u64) -> StickyShare {
        let Envoy { history, local, .. } = &self.envoys[index];
        let history = history.as_ref().unwrap();
        poll_once(history.refresh(&**local));
        history.sticky_share(StartTime::Known(start_ms), self.unix_ms()).unwrap()
    }

    /// The time, in milliseconds since the Unix epoch.
    pub fn unix_ms(&self) -> u64 {
        self.clocks(0).unix_ms
    }

    /// Green's share that each instance assigns by, in basis points.
    pub fn shares(&self) -> Vec<Option<u32>> {
        let share = |index| Some(self.snapshot(index)?.share.basis_points());
        (0..self.envoys.len()).map(share).collect()
    }

    /// The instance that has committed last.
    pub fn decider(&self) -> usize {
        let bytes = self.store.get(&FleetRecord::InForce).expect("nothing is in force");
        let InForce { decider, .. } = verdigris::fleet::format::decode(&bytes).unwrap();
        self.envoys.iter().position(|it| *it.instance.id() == decider).expect("it is gone")
    }

    /// The committed state.
    pub fn state(&self) -> RampState {
        let bytes = self.store.get(&FleetRecord::State).expect("no state is committed");
        let bytes: Vec<u8> = verdigris::fleet::format::decode(&bytes).unwrap();
        postcard::from_bytes(&bytes).unwrap()
    }

    /// What was reported since the last call.
    pub fn events(&self) -> Vec<String> {
        self.events.take()
    }

    fn clocks(&self, index: usize) -> Clocks {
        let ahead_ms = self.envoys[index].ahead_s * 1000;
        Clocks {
            monotonic_ns: (self.now_ms + ahead_ms) * 1_000_000,
            unix_ms: 1_700_000_000_000 + self.now_ms,
        }
    }
}

/// Keys that each boot draws for itself.
pub fn own_keys(boot: u64) -> FleetKeys {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&boot.to_le_bytes());
    FleetKeys { units: key, receipts: key }
}

pub fn observation(unit: u64, epoch: Epoch, version: Version, is_bad: bool) -> Observation {
    Observation {
        at_ns: 0,
        unit: UnitKey::from_bytes(&[7; 16]).unwrap().hash(&unit.to_le_bytes()),
        epoch,
        version,
        is_newly_exposed: true,
        is_assignment: true,
        shadow: None,
        measurements: Measurements::default().with_rate(Metric::ErrorRate, is_bad),
    }
}

/// How many units and how many requests count in a step.
pub fn counts(stats: &StepStats) -> (u64, u64) {
    let requests = stats.gates.iter().map(|gate| match gate {
        GateStats::Rate(stats) => stats.requests.blue + stats.requests.green,
        GateStats::Values(_) => 0,
    });
    (stats.units.blue + stats.units.green, requests.sum())
}

/// How many units count in all steps.
fn units_of(state: &RampState) -> u64 {
    state.evidence.steps.iter().map(|it| it.units.blue + it.units.green).sum()
}

fn text(index: usize, event: &FleetEvent<'_>) -> String {
    match event {
        FleetEvent::Decided(transition) => format!("{index} decided {transition}"),
        FleetEvent::ThresholdLearned { metric, .. } => format!("{index} learned {metric}"),
        FleetEvent::Follows(it) => {
            format!("{index} follows {} {}", it.phase, it.share.basis_points())
        }
        FleetEvent::TookOver(state) => format!("{index} took over with {} units", units_of(state)),
        FleetEvent::Committed(state) => format!("{index} committed {} units", units_of(state)),
        FleetEvent::RolledBackAlone(why) => format!("{index} rolled back alone: {why}"),
        FleetEvent::StoreReplaced(why) => format!("{index} store replaced: {why}"),
        FleetEvent::Unreadable(record, error) => {
            format!("{index} unreadable {}: {error}", record.path())
        }
    }
}
