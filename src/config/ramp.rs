//! The ramp: from what the operator wrote to what can be walked.

use std::time::Duration;

use serde_json::{Number, Value, json};

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::gates::{GateSection, gates};
use super::ramp_checks::{MetricRefs, number};
use super::raw::ramp::{RawControl, RawEvidence, RawRamp, RawStep, RawStepObject};
use super::raw::root::RawConfig;
use super::time::{duration, timestamp};
use super::tripwires::tripwires;
use crate::analysis::plan::MAX_UNITS;
use crate::analysis::{AnalysisPlan, AnalysisUnit, Gate, Metric, StepDesign};
use crate::assignment::Share;
use crate::rollout::{RampSpec, RampStep};

/// What is written beside a ramp, as far as it bears on it.
pub(super) struct RampContext {
    /// Whether weights are.
    pub weights: bool,
    /// Whether prices are.
    pub prices: bool,
    /// Whether thumbs are listened to, and scores.
    pub thumbs: bool,
    /// As above.
    pub scores: bool,
    /// Whether it is that no answers be read.
    pub unread: bool,
    /// Whether answers are, so that they are read unless `unread` says otherwise.
    pub answers: bool,
    /// Whether conversations are kept on their version, and are what is compared.
    pub conversations: bool,
}

// === impl RampContext ===

impl RampContext {
    /// The context of the ramp in this configuration.
    pub fn new(raw: &RawConfig) -> Self {
        Self {
            weights: raw.weights.is_some(),
            prices: !raw.prices.is_empty(),
            conversations: raw.conversation.is_some(),
            thumbs: raw.feedback.as_ref().is_some_and(|it| it.thumb.is_some()),
            scores: raw.feedback.as_ref().is_some_and(|it| it.score.is_some()),
            unread: raw.answers.as_ref().is_some_and(|answers| answers.read == Some(false)),
            answers: raw.answers.is_some(),
        }
    }
}

/// Everything, in basis points.
const FULL_BP: u64 = 10_000;

/// How many steps a ramp may have.
const MAX_STEPS: usize = 16;

const BAKE: Duration = Duration::from_secs(10 * 60);
const TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
const WARMUP: Duration = Duration::from_secs(2 * 60);
const ALPHA: f64 = 0.05;
const BETA: f64 = 0.1;

/// The ramp that was written.
pub(super) fn ramp(
    written: RawRamp,
    beside: &RampContext,
    problems: &mut Diagnostics,
) -> Option<RampSpec> {
    if beside.weights {
        let mend = "weights by hand and a ramp exclude each other; remove one";
        problems.push(FieldError { field: "ramp".into(), value: "set".into(), fix: mend.into() });
    }
    let mut steps = steps(written.steps, problems);
    if let (RawControl::Equal, Some(steps)) = (written.control, &mut steps) {
        limit_control(steps, beside.conversations, problems);
    }
    let bake = period("ramp.bake", written.bake.as_deref(), BAKE, problems);
    let timeout = timeout(written.timeout.as_deref(), bake, problems);
    let warmup = warmup(written.warmup.as_deref(), bake, problems);

    let shares: Option<Vec<f64>> = steps.as_deref().map(analysed_shares);
    let mut looked_at = MetricRefs::new();
    let GateSection { specs: terms, objective } =
        gates(written.gates, shares.as_deref(), &mut looked_at, problems);
    // A gate that needs bodies has them read; the default tripwires alone do not.
    let is_read = |(_, metric): &(String, Metric)| RampSpec::is_from_body(*metric);
    let reads_bodies = !beside.unread && (beside.answers || looked_at.iter().any(is_read));
    let tripwires = tripwires(written.tripwires, reads_bodies, &mut looked_at, problems);
    refuse_unmeasured(&looked_at, beside, problems);

    let alpha = chance("ramp.alpha", written.alpha.as_ref(), ALPHA, problems);
    let beta = chance("ramp.beta", written.beta.as_ref(), BETA, problems);
    let started = written.started.map(|text| {
        problems.checked("ramp.started", &text, |text| {
            timestamp(text).ok_or(
                r#"write a time since 1970 as RFC 3339 has it, such as "2026-11-25T10:00:00Z""#,
            )
        })
    });

    // `None` anywhere means a problem was noted; then there is nothing to build.
    let compared = match (written.control, beside.conversations) {
        (RawControl::All, false) => StepDesign::from_shares(&shares?),
        (RawControl::Equal, false) => StepDesign::with_equal_control(&shares?),
        (control, true) => StepDesign::for_conversations(&shares?, control == RawControl::Equal),
    };
    let gates = terms?.into_iter().map(|terms| Gate::new(terms, &compared)).collect();
    Some(RampSpec {
        steps: steps?,
        bake: bake?,
        timeout: timeout?,
        analysis: AnalysisPlan {
            gates,
            steps: compared,
            alpha: alpha?,
            beta: beta?,
            unit: match written.evidence {
                RawEvidence::Units => AnalysisUnit::Units,
                RawEvidence::EveryRequest => AnalysisUnit::EveryRequest,
            },
            warmup_ns: u64::try_from(warmup?.as_nanos()).ok()?,
            max_units: MAX_UNITS,
        },
        tripwires: tripwires?,
        objective,
        started: match started {
            Some(started) => Some(started?),
            None => None,
        },
        restart: written.restart,
        is_paused: written.paused,
    })
}

fn steps(written: Option<Vec<RawStep>>, problems: &mut Diagnostics) -> Option<Vec<RampStep>> {
    let Some(written) = written else {
        let step = |green| {
            Some(RampStep {
                share: share(green)?,
                analysed_share: Share::ALL,
                needs_approval: false,
            })
        };
        return [100, 500, 2_500, 5_000, FULL_BP].into_iter().map(step).collect();
    };
    let mut steps: Vec<Option<RampStep>> = Vec::new();
    let mut before = 0;
    for (at, step) in written.iter().enumerate() {
        let (percent, needs_approval) = match step {
            RawStep::Percent(percent) => (Some(percent), false),
            RawStep::Object(RawStepObject { percent, approve }) => (percent.as_ref(), *approve),
        };
        let field = format!("ramp.steps[{at}]");
        let rule = "write a share in percent, above 0 and at most 100, with at most two decimals";
        let Some(percent) = percent else {
            problems.push(FieldError::missing(format!("{field}.percent"), rule));
            steps.push(None);
            continue;
        };
        let green = basis_points(percent);
        let mend = match green {
            None => Some(rule),
            Some(green) if green <= before => {
                Some("is not above the steps before it; write them in growing order")
            }
            Some(_) => None,
        };
        if let Some(mend) = mend {
            problems.push(FieldError::new(field.as_str(), &json!(percent), mend));
        }
        if at == 0 && needs_approval {
            let mend = "is entered at once: write a smaller step before it, or leave this out and \
                        begin the ramp when it may begin";
            problems.push(FieldError::new(format!("{field}.approve"), &json!(true), mend));
        }
        before = before.max(green.unwrap_or_default());
        let share = green.filter(|_| mend.is_none()).and_then(share);
        steps.push(share.map(|share| RampStep {
            share,
            analysed_share: Share::ALL,
            needs_approval,
        }));
    }
    let shown = || written.iter().map(percent_of).collect::<Value>();
    if !(1..=MAX_STEPS).contains(&steps.len()) {
        let mend = format!("write 1 to {MAX_STEPS} steps, such as [1, 5, 25, 50, 100]");
        problems.push(FieldError::new("ramp.steps", &shown(), mend));
        return None;
    }
    let steps = steps.into_iter().collect::<Option<Vec<_>>>()?;
    if analysed_shares(&steps).is_empty() {
        let mend = "compares nothing: write a step below 100 as well, or use weights";
        problems.push(FieldError::new("ramp.steps", &shown(), mend));
        return None;
    }
    Some(steps)
}

/// Has each step compare green's new units with as many of blue's. Of conversations all
/// that begin in the step are new.
fn limit_control(steps: &mut [RampStep], of_conversations: bool, problems: &mut Diagnostics) {
    let mut before = 0;
    for (at, step) in steps.iter_mut().enumerate() {
        let green = u64::from(step.share.basis_points());
        let compared = 2 * green - before;
        before = if of_conversations { 0 } else { green };
        if green == FULL_BP {
            continue;
        }
        if compared > FULL_BP {
            let mend = format!(
                "step {at} leaves blue fewer units than are new on green: write smaller steps, \
                 such as up to 50, or leave this out"
            );
            problems.push(FieldError::new("ramp.control", &json!("equal"), mend));
        } else if let Some(compared) = share(compared) {
            step.analysed_share = compared;
        }
    }
}

fn percent_of(step: &RawStep) -> Value {
    match step {
        RawStep::Percent(percent) => json!(percent),
        RawStep::Object(step) => json!(step.percent),
    }
}

/// A share of so many basis points for green.
fn share(green: u64) -> Option<Share> {
    Share::new(FULL_BP.checked_sub(green)?, green)
}

/// A share in percent, above 0, in basis points; `None` where it is not a whole number of
/// them.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range by the check")]
fn basis_points(percent: &Number) -> Option<u64> {
    let percent = percent.as_f64().filter(|percent| *percent > 0.0 && *percent <= 100.0)?;
    let rounded = (percent * 100.0).round();
    // Exact: both are the number nearest to the same decimal.
    (rounded / 100.0 == percent).then_some(rounded as u64)
}

/// The shares of the steps that have a blue, as fractions.
fn analysed_shares(steps: &[RampStep]) -> Vec<f64> {
    let points = steps.iter().map(|step| u64::from(step.share.basis_points()));
    points.filter(|green| *green < FULL_BP).map(|green| green as f64 / FULL_BP as f64).collect()
}

fn period(
    field: &str,
    written: Option<&str>,
    default: Duration,
    problems: &mut Diagnostics,
) -> Option<Duration> {
    let Some(text) = written else { return Some(default) };
    let period = duration(text).filter(|period| !period.is_zero());
    if period.is_none() {
        let mend = "write a whole number of ms, s, m, h or d, above 0 and at most 365 days, such \
                    as \"10m\"";
        problems.push(FieldError::new(field, &json!(text), mend));
    }
    period
}

fn timeout(
    written: Option<&str>,
    bake: Option<Duration>,
    problems: &mut Diagnostics,
) -> Option<Duration> {
    let bake = bake.unwrap_or_default();
    let timeout = period("ramp.timeout", written, TIMEOUT.max(bake), problems)?;
    if timeout < bake {
        let mend = "is over before the step has baked: write at least what bake is";
        problems.push(FieldError::new("ramp.timeout", &json!(written), mend));
        return None;
    }
    Some(timeout)
}

fn warmup(
    written: Option<&str>,
    bake: Option<Duration>,
    problems: &mut Diagnostics,
) -> Option<Duration> {
    let bake = bake.unwrap_or(Duration::MAX);
    let Some(text) = written else { return Some(WARMUP.min(bake)) };
    let warmup = duration(text).filter(|warmup| *warmup <= bake);
    if warmup.is_none() {
        let mend = "write a whole number of ms, s, m, h or d, at most what bake is, such as \"2m\"";
        problems.push(FieldError::new("ramp.warmup", &json!(text), mend));
    }
    warmup
}

fn chance(
    field: &str,
    written: Option<&Number>,
    default: f64,
    problems: &mut Diagnostics,
) -> Option<f64> {
    let mend = format!("write a chance, above 0 and at most 0.5, such as {default}");
    number(field, written, default, |chance| chance > 0.0 && chance <= 0.5, &mend, problems)
}

/// Notes what gates and tripwires look at and would never see.
fn refuse_unmeasured(looked_at: &MetricRefs, beside: &RampContext, problems: &mut Diagnostics) {
    for (field, metric) in looked_at {
        let mend = match metric {
            Metric::Cost if !beside.prices => {
                "nothing has a cost without prices: write prices as well"
            }
            Metric::ThumbsDownRate if !beside.thumbs => {
                "nobody's thumb is seen: write feedback with a thumb as well"
            }
            Metric::Score if !beside.scores => {
                "nobody's score is seen: write feedback with a score as well"
            }
            _ => continue,
        };
        problems.push(FieldError::new(field, &json!(metric), mend));
    }
    let mut read: Vec<&str> = Vec::new();
    for (_, metric) in looked_at.iter().filter(|(_, metric)| RampSpec::is_from_body(*metric)) {
        if !read.contains(&metric.as_str()) {
            read.push(metric.as_str());
        }
    }
    if beside.unread && !read.is_empty() {
        let mend = format!(
            "the ramp looks at {}, of which only answers that are read tell: write true, or gates \
             and tripwires without them",
            read.join(", ")
        );
        problems.push(FieldError::new("answers.read", &json!(false), mend));
    }
}
