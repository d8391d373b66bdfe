//! Whether a step will have enough evidence to advance, and when.

use super::labels;
use super::numbers::GroupedCount;
use super::time_format::HumanDuration;
use super::view::{AnalysisView, GateView, RampView};
use crate::rollout::RampProfile;

/// Whether a step will have enough evidence to advance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It has enough, or will have before it is overdue. The text says when.
    Enough(String),
    /// It will not have enough in time.
    TooLittle(String),
    /// It is too early to say.
    Open(String),
}

/// Before a step has lasted so long, nothing is predicted.
const MIN_S: u64 = 300;

/// A step without any evidence has too few users when it has lasted so long.
const MIN_WITHOUT_EVIDENCE_S: u64 = 1800;

/// Less than this fraction of the required evidence predicts nothing.
const MIN_EVIDENCE: f64 = 0.05;

// === impl Outlook ===

impl Outlook {
    /// The outlook of the current step, by its gate with the least evidence; `None` in a step
    /// that compares nothing.
    ///
    /// The logarithm of the evidence grows with the number of units, so the rest is proportional
    /// to what is there. Where the same users come again and again, it takes longer than that.
    pub fn new(ramp: &RampView) -> Option<Self> {
        let analysis = ramp.judgement.as_ref()?;
        let deciding = analysis.gates.iter().filter(|gate| is_deciding(gate));
        let slowest = deciding.min_by(|a, b| a.safe.total_cmp(&b.safe))?;
        let AnalysisView { green_units, counts, .. } = analysis;
        let seen = format!("{} {counts} on green", GroupedCount(*green_units));
        if slowest.safe >= 1.0 {
            return Some(Self::Enough(format!("enough for the next step, by {seen}")));
        }
        if ramp.in_step_s < MIN_S {
            return Some(Self::Open(format!("too early to say; {seen} in this step")));
        }
        let name = labels::metric(&slowest.metric).name;
        if slowest.safe < MIN_EVIDENCE {
            let text = format!("{name}: none after {}; {seen}", HumanDuration(ramp.in_step_s));
            return Some(match ramp.in_step_s < MIN_WITHOUT_EVIDENCE_S {
                true => Self::Open(text),
                false => Self::TooLittle(format!("{text}: too few for this step{}", advice(ramp))),
            });
        }
        let needed = round_to_two_digits(*green_units as f64 / slowest.safe);
        let total_s = ramp.in_step_s as f64 / slowest.safe;
        let left = HumanDuration((total_s as u64).saturating_sub(ramp.in_step_s));
        let text = format!(
            "{name}: about {} {counts} on green are needed, {} so far; {left} more at this rate",
            GroupedCount(needed),
            GroupedCount(*green_units)
        );
        Some(match total_s > ramp.timeout_s as f64 {
            true => Self::TooLittle(text),
            false => Self::Enough(text),
        })
    }
}

/// The profile that needs fewer users, where the step has less than half of them.
fn advice(ramp: &RampView) -> String {
    let small = RampProfile::Small;
    let first_bp = small.steps_bp().first().copied().unwrap_or_default();
    let share_bp = ramp.steps.get(ramp.step).map(|it| u64::from(it.green_bp));
    match share_bp {
        Some(share_bp) if share_bp < first_bp => {
            format!("; \"profile\": \"{}\" needs fewer", small.as_str())
        }
        _ => String::new(),
    }
}

/// Whether the ramp waits for this gate.
fn is_deciding(gate: &GateView) -> bool {
    gate.is_critical && !matches!(gate.verdict.as_str(), "left_out" | "not_comparable")
}

/// The estimate is no more exact.
fn round_to_two_digits(number: f64) -> u64 {
    let number = number as u64;
    let mut digit = 1;
    while number / digit >= 100 {
        digit *= 10;
    }
    (number + digit / 2) / digit * digit
}
