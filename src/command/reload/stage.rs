//! Where a ramp may be before a reload: in its baseline, its shadow step, or a step.

use crate::assignment::Share;
use crate::command::output::CliError;
use crate::config::Config;

/// A share that may be in force before the reload.
pub(super) struct ShareBefore {
    pub share: Share,
    /// Where the ramp has this share; `None` for weights.
    pub stage: Option<Stage>,
}

/// Where a ramp is.
#[derive(Clone, Copy)]
pub(super) enum Stage {
    Baseline,
    ShadowStep,
    Step(usize),
}

/// The shares that may be in force before the reload: one per stage of a ramp, or those of `step`, which is 0
/// before the first step, too.
///
/// # Errors
/// There is no such step.
pub(super) fn shares_before(
    old: &Config,
    step: Option<usize>,
) -> Result<Vec<ShareBefore>, CliError> {
    let Some(ramp) = &old.ramp else {
        return match step {
            None => Ok(vec![ShareBefore { share: old.share, stage: None }]),
            Some(_) => {
                let why = "--step needs a ramp, but the old file has weights";
                Err(CliError::Usage(why.to_owned()))
            }
        };
    };
    if ramp.is_rolled_back {
        let stage = Some(Stage::Step(step.unwrap_or_default()));
        return Ok(vec![ShareBefore { share: Share::ZERO, stage }]);
    }
    let baseline = ramp.has_baseline().then_some(Stage::Baseline);
    let shadow_step = ramp.shadow.map(|_| Stage::ShadowStep);
    let early = baseline.into_iter().chain(shadow_step).map(|stage| (stage, Share::ZERO));
    let steps = ramp.steps.iter().enumerate().map(|(at, it)| (Stage::Step(at), it.share));
    let of_step = early.chain(steps).filter(|(stage, _)| step.is_none_or(|it| it == stage.step()));
    let found: Vec<_> =
        of_step.map(|(stage, share)| ShareBefore { share, stage: Some(stage) }).collect();
    if found.is_empty() {
        let why = format!("--step: the old file's ramp has steps 0 to {}", ramp.steps.len() - 1);
        return Err(CliError::Usage(why));
    }
    Ok(found)
}

/// Stages as text, such as "the shadow step and steps 0, 1".
pub(super) fn stages_text(stages: &[Stage]) -> String {
    let (mut parts, mut steps) = (Vec::new(), Vec::new());
    for stage in stages {
        match stage {
            Stage::Baseline => parts.push("the baseline".to_owned()),
            Stage::ShadowStep => parts.push("the shadow step".to_owned()),
            Stage::Step(step) => steps.push(step.to_string()),
        }
    }
    if !steps.is_empty() {
        let noun = if steps.len() == 1 { "step" } else { "steps" };
        parts.push(format!("{noun} {}", steps.join(", ")));
    }
    parts.join(" and ")
}

// === impl Stage ===

impl Stage {
    /// The index of the step, as the ramp counts it.
    fn step(self) -> usize {
        match self {
            Self::Baseline | Self::ShadowStep => 0,
            Self::Step(step) => step,
        }
    }
}
