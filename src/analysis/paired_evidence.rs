//! From pairs to the sums that the tests of a shadow step use.
//!
//! In a shadow step no user is on green: green answers copies of blue's requests. A *pair* is
//! both responses to one request. Each unit counts once for each test, as in any other step, so one
//! unit cannot decide, and pairs of one unit need not be independent.

use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::coverage::Coverage;
use super::evidence::Evidence;
use super::measurements::Measurements;
use super::metric::{Comparison, Metric};
use super::observation::{Observation, SortedByContent, StepObservation};
use super::paired_rate::{PairOutcome, PairedRate};
use super::paired_value::{PairedLimits, PairedValue, PairedValues};
use super::plan::{AnalysisPlan, Gate};
use super::step_index::StepIndex;
use super::unit_flags::MAX_GATES;

/// The evidence of a shadow step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairedEvidence {
    /// The number of pairs.
    pub pairs: u64,
    /// The number of units with a pair.
    pub units: u64,
    /// The sums of each gate that pairs are compared by, in the plan's order.
    pub(super) gates: Vec<PairedGate>,
}

/// The sums of one gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PairedGate {
    /// The gate's index in the plan.
    pub index: usize,
    pub stats: PairedStats,
    /// Of how many units the metric is known, and missing, on either side. A unit counts by its first pair
    /// of each kind, so that no client decides alone that the metric is missing unevenly.
    pub coverage: Coverage,
}

/// The sums of a gate's metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PairedStats {
    Rate(PairedRate),
    Value(PairedValue),
}

/// The flag of a unit with a pair. The bits below it are four for each gate.
const HAS_PAIR: u64 = 1 << 62;

/// The step whose tolerances of rates apply: the one that the ramp enters next.
pub(super) const NEXT_STEP: StepIndex = StepIndex::FIRST;

// === impl PairedEvidence ===

impl PairedEvidence {
    /// Whether pairs are compared by a metric. Nobody waits for a copy or votes on it, so nobody
    /// aborts it. Quantiles, and an objective that is to be learned, have no threshold without a baseline.
    pub fn compares(metric: Metric, learns_objective: bool) -> bool {
        match metric {
            Metric::AbortRate => false,
            Metric::SlowRate => !learns_objective,
            _ => matches!(
                metric.comparison(),
                Comparison::Rate | Comparison::Higher | Comparison::Either
            ),
        }
    }

    /// Adds a tick's pairs. `evidence` remembers the units. Ignores observations that are no pairs.
    pub fn add(
        &mut self,
        plan: &AnalysisPlan,
        evidence: &mut Evidence,
        observations: &[Observation],
    ) {
        let pairs = observations.iter().filter(|it| it.shadow.is_some());
        let sorted: BinaryHeap<_> = pairs
            .map(|it| SortedByContent(StepObservation { step: NEXT_STEP, observation: *it }))
            .collect();
        if self.gates.is_empty() && !sorted.is_empty() {
            self.gates = PairedGate::all(plan);
        }
        for SortedByContent(StepObservation { observation, .. }) in sorted.into_sorted_vec() {
            self.add_pair(plan, evidence, &observation);
        }
    }

    /// Adds the evidence of other units under the same plan.
    pub fn merge(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.units += other.units;
        if self.gates.is_empty() {
            self.gates.clone_from(&other.gates);
            return;
        }
        for (to, from) in self.gates.iter_mut().zip(&other.gates) {
            to.merge(from);
        }
    }

    fn add_pair(&mut self, plan: &AnalysisPlan, evidence: &mut Evidence, pair: &Observation) {
        let Some(shadow) = pair.shadow else { return };
        let halves = ByVersion { blue: pair.measurements, green: shadow };
        let flags = self.gates.iter().filter_map(|it| {
            let metric = plan.gates.get(it.index)?.spec.metric;
            Some(UnitFlags::new(it.index).of_pair(metric, &halves))
        });
        // A judge's verdict on a pair comes later, and is no pair of its own.
        let has_pair = if pair.is_assignment { HAS_PAIR } else { 0 };
        let flags = flags.fold(has_pair, |all, flags| all | flags);
        let Some(new) = evidence.set_early_flags(plan, pair.unit, flags) else { return };
        self.pairs += u64::from(pair.is_assignment);
        self.units += u64::from(new & HAS_PAIR != 0);
        for gate in &mut self.gates {
            let Some(of_plan) = plan.gates.get(gate.index) else { continue };
            gate.add(of_plan, &halves, new);
        }
    }
}

// === impl PairedGate ===

impl PairedGate {
    fn all(plan: &AnalysisPlan) -> Vec<Self> {
        let gates =
            plan.gates.iter().enumerate().filter(|(_, gate)| {
                PairedEvidence::compares(gate.spec.metric, plan.learns_objective)
            });
        let empty = |(index, gate): (usize, &Gate)| Self {
            index,
            stats: match gate.spec.metric.comparison().counts_events() {
                true => PairedStats::Rate(PairedRate::default()),
                false => PairedStats::Value(PairedValue::default()),
            },
            coverage: Coverage::default(),
        };
        gates.map(empty).collect()
    }

    /// Adds a pair whose unit had not set the flags `new` before.
    fn add(&mut self, gate: &Gate, halves: &ByVersion<Measurements>, new: u64) {
        let metric = gate.spec.metric;
        let count = |is: fn(&Measurements, Metric) -> bool| ByVersion {
            blue: u64::from(is(&halves.blue, metric)),
            green: u64::from(is(&halves.green, metric)),
        };
        let flags = UnitFlags::new(self.index);
        let is_first = new & flags.known != 0;
        if is_first || new & flags.known_on_one_side != 0 {
            self.coverage.known += count(Measurements::is_known);
        }
        if new & flags.missing != 0 {
            self.coverage.missing += count(Measurements::is_missing);
        }
        match &mut self.stats {
            PairedStats::Rate(stats) => {
                if let Some(outcome) = outcome(metric, halves) {
                    stats.add(outcome, is_first, new & flags.bad != 0);
                }
            }
            PairedStats::Value(stats) => {
                let limits = PairedLimits::of_gate(gate).filter(|_| is_first);
                if let (Some(limits), Some(values)) = (limits, values(metric, halves)) {
                    stats.add(metric.comparison(), limits, values);
                }
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.coverage.known += other.coverage.known;
        self.coverage.missing += other.coverage.missing;
        match (&mut self.stats, &other.stats) {
            (PairedStats::Rate(stats), PairedStats::Rate(other)) => stats.merge(other),
            (PairedStats::Value(stats), PairedStats::Value(other)) => stats.merge(other),
            _ => {}
        }
    }
}

/// A unit's flags for one gate.
#[derive(Clone, Copy)]
struct UnitFlags {
    /// Its first pair in which the metric is known on both sides.
    known: u64,
    /// Its first bad pair.
    bad: u64,
    /// Its first pair in which the metric is known on one side only.
    known_on_one_side: u64,
    /// Its first pair in which the metric is missing on either side.
    missing: u64,
}

// === impl UnitFlags ===

impl UnitFlags {
    /// The flags of the gate at an index of the plan.
    fn new(gate: usize) -> Self {
        let flag = |kind: usize| 1 << (4 * (gate % MAX_GATES) + kind);
        Self { known: flag(0), bad: flag(1), known_on_one_side: flag(2), missing: flag(3) }
    }

    /// The flags that a pair sets.
    fn of_pair(self, metric: Metric, halves: &ByVersion<Measurements>) -> u64 {
        let is_known = [halves.blue.is_known(metric), halves.green.is_known(metric)];
        let is_missing = halves.blue.is_missing(metric) || halves.green.is_missing(metric);
        let is_bad = outcome(metric, halves).is_some_and(PairOutcome::is_bad);
        let flag_if = |condition: bool, flag: u64| if condition { flag } else { 0 };
        flag_if(is_known == [true; 2], self.known)
            | flag_if(is_bad, self.bad)
            | flag_if(is_known[0] != is_known[1], self.known_on_one_side)
            | flag_if(is_missing, self.missing)
    }
}

/// Which responses are bad by a rate; `None` where the metric is not known on both sides.
fn outcome(metric: Metric, halves: &ByVersion<Measurements>) -> Option<PairOutcome> {
    Some(PairOutcome {
        blue_is_bad: halves.blue.is_bad(metric)?,
        green_is_bad: halves.green.is_bad(metric)?,
    })
}

/// Both values; `None` where the metric is not known on both sides.
fn values(metric: Metric, halves: &ByVersion<Measurements>) -> Option<PairedValues> {
    Some(PairedValues {
        blue: halves.blue.censored_value_of(metric)?,
        green: halves.green.censored_value_of(metric)?,
    })
}
