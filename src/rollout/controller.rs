//! The machine that walks a ramp: a tick's observations in, decisions out.
//!
//! | from | when | to |
//! |---|---|---|
//! | any but `rolled_back` | a tripwire trips, or the judge finds green worse | `rolled_back` |
//! | `ramping` | green is beyond a tripwire's limit, and blue is about as bad | `holding`, until that is over |
//! | `ramping` | the bake time is over and the judge cannot yet say that green is safe, or a person must let it on | `holding` |
//! | `ramping`, `holding` | the bake time is over, green is safe, and nobody need be asked | `ramping` in the next step, or `promoted` in one of 100 % |
//! | `ramping`, `holding` | the configuration says `paused` | `paused` |
//! | `paused` | it does not any more | `ramping` |
//! | any | `restart` has another text | `ramping` in the first step |
//! | none | nothing is known of a ramp that `started` over two minutes ago | `paused`, all blue: `state_lost` |
//!
//! What an operator orders by hand is [`super::apply_command`]'s.
//!
//! A pause keeps the share that is in force, and the judge and the tripwires go on.

use std::f64::consts::LOG10_E;

use super::CommandKind;
use super::decimal::Decimal;
use super::phase::{HoldReason, Phase};
use super::snapshot::Snapshot;
use super::spec::RampSpec;
use super::state::{Clocks, RampState, SpecFingerprint};
use super::transition_log::Transition;
use crate::analysis::{Analysis, Observation, Reading, Tripwire, Verdict};
use crate::assignment::Share;

const SECOND_NS: u64 = 1_000_000_000;

/// How a ramp that was rolled back begins again.
pub(super) const HOW_TO_RESTART: &str = "it was rolled back: to begin again, change ramp.restart, or name \
                                  another rollout";

// === impl State ===

impl RampState {
    /// Takes in what a tick has brought and moves on. The observations' steps are
    /// numbers as workers gave them; they are gone afterwards. What was decided.
    pub fn reconcile(
        &mut self,
        settings: &RampSpec,
        now: Clocks,
        observations: &mut Vec<Observation>,
    ) -> Vec<Transition> {
        self.bump_revision(now);
        let mut decided = Vec::new();
        decided.extend(self.reconcile_spec(settings, now));
        // What a share by hand decides is green's, and of no step.
        let is_by_hand = self.override_share().is_some();
        observations.retain(|it| {
            self.step_of_epoch(it.epoch).is_some()
                || (is_by_hand && it.epoch == Snapshot::MANUAL_EPOCH)
        });
        self.update_tripwires(settings, now, observations);
        observations.retain_mut(|observation| {
            let step = self.step_of_epoch(observation.epoch);
            observation.epoch = step.unwrap_or_default();
            step.is_some()
        });
        if self.phase == Phase::RolledBack {
            // The evidence stays as the decision saw it, whatever ends late.
            observations.clear();
        }
        self.evidence.add(&settings.analysis, observations);
        decided.extend(self.evaluate(settings, now));
        decided
    }

    /// What the judge says of the step at hand; `None` in one without a blue.
    pub fn analyse(&self, settings: &RampSpec) -> Option<Analysis> {
        settings.analysis.steps.get(self.step)?;
        Some(Analysis::new(&settings.analysis, &self.evidence, self.step))
    }

    /// Follows what the operator has changed.
    fn reconcile_spec(&mut self, settings: &RampSpec, now: Clocks) -> Option<Transition> {
        let told = SpecFingerprint::new(settings);
        if told == self.observed_spec {
            return None;
        }
        let before = std::mem::replace(&mut self.observed_spec, told);
        let share = before.shares.get(self.step).copied().unwrap_or_default();
        let in_force = self.override_share().map_or(share, Share::basis_points);
        let from = (self.phase, if self.is_all_blue() { 0 } else { in_force });
        let is_restart = before.restart != self.observed_spec.restart;
        // A rollback holds until the ramp begins again.
        let ended = if is_restart || self.phase != Phase::RolledBack {
            self.clear_override(settings, now).map(|order| {
                format!(
                    "the ramp is another one, which ends what was ordered: {}",
                    order.kind.as_str()
                )
            })
        } else {
            None
        };
        let changed = self.diff_spec(settings, &before, share, now);
        let why: Vec<_> = ended.into_iter().chain(changed).collect();
        (!why.is_empty()).then(|| self.record_transition(settings, from, why.join("; "), now))
    }

    /// Follows what has changed since the ramp was told to be `before`, with this share in
    /// basis points; what is to be said of it.
    fn diff_spec(
        &mut self,
        settings: &RampSpec,
        before: &SpecFingerprint,
        share: u32,
        now: Clocks,
    ) -> Option<String> {
        if before.restart != self.observed_spec.restart {
            self.phase = Phase::Ramping;
            self.reset_evidence(settings, 0, now);
            return Some(format!(
                "the ramp begins again: restart is {:?}",
                self.observed_spec.restart
            ));
        }
        if self.is_all_blue() {
            if before.rules != self.observed_spec.rules {
                // Books of other gates would be counted under the names of these.
                self.evidence.steps.clear();
            }
            if before.tripwires != self.observed_spec.tripwires {
                self.clear_windows(settings);
            }
            return None;
        }
        if before.shares.get(..=self.step) != self.observed_spec.shares.get(..=self.step) {
            let at_most = |other: &&u32| **other <= share;
            let step =
                self.observed_spec.shares.iter().take_while(at_most).count().saturating_sub(1);
            self.phase = Phase::Ramping;
            self.reset_evidence(settings, step, now);
            let why = "the steps are others: the ramp goes on with the one that has no larger \
                       share, and gathers evidence anew";
            return Some(why.to_owned());
        }
        if before.rules != self.observed_spec.rules || before.shares != self.observed_spec.shares {
            if self.phase == Phase::Holding {
                self.phase = Phase::Ramping;
            }
            self.reset_evidence(settings, self.step, now);
            return Some("the rules are others: the step gathers evidence anew".to_owned());
        }
        if before.tripwires == self.observed_spec.tripwires {
            return None;
        }
        self.clear_windows(settings);
        Some("the tripwires are others".to_owned())
    }

    /// Has the tripwires see the responses to what the share in force has decided. Of what was
    /// decided before, long answers still end, most of them blue's, and an outage of both would
    /// look like green's.
    fn update_tripwires(&mut self, settings: &RampSpec, now: Clocks, observations: &[Observation]) {
        let number =
            if self.override_share().is_some() { Snapshot::MANUAL_EPOCH } else { self.epoch };
        let of_now = || observations.iter().filter(|it| it.epoch == number);
        for (wire, window) in settings.tripwires.iter().zip(&mut self.windows) {
            of_now().for_each(|observation| wire.record(window, observation));
            wire.expire(window, now.monotonic_ns / SECOND_NS);
        }
    }

    fn evaluate(&mut self, settings: &RampSpec, now: Clocks) -> Option<Transition> {
        if self.is_all_blue() {
            return None;
        }
        let from = self.position(settings);
        let wires = settings.tripwires.iter().zip(&self.windows);
        let readings: Vec<_> = wires.map(|(wire, window)| (wire, wire.evaluate(window))).collect();
        if let Some(why) = readings.iter().find_map(|(wire, reading)| tripped(wire, *reading)) {
            return Some(self.roll_back(settings, from, why, now));
        }
        if self.command.as_ref().is_some_and(|order| order.kind == CommandKind::Promote) {
            return None;
        }
        let judgement = self.analyse(settings);
        if let Some(judgement) = judgement.as_ref().filter(|it| it.verdict == Verdict::Fail) {
            let why = format!("green is worse: {}", describe(judgement, settings));
            return Some(self.roll_back(settings, from, why, now));
        }
        if self.command.is_some() {
            return None;
        }
        if settings.is_paused && self.phase != Phase::Promoted {
            self.hold_reason = HoldReason::Resume;
            if self.phase == Phase::Paused {
                return None;
            }
            self.phase = Phase::Paused;
            return Some(self.record_transition(
                settings,
                from,
                "the configuration says paused".to_owned(),
                now,
            ));
        }
        if self.phase == Phase::Paused {
            self.phase = Phase::Ramping;
            let why = "the configuration does not say paused any more".to_owned();
            return Some(self.record_transition(settings, from, why, now));
        }
        let Some(judgement) = judgement else { return self.promote(settings, from, now) };
        match readings.iter().find_map(|(wire, reading)| incident(wire, *reading)) {
            Some(why) => self.hold_for_incident(settings, from, why, now),
            None => self.advance_or_hold(settings, from, &judgement, now),
        }
    }

    /// Holds while both versions are about as bad.
    fn hold_for_incident(
        &mut self,
        settings: &RampSpec,
        from: (Phase, u32),
        why: String,
        now: Clocks,
    ) -> Option<Transition> {
        if std::mem::replace(&mut self.hold_reason, HoldReason::Incident) == HoldReason::Incident {
            return None;
        }
        self.phase = Phase::Holding;
        Some(self.record_transition(settings, from, why, now))
    }

    fn roll_back(
        &mut self,
        settings: &RampSpec,
        from: (Phase, u32),
        why: String,
        now: Clocks,
    ) -> Transition {
        self.command = None;
        (self.phase, self.hold_reason) = (Phase::RolledBack, HoldReason::Restart);
        self.record_transition(settings, from, why, now)
    }

    /// Green has all traffic: there is nothing to compare it with.
    fn promote(
        &mut self,
        settings: &RampSpec,
        from: (Phase, u32),
        now: Clocks,
    ) -> Option<Transition> {
        if self.phase == Phase::Promoted {
            return None;
        }
        (self.phase, self.hold_reason) = (Phase::Promoted, HoldReason::Nothing);
        Some(self.record_transition(settings, from, "green has all traffic".to_owned(), now))
    }

    fn advance_or_hold(
        &mut self,
        settings: &RampSpec,
        from: (Phase, u32),
        judgement: &Analysis,
        now: Clocks,
    ) -> Option<Transition> {
        let in_step = self.time_in_step_ns(now);
        let was_incident = self.hold_reason == HoldReason::Incident;
        if u128::from(in_step) < settings.bake.as_nanos() {
            self.hold_reason = HoldReason::Bake;
            if !was_incident {
                return None;
            }
            self.phase = Phase::Ramping;
            let why = "the incident is over: the step goes on".to_owned();
            return Some(self.record_transition(settings, from, why, now));
        }
        let next = settings.steps.get(self.step + 1);
        let is_safe = judgement.verdict == Verdict::Pass;
        self.hold_reason = match next {
            _ if judgement.is_mismatched => HoldReason::Division,
            _ if judgement.is_uneven => HoldReason::Unread,
            _ if judgement.units.blue == 0 || judgement.units.green == 0 => HoldReason::Data,
            _ if !is_safe => HoldReason::Evidence,
            None => HoldReason::Nothing,
            Some(next) if next.needs_approval => HoldReason::Approval,
            Some(_) => {
                self.phase = Phase::Ramping;
                self.enter_step(settings, self.step + 1, now);
                let why = format!("green is safe: {}", describe(judgement, settings));
                return Some(self.record_transition(settings, from, why, now));
            }
        };
        if self.phase != Phase::Holding || was_incident {
            self.phase = Phase::Holding;
            let why = format!("waits for {}: {}", self.hold_reason, describe(judgement, settings));
            return Some(self.record_transition(settings, from, why, now));
        }
        let is_at_end = self.hold_reason == HoldReason::Nothing;
        let is_overdue = !is_at_end && u128::from(in_step) >= settings.timeout.as_nanos();
        if std::mem::replace(&mut self.is_overdue, is_overdue) != is_overdue && is_overdue {
            let why = format!(
                "overdue, waits for {}: {}",
                self.hold_reason,
                describe(judgement, settings)
            );
            return Some(self.record_transition(settings, from, why, now));
        }
        None
    }
}

/// What is said of a tripwire that trips.
fn tripped(wire: &Tripwire, reading: Reading) -> Option<String> {
    let Reading::Tripped { green, blue } = reading else { return None };
    let blue = match blue {
        _ if wire.is_absolute => "and it is absolute".to_owned(),
        Some(blue) => format!("blue's was {}", Decimal(blue, 4)),
        None => "too little is known of blue to compare".to_owned(),
    };
    Some(format!("tripwire: {}, {blue}", beyond(wire, green)))
}

/// What is said of an incident.
fn incident(wire: &Tripwire, reading: Reading) -> Option<String> {
    let Reading::Incident { green, blue } = reading else { return None };
    Some(format!(
        "waits for incident: {}, but blue's was {}: something affects both versions",
        beyond(wire, green),
        Decimal(blue, 4)
    ))
}

fn beyond(wire: &Tripwire, green: f64) -> String {
    let Tripwire { metric, window_s, limit, .. } = wire;
    let (green, limit) = (Decimal(green, 4), Decimal(*limit, 4));
    format!("{metric} of green was {green} in the last {window_s} s, the limit is {limit}")
}

/// The numbers behind a judgement. E-values are told as powers of ten.
fn describe(judgement: &Analysis, settings: &RampSpec) -> String {
    let rules = &settings.analysis;
    let power = |log: f64| Decimal(log * LOG10_E, 1);
    let mean = |mean: Option<f64>| mean.map_or("-".to_owned(), |it| Decimal(it, 4).to_string());
    let gates = rules.gates.iter().zip(&judgement.gates).map(|(gate, judged)| {
        let verdict = match judged.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive if judged.is_left_out => "left out",
            Verdict::Inconclusive if judged.is_uneven => "not comparable",
            Verdict::Inconclusive => "undecided",
        };
        let missing = judged.coverage.missing;
        let missing = match (missing.blue, missing.green) {
            (0, 0) => String::new(),
            (blue, green) => format!(", missing for {blue} on blue and {green} on green"),
        };
        format!(
            "; {}{} {verdict}, blue {} of {}, green {} of {}{missing}, worse 10^{}, safe 10^{}",
            judged.metric,
            if gate.spec.is_critical { "" } else { " (watched)" },
            mean(judged.means.blue),
            judged.units.blue,
            mean(judged.means.green),
            judged.units.green,
            power(judged.harm_log_e),
            power(judged.non_inferiority_log_e),
        )
    });
    let gates: String = gates.collect();
    let (worse_from, safe_from) = (-libm::log(rules.alpha), -libm::log(rules.beta));
    format!(
        "worse 10^{}, is from 10^{}; safe is from 10^{}{gates}",
        power(judgement.harm_log_e),
        power(worse_from),
        power(safe_from),
    )
}
