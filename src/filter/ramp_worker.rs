//! Who walks a ramp. Every VM tells what its responses were, and runs on what is in
//! force; one of them, which holds a lease, decides.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

use super::evidence_counters::EvidenceCounters;
use super::hostcalls::{self, CasToken, SharedQueue, get_shared_data, set_shared_data};
use super::registry::Registry;
use super::store::config_revision::{ConfigRevision, RevisionTracker};
use super::store::history::HistoryStore;
use super::store::keys::{unversioned, versioned};
use super::store::lease::{self, Candidate};
use super::store::seen_units::SeenUnitsStore;
use super::store::shared_cell::{SharedCell, Update};
use crate::analysis::Observation;
use crate::config::CommandRequest;
use crate::rollout::{Clocks, CommandError, Phase, RampSpec, RampState, Snapshot, Transition};

thread_local! {
    static WORKERS: Registry<RampWorker> = const { Registry::new() };
}

/// How often a ramp is reconciled, in milliseconds.
pub const TICK_MS: u32 = 500;

/// How many observations a VM buffers between two ticks, at most.
const MAX_OBSERVATIONS: usize = 20_000;

/// Writes a transition to Envoy's log.
pub fn log_transition(rollout: &str, transition: &Transition) {
    match transition.to.0 {
        Phase::RolledBack => log::error!("rollout {rollout}: {transition}"),
        Phase::Paused | Phase::Holding => log::warn!("rollout {rollout}: {transition}"),
        Phase::Ramping | Phase::Promoted | Phase::ByHand => {
            log::info!("rollout {rollout}: {transition}");
        }
    }
}

/// A ramp in this VM.
pub struct RampWorker {
    rollout: String,
    /// This VM among the candidates for the lease.
    vm_id: u64,
    queue: Option<SharedQueue>,
    state: SharedCell<RampState>,
    published: SharedCell<Published>,
    snapshot: Cell<Snapshot>,
    buffer: RefCell<ObservationBuffer>,
    leader: RefCell<Option<LeaderState>>,
    revisions: RevisionTracker,
}

/// What this VM has to tell since the last tick.
struct ObservationBuffer {
    observations: Vec<Observation>,
    /// Units from this hash on are left out for want of room; which ones does not
    /// depend on their version.
    end: u64,
    /// Grows when observations change their place.
    generation: u64,
}

/// Where an assignment is told, until the next tick.
#[derive(Clone, Copy)]
pub struct Ticket {
    generation: u64,
    at: usize,
}

/// What the VM that decides has at hand.
struct LeaderState {
    state: RampState,
    /// What it has written last.
    written: Vec<u8>,
    memory: SeenUnitsStore,
    counters: EvidenceCounters,
}

/// A snapshot, with the revision of the state that it is of.
type Published = (u64, Snapshot);

/// The time.
pub fn clocks() -> Option<Clocks> {
    let monotonic = hostcalls::monotonic_time_ns().ok()?;
    Some(Clocks {
        monotonic_ns: monotonic,
        unix_s: hostcalls::wall_time_ns().ok()? / 1_000_000_000,
    })
}

// === impl Walker ===

impl RampWorker {
    /// The worker of `rollout`, made at the first call in this VM.
    pub fn for_rollout(rollout: &str) -> Rc<Self> {
        WORKERS.with(|workers| workers.get_or_insert(rollout, || Self::new(rollout)))
    }

    fn new(rollout: &str) -> Self {
        let queue = SharedQueue::open(&versioned(rollout, "told"));
        let queue = queue.inspect_err(|error| {
            log::error!("the ramp learns nothing of this worker: the host answered {error:?}");
        });
        Self {
            rollout: rollout.to_owned(),
            vm_id: RandomState::new().hash_one(rollout),
            queue: queue.ok(),
            state: SharedCell::new(versioned(rollout, "state")),
            published: SharedCell::new(versioned(rollout, "in_force")),
            snapshot: Cell::new(Snapshot::UNKNOWN),
            buffer: RefCell::default(),
            leader: RefCell::default(),
            revisions: RevisionTracker::new(rollout),
        }
    }

    /// What is in force, as this VM knows it.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.get()
    }

    /// Which configuration is the newest.
    pub fn revisions(&self) -> &RevisionTracker {
        &self.revisions
    }

    /// Notes that a unit was assigned. So units count when they are assigned, however late
    /// their answers end.
    pub fn record_assignment(&self, observation: Observation) -> Option<Ticket> {
        self.buffer.try_borrow_mut().ok()?.add(observation)
    }

    /// Notes what the response of an assignment was like: in its place, unless a tick has
    /// told the assignment already.
    pub fn record_response(&self, ticket: Option<Ticket>, observation: Observation) {
        let Ok(mut told) = self.buffer.try_borrow_mut() else { return };
        match ticket.and_then(|ticket| told.find(ticket)) {
            Some(place) => *place = observation,
            None => drop(told.add(Observation { is_assignment: false, ..observation })),
        }
    }

    /// Notes what was told of a response later.
    pub fn record_feedback(&self, observation: Observation) {
        if let Ok(mut told) = self.buffer.try_borrow_mut() {
            told.add(observation);
        }
    }

    /// A configuration begins in this VM: it is the newest.
    pub fn on_configure(&self, generation: ConfigRevision) {
        self.revisions.on_configure(generation);
        self.refresh();
    }

    /// Reads the published snapshot.
    fn refresh(&self) {
        if let Some((_, snapshot)) = self.published.get() {
            self.snapshot.set(snapshot);
        }
    }

    /// Tells what this VM's responses were; decides, if that falls to this VM; and learns
    /// what is in force. `used` grows with each stream of the configuration.
    pub fn tick(
        &self,
        settings: &RampSpec,
        chronicle: Option<&HistoryStore>,
        generation: ConfigRevision,
        used: u64,
    ) {
        self.flush();
        if let Some(now) = clocks() {
            let claim = if self.revisions.check(generation, used) {
                Candidate::Current
            } else {
                Candidate::Outdated
            };
            self.reconcile_if_leader(settings, chronicle, claim, now);
        }
        self.refresh();
    }

    fn reconcile_if_leader(
        &self,
        settings: &RampSpec,
        chronicle: Option<&HistoryStore>,
        claim: Candidate,
        now: Clocks,
    ) {
        let Ok(mut deciding) = self.leader.try_borrow_mut() else { return };
        if lease::try_acquire(
            &unversioned(&self.rollout, "lease"),
            self.vm_id,
            now.monotonic_ns,
            claim,
        ) {
            *deciding = self.reconcile(deciding.take(), settings, chronicle, now);
        } else {
            *deciding = None;
        }
    }

    /// Nothing in this VM walks the ramp any more: tells what is not told yet, and gives
    /// back what was at hand to decide by.
    pub fn stop(&self) {
        self.flush();
        if let Ok(mut deciding) = self.leader.try_borrow_mut() {
            *deciding = None;
        }
    }

    fn flush(&self) {
        let Ok(mut told) = self.buffer.try_borrow_mut() else { return };
        let Some(queue) = self.queue.filter(|_| !told.observations.is_empty()) else { return };
        let mut bytes = Vec::with_capacity(told.observations.len() * Observation::ENCODED_BYTES);
        told.observations.iter().for_each(|observation| observation.encode(&mut bytes));
        // What the host does not take now is told with the next tick.
        if queue.push(&bytes).is_ok() {
            told.clear();
        }
    }

    /// One look at the ramp. What is at hand for the next one; nothing if another VM has
    /// come between.
    fn reconcile(
        &self,
        had: Option<LeaderState>,
        settings: &RampSpec,
        chronicle: Option<&HistoryStore>,
        now: Clocks,
    ) -> Option<LeaderState> {
        let key = versioned(&self.rollout, "state");
        let found = get_shared_data(&key);
        let cas = found.as_ref().map_or(CasToken::ANY, |(_, cas)| *cas);
        let is_ours =
            |had: &LeaderState| found.as_ref().is_some_and(|(it, _)| **it == *had.written);
        let mut deciding = match had.filter(is_ours) {
            Some(had) => had,
            None => self.load_or_init(found.as_ref().map(|(it, _)| &**it), settings, now),
        };
        drop(found);
        let told: Vec<_> = std::iter::from_fn(|| self.queue?.pop().map(|it| it.to_vec())).collect();
        let mut observations = Vec::new();
        for mut rest in told.iter().map(Vec::as_slice) {
            while let Some((observation, after)) = Observation::decode(rest) {
                observations.push(observation);
                rest = after;
            }
        }
        let entries = deciding.state.reconcile(settings, now, &mut observations);
        deciding.memory.append(&mut deciding.state);
        if !self.write(&key, &mut deciding, cas) {
            // Another VM has decided meanwhile, or obeyed an order: whichever is next to
            // decide goes on with what was told.
            for bytes in &told {
                let _ = self.queue.map(|queue| queue.push(bytes));
            }
            return None;
        }
        deciding.memory.write(&deciding.state);
        entries.iter().for_each(|entry| log_transition(&self.rollout, entry));
        deciding.counters.count(&settings.analysis, &deciding.state.evidence);
        self.publish(settings, chronicle, &deciding.state);
        Some(deciding)
    }

    /// Publishes the snapshot unless a newer one is already published.
    fn publish(&self, spec: &RampSpec, history: Option<&HistoryStore>, state: &RampState) {
        let snapshot = state.snapshot(spec);
        // A VM that the host does not let know of it now reads it after the next tick.
        let is_newest = self.published.update(|found| match found {
            Some((revision, _)) if revision > state.revision => Update::Keep(false),
            _ => Update::Write((state.revision, snapshot), true),
        });
        if let Some(history) = history.filter(|_| is_newest != Some(false)) {
            history.record_snapshot(snapshot);
        }
    }

    /// What all VMs know of the ramp; `None` before the first reconcile.
    pub fn state(&self) -> Option<RampState> {
        self.state.get()
    }

    /// Applies an operator's command and returns the transition. The leader goes on with the state that
    /// it then finds.
    ///
    /// # Errors
    /// The command is not valid in this phase, is meant for another step, or shared data is not
    /// available.
    pub fn apply(
        &self,
        spec: &RampSpec,
        history: Option<&HistoryStore>,
        request: &CommandRequest,
    ) -> Result<Transition, CommandError> {
        let now = clocks().ok_or(CommandError::STORE_UNAVAILABLE)?;
        let applied = self.state.update(|found| {
            let Some(mut state) = found else {
                return Update::Keep(Err(CommandError::STORE_UNAVAILABLE));
            };
            let is_other = |step: u64| u64::try_from(state.step) != Ok(step);
            if request.step.is_some_and(is_other) {
                return Update::Keep(Err(CommandError::STEP_CHANGED));
            }
            match state.apply(spec, request.command.clone(), now) {
                Ok(transition) => Update::Write(state.clone(), Ok((transition, state))),
                Err(error) => Update::Keep(Err(error)),
            }
        });
        let (transition, state) = applied.ok_or(CommandError::STORE_UNAVAILABLE)??;
        log_transition(&self.rollout, &transition);
        self.publish(spec, history, &state);
        self.refresh();
        Ok(transition)
    }

    fn load_or_init(&self, text: Option<&[u8]>, settings: &RampSpec, now: Clocks) -> LeaderState {
        let known = text.and_then(|text| {
            let state = postcard::from_bytes::<RampState>(text);
            let tell = |error: &_| log::error!("the ramp's state is not understood: {error}");
            state.inspect_err(tell).ok()
        });
        let mut state = known.unwrap_or_else(|| {
            let state = RampState::new(settings, now);
            state.log.iter().for_each(|entry| log_transition(&self.rollout, entry));
            state
        });
        let memory = SeenUnitsStore::load(&self.rollout, settings, &mut state);
        let counters = EvidenceCounters::new(&self.rollout, &state.evidence, &settings.analysis);
        LeaderState { state, written: Vec::new(), memory, counters }
    }

    fn write(&self, key: &str, deciding: &mut LeaderState, cas: CasToken) -> bool {
        let Ok(text) = postcard::to_allocvec(&deciding.state) else { return false };
        let is_written = set_shared_data(key, &text, cas).is_ok();
        deciding.written = text;
        is_written
    }
}

// === impl Told ===

impl Default for ObservationBuffer {
    fn default() -> Self {
        Self { observations: Vec::new(), end: u64::MAX, generation: 0 }
    }
}

impl ObservationBuffer {
    fn add(&mut self, observation: Observation) -> Option<Ticket> {
        if observation.unit >= self.end {
            return None;
        }
        self.observations.push(observation);
        if self.observations.len() > MAX_OBSERVATIONS {
            self.end /= 2;
            self.observations.retain(|it| it.unit < self.end);
            self.generation += 1;
            return None;
        }
        Some(Ticket { generation: self.generation, at: self.observations.len() - 1 })
    }

    fn find(&mut self, ticket: Ticket) -> Option<&mut Observation> {
        if ticket.generation != self.generation {
            return None;
        }
        self.observations.get_mut(ticket.at)
    }

    fn clear(&mut self) {
        *self = Self { generation: self.generation + 1, ..Self::default() };
    }
}
