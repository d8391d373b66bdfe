//! The controller of a ramp: a tick's observations in, transitions out.
//!
//! | from | when | to |
//! |---|---|---|
//! | any but `rolled_back` | a tripwire trips, or the analysis finds green worse | `rolled_back` |
//! | `ramping`, `holding` | green is beyond a tripwire's limit, and blue is about as bad | `holding`, until that ends |
//! | `ramping` | the bake time has ended, and green is not shown to be safe or the next step needs approval | `holding` |
//! | `ramping`, `holding` | the bake time has ended, green is safe, and the next step needs no approval | `ramping` in the next step, or `promoted` in one of 100 % |
//! | any but `rolled_back` | the configuration sets `rolled_back` | `rolled_back` |
//! | `ramping`, `holding` | the configuration sets `paused` | `paused` |
//! | `paused` | the configuration no longer sets it | `ramping` |
//! | any | `restart` has a new value | `ramping` in the first step |
//! | no state | the configuration sets `rolled_back` | `rolled_back` |
//! | no state | the ramp `started` more than two minutes ago, in a fleet five intervals more | `paused`, all blue: `state_lost` |
//!
//! [`baseline`](super::baseline) has the transitions of a baseline,
//! [`shadow_step`](super::shadow_step) those of a shadow step, and
//! [`apply_command`](super::apply_command) has the transitions of operator commands.
//!
//! A pause keeps the share that is in force; the analysis and the tripwires continue. So they do after the
//! promotion, while answers of the last step come: those that were open, and those of conversations that
//! began in it and stay on their version.

use super::clocks::Clocks;
use super::decision_text;
use super::hold_reason::HoldReason;
use super::operator_command::CommandKind;
use super::phase::Phase;
use super::spec::RampSpec;
use super::state::RampState;
use super::transition_log::Transition;
use crate::analysis::{
    Analysis, Observation, Reading, StepIndex, StepObservation, Tripwire, Verdict,
};
use crate::assignment::Epoch;

// === impl RampState ===

impl RampState {
    /// Runs one reconcile: takes in a tick's observations and advances, holds or rolls back.
    /// Returns the transitions.
    pub fn reconcile(
        &mut self,
        spec: &RampSpec,
        now: Clocks,
        observations: &[Observation],
    ) -> Vec<Transition> {
        self.bump_revision(now);
        let mut transitions = Vec::new();
        transitions.extend(self.reconcile_spec(spec, now));
        self.update_tripwires(spec, now, observations);
        let evidence = self.evidence_of(observations);
        let is_of_earlier_step = evidence.iter().any(|it| it.step < self.step);
        if self.phase != Phase::RolledBack {
            self.evidence.begin_tick(&spec.analysis, now.monotonic_ns);
        }
        self.evidence.add(&spec.analysis, evidence);
        self.learn_baseline(spec, observations);
        self.add_pairs(spec, observations);
        transitions.extend(self.evaluate(spec, is_of_earlier_step, now));
        transitions
    }

    /// The analysis of the current step; `None` in one without traffic on blue, and in the shadow
    /// step.
    pub fn analyse(&self, spec: &RampSpec) -> Option<Analysis> {
        if self.is_before_first_step() {
            return None;
        }
        spec.analysis.steps.get(self.step.get())?;
        Some(Analysis::new(&spec.analysis, &self.evidence, self.step))
    }

    /// The observations that are evidence of a step. After a rollback there are none, and no
    /// period begins, so that the evidence stays as the decision saw it.
    fn evidence_of(&self, observations: &[Observation]) -> Vec<StepObservation> {
        if self.phase == Phase::RolledBack || self.is_before_first_step() {
            return Vec::new();
        }
        let with_step = |observation: &Observation| {
            let step = self.step_of_epoch(observation.epoch)?;
            if observation.shadow.is_some() {
                return None;
            }
            Some(StepObservation { step, observation: *observation })
        };
        observations.iter().filter_map(with_step).collect()
    }

    /// Adds the responses that the share in force has assigned to the tripwires' windows.
    ///
    /// Responses that were assigned before it end late. Most of them are blue's, so an outage of
    /// both versions would look like green's.
    fn update_tripwires(&mut self, spec: &RampSpec, now: Clocks, observations: &[Observation]) {
        let epoch = if self.override_share().is_some() { Epoch::MANUAL } else { self.epoch };
        for (tripwire, window) in spec.tripwires.iter().zip(&mut self.windows) {
            let assigned_now = observations.iter().filter(|it| it.epoch == epoch);
            let responses = assigned_now.flat_map(|it| it.halves());
            responses.for_each(|observation| tripwire.record(window, &observation));
            tripwire.expire(window, now.monotonic_s());
        }
    }

    /// The analysis of the last step that compares versions, where the current one is later.
    fn analyse_last_compared(&self, spec: &RampSpec) -> Option<Analysis> {
        let last = StepIndex::new(spec.analysis.steps.len().checked_sub(1)?);
        (last < self.step).then(|| Analysis::new(&spec.analysis, &self.evidence, last))
    }

    /// Decides by the tripwires, the analysis, the configuration and the time. Evidence of an earlier step
    /// is looked at only in a tick that has brought some.
    fn evaluate(
        &mut self,
        spec: &RampSpec,
        is_of_earlier_step: bool,
        now: Clocks,
    ) -> Option<Transition> {
        if spec.is_rolled_back && self.phase != Phase::RolledBack {
            return Some(self.roll_back(spec, decision_text::ROLLED_BACK.to_owned(), now));
        }
        if self.is_all_blue() {
            return None;
        }
        let tripwires = spec.tripwires.iter().zip(&self.windows);
        let readings: Vec<(&Tripwire, Reading)> =
            tripwires.map(|(tripwire, window)| (tripwire, tripwire.evaluate(window))).collect();
        let find_text = |text: fn(&Tripwire, Reading) -> Option<String>| {
            readings.iter().find_map(|(tripwire, reading)| text(tripwire, *reading))
        };
        if let Some(why) = find_text(decision_text::tripped) {
            return Some(self.roll_back(spec, why, now));
        }
        let command = self.command.as_ref().map(|command| command.kind);
        if command == Some(CommandKind::Promote) {
            return None;
        }
        if self.is_baseline() {
            return self.evaluate_baseline(spec, now);
        }
        if self.is_shadow_step() {
            let incident = find_text(decision_text::incident);
            return self.evaluate_shadow_step(spec, incident, now);
        }
        let analysis = self.analyse(spec);
        let late = (analysis.is_none() && is_of_earlier_step)
            .then(|| self.analyse_last_compared(spec))
            .flatten();
        let judged = analysis.as_ref().or(late.as_ref());
        if let Some(analysis) = judged.filter(|it| it.verdict == Verdict::Fail) {
            let why = decision_text::worse(analysis, &spec.analysis);
            return Some(self.roll_back(spec, why, now));
        }
        if let Some(decided) = self.follow_operator(spec, now) {
            return decided;
        }
        let Some(analysis) = analysis else { return self.promote(spec, now) };
        match find_text(decision_text::incident) {
            Some(why) => self.hold_for_incident(spec, &why, now),
            None => self.advance_or_hold(spec, &analysis, now),
        }
    }

    /// Leaves the ramp to a command in effect, or pauses or continues it as the configuration says. `None`
    /// where neither decides.
    pub(super) fn follow_operator(
        &mut self,
        spec: &RampSpec,
        now: Clocks,
    ) -> Option<Option<Transition>> {
        if self.command.is_some() {
            return Some(None);
        }
        if spec.is_paused && self.phase != Phase::Promoted {
            return Some(self.pause(spec, now));
        }
        let is_unpaused = self.phase == Phase::Paused;
        is_unpaused
            .then(|| Some(self.set_phase(spec, Phase::Ramping, decision_text::UNPAUSED, now)))
    }

    /// Rolls back, because one Envoy has rolled back by itself in an epoch. `None` where the ramp is
    /// rolled back already, or was started again since.
    pub(super) fn adopt_rollback(
        &mut self,
        spec: &RampSpec,
        epoch: Epoch,
        why: String,
        now: Clocks,
    ) -> Option<Transition> {
        // Where an operator's share is in force, it has no epoch of a step.
        let is_of_now =
            self.was_in_epoch(epoch) || (epoch == Epoch::MANUAL && self.override_share().is_some());
        if self.phase == Phase::RolledBack || !is_of_now {
            return None;
        }
        self.bump_revision(now);
        Some(self.roll_back(spec, why, now))
    }

    pub(super) fn roll_back(&mut self, spec: &RampSpec, why: String, now: Clocks) -> Transition {
        let from = self.position(spec);
        self.command = None;
        (self.phase, self.hold_reason) = (Phase::RolledBack, HoldReason::Restart);
        self.record_transition(spec, from, why, now)
    }

    /// Pauses the ramp, because the configuration says so.
    pub(super) fn pause(&mut self, spec: &RampSpec, now: Clocks) -> Option<Transition> {
        self.hold_reason = HoldReason::Resume;
        let is_new = self.phase != Phase::Paused;
        is_new.then(|| self.set_phase(spec, Phase::Paused, decision_text::PAUSED, now))
    }

    /// Promotes green: it has all traffic, so there is nothing to compare it with.
    fn promote(&mut self, spec: &RampSpec, now: Clocks) -> Option<Transition> {
        // Also where the step has begun again, because the analysis has changed since.
        self.hold_reason = HoldReason::Nothing;
        if self.phase == Phase::Promoted {
            return None;
        }
        Some(self.set_phase(spec, Phase::Promoted, decision_text::PROMOTED, now))
    }

    /// Holds while both versions are about as bad.
    pub(super) fn hold_for_incident(
        &mut self,
        spec: &RampSpec,
        why: &str,
        now: Clocks,
    ) -> Option<Transition> {
        if std::mem::replace(&mut self.hold_reason, HoldReason::Incident) == HoldReason::Incident {
            return None;
        }
        Some(self.set_phase(spec, Phase::Holding, why, now))
    }

    /// Advances to the next step if the bake time has ended and green is safe; otherwise holds.
    fn advance_or_hold(
        &mut self,
        spec: &RampSpec,
        analysis: &Analysis,
        now: Clocks,
    ) -> Option<Transition> {
        let time_in_step_ns = u128::from(self.time_in_step_ns(now));
        let was_incident = self.hold_reason == HoldReason::Incident;
        if time_in_step_ns < spec.bake.as_nanos() {
            self.hold_reason = HoldReason::Bake;
            return was_incident
                .then(|| self.set_phase(spec, Phase::Ramping, decision_text::INCIDENT_OVER, now));
        }
        let Some(reason) = self.reason_to_hold(spec, analysis) else {
            return Some(self.advance(spec, analysis, now));
        };
        self.hold_reason = reason;
        if self.phase != Phase::Holding || was_incident {
            let why = decision_text::waits(reason, analysis, &spec.analysis);
            return Some(self.set_phase(spec, Phase::Holding, &why, now));
        }
        let is_late = time_in_step_ns >= spec.timeout.as_nanos();
        // It stays overdue in a last step that waits for nothing for a while: otherwise each return would be
        // a decision.
        let is_overdue = is_late && (self.is_overdue || reason != HoldReason::Nothing);
        let was_overdue = std::mem::replace(&mut self.is_overdue, is_overdue);
        (is_overdue && !was_overdue).then(|| {
            let why = decision_text::overdue(reason, analysis, &spec.analysis);
            self.record_transition(spec, self.position(spec), why, now)
        })
    }

    /// What keeps the ramp from advancing after the bake time; `None` where nothing does.
    fn reason_to_hold(&self, spec: &RampSpec, analysis: &Analysis) -> Option<HoldReason> {
        match spec.step(self.step.next()) {
            _ if analysis.is_mismatched => Some(HoldReason::SampleRatioMismatch),
            _ if analysis.is_uneven => Some(HoldReason::Unread),
            _ if analysis.units.blue == 0 || analysis.units.green == 0 => Some(HoldReason::Data),
            _ if analysis.verdict != Verdict::Pass => Some(HoldReason::Evidence),
            None => Some(HoldReason::Nothing),
            Some(next) if next.needs_approval => Some(HoldReason::Approval),
            Some(_) => None,
        }
    }

    fn advance(&mut self, spec: &RampSpec, analysis: &Analysis, now: Clocks) -> Transition {
        let from = self.position(spec);
        self.phase = Phase::Ramping;
        self.enter_step(spec, self.step.next(), now);
        let why = decision_text::safe(analysis, &spec.analysis);
        self.record_transition(spec, from, why, now)
    }

    /// Changes the phase within the step.
    pub(super) fn set_phase(
        &mut self,
        spec: &RampSpec,
        to: Phase,
        why: &str,
        now: Clocks,
    ) -> Transition {
        let from = self.position(spec);
        self.phase = to;
        self.record_transition(spec, from, why.to_owned(), now)
    }
}
