//! The judge's word: worse, safe, or not yet to be told.

use super::bets::{Capital, log_mean, log_mix};
use super::book::Book;
use super::evidence::Evidence;
use super::interval::Interval;
use super::metric::Metric;
use super::mismatch;
use super::pair::Pair;
use super::rules::{Gate, Rules};
use super::steps;

/// What is to be said of a gate, or of green as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Green is safe: not worse by the tolerance.
    Pass,
    /// Green is worse than the margin allows.
    Fail,
    /// Not enough is known.
    Undecided,
}

/// What all gates come to in one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Roll back, go on, or hold.
    pub verdict: Verdict,
    /// The logarithm of the e-value against "green is not worse", of all critical gates.
    /// At −ln α and above, green is worse.
    pub log_e: f64,
    /// Each gate, in the order of the rules.
    pub gates: Vec<GateJudgement>,
    /// Whether units are not divided as the weights say: then nothing else counts.
    pub is_mismatched: bool,
    /// Units that have had a response in the step and were on blue before it.
    pub units: Pair<u64>,
}

/// What one gate comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct GateJudgement {
    /// What it looks at.
    pub metric: Metric,
    /// Its verdict.
    pub verdict: Verdict,
    /// The logarithm of the e-value against "green is not worse", over all steps.
    pub worse_log_e: f64,
    /// The logarithm of the e-value against "green is worse by the tolerance", of this
    /// step. At −ln β and above, green is safe.
    pub safe_log_e: f64,
    /// Units of this step that were on blue before, which the means are of.
    pub units: Pair<u64>,
    /// For people: of a rate, the share of units that were hit; of values, the mean of
    /// units' first. Where a version has any.
    pub means: Pair<Option<f64>>,
    /// Their difference, for people; asymptotic.
    pub interval: Option<Interval>,
    /// A gate by default, of which blue tells nothing: it is left out.
    pub is_left_out: bool,
}

/// The e-value from which the units are held to be divided otherwise than they should
/// be.
const MISMATCHED: f64 = 1000.0;

// === impl Judgement ===

impl Judgement {
    /// What the evidence says in a step.
    pub fn of(rules: &Rules, evidence: &Evidence, step: usize) -> Self {
        let critical = rules.gates.iter().filter(|gate| gate.terms.is_critical).count();
        let weight = 1.0 / critical.max(1) as f64;
        let book = evidence.steps.get(step);
        let judge = |at: usize, gate: &Gate| {
            let stake = if gate.terms.is_critical { weight } else { 1.0 };
            GateJudgement::of(rules, evidence, step, (at, gate), stake)
        };
        let gates: Vec<_> =
            rules.gates.iter().enumerate().map(|(at, gate)| judge(at, gate)).collect();
        let deciding = || rules.gates.iter().zip(&gates).filter(|(gate, _)| gate.terms.is_critical);
        let log_e = log_mix(deciding().map(|(_, gate)| (weight, gate.worse_log_e)));
        let units = book.map(|book| book.units).unwrap_or_default();
        let is_mismatched = rules
            .steps
            .get(step)
            .is_some_and(|step| mismatch::log_e(step.new, units) >= libm::log(MISMATCHED));
        let is_safe = |gate: &GateJudgement| gate.verdict == Verdict::Pass;
        let may_go_on = deciding().any(|(_, gate)| is_safe(gate))
            && deciding().all(|(_, gate)| is_safe(gate) || gate.is_left_out);
        let verdict = match () {
            () if is_mismatched => Verdict::Undecided,
            () if log_e >= -libm::log(rules.alpha) => Verdict::Fail,
            () if may_go_on => Verdict::Pass,
            () => Verdict::Undecided,
        };
        Self { verdict, log_e, gates, is_mismatched, units }
    }
}

// === impl GateJudgement ===

impl GateJudgement {
    fn of(
        rules: &Rules,
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
            .filter_map(|(step, book)| Some(book?.worse(step).collect::<Vec<_>>()));
        let worse_log_e = log_e_of_sides(&worse.collect::<Vec<_>>(), rules.steps.len());
        let book = books().nth(step).flatten();
        let safe_log_e = match (book, gate.steps().get(step)) {
            (Some(book), Some(step)) => book.safe_log_e(step),
            _ => 0.0,
        };
        let known = book.map(Book::known_units).unwrap_or_default();
        let all = evidence.steps.get(step).map(|book| book.units).unwrap_or_default();
        let moments = book.map(|book| book.moments(all)).unwrap_or_default();
        let verdict = match () {
            () if worse_log_e + libm::log(stake) >= -libm::log(rules.alpha) => Verdict::Fail,
            () if safe_log_e >= -libm::log(rules.beta) => Verdict::Pass,
            () => Verdict::Undecided,
        };
        Self {
            metric: gate.terms.metric,
            verdict,
            worse_log_e,
            safe_log_e,
            units: Pair { blue: moments.blue.count, green: moments.green.count },
            means: Pair { blue: moments.blue.mean(), green: moments.green.mean() },
            interval: Interval::of(moments, rules.alpha),
            is_left_out: !gate.terms.is_named && known.blue == 0,
        }
    }
}

/// The mean of the directions' e-values, each over all steps; `capitals` are those of
/// each step, one for each direction.
fn log_e_of_sides(capitals: &[Vec<Capital>], steps: usize) -> f64 {
    let sides = capitals.first().map_or(0, Vec::len);
    let side = |side: usize| {
        let of_side: Vec<Capital> =
            capitals.iter().filter_map(|step| step.get(side).copied()).collect();
        steps::log_e(&of_side, steps)
    };
    let sides: Vec<f64> = (0..sides).map(side).collect();
    // Nothing was bet yet.
    if sides.is_empty() { 0.0 } else { log_mean(&sides) }
}
