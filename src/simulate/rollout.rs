//! A configured ramp, advanced by its own controller through a simulated world: gates,
//! tripwires and bake times included.

use super::pairs::PairedTraffic;
use super::run::{RunEnd, SimulatedRun};
use super::traffic::{SECOND_NS, SimulatedAssignment, SimulatedTraffic};
use super::world::World;
use crate::assignment::{StepExposure, Version};
use crate::rollout::{Clocks, HoldReason, Phase, RampSpec, RampState};

/// A rollout to simulate.
#[derive(Clone, Debug)]
pub struct SimulatedRollout {
    spec: RampSpec,
    world: World,
    units_are_conversations: bool,
    timeout_s: u64,
    /// The fraction of the variance that both responses of a pair share.
    shared: f64,
}

/// The fraction of the variance of a value that both responses to a request share, unless another
/// one is given.
pub const SHARED: f64 = 0.5;

// === impl SimulatedRollout ===

impl SimulatedRollout {
    /// A rollout with this ramp in this world. Where units are conversations, every unit of a
    /// step is new to it.
    ///
    /// Approvals are given at once, and `started`, `paused` and `rolled_back` are ignored. A step that lasts
    /// `timeout_s` seconds ends the run.
    pub fn new(
        spec: &RampSpec,
        world: World,
        units_are_conversations: bool,
        timeout_s: u64,
    ) -> Self {
        let mut spec =
            RampSpec { started: None, is_paused: false, is_rolled_back: false, ..spec.clone() };
        spec.steps.iter_mut().for_each(|step| step.needs_approval = false);
        Self { spec, world, units_are_conversations, timeout_s, shared: SHARED }
    }

    /// The same with another fraction of the variance that both responses to a request share in a
    /// shadow step, from 0 to 1.
    #[must_use]
    pub fn with_shared_variance(self, shared: f64) -> Self {
        Self { shared, ..self }
    }

    /// Simulates one run with a reconcile every second.
    pub fn run(&self, seed: u64) -> SimulatedRun {
        let Self { spec, world, units_are_conversations, timeout_s, shared } = self;
        let at = |second: u64| Clocks {
            monotonic_ns: (second as f64 * SECOND_NS) as u64,
            unix_ms: second * 1_000,
        };
        let mut traffic = SimulatedTraffic::new(world, &spec.analysis, true, 0, seed);
        let mirrored = spec.shadow.map_or(0.0, |it| f64::from(it.share.basis_points()) / 1e4);
        let mut paired = PairedTraffic::new(world, mirrored, *shared, seed);
        let mut state = RampState::new(spec, at(0));
        for second in 0.. {
            let snapshot = state.snapshot(spec);
            let assign = |bucket: f64| {
                let hash = (bucket * 2_f64.powi(32)) as u32;
                let is_green = snapshot.share.contains(hash);
                let step = StepExposure {
                    epoch: snapshot.epoch,
                    is_newly_exposed: *units_are_conversations
                        || !snapshot.previous_share.contains(hash),
                };
                SimulatedAssignment {
                    version: if is_green { Version::Green } else { Version::Blue },
                    step: snapshot.analysed_share.contains(hash).then_some(step),
                }
            };
            let observations = match snapshot.is_shadow_step {
                true => paired.second(second, snapshot.epoch),
                false => traffic.second(second, spec.objective_in_force(&snapshot), assign),
            };
            let seconds = second + 1;
            state.reconcile(spec, at(seconds), &observations);
            let is_complete =
                state.phase == Phase::Holding && state.hold_reason == HoldReason::Nothing;
            let in_step_s = state.time_in_step_ns(at(seconds)) / SECOND_NS as u64;
            let end = match state.phase {
                Phase::RolledBack => RunEnd::RolledBack,
                Phase::Promoted => RunEnd::Done,
                _ if is_complete => RunEnd::Done,
                _ if in_step_s >= *timeout_s && state.is_shadow_step() => RunEnd::HeldInShadow,
                _ if in_step_s >= *timeout_s => RunEnd::Held(state.step.get()),
                _ => continue,
            };
            return SimulatedRun { end, seconds, green_requests: traffic.green_requests };
        }
        SimulatedRun { end: RunEnd::Held(state.step.get()), seconds: 0, green_requests: 0 }
    }
}
