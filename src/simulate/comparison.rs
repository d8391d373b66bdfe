//! One ramp on a fixed schedule that the gate and the rules of other tools watch.
//!
//! All of them see the same requests, because nothing that they find changes the schedule.

use std::time::Duration;

use super::peers::{self, Minute, PeerSettings};
use super::traffic::{SECOND_NS, SimulatedAssignment, SimulatedTraffic};
use super::world::World;
use crate::analysis::{
    Analysis, Evidence, Metric, Observation, Reading, StepIndex, StepObservation, TripwireWindow,
    Verdict,
};
use crate::assignment::{Epoch, StepExposure, Version};
use crate::rollout::RampSpec;

/// A ramp on a fixed schedule.
#[derive(Clone, Debug)]
pub struct Comparison {
    spec: RampSpec,
    world: World,
    shares: Vec<f64>,
    step_s: u64,
    settings: PeerSettings,
}

/// When a rule would have rolled back first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In seconds of the run.
    pub seconds: u64,
    /// How many requests green had been sent by then.
    pub green_requests: u64,
}

/// The state of the gate.
struct Watch<'s> {
    spec: &'s RampSpec,
    evidence: Evidence,
    windows: Vec<TripwireWindow>,
}

/// The names of the rules, in the order of the findings of [`Comparison::run`].
pub const NAMES: [&str; 1 + peers::NAMES.len()] = {
    let [a, b, c, d, e] = peers::NAMES;
    ["Verdigris", a, b, c, d, e]
};

const MINUTE_S: u64 = 60;

// === impl Comparison ===

impl Comparison {
    /// A ramp with the gates and tripwires of `spec` in this world. Each of its steps that compare
    /// versions lasts `step_s` seconds.
    pub fn new(spec: &RampSpec, world: World, step_s: u64) -> Self {
        let steps = &spec.analysis.steps;
        let shares: Vec<_> = steps.iter().map(|step| step.all_units.get()).collect();
        let (steps, minutes) = (steps.len() as u64, step_s / MINUTE_S);
        let settings = PeerSettings::new(&world.behaviours, spec.analysis.alpha, steps, minutes);
        Self { spec: spec.clone(), world, shares, step_s, settings }
    }

    /// Simulates one ramp. Returns the finding of each rule, in the order of [`NAMES`]; `None` for
    /// one that does not roll back.
    pub fn run(&self, seed: u64) -> [Option<Finding>; NAMES.len()] {
        let mut traffic =
            SimulatedTraffic::new(&self.world, &self.spec.analysis, true, 0, seed).with_ended();
        let mut watch = Watch::new(&self.spec);
        let mut rules = peers::rules(self.settings);
        let mut minute = Minute::default();
        let (mut of_gate, mut of_rules) = (None, [None; peers::NAMES.len()]);
        for second in 0..self.step_s * self.shares.len() as u64 {
            let step = (second / self.step_s) as usize;
            if second.is_multiple_of(self.step_s) {
                watch.begin_step(step, second);
            }
            let assign = |bucket| self.assign(step, bucket);
            let observations = traffic.second(second, watch.objective(), assign);
            let seconds = second + 1;
            let finding = Finding { seconds, green_requests: traffic.green_requests };
            if of_gate.is_none() && watch.is_worse(second, step, &observations) {
                of_gate = Some(finding);
            }
            let share = self.share(step);
            traffic.ended().iter().for_each(|ended| minute.add(ended, share));
            if seconds.is_multiple_of(MINUTE_S) {
                minute.step = step;
                minute.is_last_of_step = seconds.is_multiple_of(self.step_s);
                let minute = std::mem::take(&mut minute);
                for (rule, found) in rules.iter_mut().zip(&mut of_rules) {
                    if found.is_none() && rule.is_worse(&minute) {
                        *found = Some(finding);
                    }
                }
            }
            if of_gate.is_some() && of_rules.iter().all(Option::is_some) {
                break;
            }
        }
        let [a, b, c, d, e] = of_rules;
        [of_gate, a, b, c, d, e]
    }

    fn share(&self, step: usize) -> f64 {
        self.shares.get(step).copied().unwrap_or(1.0)
    }

    /// The assignment of a user with this place, in this step.
    fn assign(&self, step: usize, bucket: f64) -> SimulatedAssignment {
        let share_before = step.checked_sub(1).map_or(0.0, |before| self.share(before));
        SimulatedAssignment {
            version: if bucket < self.share(step) { Version::Green } else { Version::Blue },
            step: Some(StepExposure {
                epoch: Epoch::new(step as u32),
                is_newly_exposed: bucket >= share_before,
            }),
        }
    }
}

// === impl Watch ===

impl<'s> Watch<'s> {
    fn new(spec: &'s RampSpec) -> Self {
        let windows = spec.tripwires.iter().map(|_| TripwireWindow::default()).collect();
        Self { spec, evidence: Evidence::default(), windows }
    }

    fn begin_step(&mut self, step: usize, second: u64) {
        let at_ns = (second as f64 * SECOND_NS) as u64;
        self.evidence.begin_step(StepIndex::new(step), at_ns);
        self.windows.iter_mut().for_each(|window| *window = TripwireWindow::default());
    }

    /// The duration above which a response is slow, as learned from blue.
    fn objective(&self) -> Option<Duration> {
        let objective_ms = self.evidence.thresholds().get(Metric::SlowRate);
        objective_ms.map(|ms| Duration::from_secs_f64(ms / 1e3))
    }

    /// Adds a second's observations. Returns whether a tripwire has tripped, or green is worse.
    fn is_worse(&mut self, second: u64, step: usize, observations: &[Observation]) -> bool {
        let Self { spec: RampSpec { analysis: plan, tripwires, .. }, evidence, windows } = self;
        let epoch = Epoch::new(step as u32);
        let mut has_tripped = false;
        for (tripwire, window) in tripwires.iter().zip(windows) {
            let of_step = observations.iter().filter(|it| it.epoch == epoch);
            of_step.for_each(|observation| tripwire.record(window, observation));
            tripwire.expire(window, second + 1);
            has_tripped |= matches!(tripwire.evaluate(window), Reading::Tripped { .. });
        }
        evidence.begin_tick(plan, (second as f64 * SECOND_NS) as u64);
        let in_step = |observation: &Observation| StepObservation {
            step: StepIndex::new(observation.epoch.get() as usize),
            observation: *observation,
        };
        evidence.add(plan, observations.iter().map(in_step).collect());
        let analysis = Analysis::new(plan, evidence, StepIndex::new(step));
        has_tripped || analysis.verdict == Verdict::Fail
    }
}
