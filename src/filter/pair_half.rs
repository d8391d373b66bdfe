//! One half of a pair of responses, in a ramp's shadow step.

use std::time::Duration;

use super::hostcalls;
use super::runtime::RolloutRuntime;
use crate::analysis::Measurements;
use crate::assignment::Exposure;
use crate::rollout::{EndedHalf, PairTicket};

/// The header with a request's id. Envoy makes one if there is none, and a copy has it too.
const REQUEST_ID: &str = "x-request-id";

/// A response that is one half of a pair.
pub struct PairHalf {
    ticket: PairTicket,
    /// The duration above which both responses of the pair are slow, where that is compared.
    pub objective: Option<Duration>,
    is_shadow: bool,
}

// === impl PairHalf ===

impl PairHalf {
    /// A request of blue's that Envoy mirrors has begun; `None` outside of a shadow step.
    pub fn of_blue(
        runtime: &RolloutRuntime,
        exposure: Option<Exposure>,
        now_ns: u64,
    ) -> Option<Self> {
        let pairing = runtime.pairing.as_ref().filter(|_| runtime.is_shadow_step())?;
        let id = hostcalls::request_header(REQUEST_ID);
        let objective = runtime.config.ramp.as_ref().and_then(|spec| spec.objective);
        let mut pairing = pairing.0.borrow_mut();
        let ticket = pairing.begin_blue(id.as_deref(), exposure?, objective, now_ns)?;
        Some(Self { ticket, objective, is_shadow: false })
    }

    /// A copy has begun at the shadow's listener; `None` if no request waits for it.
    pub fn of_shadow(runtime: &RolloutRuntime, now_ns: u64) -> Option<Self> {
        let pairing = runtime.pairing.as_ref().filter(|it| !it.0.borrow().is_empty())?;
        let id = hostcalls::request_header(REQUEST_ID)?;
        let mut pairing = pairing.0.borrow_mut();
        let ticket = pairing.begin_shadow(&id, now_ns)?;
        // A shadow's own configuration need not have a ramp.
        let objective = pairing.objective(ticket);
        Some(Self { ticket, objective, is_shadow: true })
    }

    /// The response has ended.
    pub fn complete(
        self,
        runtime: &RolloutRuntime,
        now_ns: u64,
        measurements: Measurements,
    ) -> Option<EndedHalf> {
        let mut pairing = runtime.pairing.as_ref()?.0.borrow_mut();
        let is_pair_complete = match self.is_shadow {
            false => pairing.end_blue(self.ticket, now_ns, measurements),
            true => pairing.end_shadow(self.ticket, now_ns, measurements),
        };
        Some(EndedHalf { ticket: self.ticket, is_pair_complete })
    }
}

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Whether the ramp is in its shadow step.
    pub fn is_shadow_step(&self) -> bool {
        self.ramp.as_ref().is_some_and(|ramp| ramp.snapshot().is_shadow_step)
    }

    /// Records the pairs that are complete as evidence.
    pub fn record_pairs(&self) {
        let (Some(pairing), Some(ramp)) = (&self.pairing, &self.ramp) else { return };
        let Ok(now_ns) = hostcalls::monotonic_time_ns() else { return };
        let found = pairing.0.borrow_mut().take(now_ns);
        self.metrics.count_pairs(&found);
        found.pairs.into_iter().for_each(|pair| ramp.worker().record(pair));
    }
}
