//! The analysis of a shadow step.
//!
//! The tests of a shadow step and those of the steps after it each have the plan's α; the
//! configuration divides that of the ramp among them. In the shadow step the critical gates share
//! it, as in any other: their e-values are added with equal weights.

use super::bad_units::min_bad_units;
use super::by_version::ByVersion;
use super::confidence_sequence::Limits;
use super::coverage::Coverage;
use super::metric::Metric;
use super::paired_evidence::{NEXT_STEP, PairedEvidence, PairedGate, PairedStats};
use super::paired_rate::BadPairs;
use super::plan::{AnalysisPlan, Gate};
use super::probability::Probability;
use super::verdict::Verdict;
use super::wealth::log_weighted_sum_exp;

/// The analysis of a shadow step.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedAnalysis {
    /// Whether to roll back, advance or hold.
    pub verdict: Verdict,
    /// The natural logarithm of the e-value against "green is not worse", over all critical gates.
    /// From [`AnalysisPlan::rollback_log_e`] on, green is worse.
    pub harm_log_e: f64,
    /// The number of pairs.
    pub pairs: u64,
    /// The number of units with a pair.
    pub units: u64,
    /// The analysis of each gate that pairs are compared by, in the plan's order; empty before the
    /// first pair.
    pub gates: Vec<PairedGateAnalysis>,
}

/// The analysis of one gate over pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedGateAnalysis {
    /// The gate's metric.
    pub metric: Metric,
    /// Whether the gate decides.
    pub is_critical: bool,
    /// The gate's verdict.
    pub verdict: Verdict,
    /// The natural logarithm of the e-value against "green is not worse".
    pub harm_log_e: f64,
    /// The natural logarithm of the e-value against "green is worse by the tolerance". From
    /// [`AnalysisPlan::pass_log_e`] on, green is safe.
    pub non_inferiority_log_e: f64,
    /// The units with a pair in which the metric is known on both sides.
    pub units: u64,
    /// For a rate, units by their first bad pair; `None` for values.
    pub bad: Option<BadPairs>,
    /// For values, the geometric mean of the ratios of green's value to blue's.
    pub ratio: Option<f64>,
    /// The limits of the ratio, which stay valid at every look.
    pub limits: Option<Limits>,
    /// In how many pairs the metric is known, and missing, on either side.
    pub coverage: Coverage,
    /// Whether the metric is missing more often on one side: then the gate does not pass.
    pub is_uneven: bool,
    /// Whether this is a default gate without data, which is left out.
    pub is_left_out: bool,
}

/// Less than this fraction of the required evidence predicts nothing.
const MIN_EVIDENCE: f64 = 0.05;

// === impl PairedAnalysis ===

impl PairedAnalysis {
    /// The analysis of the pairs.
    pub fn new(plan: &AnalysisPlan, evidence: &PairedEvidence) -> Self {
        let of_gate = |paired: &PairedGate| {
            let gate = plan.gates.get(paired.index)?;
            Some(PairedGateAnalysis::new(plan, gate, paired, evidence.units))
        };
        let mut gates: Vec<PairedGateAnalysis> =
            evidence.gates.iter().filter_map(of_gate).collect();
        let critical = gates.iter().filter(|gate| gate.is_critical);
        let weight = 1.0 / critical.count().max(1) as f64;
        for gate in &mut gates {
            gate.decide(plan, weight);
        }
        let critical = || gates.iter().filter(|gate| gate.is_critical && !gate.is_left_out);
        let may_fail = critical().filter(|gate| gate.may_fail(plan));
        let harm_log_e = match may_fail.clone().next() {
            Some(_) => log_weighted_sum_exp(may_fail.map(|gate| (weight, gate.harm_log_e))),
            None => 0.0,
        };
        let verdict = match () {
            () if harm_log_e >= plan.rollback_log_e() => Verdict::Fail,
            () if critical().next().is_some()
                && critical().all(|gate| gate.verdict == Verdict::Pass) =>
            {
                Verdict::Pass
            }
            () => Verdict::Inconclusive,
        };
        Self { verdict, harm_log_e, pairs: evidence.pairs, units: evidence.units, gates }
    }

    /// An estimate of the pairs that are needed to show that green is safe, if they show what they
    /// have shown so far: the logarithm of evidence grows with their number. `None` while there is
    /// too little evidence for an estimate.
    pub fn pairs_needed(&self, plan: &AnalysisPlan) -> Option<u64> {
        let undecided = self
            .gates
            .iter()
            .filter(|gate| gate.is_critical && !gate.is_left_out && gate.verdict != Verdict::Pass);
        let mut needed = self.pairs;
        for gate in undecided {
            let fraction = gate.non_inferiority_log_e / plan.pass_log_e();
            if fraction.is_nan() || fraction < MIN_EVIDENCE || gate.is_uneven {
                return None;
            }
            needed = needed.max((self.pairs as f64 / fraction) as u64);
        }
        (self.pairs > 0).then_some(needed)
    }

    /// Whether a critical gate's metric is missing more often on one side.
    pub fn is_uneven(&self) -> bool {
        self.gates.iter().any(|gate| gate.is_critical && gate.is_uneven)
    }
}

// === impl PairedGateAnalysis ===

impl PairedGateAnalysis {
    fn new(plan: &AnalysisPlan, gate: &Gate, paired: &PairedGate, all_units: u64) -> Self {
        let params = gate.params(NEXT_STEP);
        let (harm_log_e, non_inferiority_log_e) = match (&paired.stats, params) {
            (PairedStats::Rate(stats), Some(params)) => {
                let harm = stats.harm_wealth(params.rate_margin).log_mean();
                (harm, stats.non_inferiority_log_e(params))
            }
            (PairedStats::Value(stats), _) => (stats.harm_log_e(), stats.non_inferiority_log_e()),
            (PairedStats::Rate(_), None) => (0.0, 0.0),
        };
        let (units, bad, ratio, limits) = match &paired.stats {
            PairedStats::Rate(stats) => (stats.units, Some(stats.first_bad), None, None),
            PairedStats::Value(stats) => {
                (stats.units(), None, stats.ratio(), stats.limits(plan.alpha))
            }
        };
        let sides = ByVersion { blue: all_units, green: all_units };
        let is_uneven = Probability::new(0.5)
            .is_some_and(|either_side| paired.coverage.is_uneven(either_side, sides));
        Self {
            metric: gate.spec.metric,
            is_critical: gate.spec.is_critical,
            verdict: Verdict::Inconclusive,
            harm_log_e,
            non_inferiority_log_e,
            units,
            bad,
            ratio,
            limits,
            coverage: paired.coverage,
            is_uneven,
            is_left_out: !gate.spec.is_named && !is_uneven && paired.coverage.has_no_data(),
        }
    }

    /// Sets the verdict. `weight` is the fraction of α that a critical gate may use.
    fn decide(&mut self, plan: &AnalysisPlan, weight: f64) {
        let weight = if self.is_critical { weight } else { 1.0 };
        let is_harmful = self.harm_log_e + libm::log(weight) >= plan.rollback_log_e();
        self.verdict = match () {
            () if self.may_fail(plan) && is_harmful => Verdict::Fail,
            () if self.is_uneven || is_harmful => Verdict::Inconclusive,
            () if self.non_inferiority_log_e >= plan.pass_log_e() => Verdict::Pass,
            () => Verdict::Inconclusive,
        };
    }

    /// Whether the gate may find green worse: enough units had a bad response of green's, and what
    /// is missing cannot make green look worse. See [`min_bad_units`].
    fn may_fail(&self, plan: &AnalysisPlan) -> bool {
        let Coverage { missing, .. } = self.coverage;
        let hides_harm_only = self.bad.is_some() && missing.green > missing.blue;
        let has_enough = self.bad.is_none_or(|bad| bad.green() >= min_bad_units(plan.alpha));
        has_enough && (!self.is_uneven || hides_harm_only)
    }
}
