//! The state of a ramp, as workers share it.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::clocks::Clocks;
use super::decision_text;
use super::fingerprint::SpecFingerprint;
use super::hold_reason::HoldReason;
use super::operator_command::OperatorCommand;
use super::phase::Phase;
use super::position::Position;
use super::snapshot::Snapshot;
use super::spec::{RampSpec, RampStep};
use super::transition_log::{Transition, TransitionLog};
use crate::analysis::{Evidence, Metric, PairedEvidence, StepIndex, TripwireWindow};
use crate::assignment::{Epoch, Share};

/// The state of a ramp. Only the leader changes it; the other workers see a [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RampState {
    /// The phase.
    pub phase: Phase,
    /// What the ramp waits for.
    pub hold_reason: HoldReason,
    /// The current step.
    pub step: StepIndex,
    /// When the step began, in nanoseconds of the monotonic clock; later by as long as an
    /// operator's share was in force since.
    began_ns: u64,
    /// Since when an operator's share has been in force instead of the step's, on the same
    /// clock.
    suspended_at_ns: Option<u64>,
    /// The epoch of the step; see [`Snapshot::epoch`].
    pub epoch: Epoch,
    /// The epoch in which the ramp has begun, or has begun again.
    first_epoch: Epoch,
    /// Whether the ramp is in the baseline, in which all units are on blue. It comes before all
    /// else.
    is_baseline: bool,
    /// Whether the ramp is in the shadow step, which comes before its first step.
    is_shadow_step: bool,
    /// The evidence of the shadow step. It is kept when the ramp goes on, for display.
    pub pairs: PairedEvidence,
    /// The evidence of each step.
    pub evidence: Evidence,
    /// How much is stored of the units that were seen, by epoch.
    pub seen_units: Vec<StoredUnits>,
    /// The window of each tripwire.
    pub windows: Vec<TripwireWindow>,
    /// The newest transitions.
    pub log: TransitionLog,
    /// The operator command in effect.
    pub command: Option<OperatorCommand>,
    /// The specification that the state was last reconciled with.
    pub observed_spec: SpecFingerprint,
    /// Whether the step has been found to take longer than its timeout.
    pub is_overdue: bool,
    /// Whether weights have replaced the ramp since; see [`replace_by_weights`](super::replaced::replace_by_weights).
    pub(super) is_replaced: bool,
    /// Grows with each change, and from one state of a rollout to the next. The larger of two
    /// revisions is the later one.
    pub revision: u64,
}

/// How many entries are stored of the units that were seen in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredUnits {
    /// The epoch.
    pub epoch: Epoch,
    /// The number of entries.
    pub entries: usize,
}

/// A ramp without a state has lost it if it was started longer ago than this and [`RampSpec::start_delay`], in
/// seconds.
const LOST_AFTER_S: u64 = 120;

// === impl RampState ===

impl RampState {
    /// A new ramp in its first step, or rolled back if the specification says so.
    ///
    /// If the specification says that the ramp was started earlier, its state was lost: then all
    /// traffic is on blue, and the ramp waits.
    pub fn new(spec: &RampSpec, now: Clocks) -> Self {
        let mut state = Self {
            phase: Phase::Ramping,
            hold_reason: HoldReason::Bake,
            step: StepIndex::FIRST,
            began_ns: now.monotonic_ns,
            suspended_at_ns: None,
            epoch: Epoch::MANUAL,
            first_epoch: Epoch::MANUAL,
            is_baseline: spec.has_baseline(),
            is_shadow_step: spec.begins_with_shadow_step(),
            pairs: PairedEvidence::default(),
            evidence: Evidence::default(),
            seen_units: Vec::new(),
            windows: Vec::new(),
            log: TransitionLog::default(),
            command: None,
            observed_spec: SpecFingerprint::new(spec),
            is_overdue: false,
            is_replaced: false,
            revision: now.monotonic_ns,
        };
        state.enter_step(spec, StepIndex::FIRST, now);
        state.first_epoch = state.epoch;
        let from = Position { phase: Phase::Ramping, green_bp: 0 };
        let started = spec.started.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let lost_after_s = spec.start_delay.as_secs().saturating_add(LOST_AFTER_S);
        let why = match started {
            _ if spec.is_rolled_back => {
                (state.phase, state.hold_reason) = (Phase::RolledBack, HoldReason::Restart);
                decision_text::ROLLED_BACK
            }
            Some(started) if now.unix_s() > started.as_secs().saturating_add(lost_after_s) => {
                (state.phase, state.hold_reason) = (Phase::Paused, HoldReason::StateLost);
                decision_text::STATE_LOST
            }
            _ if state.is_baseline => decision_text::BEGINS_WITH_BASELINE,
            _ if state.is_shadow_step => decision_text::BEGINS_WITH_SHADOW,
            _ => decision_text::BEGINS,
        };
        state.record_transition(spec, from, why.to_owned(), now);
        state
    }

    /// A new ramp in one of its steps with a share.
    pub fn in_step(spec: &RampSpec, step: StepIndex, now: Clocks) -> Self {
        Self { step, is_baseline: false, is_shadow_step: false, ..Self::new(spec, now) }
    }

    /// What is in force.
    pub fn snapshot(&self, spec: &RampSpec) -> Snapshot {
        let objective_ms = self.evidence.thresholds().get(Metric::SlowRate);
        let learned_objective =
            objective_ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok());
        if let Some(share) = self.override_share() {
            return Snapshot {
                phase: self.phase,
                step: self.step,
                epoch: Epoch::MANUAL,
                share,
                previous_share: Share::ZERO,
                // Responses are still observed, for the tripwires.
                analysed_share: Share::ALL,
                is_overdue: false,
                learned_objective,
                is_shadow_step: false,
            };
        }
        let share = |step: StepIndex| spec.step(step).map_or(Share::ZERO, |step| step.share);
        let previous_share = self.step.minus(1).map_or(Share::ZERO, share);
        let is_all_blue = self.is_all_blue();
        let has_no_green = is_all_blue || self.is_before_first_step();
        let compared = |step: &RampStep| match self.is_before_first_step() {
            true => Share::ALL,
            false => step.analysed_share,
        };
        Snapshot {
            phase: self.phase,
            step: self.step,
            epoch: self.epoch,
            share: if has_no_green { Share::ZERO } else { share(self.step) },
            previous_share: if has_no_green { Share::ZERO } else { previous_share },
            analysed_share: spec.step(self.step).map_or(Share::ZERO, compared),
            is_overdue: self.is_overdue
                && self.phase == Phase::Holding
                && self.hold_reason != HoldReason::Nothing,
            learned_objective,
            is_shadow_step: self.is_shadow_step && !is_all_blue,
        }
    }

    /// Whether the ramp is in the shadow step, which comes before its first step.
    pub fn is_shadow_step(&self) -> bool {
        self.is_shadow_step
    }

    /// Whether the ramp is in its baseline, in which all units are on blue.
    pub fn is_baseline(&self) -> bool {
        self.is_baseline
    }

    /// Whether the ramp is in its baseline or its shadow step, and no user is on green.
    pub(super) fn is_before_first_step(&self) -> bool {
        self.is_baseline || self.is_shadow_step
    }

    /// Whether blue has all traffic until the operator starts the ramp again.
    pub(super) fn is_all_blue(&self) -> bool {
        let is_lost = self.hold_reason == HoldReason::StateLost && self.override_share().is_none();
        self.phase == Phase::RolledBack || is_lost
    }

    /// Raises the revision, before a change.
    pub(super) fn bump_revision(&mut self, now: Clocks) {
        self.revision = now.monotonic_ns.max(self.revision.saturating_add(1));
    }

    /// The step that an epoch belongs to; `None` for [`Epoch::MANUAL`] and for epochs before the
    /// evidence was reset.
    pub fn step_of_epoch(&self, epoch: Epoch) -> Option<StepIndex> {
        self.step.minus(self.epoch.since(epoch)?)
    }

    /// Whether the ramp was in this epoch since it has begun, or has begun again.
    pub fn was_in_epoch(&self, epoch: Epoch) -> bool {
        (self.first_epoch..=self.epoch).contains(&epoch)
    }

    /// The epoch of a step that is not later than the current one.
    pub fn epoch_of_step(&self, step: StepIndex) -> Epoch {
        self.epoch.minus(self.step.since(step))
    }

    /// How long the step's share has been in force, in nanoseconds. A pause keeps that share, so
    /// it counts; an operator's share does not.
    pub fn time_in_step_ns(&self, now: Clocks) -> u64 {
        self.suspended_at_ns.unwrap_or(now.monotonic_ns).saturating_sub(self.began_ns)
    }

    /// When the step's share will have been in force for this long, in nanoseconds of the monotonic
    /// clock; `None` while the step's clock is stopped.
    pub(super) fn step_reaches_ns(&self, duration: Duration) -> Option<u64> {
        let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let is_running = self.suspended_at_ns.is_none();
        is_running.then(|| self.began_ns.saturating_add(duration_ns))
    }

    /// Stops the step's clock, because an operator's share replaces the step's. Does nothing if
    /// it is stopped already.
    pub(super) fn suspend_step(&mut self, now: Clocks) {
        self.suspended_at_ns.get_or_insert(now.monotonic_ns);
    }

    /// Restarts the step's clock, if it is stopped, because the step's share is in force again.
    pub(super) fn resume_step(&mut self, spec: &RampSpec, now: Clocks) {
        let Some(suspended_at_ns) = self.suspended_at_ns.take() else { return };
        let suspended_ns = now.monotonic_ns.saturating_sub(suspended_at_ns);
        self.began_ns = self.began_ns.saturating_add(suspended_ns);
        // As when the step began, only short answers of it will have ended at first.
        self.begin_evidence(spec, now);
    }

    /// Enters the shadow step, if the ramp has one, or the first step after the baseline.
    pub(super) fn leave_baseline(&mut self, spec: &RampSpec, now: Clocks) {
        (self.is_baseline, self.is_shadow_step) = (false, spec.shadow.is_some());
        self.evidence = self.evidence.after_baseline();
        self.enter_step(spec, StepIndex::FIRST, now);
    }

    /// Enters the first step after the shadow step.
    pub(super) fn leave_shadow_step(&mut self, spec: &RampSpec, now: Clocks) {
        self.is_shadow_step = false;
        // The pairs' units were remembered there, and what a baseline has learned was before.
        self.evidence = self.evidence.after_baseline();
        self.enter_step(spec, StepIndex::FIRST, now);
    }

    /// Begins the ramp again: in its baseline or its shadow step, if it has one, or in its first
    /// step.
    pub(super) fn begin_again(&mut self, spec: &RampSpec, now: Clocks) {
        self.phase = Phase::Ramping;
        self.is_replaced = false;
        self.is_baseline = spec.has_baseline();
        self.is_shadow_step = spec.begins_with_shadow_step();
        self.reset_evidence(spec, StepIndex::FIRST, now);
        self.first_epoch = self.epoch;
    }

    /// Enters a step.
    pub(super) fn enter_step(&mut self, spec: &RampSpec, step: StepIndex, now: Clocks) {
        self.step = step;
        self.epoch = self.epoch.plus(1);
        (self.began_ns, self.suspended_at_ns) = (now.monotonic_ns, None);
        self.is_overdue = false;
        self.hold_reason = match () {
            () if self.is_baseline => HoldReason::Baseline,
            () if self.is_shadow_step => HoldReason::Pairs,
            () => HoldReason::Bake,
        };
        self.begin_evidence(spec, now);
        self.clear_windows(spec);
    }

    /// Begins the step in the evidence, or resumes it.
    ///
    /// In a step of 100 % the conversations of the step before go on. Without conversations only the
    /// responses that are open come of it, and the version whose failures take longer would have more of
    /// them in a period of its own.
    fn begin_evidence(&mut self, spec: &RampSpec, now: Clocks) {
        self.evidence.begin_step(self.step, now.monotonic_ns);
        if spec.has_conversations && spec.analysis.steps.get(self.step.get()).is_none() {
            self.evidence.continue_in_periods(now.monotonic_ns);
        }
    }

    /// Clears the windows of the tripwires.
    ///
    /// They compare what both versions did in the same time. In a window in which the shares
    /// change, one version has most of its responses in another part than the other.
    pub(super) fn clear_windows(&mut self, spec: &RampSpec) {
        self.windows.clear();
        self.windows.resize_with(spec.tripwires.len(), TripwireWindow::default);
    }

    /// Forgets the evidence, but not the past of units, and gathers that of the current step again.
    pub(super) fn gather_again(&mut self, spec: &RampSpec, now: Clocks) {
        self.evidence = self.evidence.gathered_again(&spec.analysis);
        self.pairs = PairedEvidence::default();
        self.enter_in_new_epoch(spec, self.step, now);
    }

    /// Forgets the evidence and the past of units, and enters a step.
    pub(super) fn reset_evidence(&mut self, spec: &RampSpec, step: StepIndex, now: Clocks) {
        (self.evidence, self.pairs) = (Evidence::default(), PairedEvidence::default());
        self.enter_in_new_epoch(spec, step, now);
    }

    /// Enters a step with an epoch of which no earlier response is evidence.
    fn enter_in_new_epoch(&mut self, spec: &RampSpec, step: StepIndex, now: Clocks) {
        // Skip so many epochs that no earlier one belongs to a step any more.
        self.epoch = self.epoch.plus(step.since(StepIndex::FIRST));
        self.enter_step(spec, step, now);
    }

    /// This state, brought up to the snapshot that was in force later. The units that were counted
    /// since are not known, so the step gathers its evidence again. A rollback stays.
    #[must_use]
    pub fn restored(mut self, spec: &RampSpec, in_force: &Snapshot, now: Clocks) -> Self {
        self.seen_units.clear();
        let hold_reason = self.hold_reason;
        if in_force.phase == Phase::RolledBack {
            (self.phase, self.hold_reason) = (Phase::RolledBack, HoldReason::Restart);
            self.command = None;
            return self;
        }
        // A restart, and the end of the baseline, begin another epoch. An operator's share has none.
        let is_same_epoch = [self.epoch, Epoch::MANUAL].contains(&in_force.epoch);
        let is_state_lost = hold_reason == HoldReason::StateLost && is_same_epoch;
        self.is_baseline &= is_same_epoch && in_force.step == StepIndex::FIRST;
        if self.override_share().is_none() && in_force.epoch != Epoch::MANUAL {
            (self.phase, self.step) = (in_force.phase, in_force.step);
            self.is_shadow_step = in_force.is_shadow_step;
        }
        self.epoch = self.epoch.max(in_force.epoch);
        let (step, pairs) = (self.step, std::mem::take(&mut self.pairs));
        self.reset_evidence(spec, step, now);
        if !self.is_shadow_step {
            self.pairs = pairs;
        }
        if self.command.is_some() || is_state_lost {
            self.hold_reason = hold_reason;
        }
        if self.override_share().is_some() {
            self.suspend_step(now);
        }
        self
    }

    /// Records a transition from a position to the current one, and returns it.
    pub(super) fn record_transition(
        &mut self,
        spec: &RampSpec,
        from: Position,
        why: String,
        now: Clocks,
    ) -> Transition {
        let transition = Transition { at_s: now.unix_s(), from, to: self.position(spec), why };
        self.log.push(transition.clone());
        transition
    }

    /// The phase, and green's share in force.
    pub fn position(&self, spec: &RampSpec) -> Position {
        Position { phase: self.phase, green_bp: self.snapshot(spec).share.basis_points() }
    }
}
