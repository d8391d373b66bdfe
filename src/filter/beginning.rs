//! Whether a configuration has come into force in this VM. [`begin`](super::begin) says when it does.

use std::cell::{Cell, RefCell};

use super::hostcalls;
use crate::rollout::{AwaitedUse, OperatorCommand};

/// Whether a configuration has begun in this VM.
#[derive(Debug, Default)]
pub struct Beginning {
    has_begun: Cell<bool>,
    awaited: Cell<Option<AwaitedUse>>,
    /// The command that was in effect when the configuration came, where there is no ramp.
    command: RefCell<Option<OperatorCommand>>,
}

// === impl Beginning ===

impl Beginning {
    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.has_begun.get()
    }

    /// Whether it has not begun, and nothing shows that another configuration is used in its place.
    pub fn is_likely_soon(&self) -> bool {
        let Some(awaited) = self.awaited.get().filter(|_| !self.has_begun()) else { return false };
        awaited.is_likely(hostcalls::monotonic_time_ns().unwrap_or_default())
    }

    /// Waits until the configuration is used. It has come when the rollout had this many requests, and
    /// when this command was in effect.
    pub fn wait(&self, requests: u64, command: Option<OperatorCommand>) {
        let now_ns = hostcalls::monotonic_time_ns().unwrap_or_default();
        self.awaited.set(Some(AwaitedUse::new(requests, now_ns)));
        self.command.replace(command);
    }

    /// Half a second has passed, and the rollout has this many requests. Returns whether the
    /// configuration counts as used.
    pub fn tick(&self, requests: u64) -> bool {
        let Some(mut awaited) = self.awaited.get() else { return false };
        let is_used = awaited.tick(requests);
        self.awaited.set(Some(awaited));
        is_used
    }

    /// It begins. Returns whether it had not begun.
    pub fn begin(&self) -> bool {
        !self.has_begun.replace(true)
    }

    /// The command that was in effect when the configuration came.
    pub fn take_command(&self) -> Option<OperatorCommand> {
        self.command.take()
    }
}
