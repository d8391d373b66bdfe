//! How long a gate of a step will take to tell: arithmetic, without a single response.
//!
//! What the bets earn by some time is a sum over responses, with a mean and a variance that
//! follow from traffic, shares and rates. A gate has told when a bet's capital is what it
//! must be. Where the mean is, every second ramp has told, more or less; where the mean and
//! some standard deviations are, the luckiest tenth has; where the mean less some is, all but
//! the unluckiest tenth. How many deviations those are was taken from simulation: the
//! capital is looked at all the time, so the lucky are luckier than at one look.
//!
//! Users count once in each step, for a rollback by their first bad response or first
//! value; a user who has been counted tells no more. So evidence grows ever slower, and few
//! users may never tell at all. Nor do very many: of those that a step cannot remember only
//! some count.
//!
//! Source: Wald's identity, *Sequential Analysis*, 1947, section 3.5, with the normal
//! approximation of the sum around it.

use serde::Serialize;

use super::traffic::ALIKE;
use crate::analysis::absolute_rate;
use crate::analysis::metric::Comparison;
use crate::analysis::plan::GateStepParams;
use crate::analysis::wealth::{BETS, STAKES};
use crate::analysis::{AnalysisPlan, AnalysisUnit, ByVersion, Gate, Metric};
use crate::simulate::{Behaviour, Users, World};

/// After how many seconds something is told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DurationRange {
    /// One ramp of ten has told by then.
    pub p10_s: Option<f64>,
    /// Every second one.
    pub median_s: Option<f64>,
    /// Nine of ten; `None` where that is after all that is looked at.
    pub p90_s: Option<f64>,
}

/// A step, as far as evidence depends on it.
#[derive(Clone, Copy, Debug)]
pub struct StepTraffic {
    /// Requests a second.
    per_second: f64,
    users: Option<f64>,
    /// How many units of the step are remembered; `None` where every request counts.
    remembered: Option<f64>,
    /// The parts of all users that are compared and were on blue before the step.
    new: ByVersion<f64>,
    /// The parts of all users that are compared.
    all: ByVersion<f64>,
    /// How long answers take in the median, in seconds: they are told when they end.
    answer_s: f64,
    /// How long all but the slowest take.
    slow_answer_s: f64,
    /// How long after the step's beginning they must end to count for going on.
    warmup_s: f64,
}

/// The mean of each bet's logarithm, and its variance.
type Sums = [(f64, f64); BETS];

/// How many deviations from the mean the luckiest tenth of ramps has, every second one, and
/// all but the unluckiest tenth.
type Deviations = [f64; 3];

/// Those by which a worse green is found out.
const OF_WORSE: Deviations = [1.75, 0.25, -1.2];

/// Those by which a green is shown to be safe.
const OF_SAFE: Deviations = [1.0, 0.25, -1.1];

/// Times are looked for one after the other, each so many times the one before.
const FINENESS: f64 = 1.01;

// === impl StepTraffic ===

impl StepTraffic {
    /// The traffic in step `at` of a ramp through these shares, each between 0 and 1.
    pub fn of(
        rules: &AnalysisPlan,
        world: &World,
        shares: &[f64],
        at: usize,
        of_conversations: bool,
    ) -> Option<Self> {
        let duration = world.behaviours.iter().find(|it| it.metric == Metric::Duration)?;
        // The quantile of 95 %.
        let slow = (1.645 * duration.spread).exp();
        let (share, step) = (*shares.get(at)?, rules.steps.get(at)?);
        let before = match at.checked_sub(1).and_then(|it| shares.get(it)) {
            Some(before) if !of_conversations => *before,
            _ => 0.0,
        };
        // Of those that are compared, the chance says which part is green's.
        let divided =
            |green: f64, chance: f64| ByVersion { blue: green * (1.0 - chance) / chance, green };
        let users = match world.users {
            Users::Sticky { count, .. } if rules.unit == AnalysisUnit::Units => Some(count as f64),
            _ => None,
        };
        Some(Self {
            per_second: world.per_second,
            users,
            remembered: (rules.unit == AnalysisUnit::Units).then_some(rules.max_units as f64),
            new: divided(share - before, step.new_units.get()),
            all: divided(share, step.all_units.get()),
            answer_s: duration.blue / 1e3,
            slow_answer_s: slow * duration.blue / 1e3,
            warmup_s: rules.warmup_ns as f64 / 1e9,
        })
    }

    /// What comes on top until evidence on a metric is there, for the lucky, the middle and the
    /// unlucky. The durations of slow answers are known late, and it is these that tell: how
    /// many times as late was taken from simulation.
    fn after_s(&self, metric: Metric) -> [f64; 3] {
        match metric {
            Metric::Duration => [1.0, 2.0, 3.0].map(|times| times * self.slow_answer_s),
            _ => [self.answer_s; 3],
        }
    }

    /// How many units of this part of all users have had a response after so many seconds.
    pub fn units(&self, part: f64, seconds: f64) -> f64 {
        match self.users {
            None => part * self.per_second * seconds,
            Some(users) => {
                let each = self.per_second * seconds / users;
                part * users * mean_over_users(|activity| 1.0 - (-each * activity).exp())
            }
        }
    }

    /// How many units of this part of all users have had a bad response.
    fn hit(&self, part: f64, rate: f64, seconds: f64) -> f64 {
        match self.users {
            None => part * self.per_second * seconds * rate,
            Some(users) => {
                let each = self.per_second * seconds / users * rate;
                // Over users whose rates are gamma distributed.
                let hit = |activity: f64| 1.0 - (1.0 + each * activity / ALIKE).powf(-ALIKE);
                part * users * mean_over_users(hit)
            }
        }
    }

    /// Which share counts of what has come in so many seconds. Of `n` units that came one
    /// after the other, those remain with the lowest hashes, so that the next one counts with
    /// the chance `remembered / n`.
    fn counted(&self, seconds: f64) -> f64 {
        match self.times_full(seconds) {
            times if times > 1.0 => (1.0 + times.ln()) / times,
            _ => 1.0,
        }
    }

    /// How many times as many units have come as are remembered.
    fn times_full(&self, seconds: f64) -> f64 {
        let Some(remembered) = self.remembered else { return 0.0 };
        self.units(self.all.blue + self.all.green, seconds) / remembered
    }

    /// What counts of `all`, which is a sum that grows with time, in so many seconds from the
    /// warm-up's end on.
    fn since_warm(&self, seconds: f64, all: impl Fn(f64) -> f64) -> f64 {
        let (warm, now) = (self.warmup_s, self.warmup_s + seconds);
        match self.users {
            None => all(now) * self.counted(now) - all(warm) * self.counted(warm),
            // Who is remembered goes on to count.
            Some(_) => all(seconds) / self.times_full(now).max(1.0),
        }
    }

    /// By how much many requests of few users overstate, in what is known of bad ones: a
    /// cluster of `n` requests has a variance that is larger by `n·rate·var`, and of a
    /// request's own cluster `n` is the mean over requests.
    fn design_effect(&self, rate: f64, seconds: f64) -> f64 {
        let Some(users) = self.users else { return 1.0 };
        let each = self.per_second * seconds / users;
        let unlike = 1.0 / ALIKE;
        1.0 + rate * unlike * each * mean_over_users(|activity| activity * activity)
    }
}

/// The mean over users, who send more or less: log-normally, with a standard deviation of
/// 1, and 1 on average. By the midpoints of so many equal parts of the normal distribution's
/// middle.
fn mean_over_users(of: impl Fn(f64) -> f64) -> f64 {
    const PARTS: usize = 64;
    const REACH: f64 = 4.0;
    let width = 2.0 * REACH / PARTS as f64;
    let parts = (0..PARTS).map(|at| (at as f64 + 0.5) * width - REACH);
    let (sum, weights) = parts.fold((0.0, 0.0), |(sum, weights), z| {
        let weight = (-z * z / 2.0).exp();
        (sum + weight * of((z - 0.5).exp()), weights + weight)
    });
    sum / weights
}

/// After what time a green that does this is found to be worse, if it is so from this
/// step's beginning on; within `most_s`.
pub fn worse(
    rules: &AnalysisPlan,
    (at, gate): (usize, &Gate),
    green: &Behaviour,
    traffic: &StepTraffic,
    most_s: f64,
) -> Option<DurationRange> {
    let step = gate.steps().get(at)?;
    let critical = rules.gates.iter().filter(|it| it.spec.is_critical).count().max(1);
    // Half of the stake plays from the first step on, and the rest is divided among the later
    // ones.
    let later = rules.steps.len().saturating_sub(1);
    let starts = match (at, later) {
        (_, 0) => 1,
        (0, _) => 2,
        (_, later) => 2 * later,
    };
    let needed = ((BETS * critical * starts * sides(gate)) as f64 / rules.alpha).ln();
    let sums = |seconds: f64| -> Sums {
        if green.is_rate() {
            worse_rate(step, green, traffic, seconds)
        } else {
            let shift = (green.green / (1.0 + gate.spec.margin)).ln();
            let part = traffic.new;
            let firsts = traffic.units(part.green, seconds) * traffic.counted(seconds);
            values(green, shift, part, firsts, seconds)
        }
    };
    Some(interval(needed, most_s, traffic.after_s(gate.spec.metric), OF_WORSE, sums))
}

/// After what time a green that does this is shown to be safe.
pub fn safe(
    rules: &AnalysisPlan,
    (at, gate): (usize, &Gate),
    green: &Behaviour,
    traffic: &StepTraffic,
    most_s: f64,
) -> Option<DurationRange> {
    let step = gate.steps().get(at)?;
    let needed = ((BETS * sides(gate)) as f64 / rules.beta).ln();
    // What ends after the warm-up counts.
    let after = traffic.after_s(gate.spec.metric).map(|after| after.max(traffic.warmup_s));
    if !green.is_rate() {
        let shift = ((1.0 + step.tolerance) / green.green).ln();
        let part = traffic.all;
        let sums = |seconds: f64| {
            let firsts = traffic.since_warm(seconds, |it| traffic.units(part.green, it));
            values(green, shift, part, firsts, seconds)
        };
        return Some(interval(needed, most_s, after, OF_SAFE, sums));
    }
    let by_ratio = |needed| {
        interval(needed, most_s, after, OF_SAFE, |seconds| safe_rate(step, green, traffic, seconds))
    };
    let Some(ceiling) = step.ceiling else { return Some(by_ratio(needed)) };
    // Both have half of the stake.
    let needed = needed + 2_f64.ln();
    let by_ceiling =
        interval(needed, most_s, after, OF_SAFE, |seconds| below(ceiling, green, traffic, seconds));
    Some(by_ratio(needed).sooner(by_ceiling))
}

/// Where either direction would be worse, each has half of the stake.
fn sides(gate: &Gate) -> usize {
    if gate.spec.metric.comparison() == Comparison::Either { 2 } else { 1 }
}

fn rates(green: &Behaviour) -> ByVersion<f64> {
    ByVersion { blue: green.blue, green: (green.blue * green.green).min(1.0) }
}

fn worse_rate(
    step: &GateStepParams,
    green: &Behaviour,
    traffic: &StepTraffic,
    seconds: f64,
) -> Sums {
    let (rates, counted) = (rates(green), traffic.counted(seconds));
    let hits = ByVersion {
        blue: traffic.hit(traffic.new.blue, rates.blue, seconds) * counted,
        green: traffic.hit(traffic.new.green, rates.green, seconds) * counted,
    };
    of_hits(|bad| step.harm.wealth(bad).logs(), hits, 1.0)
}

fn safe_rate(
    step: &GateStepParams,
    green: &Behaviour,
    traffic: &StepTraffic,
    seconds: f64,
) -> Sums {
    let rates = rates(green);
    let requests = traffic.since_warm(seconds, |it| traffic.per_second * it);
    let hits = ByVersion {
        blue: requests * traffic.all.blue * rates.blue,
        green: requests * traffic.all.green * rates.green,
    };
    let effect = traffic.design_effect(rates.blue, seconds);
    let effect = 1.0 + (effect - 1.0) * (1.0 + step.tolerance).sqrt();
    of_hits(|bad| step.non_inferiority.wealth(bad).logs(), hits, effect)
}

/// The sums after so many bad events, which come as a Poisson process.
fn of_hits(
    worth: impl Fn(ByVersion<u64>) -> [f64; BETS],
    hits: ByVersion<f64>,
    effect: f64,
) -> Sums {
    let blue = worth(ByVersion { blue: 1, green: 0 });
    let green = worth(ByVersion { blue: 0, green: 1 });
    let mut each = blue.into_iter().zip(green);
    std::array::from_fn(|_| {
        let (blue, green) = each.next().unwrap_or_default();
        let mean = hits.blue * blue + hits.green * green;
        let square = hits.blue * blue * blue + hits.green * green * green;
        // Clusters scatter as if there were fewer events, each worth as much.
        (mean / effect, square / effect)
    })
}

fn below(ceiling: f64, green: &Behaviour, traffic: &StepTraffic, seconds: f64) -> Sums {
    let rate = rates(green).green;
    let units = traffic.since_warm(seconds, |it| traffic.units(traffic.all.green, it));
    let good = absolute_rate::wealth(ceiling, 1, 0).logs();
    let bad = absolute_rate::wealth(ceiling, 1, 1).logs();
    let mut each = good.into_iter().zip(bad);
    std::array::from_fn(|_| {
        let (good, bad) = each.next().unwrap_or_default();
        let mean = (1.0 - rate) * good + rate * bad;
        let square = (1.0 - rate) * good * good + rate * bad * bad;
        (units * mean, units * (square - mean * mean))
    })
}

/// The sums of the comparison by rank, of values that lie `shift` apart on a logarithmic
/// scale; `firsts` are green's that count, and `part` says how many of blue's there are.
fn values(green: &Behaviour, shift: f64, part: ByVersion<f64>, firsts: f64, seconds: f64) -> Sums {
    // The chance that one of green's is higher than one of blue's, less ½, for two normal
    // variables a shift apart.
    let mean = 0.5 * libm::erfc(-shift / (2.0 * green.spread)) - 0.5;
    // A block has what comes in a second, and closes at four of each.
    let times = part.blue / part.green;
    let greens = (firsts / seconds).clamp(1.0, 4.0);
    let blues = (firsts * times / seconds).clamp(1.0, (4.0 * times).max(1.0));
    let variance = (1.0 / greens + 1.0 / blues) / 12.0;
    let rounds = firsts / greens;
    let mut stakes = STAKES.into_iter();
    std::array::from_fn(|_| {
        let stake = stakes.next().unwrap_or_default();
        let (mean, variance) = (2.0 * mean, 4.0 * variance);
        let growth = stake * mean - stake * stake * (mean * mean + variance) / 2.0;
        (rounds * growth, rounds * stake * stake * variance)
    })
}

/// When the sums are what they must be; `after_s` comes on top.
fn interval(
    needed: f64,
    most_s: f64,
    after_s: [f64; 3],
    deviations: Deviations,
    sums: impl Fn(f64) -> Sums,
) -> DurationRange {
    let mut found = [None; 3];
    let mut seconds = 1.0;
    while seconds <= most_s {
        let sums = sums(seconds);
        for ((found, deviations), after_s) in found.iter_mut().zip(deviations).zip(after_s) {
            let has_told =
                |(mean, variance): &(f64, f64)| mean + deviations * variance.sqrt() >= needed;
            if found.is_none() && sums.iter().any(has_told) {
                *found = Some(seconds + after_s);
            }
        }
        if found.iter().all(Option::is_some) {
            break;
        }
        seconds *= FINENESS;
    }
    let [p10_s, median_s, p90_s] = found.map(|it| it.filter(|it| *it <= most_s));
    DurationRange { p10_s, median_s, p90_s }
}

// === impl Interval ===

impl DurationRange {
    /// Whichever is first.
    fn sooner(self, other: Self) -> Self {
        self.with(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        })
    }

    /// Whichever is last.
    pub fn later(self, other: Self) -> Self {
        self.with(other, |a, b| Some(a?.max(b?)))
    }

    fn with(self, other: Self, of: impl Fn(Option<f64>, Option<f64>) -> Option<f64>) -> Self {
        Self {
            p10_s: of(self.p10_s, other.p10_s),
            median_s: of(self.median_s, other.median_s),
            p90_s: of(self.p90_s, other.p90_s),
        }
    }
}
