//! The sampled requests of a rollout in this VM.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::registry::Registry;
use crate::config::{Config, Role};
use crate::judge::JudgeTask;
use crate::rollout::{EndedHalf, PairTicket};
use crate::sampling::{Sample, SampleQueue};

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
    open: Rc<OpenSamples>,
    waiting: RefCell<SampleQueue<JudgeTask>>,
    /// Halves of pairs whose other half has not ended, and the bytes of their texts.
    halves: RefCell<BTreeMap<PairTicket, Rc<Sample>>>,
}

/// The sampled requests that are open.
#[derive(Debug, Default)]
struct OpenSamples {
    count: Cell<usize>,
    /// How many bytes their texts may have.
    bytes: Cell<usize>,
}

/// A place among the sampled requests that are open. Dropping it frees the place.
#[derive(Debug)]
pub struct OpenPlace {
    open: Rc<OpenSamples>,
    bytes: usize,
}

// === impl SharedSamples ===

impl SharedSamples {
    /// The samples of a configuration; `None` if it samples no requests.
    pub fn for_config(config: &Config) -> Option<Rc<Self>> {
        let name = config.rollout.as_str();
        let shared = SAMPLES.with(|samples| samples.get_or_insert(name, Self::default));
        if config.judge.is_none() && config.role != Some(Role::Shadow) {
            // No later judge gets what was meant for another one.
            shared.clear();
        }
        (config.judge.is_some() || config.samples.is_some()).then_some(shared)
    }

    /// Takes a place for a request with texts of up to `max_bytes` bytes each; `None` while too many
    /// are open.
    pub fn open(&self, max_bytes: usize) -> Option<OpenPlace> {
        let bytes = max_bytes.saturating_mul(2);
        let after = self.open.bytes.get().saturating_add(bytes);
        if self.open.count.get() >= MAX_OPEN || after > MAX_BYTES {
            return None;
        }
        self.open.count.update(|count| count + 1);
        self.open.bytes.set(after);
        Some(OpenPlace { open: Rc::clone(&self.open), bytes })
    }

    /// Adds what the judge is to be asked. Returns whether it can wait.
    pub fn add(&self, task: JudgeTask) -> bool {
        let bytes = task.text_bytes();
        self.waiting.borrow_mut().push(task, bytes)
    }

    /// Adds one half of a pair. Returns whether it can wait.
    pub fn add_half(&self, half: EndedHalf, sample: Rc<Sample>) -> bool {
        let EndedHalf { ticket, is_pair_complete } = half;
        let mut halves = self.halves.borrow_mut();
        if !is_pair_complete {
            let has_room = halves.len() < MAX_OPEN
                && halves.values().map(|it| it.text_bytes()).sum::<usize>() < MAX_BYTES;
            if has_room {
                halves.insert(ticket, sample);
            }
            return has_room;
        }
        let Some(other) = halves.remove(&ticket) else { return false };
        drop(halves);
        let (blue, green) = if sample.is_shadow { (other, sample) } else { (sample, other) };
        self.add(JudgeTask::Pair { blue, green })
    }

    /// Drops all that waits for a judge.
    pub fn clear(&self) {
        self.waiting.borrow_mut().clear().for_each(drop);
        self.halves.borrow_mut().clear();
    }

    /// Drops the halves whose other half is not waited for any more.
    pub fn drop_halves(&self, is_joined: impl Fn(PairTicket) -> bool) {
        self.halves.borrow_mut().retain(|ticket, _| is_joined(*ticket));
    }

    /// Takes what the judge is to be asked next.
    pub fn take(&self) -> Option<JudgeTask> {
        self.waiting.borrow_mut().pop()
    }
}

impl Default for SharedSamples {
    fn default() -> Self {
        let waiting = RefCell::new(SampleQueue::new(MAX_WAITING, MAX_BYTES));
        Self { open: Rc::default(), waiting, halves: RefCell::default() }
    }
}

impl Drop for OpenPlace {
    fn drop(&mut self) {
        let Self { open, bytes } = self;
        open.count.update(|count| count.saturating_sub(1));
        open.bytes.update(|open| open.saturating_sub(*bytes));
    }
}
