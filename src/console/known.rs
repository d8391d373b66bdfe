//! From what the filter knows of a rollout to what is shown of it.

use super::problems::problems;
use super::view::{
    DecisionView, JudgementView, OrderView, RampView, RolloutView, ShareView, StepView, VersionView,
};
use crate::assign::Share;
use crate::config::Config;
use crate::judge::{Judgement, Verdict};
use crate::ramp::log::Log;
use crate::ramp::state::Identity;
use crate::ramp::{Entry, Now, Phase, RampStep, Settings, State, Wait};
use crate::steer::{Order, Weights};

/// What a VM knows of a rollout.
pub struct Known<'a> {
    /// What it runs on.
    pub config: &'a Config,
    /// Where it stands.
    pub standing: Standing<'a>,
    /// The phase, and green's share, that the VM knows to be in force.
    pub in_force: (Phase, Share),
    /// Whether another rollout has come since, and no request under this one.
    pub is_replaced: bool,
    /// Its counters.
    pub versions: Vec<VersionView>,
    /// How many counters, gauges and histograms the host has refused.
    pub refused_stats: usize,
    /// The time.
    pub now: Now,
}

/// Where a rollout stands; `None` while that is not known.
pub enum Standing<'a> {
    /// Its ramp.
    Ramp(&'a Settings, Option<&'a State>),
    /// Its weights, which are set by hand.
    ByHand(Option<&'a Weights>),
}

const SECOND_NS: u64 = 1_000_000_000;
const MS_IN_SECOND: u64 = 1000;

// === impl RolloutView ===

impl RolloutView {
    /// What is shown of a rollout.
    pub fn of(known: Known<'_>) -> Self {
        let Known { config, standing, in_force, is_replaced, versions, refused_stats, now } = known;
        // Before the next tick a state is still that of the configuration before.
        let standing = match standing {
            Standing::Ramp(settings, state) => {
                let is_followed = |state: &&State| state.told == Identity::of(settings);
                Standing::Ramp(settings, state.filter(is_followed))
            }
            by_hand @ Standing::ByHand(_) => by_hand,
        };
        let is_known = !matches!(standing, Standing::Ramp(_, None));
        let nowhere = (None, None);
        let in_force = (in_force.0, in_force.1.basis_points());
        let ((phase, green_bp), (log, order), ramp) = match standing {
            Standing::Ramp(settings, Some(state)) => {
                let known = (Some(&state.log), state.order.as_ref());
                let place = (state.phase, state.in_force(settings).share.basis_points());
                (place, known, Some(RampView::of(settings, state, now)))
            }
            Standing::Ramp(_, None) => (in_force, nowhere, None),
            Standing::ByHand(Some(weights)) => {
                // A worker that is asked before its next tick has an order's share only then.
                let is_followed = weights.written == config.share;
                let known = (Some(&weights.log), weights.order.as_ref());
                (if is_followed { weights.place() } else { in_force }, known, None)
            }
            Standing::ByHand(None) => (in_force, nowhere, None),
        };
        let mut view = Self {
            rollout: config.rollout.as_str().to_owned(),
            phase: phase.to_string(),
            green_bp,
            is_known,
            is_replaced,
            ramp,
            order: order.map(OrderView::of),
            shares: log.into_iter().flat_map(Log::iter).map(ShareView::of).collect(),
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
    fn of(order: &Order) -> Self {
        let (at_ms, reason) = (order.at_ms, order.reason().to_owned());
        Self { order: order.verb.as_str().to_owned(), at_ms, reason }
    }
}

impl ShareView {
    fn of(entry: &Entry) -> Self {
        let (phase, green_bp) = entry.to;
        Self { at_ms: entry.at * MS_IN_SECOND, green_bp, phase: phase.to_string() }
    }
}

fn decision(entry: &Entry) -> DecisionView {
    DecisionView {
        at_ms: entry.at * MS_IN_SECOND,
        from_phase: entry.from.0.to_string(),
        from_bp: entry.from.1,
        to_phase: entry.to.0.to_string(),
        to_bp: entry.to.1,
        why: entry.why.clone(),
    }
}

// === impl RampView ===

impl RampView {
    fn of(settings: &Settings, state: &State, now: Now) -> Self {
        let in_step_s = state.in_step(now) / SECOND_NS;
        let judgement = state.judgement(settings);
        let step = |step: &RampStep| StepView {
            green_bp: step.share.basis_points(),
            needs_approval: step.needs_approval,
        };
        Self {
            step: state.step,
            steps: settings.steps.iter().map(step).collect(),
            waits_for: state.wait.to_string(),
            about_s: about_s(settings, state, in_step_s, judgement.as_ref()),
            in_step_s,
            bake_s: settings.bake.as_secs(),
            timeout_s: settings.timeout.as_secs(),
            is_overdue: state.in_force(settings).is_overdue,
            judgement: judgement.map(|it| JudgementView::of(&it, settings, state.step)),
        }
    }
}

/// The part of what it takes to let a gate pass below which it is no use to say when that
/// will be.
const TELLING: f64 = 0.05;

/// In about how many seconds the next decision is due: when the bake time is over, and the
/// evidence that is missing has come, if it comes as it has so far.
fn about_s(
    settings: &Settings,
    state: &State,
    in_step_s: u64,
    judgement: Option<&Judgement>,
) -> Option<u64> {
    let walks = matches!(state.phase, Phase::Ramping | Phase::Holding);
    if !walks || !matches!(state.wait, Wait::Bake | Wait::Evidence) {
        return None;
    }
    let bake = settings.bake.as_secs().saturating_sub(in_step_s);
    let needed = -libm::log(settings.rules.beta);
    let mut longest = bake;
    for (gate, judged) in settings.rules.gates.iter().zip(&judgement?.gates) {
        let is_missing =
            gate.terms.is_critical && judged.verdict != Verdict::Pass && !judged.is_left_out;
        if is_missing {
            let part = judged.safe_log_e / needed;
            if part < TELLING {
                return None;
            }
            longest = longest.max((in_step_s as f64 * (1.0 / part - 1.0)) as u64);
        }
    }
    Some(longest)
}
