//! The plan of a ramp, as JSON and as text.

use std::fmt::Write as _;

use serde::Serialize;

use super::influence::{GREEN_RATIO, StepInfluence};
use super::needed::{ENOUGH, NeededTraffic};
use super::shadow::PlannedShadowStep;
use crate::analysis::Metric;
use crate::command::forecast::{DurationDistribution, DurationRange};
use crate::command::output::{DOUBTFUL, HEAD, Report, TextTable, count, percent, styled, time};
use crate::command::traffic::{Assumptions, left_out_line};
use crate::rollout::RampProfile;

/// The plan of a ramp.
#[derive(Serialize)]
pub struct Planned {
    pub(super) rollout: String,
    /// The file, as an argument of another command.
    #[serde(skip)]
    pub(super) file: String,
    /// The options for the same traffic, as arguments of another command.
    #[serde(skip)]
    pub(super) arguments: String,
    pub(super) traffic: Assumptions,
    /// The metrics of gates and tripwires on feedback, which are not planned.
    pub(super) left_out: Vec<Metric>,
    /// How long all users stay on blue before the first step.
    pub(super) baseline_s: f64,
    pub(super) bake_s: f64,
    pub(super) timeout_s: f64,
    pub(super) steps: Vec<PlannedStep>,
    /// The plan of the shadow step; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shadow_step: Option<PlannedShadowStep>,
    /// How long a green like blue takes through all steps, with the baseline and the shadow step.
    pub(super) whole_s: DurationRange,
    /// The share of ramps that a green like blue completes, from 0 to 1.
    pub(super) completes: f64,
    /// The profile for this traffic.
    pub(super) recommended_profile: RampProfile,
    /// The traffic that the ramp needs; `None` if this traffic is enough.
    pub(super) needed: Option<NeededTraffic>,
}

/// The plan of a step.
#[derive(Serialize)]
pub(super) struct PlannedStep {
    pub step: usize,
    /// Green's share, from 0 to 1.
    pub share: f64,
    /// Whether green is compared with blue, which is not possible at 100 %.
    pub is_compared: bool,
    pub gates: Vec<PlannedGate>,
    /// How long a green like blue stays in the step.
    pub lasts_s: DurationRange,
    /// The distribution of that time.
    #[serde(skip)]
    pub lasts: DurationDistribution,
    /// The share of ramps in which a green like blue advances within the timeout, from 0 to 1: the
    /// product over the critical gates, as if they were independent.
    pub advances: f64,
    /// The exposure meanwhile, at the median or until the timeout.
    pub green: GreenExposure,
    /// How many units a client needs to force a verdict; `None` without a critical gate on a rate.
    pub influence: Option<StepInfluence>,
}

/// The plan of a gate in a step.
#[derive(Serialize)]
pub(super) struct PlannedGate {
    pub metric: Metric,
    pub is_critical: bool,
    /// The excess over 1 by which green may be worse.
    pub margin: f64,
    /// The excess over 1 by which green is assumed to be worse.
    pub regression: f64,
    /// How long it takes to detect the regression.
    pub found_worse: DurationRange,
    /// The exposure to the regression until it is detected.
    pub worse_green: GreenExposure,
    /// The excess over 1 by which a green that passes may still be worse, with probability beta.
    pub tolerance: f64,
    /// How long it takes a green like blue to pass.
    pub shown_safe: DurationRange,
    /// The distribution of that time.
    #[serde(skip)]
    pub safe_after: DurationDistribution,
    /// The share of ramps in which a green like blue passes within the timeout, from 0 to 1.
    pub passes: f64,
}

/// How much traffic green gets.
#[derive(Clone, Copy, Serialize)]
pub(super) struct GreenExposure {
    pub requests: f64,
    /// `None` if each request comes from another user.
    pub users: Option<f64>,
}

// === impl PlannedStep ===

impl PlannedStep {
    /// A step with all traffic on green.
    pub(super) fn without_comparison(step: usize, share: f64) -> Self {
        let lasts = DurationDistribution::exactly(0.0);
        Self {
            step,
            share,
            is_compared: false,
            gates: Vec::new(),
            lasts_s: lasts.range(),
            lasts,
            advances: 1.0,
            green: GreenExposure { requests: 0.0, users: None },
            influence: None,
        }
    }
}

// === impl Planned ===

impl Report for Planned {
    fn text(&self) -> String {
        let mut text = self.traffic.text();
        text.extend(left_out_line(&self.left_out));
        if self.baseline_s > 0.0 {
            let baseline = time(self.baseline_s);
            let _ = writeln!(text, "baseline: {baseline}, with all users on blue");
        }
        if let Some(step) = &self.shadow_step {
            let _ = writeln!(text, "\n{}\n{}", styled(HEAD, "Shadow step"), step.text().trim_end());
        }
        for step in &self.steps {
            let head = format!("Step {}: {} to green", step.step, percent(step.share));
            let _ = writeln!(text, "\n{}", styled(HEAD, head));
            text += &self.step_text(step);
        }
        text.push('\n');
        text += &self.end();
        text + &self.advice()
    }
}

impl Planned {
    /// Whether and when a green like blue completes the ramp.
    fn end(&self) -> String {
        // All steps together may take longer than the timeout of one.
        let after = with_range(self.whole_s, "or more").unwrap_or_default();
        let timeout = time(self.timeout_s);
        let ramps = about_ramps(self.completes);
        let in_shadow = self.shadow_step.as_ref().filter(|it| it.goes_on < 1.0);
        let in_shadow = in_shadow.map_or("", |_| "in the shadow step, or ");
        let others =
            format!("The others hold {in_shadow}in a step beyond its timeout of {timeout}.");
        match self.completes {
            ENOUGH.. => format!("A green like blue completes the ramp after {after}.\n"),
            0.5.. => format!("A green like blue completes {ramps}, after {after}. {others}\n"),
            _ => format!(
                "{} a green like blue completes {ramps}. {others}\n",
                styled(DOUBTFUL, "Not enough evidence:")
            ),
        }
    }

    fn step_text(&self, step: &PlannedStep) -> String {
        if !step.is_compared {
            return "  All users are on green: tripwires act, and gates judge late answers of the step before.\n"
                .to_owned();
        }
        let mut text = self.gate_table(step).to_string();
        text.extend(self.undetected(step));
        text.extend(self.never_passed(step));
        let users = match step.green.users {
            Some(users) => format!(" of {} users", count(users)),
            None => String::new(),
        };
        let requests = count(step.green.requests);
        text += &match step.lasts_s.median_s {
            Some(_) => {
                let ramps = match step.advances {
                    ENOUGH.. => String::new(),
                    share => format!(", in {}", about_ramps(share)),
                };
                let after = range(step.lasts_s, self.timeout_s);
                format!(
                    "  A green like blue advances after {after}, with {requests} requests{users} to \
                     green{ramps}.\n"
                )
            }
            None => {
                let most = if step.advances < 0.01 { "" } else { " in most ramps" };
                format!(
                    "  A green like blue is held{most}: until the timeout, {requests} requests{users} \
                     go to green.\n"
                )
            }
        };
        text.extend(step.influence.map(influence));
        text
    }

    fn gate_table(&self, step: &PlannedStep) -> TextTable {
        let mut table = TextTable::new(&[
            "gate",
            "regression",
            "time to detect",
            "requests to green",
            "tolerance",
            "time to pass",
        ]);
        for gate in &step.gates {
            let requests = match gate.found_worse.median_s {
                Some(_) => count(gate.worse_green.requests),
                None => "-".to_owned(),
            };
            let name = gate.metric.to_string();
            table.add([
                if gate.is_critical { name } else { format!("{name} (not critical)") },
                format!("+{}", percent(gate.regression)),
                range_or(gate.found_worse, self.timeout_s, "not detected"),
                requests,
                format!("+{}", percent(gate.tolerance)),
                range_or(gate.shown_safe, self.timeout_s, "not passed"),
            ]);
        }
        table
    }

    /// The gates whose regression is not detected.
    fn undetected(&self, step: &PlannedStep) -> Option<String> {
        let gates = step.gates.iter().filter(|it| it.found_worse.median_s.is_none());
        self.within_timeout("Not detected", gates)
    }

    /// The critical gates that a green like blue does not pass.
    fn never_passed(&self, step: &PlannedStep) -> Option<String> {
        let gates = step.gates.iter();
        let gates = gates.filter(|it| it.is_critical && it.shown_safe.median_s.is_none());
        self.within_timeout("Not passed", gates)
    }

    fn within_timeout<'a>(
        &self,
        what: &str,
        gates: impl Iterator<Item = &'a PlannedGate>,
    ) -> Option<String> {
        let gates: Vec<_> = gates.map(|it| it.metric.as_str()).collect();
        let what = styled(DOUBTFUL, what);
        let timeout = time(self.timeout_s);
        (!gates.is_empty())
            .then(|| format!("  {what} within the timeout of {timeout}: {}.\n", gates.join(", ")))
    }
}

/// How many units a client needs to force a verdict, as text.
fn influence(influence: StepInfluence) -> String {
    let units = |units: Option<u64>| units.map_or("no number".to_owned(), |it| count(it as f64));
    format!(
        "  Bad units ({}) that force a rollback: {} of green, {} after the bake time; an advance of a \
         green with x{GREEN_RATIO}: {} of blue.\n",
        influence.metric,
        units(influence.rollback_at_start),
        units(influence.rollback_after_bake),
        units(influence.advance_after_bake),
    )
}

/// A share of ramps as text.
fn about_ramps(share: f64) -> String {
    match share {
        ..0.01 => "fewer than 1 % of ramps".to_owned(),
        _ => format!("about {} of ramps", percent((share * 100.0).round() / 100.0)),
    }
}

/// A duration with its range; `or` if even the median exceeds `max_s`.
fn range_or(duration: DurationRange, max_s: f64, or: &str) -> String {
    let to_max = format!("to over {}", time(max_s));
    with_range(duration, &to_max).unwrap_or_else(|| or.to_owned())
}

/// A duration with its range, which ends like `open` if it has no upper limit; `None` without a median.
fn with_range(duration: DurationRange, open: &str) -> Option<String> {
    let median = time(duration.median_s?);
    let low = time(duration.p10_s?);
    Some(match duration.p90_s.map(time) {
        Some(high) if high == low => median,
        Some(high) => format!("{median} ({low} to {high})"),
        None => format!("{median} ({low} {open})"),
    })
}

/// A duration with its range.
fn range(duration: DurationRange, max_s: f64) -> String {
    range_or(duration, max_s, &format!("over {}", time(max_s)))
}
