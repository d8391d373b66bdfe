//! What users do, and what the versions answer.

use std::ops::Range;

use rand::RngExt;
use rand::rngs::SmallRng;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, Gamma, StandardNormal};

use crate::analysis::metric::Comparison;
use crate::analysis::{ByVersion, Measurements, Metric};
use crate::assignment::Version;
use crate::rollout::RampSpec;

/// Traffic and two versions.
#[derive(Clone, Debug)]
pub struct World {
    /// Requests a second, of all users.
    pub per_second: f64,
    /// Who sends them.
    pub users: Users,
    /// What the versions do, metric by metric. What is not named is not told.
    pub behaviours: Vec<Behaviour>,
    /// Something that happens for a while.
    pub incident: Option<Incident>,
    /// Whose answers cannot be read.
    pub unread: ByVersion<bool>,
    /// How long a response takes that fails, in milliseconds; `None` where it takes as long
    /// as any other.
    pub failure_ms: Option<f64>,
}

/// Who sends the requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Users {
    /// Each request comes from a user of its own.
    Independent,
    /// So many users. Some send many more requests than others (log-normally, with a
    /// standard deviation of 1), and some have many more bad answers than others (by a
    /// gamma distribution of this shape); half of the variance of values is theirs.
    Sticky {
        /// How many.
        count: usize,
        /// How alike they are in having bad answers: 1 is an exponential distribution,
        /// and at 0.2 a tenth of the users has more than half of the bad answers.
        shape: f64,
    },
}

/// What the versions do in one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// In what.
    pub metric: Metric,
    /// Blue's rate, or the median of its values.
    pub blue: f64,
    /// The standard deviation of the logarithm of its values.
    pub spread: f64,
    /// What green's is of blue's.
    pub green: f64,
}

/// Something that happens for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// From when to when, in seconds.
    pub seconds: Range<u64>,
    /// Rates are so many times what they were, on both versions.
    pub times: f64,
    /// This part of each version's responses fails besides.
    pub failing: ByVersion<f64>,
}

/// The users of one ramp.
pub(super) struct Population {
    users: Vec<(f64, u64, Vec<f64>)>,
    next: Option<WeightedAliasIndex<f64>>,
}

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct SimulatedUser<'a> {
    /// Where their hash puts them, between 0 and 1.
    pub place: f64,
    /// The hash by which the judge knows them.
    pub unit: u64,
    /// By metric of the world, by how much they differ: a factor of rates, a deviation
    /// of values. Empty where they do not.
    leanings: &'a [f64],
}

/// How much of the variance of values is the users'.
const OF_USERS: f64 = 0.5;

/// How long answers take where the world does not say: a median of 4 s.
const DURATION: Behaviour =
    Behaviour { metric: Metric::Duration, blue: 4000.0, spread: 0.8, green: 1.0 };

// === impl Behaviour ===

impl Behaviour {
    /// Whether it is one of events, not of values.
    pub fn is_rate(&self) -> bool {
        matches!(self.metric.comparison(), Comparison::Rate | Comparison::Share)
    }

    fn value(&self, version: Version, of_user: f64, random: &mut SmallRng) -> f64 {
        let own: f64 = StandardNormal.sample(random);
        let deviation = if of_user == 0.0 {
            own
        } else {
            of_user * OF_USERS.sqrt() + own * (1.0 - OF_USERS).sqrt()
        };
        self.of(version) * (self.spread * deviation).exp()
    }

    fn of(&self, version: Version) -> f64 {
        match version {
            Version::Blue => self.blue,
            Version::Green => self.blue * self.green,
        }
    }
}

// === impl World ===

impl World {
    /// The users of one ramp.
    pub(super) fn crowd(&self, random: &mut SmallRng) -> Population {
        let Users::Sticky { count, shape } = self.users else {
            return Population { users: Vec::new(), next: None };
        };
        let users = (0..count).map(|_| self.user(shape, random)).collect();
        let activity = |_| {
            let deviation: f64 = StandardNormal.sample(random);
            deviation.exp()
        };
        let next = WeightedAliasIndex::new((0..count).map(activity).collect()).ok();
        Population { users, next }
    }

    fn user(&self, shape: f64, random: &mut SmallRng) -> (f64, u64, Vec<f64>) {
        let gamma = Gamma::new(shape, 1.0 / shape).ok();
        let leaning = |behaviour: &Behaviour| match gamma {
            Some(gamma) if behaviour.is_rate() => gamma.sample(random),
            Some(_) => StandardNormal.sample(random),
            None => 1.0,
        };
        let leanings = self.behaviours.iter().map(leaning).collect();
        (random.random(), random.random(), leanings)
    }

    /// What a response of this version at this second is like, and how many seconds it
    /// takes.
    ///
    /// As of real ones, of a response that failed no more is told than that, and of one that
    /// cannot be read what its status tells.
    pub(super) fn respond(
        &self,
        version: Version,
        user: SimulatedUser<'_>,
        second: u64,
        random: &mut SmallRng,
    ) -> (Measurements, f64) {
        let incident = self.incident.as_ref().filter(|it| it.seconds.contains(&second));
        let times = incident.map_or(1.0, |it| it.times);
        let failing = incident.map_or(0.0, |it| *it.failing.get(version));
        let is_unread = *self.unread.get(version);
        let (mut told, mut duration_ms) = (Measurements::default(), None);
        let (mut failed, mut all) = (Measurements::default(), Vec::new());
        let mut has_failed = false;
        for (at, behaviour) in self.behaviours.iter().enumerate() {
            let metric = behaviour.metric;
            let is_failure = matches!(metric, Metric::ErrorRate | Metric::ClientErrorRate);
            if behaviour.is_rate() {
                let leaning = user.leanings.get(at).copied().unwrap_or(1.0);
                let chance = behaviour.of(version) * times * leaning;
                let chance = if metric == Metric::ErrorRate { chance + failing } else { chance };
                // A request fails in one way.
                let is_bad = random.random::<f64>() < chance && !(is_failure && has_failed);
                has_failed |= is_failure && is_bad;
                if is_failure && is_bad {
                    failed = failed.with_rate(metric, true);
                }
                told = told.with_rate(metric, is_bad);
            } else {
                let leaning = user.leanings.get(at).copied().unwrap_or_default();
                let value = behaviour.value(version, leaning, random);
                if metric == Metric::Duration {
                    duration_ms = Some(value);
                }
                told = told.with_value(metric, value as f32);
            }
            all.push(metric);
        }
        let duration_ms = duration_ms.unwrap_or_else(|| DURATION.value(version, 0.0, random));
        if has_failed {
            return (failed, self.failure_ms.unwrap_or(duration_ms) / 1e3);
        }
        if is_unread {
            told = told.with_all_missing(all.into_iter().filter(|it| RampSpec::is_from_body(*it)));
            told = told.with_missing(Metric::ErrorRate);
        }
        (told, duration_ms / 1e3)
    }
}

// === impl Crowd ===

impl Population {
    /// Who sends the next request.
    pub fn next(&self, random: &mut SmallRng) -> SimulatedUser<'_> {
        let known = self.next.as_ref().and_then(|next| self.users.get(next.sample(random)));
        match known {
            Some((place, unit, leanings)) => SimulatedUser { place: *place, unit: *unit, leanings },
            None => SimulatedUser { place: random.random(), unit: random.random(), leanings: &[] },
        }
    }
}
