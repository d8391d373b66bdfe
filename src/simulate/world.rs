//! What users do, and what the versions answer.

use std::ops::Range;

use rand::RngExt;
use rand::rngs::SmallRng;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, Gamma, StandardNormal};

use crate::assign::Version;
use crate::judge::metric::Comparison;
use crate::judge::{Metric, Told};

/// Traffic and two versions.
#[derive(Clone, Debug)]
pub struct World {
    /// Requests a second, of all users.
    pub per_second: f64,
    /// Who sends them.
    pub users: Users,
    /// What the versions do, metric by metric. What is not named is not told.
    pub behaviours: Vec<Behaviour>,
    /// Something that hits both versions.
    pub incident: Option<Incident>,
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

/// Rates are so many times what they were, for a while, on both versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// From when to when, in seconds.
    pub seconds: Range<u64>,
    /// How many times.
    pub times: f64,
}

/// The users of one ramp.
pub(super) struct Crowd {
    users: Vec<(f64, u64, Vec<f64>)>,
    next: Option<WeightedAliasIndex<f64>>,
}

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct User<'a> {
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
    pub(super) fn crowd(&self, random: &mut SmallRng) -> Crowd {
        let Users::Sticky { count, shape } = self.users else {
            return Crowd { users: Vec::new(), next: None };
        };
        let users = (0..count).map(|_| self.user(shape, random)).collect();
        let activity = |_| {
            let deviation: f64 = StandardNormal.sample(random);
            deviation.exp()
        };
        let next = WeightedAliasIndex::new((0..count).map(activity).collect()).ok();
        Crowd { users, next }
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
    pub(super) fn respond(
        &self,
        version: Version,
        user: User<'_>,
        second: u64,
        random: &mut SmallRng,
    ) -> (Told, f64) {
        let times = match &self.incident {
            Some(incident) if incident.seconds.contains(&second) => incident.times,
            _ => 1.0,
        };
        let (mut told, mut duration_ms) = (Told::default(), None);
        for (at, behaviour) in self.behaviours.iter().enumerate() {
            let metric = behaviour.metric;
            if behaviour.is_rate() {
                let leaning = user.leanings.get(at).copied().unwrap_or(1.0);
                let chance = behaviour.of(version) * times * leaning;
                told = told.rate(metric, random.random::<f64>() < chance);
            } else {
                let leaning = user.leanings.get(at).copied().unwrap_or_default();
                let value = behaviour.value(version, leaning, random);
                if metric == Metric::Duration {
                    duration_ms = Some(value);
                }
                told = told.value(metric, value as f32);
            }
        }
        let duration_ms = duration_ms.unwrap_or_else(|| DURATION.value(version, 0.0, random));
        (told, duration_ms / 1e3)
    }
}

// === impl Crowd ===

impl Crowd {
    /// Who sends the next request.
    pub fn next(&self, random: &mut SmallRng) -> User<'_> {
        let known = self.next.as_ref().and_then(|next| self.users.get(next.sample(random)));
        match known {
            Some((place, unit, leanings)) => User { place: *place, unit: *unit, leanings },
            None => User { place: random.random(), unit: random.random(), leanings: &[] },
        }
    }
}
