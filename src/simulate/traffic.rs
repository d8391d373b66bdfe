//! A world's requests, second by second, and what the judge is told of them.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson};

use super::world::{Population, World};
use crate::analysis::{Measurements, Observation};
use crate::assignment::Version;

/// The requests of one ramp.
pub(super) struct SimulatedTraffic<'w> {
    world: &'w World,
    random: SmallRng,
    crowd: Population,
    arrivals: Option<Poisson<f64>>,
    /// What is told in each second to come.
    told: Vec<Vec<Observation>>,
    takes_time: bool,
    late_s: u64,
    /// How many requests green had.
    pub green_requests: u64,
}

/// How one request is dealt.
pub(super) struct AssignedRequest {
    pub version: Version,
    /// The step that it is evidence of, and whether its user was on blue before; `None`
    /// where it is none.
    pub evidence: Option<(u16, bool)>,
}

/// Longer answers are taken to end then.
const LONGEST_S: u64 = 600;

pub(super) const SECOND_NS: f64 = 1e9;

// === impl Traffic ===

impl<'w> SimulatedTraffic<'w> {
    /// Answers are told when they end, if that takes time, and up to `late_s` later.
    pub fn new(world: &'w World, takes_time: bool, late_s: u64, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let crowd = world.crowd(&mut random);
        Self {
            world,
            random,
            crowd,
            arrivals: Poisson::new(world.per_second).ok(),
            told: vec![Vec::new(); (LONGEST_S + late_s + 2) as usize],
            takes_time,
            late_s,
            green_requests: 0,
        }
    }

    /// One second of requests, each dealt by its user's place between 0 and 1. What is told
    /// in it.
    pub fn second(
        &mut self,
        second: u64,
        deal: impl Fn(f64) -> AssignedRequest,
    ) -> Vec<Observation> {
        let Self { world, random, crowd, told, .. } = self;
        let count = self.arrivals.as_ref().map_or(0.0, |it| it.sample(random)) as u64;
        let slots = told.len();
        for _ in 0..count {
            let user = crowd.next(random);
            let AssignedRequest { version, evidence } = deal(user.place);
            self.green_requests += u64::from(version == Version::Green);
            let (what, duration) = world.respond(version, user, second, random);
            let lasts = if self.takes_time { duration.min(LONGEST_S as f64) } else { 0.0 };
            let after = random.random::<f64>() + lasts;
            let late = if self.late_s > 0 { random.random_range(0..=self.late_s) } else { 0 };
            let Some((step, is_new)) = evidence else { continue };
            let at = |after: f64| ((second as f64 + after) * SECOND_NS) as u64;
            let mut tell = |seconds: u64, observation| {
                let slot = (second + seconds) as usize % slots;
                told.get_mut(slot).into_iter().for_each(|told| told.push(observation));
            };
            let (unit, ends) = (user.unit, after as u64 + late);
            let observation = Observation {
                at_ns: at(after),
                unit,
                epoch: step,
                version,
                is_newly_exposed: is_new,
                is_assignment: ends == 0,
                measurements: what,
            };
            tell(ends, observation);
            if ends > 0 {
                // As the filter does where a response is not over by the next tick.
                let (at, is_assignment, told) = (at(0.0), true, Measurements::default());
                tell(
                    0,
                    Observation { at_ns: at, is_assignment, measurements: told, ..observation },
                );
            }
        }
        told.get_mut(second as usize % slots).map(std::mem::take).unwrap_or_default()
    }
}
