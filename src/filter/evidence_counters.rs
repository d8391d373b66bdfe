//! The counters of what the gates have seen, so that an operator can redo their sums.

use proxy_wasm::types::MetricType;

use super::hostcalls;
use super::hostcalls::MetricId;
use crate::analysis::gate_stats::GateStats;
use crate::analysis::moments::Moments;
use crate::analysis::value_stats::ValueStats;
use crate::analysis::{AnalysisPlan, ByVersion, Evidence, Metric};
use crate::assignment::Version;
use crate::stats::names::{EvidenceCounter, evidence_name};

/// The counters of one rollout, in the VM that decides.
pub struct EvidenceCounters {
    rollout: String,
    known: Vec<CountedEvidence>,
}

/// A counter, and what it was counted up to.
struct CountedEvidence {
    counted: Counted,
    id: Option<MetricId>,
    count: u64,
}

/// What is counted, in which step.
type Counted = (EvidenceCounter, Version, usize);

// === impl EvidenceCounters ===

impl EvidenceCounters {
    /// Counters that go on from this evidence, which was counted.
    pub fn new(rollout: &str, evidence: &Evidence, rules: &AnalysisPlan) -> Self {
        let known = |(counted, count)| CountedEvidence { counted, id: None, count };
        let known = all(evidence, rules).into_iter().map(known).collect();
        Self { rollout: rollout.to_owned(), known }
    }

    /// Counts what is new.
    pub fn count(&mut self, rules: &AnalysisPlan, evidence: &Evidence) {
        let all = all(evidence, rules);
        for known in &mut self.known {
            if !all.iter().any(|(counted, _)| *counted == known.counted) {
                // It was forgotten with a new beginning.
                known.count = 0;
            }
        }
        for (counted, count) in all {
            if !self.known.iter().any(|it| it.counted == counted) {
                self.known.push(CountedEvidence { counted, id: None, count: 0 });
            }
            let Some(known) = self.known.iter_mut().find(|it| it.counted == counted) else {
                continue;
            };
            let before = std::mem::replace(&mut known.count, count);
            // After a new beginning less is known, and all of it is new.
            let new = count.checked_sub(before).unwrap_or(count);
            if new == 0 {
                continue;
            }
            known.id = known.id.or_else(|| {
                let (counter, version, step) = counted;
                let name = evidence_name(&self.rollout, version, counter, step);
                hostcalls::define_metric(MetricType::Counter, &name).ok()
            });
            if let Some(id) = known.id {
                let _ = hostcalls::increment(id, new);
            }
        }
    }
}

/// Everything that is counted.
fn all(evidence: &Evidence, rules: &AnalysisPlan) -> Vec<(Counted, u64)> {
    let mut all = Vec::new();
    for (step, book) in evidence.steps.iter().enumerate() {
        let mut add = |counter, counts: ByVersion<u64>| {
            all.extend(Version::ALL.map(|it| ((counter, it, step), *counts.get(it))));
        };
        add(EvidenceCounter::Units, book.units);
        for (gate, book) in rules.gates.iter().zip(&book.gates) {
            let metric = gate.spec.metric;
            match (book, metric, counter_of(metric)) {
                (GateStats::Rate(book), _, Some(counter)) => add(counter, book.units_with_event()),
                (GateStats::Values(book), Metric::ThumbsDownRate, _) => {
                    add(EvidenceCounter::Thumbs, of(book, |moments| moments.count));
                    add(EvidenceCounter::ThumbsDown, of(book, whole_sum));
                }
                (GateStats::Values(book), Metric::Score, _) => {
                    add(EvidenceCounter::Scores, of(book, |moments| moments.count));
                }
                _ => {}
            }
        }
    }
    all
}

fn of(book: &ValueStats, number: impl Fn(&Moments) -> u64) -> ByVersion<u64> {
    ByVersion { blue: number(&book.moments.blue), green: number(&book.moments.green) }
}

/// The sum of ones and zeros.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
fn whole_sum(moments: &Moments) -> u64 {
    moments.sum as u64
}

fn counter_of(metric: Metric) -> Option<EvidenceCounter> {
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
