//! The sampled requests of a rollout in this VM.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::registry::Registry;
use crate::config::Config;
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
    open: Rc<Cell<usize>>,
    waiting: RefCell<SampleQueue<Rc<Sample>>>,
}

/// A place among the sampled requests that are open. Dropping it frees the place.
#[derive(Debug)]
pub struct OpenPlace(Rc<Cell<usize>>);

// === impl SharedSamples ===

impl SharedSamples {
    /// The samples of a configuration; `None` if it samples no requests.
    pub fn for_config(config: &Config) -> Option<Rc<Self>> {
        config.judge.as_ref()?;
        let name = config.rollout.as_str();
        Some(SAMPLES.with(|samples| samples.get_or_insert(name, Self::default)))
    }

    /// Takes a place for a request with texts of up to `max_bytes` bytes each; `None` while too many
    /// are open.
    pub fn open(&self, max_bytes: usize) -> Option<OpenPlace> {
        let most = (MAX_BYTES / max_bytes.saturating_mul(2).max(1)).clamp(1, MAX_OPEN);
        if self.open.get() >= most {
            return None;
        }
        self.open.update(|count| count + 1);
        Some(OpenPlace(Rc::clone(&self.open)))
    }

    /// Adds a sample whose response has ended. Returns whether it can wait.
    pub fn add(&self, sample: Sample) -> bool {
        let bytes = sample.text_bytes();
        self.waiting.borrow_mut().push(Rc::new(sample), bytes)
    }

    /// Takes the oldest sample that waits.
    pub fn take(&self) -> Option<Rc<Sample>> {
        self.waiting.borrow_mut().pop()
    }
}

impl Default for SharedSamples {
    fn default() -> Self {
        let waiting = RefCell::new(SampleQueue::new(MAX_WAITING, MAX_BYTES));
        Self { open: Rc::default(), waiting }
    }
}

impl Drop for OpenPlace {
    fn drop(&mut self) {
        self.0.update(|count| count.saturating_sub(1));
    }
}
