//! The requests of a world, second by second, and the observations of them.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson};

use super::peers::EndedResponse;
use super::population::{Population, SimulatedUser};
use super::world::{SimulatedResponse, World};
use crate::analysis::{AnalysisPlan, Measurements, Metric, Observation};
use crate::assignment::{Epoch, Exposure, StepExposure, Version};
use crate::rollout::{OpenResponse, OpenResponses, OpenTicket};

/// The requests of one run.
pub(super) struct SimulatedTraffic<'w> {
    world: &'w World,
    random: SmallRng,
    population: Population,
    arrivals: Option<Poisson<f64>>,
    /// What arrives in each second to come, in a ring.
    pending: Vec<Vec<Arrival>>,
    /// The responses that are open, if slow ones are reported.
    open: Option<OpenResponses>,
    /// The newest step, and when its first request came.
    newest_step: Option<(Epoch, u64)>,
    takes_time: bool,
    max_delay_s: u64,
    /// The responses that ended in the last second; `None` where nobody asks for them.
    ended: Option<Vec<EndedResponse>>,
    /// How many requests green has answered.
    pub green_requests: u64,
}

/// The assignment of one simulated request.
pub(super) struct SimulatedAssignment {
    pub version: Version,
    /// The step that it is evidence of; `None` where it is none.
    pub step: Option<StepExposure>,
}

/// An observation that arrives.
#[derive(Clone)]
struct Arrival {
    observation: Observation,
    /// The end of a response; `None` for an assignment alone.
    end: Option<ResponseEnd>,
}

/// The end of a response.
#[derive(Clone, Copy)]
struct ResponseEnd {
    duration_s: f64,
    is_success: bool,
    bucket: f64,
    open: Option<OpenTicket>,
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
    ///
    /// `plan` says whether slow responses are found by an objective.
    pub fn new(
        world: &'w World,
        plan: &AnalysisPlan,
        takes_time: bool,
        max_delay_s: u64,
        seed: u64,
    ) -> Self {
        let has_slow_rate = world.behaviours.iter().any(|it| it.metric == Metric::SlowRate);
        let finds_slow = plan.learns_objective && !has_slow_rate;
        let mut random = SmallRng::seed_from_u64(seed);
        let population = Population::new(world.users, &world.behaviours, &mut random);
        Self {
            world,
            random,
            population,
            arrivals: Poisson::new(world.per_second).ok(),
            pending: vec![Vec::new(); (MAX_DURATION_S + max_delay_s + 2) as usize],
            open: finds_slow.then(OpenResponses::default),
            newest_step: None,
            takes_time,
            max_delay_s,
            ended: None,
            green_requests: 0,
        }
    }

    /// Keeps the responses that end, for [`Self::ended`].
    pub fn with_ended(self) -> Self {
        Self { ended: Some(Vec::new()), ..self }
    }

    /// The responses that ended in the last second.
    pub fn ended(&self) -> &[EndedResponse] {
        self.ended.as_deref().unwrap_or_default()
    }

    /// Simulates one second of requests. `assign` assigns each by its user's place, from 0 to
    /// 1. Returns the observations that arrive in this second. `objective` is the one in force.
    pub fn second(
        &mut self,
        second: u64,
        objective: Option<Duration>,
        assign: impl Fn(f64) -> SimulatedAssignment,
    ) -> Vec<Observation> {
        let Self { world, random, population, pending, open, newest_step, .. } = self;
        let arrivals = match world.drift {
            Some(drift) => Poisson::new(world.per_second * drift.factor(second)).ok(),
            None => self.arrivals,
        };
        let requests = arrivals.map_or(0.0, |it| it.sample(random)) as u64;
        let slots = pending.len();
        let mut add = |after_s: u64, observation, end| {
            let slot = (second + after_s) as usize % slots;
            let arrival = Arrival { observation, end };
            if let Some(slot) = pending.get_mut(slot) {
                slot.push(arrival);
            }
        };
        for _ in 0..requests {
            let user: SimulatedUser<'_> = population.next(random);
            let SimulatedAssignment { version, step } = assign(user.bucket);
            self.green_requests += u64::from(version == Version::Green);
            let in_step_s = step.map_or(0, |step| seconds_in_step(newest_step, step.epoch, second));
            let response = world.respond(version, user, second, in_step_s, random);
            let SimulatedResponse { measurements, duration_s, is_success } = response;
            let lasts_s = if self.takes_time { duration_s.min(MAX_DURATION_S as f64) } else { 0.0 };
            let begin_s = random.random::<f64>();
            let end_s = begin_s + lasts_s;
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
                shadow: None,
                measurements,
            };
            let exposure = Exposure { unit: user.unit, epoch, is_newly_exposed };
            let began = OpenResponse { began_ns: at_ns(begin_s), version, exposure };
            let ticket = open.as_mut().and_then(|open| open.add(began));
            let bucket = user.bucket;
            let end = ResponseEnd { duration_s, is_success, bucket, open: ticket };
            add(arrives_s, observation, Some(end));
            if arrives_s > 0 {
                // Like the filter, report the assignment alone if the response does not end
                // within the tick.
                let (at_ns, measurements) = (at_ns(0.0), Measurements::default());
                add(
                    0,
                    Observation { at_ns, is_assignment: true, measurements, ..observation },
                    None,
                );
            }
        }
        let arrived = pending.get_mut(second as usize % slots).map(std::mem::take);
        let arrived = arrived.unwrap_or_default();
        if let Some(ended) = &mut self.ended {
            ended.clear();
            ended.extend(arrived.iter().filter_map(Arrival::ended));
        }
        let Some(open) = open else {
            return arrived.into_iter().map(|it| it.observation).collect();
        };
        let now_ns = ((second + 1) as f64 * SECOND_NS) as u64;
        let slow = objective.map(|objective| open.take_slow(now_ns, objective).collect());
        let mut observations: Vec<Observation> = slow.unwrap_or_default();
        let arrived = arrived.into_iter().map(|it| it.observation_with(objective, open));
        observations.extend(arrived);
        observations
    }
}

/// How many seconds ago the step with this epoch began. `newest` is the newest step so far.
fn seconds_in_step(newest: &mut Option<(Epoch, u64)>, epoch: Epoch, second: u64) -> u64 {
    match *newest {
        Some((newest, began)) if newest == epoch => second - began,
        _ => {
            *newest = Some((epoch, second));
            0
        }
    }
}

// === impl Arrival ===

impl Arrival {
    /// The response, as a proxy's access log has it; `None` for an assignment alone.
    fn ended(&self) -> Option<EndedResponse> {
        let ResponseEnd { duration_s, bucket, .. } = self.end?;
        Some(EndedResponse {
            version: self.observation.version,
            bucket,
            is_error: self.observation.measurements.is_bad(Metric::ErrorRate) == Some(true),
            duration_ms: duration_s * 1e3,
        })
    }

    /// The observation, with whether the response was slow.
    fn observation_with(
        self,
        objective: Option<Duration>,
        open: &mut OpenResponses,
    ) -> Observation {
        let Self { observation, end } = self;
        let Some(ResponseEnd { duration_s, is_success, open: ticket, .. }) = end else {
            return observation;
        };
        let measurements = observation.measurements;
        if ticket.is_some_and(|ticket| open.remove(ticket)) {
            let measurements = measurements.without_reported_slowness();
            return Observation { measurements, ..observation };
        }
        let is_slow = objective.map(|objective| duration_s > objective.as_secs_f64());
        match is_slow {
            // One that did not reach its end is not known to be fast.
            Some(is_slow) if is_slow || is_success => {
                let measurements = measurements.with_rate(Metric::SlowRate, is_slow);
                Observation { measurements, ..observation }
            }
            _ => observation,
        }
    }
}
