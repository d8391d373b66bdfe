//! The responses of one worker that have not ended yet.
//!
//! A response that is open at the objective is slow already, whenever it ends. So each tick reports
//! the open responses that have passed it, and a version that hangs is found at the objective, not
//! when its streams are cut.
//!
//! There is one objective, and responses are added when they begin, so a queue in the order of
//! their beginning is enough: those that have passed the objective are its first ones.

use std::collections::VecDeque;
use std::time::Duration;

use crate::analysis::{Measurements, Observation};
use crate::assignment::{Exposure, Version};

/// The responses of one worker that have not ended yet.
#[derive(Clone, Debug, Default)]
pub struct OpenResponses {
    /// The responses in the order of their beginning; `None` for one that has ended.
    queue: VecDeque<Option<OpenResponse>>,
    /// The ticket of the first one in the queue.
    first: u64,
}

/// Identifies an open response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenTicket(u64);

/// A response that is open.
#[derive(Clone, Copy, Debug)]
pub struct OpenResponse {
    /// When the client ended its request, accurate to one tick, in nanoseconds of the monotonic clock.
    pub began_ns: u64,
    /// The version that it was assigned to.
    pub version: Version,
    /// The exposure by its assignment.
    pub exposure: Exposure,
}

/// How many responses are remembered, ended ones between open ones included. Above it, new ones
/// count when they end: which ones these are does not depend on their version.
pub const MAX_OPEN_RESPONSES: usize = 50_000;

/// How many responses an empty queue has room for at most.
const IDLE_RESPONSES: usize = 1024;

// === impl OpenResponses ===

impl OpenResponses {
    /// Adds a response that begins. `None` if there are too many.
    pub fn add(&mut self, response: OpenResponse) -> Option<OpenTicket> {
        if self.queue.len() >= MAX_OPEN_RESPONSES {
            return None;
        }
        let ticket = self.first + self.queue.len() as u64;
        self.queue.push_back(Some(response));
        Some(OpenTicket(ticket))
    }

    /// Removes a response. Returns whether it was reported before. Call it once for each ticket.
    pub fn remove(&mut self, ticket: OpenTicket) -> bool {
        let Some(at) = ticket.0.checked_sub(self.first) else { return true };
        let slot = usize::try_from(at).ok().and_then(|at| self.queue.get_mut(at));
        slot.and_then(Option::take);
        while let Some(None) = self.queue.front() {
            self.drop_first();
        }
        false
    }

    /// Removes the responses that are open for longer than the objective, and returns an
    /// observation of each: it is slow.
    pub fn take_slow(
        &mut self,
        now_ns: u64,
        objective: Duration,
    ) -> impl Iterator<Item = Observation> {
        let is_slow = move |it: &OpenResponse| {
            u128::from(now_ns.saturating_sub(it.began_ns)) > objective.as_nanos()
        };
        std::iter::from_fn(move || {
            while let Some(first) = self.queue.front() {
                let response = *first;
                if response.as_ref().is_some_and(|it| !is_slow(it)) {
                    return None;
                }
                self.drop_first();
                if let Some(response) = response {
                    return Some(response.slow_observation(now_ns));
                }
            }
            None
        })
    }

    /// The number of responses that are remembered.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether no response is remembered.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many responses it has room for without another allocation.
    pub fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    fn drop_first(&mut self) {
        if self.queue.pop_front().is_some() {
            self.first += 1;
        }
        if self.queue.is_empty() {
            // A peak's memory is for others to use.
            self.queue.shrink_to(IDLE_RESPONSES);
        }
    }
}

// === impl OpenResponse ===

impl OpenResponse {
    fn slow_observation(self, now_ns: u64) -> Observation {
        let Exposure { unit, epoch, is_newly_exposed } = self.exposure;
        Observation {
            at_ns: now_ns,
            unit,
            epoch,
            version: self.version,
            is_newly_exposed,
            is_assignment: false,
            shadow: None,
            measurements: Measurements::of_slow_response(),
        }
    }
}
