//! The instances of a fleet, as the console shows them.

use super::view::{FleetView, InstanceView};
use crate::config::FleetConfig;
use crate::fleet::{FleetStatus, Participant};
use crate::rollout::Phase;
use crate::rollout::clocks::SECOND_NS;

/// An instance without evidence writes its presence after ten intervals. It lags once nothing was read of
/// it for this many.
const LAG_INTERVALS: u64 = 25;

/// Green's share can be in force for so many intervals before an instance hands over that it assigns by it.
const FOLLOW_INTERVALS: u64 = 2;

// === impl FleetView ===

impl FleetView {
    /// The view of a fleet, at a time of the monotonic clock. `status` is `None` before this Envoy
    /// has tried to reach the store. Green's share changed `changed_s_ago` seconds ago: an instance that
    /// was read before says nothing of the new one. `phase` is in force in this Envoy.
    pub fn new(
        config: &FleetConfig,
        status: Option<&FleetStatus>,
        phase: Phase,
        now_ns: u64,
        changed_s_ago: u64,
    ) -> Self {
        let interval_ns = u64::try_from(config.interval.as_nanos()).unwrap_or(u64::MAX);
        let none = FleetStatus::default();
        let status = status.unwrap_or(&none);
        let silent_ns = status.reached_ns.map(|at| now_ns.saturating_sub(at));
        let in_force = status.in_force.as_ref();
        let snapshot = in_force.and_then(|it| it.published).map(|it| it.snapshot);
        let in_force_bp = snapshot.map(|it| it.share);
        let all: u64 = status.participants.0.iter().map(|it| it.observations).sum();
        let fleet_ns = status.fleet_ns(now_ns);
        let changed_ns_ago = changed_s_ago.saturating_mul(SECOND_NS);
        let follow_ns = interval_ns.saturating_mul(FOLLOW_INTERVALS);
        let instance = |it: &Participant| {
            let silent_ns = fleet_ns.saturating_sub(it.seen_ns);
            let is_read_since = silent_ns.saturating_add(follow_ns) < changed_ns_ago;
            let follows = in_force_bp.is_none_or(|share| share.basis_points() == it.green_bp);
            InstanceView {
                name: it.id.name.clone(),
                seen_s_ago: silent_ns / SECOND_NS,
                green_bp: it.green_bp,
                evidence: it.observations as f64 / all.max(1) as f64,
                is_current: it.is_current,
                lags: (!follows && is_read_since)
                    || silent_ns > interval_ns.saturating_mul(LAG_INTERVALS),
            }
        };
        Self {
            instance: status.instance.clone(),
            decider: in_force.map(|it| it.decider.name.clone()),
            store_silent_s: silent_ns.map(|it| it / SECOND_NS),
            is_store_away: status.is_store_away(now_ns, interval_ns),
            is_rolled_back_alone: phase == Phase::RolledBack
                && snapshot.is_some_and(|it| it.phase != Phase::RolledBack),
            error: status.error.clone(),
            instances: status.participants.by_name().iter().map(instance).collect(),
        }
    }
}
