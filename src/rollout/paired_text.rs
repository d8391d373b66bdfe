//! The wording of decisions of a shadow step. See [`decision_text`](super::decision_text).

use super::decimal::Decimal;
use super::decision_text::numbers_of;
use super::hold_reason::HoldReason;
use super::spec::ShadowStep;
use crate::analysis::{AnalysisPlan, PairedAnalysis, PairedGateAnalysis, Verdict};

/// Green is worse: the ramp rolls back before a user has seen green.
pub(super) fn worse(analysis: &PairedAnalysis, plan: &AnalysisPlan) -> String {
    format!("green is worse: {}", numbers(analysis, plan))
}

/// Green is safe: the ramp enters its first step.
pub(super) fn safe(analysis: &PairedAnalysis, plan: &AnalysisPlan) -> String {
    format!("green is safe: {}", numbers(analysis, plan))
}

/// The ramp holds.
pub(super) fn waits(
    reason: HoldReason,
    is_overdue: bool,
    shadow: ShadowStep,
    analysis: &PairedAnalysis,
    plan: &AnalysisPlan,
) -> String {
    let overdue = if is_overdue { "overdue, " } else { "" };
    let pairs = match reason {
        HoldReason::Approval => String::new(),
        _ => format!(" ({})", Progress { shadow, analysis, plan }.text()),
    };
    format!("{overdue}waits for {reason}{pairs}: {}", numbers(analysis, plan))
}

/// How many pairs there are, and how many are needed.
struct Progress<'a> {
    shadow: ShadowStep,
    analysis: &'a PairedAnalysis,
    plan: &'a AnalysisPlan,
}

// === impl Progress ===

impl Progress<'_> {
    fn text(&self) -> String {
        let Self { shadow, analysis, plan } = self;
        let seen = format!("{} of {} pairs", analysis.pairs, shadow.max_pairs);
        match (analysis.pairs, analysis.pairs_needed(plan)) {
            (0, _) => format!("{seen}, so no copy has met the response to its request"),
            (_, Some(needed)) => format!("{seen}, about {needed} are needed"),
            (_, None) => format!("{seen}, it is not known how many are needed"),
        }
    }
}

fn numbers(analysis: &PairedAnalysis, plan: &AnalysisPlan) -> String {
    let safe = analysis.gates.iter().filter(|gate| gate.is_critical && !gate.is_left_out);
    let safe_log_e = safe
        .map(|gate| if gate.is_uneven { 0.0 } else { gate.non_inferiority_log_e })
        .reduce(f64::min);
    let evidence = numbers_of(analysis.harm_log_e, safe_log_e.unwrap_or_default(), plan);
    let gates: String =
        analysis.gates.iter().map(|gate| format!("; {}", gate_text(gate))).collect();
    format!("{evidence}; {} pairs of {} units{gates}", analysis.pairs, analysis.units)
}

/// One gate: its verdict, and what its pairs show.
fn gate_text(gate: &PairedGateAnalysis) -> String {
    let verdict = match gate.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive if gate.is_left_out => "left out",
        Verdict::Inconclusive if gate.is_uneven => "not comparable",
        Verdict::Inconclusive => "undecided",
    };
    let watched = if gate.is_critical { "" } else { " (watched)" };
    let shown = match (gate.bad, gate.ratio) {
        (Some(bad), _) => format!(
            "of {} units {} bad on green alone, {} on blue alone, {} on both",
            gate.units, bad.green_only, bad.blue_only, bad.both
        ),
        (None, Some(ratio)) => {
            let limits = gate
                .limits
                .map(|it| format!(" ({} to {})", Decimal(it.low, 3), Decimal(it.high, 3)));
            let limits = limits.unwrap_or_default();
            format!("green is {} times blue{limits} in {} units", Decimal(ratio, 3), gate.units)
        }
        (None, None) => "no pair".to_owned(),
    };
    let missing = match (gate.coverage.missing.blue, gate.coverage.missing.green) {
        (0, 0) => String::new(),
        (blue, green) => format!(", missing for {blue} units on blue and {green} on green"),
    };
    format!("{}{watched} {verdict}: {shown}{missing}", gate.metric)
}
