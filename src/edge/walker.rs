//! Who walks a ramp. Every VM tells what its responses were, and runs on what is in
//! force; one of them, which holds a lease, decides.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

use super::chronicle::Chronicle;
use super::evidence::EvidenceCounters;
use super::generation::{Generation, Newest};
use super::host::{self, Cas, Queue, set_shared, shared};
use super::lease::{self, Claim};
use super::memory::Memory;
use crate::analysis::Observation;
use crate::config::CommandRequest;
use crate::rollout::CommandError;
use crate::rollout::{Clocks, Phase, RampSpec, RampState, Snapshot, Transition};

thread_local! {
    /// The walkers of this VM, by rollout. Like metrics, they outlive a configuration.
    static WALKERS: RefCell<Vec<Rc<Walker>>> = RefCell::default();
}

/// How often the ramp is looked at, in milliseconds.
pub const TICK_MS: u32 = 500;

/// How many observations a VM gathers between two ticks, at most.
const MOST_TOLD: usize = 20_000;

/// How often an order is tried that other VMs come between.
const TRIES: usize = 4;

/// In what form VMs share a ramp: another one whenever what is written changes. Modules of
/// two forms have a ramp each, and neither reads what it would take for something else.
pub const FORMAT: u32 = 6;

/// The key of what is written in that form.
pub fn key_of_format(rollout: &str, what: &str) -> String {
    format!("verdigris.{FORMAT}.{rollout}.{what}")
}

/// The key of what modules of all formats must agree on: who decides.
pub fn key_of_all(rollout: &str, what: &str) -> String {
    format!("verdigris.{rollout}.{what}")
}

/// Writes a decision to Envoy's log.
pub fn say(rollout: &str, entry: &Transition) {
    match entry.to.phase {
        Phase::RolledBack => log::error!("rollout {rollout}: {entry}"),
        Phase::Paused | Phase::Holding => log::warn!("rollout {rollout}: {entry}"),
        Phase::Ramping | Phase::Promoted | Phase::ByHand => {
            log::info!("rollout {rollout}: {entry}");
        }
    }
}

/// A ramp in this VM.
pub struct Walker {
    rollout: String,
    /// This VM, among those that might decide.
    me: u64,
    queue: Option<Queue>,
    in_force: Cell<Snapshot>,
    told: RefCell<Told>,
    deciding: RefCell<Option<Deciding>>,
    newest: Newest,
}

/// What this VM has to tell since the last tick.
struct Told {
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
struct Deciding {
    state: RampState,
    /// What it has written last.
    written: Vec<u8>,
    memory: Memory,
    counters: EvidenceCounters,
}

/// What is in force, with the edition of the state that says so.
type Published = (u64, Snapshot);

/// The time.
pub fn now() -> Option<Clocks> {
    let monotonic = host::monotonic_time().ok()?;
    Some(Clocks { monotonic_ns: monotonic, unix_ms: host::wall_time().ok()? / 1_000_000 })
}

// === impl Walker ===

impl Walker {
    /// The walker of `rollout`, made at the first call in this VM.
    pub fn of(rollout: &str) -> Rc<Self> {
        let make = || {
            let queue = Queue::of(&key_of_format(rollout, "told"));
            let queue = queue.inspect_err(|error| {
                log::error!("the ramp learns nothing of this worker: the host answered {error:?}");
            });
            Rc::new(Self {
                rollout: rollout.to_owned(),
                me: RandomState::new().hash_one(rollout),
                queue: queue.ok(),
                in_force: Cell::new(Snapshot::UNKNOWN),
                told: RefCell::default(),
                deciding: RefCell::default(),
                newest: Newest::of(rollout),
            })
        };
        WALKERS.with_borrow_mut(|walkers| {
            let known = walkers.iter().find(|walker| walker.rollout == rollout);
            known.map(Rc::clone).unwrap_or_else(|| {
                let walker = make();
                walkers.push(Rc::clone(&walker));
                walker
            })
        })
    }

    /// What is in force, as this VM knows it.
    pub fn in_force(&self) -> Snapshot {
        self.in_force.get()
    }

    /// Which configuration is the newest.
    pub fn newest(&self) -> &Newest {
        &self.newest
    }

    /// Notes that a unit was assigned. So units count when they are assigned, however late
    /// their answers end.
    pub fn assign(&self, observation: Observation) -> Option<Ticket> {
        self.told.try_borrow_mut().ok()?.add(observation)
    }

    /// Notes what the response of an assignment was like: in its place, unless a tick has
    /// told the assignment already.
    pub fn answer(&self, ticket: Option<Ticket>, observation: Observation) {
        let Ok(mut told) = self.told.try_borrow_mut() else { return };
        match ticket.and_then(|ticket| told.find(ticket)) {
            Some(place) => *place = observation,
            None => drop(told.add(Observation { is_assignment: false, ..observation })),
        }
    }

    /// Notes what was told of a response later.
    pub fn note(&self, observation: Observation) {
        if let Ok(mut told) = self.told.try_borrow_mut() {
            told.add(observation);
        }
    }

    /// A configuration begins in this VM: it is the newest.
    pub fn begin(&self, generation: Generation) {
        self.newest.begin(generation);
        self.learn();
    }

    /// Learns what is in force.
    fn learn(&self) {
        if let (Some((_, in_force)), _) = self.published() {
            self.in_force.set(in_force);
        }
    }

    /// Tells what this VM's responses were; decides, if that falls to this VM; and learns
    /// what is in force. `used` grows with each stream of the configuration.
    pub fn tick(
        &self,
        settings: &RampSpec,
        chronicle: Option<&Chronicle>,
        generation: Generation,
        used: u64,
    ) {
        self.tell();
        if let Some(now) = now() {
            let claim = if self.newest.is(generation, used) { Claim::Own } else { Claim::Spare };
            self.decide_if_it_falls_here(settings, chronicle, claim, now);
        }
        self.learn();
    }

    fn decide_if_it_falls_here(
        &self,
        settings: &RampSpec,
        chronicle: Option<&Chronicle>,
        claim: Claim,
        now: Clocks,
    ) {
        let Ok(mut deciding) = self.deciding.try_borrow_mut() else { return };
        if lease::hold(&key_of_all(&self.rollout, "lease"), self.me, now.monotonic_ns, claim) {
            *deciding = self.decide(deciding.take(), settings, chronicle, now);
        } else {
            *deciding = None;
        }
    }

    /// Nothing in this VM walks the ramp any more: tells what is not told yet, and gives
    /// back what was at hand to decide by.
    pub fn rest(&self) {
        self.tell();
        if let Ok(mut deciding) = self.deciding.try_borrow_mut() {
            *deciding = None;
        }
    }

    fn tell(&self) {
        let Ok(mut told) = self.told.try_borrow_mut() else { return };
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
    fn decide(
        &self,
        had: Option<Deciding>,
        settings: &RampSpec,
        chronicle: Option<&Chronicle>,
        now: Clocks,
    ) -> Option<Deciding> {
        let key = self.key_of_state();
        let found = shared(&key);
        let cas = found.as_ref().map_or(Cas::ANY, |(_, cas)| *cas);
        let is_ours = |had: &Deciding| found.as_ref().is_some_and(|(it, _)| **it == *had.written);
        let mut deciding = match had.filter(is_ours) {
            Some(had) => had,
            None => self.take_over(found.as_ref().map(|(it, _)| &**it), settings, now),
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
        let entries = deciding.state.reconcile(settings, now, &observations);
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
        entries.iter().for_each(|entry| say(&self.rollout, entry));
        deciding.counters.count(&settings.analysis, &deciding.state.evidence);
        self.publish(settings, chronicle, &deciding.state);
        Some(deciding)
    }

    /// Has all know what is in force, unless they know of a later state's.
    fn publish(&self, settings: &RampSpec, chronicle: Option<&Chronicle>, state: &RampState) {
        let in_force = state.snapshot(settings);
        let Ok(text) = postcard::to_allocvec(&(state.revision, in_force)) else { return };
        for _ in 0..TRIES {
            let (known, cas) = self.published();
            if known.is_some_and(|(edition, _)| edition > state.revision) {
                return;
            }
            // A VM that does not learn of it now does at the next tick.
            if set_shared(&self.key_of_in_force(), &text, cas).is_ok() {
                break;
            }
        }
        if let Some(chronicle) = chronicle {
            chronicle.follow_ramp(in_force);
        }
    }

    /// What all VMs know of the ramp; `None` before one has decided.
    pub fn state(&self) -> Option<RampState> {
        let (text, _) = shared(&self.key_of_state())?;
        postcard::from_bytes(&text).ok()
    }

    /// Does as ordered; what that has decided. Whichever VM decides goes on with what it then
    /// finds.
    pub fn order(
        &self,
        settings: &RampSpec,
        chronicle: Option<&Chronicle>,
        ordered: &CommandRequest,
    ) -> Result<Transition, CommandError> {
        let now = now().ok_or(CommandError::StoreUnavailable)?;
        for _ in 0..TRIES {
            let (text, cas) = shared(&self.key_of_state()).ok_or(CommandError::StoreUnavailable)?;
            let mut state: RampState =
                postcard::from_bytes(&text).map_err(|_| CommandError::StoreUnavailable)?;
            let is_other = |step: u64| u64::from(state.step) != step;
            if ordered.step.is_some_and(is_other) {
                return Err(CommandError::StepChanged);
            }
            let entry = state.apply(settings, ordered.command.clone(), now)?;
            let text = postcard::to_allocvec(&state).map_err(|_| CommandError::StoreUnavailable)?;
            if set_shared(&self.key_of_state(), &text, cas).is_ok() {
                say(&self.rollout, &entry);
                self.publish(settings, chronicle, &state);
                self.learn();
                return Ok(entry);
            }
        }
        Err(CommandError::StoreUnavailable)
    }

    fn published(&self) -> (Option<Published>, Cas) {
        match shared(&self.key_of_in_force()) {
            Some((text, cas)) => (postcard::from_bytes(&text).ok(), cas),
            None => (None, Cas::ANY),
        }
    }

    fn key_of_in_force(&self) -> String {
        key_of_format(&self.rollout, "in_force")
    }

    fn key_of_state(&self) -> String {
        key_of_format(&self.rollout, "state")
    }

    fn take_over(&self, text: Option<&[u8]>, settings: &RampSpec, now: Clocks) -> Deciding {
        let known = text.and_then(|text| {
            let state = postcard::from_bytes::<RampState>(text);
            let tell = |error: &_| log::error!("the ramp's state is not understood: {error}");
            state.inspect_err(tell).ok()
        });
        let mut state = known.unwrap_or_else(|| {
            let state = RampState::new(settings, now);
            state.log.iter().for_each(|entry| say(&self.rollout, entry));
            state
        });
        let memory = Memory::load(&self.rollout, settings, &mut state);
        let counters = EvidenceCounters::new(&self.rollout, &state.evidence, &settings.analysis);
        Deciding { state, written: Vec::new(), memory, counters }
    }

    fn write(&self, key: &str, deciding: &mut Deciding, cas: Cas) -> bool {
        let Ok(text) = postcard::to_allocvec(&deciding.state) else { return false };
        let is_written = set_shared(key, &text, cas).is_ok();
        deciding.written = text;
        is_written
    }
}

// === impl Told ===

impl Default for Told {
    fn default() -> Self {
        Self { observations: Vec::new(), end: u64::MAX, generation: 0 }
    }
}

impl Told {
    fn add(&mut self, observation: Observation) -> Option<Ticket> {
        if observation.unit >= self.end {
            return None;
        }
        self.observations.push(observation);
        if self.observations.len() > MOST_TOLD {
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
