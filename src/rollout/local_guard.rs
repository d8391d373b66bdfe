//! What one Envoy of a fleet decides by itself: to roll back, at once.
//!
//! The evidence of all instances decides together. But a version that fails everything must not wait
//! until the store answers. So each instance watches its own responses with the ramp's tripwires, and
//! while the store is away, with its own evidence too. It can only roll back.
//!
//! An instance may have little traffic in a large fleet. There one or two clients are most of green's
//! units, or all of them, and would decide for the whole fleet. So a tripwire needs as many bad units on an
//! instance as a gate does, at most 16, unless the configuration says that one is enough. Where fewer are
//! enough, the evidence of all decides.

use super::clocks::Clocks;
use super::decision_text;
use super::fingerprint::SpecFingerprint;
use super::snapshot::Snapshot;
use super::spec::RampSpec;
use crate::analysis::bad_units::min_bad_units;
use crate::analysis::tripwire::MAX_MIN_UNITS;
use crate::analysis::{
    Analysis, Evidence, Observation, StepIndex, StepObservation, Tripwire, TripwireWindow, Verdict,
};
use crate::assignment::Epoch;

/// What one instance has seen of the epoch in force.
#[derive(Debug, Default)]
pub struct LocalGuard {
    epoch: Epoch,
    /// The tripwires that the windows are of.
    tripwires: Vec<Tripwire>,
    windows: Vec<TripwireWindow>,
    /// The fingerprint of the analysis that the evidence is of.
    analysis: u64,
    evidence: Evidence,
}

// === impl LocalGuard ===

impl LocalGuard {
    /// Adds responses of this instance under the snapshot in force. All times are its own.
    pub fn observe(
        &mut self,
        spec: &RampSpec,
        snapshot: &Snapshot,
        now: Clocks,
        observations: &[Observation],
    ) {
        if self.epoch != snapshot.epoch {
            self.begin(snapshot, now);
        }
        if self.tripwires != spec.tripwires {
            self.clear_windows(spec);
        }
        let analysis = SpecFingerprint::analysis_of(spec);
        if self.analysis != analysis {
            self.analysis = analysis;
            self.forget_evidence(snapshot, now);
        }
        let own = || observations.iter().filter(|it| it.epoch == snapshot.epoch);
        for (tripwire, window) in spec.tripwires.iter().zip(&mut self.windows) {
            let responses = own().flat_map(|it| it.halves());
            responses.for_each(|observation| tripwire.record(window, &observation));
            tripwire.expire(window, now.monotonic_s());
        }
        if snapshot.epoch != Epoch::MANUAL {
            let step = snapshot.step;
            // Without new periods a unit counts for outages in the first 255 minutes only.
            self.evidence.begin_tick(&spec.analysis, now.monotonic_ns);
            let with_step = own()
                .filter(|it| it.shadow.is_none())
                .map(|it| StepObservation { step, observation: *it });
            self.evidence.add(&spec.analysis, with_step.collect());
        }
    }

    /// Why this instance must roll back; `None` if it need not. `instances` is how many instances
    /// watch by their own evidence, or `None` where the fleet's evidence decides.
    pub fn reason_to_roll_back(
        &self,
        spec: &RampSpec,
        step: StepIndex,
        instances: Option<u32>,
    ) -> Option<String> {
        let tripwires = spec.tripwires.iter().zip(&self.windows);
        // A window keeps no more.
        let min_units = min_bad_units(spec.analysis.alpha).min(MAX_MIN_UNITS as u64);
        let has_units = |(tripwire, window): &(&Tripwire, &TripwireWindow)| {
            tripwire.min_units == 1 || window.bad_units() as u64 >= min_units
        };
        let tripwires = tripwires.filter(has_units);
        let mut readings = tripwires.map(|(it, window)| (it, it.evaluate(window)));
        if let Some(why) = readings.find_map(|(it, reading)| decision_text::tripped(it, reading)) {
            return Some(why);
        }
        // In a shadow step no user is on green, and there is no hurry.
        spec.analysis.steps.get(step.get())?;
        let analysis = Analysis::new(&spec.analysis, &self.evidence, step);
        // Each instance is one more test of the same hypothesis, and so is each step, since an instance has
        // forgotten its evidence of the step before.
        let tests = f64::from(instances?.max(1)) * spec.analysis.steps.len() as f64;
        let is_worse = analysis.verdict == Verdict::Fail
            && analysis.harm_log_e - libm::log(tests) >= spec.analysis.rollback_log_e();
        is_worse.then(|| decision_text::worse(&analysis, &spec.analysis))
    }

    fn begin(&mut self, snapshot: &Snapshot, now: Clocks) {
        self.epoch = snapshot.epoch;
        self.windows.fill_with(TripwireWindow::default);
        self.forget_evidence(snapshot, now);
    }

    /// Begins again to gather evidence: its sums are those of the gates in their order.
    fn forget_evidence(&mut self, snapshot: &Snapshot, now: Clocks) {
        self.evidence = Evidence::default();
        self.evidence.begin_step(snapshot.step, now.monotonic_ns);
    }

    /// Clears the windows, because a window has what its own tripwire counts.
    fn clear_windows(&mut self, spec: &RampSpec) {
        self.tripwires.clone_from(&spec.tripwires);
        self.windows.clear();
        self.windows.resize_with(spec.tripwires.len(), TripwireWindow::default);
    }
}
