//! The requests of a world, second by second, and the observations of them.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson};

use super::population::{Population, SimulatedUser};
use super::world::{SimulatedResponse, World};
use crate::analysis::{Measurements, Observation};
use crate::assignment::{StepExposure, Version};

/// The requests of one run.
pub(super) struct SimulatedTraffic<'w> {
    world: &'w World,
    random: SmallRng,
    population: Population,
    arrivals: Option<Poisson<f64>>,
    /// The observations of each second to come, in a ring.
    pending: Vec<Vec<Observation>>,
    takes_time: bool,
    max_delay_s: u64,
    /// How many requests green has answered.
    pub green_requests: u64,
}

/// The assignment of one simulated request.
pub(super) struct SimulatedAssignment {
    pub version: Version,
    /// The step that it is evidence of; `None` where it is none.
    pub step: Option<StepExposure>,
}

/// Longer answers are cut to this duration.
const MAX_DURATION_S: u64 = 600;

pub(super) const SECOND_NS: f64 = 1e9;

// === impl SimulatedTraffic ===

impl<'w> SimulatedTraffic<'w> {
    /// The requests of one run.
    ///
    /// If `takes_time`, a response is observed when it ends, otherwise when it begins; in both
    /// cases up to `max_delay_s` seconds later, because workers report late.
    pub fn new(world: &'w World, takes_time: bool, max_delay_s: u64, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let population = Population::new(world.users, &world.behaviours, &mut random);
        Self {
            world,
            random,
            population,
            arrivals: Poisson::new(world.per_second).ok(),
            pending: vec![Vec::new(); (MAX_DURATION_S + max_delay_s + 2) as usize],
            takes_time,
            max_delay_s,
            green_requests: 0,
        }
    }

    /// Simulates one second of requests. `assign` assigns each by its user's place, from 0 to
    /// 1. Returns the observations that arrive in this second.
    pub fn second(
        &mut self,
        second: u64,
        assign: impl Fn(f64) -> SimulatedAssignment,
    ) -> Vec<Observation> {
        let Self { world, random, population, pending, .. } = self;
        let requests = self.arrivals.as_ref().map_or(0.0, |it| it.sample(random)) as u64;
        let slots = pending.len();
        let mut add = |after_s: u64, observation| {
            let slot = (second + after_s) as usize % slots;
            pending.get_mut(slot).into_iter().for_each(|slot| slot.push(observation));
        };
        for _ in 0..requests {
            let user: SimulatedUser<'_> = population.next(random);
            let SimulatedAssignment { version, step } = assign(user.bucket);
            self.green_requests += u64::from(version == Version::Green);
            let response = world.respond(version, user, second, random);
            let SimulatedResponse { measurements, duration_s } = response;
            let lasts_s = if self.takes_time { duration_s.min(MAX_DURATION_S as f64) } else { 0.0 };
            let end_s = random.random::<f64>() + lasts_s;
            let has_delay = self.max_delay_s > 0;
            let delay_s = if has_delay { random.random_range(0..=self.max_delay_s) } else { 0 };
            let Some(StepExposure { epoch, is_newly_exposed }) = step else { continue };
            let at_ns = |after_s: f64| ((second as f64 + after_s) * SECOND_NS) as u64;
            let arrives_s = end_s as u64 + delay_s;
            let observation = Observation {
                at_ns: at_ns(end_s),
                unit: user.unit,
                epoch,
                version,
                is_newly_exposed,
                is_assignment: arrives_s == 0,
                measurements,
            };
            add(arrives_s, observation);
            if arrives_s > 0 {
                // Like the filter, report the assignment alone if the response does not end
                // within the tick.
                let (at_ns, measurements) = (at_ns(0.0), Measurements::default());
                add(0, Observation { at_ns, is_assignment: true, measurements, ..observation });
            }
        }
        pending.get_mut(second as usize % slots).map(std::mem::take).unwrap_or_default()
    }
}
