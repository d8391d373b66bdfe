//! One ramp through a world.

use super::traffic::{AssignedRequest, SECOND_NS, SimulatedTraffic};
use super::world::World;
use crate::analysis::{Analysis, AnalysisPlan, Evidence, Verdict};
use crate::assignment::Version;

/// How a ramp is walked.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Green's share of users in each step, growing, all below 1.
    pub shares: Vec<f64>,
    /// When it goes on.
    pub pacing: Pacing,
    /// Whether answers are told when they end; else when they begin.
    pub takes_time: bool,
    /// How many seconds a worker may be late in telling, at most.
    pub late_s: u64,
}

/// When a ramp goes on to the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// After a fixed time; only a rollback ends it before.
    Fixed {
        /// Seconds of each step.
        step_s: u64,
    },
    /// When green is safe.
    Gated {
        /// Seconds of each step at least.
        bake_s: u64,
        /// Seconds after which a step that is not decided ends the ramp.
        most_s: u64,
    },
}

/// What became of a ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// It was rolled back.
    RolledBack,
    /// All its steps are done.
    Done,
    /// It was held in this step until its time was over.
    Held(usize),
}

/// One ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulatedRun {
    /// How it ended.
    pub end: RunEnd,
    /// After how many seconds.
    pub seconds: u64,
    /// How many requests green had till then.
    pub green_requests: u64,
}

/// Walks a ramp, looking at the evidence every second.
pub fn run(rules: &AnalysisPlan, world: &World, course: &Schedule, seed: u64) -> SimulatedRun {
    let mut traffic = SimulatedTraffic::new(world, course.takes_time, course.late_s, seed);
    let mut evidence = Evidence::default();
    evidence.begin_step(0, 0);
    let (mut step, mut step_began) = (0, 0);
    for second in 0.. {
        let share = |at: usize| course.shares.get(at).copied().unwrap_or(1.0);
        let (now, before) = (share(step), step.checked_sub(1).map_or(0.0, share));
        let deal = |place| AssignedRequest {
            version: if place < now { Version::Green } else { Version::Blue },
            evidence: Some((step as u16, place >= before)),
        };
        evidence.add(rules, &mut traffic.second(second, deal));
        let green_requests = traffic.green_requests;
        let seconds = second + 1;
        let judgement = Analysis::new(rules, &evidence, step);
        let ended = |end| SimulatedRun { end, seconds, green_requests };
        let verdict = judgement.verdict;
        if verdict == Verdict::Fail {
            return ended(RunEnd::RolledBack);
        }
        let in_step = seconds - step_began;
        let goes_on = match course.pacing {
            Pacing::Fixed { step_s } => in_step >= step_s,
            Pacing::Gated { bake_s, .. } => in_step >= bake_s && verdict == Verdict::Pass,
        };
        if goes_on {
            (step, step_began) = (step + 1, seconds);
            evidence.begin_step(step, (seconds as f64 * SECOND_NS) as u64);
        }
        if step >= course.shares.len() {
            return ended(RunEnd::Done);
        }
        if matches!(course.pacing, Pacing::Gated { most_s, .. } if seconds - step_began >= most_s) {
            return ended(RunEnd::Held(step));
        }
    }
    SimulatedRun { end: RunEnd::Held(step), seconds: 0, green_requests: 0 }
}
