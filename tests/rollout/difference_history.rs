//! How the gates' differences have developed.

use serde_json::json;
use verdigris::rollout::difference_history::MAX_SAMPLES;
use verdigris::rollout::{DifferenceHistory, Phase};

use super::harness::{RampHarness, Traffic};
use super::{BAD, GOOD, NO_TRAFFIC, ramp, ramp_with};

/// A ramp with its history.
struct Recorded {
    ramp: RampHarness,
    history: DifferenceHistory,
}

impl Recorded {
    fn new() -> Self {
        Self { ramp: RampHarness::new(ramp()), history: DifferenceHistory::default() }
    }

    fn run(&mut self, seconds: u64, traffic: Traffic) {
        for _ in 0..seconds {
            self.ramp.run(1, traffic);
            self.history.record(self.ramp.spec(), &self.ramp.state, self.ramp.now());
        }
    }

    /// The time of each sample in seconds since the ramp began, and its step.
    fn samples(&self) -> Vec<(u64, usize)> {
        let samples = self.history.samples().iter();
        samples.map(|it| (it.at_ms / 1000 - 3600, it.step.get())).collect()
    }
}

#[test]
fn a_sample_is_taken_every_few_seconds_and_when_a_step_begins() {
    let mut recorded = Recorded::new();
    recorded.run(1, NO_TRAFFIC);
    assert_eq!(recorded.samples(), []);
    recorded.run(65, GOOD);
    let samples = recorded.samples();
    assert_eq!(samples.first(), Some(&(3, 0)));
    assert!(samples.windows(2).all(|two| two[1].0 - two[0].0 == 5 || two[1].1 > two[0].1));
    let steps: Vec<_> = samples.iter().map(|it| it.1).collect();
    assert!(steps.is_sorted() && steps.last() == Some(&1), "{samples:?}");
}

#[test]
fn a_sample_has_the_means_of_the_analysis() {
    let mut recorded = Recorded::new();
    recorded.run(12, GOOD);
    let sample = recorded.history.samples().last().unwrap();
    assert_eq!(sample.gates.len(), 1);
    let gate = sample.gates[0];
    assert_eq!((gate.blue, gate.green), (0.0, 0.0));
    let (low, high) = gate.limits.unwrap();
    assert!(low < 0.0 && high > 0.0, "{gate:?}");
}

/// The last sample is that of the decision.
#[test]
fn a_rollback_ends_the_history() {
    let mut recorded = Recorded::new();
    recorded.run(10, GOOD);
    recorded.run(600, BAD);
    assert_eq!(recorded.ramp.phase(), Phase::RolledBack);
    let analysis = recorded.ramp.state.analyse(recorded.ramp.spec()).unwrap();
    let last = recorded.history.samples().last().unwrap();
    assert_eq!(Some(last.gates[0].green), analysis.gates[0].means.green);
    let rolled_back_s = recorded.ramp.state.log.iter().next_back().unwrap().at_s;
    assert_eq!(last.at_ms, rolled_back_s * 1000);
    // The ramp begins again: its earlier evidence is forgotten.
    recorded.ramp.configure(ramp_with(json!({"restart": "2"})));
    recorded.run(20, GOOD);
    let samples = recorded.samples();
    assert!(samples.len() < 6 && samples[0].0 > 610, "{samples:?}");
}

/// However long a step lasts, the samples cover it evenly and stay few.
#[test]
fn the_number_of_samples_is_limited() {
    let mut recorded = Recorded::new();
    recorded.ramp.configure(ramp_with(json!({"bake": "24h", "timeout": "48h"})));
    let few = Traffic { each: 1, ..GOOD };
    for _ in 0..8 {
        recorded.run(500, few);
        let samples = recorded.samples();
        assert!(samples.len() <= MAX_SAMPLES, "{samples:?}");
        let gaps: Vec<_> = samples.windows(2).map(|two| two[1].0 - two[0].0).collect();
        assert!(gaps.iter().all(|it| *it == gaps[0]), "{gaps:?}");
        assert_eq!(samples[0].0, 1);
    }
    assert!(recorded.samples().len() >= MAX_SAMPLES / 2);
}

#[test]
fn a_history_is_decoded_as_it_was_encoded() {
    let mut recorded = Recorded::new();
    recorded.run(30, GOOD);
    let bytes = postcard::to_allocvec(&recorded.history).unwrap();
    let decoded: DifferenceHistory = postcard::from_bytes(&bytes).unwrap();
    assert!(decoded.samples().len() > 3);
    assert_eq!(decoded.samples(), recorded.history.samples());
}
