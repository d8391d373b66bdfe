//! The steps of a ramp.

use serde_json::{Number, Value, json};

use super::FieldError;
use super::control::Control;
use super::diagnostics::Diagnostics;
use super::raw::ramp::{RawStep, RawStepObject};
use crate::assignment::Share;
use crate::assignment::bucket::ALL_BP;
use crate::json::whole_number;
use crate::rollout::{RampProfile, RampStep, ShadowStep};

const MAX_STEPS: usize = 16;

/// After how many pairs a shadow step holds by default.
const MAX_PAIRS: u64 = 2_000;

/// With fewer pairs almost nothing can be decided.
const ALLOWED_PAIRS: std::ops::RangeInclusive<u64> = 100..=1_000_000;

/// The checked steps.
pub(super) struct StepSection {
    /// The shadow step; `Some(None)` if it is invalid.
    pub shadow: Option<Option<ShadowStep>>,
    /// The steps with a share; `None` if any is invalid.
    pub steps: Option<Vec<RampStep>>,
}

/// Checks the steps. `by_conversation` is whether conversations are the unit of analysis.
pub(super) fn check_steps(
    raw: Option<Vec<RawStep>>,
    profile: RampProfile,
    control: Option<Control>,
    by_conversation: bool,
    diagnostics: &mut Diagnostics,
) -> StepSection {
    let mut section = match raw {
        None => StepSection {
            shadow: None,
            steps: profile.steps_bp().iter().map(|green_bp| step(*green_bp, false)).collect(),
        },
        Some(raw) => check_raw_steps(&raw, diagnostics),
    };
    match (control, &mut section.steps) {
        (Some(Control::Equal), Some(steps)) => {
            equalize_control(steps, by_conversation, diagnostics);
        }
        (Some(Control::Ratio(ratio)), Some(steps)) => {
            for step in steps {
                step.analysed_share = ratio.analysed_share(step.share);
            }
        }
        (Some(Control::All) | None, _) | (_, None) => {}
    }
    section
}

/// The shares of the steps below 100 percent, as fractions. Only these compare green with blue.
pub(super) fn analysed_shares(steps: &[RampStep]) -> Vec<f64> {
    let green_bp = steps.iter().map(|step| u64::from(step.share.basis_points()));
    let below_all = green_bp.filter(|green_bp| *green_bp < ALL_BP);
    below_all.map(|green_bp| green_bp as f64 / ALL_BP as f64).collect()
}

fn check_raw_steps(raw: &[RawStep], diagnostics: &mut Diagnostics) -> StepSection {
    let shadow = match raw.first() {
        Some(RawStep::Object(first)) if first.shadow.is_some() => {
            Some(check_shadow_step(first, diagnostics))
        }
        _ => None,
    };
    let steps = check_shares(raw, shadow.is_some(), diagnostics);
    StepSection { shadow, steps }
}

/// Checks the steps with a share: all of them, or all but the first, which is the shadow step.
fn check_shares(
    raw: &[RawStep],
    has_shadow: bool,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<RampStep>> {
    let mut steps = Vec::new();
    let mut previous_bp = 0;
    for (index, raw_step) in raw.iter().enumerate().skip(usize::from(has_shadow)) {
        steps.push(check_step(index, raw_step, &mut previous_bp, diagnostics));
    }
    let shown = || raw.iter().map(shown_step).collect::<Value>();
    if steps.is_empty() || raw.len() > MAX_STEPS {
        let fix = match has_shadow && steps.is_empty() {
            true => {
                "has no step after the shadow step; add shares, such as 1, 5, 25, 50, 100".into()
            }
            false => format!("write 1 to {MAX_STEPS} steps, such as [1, 5, 25, 50, 100]"),
        };
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
    let field = format!("ramp.steps[{index}]");
    let (percent, needs_approval) = match raw {
        RawStep::Percent(percent) => (Some(percent), false),
        RawStep::Object(RawStepObject { shadow: Some(shadow), .. }) => {
            let fix = "a shadow step comes before all others; write it first, or remove it";
            diagnostics.push(FieldError::new(format!("{field}.shadow"), &json!(shadow), fix));
            return None;
        }
        RawStep::Object(RawStepObject { percent, approve, pairs, .. }) => {
            if let Some(pairs) = pairs {
                let fix = "only a shadow step counts pairs; remove it, or write shadow instead of \
                           percent";
                diagnostics.push(FieldError::new(format!("{field}.pairs"), &json!(pairs), fix));
            }
            (percent.as_ref(), *approve)
        }
    };
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
    // After a shadow step, the first one may wait for an approval.
    if index == 0 && needs_approval {
        let fix = "the first step is entered at once; write a smaller step before it, or remove \
                   approve and start the ramp when it is approved";
        diagnostics.push(FieldError::new(format!("{field}.approve"), &json!(true), fix));
    }
    *previous_bp = (*previous_bp).max(green_bp.unwrap_or_default());
    green_bp.filter(|_| fix.is_none()).and_then(|green_bp| step(green_bp, needs_approval))
}

/// Checks a shadow step, which is the first element of the steps.
fn check_shadow_step(raw: &RawStepObject, diagnostics: &mut Diagnostics) -> Option<ShadowStep> {
    let RawStepObject { percent, approve, shadow, pairs } = raw;
    let field = |name: &str| format!("ramp.steps[0].{name}");
    if let Some(percent) = percent {
        let fix = "no user is on green in a shadow step; remove it";
        diagnostics.push(FieldError::new(field("percent"), &json!(percent), fix));
    }
    if *approve {
        let fix = "the shadow step is entered at once; write it in the step after it, or remove it";
        diagnostics.push(FieldError::new(field("approve"), &json!(true), fix));
    }
    let share = shadow.as_ref().and_then(share_from_percent);
    if share.is_none() {
        let fix = "write the share of users whose requests are copied, in percent, above 0 and at \
                   most 100, with at most two decimals";
        diagnostics.push(FieldError::new(field("shadow"), &json!(shadow), fix));
    }
    let max_pairs = match pairs {
        None => Some(MAX_PAIRS),
        Some(pairs) => whole_number(pairs).filter(|it| ALLOWED_PAIRS.contains(it)),
    };
    if max_pairs.is_none() {
        let fix = "write after how many pairs the step holds if it is not decided: a whole number \
                   from 100 to 1000000, such as 2000";
        diagnostics.push(FieldError::new(field("pairs"), &json!(pairs), fix));
    }
    if percent.is_some() || *approve {
        return None;
    }
    Some(ShadowStep { share: share?, max_pairs: max_pairs? })
}

/// A step that compares green with all of blue.
fn step(green_bp: u64, needs_approval: bool) -> Option<RampStep> {
    let share = Share::from_basis_points(green_bp)?;
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
        } else if let Some(analysed_share) = Share::from_basis_points(analysed_bp) {
            step.analysed_share = analysed_share;
        }
    }
}

fn shown_step(step: &RawStep) -> Value {
    match step {
        RawStep::Percent(percent) => json!(percent),
        RawStep::Object(RawStepObject { shadow: Some(shadow), .. }) => json!({"shadow": shadow}),
        RawStep::Object(step) => json!(step.percent),
    }
}

/// The share in percent; `None` unless it is above 0, at most 100, and has at most two decimals.
pub(super) fn share_from_percent(percent: &Number) -> Option<Share> {
    Share::from_basis_points(basis_points(percent)?)
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
