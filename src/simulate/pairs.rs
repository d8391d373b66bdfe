//! The pairs of a shadow step: green answers copies of blue's requests.
//!
//! Both responses to a request have a part in common: a long question has two long answers. A
//! fraction of the variance of each value is that part, and the same fraction of events hits both.
//! What else a world has (incidents, aborts, slow tails) is not simulated here.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson, StandardNormal};

use super::behaviour::{Behaviour, VARIANCE_BETWEEN_USERS};
use super::population::{Population, SimulatedUser};
use super::world::World;
use crate::analysis::{
    AnalysisPlan, ByVersion, Evidence, Measurements, Metric, Observation, PairedAnalysis,
    PairedEvidence, StepIndex, Verdict,
};
use crate::assignment::{Epoch, Version};

/// The pairs of one run.
pub struct PairedTraffic<'w> {
    world: &'w World,
    random: SmallRng,
    population: Population,
    arrivals: Option<Poisson<f64>>,
    /// The share of users whose requests are copied, from 0 to 1.
    share: f64,
    /// The fraction of the variance that both responses to a request share, from 0 to 1.
    shared: f64,
}

/// The result of one run of pairs alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairedRun {
    /// The verdict; inconclusive after the last pair.
    pub verdict: Verdict,
    /// How many pairs there were.
    pub pairs: u64,
}

/// Simulates pairs until there is a verdict, or `max_pairs` of them, with an analysis after each
/// second. `shared` is the fraction of the variance that both responses to a request share.
pub fn run_pairs(
    plan: &AnalysisPlan,
    world: &World,
    shared: f64,
    max_pairs: u64,
    seed: u64,
) -> PairedRun {
    let mut traffic = PairedTraffic::new(world, 1.0, shared, seed);
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::FIRST, 0);
    let mut pairs = PairedEvidence::default();
    for second in 0.. {
        let observations = traffic.second(second, Epoch::new(1));
        pairs.add(plan, &mut evidence, &observations);
        let verdict = PairedAnalysis::new(plan, &pairs).verdict;
        if verdict != Verdict::Inconclusive || pairs.pairs >= max_pairs {
            return PairedRun { verdict, pairs: pairs.pairs };
        }
    }
    PairedRun { verdict: Verdict::Inconclusive, pairs: pairs.pairs }
}

// === impl PairedTraffic ===

impl<'w> PairedTraffic<'w> {
    /// The pairs of one run.
    pub fn new(world: &'w World, share: f64, shared: f64, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let population = Population::new(world.users, &world.behaviours, &mut random);
        let arrivals = Poisson::new(world.per_second).ok();
        Self { world, random, population, arrivals, share, shared }
    }

    /// The pairs of one second, as observations of this epoch.
    pub fn second(&mut self, second: u64, epoch: Epoch) -> Vec<Observation> {
        let Self { world, random, population, arrivals, share, shared } = self;
        let requests = arrivals.as_ref().map_or(0.0, |it| it.sample(random)) as u64;
        let mut pairs = Vec::new();
        for _ in 0..requests {
            let user = population.next(random);
            if user.unit as f64 >= *share * 2_f64.powi(64) {
                continue;
            }
            let halves = respond(world, user, *shared, random);
            pairs.push(Observation {
                at_ns: ((second as f64 + random.random::<f64>()) * 1e9) as u64,
                unit: user.unit,
                epoch,
                version: Version::Blue,
                is_newly_exposed: true,
                is_assignment: true,
                measurements: halves.blue,
                shadow: Some(halves.green),
            });
        }
        pairs
    }
}

/// Both versions' responses to one request. Only the failure is known of one that failed.
fn respond(
    world: &World,
    user: SimulatedUser<'_>,
    shared: f64,
    random: &mut SmallRng,
) -> ByVersion<Measurements> {
    let mut halves = ByVersion::<Measurements>::default();
    let mut failed = ByVersion::<Option<Metric>>::default();
    for (index, behaviour) in world.behaviours.iter().enumerate() {
        if behaviour.metric.quantile().is_some() || behaviour.metric.is_of_pairs() {
            continue;
        }
        let draws = Draws::new(behaviour, shared, random);
        for version in Version::ALL {
            let (half, failed) = (halves.get_mut(version), failed.get_mut(version));
            let draw = *draws.0.get(version);
            if behaviour.is_rate() {
                let is_failure =
                    matches!(behaviour.metric, Metric::ErrorRate | Metric::ClientErrorRate);
                let rate = behaviour.center(version) * user.rate_factor(index);
                // A request fails in one way only.
                let is_bad = draw < rate && !(is_failure && failed.is_some());
                if is_failure && is_bad {
                    *failed = Some(behaviour.metric);
                }
                *half = half.with_rate(behaviour.metric, is_bad);
            } else {
                let value = value(behaviour, version, user.deviation(index), draw);
                *half = half.with_value(behaviour.metric, value as f32);
            }
        }
    }
    judge_pair(world, user, &mut halves, random);
    for version in Version::ALL {
        if let Some(metric) = *failed.get(version) {
            *halves.get_mut(version) = Measurements::default().with_rate(metric, true);
        }
    }
    halves
}

/// Adds a judge's verdict on the pair, where it compares the pair and agrees with itself. A version's
/// rate is that of the pairs that it loses, and no pair is lost by both.
fn judge_pair(
    world: &World,
    user: SimulatedUser<'_>,
    halves: &mut ByVersion<Measurements>,
    random: &mut SmallRng,
) {
    let mut behaviours = world.behaviours.iter().enumerate();
    let Some((index, behaviour)) = behaviours.find(|(_, it)| it.metric == Metric::Preference)
    else {
        return;
    };
    if random.random::<f64>() >= world.judged_pairs {
        return;
    }
    let rate = |version| behaviour.center(version) * user.rate_factor(index);
    let draw = random.random::<f64>();
    let green_loses = draw < rate(Version::Green);
    let blue_loses = !green_loses && draw < rate(Version::Green) + rate(Version::Blue);
    halves.blue = halves.blue.with_rate(Metric::Preference, blue_loses);
    halves.green = halves.green.with_rate(Metric::Preference, green_loses);
}

/// The draw of each version: a uniform one for a rate, a standard normal one for a value.
struct Draws(ByVersion<f64>);

// === impl Draws ===

impl Draws {
    fn new(behaviour: &Behaviour, shared: f64, random: &mut SmallRng) -> Self {
        if behaviour.is_rate() {
            let blue = random.random::<f64>();
            let is_shared = random.random::<f64>() < shared;
            return Self(ByVersion { blue, green: if is_shared { blue } else { random.random() } });
        }
        let request: f64 = StandardNormal.sample(random);
        let mut of_version = || {
            let own: f64 = StandardNormal.sample(random);
            request * shared.sqrt() + own * (1.0 - shared).sqrt()
        };
        Self(ByVersion { blue: of_version(), green: of_version() })
    }
}

/// A version's value. `user` is the user's standardised deviation; 0 where users do not differ.
fn value(behaviour: &Behaviour, version: Version, user: f64, draw: f64) -> f64 {
    let deviation = match user == 0.0 {
        true => draw,
        false => {
            user * VARIANCE_BETWEEN_USERS.sqrt() + draw * (1.0 - VARIANCE_BETWEEN_USERS).sqrt()
        }
    };
    behaviour.center(version) * (behaviour.spread * deviation).exp()
}
