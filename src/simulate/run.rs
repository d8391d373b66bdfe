//! One simulated run of the analysis alone, on a fixed schedule.

use std::time::Duration;

use super::traffic::{SECOND_NS, SimulatedAssignment, SimulatedTraffic};
use super::world::World;
use crate::analysis::{
    Analysis, AnalysisPlan, Evidence, Metric, Observation, StepIndex, StepObservation, Verdict,
};
use crate::assignment::{Epoch, StepExposure, Version};

/// The schedule of a run.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Green's share of users in each step, growing, all below 1.
    pub shares: Vec<f64>,
    /// When the run advances.
    pub pacing: Pacing,
    /// Whether responses are observed when they end; otherwise when they begin.
    pub takes_time: bool,
    /// How late a worker may report, in seconds.
    pub max_delay_s: u64,
}

/// When a run advances to the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// After a fixed time. Only a rollback ends the run earlier.
    Fixed {
        /// The duration of each step, in seconds.
        step_s: u64,
    },
    /// When green is safe.
    Gated {
        /// The minimum duration of each step, in seconds.
        bake_s: u64,
        /// The duration, in seconds, after which a step that is not decided ends the run.
        timeout_s: u64,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// It was rolled back.
    RolledBack,
    /// It completed all steps.
    Done,
    /// It was held in this step until the timeout.
    Held(usize),
    /// It was held in the shadow step until the timeout.
    HeldInShadow,
}

/// The result of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulatedRun {
    /// How it ended.
    pub end: RunEnd,
    /// When it ended, in seconds.
    pub seconds: u64,
    /// How many requests green had answered by then.
    pub green_requests: u64,
}

/// Simulates one run with an analysis every second.
pub fn run(plan: &AnalysisPlan, world: &World, schedule: &Schedule, seed: u64) -> SimulatedRun {
    let mut traffic =
        SimulatedTraffic::new(world, plan, schedule.takes_time, schedule.max_delay_s, seed);
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::FIRST, 0);
    let (mut step, mut step_began_s) = (0, 0);
    for second in 0.. {
        let share = |step: usize| schedule.shares.get(step).copied().unwrap_or(1.0);
        let (share_now, share_before) = (share(step), step.checked_sub(1).map_or(0.0, share));
        let assign = |bucket| SimulatedAssignment {
            version: if bucket < share_now { Version::Green } else { Version::Blue },
            step: Some(StepExposure {
                epoch: Epoch::new(step as u32),
                is_newly_exposed: bucket >= share_before,
            }),
        };
        let objective_ms = evidence.thresholds().get(Metric::SlowRate);
        let objective = objective_ms.map(|ms| Duration::from_secs_f64(ms / 1e3));
        let observations = traffic.second(second, objective, assign);
        evidence.begin_tick(plan, (second as f64 * SECOND_NS) as u64);
        evidence.add(plan, observations.into_iter().map(in_step_of_epoch).collect());
        let green_requests = traffic.green_requests;
        let seconds = second + 1;
        let end = |end| SimulatedRun { end, seconds, green_requests };
        let verdict = Analysis::new(plan, &evidence, StepIndex::new(step)).verdict;
        if verdict == Verdict::Fail {
            return end(RunEnd::RolledBack);
        }
        let in_step_s = seconds - step_began_s;
        let advances = match schedule.pacing {
            Pacing::Fixed { step_s } => in_step_s >= step_s,
            Pacing::Gated { bake_s, .. } => in_step_s >= bake_s && verdict == Verdict::Pass,
        };
        if advances {
            (step, step_began_s) = (step + 1, seconds);
            evidence.begin_step(StepIndex::new(step), (seconds as f64 * SECOND_NS) as u64);
        }
        if step >= schedule.shares.len() {
            return end(RunEnd::Done);
        }
        let in_step_s = seconds - step_began_s;
        if matches!(schedule.pacing, Pacing::Gated { timeout_s, .. } if in_step_s >= timeout_s) {
            return end(RunEnd::Held(step));
        }
    }
    SimulatedRun { end: RunEnd::Held(step), seconds: 0, green_requests: 0 }
}

/// Here the epoch of a step is its index.
fn in_step_of_epoch(observation: Observation) -> StepObservation {
    StepObservation { step: StepIndex::new(observation.epoch.get() as usize), observation }
}
