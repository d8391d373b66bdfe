//! A ramp as the operator wrote it, walked by its own machine through a world: gates,
//! tripwires, bake times and all.

use super::ramp::{End, Run};
use super::traffic::{Dealt, SECOND_NS, Traffic};
use super::world::World;
use crate::assign::Version;
use crate::ramp::{Now, Phase, Settings, State, Wait};

/// A release that is tried out.
#[derive(Clone, Debug)]
pub struct Release {
    settings: Settings,
    world: World,
    of_conversations: bool,
    most_s: u64,
}

// === impl Release ===

impl Release {
    /// The release of these settings in this world. Where units are conversations, all of
    /// a step are new to it.
    ///
    /// A person who is asked approves at once, and nothing is lost or paused. A step that
    /// lasts `most_s` seconds ends the ramp.
    pub fn new(settings: &Settings, world: World, of_conversations: bool, most_s: u64) -> Self {
        let mut settings = Settings { started: None, is_paused: false, ..settings.clone() };
        settings.steps.iter_mut().for_each(|step| step.needs_approval = false);
        Self { settings, world, of_conversations, most_s }
    }

    /// Walks it once, looking at the evidence every second.
    pub fn run(&self, seed: u64) -> Run {
        let Self { settings, world, of_conversations, most_s } = self;
        let at = |second: u64| Now { monotonic: (second as f64 * SECOND_NS) as u64, unix: second };
        let mut traffic = Traffic::new(world, true, 0, seed);
        let mut state = State::begin(settings, at(0));
        for second in 0.. {
            let in_force = state.in_force(settings);
            let deal = |place: f64| {
                // As a hash would have it.
                let hash = (place * 2_f64.powi(32)) as u32;
                let is_green = in_force.share.contains(hash);
                let is_new = *of_conversations || !in_force.before.contains(hash);
                Dealt {
                    version: if is_green { Version::Green } else { Version::Blue },
                    evidence: in_force.compared.contains(hash).then_some((in_force.number, is_new)),
                }
            };
            let mut told = traffic.second(second, deal);
            let seconds = second + 1;
            state.tick(settings, at(seconds), &mut told);
            let is_over = state.phase == Phase::Holding && state.wait == Wait::Nothing;
            let in_step = state.in_step(at(seconds)) / SECOND_NS as u64;
            let end = match state.phase {
                Phase::RolledBack => End::RolledBack,
                Phase::Promoted => End::Done,
                _ if is_over => End::Done,
                _ if in_step >= *most_s => End::Held(state.step),
                _ => continue,
            };
            return Run { end, seconds, green_requests: traffic.green_requests };
        }
        Run { end: End::Held(state.step), seconds: 0, green_requests: 0 }
    }
}
