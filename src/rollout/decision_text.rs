//! The wording of decisions, for the log, the page and `/state.json`.
//!
//! A decision by the gates names its reason first, and then the numbers behind it:
//!
//! ```text
//! green is worse: evidence for worse: 158, rolls back at 20; evidence for safe: <0.001, advances
//! at 10; error_rate fail: blue 0.0000 of 386 units, green 0.0909 of 132 units, evidence for worse
//! 158, for safe <0.001
//! ```
//!
//! Evidence is an e-value: if green is not worse, the evidence for worse ever reaches 20 with a
//! probability of at most 1/20.

use super::decimal::Decimal;
use super::e_value::EValue;
use super::hold_reason::HoldReason;
use super::operator_command::CommandKind;
use crate::analysis::{
    Analysis, AnalysisPlan, AnalysisUnit, Coverage, Gate, GateAnalysis, Reading, Tripwire, Verdict,
};

/// A new ramp begins.
pub(super) const BEGINS: &str = "the ramp begins";

/// Weights were in force since the ramp.
pub(super) const BEGINS_AFTER_WEIGHTS: &str = "the ramp begins again after weights";
/// A new ramp begins with its baseline.
pub(super) const BEGINS_WITH_BASELINE: &str =
    "the ramp begins with its baseline: all units stay on blue, and their past becomes known";
/// The baseline has ended.
pub(super) const BASELINE_ENDS: &str = "the baseline has ended";
/// A new ramp begins with a shadow step.
pub(super) const BEGINS_WITH_SHADOW: &str =
    "the ramp begins with its shadow step: green answers copies of requests, and no user sees it";
/// The shadow step was removed from the configuration.
pub(super) const SHADOW_STEP_REMOVED: &str =
    "the configuration has no shadow step any more: the ramp enters its first step";
/// A ramp has no state, although it was started earlier.
pub(super) const STATE_LOST: &str = "state_lost: the ramp was started earlier, but it has no state: either the state was lost, or the \
     configuration arrived too long after ramp.started; to start the ramp, change ramp.restart";
/// The share of the current step, or of one before it, has changed.
pub(super) const STEPS_CHANGED: &str = "the steps changed: the ramp continues in the step with the next smaller or equal share, \
     and gathers its evidence again";
/// The share of the first step has changed in the baseline or the shadow step.
pub(super) const STEPS_CHANGED_BEFORE_FIRST: &str =
    "the steps changed: no user is on green yet, and the ramp gathers its evidence again";
/// The analysis settings, or the share of a later step, have changed.
pub(super) const ANALYSIS_CHANGED: &str =
    "the analysis settings changed: the step gathers its evidence again";
/// The tripwires have changed.
pub(super) const TRIPWIRES_CHANGED: &str = "the tripwires changed";
/// `ramp.paused` is set.
pub(super) const PAUSED: &str = "the configuration pauses the ramp";
/// `ramp.paused` is not set any more.
pub(super) const UNPAUSED: &str = "the configuration no longer pauses the ramp";
/// `ramp.rolled_back` is set.
pub(super) const ROLLED_BACK: &str = "the configuration rolls the ramp back";
/// The last step gives green all traffic.
pub(super) const PROMOTED: &str = "green has all traffic";
/// An incident is over before the step's bake time is.
pub(super) const INCIDENT_OVER: &str = "the incident is over: the step continues";

/// Separates the reason of a decision by the gates from the numbers behind it.
const BEFORE_NUMBERS: &str = ": ";

/// The start of the numbers behind a decision by the gates.
const NUMBERS: &str = "evidence for worse: ";

/// Splits a decision's text into its reason and the numbers behind it.
///
/// The numbers are empty where the gates did not decide. Their parts are separated by `;`.
pub fn split_numbers(why: &str) -> (&str, &str) {
    let start = [BEFORE_NUMBERS, NUMBERS].concat();
    let Some(at) = why.find(&start) else { return (why, "") };
    let numbers = why.get(at + BEFORE_NUMBERS.len()..);
    (why.get(..at).unwrap_or(why), numbers.unwrap_or_default())
}

/// `ramp.restart` has a new value.
pub(super) fn begins_again(restart: &str) -> String {
    format!("the ramp begins again: restart is {restart:?}")
}

/// A change of the configuration ended an operator command.
pub(super) fn command_ended(kind: CommandKind) -> String {
    format!("the ramp's configuration changed, which ends the command: {}", kind.as_str())
}

/// A manual rollout began with the configured weights.
pub(super) const MANUAL_BEGINS: &str = "the configuration has these weights";

/// The configured weights of a manual rollout changed; `ended` is the command that this ended.
pub(super) fn weights_changed(ended: Option<CommandKind>) -> String {
    let changed = "the configuration has other weights";
    match ended {
        Some(kind) => format!("{changed}, which ends the command: {}", kind.as_str()),
        None => changed.to_owned(),
    }
}

/// Green is worse: the ramp rolls back.
pub fn worse(analysis: &Analysis, plan: &AnalysisPlan) -> String {
    format!("green is worse: {}", numbers(analysis, plan))
}

/// Green is safe: the ramp advances.
pub(super) fn safe(analysis: &Analysis, plan: &AnalysisPlan) -> String {
    format!("green is safe: {}", numbers(analysis, plan))
}

/// The ramp holds.
pub(super) fn waits(reason: HoldReason, analysis: &Analysis, plan: &AnalysisPlan) -> String {
    format!("waits for {reason}: {}", numbers(analysis, plan))
}

/// The ramp has held for longer than the step's timeout.
pub(super) fn overdue(reason: HoldReason, analysis: &Analysis, plan: &AnalysisPlan) -> String {
    format!("overdue, waits for {reason}: {}", numbers(analysis, plan))
}

/// A tripwire has tripped; `None` if it has not.
pub fn tripped(tripwire: &Tripwire, reading: Reading) -> Option<String> {
    let Reading::Tripped { green, blue, is_by_all_units } = reading else { return None };
    let blue = match blue {
        _ if tripwire.is_absolute => "and it is absolute".to_owned(),
        Some(blue) => format!("blue's was {}", Decimal(blue, 4)),
        None => "blue has too few responses to compare".to_owned(),
    };
    let units = match is_by_all_units {
        true => ", and all units that green had in that time were bad",
        false => "",
    };
    Some(format!("tripwire: {}, {blue}{units}", beyond_limit(tripwire, green)))
}

/// A tripwire sees an incident; `None` if it does not.
pub(super) fn incident(tripwire: &Tripwire, reading: Reading) -> Option<String> {
    let Reading::Incident { green, blue } = reading else { return None };
    Some(format!(
        "waits for incident: {}, but blue's was {}: something affects both versions",
        beyond_limit(tripwire, green),
        Decimal(blue, 4)
    ))
}

fn beyond_limit(tripwire: &Tripwire, green: f64) -> String {
    let Tripwire { metric, window_s, limit, .. } = tripwire;
    let (green, limit) = (Decimal(green, 4), Decimal(*limit, 4));
    format!("{metric} of green was {green} in the last {window_s} s, the limit is {limit}")
}

/// The numbers behind an analysis: the evidence as a whole, then each gate.
fn numbers(analysis: &Analysis, plan: &AnalysisPlan) -> String {
    let gates: String = plan
        .gates
        .iter()
        .zip(&analysis.gates)
        .map(|(gate, analysis)| format!("; {}", gate_numbers(gate, analysis, plan.unit)))
        .collect();
    let safe_log_e = smallest_non_inferiority_log_e(analysis, plan);
    format!("{}{gates}", numbers_of(analysis.harm_log_e, safe_log_e, plan))
}

/// The evidence as a whole, given as the natural logarithms of its e-values.
pub(super) fn numbers_of(harm_log_e: f64, safe_log_e: f64, plan: &AnalysisPlan) -> String {
    format!(
        "{NUMBERS}{}, rolls back at {}; evidence for safe: {}, advances at {}",
        EValue { log_e: harm_log_e },
        EValue { log_e: plan.rollback_log_e() },
        EValue { log_e: safe_log_e },
        EValue { log_e: plan.pass_log_e() },
    )
}

/// The evidence for safe as a whole: the smallest of the gates that must pass. A gate that cannot
/// be compared has none.
fn smallest_non_inferiority_log_e(analysis: &Analysis, plan: &AnalysisPlan) -> f64 {
    let gates = plan.gates.iter().zip(&analysis.gates);
    let must_pass = gates.filter(|(gate, analysis)| gate.spec.is_critical && !analysis.is_left_out);
    let log_e = must_pass.map(|(_, analysis)| match analysis.is_uneven {
        true => 0.0,
        false => analysis.non_inferiority_log_e,
    });
    log_e.reduce(f64::min).unwrap_or_default()
}

/// One gate: its verdict, means, units, and evidence.
fn gate_numbers(gate: &Gate, analysis: &GateAnalysis, unit: AnalysisUnit) -> String {
    let mean = |mean: Option<f64>| mean.map_or("-".to_owned(), |it| Decimal(it, 4).to_string());
    let counted = match unit {
        AnalysisUnit::Units => "units",
        AnalysisUnit::EveryRequest => "requests",
    };
    format!(
        "{}{}{} {}{}: blue {} of {} {counted}, green {} of {} {counted}{}, evidence for worse {}, for \
         safe {}",
        analysis.metric,
        if gate.spec.is_critical { "" } else { " (watched)" },
        threshold(analysis),
        gate_verdict(analysis),
        missing_bad_units(analysis, counted),
        mean(analysis.means.blue),
        analysis.units.blue,
        mean(analysis.means.green),
        analysis.units.green,
        missing(&analysis.coverage),
        EValue { log_e: analysis.harm_log_e },
        EValue { log_e: analysis.non_inferiority_log_e },
    )
}

/// The time above which the gate counts responses, if it was learned.
fn threshold(analysis: &GateAnalysis) -> String {
    match analysis.threshold_ms {
        Some(threshold_ms) => format!(" above {} ms", Decimal(threshold_ms, 0)),
        None if analysis.awaits_threshold => " (learning)".to_owned(),
        None => String::new(),
    }
}

fn gate_verdict(analysis: &GateAnalysis) -> &'static str {
    match analysis.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive if analysis.is_left_out => "left out",
        Verdict::Inconclusive if analysis.is_uneven => "not comparable",
        Verdict::Inconclusive if analysis.looks_worse => "looks worse than the margin",
        Verdict::Inconclusive => "undecided",
    }
}

/// What a gate lacks to find green worse, although its evidence suffices.
fn missing_bad_units(analysis: &GateAnalysis, counted: &str) -> String {
    match analysis.missing_bad_units {
        0 => String::new(),
        missing => format!(" (worse needs {missing} more bad {counted} of green)"),
    }
}

fn missing(coverage: &Coverage) -> String {
    match (coverage.missing.blue, coverage.missing.green) {
        (0, 0) => String::new(),
        (blue, green) => format!(", missing for {blue} on blue and {green} on green"),
    }
}
