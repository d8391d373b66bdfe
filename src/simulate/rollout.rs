//! A ramp as the operator wrote it, walked by its own machine through a world: gates,
//! tripwires, bake times and all.

use super::run::{RunEnd, SimulatedRun};
use super::traffic::{AssignedRequest, SECOND_NS, SimulatedTraffic};
use super::world::World;
use crate::assignment::Version;
use crate::rollout::{Clocks, HoldReason, Phase, RampSpec, RampState};

/// A release that is tried out.
#[derive(Clone, Debug)]
pub struct SimulatedRollout {
    settings: RampSpec,
    world: World,
    of_conversations: bool,
    most_s: u64,
}

// === impl Release ===

impl SimulatedRollout {
    /// The release of these settings in this world. Where units are conversations, all of
    /// a step are new to it.
    ///
    /// A person who is asked approves at once, and nothing is lost or paused. A step that
    /// lasts `most_s` seconds ends the ramp.
    pub fn new(settings: &RampSpec, world: World, of_conversations: bool, most_s: u64) -> Self {
        let mut settings = RampSpec { started: None, is_paused: false, ..settings.clone() };
        settings.steps.iter_mut().for_each(|step| step.needs_approval = false);
        Self { settings, world, of_conversations, most_s }
    }

    /// Walks it once, looking at the evidence every second.
    pub fn run(&self, seed: u64) -> SimulatedRun {
        let Self { settings, world, of_conversations, most_s } = self;
        let at = |second: u64| Clocks {
            monotonic_ns: (second as f64 * SECOND_NS) as u64,
            unix_s: second,
        };
        let mut traffic = SimulatedTraffic::new(world, true, 0, seed);
        let mut state = RampState::new(settings, at(0));
        for second in 0.. {
            let in_force = state.snapshot(settings);
            let deal = |place: f64| {
                // As a hash would have it.
                let hash = (place * 2_f64.powi(32)) as u32;
                let is_green = in_force.share.contains(hash);
                let is_new = *of_conversations || !in_force.previous_share.contains(hash);
                AssignedRequest {
                    version: if is_green { Version::Green } else { Version::Blue },
                    evidence: in_force
                        .analysed_share
                        .contains(hash)
                        .then_some((in_force.epoch, is_new)),
                }
            };
            let mut told = traffic.second(second, deal);
            let seconds = second + 1;
            state.reconcile(settings, at(seconds), &mut told);
            let is_over = state.phase == Phase::Holding && state.hold_reason == HoldReason::Nothing;
            let in_step = state.time_in_step_ns(at(seconds)) / SECOND_NS as u64;
            let end = match state.phase {
                Phase::RolledBack => RunEnd::RolledBack,
                Phase::Promoted => RunEnd::Done,
                _ if is_over => RunEnd::Done,
                _ if in_step >= *most_s => RunEnd::Held(state.step),
                _ => continue,
            };
            return SimulatedRun { end, seconds, green_requests: traffic.green_requests };
        }
        SimulatedRun { end: RunEnd::Held(state.step), seconds: 0, green_requests: 0 }
    }
}
