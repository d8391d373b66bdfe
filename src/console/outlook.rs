//! Whether a step will have enough evidence to advance, and when.

use super::labels;
use super::numbers::GroupedCount;
use super::time_format::HumanDuration;
use super::view::{AnalysisView, EarlierEvidence, GateView, RampView};
use crate::rollout::RampProfile;

/// Whether a step will have enough evidence to advance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It has enough, or will have before it is overdue. The text says when.
    Enough(String),
    /// It will not have enough in time, or never, or holds whatever it has. The text says what needs less,
    /// or what is missing.
    TooLittle(String),
    /// It is too early to say.
    Open(String),
}

/// How evidence grows: since half of the step's time, or, where little has come since, since the step
/// began. The evidence of a few units can also shrink by chance.
#[derive(Clone, Copy)]
pub(super) struct Growth {
    /// The fraction of the required evidence that comes in a second.
    pub safe_per_s: f64,
    /// The units that bring as much evidence as is required.
    units_per_safe: f64,
    /// Whether hardly any new units and hardly any evidence have come since half of the step's time.
    pub has_ended: bool,
}

/// Before a step has lasted so long, nothing is predicted.
const MIN_S: u64 = 300;

/// A step has too few users if there is no evidence, or none comes any more, when it has lasted so long.
const MIN_WITHOUT_EVIDENCE_S: u64 = 600;

/// Less than this fraction of the required evidence predicts nothing.
pub(super) const MIN_EVIDENCE: f64 = 0.05;

/// No larger number of units is shown.
const MAX_NEEDED: f64 = 1e12;

/// Growth has ended if less than this fraction of the units is new, and less than this fraction of the
/// required evidence has come, in half of the step's time.
const MIN_GROWTH: f64 = 0.05;

// === impl Outlook ===

impl Outlook {
    /// The outlook of the current step, by its gate with the least evidence; `None` in a step
    /// that compares nothing.
    ///
    /// The logarithm of the evidence grows with the number of units, so the rest is proportional
    /// to what has come lately. Where the same users come again and again, that is less and less.
    pub fn new(ramp: &RampView) -> Option<Self> {
        let analysis = ramp.judgement.as_ref()?;
        let AnalysisView { green_units, counts, .. } = analysis;
        let seen = format!("{} {counts} on green", GroupedCount(*green_units));
        let is_late = ramp.in_step_s >= MIN_WITHOUT_EVIDENCE_S;
        if let Some(why) = not_for_want_of_evidence(analysis) {
            let text = format!("{why}; more traffic does not help; {seen}");
            return Some(Self::missing(text, is_late));
        }
        let deciding = analysis.gates.iter().filter(|gate| is_deciding(gate));
        let slowest = deciding.min_by(|a, b| a.safe.total_cmp(&b.safe))?;
        if slowest.safe >= 1.0 {
            let step = ramp.steps.get(ramp.step + 1).map_or("this", |_| "the next");
            return Some(Self::Enough(format!("enough for {step} step, by {seen}")));
        }
        if ramp.in_step_s < MIN_S {
            return Some(Self::Open(format!("too early to say; {seen} in this step")));
        }
        let name = labels::metric(&slowest.metric).name;
        let lasted = HumanDuration(ramp.in_step_s);
        if let Some(why) = not_for_want_of_units(slowest, analysis) {
            let text = format!("{name}: {why} after {lasted}; {seen}");
            return Some(Self::missing(text, is_late));
        }
        let growth = Growth::new(ramp.at_half_time, ramp.in_step_s, *green_units, slowest.safe);
        if growth.has_ended && is_late {
            return Some(Self::TooLittle(format!(
                "{name}: {seen} after {lasted}, and hardly any new ones: never at this traffic{}",
                advice(ramp)
            )));
        }
        if slowest.safe < MIN_EVIDENCE {
            let text = format!("{name}: none after {lasted}; {seen}");
            return Some(match is_late {
                true => {
                    Self::TooLittle(format!("{text}: too few users for this step{}", advice(ramp)))
                }
                false => Self::Open(text),
            });
        }
        let missing = 1.0 - slowest.safe;
        let needed = round_to_two_digits(*green_units as f64 + missing * growth.units_per_safe);
        let left_s = missing / growth.safe_per_s;
        let text = format!(
            "{name}: about {} {counts} on green are needed, {} so far; {} more at this rate",
            GroupedCount(needed),
            GroupedCount(*green_units),
            HumanDuration(left_s as u64)
        );
        Some(match ramp.in_step_s as f64 + left_s > ramp.timeout_s as f64 {
            true => Self::TooLittle(format!("{text}{}", advice(ramp))),
            false => Self::Enough(text),
        })
    }

    /// What is missing, which it is too early to say at first.
    fn missing(text: String, is_late: bool) -> Self {
        if is_late { Self::TooLittle(text) } else { Self::Open(text) }
    }
}

// === impl Growth ===

impl Growth {
    /// The growth to this fraction of the required evidence, which is above 0, by so many units on green.
    pub fn new(
        at_half_time: Option<EarlierEvidence>,
        in_step_s: u64,
        green_units: u64,
        safe: f64,
    ) -> Self {
        let of_step = Self {
            safe_per_s: safe / in_step_s.max(1) as f64,
            units_per_safe: green_units as f64 / safe,
            has_ended: false,
        };
        let Some(before) = at_half_time.filter(|it| it.ago_s > 0) else { return of_step };
        let units = green_units.saturating_sub(before.green_units) as f64;
        let gained = safe - before.safe;
        if gained < MIN_GROWTH {
            return Self { has_ended: units < MIN_GROWTH * green_units as f64, ..of_step };
        }
        Self {
            safe_per_s: gained / before.ago_s as f64,
            units_per_safe: units / gained,
            has_ended: false,
        }
    }
}

/// Why the ramp holds whatever evidence its gates have.
fn not_for_want_of_evidence(analysis: &AnalysisView) -> Option<String> {
    if analysis.is_mismatched {
        return Some(format!("the split of {} does not match the weights", analysis.counts));
    }
    let gates = analysis.gates.iter();
    let gate = gates.filter(|it| it.is_critical).find(|it| it.verdict == "not_comparable")?;
    let name = labels::metric(&gate.metric).name;
    Some(format!("{name}: not comparable, since too many answers of one version lack the value"))
}

/// Why a gate has no evidence although there are units of both versions: more of them are no help.
fn not_for_want_of_units(gate: &GateView, analysis: &AnalysisView) -> Option<String> {
    if analysis.blue_units == 0 || analysis.green_units == 0 {
        return None;
    }
    if gate.looks_worse {
        return Some("green looks worse than the margin allows".to_owned());
    }
    let version = match (gate.blue_units, gate.green_units) {
        (0, 0) => "",
        (0, _) => " on blue",
        (_, 0) => " on green",
        _ => return None,
    };
    (!gate.is_learning).then(|| format!("no {} with this value{version}", analysis.counts))
}

/// What needs fewer users: the profile for few, where the step has less than half of them.
fn advice(ramp: &RampView) -> String {
    let small = RampProfile::Small;
    let first_bp = small.steps_bp().first().copied().unwrap_or_default();
    let share_bp = ramp.steps.get(ramp.step).map(|it| u64::from(it.green_bp));
    match share_bp {
        Some(share_bp) if share_bp < first_bp => {
            format!("; \"profile\": \"{}\" needs fewer", small.as_str())
        }
        _ => "; larger tolerances or fewer critical gates need fewer".to_owned(),
    }
}

/// Whether the ramp waits for this gate.
fn is_deciding(gate: &GateView) -> bool {
    gate.is_critical && gate.verdict != "left_out"
}

/// The estimate is no more exact.
fn round_to_two_digits(number: f64) -> u64 {
    let number = number.min(MAX_NEEDED) as u64;
    let mut digit = 1;
    while number / digit >= 100 {
        digit *= 10;
    }
    (number + digit / 2) / digit * digit
}
