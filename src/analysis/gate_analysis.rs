//! The analysis of one gate.

use super::bad_units::missing_bad_units;
use super::by_version::ByVersion;
use super::confidence_sequence::ConfidenceSequence;
use super::coverage::Coverage;
use super::evidence::Evidence;
use super::harm;
use super::metric::Metric;
use super::period::PERIODS_ALPHA;
use super::plan::{AnalysisPlan, Gate};
use super::step_index::StepIndex;
use super::verdict::Verdict;

/// The analysis of one gate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateAnalysis {
    /// The gate's metric.
    pub metric: Metric,
    /// The gate's verdict.
    pub verdict: Verdict,
    /// The natural logarithm of the e-value against "green is not worse": the larger one of
    /// [`Self::harm_log_e_of_ramp`] and [`Self::harm_log_e_of_period`].
    pub harm_log_e: f64,
    /// That over all steps, times its fraction of α.
    pub(super) harm_log_e_of_ramp: f64,
    /// That of the newest [`Period`](super::period::Period) alone, times its fraction of α; −∞ in
    /// a period without a test.
    pub(super) harm_log_e_of_period: f64,
    /// The natural logarithm of the e-value against "green is worse by the tolerance", of this
    /// step. From [`AnalysisPlan::pass_log_e`] on, green is safe. While the gate
    /// [looks worse](Self::looks_worse) it is at most 0.
    pub non_inferiority_log_e: f64,
    /// Whether the values of units that came again make green look worse than the margin allows.
    pub looks_worse: bool,
    /// The units behind the means: those of this step that were on blue before.
    pub units: ByVersion<u64>,
    /// For display: for a rate, the fraction of units with a bad response; for values, the mean
    /// of units' first values. `None` for a version without any.
    pub means: ByVersion<Option<f64>>,
    /// The confidence sequence of their difference, for display.
    pub interval: Option<ConfidenceSequence>,
    /// How many of this step's units that were on blue before the metric is known for, and how
    /// many it is missing for.
    pub coverage: Coverage,
    /// Whether the metric is known on one version only, or for unequal fractions of both: then
    /// the gate does not pass.
    pub is_uneven: bool,
    /// Whether the gate may find green worse: enough units of green's are bad, and the metric is
    /// not uneven, or in a way that cannot make green look worse.
    pub may_fail: bool,
    /// How many more units of green's must have a bad response before the gate finds green
    /// worse, although the evidence suffices; 0 where it does not. See
    /// [`min_bad_units`](super::bad_units::min_bad_units).
    pub missing_bad_units: u64,
    /// The threshold of times that was learned from blue, in milliseconds; `None` if the gate needs
    /// none, and before it is frozen.
    pub threshold_ms: Option<f64>,
    /// Whether the gate waits for its threshold.
    pub awaits_threshold: bool,
    /// Whether the gate is left out: it is a default gate without data on either version, or only pairs
    /// have its metric.
    pub is_left_out: bool,
}

// === impl GateAnalysis ===

impl GateAnalysis {
    /// The analysis of the gate at `index` of the plan, in a step. `weight` is the fraction of α
    /// that the gate may use.
    pub(super) fn new(
        plan: &AnalysisPlan,
        evidence: &Evidence,
        step: StepIndex,
        (index, gate): (usize, &Gate),
        weight: f64,
    ) -> Self {
        let step_stats = evidence.steps.get(step.get());
        let stats = step_stats.and_then(|it| it.gates.get(index));
        let metric = gate.spec.metric;
        let with_params = stats.zip(gate.params(step));
        let looks_worse = with_params.is_some_and(|(it, params)| it.looks_worse(metric, params));
        let non_inferiority_log_e =
            with_params.map_or(0.0, |(it, params)| it.non_inferiority_log_e(metric, params));
        let non_inferiority_log_e =
            if looks_worse { non_inferiority_log_e.min(0.0) } else { non_inferiority_log_e };
        let harm_log_e_of_ramp =
            harm::log_e(plan, evidence, step, (index, gate)) + libm::log(1.0 - PERIODS_ALPHA);
        let period = &evidence.period;
        let of_period =
            gate.params(step).and_then(|params| period.harm_log_e(index, params, plan.alpha));
        let harm_log_e_of_period =
            of_period.map_or(f64::NEG_INFINITY, |log_e| log_e + period.log_alpha_fraction());
        let harm_log_e = harm_log_e_of_ramp.max(harm_log_e_of_period);
        let units = step_stats.map(|it| it.units).unwrap_or_default();
        let coverage =
            step_stats.and_then(|it| it.coverage.get(index)).copied().unwrap_or_default();
        let moments = stats.map(|it| it.moments(coverage.known)).unwrap_or_default();
        let design = plan.steps.get(step.get());
        let is_uneven = design.is_some_and(|it| coverage.is_uneven(it.new_units, units));
        // What is missing on green can hide that its rate is worse, but cannot make it worse.
        let is_rate = gate.spec.metric.comparison().counts_events();
        let is_comparable = !is_uneven || (is_rate && coverage.misses_more_on_green(units));
        // Enough of them in the period are enough over all steps, also where the steps leave units out.
        let missing_bad_units = match of_period {
            Some(_) => 0,
            None => missing_bad_units(&evidence.steps, index, plan.alpha),
        };
        let may_fail = is_comparable && missing_bad_units == 0;
        let is_harmful = harm_log_e + libm::log(weight) >= plan.rollback_log_e();
        let verdict = match () {
            () if may_fail && is_harmful => Verdict::Fail,
            () if is_uneven || is_harmful => Verdict::Inconclusive,
            () if non_inferiority_log_e >= plan.pass_log_e() => Verdict::Pass,
            () => Verdict::Inconclusive,
        };
        Self {
            metric: gate.spec.metric,
            verdict,
            harm_log_e,
            harm_log_e_of_ramp,
            harm_log_e_of_period,
            non_inferiority_log_e,
            looks_worse,
            units: ByVersion { blue: moments.blue.count, green: moments.green.count },
            means: ByVersion { blue: moments.blue.mean(), green: moments.green.mean() },
            interval: ConfidenceSequence::from_moments(moments, plan.alpha),
            coverage,
            is_uneven,
            may_fail,
            missing_bad_units: if is_harmful { missing_bad_units } else { 0 },
            threshold_ms: evidence.thresholds().get(gate.spec.metric),
            awaits_threshold: evidence.thresholds().awaits(plan, gate.spec.metric),
            is_left_out: gate.spec.metric.is_of_pairs()
                || (!gate.spec.is_named && !is_uneven && coverage.has_no_data()),
        }
    }
}
