//! The judge's word: worse, safe, or not yet to be told.

use super::across_steps;
use super::by_version::ByVersion;
use super::confidence_sequence::ConfidenceSequence;
use super::evidence::{Coverage, Evidence};
use super::metric::{Comparison, Metric};
use super::plan::{AnalysisPlan, Gate};
use super::sample_ratio;
use super::wealth::{Wealth, log_mean, log_weighted_sum_exp};

/// What is to be said of a gate, or of green as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Green is safe: not worse by the tolerance.
    Pass,
    /// Green is worse than the margin allows.
    Fail,
    /// Not enough is known.
    Inconclusive,
}

/// What all gates come to in one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// Roll back, go on, or hold.
    pub verdict: Verdict,
    /// The logarithm of the e-value against "green is not worse", of all critical gates.
    /// At −ln α and above, green is worse.
    pub harm_log_e: f64,
    /// Each gate, in the order of the rules.
    pub gates: Vec<GateAnalysis>,
    /// Whether units are not divided as the weights say: then green is not called safe. It
    /// may still be called worse, since a version that drops users must not hide behind that.
    pub is_mismatched: bool,
    /// Whether a gate that decides is told of one version only, or of unequal parts of both.
    pub is_uneven: bool,
    /// Units that were assigned in the step and were on blue before it.
    pub units: ByVersion<u64>,
}

/// What one gate comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct GateAnalysis {
    /// What it looks at.
    pub metric: Metric,
    /// Its verdict.
    pub verdict: Verdict,
    /// The logarithm of the e-value against "green is not worse", over all steps.
    pub harm_log_e: f64,
    /// The logarithm of the e-value against "green is worse by the tolerance", of this
    /// step. At −ln β and above, green is safe.
    pub non_inferiority_log_e: f64,
    /// Units of this step that were on blue before, which the means are of.
    pub units: ByVersion<u64>,
    /// For people: of a rate, the share of units that were hit; of values, the mean of
    /// units' first. Where a version has any.
    pub means: ByVersion<Option<f64>>,
    /// Their difference, for people; asymptotic.
    pub interval: Option<ConfidenceSequence>,
    /// Of how many units of this step that were on blue before the metric is known, and of
    /// how many it should be.
    pub coverage: Coverage,
    /// Whether the metric is known of one version only, or of unequal parts of both: then the
    /// gate says nothing.
    pub is_uneven: bool,
    /// Whether it may call green worse all the same.
    pub may_fail: bool,
    /// A gate by default, of which neither version tells anything: it is left out.
    pub is_left_out: bool,
}

/// The e-value from which the units are held to be divided otherwise than they should
/// be.
const MISMATCH_E_VALUE: f64 = 1000.0;

// === impl Judgement ===

impl Analysis {
    /// What the evidence says in a step.
    pub fn new(rules: &AnalysisPlan, evidence: &Evidence, step: usize) -> Self {
        let critical = rules.gates.iter().filter(|gate| gate.spec.is_critical).count();
        let weight = 1.0 / critical.max(1) as f64;
        let book = evidence.steps.get(step);
        let judge = |at: usize, gate: &Gate| {
            let stake = if gate.spec.is_critical { weight } else { 1.0 };
            GateAnalysis::new(rules, evidence, step, (at, gate), stake)
        };
        let gates: Vec<_> =
            rules.gates.iter().enumerate().map(|(at, gate)| judge(at, gate)).collect();
        let deciding = || rules.gates.iter().zip(&gates).filter(|(gate, _)| gate.spec.is_critical);
        // What a gate that says nothing has won counts as lost, which keeps the sum below an
        // e-value of all gates.
        let speaks = |gate: &GateAnalysis| gate.may_fail && !gate.is_left_out;
        let heard = deciding().filter(|(_, gate)| speaks(gate));
        let log_e = match heard.clone().next() {
            Some(_) => log_weighted_sum_exp(heard.map(|(_, gate)| (weight, gate.harm_log_e))),
            // Nothing was bet.
            None => 0.0,
        };
        let units = book.map(|book| book.units).unwrap_or_default();
        let is_mismatched = rules.steps.get(step).is_some_and(|step| {
            sample_ratio::log_e(step.new, units) >= libm::log(MISMATCH_E_VALUE)
        });
        let is_safe = |gate: &GateAnalysis| gate.verdict == Verdict::Pass;
        let may_go_on = deciding().any(|(_, gate)| is_safe(gate))
            && deciding().all(|(_, gate)| is_safe(gate) || gate.is_left_out);
        let verdict = match () {
            () if log_e >= -libm::log(rules.alpha) => Verdict::Fail,
            () if is_mismatched => Verdict::Inconclusive,
            () if may_go_on => Verdict::Pass,
            () => Verdict::Inconclusive,
        };
        let is_uneven = deciding().any(|(_, gate)| gate.is_uneven);
        Self { verdict, harm_log_e: log_e, gates, is_mismatched, is_uneven, units }
    }
}

// === impl GateJudgement ===

impl GateAnalysis {
    fn new(
        rules: &AnalysisPlan,
        evidence: &Evidence,
        step: usize,
        (at, gate): (usize, &Gate),
        stake: f64,
    ) -> Self {
        let books = || evidence.steps.iter().map(|book| book.gates.get(at));
        let worse = gate
            .steps()
            .iter()
            .zip(books())
            .filter_map(|(step, book)| Some(book?.harm_wealth(step).collect::<Vec<_>>()));
        let worse_log_e = log_e_of_directions(&worse.collect::<Vec<_>>(), rules.steps.len());
        let book = books().nth(step).flatten();
        let safe_log_e = match (book, gate.steps().get(step)) {
            (Some(book), Some(step)) => book.non_inferiority_log_e(step),
            _ => 0.0,
        };
        let of_step = evidence.steps.get(step);
        let units = of_step.map(|book| book.units).unwrap_or_default();
        let coverage = of_step.and_then(|book| book.coverage.get(at)).copied().unwrap_or_default();
        let moments = book.map(|book| book.moments(coverage.known)).unwrap_or_default();
        let is_uneven =
            rules.steps.get(step).is_some_and(|step| coverage.is_uneven(step.new, units));
        // What is missing on green can hide that its rate is worse, not make it so.
        let is_rate = gate.spec.metric.comparison() == Comparison::Rate;
        let is_heard = !is_uneven || (is_rate && coverage.misses_more_on_green(units));
        let verdict = match () {
            () if is_heard && worse_log_e + libm::log(stake) >= -libm::log(rules.alpha) => {
                Verdict::Fail
            }
            () if is_uneven => Verdict::Inconclusive,
            () if safe_log_e >= -libm::log(rules.beta) => Verdict::Pass,
            () => Verdict::Inconclusive,
        };
        Self {
            metric: gate.spec.metric,
            verdict,
            harm_log_e: worse_log_e,
            non_inferiority_log_e: safe_log_e,
            units: ByVersion { blue: moments.blue.count, green: moments.green.count },
            means: ByVersion { blue: moments.blue.mean(), green: moments.green.mean() },
            interval: ConfidenceSequence::from_moments(moments, rules.alpha),
            coverage,
            is_uneven,
            may_fail: is_heard,
            is_left_out: !gate.spec.is_named && !is_uneven && coverage.has_no_data(),
        }
    }
}

/// The mean of the directions' e-values, each over all steps; `capitals` are those of
/// each step, one for each direction.
fn log_e_of_directions(capitals: &[Vec<Wealth>], steps: usize) -> f64 {
    let sides = capitals.first().map_or(0, Vec::len);
    let side = |side: usize| {
        let of_side: Vec<Wealth> =
            capitals.iter().filter_map(|step| step.get(side).copied()).collect();
        across_steps::log_e(&of_side, steps)
    };
    let sides: Vec<f64> = (0..sides).map(side).collect();
    // Nothing was bet yet.
    if sides.is_empty() { 0.0 } else { log_mean(&sides) }
}
