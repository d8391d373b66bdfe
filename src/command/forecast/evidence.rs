//! The evidence that bets collect by a given time: mean and variance of their log-wealth.

use super::step_traffic::StepTraffic;
use crate::analysis::ByVersion;
use crate::analysis::absolute_rate;
use crate::analysis::plan::GateStepParams;
use crate::analysis::repeated_values::{MIN_VARIANCE, STAKE};
use crate::analysis::wealth::{BETS, STAKES};
use crate::simulate::Behaviour;

/// The distribution of a bet's log-wealth.
#[derive(Clone, Copy, Debug)]
pub struct LogWealth {
    pub mean: f64,
    pub variance: f64,
}

/// The log-wealth of each bet of a test.
pub type LogWealths = [LogWealth; BETS];

/// No evidence.
pub const NONE: LogWealths = [LogWealth { mean: 0.0, variance: 0.0 }; BETS];

/// The rates of bad responses of both versions.
fn rates(behaviour: &Behaviour) -> ByVersion<f64> {
    ByVersion { blue: behaviour.blue, green: (behaviour.blue * behaviour.green).min(1.0) }
}

/// Evidence that green's rate is worse: each unit counts by its first bad response.
pub fn harm_of_rate(
    params: &GateStepParams,
    behaviour: &Behaviour,
    traffic: &StepTraffic,
    seconds: f64,
) -> LogWealths {
    let (rates, sampled) = (rates(behaviour), traffic.sampled_fraction(seconds));
    let fractions = traffic.newly_exposed;
    let events = ByVersion {
        blue: traffic.units_with_event(fractions.blue, rates.blue, seconds) * sampled,
        green: traffic.units_with_event(fractions.green, rates.green, seconds) * sampled,
    };
    of_events(|counts| params.harm.wealth(counts).logs(), events, 1.0)
}

/// Evidence that green's rate is worse: each unit counts by its first bad response in each period.
pub fn repeated_harm_of_rate(
    params: &GateStepParams,
    behaviour: &Behaviour,
    traffic: &StepTraffic,
    seconds: f64,
) -> LogWealths {
    let (rates, fractions) = (rates(behaviour), traffic.newly_exposed);
    let (blue, _) = traffic.repeated_events(fractions.blue, rates.blue, seconds);
    let (green, effect) = traffic.repeated_events(fractions.green, rates.green, seconds);
    of_events(|counts| params.harm.wealth(counts).logs(), ByVersion { blue, green }, effect)
}

/// Evidence that green's rate is within the tolerance.
pub fn non_inferiority_of_rate(
    params: &GateStepParams,
    behaviour: &Behaviour,
    traffic: &StepTraffic,
    seconds: f64,
) -> LogWealths {
    let rates = rates(behaviour);
    let requests = traffic.counted_after_warmup(seconds, |it| traffic.per_second * it);
    let events = ByVersion {
        blue: requests * traffic.exposed.blue * rates.blue,
        green: requests * traffic.exposed.green * rates.green,
    };
    let effect = traffic.design_effect(rates.blue, seconds);
    let effect = 1.0 + (effect - 1.0) * (1.0 + params.rate_tolerance).sqrt();
    of_events(|counts| params.non_inferiority.wealth(counts).logs(), events, effect)
}

/// Evidence that green's rate is below its ceiling.
pub fn below_ceiling(
    ceiling: f64,
    behaviour: &Behaviour,
    traffic: &StepTraffic,
    seconds: f64,
) -> LogWealths {
    let rate = rates(behaviour).green;
    let units =
        traffic.counted_after_warmup(seconds, |it| traffic.units(traffic.exposed.green, it));
    let good = absolute_rate::wealth(ceiling, 1, 0).logs();
    let bad = absolute_rate::wealth(ceiling, 1, 1).logs();
    let mut each = good.into_iter().zip(bad);
    std::array::from_fn(|_| {
        let (good, bad) = each.next().unwrap_or_default();
        let mean = (1.0 - rate) * good + rate * bad;
        let square = (1.0 - rate) * good * good + rate * bad * bad;
        LogWealth { mean: units * mean, variance: units * (square - mean * mean) }
    })
}

/// Evidence after this many bad events, which are a Poisson process. `log_wealth` is that of a
/// test after these counts.
fn of_events(
    log_wealth: impl Fn(ByVersion<u64>) -> [f64; BETS],
    events: ByVersion<f64>,
    design_effect: f64,
) -> LogWealths {
    let blue = log_wealth(ByVersion { blue: 1, green: 0 });
    let green = log_wealth(ByVersion { blue: 0, green: 1 });
    let mut each = blue.into_iter().zip(green);
    std::array::from_fn(|_| {
        let (blue, green) = each.next().unwrap_or_default();
        let mean = events.blue * blue + events.green * green;
        let square = events.blue * blue * blue + events.green * green * green;
        // Clusters vary as if there were fewer events of the same worth.
        LogWealth { mean: mean / design_effect, variance: square / design_effect }
    })
}

/// A comparison of values by rank.
#[derive(Clone, Copy)]
pub struct RankComparison {
    /// The difference between the versions on a logarithmic scale.
    pub shift: f64,
    /// The standard deviation of the logarithm of values.
    pub spread: f64,
    /// The fractions of users that are compared.
    pub fractions: ByVersion<f64>,
    /// How many first values of green's count.
    pub green_values: f64,
}

impl RankComparison {
    /// The probability that a value of green's is higher than one of blue's, minus ½, for two
    /// normal variables that are `shift` apart.
    fn advantage(self) -> f64 {
        0.5 * libm::erfc(-self.shift / (2.0 * self.spread)) - 0.5
    }
}

/// Evidence of units' repeated values, with their design effect.
pub fn of_repeated_values(comparison: RankComparison, design_effect: f64) -> LogWealths {
    let RankComparison { fractions, green_values, .. } = comparison;
    let sum = green_values * comparison.advantage();
    let variance =
        design_effect * MIN_VARIANCE * green_values * (1.0 + fractions.green / fractions.blue);
    STAKES.map(|stake| {
        let stake = STAKE * stake / design_effect;
        LogWealth {
            mean: stake * sum - stake * stake * variance / 2.0,
            variance: stake * stake * variance,
        }
    })
}

/// Evidence of a comparison by rank after `seconds`.
pub fn of_ranks(comparison: RankComparison, seconds: f64) -> LogWealths {
    let RankComparison { fractions, green_values, .. } = comparison;
    let advantage = comparison.advantage();
    // A block has the values of a second, and closes at four of each version.
    let blue_per_green = fractions.blue / fractions.green;
    let greens = (green_values / seconds).clamp(1.0, 4.0);
    let blues =
        (green_values * blue_per_green / seconds).clamp(1.0, (4.0 * blue_per_green).max(1.0));
    // The variance of the Mann-Whitney statistic of two samples without a difference.
    let variance = 4.0 * (greens + blues + 1.0) / (12.0 * greens * blues);
    let mean = 2.0 * advantage;
    let rounds = green_values / greens;
    let mut stakes = STAKES.into_iter();
    std::array::from_fn(|_| {
        let stake = stakes.next().unwrap_or_default();
        let growth = stake * mean - stake * stake * (mean * mean + variance) / 2.0;
        LogWealth { mean: rounds * growth, variance: rounds * stake * stake * variance }
    })
}
