//! The counters of the evidence that gates have used, so that an operator can verify their
//! results.

use super::names::EvidenceCounter;
use crate::analysis::gate_stats::GateStats;
use crate::analysis::moments::Moments;
use crate::analysis::value_stats::ValueStats;
use crate::analysis::{AnalysisPlan, ByVersion, Evidence, Metric};
use crate::assignment::Version;

/// An evidence counter of one version in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EvidenceKey {
    /// What is counted.
    pub counter: EvidenceCounter,
    /// The version.
    pub version: Version,
    /// The index of the step.
    pub step: usize,
}

/// What has been added to each evidence counter of a rollout.
#[derive(Clone, Debug)]
pub struct EvidenceCounts(Vec<EvidenceCount>);

/// The number of units that an evidence counter stands for.
#[derive(Clone, Copy, Debug)]
struct EvidenceCount {
    key: EvidenceKey,
    units: u64,
}

// === impl EvidenceCounts ===

impl EvidenceCounts {
    /// Starts from evidence that has been counted, such as that of an earlier leader.
    pub fn new(evidence: &Evidence, plan: &AnalysisPlan) -> Self {
        Self(counts(evidence, plan))
    }

    /// Gives `add` each counter that has new units, with their number.
    ///
    /// Where the evidence of a step was reset, all units that it has are new.
    pub fn update(
        &mut self,
        evidence: &Evidence,
        plan: &AnalysisPlan,
        mut add: impl FnMut(EvidenceKey, u64),
    ) {
        let current = counts(evidence, plan);
        for counted in &mut self.0 {
            if !current.iter().any(|count| count.key == counted.key) {
                counted.units = 0;
            }
        }
        for EvidenceCount { key, units } in current {
            let counted = self.0.iter_mut().find(|counted| counted.key == key);
            let before = match counted {
                Some(counted) => std::mem::replace(&mut counted.units, units),
                None => {
                    self.0.push(EvidenceCount { key, units });
                    0
                }
            };
            let new_units = units.checked_sub(before).unwrap_or(units);
            if new_units > 0 {
                add(key, new_units);
            }
        }
    }
}

/// The units of each counter, by the sums of the gates.
fn counts(evidence: &Evidence, plan: &AnalysisPlan) -> Vec<EvidenceCount> {
    let mut counts = Vec::new();
    for (step, stats) in evidence.steps.iter().enumerate() {
        let mut add = |counter, units: ByVersion<u64>| {
            counts.extend(Version::ALL.map(|version| EvidenceCount {
                key: EvidenceKey { counter, version, step },
                units: *units.get(version),
            }));
        };
        add(EvidenceCounter::Units, stats.units);
        for (gate, stats) in plan.gates.iter().zip(&stats.gates) {
            let metric = gate.spec.metric;
            match (stats, metric, counter_of_rate(metric)) {
                (GateStats::Rate(stats), _, Some(counter)) => {
                    add(counter, stats.units_with_event());
                }
                (GateStats::Values(stats), Metric::ThumbsDownRate, _) => {
                    add(EvidenceCounter::Thumbs, by_version(stats, |moments| moments.count));
                    add(EvidenceCounter::ThumbsDown, by_version(stats, whole_sum));
                }
                (GateStats::Values(stats), Metric::Score, _) => {
                    add(EvidenceCounter::Scores, by_version(stats, |moments| moments.count));
                }
                _ => {}
            }
        }
    }
    counts
}

fn by_version(stats: &ValueStats, units: impl Fn(&Moments) -> u64) -> ByVersion<u64> {
    ByVersion { blue: units(&stats.moments.blue), green: units(&stats.moments.green) }
}

/// The sum of values that are 0 or 1.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
fn whole_sum(moments: &Moments) -> u64 {
    moments.sum as u64
}

fn counter_of_rate(metric: Metric) -> Option<EvidenceCounter> {
    match metric {
        Metric::ErrorRate => Some(EvidenceCounter::Errors),
        Metric::ClientErrorRate => Some(EvidenceCounter::ClientErrors),
        Metric::EmptyRate => Some(EvidenceCounter::Empty),
        Metric::RefusalRate => Some(EvidenceCounter::Refusals),
        Metric::TruncationRate => Some(EvidenceCounter::Truncations),
        Metric::AbortRate => Some(EvidenceCounter::Aborts),
        Metric::SlowRate => Some(EvidenceCounter::Slow),
        _ => None,
    }
}
