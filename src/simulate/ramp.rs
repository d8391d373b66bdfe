//! One ramp through a world.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson};

use super::world::World;
use crate::assign::Version;
use crate::judge::{Evidence, Judgement, Observation, Rules, Verdict};

/// How a ramp is walked.
#[derive(Clone, Debug)]
pub struct Course {
    /// Green's share of users in each step, growing, all below 1.
    pub shares: Vec<f64>,
    /// When it goes on.
    pub walk: Walk,
    /// Whether answers are told when they end; else when they begin.
    pub takes_time: bool,
    /// How many seconds a worker may be late in telling, at most.
    pub late_s: u64,
}

/// When a ramp goes on to the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
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
pub enum End {
    /// It was rolled back.
    RolledBack,
    /// All its steps are done.
    Done,
    /// It was held in this step until its time was over.
    Held(usize),
}

/// One ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub end: End,
    /// After how many seconds.
    pub seconds: u64,
    /// How many requests green had till then.
    pub green_requests: u64,
}

/// Longer answers are taken to end then.
const LONGEST_S: u64 = 600;

const SECOND_NS: f64 = 1e9;

/// Walks a ramp, looking at the evidence every second.
pub fn run(rules: &Rules, world: &World, course: &Course, seed: u64) -> Run {
    let mut random = SmallRng::seed_from_u64(seed);
    let crowd = world.crowd(&mut random);
    let arrivals = Poisson::new(world.per_second).ok();
    // What is told in each second to come.
    let mut told = vec![Vec::new(); (LONGEST_S + course.late_s + 2) as usize];
    let mut evidence = Evidence::default();
    evidence.begin(0, 0);
    let (mut step, mut step_began, mut green_requests) = (0, 0, 0);
    for second in 0.. {
        let share = |at: usize| course.shares.get(at).copied().unwrap_or(1.0);
        let (now, before) = (share(step), step.checked_sub(1).map_or(0.0, share));
        let count = arrivals.as_ref().map_or(0.0, |it| it.sample(&mut random)) as u64;
        for _ in 0..count {
            let user = crowd.next(&mut random);
            let version = if user.place < now { Version::Green } else { Version::Blue };
            green_requests += u64::from(version == Version::Green);
            let is_new = user.place >= before;
            let (what, duration) = world.respond(version, user, second, &mut random);
            let lasts = if course.takes_time { duration.min(LONGEST_S as f64) } else { 0.0 };
            let after = random.random::<f64>() + lasts;
            let late = if course.late_s > 0 { random.random_range(0..=course.late_s) } else { 0 };
            let slot = (second + after as u64 + late) as usize % told.len();
            let at = ((second as f64 + after) * SECOND_NS) as u64;
            let observation =
                Observation { at, unit: user.unit, step: step as u16, version, is_new, told: what };
            if let Some(told) = told.get_mut(slot) {
                told.push(observation);
            }
        }
        let slot = second as usize % told.len();
        if let Some(told) = told.get_mut(slot) {
            evidence.add(rules, told);
        }
        let seconds = second + 1;
        let judgement = Judgement::of(rules, &evidence, step);
        let ended = |end| Run { end, seconds, green_requests };
        let verdict = judgement.verdict;
        if verdict == Verdict::Fail {
            return ended(End::RolledBack);
        }
        let in_step = seconds - step_began;
        let goes_on = match course.walk {
            Walk::Fixed { step_s } => in_step >= step_s,
            Walk::Gated { bake_s, .. } => in_step >= bake_s && verdict == Verdict::Pass,
        };
        if goes_on {
            (step, step_began) = (step + 1, seconds);
            evidence.begin(step, (seconds as f64 * SECOND_NS) as u64);
        }
        if step >= course.shares.len() {
            return ended(End::Done);
        }
        if matches!(course.walk, Walk::Gated { most_s, .. } if seconds - step_began >= most_s) {
            return ended(End::Held(step));
        }
    }
    Run { end: End::Held(step), seconds: 0, green_requests }
}
