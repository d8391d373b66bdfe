//! The steps of a ramp.

use serde_json::{Number, Value, json};

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::raw::ramp::{RawControl, RawStep, RawStepObject};
use crate::assignment::Share;
use crate::rollout::{RampProfile, RampStep};

/// All units, in basis points.
const ALL_BP: u64 = 10_000;

const MAX_STEPS: usize = 16;

/// Checks the steps. `by_conversation` is whether conversations are the unit of analysis.
pub(super) fn check_steps(
    raw: Option<Vec<RawStep>>,
    profile: RampProfile,
    control: RawControl,
    by_conversation: bool,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<RampStep>> {
    let mut steps = match raw {
        None => profile.steps_bp().iter().map(|green_bp| step(*green_bp, false)).collect(),
        Some(raw) => check_raw_steps(&raw, diagnostics),
    };
    if let (RawControl::Equal, Some(steps)) = (control, &mut steps) {
        equalize_control(steps, by_conversation, diagnostics);
    }
    steps
}

/// The shares of the steps below 100 percent, as fractions. Only these compare green with blue.
pub(super) fn analysed_shares(steps: &[RampStep]) -> Vec<f64> {
    let green_bp = steps.iter().map(|step| u64::from(step.share.basis_points()));
    let below_all = green_bp.filter(|green_bp| *green_bp < ALL_BP);
    below_all.map(|green_bp| green_bp as f64 / ALL_BP as f64).collect()
}

fn check_raw_steps(raw: &[RawStep], diagnostics: &mut Diagnostics) -> Option<Vec<RampStep>> {
    let mut steps = Vec::new();
    let mut previous_bp = 0;
    for (index, raw_step) in raw.iter().enumerate() {
        steps.push(check_step(index, raw_step, &mut previous_bp, diagnostics));
    }
    let shown = || raw.iter().map(shown_step).collect::<Value>();
    if !(1..=MAX_STEPS).contains(&steps.len()) {
        let fix = format!("write 1 to {MAX_STEPS} steps, such as [1, 5, 25, 50, 100]");
        diagnostics.push(FieldError::new("ramp.steps", &shown(), fix));
        return None;
    }
    let steps = steps.into_iter().collect::<Option<Vec<_>>>()?;
    if analysed_shares(&steps).is_empty() {
        let fix = "has no step to compare; add a step below 100, or use weights";
        diagnostics.push(FieldError::new("ramp.steps", &shown(), fix));
        return None;
    }
    Some(steps)
}

/// Checks one step. `previous_bp` is the largest share so far, and is updated.
fn check_step(
    index: usize,
    raw: &RawStep,
    previous_bp: &mut u64,
    diagnostics: &mut Diagnostics,
) -> Option<RampStep> {
    let (percent, needs_approval) = match raw {
        RawStep::Percent(percent) => (Some(percent), false),
        RawStep::Object(RawStepObject { percent, approve }) => (percent.as_ref(), *approve),
    };
    let field = format!("ramp.steps[{index}]");
    let rule = "write a share in percent, above 0 and at most 100, with at most two decimals";
    let Some(percent) = percent else {
        diagnostics.push(FieldError::missing(format!("{field}.percent"), rule));
        return None;
    };
    let green_bp = basis_points(percent);
    let fix = match green_bp {
        None => Some(rule),
        Some(green_bp) if green_bp <= *previous_bp => {
            Some("is not above the previous steps; write the steps in increasing order")
        }
        Some(_) => None,
    };
    if let Some(fix) = fix {
        diagnostics.push(FieldError::new(field.as_str(), &json!(percent), fix));
    }
    if index == 0 && needs_approval {
        let fix = "the first step is entered at once; write a smaller step before it, or remove \
                   approve and start the ramp when it is approved";
        diagnostics.push(FieldError::new(format!("{field}.approve"), &json!(true), fix));
    }
    *previous_bp = (*previous_bp).max(green_bp.unwrap_or_default());
    green_bp.filter(|_| fix.is_none()).and_then(|green_bp| step(green_bp, needs_approval))
}

/// A step that compares green with all of blue.
fn step(green_bp: u64, needs_approval: bool) -> Option<RampStep> {
    let share = share_from_bp(green_bp)?;
    Some(RampStep { share, analysed_share: Share::ALL, needs_approval })
}

/// Limits each step's comparison to the units that are newly exposed to green and as many of
/// blue's. All conversations that begin in a step are newly exposed.
fn equalize_control(steps: &mut [RampStep], by_conversation: bool, diagnostics: &mut Diagnostics) {
    let mut previous_bp = 0;
    for (index, step) in steps.iter_mut().enumerate() {
        let green_bp = u64::from(step.share.basis_points());
        let analysed_bp = 2 * green_bp - previous_bp;
        previous_bp = if by_conversation { 0 } else { green_bp };
        if green_bp == ALL_BP {
            continue;
        }
        if analysed_bp > ALL_BP {
            let fix = format!(
                "step {index} leaves fewer units on blue than it newly exposes to green; write \
                 smaller steps, such as up to 50, or remove this field"
            );
            diagnostics.push(FieldError::new("ramp.control", &json!("equal"), fix));
        } else if let Some(analysed_share) = share_from_bp(analysed_bp) {
            step.analysed_share = analysed_share;
        }
    }
}

fn shown_step(step: &RawStep) -> Value {
    match step {
        RawStep::Percent(percent) => json!(percent),
        RawStep::Object(step) => json!(step.percent),
    }
}

fn share_from_bp(green_bp: u64) -> Option<Share> {
    Share::new(ALL_BP.checked_sub(green_bp)?, green_bp)
}

/// Converts percent to basis points. `None` unless it is above 0, at most 100, and has at most
/// two decimals.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range by the check")]
fn basis_points(percent: &Number) -> Option<u64> {
    let percent = percent.as_f64().filter(|percent| *percent > 0.0 && *percent <= 100.0)?;
    let rounded = (percent * 100.0).round();
    // Exact equality: both sides are the number nearest to the same decimal.
    (rounded / 100.0 == percent).then_some(rounded as u64)
}
