//! The observations that a worker has not sent to the leader yet.

use crate::analysis::Observation;

/// The observations that a worker has not sent to the leader yet.
#[derive(Clone, Debug)]
pub struct ObservationBuffer {
    observations: Vec<Observation>,
    /// Units from this hash on are dropped, because the buffer was full.
    end: u64,
    /// Grows when observations change their index, which invalidates tickets.
    generation: u64,
    /// How many of the first observations are being sent.
    sending: usize,
    /// How many observations it keeps.
    max: usize,
}

/// Where the observation of an assignment is, until it is sent, or the buffer is thinned.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    generation: u64,
    index: usize,
}

/// How many observations a worker keeps between two ticks, unless it is given another number.
pub const MAX_OBSERVATIONS: usize = 20_000;

/// How many observations an empty buffer has room for at most.
const IDLE_OBSERVATIONS: usize = 1024;

// === impl ObservationBuffer ===

impl Default for ObservationBuffer {
    fn default() -> Self {
        Self::with_max(MAX_OBSERVATIONS)
    }
}

impl ObservationBuffer {
    /// An empty buffer that keeps so many observations.
    pub fn with_max(max: usize) -> Self {
        Self { observations: Vec::new(), end: u64::MAX, generation: 0, sending: 0, max }
    }

    /// Adds an observation. Returns its ticket, or `None` where it was dropped or the buffer was
    /// thinned.
    ///
    /// A full buffer keeps the lower half of the units by their hash, until it is sent. Which
    /// units it keeps does not depend on their version, so the comparison stays fair.
    pub fn add(&mut self, observation: Observation) -> Option<Ticket> {
        if observation.unit >= self.end {
            return None;
        }
        self.observations.push(observation);
        if self.observations.len() > self.max {
            self.thin();
            return None;
        }
        Some(Ticket { generation: self.generation, index: self.observations.len() - 1 })
    }

    /// Completes the observation of an assignment with its response: in its place, if the ticket
    /// is still valid; otherwise as an observation of its own.
    pub fn complete(&mut self, ticket: Option<Ticket>, observation: Observation) {
        match ticket.and_then(|ticket| self.find(ticket)) {
            Some(assignment) => *assignment = observation,
            None => drop(self.add(Observation { is_assignment: false, ..observation })),
        }
    }

    /// Begins to send all observations. Returns them encoded, one after the other; `None` where
    /// there are none, or the ones before are still being sent.
    pub fn begin_send(&mut self) -> Option<Vec<u8>> {
        if self.sending > 0 || self.observations.is_empty() {
            return None;
        }
        self.sending = self.observations.len();
        let mut bytes = Vec::with_capacity(self.sending * Observation::ENCODED_BYTES);
        self.observations.iter().for_each(|observation| observation.encode(&mut bytes));
        Some(bytes)
    }

    /// Removes all observations, and returns them encoded as `change` returns each.
    pub fn take_encoded(&mut self, change: impl Fn(Observation) -> Observation) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.observations.len() * Observation::ENCODED_BYTES);
        self.observations.iter().for_each(|it| change(*it).encode(&mut bytes));
        self.sending = self.observations.len();
        self.end_send(true);
        bytes
    }

    /// Ends sending. If the observations were sent, removes them and accepts all units again;
    /// otherwise keeps them for the next time.
    pub fn end_send(&mut self, is_sent: bool) {
        let sent = std::mem::take(&mut self.sending);
        if is_sent {
            self.observations.drain(..sent.min(self.observations.len()));
            if self.observations.is_empty() {
                // A peak's memory is for others to use.
                self.observations.shrink_to(IDLE_OBSERVATIONS);
            }
            self.generation += 1;
            self.end = u64::MAX;
        }
    }

    /// The number of observations.
    pub fn len(&self) -> usize {
        self.observations.len()
    }

    /// Whether there is no observation.
    pub fn is_empty(&self) -> bool {
        self.observations.is_empty()
    }

    /// How many observations it has room for without another allocation.
    pub fn capacity(&self) -> usize {
        self.observations.capacity()
    }

    /// Drops the upper half of the units.
    fn thin(&mut self) {
        self.end /= 2;
        let is_kept = |it: &Observation| it.unit < self.end;
        let sending = self.observations.iter().take(self.sending);
        self.sending = sending.filter(|it| is_kept(it)).count();
        self.observations.retain(is_kept);
        self.generation += 1;
    }

    /// The observation with a ticket; `None` where it was moved, or is being sent.
    fn find(&mut self, ticket: Ticket) -> Option<&mut Observation> {
        if ticket.generation != self.generation || ticket.index < self.sending {
            return None;
        }
        self.observations.get_mut(ticket.index)
    }
}
