//! Whether a configuration is active in this VM. [`activate`](super::activate) says when it becomes active.

use std::cell::{Cell, RefCell};

use super::hostcalls;
use crate::rollout::{AwaitedUse, OperatorCommand};

/// Whether a configuration is active in this VM.
#[derive(Debug, Default)]
pub struct Activation {
    is_active: Cell<bool>,
    awaited: Cell<Option<AwaitedUse>>,
    /// The operator command in effect when Envoy configured the filter; only without a ramp.
    command: RefCell<Option<OperatorCommand>>,
}

// === impl Activation ===

impl Activation {
    /// Whether the configuration is active.
    pub fn is_active(&self) -> bool {
        self.is_active.get()
    }

    /// Whether it is not active yet, and nothing shows that another configuration is used instead.
    pub fn is_likely_soon(&self) -> bool {
        let Some(awaited) = self.awaited.get().filter(|_| !self.is_active()) else { return false };
        awaited.is_likely(hostcalls::monotonic_time_ns().unwrap_or_default())
    }

    /// Begins to wait for the configuration's first use. `requests` is the rollout's number of requests
    /// now, and `command` the operator command in effect.
    pub fn wait(&self, requests: u64, command: Option<OperatorCommand>) {
        let now_ns = hostcalls::monotonic_time_ns().unwrap_or_default();
        self.awaited.set(Some(AwaitedUse::new(requests, now_ns)));
        self.command.replace(command);
    }

    /// Called on each tick with the rollout's number of requests. Returns whether the configuration counts
    /// as used.
    pub fn tick(&self, requests: u64) -> bool {
        let Some(mut awaited) = self.awaited.get() else { return false };
        let is_used = awaited.tick(requests);
        self.awaited.set(Some(awaited));
        is_used
    }

    /// Marks the configuration as active. Returns `false` if it was active already.
    pub fn activate(&self) -> bool {
        !self.is_active.replace(true)
    }

    /// The operator command in effect when Envoy configured the filter.
    pub fn take_command(&self) -> Option<OperatorCommand> {
        self.command.take()
    }
}
