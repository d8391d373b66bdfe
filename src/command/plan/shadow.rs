//! The plan of a shadow step: pairs of responses, simulated.

use std::fmt::Write as _;

use serde::Serialize;

use crate::analysis::Verdict;
use crate::command::forecast::DurationDistribution;
use crate::command::output::{count, percent, time};
use crate::rollout::RampSpec;
use crate::simulate::rollout::SHARED;
use crate::simulate::{PairedRun, World, in_parallel, run_pairs};

/// The plan of a shadow step.
#[derive(Serialize)]
pub(super) struct PlannedShadowStep {
    /// The share of users whose requests are copied, from 0 to 1.
    share: f64,
    /// Pairs per second.
    pairs_per_second: f64,
    /// Pairs per second that a judge compares; `None` without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    judged_per_second: Option<f64>,
    /// The share of these whose verdicts agree in both orders, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<f64>,
    /// After how many pairs the ramp holds if the step is not decided.
    pub max_pairs: u64,
    /// The fraction of the variance of values that both responses to a request are assumed to share.
    shared: f64,
    /// The share of ramps in which a green like blue goes on before the ramp holds, from 0 to 1.
    pub goes_on: f64,
    /// After how many pairs it does so: the tenth, the half and nine tenths of these ramps.
    after_pairs: Option<[u64; 3]>,
    /// How long a green like blue stays in the step.
    #[serde(skip)]
    pub lasts: DurationDistribution,
}

/// A number per second, which may be far below 1.
fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.2}") } else { count(per_second) }
}

/// How many shadow steps are simulated.
const RUNS: u64 = 200;

// === impl PlannedShadowStep ===

impl PlannedShadowStep {
    /// The plan of the ramp's shadow step; `None` if it has none. `judged` is the share of pairs that a
    /// judge compares, if there is one.
    pub fn new(ramp: &RampSpec, world: &World, judged: Option<f64>) -> Option<Self> {
        let shadow = ramp.shadow?;
        let share = shadow.share.fraction();
        let run = |seed| run_pairs(&ramp.analysis, world, SHARED, shadow.max_pairs, seed);
        let runs: Vec<PairedRun> = in_parallel(RUNS, run);
        let mut pairs: Vec<u64> =
            runs.iter().filter(|run| run.verdict == Verdict::Pass).map(|run| run.pairs).collect();
        pairs.sort_unstable();
        let at = |quantile: f64| {
            let at = (quantile * pairs.len().saturating_sub(1) as f64).round() as usize;
            pairs.get(at).copied()
        };
        let quantiles = [at(0.1), at(0.5), at(0.9)];
        let pairs_per_second = world.per_second * share;
        let lasts = DurationDistribution::from_quantiles(|probability| {
            let after = pairs.get((probability * RUNS as f64) as usize)?;
            Some(*after as f64 / pairs_per_second)
        });
        Some(Self {
            share,
            pairs_per_second,
            judged_per_second: judged.map(|it| it * pairs_per_second),
            agreement: judged.filter(|it| *it > 0.0).map(|it| world.judged_pairs / it),
            max_pairs: shadow.max_pairs,
            shared: SHARED,
            goes_on: pairs.len() as f64 / RUNS as f64,
            after_pairs: match quantiles {
                [Some(low), Some(median), Some(high)] => Some([low, median, high]),
                _ => None,
            },
            lasts,
        })
    }

    /// The plan as text.
    pub fn text(&self) -> String {
        let Self { share, pairs_per_second, max_pairs, shared, goes_on, after_pairs, .. } = self;
        let after = |pairs: u64| time(pairs as f64 / pairs_per_second);
        let mut text = format!(
            "Copies of the requests of {} of users, {} a second; no user is on green.\n",
            percent(*share),
            rate(*pairs_per_second)
        );
        if let (Some(judged), Some(agreement)) = (self.judged_per_second, self.agreement) {
            let _ = writeln!(
                text,
                "The judge compares {} of these a second, with two questions each; {} of its verdicts \
                 are assumed to agree in both orders.",
                rate(judged),
                percent(agreement)
            );
        }
        let _ = match after_pairs {
            Some([low, median, high]) => writeln!(
                text,
                "A green like blue goes on after {} pairs ({} to {}), {} ({} to {}), in {} of ramps.",
                count(*median as f64),
                count(*low as f64),
                count(*high as f64),
                after(*median),
                after(*low),
                after(*high),
                percent(*goes_on)
            ),
            None => writeln!(text, "A green like blue does not go on with so few pairs."),
        };
        let _ = writeln!(
            text,
            "The ramp holds after {} pairs, {}. Both responses to a request are assumed to share {} of \
             the variance of their values.",
            count(*max_pairs as f64),
            after(*max_pairs),
            percent(*shared)
        );
        text
    }
}
