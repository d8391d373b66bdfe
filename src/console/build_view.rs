//! From what the filter knows of a rollout to what is shown of it.

use super::problems::problems;
use super::view::{
    DecisionView, JudgementView, OrderView, RampView, RolloutView, ShareView, StepView, VersionView,
};
use crate::analysis::{Analysis, Verdict};
use crate::assignment::Share;
use crate::config::Config;
use crate::rollout::{
    Clocks, HoldReason, ManualRollout, OperatorCommand, Phase, Position, RampSpec, RampState,
    RampStep, SpecFingerprint, Transition, TransitionLog,
};

/// What a VM knows of a rollout.
pub struct ViewInputs<'a> {
    /// What it runs on.
    pub config: &'a Config,
    /// Where it stands.
    pub standing: ControlState<'a>,
    /// The phase, and green's share, that the VM knows to be in force.
    pub in_force: (Phase, Share),
    /// Whether another rollout has come since, and no request under this one.
    pub is_replaced: bool,
    /// Its counters.
    pub versions: Vec<VersionView>,
    /// How many counters, gauges and histograms the host has refused.
    pub refused_stats: usize,
    /// The time.
    pub now: Clocks,
}

/// Where a rollout stands; `None` while that is not known.
pub enum ControlState<'a> {
    /// Its ramp.
    Ramp(&'a RampSpec, Option<&'a RampState>),
    /// Its weights, which are set by hand.
    ByHand(Option<&'a ManualRollout>),
}

const SECOND_NS: u64 = 1_000_000_000;
const MS_IN_SECOND: u64 = 1000;

// === impl RolloutView ===

impl RolloutView {
    /// What is shown of a rollout.
    pub fn new(known: ViewInputs<'_>) -> Self {
        let ViewInputs { config, standing, in_force, is_replaced, versions, refused_stats, now } =
            known;
        // Before the next tick a state is still that of the configuration before.
        let standing = match standing {
            ControlState::Ramp(settings, state) => {
                let is_followed =
                    |state: &&RampState| state.observed_spec == SpecFingerprint::new(settings);
                ControlState::Ramp(settings, state.filter(is_followed))
            }
            by_hand @ ControlState::ByHand(_) => by_hand,
        };
        let is_known = !matches!(standing, ControlState::Ramp(_, None));
        let nowhere = (None, None);
        let in_force = Position { phase: in_force.0, green_bp: in_force.1.basis_points() };
        let (Position { phase, green_bp }, (log, order), ramp) = match standing {
            ControlState::Ramp(settings, Some(state)) => {
                let known = (Some(&state.log), state.command.as_ref());
                let place = state.position(settings);
                (place, known, Some(RampView::of(settings, state, now)))
            }
            ControlState::Ramp(_, None) => (in_force, nowhere, None),
            ControlState::ByHand(Some(weights)) => {
                // A worker that is asked before its next tick has an order's share only then.
                let is_followed = weights.configured_share == config.share;
                let known = (Some(&weights.log), weights.command.as_ref());
                (if is_followed { weights.position() } else { in_force }, known, None)
            }
            ControlState::ByHand(None) => (in_force, nowhere, None),
        };
        let mut view = Self {
            rollout: config.rollout.as_str().to_owned(),
            phase: phase.to_string(),
            green_bp,
            is_known,
            is_replaced,
            ramp,
            order: order.map(OrderView::of),
            shares: log.into_iter().flat_map(TransitionLog::iter).map(ShareView::of).collect(),
            decisions: log.into_iter().flat_map(|it| it.iter().rev()).map(decision).collect(),
            reads_bodies: Some(config.answers.as_ref().is_some_and(|it| it.read)),
            versions,
            problems: Vec::new(),
        };
        view.problems = problems(&view, config.ramp.as_ref(), refused_stats);
        view
    }
}

impl OrderView {
    fn of(order: &OperatorCommand) -> Self {
        let (at_ms, reason) = (order.at_ms, order.reason().to_owned());
        Self { order: order.kind.as_str().to_owned(), at_ms, reason }
    }
}

impl ShareView {
    fn of(entry: &Transition) -> Self {
        let Position { phase, green_bp } = entry.to;
        Self { at_ms: entry.at_s * MS_IN_SECOND, green_bp, phase: phase.to_string() }
    }
}

fn decision(entry: &Transition) -> DecisionView {
    DecisionView {
        at_ms: entry.at_s * MS_IN_SECOND,
        from_phase: entry.from.phase.to_string(),
        from_bp: entry.from.green_bp,
        to_phase: entry.to.phase.to_string(),
        to_bp: entry.to.green_bp,
        why: entry.why.clone(),
    }
}

// === impl RampView ===

impl RampView {
    fn of(settings: &RampSpec, state: &RampState, now: Clocks) -> Self {
        let in_step_s = state.time_in_step_ns(now) / SECOND_NS;
        let judgement = state.analyse(settings);
        let step = |step: &RampStep| StepView {
            green_bp: step.share.basis_points(),
            needs_approval: step.needs_approval,
        };
        Self {
            step: state.step.get(),
            steps: settings.steps.iter().map(step).collect(),
            waits_for: state.hold_reason.to_string(),
            about_s: about_s(settings, state, in_step_s, judgement.as_ref()),
            in_step_s,
            bake_s: settings.bake.as_secs(),
            timeout_s: settings.timeout.as_secs(),
            is_overdue: state.snapshot(settings).is_overdue,
            judgement: judgement.map(|it| JudgementView::of(&it, settings, state.step.get())),
        }
    }
}

/// The part of what it takes to let a gate pass below which it is no use to say when that
/// will be.
const TELLING: f64 = 0.05;

/// In about how many seconds the next decision is due: when the bake time is over, and the
/// evidence that is missing has come, if it comes as it has so far.
fn about_s(
    settings: &RampSpec,
    state: &RampState,
    in_step_s: u64,
    judgement: Option<&Analysis>,
) -> Option<u64> {
    let walks = matches!(state.phase, Phase::Ramping | Phase::Holding);
    if !walks || !matches!(state.hold_reason, HoldReason::Bake | HoldReason::Evidence) {
        return None;
    }
    let bake = settings.bake.as_secs().saturating_sub(in_step_s);
    let needed = -libm::log(settings.analysis.beta);
    let mut longest = bake;
    for (gate, judged) in settings.analysis.gates.iter().zip(&judgement?.gates) {
        let is_missing =
            gate.spec.is_critical && judged.verdict != Verdict::Pass && !judged.is_left_out;
        if is_missing {
            let part = judged.non_inferiority_log_e / needed;
            if part < TELLING {
                return None;
            }
            longest = longest.max((in_step_s as f64 * (1.0 / part - 1.0)) as u64);
        }
    }
    Some(longest)
}
