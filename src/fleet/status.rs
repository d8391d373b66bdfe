//! What one Envoy's workers know of their fleet, for the page and for the units' hashes.

use serde::{Deserialize, Serialize};

use super::clock::FleetClock;
use super::keys::FleetKeys;
use super::records::{InForce, Participants};

/// The store is away once it has not done what an instance needed for this many intervals.
pub(super) const AWAY_INTERVALS: u64 = 5;

/// What one Envoy's workers know of their fleet. The worker that talks to the store writes it into what
/// they share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetStatus {
    /// The name of this instance.
    pub instance: String,
    /// What is in force, as the store said last.
    pub in_force: Option<InForce>,
    /// The instances that take part, as the decider knew them last.
    pub participants: Participants,
    /// The fleet's time.
    pub clock: Option<FleetClock>,
    /// When the store has last done all that a step had to do, in nanoseconds of the monotonic clock;
    /// `None`: never.
    pub reached_ns: Option<u64>,
    /// Why the latest step of this instance failed, if it did.
    pub error: Option<String>,
    /// The keys of the fleet.
    pub keys: Option<FleetKeys>,
}

// === impl FleetStatus ===

impl FleetStatus {
    /// How many instances take part, this one included.
    pub fn instances(&self) -> u32 {
        self.in_force.as_ref().map_or(1, |it| it.instances).max(1)
    }

    /// Whether the store has not done what this instance needed for as many intervals as count as away, or never has.
    pub fn is_store_away(&self, now_ns: u64, interval_ns: u64) -> bool {
        let away_ns = interval_ns.saturating_mul(AWAY_INTERVALS);
        self.reached_ns.is_none_or(|at_ns| now_ns.saturating_sub(at_ns) >= away_ns)
    }

    /// The fleet's time at a time of the monotonic clock; the latter itself before anything is known.
    pub fn fleet_ns(&self, own_ns: u64) -> u64 {
        self.clock.map_or(own_ns, |clock| clock.fleet_ns(own_ns))
    }
}
