//! Converts what a VM knows of a rollout into what the console shows of it.

use super::build_differences;
use super::build_judge::JudgeSpending;
use super::health::health;
use super::outlook::{Growth, MIN_EVIDENCE};
use super::problems::problems;
use super::rejections::Acceptance;
use super::view::{
    AnalysisView, CommandView, DecisionView, EarlierEvidence, FleetView, JudgeView, RampView,
    RolloutView, ShadowStepView, ShareView, StepView, VersionAboutView, VersionView,
};
use crate::analysis::Analysis;
use crate::assignment::Share;
use crate::config::Config;
use crate::rollout::clocks::SECOND_NS;
use crate::rollout::{
    Clocks, DifferenceHistory, HoldReason, ManualRollout, OperatorCommand, Phase, Position,
    RampSpec, RampState, RampStep, SpecFingerprint, Transition, TransitionLog,
};
use crate::stats::RecentCounts;

/// What a VM knows of a rollout.
pub struct ViewInputs<'a> {
    /// The configuration in force.
    pub config: &'a Config,
    /// The state of the ramp or of the manual weights.
    pub control: ControlState<'a>,
    /// The phase that this VM's requests are assigned by.
    pub phase: Phase,
    /// Green's share that this VM's requests are assigned by.
    pub green_share: Share,
    /// Whether another rollout was configured since, and this one has had no request after that.
    pub is_replaced: bool,
    /// How the gates of a ramp have developed.
    pub differences: DifferenceHistory,
    /// The counters of each version.
    pub versions: Vec<VersionView>,
    /// The requests of the last minute, if this VM samples them.
    pub recent: Option<RecentCounts>,
    /// When the configuration was accepted, and whether a later one was rejected.
    pub acceptance: Acceptance<'a>,
    /// How many counters, gauges and histograms the host refused to define.
    pub refused_stats: usize,
    /// The Envoys that share the rollout, if there are several.
    pub fleet: Option<FleetView>,
    /// What the judge has cost, if there is one.
    pub judge: Option<JudgeSpending>,
    /// The current time; of a fleet's ramp, by the fleet's clock.
    pub now: Clocks,
}

/// The state of what sets green's share; `None` until the VM has read it.
pub enum ControlState<'a> {
    /// A ramp.
    Ramp(&'a RampSpec, Option<&'a RampState>),
    /// Weights from the configuration or from an operator.
    Manual(Option<&'a ManualRollout>),
}

/// Phase, share and history, as far as they are known.
struct ControlSummary<'a> {
    phase: Phase,
    green_bp: u32,
    log: Option<&'a TransitionLog>,
    command: Option<&'a OperatorCommand>,
    ramp: Option<RampView>,
}

const MS_PER_SECOND: u64 = 1000;

// === impl RolloutView ===

impl RolloutView {
    /// The view of one rollout, including its problems.
    pub fn new(inputs: ViewInputs<'_>) -> Self {
        let summary = ControlSummary::new(&inputs);
        let is_known =
            !matches!(inputs.control, ControlState::Ramp(_, _)) || summary.ramp.is_some();
        let ViewInputs { config, is_replaced, mut versions, refused_stats, .. } = inputs;
        let ViewInputs { recent, acceptance, fleet, judge, now, .. } = inputs;
        let judge = config
            .judge
            .as_ref()
            .zip(judge)
            .map(|(config, spending)| JudgeView::new(config, spending, &versions, now.unix_ms));
        let log = summary.log;
        for version in &mut versions {
            version.about = VersionAboutView::new(config, &version.version);
        }
        let mut view = Self {
            rollout: config.rollout.as_str().to_owned(),
            phase: summary.phase.to_string(),
            green_bp: summary.green_bp,
            is_known,
            is_replaced,
            ramp: summary.ramp,
            order: summary.command.map(CommandView::from),
            shares: log.into_iter().flat_map(TransitionLog::iter).map(ShareView::from).collect(),
            decisions: log
                .into_iter()
                .flat_map(|it| it.iter().rev())
                .map(DecisionView::from)
                .collect(),
            reads_bodies: Some(config.answers.as_ref().is_some_and(|it| it.read)),
            versions,
            fleet,
            judge,
            problems: Vec::new(),
            health: Vec::new(),
        };
        view.problems = problems(&view, config.ramp.as_ref(), refused_stats);
        view.health = health(&view, recent, acceptance, now.unix_ms);
        view
    }
}

// === impl ControlSummary ===

impl<'a> ControlSummary<'a> {
    fn new(inputs: &ViewInputs<'a>) -> Self {
        let ViewInputs { config, control, phase, green_share, differences, now, .. } = inputs;
        let as_assigned = Position { phase: *phase, green_bp: green_share.basis_points() };
        // The state is the fleet's.
        let is_rolled_back_alone = inputs.fleet.as_ref().is_some_and(|it| it.is_rolled_back_alone);
        let (Position { phase, green_bp }, log, command, ramp) = match control {
            // Until the next tick after a configuration change, the state is the old spec's.
            ControlState::Ramp(spec, Some(state))
                if state.observed_spec == SpecFingerprint::new(spec) =>
            {
                let position =
                    if is_rolled_back_alone { as_assigned } else { state.position(spec) };
                let ramp = RampView::new(spec, state, differences, *now);
                (position, Some(&state.log), state.command.as_ref(), Some(ramp))
            }
            ControlState::Manual(Some(manual)) => {
                // This VM assigns by an operator's share only after its next tick.
                let is_current = manual.configured_share == config.share;
                let position = if is_current { manual.position() } else { as_assigned };
                (position, Some(&manual.log), manual.command.as_ref(), None)
            }
            ControlState::Ramp(..) | ControlState::Manual(None) => (as_assigned, None, None, None),
        };
        Self { phase, green_bp, log, command, ramp }
    }
}

// === impl CommandView, ShareView, DecisionView ===

impl From<&OperatorCommand> for CommandView {
    fn from(command: &OperatorCommand) -> Self {
        Self {
            order: command.kind.as_str().to_owned(),
            at_ms: command.at_ms,
            reason: command.reason().to_owned(),
        }
    }
}

impl From<&Transition> for ShareView {
    fn from(transition: &Transition) -> Self {
        let Position { phase, green_bp } = transition.to;
        Self { at_ms: transition.at_s * MS_PER_SECOND, green_bp, phase: phase.to_string() }
    }
}

impl From<&Transition> for DecisionView {
    fn from(transition: &Transition) -> Self {
        let Transition { from, to, .. } = transition;
        Self {
            at_ms: transition.at_s * MS_PER_SECOND,
            from_phase: from.phase.to_string(),
            from_bp: from.green_bp,
            to_phase: to.phase.to_string(),
            to_bp: to.green_bp,
            why: transition.why.clone(),
        }
    }
}

// === impl RampView ===

impl RampView {
    /// The view of a ramp.
    pub fn new(
        spec: &RampSpec,
        state: &RampState,
        differences: &DifferenceHistory,
        now: Clocks,
    ) -> Self {
        let in_step_s = state.time_in_step_ns(now) / SECOND_NS;
        let analysis = state.analyse(spec);
        let step = |step: &RampStep| StepView {
            green_bp: step.share.basis_points(),
            needs_approval: step.needs_approval,
        };
        let at_half_time = EarlierEvidence::at_half_time(state, differences, in_step_s);
        let about_s =
            seconds_to_next_decision(spec, state, (in_step_s, at_half_time), analysis.as_ref());
        Self {
            step: state.step.get(),
            steps: spec.steps.iter().map(step).collect(),
            waits_for: state.hold_reason.to_string(),
            about_s,
            in_step_s,
            bake_s: spec.bake.as_secs(),
            baseline_s: spec.baseline.as_secs(),
            is_baseline: state.is_baseline(),
            timeout_s: spec.timeout.as_secs(),
            is_overdue: state.snapshot(spec).is_overdue,
            judgement: analysis.map(|it| AnalysisView::new(&it, spec, state.step.get())),
            shadow_step: ShadowStepView::new(spec, state),
            differences: build_differences::differences(spec, differences),
            at_half_time,
        }
    }
}

// === impl EarlierEvidence ===

impl EarlierEvidence {
    fn at_half_time(
        state: &RampState,
        history: &DifferenceHistory,
        in_step_s: u64,
    ) -> Option<Self> {
        let sample = history.sample_until(state.epoch, in_step_s / 2)?;
        Some(Self {
            ago_s: in_step_s - sample.in_step_s,
            green_units: sample.green_units,
            safe: sample.safe,
        })
    }
}

/// An estimate of the seconds until the next decision: until the bake time is over and the
/// missing evidence has arrived, if it arrives at the [rate](Growth) observed in this step.
fn seconds_to_next_decision(
    spec: &RampSpec,
    state: &RampState,
    (in_step_s, at_half_time): (u64, Option<EarlierEvidence>),
    analysis: Option<&Analysis>,
) -> Option<u64> {
    if state.hold_reason == HoldReason::Baseline {
        return Some(spec.baseline.as_secs().saturating_sub(in_step_s));
    }
    let is_active = matches!(state.phase, Phase::Ramping | Phase::Holding);
    if !is_active || !matches!(state.hold_reason, HoldReason::Bake | HoldReason::Evidence) {
        return None;
    }
    let analysis = analysis?;
    let bake_s = spec.bake.as_secs().saturating_sub(in_step_s);
    let safe = analysis.least_safe(&spec.analysis).unwrap_or(1.0);
    if safe >= 1.0 {
        return Some(bake_s);
    }
    let growth = Growth::new(at_half_time, in_step_s, analysis.units.green, safe);
    let is_predictable = safe >= MIN_EVIDENCE && !growth.has_ended;
    is_predictable.then(|| bake_s.max(((1.0 - safe) / growth.safe_per_s) as u64))
}
