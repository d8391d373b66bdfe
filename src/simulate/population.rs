//! The users of a simulated world.

use rand::RngExt;
use rand::rngs::SmallRng;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, Gamma, StandardNormal};

use super::behaviour::Behaviour;

/// Who sends the requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Users {
    /// Each request comes from a new user.
    Independent,
    /// A fixed number of users.
    ///
    /// Their activity is log-normal with a standard deviation of 1. The factor by which their
    /// rates of bad answers differ has a gamma distribution. Half of the variance of values is
    /// between users.
    Sticky {
        /// The number of users.
        count: usize,
        /// The shape of the gamma distribution: 1 is an exponential distribution; at 0.2 a
        /// tenth of the users has more than half of the bad answers.
        shape: f64,
    },
    /// A fixed number of users who differ in how much they send. Half of the variance of values is
    /// between them.
    Unequal {
        /// The number of users.
        count: usize,
        /// How much they send.
        activity: Activity,
        /// The shape of the gamma distribution of the factor by which their rates of bad answers
        /// differ; `None` where these do not differ.
        shape: Option<f64>,
    },
}

/// How much each of many users sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activity {
    /// The first user sends this fraction of all requests, the others send equally many.
    OneSends(f64),
    /// One in a hundred users sends this fraction of all requests.
    OnePercentSends(f64),
    /// By Zipf's law with this exponent.
    Zipf(f64),
}

/// The users of one run.
pub(super) struct Population {
    users: Vec<StickyUser>,
    by_activity: Option<WeightedAliasIndex<f64>>,
}

/// A user who sends more than one request.
struct StickyUser {
    bucket: f64,
    unit: u64,
    tendencies: Vec<f64>,
}

/// The user of one request.
#[derive(Clone, Copy)]
pub(super) struct SimulatedUser<'a> {
    /// The user's place in the assignment, from 0 to 1.
    pub bucket: f64,
    /// The user's analysis hash.
    pub unit: u64,
    tendencies: &'a [f64],
}

// === impl Population ===

impl Population {
    /// The users of one run, in a world with these behaviours.
    pub fn new(users: Users, behaviours: &[Behaviour], random: &mut SmallRng) -> Self {
        let (users, activities): (Vec<_>, Vec<_>) = match users {
            Users::Independent => return Self { users: Vec::new(), by_activity: None },
            Users::Sticky { count, shape } => {
                let users = (0..count).map(|_| StickyUser::new(shape, behaviours, random));
                let users = users.collect();
                let activity = |_| {
                    let deviation: f64 = StandardNormal.sample(random);
                    deviation.exp()
                };
                (users, (0..count).map(activity).collect())
            }
            Users::Unequal { count, activity, shape } => {
                let user = |_| match shape {
                    Some(shape) => StickyUser::new(shape, behaviours, random),
                    None => StickyUser::usual(behaviours, random),
                };
                let users = (0..count).map(user);
                (users.collect(), (0..count).map(|index| activity.of(index, count)).collect())
            }
        };
        Self { users, by_activity: WeightedAliasIndex::new(activities).ok() }
    }

    /// The user who sends the next request.
    pub fn next(&self, random: &mut SmallRng) -> SimulatedUser<'_> {
        let sticky =
            self.by_activity.as_ref().and_then(|index| self.users.get(index.sample(random)));
        match sticky {
            Some(StickyUser { bucket, unit, tendencies }) => {
                SimulatedUser { bucket: *bucket, unit: *unit, tendencies }
            }
            None => {
                SimulatedUser { bucket: random.random(), unit: random.random(), tendencies: &[] }
            }
        }
    }
}

// === impl Activity ===

impl Activity {
    /// How much the user at `index` of `count` sends, in any unit.
    fn of(self, index: usize, count: usize) -> f64 {
        let users = count as f64;
        match self {
            Self::OneSends(fraction) if index == 0 => fraction,
            Self::OneSends(fraction) => (1.0 - fraction) / (users - 1.0),
            Self::OnePercentSends(fraction) if index.is_multiple_of(100) => {
                fraction / (users * 0.01)
            }
            Self::OnePercentSends(fraction) => (1.0 - fraction) / (users * 0.99),
            Self::Zipf(exponent) => (index as f64 + 1.0).powf(-exponent),
        }
    }
}

// === impl StickyUser ===

impl StickyUser {
    /// A user whose rates are those of all others.
    fn usual(behaviours: &[Behaviour], random: &mut SmallRng) -> Self {
        let tendency = |behaviour: &Behaviour| match behaviour.is_rate() {
            true => 1.0,
            false => StandardNormal.sample(random),
        };
        let tendencies = behaviours.iter().map(tendency).collect();
        Self { bucket: random.random(), unit: random.random(), tendencies }
    }

    fn new(shape: f64, behaviours: &[Behaviour], random: &mut SmallRng) -> Self {
        let gamma = Gamma::new(shape, 1.0 / shape).ok();
        let tendency = |behaviour: &Behaviour| match gamma {
            Some(gamma) if behaviour.is_rate() => gamma.sample(random),
            Some(_) => StandardNormal.sample(random),
            None => 1.0,
        };
        let tendencies = behaviours.iter().map(tendency).collect();
        Self { bucket: random.random(), unit: random.random(), tendencies }
    }
}

// === impl SimulatedUser ===

impl SimulatedUser<'_> {
    /// The factor of the user's rate in the world's behaviour at `index`.
    pub fn rate_factor(&self, index: usize) -> f64 {
        self.tendencies.get(index).copied().unwrap_or(1.0)
    }

    /// The standardised deviation of the user's values in the world's behaviour at `index`; 0
    /// where users do not differ.
    pub fn deviation(&self, index: usize) -> f64 {
        self.tendencies.get(index).copied().unwrap_or_default()
    }
}
