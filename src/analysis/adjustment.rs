//! Regression adjustment: values are compared after what the request explains is taken out.
//!
//! A long prompt takes long on both versions. So a value is divided by what is usual for the
//! [`RequestClass`] of its request, relative to all requests: by the geometric mean of blue's
//! earlier values in the class, over that of all classes. What is left varies less, and fewer
//! values show a difference.
//!
//! **Why the tests stay valid.** Let the factor of each class be any function of values that came
//! before a block of values began. Given these, the factors are constants. Chance assigns a request
//! to a version whatever its class is, so the classes of both versions have the same distribution.
//! If in each class green's values, divided by 1 + margin, are not stochastically larger than
//! blue's, neither are the adjusted ones: a factor of the class preserves the order within it, and
//! both distributions are mixtures over the classes with the same weights. So each block stays a
//! fair round ([`mann_whitney`](super::mann_whitney)), and the wealth an e-process. The same holds
//! for the test of non-inferiority, where green is worse by the tolerance in each class. How well
//! the factors explain the values decides only how soon the tests decide.
//!
//! **When factors change.** At the beginning of a tick, when blue has [`MIN_VALUES`] values, and
//! again whenever it has twice as many as then. Values that wait in a block for the other version
//! are dropped at that moment: their factors were others. Counts alone decide that.
//!
//! Two things weaken the claim. A unit of blue that comes again is compared by factors that its own
//! earlier values have shaped, by 1 part in the number of values. And where users of the two
//! versions differ in patience, censoring is independent of the value within a class only.
//!
//! Sources: Hodges and Lehmann, *Rank methods for combination of independent experiments in
//! analysis of variance*, Annals of Mathematical Statistics 33, 1962 (ranks after alignment); Lin,
//! *Agnostic notes on regression adjustments to experimental data*, Annals of Applied Statistics 7,
//! 2013; Lindon, Ham, Tingley and Bojinov, arXiv 2210.08589 (adjustment under sequential tests); the
//! plug-in that looks at the past alone is that of Waudby-Smith and Ramdas, *Estimating means of
//! bounded random variables by betting*, JRSS B 2024.

use serde::{Deserialize, Serialize};

use super::measurements::Measurements;
use super::metric::Metric;
use super::observation::Observation;
use super::plan::AnalysisPlan;
use super::request_class::RequestClass;
use crate::assignment::Version;

/// The factors of each metric that is adjusted. Empty where nothing is adjusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Adjustment(Vec<AdjustedMetric>);

/// The classes of one metric: at most 256, with 17 bytes each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct AdjustedMetric {
    metric: Metric,
    /// Blue's values so far, by class in growing order.
    sums: Vec<(RequestClass, LogSum)>,
    /// By what a value is multiplied, by class in growing order.
    factors: Vec<(RequestClass, f32)>,
    /// How many values the factors are from.
    known_from: u64,
}

/// The number of some values, and the sum of their logarithms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct LogSum {
    count: u64,
    sum: f64,
}

/// So many of blue's values must be known before factors are used.
pub const MIN_VALUES: u64 = 400;

/// A class counts as if it had so many values more that are usual for all classes, so that one of
/// few values is not adjusted by their chance.
const PRIOR_VALUES: f64 = 4.0;

// === impl Adjustment ===

impl Adjustment {
    /// Learns blue's values.
    pub(super) fn learn(&mut self, plan: &AnalysisPlan, observation: &Observation) {
        if !plan.adjusts || observation.version == Version::Green {
            return;
        }
        if self.0.is_empty() {
            let metrics = plan.gates.iter().map(|gate| gate.spec.metric);
            self.0 = metrics.filter(|it| it.is_adjustable()).map(AdjustedMetric::new).collect();
        }
        let measurements = &observation.measurements;
        for adjusted in &mut self.0 {
            let value = measurements.censored_value_of(adjusted.metric);
            if let Some(value) = value.filter(|it| !it.is_censored && it.value > 0.0) {
                adjusted.learn(measurements.request_class(), value.value);
            }
        }
    }

    /// Updates the factors if it is time. Call it before a tick's observations are added. Returns
    /// whether they have changed.
    pub(super) fn update_if_due(&mut self) -> bool {
        // Each one is updated, so that `any` is not enough.
        self.0.iter_mut().filter_map(AdjustedMetric::update_if_due).count() > 0
    }

    /// The measurements with their adjusted values.
    pub(super) fn adjust(&self, measurements: Measurements) -> Measurements {
        let class = measurements.request_class();
        self.0.iter().fold(measurements, |measurements, adjusted| {
            measurements.scaled(adjusted.metric, adjusted.factor(class))
        })
    }

    /// By what a value of this metric is multiplied, if its request has this class.
    pub fn factor(&self, metric: Metric, class: RequestClass) -> f32 {
        self.0.iter().find(|it| it.metric == metric).map_or(1.0, |it| it.factor(class))
    }

    /// Adds what was learned elsewhere under the same plan.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
            return;
        }
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            from.sums.iter().for_each(|(class, sum)| to.add(*class, *sum));
        }
    }
}

// === impl AdjustedMetric ===

impl AdjustedMetric {
    fn new(metric: Metric) -> Self {
        Self { metric, sums: Vec::new(), factors: Vec::new(), known_from: 0 }
    }

    fn learn(&mut self, class: RequestClass, value: f64) {
        self.add(class, LogSum { count: 1, sum: libm::log(value) });
    }

    fn add(&mut self, class: RequestClass, sum: LogSum) {
        match self.sums.binary_search_by_key(&class, |(class, _)| *class) {
            Ok(index) => {
                if let Some((_, to)) = self.sums.get_mut(index) {
                    to.count += sum.count;
                    to.sum += sum.sum;
                }
            }
            Err(index) => self.sums.insert(index, (class, sum)),
        }
    }

    /// Computes the factors if it is time; `None` if it is not.
    fn update_if_due(&mut self) -> Option<()> {
        let count: u64 = self.sums.iter().map(|(_, sum)| sum.count).sum();
        if count < MIN_VALUES.max(2 * self.known_from) {
            return None;
        }
        self.known_from = count;
        let mean = self.sums.iter().map(|(_, sum)| sum.sum).sum::<f64>() / count as f64;
        let factor = |LogSum { count, sum }: &LogSum| {
            let usual = (sum + PRIOR_VALUES * mean) / (*count as f64 + PRIOR_VALUES);
            libm::exp(mean - usual) as f32
        };
        self.factors = self.sums.iter().map(|(class, sum)| (*class, factor(sum))).collect();
        Some(())
    }

    /// By what a value is multiplied; 1 for a class that is not known.
    fn factor(&self, class: RequestClass) -> f32 {
        let index = self.factors.binary_search_by_key(&class, |(class, _)| *class);
        index.ok().and_then(|index| self.factors.get(index)).map_or(1.0, |(_, factor)| *factor)
    }
}
