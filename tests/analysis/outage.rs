//! What counts around an outage of a version.

use verdigris::analysis::{
    AnalysisPlan, Evidence, GateStats, Measurements, Metric, StepIndex, StepObservation,
};
use verdigris::assignment::Version;

use super::{observe, plan_for, spread};

const SECOND_NS: u64 = 1_000_000_000;
const WARMUP_S: u64 = 120;

/// A ramp in its first step, in which each second has ten responses of each version.
struct Service {
    plan: AnalysisPlan,
    evidence: Evidence,
    second: u64,
    units: u64,
}

impl Service {
    fn new() -> Self {
        let metrics = [Metric::ErrorRate, Metric::RefusalRate, Metric::Duration];
        let plan = AnalysisPlan { warmup_ns: WARMUP_S * SECOND_NS, ..plan_for(&metrics) };
        let mut evidence = Evidence::default();
        evidence.begin_step(StepIndex::FIRST, 0);
        Self { plan, evidence, second: 0, units: 0 }
    }

    /// Some seconds in which of ten responses of blue so many fail.
    fn run(&mut self, seconds: u64, failing: u64) {
        for _ in 0..seconds {
            self.second += 1;
            let observations: Vec<StepObservation> =
                (0..20).map(|it| self.respond(it, failing)).collect();
            self.evidence.add(&self.plan, observations);
        }
    }

    fn respond(&mut self, index: u64, failing: u64) -> StepObservation {
        self.units += 1;
        let version = if index < 10 { Version::Blue } else { Version::Green };
        let has_failed = version == Version::Blue && index < failing;
        let measurements = Measurements::default().with_rate(Metric::ErrorRate, has_failed);
        let measurements = match has_failed {
            true => measurements,
            false => measurements
                .with_rate(Metric::RefusalRate, index.is_multiple_of(5))
                .with_value(Metric::Duration, 1_000.0),
        };
        observe(self.second * SECOND_NS, spread(self.units), 0, version, measurements)
    }

    /// Some seconds in which no request fails but those of one client of a version, who sends 20 a second:
    /// in the first half of each four seconds they are rejected.
    fn run_beside_a_client(&mut self, seconds: u64, version: Version) {
        for _ in 0..seconds {
            self.second += 1;
            let is_rejected = self.second % 4 < 2;
            let of_client = Measurements::default()
                .with_rate(Metric::ErrorRate, false)
                .with_rate(Metric::ClientErrorRate, is_rejected);
            let at_ns = self.second * SECOND_NS;
            let mut observations: Vec<_> =
                (0..20).map(|_| observe(at_ns, 7, 0, version, of_client)).collect();
            observations.extend((0..20).map(|it| self.respond(it, 0)));
            self.evidence.add(&self.plan, observations);
        }
    }

    /// How many units of both versions have met an error, a refusal, and had a duration.
    fn counts(&self) -> [u64; 3] {
        let Some(step) = self.evidence.steps.first() else { return [0; 3] };
        let gates = &step.gates;
        [0, 1, 2].map(|index| match &gates[index] {
            GateStats::Rate(stats) => {
                let units = stats.units_with_event();
                units.blue + units.green
            }
            GateStats::Values(stats) => stats.moments.blue.count + stats.moments.green.count,
        })
    }

    /// How many more there are after so many seconds.
    fn added_in(&mut self, seconds: u64, failing: u64) -> [u64; 3] {
        let before = self.counts();
        self.run(seconds, failing);
        let after = self.counts();
        [0, 1, 2].map(|index| after[index] - before[index])
    }
}

#[test]
fn after_an_outage_only_failures_count_for_a_warm_up() {
    let mut service = Service::new();
    assert_eq!(service.added_in(60, 0), [0, 60 * 4, 60 * 20]);
    // The beginning of the outage is noticed after a dozen failures.
    let [errors, refusals, durations] = service.added_in(60, 10);
    assert!(errors == 600 && refusals < 10 && durations < 40, "{refusals} {durations}");
    // Blue answers again: until a warm-up after that, nothing but errors counts.
    let [errors, refusals, durations] = service.added_in(WARMUP_S, 0);
    assert_eq!([errors, refusals, durations], [0, 0, 0]);
    // The usual fraction is known again after some minutes, and everything counts.
    service.run(3 * WARMUP_S, 0);
    assert_eq!(service.added_in(60, 0), [0, 60 * 4, 60 * 20]);
}

#[test]
fn a_fraction_that_stays_is_no_outage() {
    for failing in [1, 4, 9] {
        let mut service = Service::new();
        let [errors, refusals, durations] = service.added_in(300, failing);
        assert_eq!((errors, durations), (300 * failing, 300 * (20 - failing)), "{failing}");
        assert!(refusals > 0, "{failing}");
    }
}

/// Before, such a client left out the evidence of all others for as long as it went on.
#[test]
fn one_client_that_fails_and_succeeds_in_turn_begins_no_outage() {
    for version in [Version::Blue, Version::Green] {
        let mut service = Service::new();
        service.run_beside_a_client(600, version);
        assert_eq!(service.counts(), [0, 600 * 4, 600 * 20], "{version}");
    }
}

/// A green that begins to fail is found by its errors, in the same time as without an outage.
#[test]
fn errors_count_throughout() {
    let mut service = Service::new();
    service.run(60, 0);
    assert_eq!(service.added_in(30, 10)[0], 300);
    assert_eq!(service.added_in(30, 3)[0], 90);
}
