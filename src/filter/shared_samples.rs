//! The sampled requests of a rollout in this VM.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::permits::{Permit, Semaphore};
use super::registry::Registry;
use super::removed_section::RemovedSection;
use crate::config::Config;
use crate::judge::JudgeTask;
use crate::rollout::{EndedHalf, PairTicket};
use crate::sampling::{Sample, SampleQueue, Unjudged};
use crate::stats::names::StatScope;

thread_local! {
    /// The release's listener and the shadow's may have configurations of their own.
    static SAMPLES: Registry<SharedSamples> = const { Registry::new() };
}

/// How many bytes of texts the open requests of a rollout have at most, and how many wait to be sent.
const MAX_BYTES: usize = 16 << 20;

/// How many samples wait to be sent at most.
const MAX_WAITING: usize = 1_000;

/// How many sampled requests are open at most.
const MAX_OPEN: usize = 512;

/// The sampled requests of a rollout in this VM.
#[derive(Debug)]
pub struct SharedSamples {
    /// Permits for requests that are open.
    open: Semaphore,
    /// How many bytes the texts of open requests may have.
    open_bytes: Semaphore,
    waiting: RefCell<SampleQueue<JudgeTask>>,
    /// Halves of pairs whose other half has not ended, and the bytes of their texts.
    halves: RefCell<BTreeMap<PairTicket, Rc<Sample>>>,
    judge: RemovedSection,
}

/// The permits of a sampled request that is open.
#[derive(Debug)]
pub struct OpenPermits {
    _request: Permit,
    _bytes: Permit,
}

// === impl SharedSamples ===

impl SharedSamples {
    /// The samples of a configuration; `None` if it samples no requests.
    pub fn for_config(config: &Config) -> Option<Rc<Self>> {
        let samples = config.judge.is_some() || config.samples.is_some();
        samples.then(|| Self::for_rollout(config.rollout.as_str()))
    }

    /// Called when a configuration becomes active. If it has no judge, drops the questions that wait for one,
    /// and calls `on_drop` for each; those of responses that end under an older configuration cannot wait.
    /// They must not go to a later judge.
    pub fn begin(config: &Config, on_drop: impl FnMut(StatScope)) {
        let samples = Self::for_rollout(config.rollout.as_str());
        if samples.judge.note_configuration(config, config.judge.is_some()) {
            samples.clear(on_drop);
        }
    }

    /// No configuration of the rollout is left. Drops what waits, and calls `on_drop` as
    /// [`clear`](Self::clear) does.
    pub fn end(config: &Config, on_drop: impl FnMut(StatScope)) {
        Self::for_rollout(config.rollout.as_str()).clear(on_drop);
    }

    /// A configuration with a judge is in force.
    pub fn resume(&self) {
        self.judge.resume();
    }

    /// Whether the configuration in force has no judge.
    pub fn is_judge_removed(&self) -> bool {
        self.judge.is_removed()
    }

    fn for_rollout(rollout: &str) -> Rc<Self> {
        SAMPLES.with(|samples| samples.get_or_insert(rollout, Self::default))
    }

    /// Takes permits for a request with texts of up to `max_bytes` bytes each; `None` while too many
    /// are open.
    pub fn open(&self, max_bytes: usize) -> Option<OpenPermits> {
        let request = self.open.acquire(1, MAX_OPEN)?;
        let bytes = self.open_bytes.acquire(max_bytes.saturating_mul(2), MAX_BYTES)?;
        Some(OpenPermits { _request: request, _bytes: bytes })
    }

    /// Adds a question for the judge. Returns whether one can wait. `on_unjudged` is called with the scope
    /// of each question that the judge does not get: those that are dropped for this one, and this one
    /// if it cannot be judged. It would take a place of those that can.
    pub fn add(&self, task: JudgeTask, mut on_unjudged: impl FnMut(StatScope, Unjudged)) -> bool {
        if self.judge.is_removed() {
            return false;
        }
        if let Some(why) = task.unjudged() {
            on_unjudged(scope_of(&task), why);
            return true;
        }
        let bytes = task.text_bytes();
        let dropped = self.waiting.borrow_mut().push(task, bytes);
        dropped.iter().for_each(|task| on_unjudged(scope_of(task), Unjudged::Dropped));
        true
    }

    /// Adds one half of a pair. Returns whether it can wait. `on_unjudged` is called as in
    /// [`add`](Self::add).
    pub fn add_half(
        &self,
        half: EndedHalf,
        sample: Rc<Sample>,
        on_unjudged: impl FnMut(StatScope, Unjudged),
    ) -> bool {
        let EndedHalf { ticket, is_pair_complete } = half;
        let mut halves = self.halves.borrow_mut();
        if !is_pair_complete {
            let has_room = !self.judge.is_removed()
                && halves.len() < MAX_OPEN
                && halves.values().map(|it| it.text_bytes()).sum::<usize>() < MAX_BYTES;
            if has_room {
                halves.insert(ticket, sample);
            }
            return has_room;
        }
        let Some(other) = halves.remove(&ticket) else { return false };
        drop(halves);
        let (blue, green) = if sample.is_shadow { (other, sample) } else { (sample, other) };
        self.add(JudgeTask::Pair { blue, green }, on_unjudged)
    }

    /// Drops all that waits for a judge. Calls `on_drop` with the scope of each question, and of each
    /// half of one.
    pub fn clear(&self, mut on_drop: impl FnMut(StatScope)) {
        self.waiting.borrow_mut().clear().for_each(|task| on_drop(scope_of(&task)));
        let halves = std::mem::take(&mut *self.halves.borrow_mut());
        halves.into_iter().for_each(|_| on_drop(StatScope::Shadow));
    }

    /// Drops the halves whose other half is not waited for any more. Returns how many.
    pub fn drop_halves(&self, is_joined: impl Fn(PairTicket) -> bool) -> u64 {
        let mut halves = self.halves.borrow_mut();
        let before = halves.len();
        halves.retain(|ticket, _| is_joined(*ticket));
        before.saturating_sub(halves.len()) as u64
    }

    /// Takes the newest question for the judge.
    pub fn take(&self) -> Option<JudgeTask> {
        self.waiting.borrow_mut().pop()
    }
}

/// Whose counters count a question.
fn scope_of(task: &JudgeTask) -> StatScope {
    match task {
        JudgeTask::Score(sample) => StatScope::Of(sample.version),
        JudgeTask::Pair { .. } => StatScope::Shadow,
    }
}

impl Default for SharedSamples {
    fn default() -> Self {
        let waiting = RefCell::new(SampleQueue::new(MAX_WAITING, MAX_BYTES));
        Self {
            open: Semaphore::default(),
            open_bytes: Semaphore::default(),
            waiting,
            halves: RefCell::default(),
            judge: RemovedSection::default(),
        }
    }
}
