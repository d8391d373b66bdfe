//! The state of a ramp, as it is shared and written down.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::in_force::InForce;
use super::log::{Entry, Log};
use super::phase::{Phase, Wait};
use super::settings::Settings;
use crate::assign::Share;
use crate::judge::tripwire::Window;
use crate::judge::{Counting, Evidence, Rules, Terms, Tripwire};
use crate::steer::Order;

/// Where a ramp stands, and all that was learnt on the way. Who decides has it alone;
/// the others see [`InForce`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Where it stands.
    pub phase: Phase,
    /// What it waits for.
    pub wait: Wait,
    /// The step, counted from 0.
    pub step: usize,
    /// When the step began, in nanoseconds of the clock that only goes on; later by as long
    /// as shares by hand have held since.
    began: u64,
    /// Since when a share by hand has held instead of the step's, on the same clock.
    away: Option<u64>,
    /// The number of the step, as observations carry it; see [`InForce::number`].
    pub number: u16,
    /// What is known of the steps.
    pub evidence: Evidence,
    /// How many entries the memory of units has, by the number of the step.
    pub memory: Vec<(u16, usize)>,
    /// The last seconds, for each tripwire.
    pub windows: Vec<Window>,
    /// The last decisions.
    pub log: Log,
    /// What was ordered by hand and holds.
    pub order: Option<Order>,
    /// What the ramp was told to be when it was last looked at.
    pub told: Identity,
    /// Whether the step takes longer than it should.
    pub is_overdue: bool,
    /// Grows with each change, and from one beginning to the next, so that of two the later
    /// one is known.
    pub edition: u64,
}

/// By what two settings of one rollout are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
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
pub struct Now {
    /// Nanoseconds of a clock that only goes on.
    pub monotonic: u64,
    /// Seconds since 1970.
    pub unix: u64,
}

// === impl State ===

/// How long after its start a ramp without a state has lost it, in seconds.
const LOST_AFTER_S: u64 = 120;

impl State {
    /// A ramp of which nothing is known begins. If the operator says that it began
    /// earlier, its state was lost: then all is blue, and it waits.
    pub fn begin(settings: &Settings, now: Now) -> Self {
        let mut state = Self {
            phase: Phase::Ramping,
            wait: Wait::Bake,
            step: 0,
            began: now.monotonic,
            away: None,
            number: 0,
            evidence: Evidence::default(),
            memory: Vec::new(),
            windows: Vec::new(),
            log: Log::default(),
            order: None,
            told: Identity::of(settings),
            is_overdue: false,
            edition: now.monotonic,
        };
        state.enter(settings, 0, now);
        let started = settings.started.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let (phase, why) = match started {
            Some(started) if now.unix > started.as_secs().saturating_add(LOST_AFTER_S) => {
                state.wait = Wait::StateLost;
                let why = "state_lost: the ramp was started earlier and nothing is known of it; \
                           to begin it again, change ramp.restart";
                (Phase::Paused, why)
            }
            _ => (Phase::Ramping, "the ramp begins"),
        };
        let from = (Phase::Ramping, 0);
        state.phase = phase;
        state.note(settings, from, why.to_owned(), now);
        state
    }

    /// What is in force.
    pub fn in_force(&self, settings: &Settings) -> InForce {
        if let Some(share) = self.share_by_hand() {
            // Responses are told all the same, for the tripwires.
            let (before, number) = (Share::NONE, InForce::BY_HAND);
            let step = u16::try_from(self.step).unwrap_or(u16::MAX);
            let (phase, compared, is_overdue) = (self.phase, Share::ALL, false);
            return InForce { phase, step, number, share, before, compared, is_overdue };
        }
        let share = |step: usize| settings.steps.get(step).map_or(Share::NONE, |step| step.share);
        let is_blue = self.is_blue();
        let before = self.step.checked_sub(1).map_or(Share::NONE, share);
        InForce {
            phase: self.phase,
            step: u16::try_from(self.step).unwrap_or(u16::MAX),
            number: self.number,
            share: if is_blue { Share::NONE } else { share(self.step) },
            before: if is_blue { Share::NONE } else { before },
            compared: settings.steps.get(self.step).map_or(Share::NONE, |step| step.compared),
            is_overdue: self.is_overdue && self.phase == Phase::Holding,
        }
    }

    /// Whether blue has everything, until the operator begins the ramp again.
    pub(super) fn is_blue(&self) -> bool {
        let is_lost = self.wait == Wait::StateLost && self.share_by_hand().is_none();
        self.phase == Phase::RolledBack || is_lost
    }

    /// The state is about to change.
    pub(super) fn turn(&mut self, now: Now) {
        self.edition = now.monotonic.max(self.edition.saturating_add(1));
    }

    /// The step that an observation with this number belongs to; `None` for what was
    /// decided before a new beginning.
    pub fn step_of(&self, number: u16) -> Option<u16> {
        let ago = self.number.checked_sub(number)?;
        u16::try_from(self.step).ok()?.checked_sub(ago)
    }

    /// For how long the step's share has been in force, in nanoseconds. A pause keeps that
    /// share, and is time in the step; a share by hand is not.
    pub fn in_step(&self, now: Now) -> u64 {
        self.away.unwrap_or(now.monotonic).saturating_sub(self.began)
    }

    /// A share by hand comes instead of the step's, or of another one by hand.
    pub(super) fn leave(&mut self, now: Now) {
        self.away.get_or_insert(now.monotonic);
    }

    /// The step's share is in force again, if another one was.
    pub(super) fn come_back(&mut self, now: Now) {
        let Some(away) = self.away.take() else { return };
        self.began = self.began.saturating_add(now.monotonic.saturating_sub(away));
        // As in the step's first moments, only short answers of it will have ended.
        self.evidence.begin(self.step, now.monotonic);
    }

    /// A step begins.
    pub(super) fn enter(&mut self, settings: &Settings, step: usize, now: Now) {
        self.step = step;
        self.number = self.number.saturating_add(1);
        (self.began, self.away) = (now.monotonic, None);
        self.is_overdue = false;
        self.wait = Wait::Bake;
        self.evidence.begin(step, now.monotonic);
        self.clear_windows(settings);
    }

    /// The tripwires look anew. They compare what the versions did in the same time, and where
    /// the shares change one version has most of its responses in another part of it.
    pub(super) fn clear_windows(&mut self, settings: &Settings) {
        self.windows.clear();
        self.windows.resize_with(settings.tripwires.len(), Window::default);
    }

    /// What was learnt is forgotten, and the step begins again.
    pub(super) fn forget(&mut self, settings: &Settings, step: usize, now: Now) {
        self.evidence = Evidence::default();
        // No observation of before belongs to a step of now.
        let steps = u16::try_from(step).unwrap_or(u16::MAX);
        self.number = self.number.saturating_add(steps);
        self.enter(settings, step, now);
    }

    /// Notes a decision that has led from there to here.
    pub(super) fn note(
        &mut self,
        settings: &Settings,
        from: (Phase, u32),
        why: String,
        now: Now,
    ) -> Entry {
        let entry = Entry { at: now.unix, from, to: self.place(settings), why };
        self.log.add(entry.clone());
        entry
    }

    /// The phase, and green's share in basis points.
    pub(super) fn place(&self, settings: &Settings) -> (Phase, u32) {
        (self.phase, self.in_force(settings).share.basis_points())
    }
}

// === impl Identity ===

impl Identity {
    /// What these settings are told apart by.
    pub fn of(settings: &Settings) -> Self {
        Self {
            shares: settings.steps.iter().map(|step| step.share.basis_points()).collect(),
            rules: hash(&rules_text(settings)),
            tripwires: hash(&tripwires_text(settings)),
            rest: hash(&rest_text(settings)),
            restart: settings.restart.clone(),
        }
    }
}

/// All that the judge goes by, as bytes.
fn rules_text(settings: &Settings) -> Vec<u8> {
    let Rules { gates, steps, alpha, beta, counting, warmup, units } = &settings.rules;
    let mut text = Vec::new();
    let mut add = |number: f64| text.extend(number.to_le_bytes());
    for gate in gates {
        let Terms { metric, margin, tolerance, ceiling, is_critical, is_named } = &gate.terms;
        add(f64::from(*metric as u8));
        add(*margin);
        add(tolerance.len() as f64);
        tolerance.iter().for_each(|tolerance| add(*tolerance));
        add(ceiling.unwrap_or(-1.0));
        add(f64::from(u8::from(*is_critical) | u8::from(*is_named) << 1));
    }
    steps.iter().for_each(|step| add(step.all.get() + step.new.get()));
    let is_each = *counting == Counting::EveryRequest;
    let objective = settings.objective.map_or(-1.0, |objective| objective.as_secs_f64());
    [*alpha, *beta, f64::from(u8::from(is_each)), *warmup as f64, *units as f64, objective]
        .into_iter()
        .for_each(add);
    text
}

/// All tripwires, as bytes.
fn tripwires_text(settings: &Settings) -> Vec<u8> {
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
fn rest_text(settings: &Settings) -> Vec<u8> {
    let Settings { steps, bake, timeout, started, is_paused, .. } = settings;
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
