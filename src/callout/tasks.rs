//! Futures that the host polls.
//!
//! A host without threads and timers has nothing that could wake a future. It polls all of them in
//! each of its callbacks instead, which are few.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Waker};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The futures that run.
#[derive(Default)]
pub struct Tasks {
    /// Those that are not being polled.
    waiting: RefCell<Vec<Task>>,
    is_polling: Cell<bool>,
    /// Grows with each cancellation.
    cancellations: Cell<u64>,
}

// === impl Tasks ===

impl Tasks {
    /// Adds a future. It begins when the futures are polled next.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.waiting.borrow_mut().push(Box::pin(future));
    }

    /// Polls each future once, also those that are added meanwhile, and drops those that have
    /// completed. A call from within a future does nothing.
    pub fn poll(&self) {
        if self.is_polling.replace(true) {
            return;
        }
        let cancellations = self.cancellations.get();
        let is_cancelled = || self.cancellations.get() != cancellations;
        let mut pending = Vec::new();
        let mut next = self.waiting.take();
        while !next.is_empty() && !is_cancelled() {
            for mut task in next {
                let poll = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                if is_cancelled() {
                    break;
                }
                if poll.is_pending() {
                    pending.push(task);
                }
            }
            next = if is_cancelled() { Vec::new() } else { self.waiting.take() };
        }
        if !is_cancelled() {
            self.waiting.borrow_mut().append(&mut pending);
        }
        // Dropping a future may spawn another.
        drop(pending);
        self.is_polling.set(false);
    }

    /// Drops all futures, which cancels their calls. A future that calls this is dropped when it
    /// returns to the host.
    pub fn cancel_all(&self) {
        self.cancellations.update(|count| count + 1);
        let waiting = self.waiting.take();
        drop(waiting);
    }

    /// Whether no future runs.
    pub fn is_empty(&self) -> bool {
        !self.is_polling.get() && self.waiting.borrow().is_empty()
    }
}
