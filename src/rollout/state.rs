//! The state of a ramp, as it is shared and written down.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::OperatorCommand;
use super::phase::{HoldReason, Phase};
use super::snapshot::Snapshot;
use super::spec::RampSpec;
use super::transition_log::{Transition, TransitionLog};
use crate::analysis::tripwire::Window;
use crate::analysis::{AnalysisPlan, AnalysisUnit, Evidence, GateSpec, Tripwire};
use crate::assignment::Share;

/// Where a ramp stands, and all that was learnt on the way. Who decides has it alone;
/// the others see [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RampState {
    /// Where it stands.
    pub phase: Phase,
    /// What it waits for.
    pub hold_reason: HoldReason,
    /// The step, counted from 0.
    pub step: usize,
    /// When the step began, in nanoseconds of the clock that only goes on; later by as long
    /// as shares by hand have held since.
    began: u64,
    /// Since when a share by hand has held instead of the step's, on the same clock.
    away: Option<u64>,
    /// The number of the step, as observations carry it; see [`Snapshot::epoch`].
    pub epoch: u16,
    /// What is known of the steps.
    pub evidence: Evidence,
    /// How many entries the memory of units has, by the number of the step.
    pub seen_unit_pieces: Vec<(u16, usize)>,
    /// The last seconds, for each tripwire.
    pub windows: Vec<Window>,
    /// The last decisions.
    pub log: TransitionLog,
    /// What was ordered by hand and holds.
    pub command: Option<OperatorCommand>,
    /// What the ramp was told to be when it was last looked at.
    pub observed_spec: SpecFingerprint,
    /// Whether the step takes longer than it should.
    pub is_overdue: bool,
    /// Grows with each change, and from one beginning to the next, so that of two the later
    /// one is known.
    pub revision: u64,
}

/// By what two settings of one rollout are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecFingerprint {
    /// Green's share in each step, in basis points.
    pub shares: Vec<u32>,
    /// A hash of the rules by which the judge judges.
    pub rules: u64,
    /// A hash of the tripwires.
    pub tripwires: u64,
    /// A hash of all that changes nothing but how long a step takes.
    pub rest: u64,
    /// The operator's word for beginning again.
    pub restart: String,
}

/// The time, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Nanoseconds of a clock that only goes on.
    pub monotonic_ns: u64,
    /// Seconds since 1970.
    pub unix_s: u64,
}

// === impl State ===

/// How long after its start a ramp without a state has lost it, in seconds.
const LOST_AFTER_S: u64 = 120;

impl RampState {
    /// A ramp of which nothing is known begins. If the operator says that it began
    /// earlier, its state was lost: then all is blue, and it waits.
    pub fn new(settings: &RampSpec, now: Clocks) -> Self {
        let mut state = Self {
            phase: Phase::Ramping,
            hold_reason: HoldReason::Bake,
            step: 0,
            began: now.monotonic_ns,
            away: None,
            epoch: 0,
            evidence: Evidence::default(),
            seen_unit_pieces: Vec::new(),
            windows: Vec::new(),
            log: TransitionLog::default(),
            command: None,
            observed_spec: SpecFingerprint::new(settings),
            is_overdue: false,
            revision: now.monotonic_ns,
        };
        state.enter_step(settings, 0, now);
        let started = settings.started.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let (phase, why) = match started {
            Some(started) if now.unix_s > started.as_secs().saturating_add(LOST_AFTER_S) => {
                state.hold_reason = HoldReason::StateLost;
                let why = "state_lost: the ramp was started earlier and nothing is known of it; \
                           to begin it again, change ramp.restart";
                (Phase::Paused, why)
            }
            _ => (Phase::Ramping, "the ramp begins"),
        };
        let from = (Phase::Ramping, 0);
        state.phase = phase;
        state.record_transition(settings, from, why.to_owned(), now);
        state
    }

    /// What is in force.
    pub fn snapshot(&self, settings: &RampSpec) -> Snapshot {
        if let Some(share) = self.override_share() {
            // Responses are told all the same, for the tripwires.
            let (before, number) = (Share::ZERO, Snapshot::MANUAL_EPOCH);
            let step = u16::try_from(self.step).unwrap_or(u16::MAX);
            let (phase, compared, is_overdue) = (self.phase, Share::ALL, false);
            return Snapshot {
                phase,
                step,
                epoch: number,
                share,
                previous_share: before,
                analysed_share: compared,
                is_overdue,
            };
        }
        let share = |step: usize| settings.steps.get(step).map_or(Share::ZERO, |step| step.share);
        let is_blue = self.is_all_blue();
        let before = self.step.checked_sub(1).map_or(Share::ZERO, share);
        Snapshot {
            phase: self.phase,
            step: u16::try_from(self.step).unwrap_or(u16::MAX),
            epoch: self.epoch,
            share: if is_blue { Share::ZERO } else { share(self.step) },
            previous_share: if is_blue { Share::ZERO } else { before },
            analysed_share: settings
                .steps
                .get(self.step)
                .map_or(Share::ZERO, |step| step.analysed_share),
            is_overdue: self.is_overdue && self.phase == Phase::Holding,
        }
    }

    /// Whether blue has everything, until the operator begins the ramp again.
    pub(super) fn is_all_blue(&self) -> bool {
        let is_lost = self.hold_reason == HoldReason::StateLost && self.override_share().is_none();
        self.phase == Phase::RolledBack || is_lost
    }

    /// The state is about to change.
    pub(super) fn bump_revision(&mut self, now: Clocks) {
        self.revision = now.monotonic_ns.max(self.revision.saturating_add(1));
    }

    /// The step that an observation with this number belongs to; `None` for what was
    /// decided before a new beginning.
    pub fn step_of_epoch(&self, number: u16) -> Option<u16> {
        let ago = self.epoch.checked_sub(number)?;
        u16::try_from(self.step).ok()?.checked_sub(ago)
    }

    /// For how long the step's share has been in force, in nanoseconds. A pause keeps that
    /// share, and is time in the step; a share by hand is not.
    pub fn time_in_step_ns(&self, now: Clocks) -> u64 {
        self.away.unwrap_or(now.monotonic_ns).saturating_sub(self.began)
    }

    /// A share by hand comes instead of the step's, or of another one by hand.
    pub(super) fn suspend_step(&mut self, now: Clocks) {
        self.away.get_or_insert(now.monotonic_ns);
    }

    /// The step's share is in force again, if another one was.
    pub(super) fn resume_step(&mut self, now: Clocks) {
        let Some(away) = self.away.take() else { return };
        self.began = self.began.saturating_add(now.monotonic_ns.saturating_sub(away));
        // As in the step's first moments, only short answers of it will have ended.
        self.evidence.begin_step(self.step, now.monotonic_ns);
    }

    /// A step begins.
    pub(super) fn enter_step(&mut self, settings: &RampSpec, step: usize, now: Clocks) {
        self.step = step;
        self.epoch = self.epoch.saturating_add(1);
        (self.began, self.away) = (now.monotonic_ns, None);
        self.is_overdue = false;
        self.hold_reason = HoldReason::Bake;
        self.evidence.begin_step(step, now.monotonic_ns);
        self.clear_windows(settings);
    }

    /// The tripwires look anew. They compare what the versions did in the same time, and where
    /// the shares change one version has most of its responses in another part of it.
    pub(super) fn clear_windows(&mut self, settings: &RampSpec) {
        self.windows.clear();
        self.windows.resize_with(settings.tripwires.len(), Window::default);
    }

    /// What was learnt is forgotten, and the step begins again.
    pub(super) fn reset_evidence(&mut self, settings: &RampSpec, step: usize, now: Clocks) {
        self.evidence = Evidence::default();
        // No observation of before belongs to a step of now.
        let steps = u16::try_from(step).unwrap_or(u16::MAX);
        self.epoch = self.epoch.saturating_add(steps);
        self.enter_step(settings, step, now);
    }

    /// Notes a decision that has led from there to here.
    pub(super) fn record_transition(
        &mut self,
        settings: &RampSpec,
        from: (Phase, u32),
        why: String,
        now: Clocks,
    ) -> Transition {
        let entry = Transition { at_s: now.unix_s, from, to: self.position(settings), why };
        self.log.push(entry.clone());
        entry
    }

    /// The phase, and green's share in basis points.
    pub(super) fn position(&self, settings: &RampSpec) -> (Phase, u32) {
        (self.phase, self.snapshot(settings).share.basis_points())
    }
}

// === impl Identity ===

impl SpecFingerprint {
    /// What these settings are told apart by.
    pub fn new(settings: &RampSpec) -> Self {
        Self {
            shares: settings.steps.iter().map(|step| step.share.basis_points()).collect(),
            rules: hash(&analysis_bytes(settings)),
            tripwires: hash(&tripwires_bytes(settings)),
            rest: hash(&other_bytes(settings)),
            restart: settings.restart.clone(),
        }
    }
}

/// All that the judge goes by, as bytes.
fn analysis_bytes(settings: &RampSpec) -> Vec<u8> {
    let AnalysisPlan {
        gates,
        steps,
        alpha,
        beta,
        unit: counting,
        warmup_ns: warmup,
        max_units: units,
    } = &settings.analysis;
    let mut text = Vec::new();
    let mut add = |number: f64| text.extend(number.to_le_bytes());
    for gate in gates {
        let GateSpec { metric, margin, tolerance, ceiling, is_critical, is_named } = &gate.spec;
        add(f64::from(*metric as u8));
        add(*margin);
        add(tolerance.len() as f64);
        tolerance.iter().for_each(|tolerance| add(*tolerance));
        add(ceiling.unwrap_or(-1.0));
        add(f64::from(u8::from(*is_critical) | u8::from(*is_named) << 1));
    }
    steps.iter().for_each(|step| add(step.all.get() + step.new.get()));
    let is_each = *counting == AnalysisUnit::EveryRequest;
    let objective = settings.objective.map_or(-1.0, |objective| objective.as_secs_f64());
    [*alpha, *beta, f64::from(u8::from(is_each)), *warmup as f64, *units as f64, objective]
        .into_iter()
        .for_each(add);
    text
}

/// All tripwires, as bytes.
fn tripwires_bytes(settings: &RampSpec) -> Vec<u8> {
    let mut text = Vec::new();
    for tripwire in &settings.tripwires {
        let Tripwire { metric, limit, min_samples, min_units, window_s, is_absolute } = tripwire;
        text.extend([*metric as u8, u8::from(*is_absolute)]);
        text.extend(limit.to_le_bytes());
        text.extend(min_samples.to_le_bytes());
        text.extend((*min_units as u64).to_le_bytes());
        text.extend(window_s.to_le_bytes());
    }
    text
}

/// All else, as bytes.
fn other_bytes(settings: &RampSpec) -> Vec<u8> {
    let RampSpec { steps, bake, timeout, started, is_paused, .. } = settings;
    let asks = steps.iter().map(|step| u8::from(step.needs_approval));
    let mut text: Vec<u8> = asks.chain([u8::from(*is_paused)]).collect();
    let started = started.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    for time in [*bake, *timeout, started.unwrap_or_default()] {
        text.extend(time.as_secs().to_le_bytes());
        text.extend(time.subsec_nanos().to_le_bytes());
    }
    text
}

fn hash(mut text: &[u8]) -> u64 {
    // Reading memory cannot fail.
    let hash = murmur3::murmur3_x64_128(&mut text, 0).unwrap_or_default();
    (hash >> 64) as u64
}
