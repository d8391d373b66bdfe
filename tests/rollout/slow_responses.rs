//! The objective that blue teaches, and the responses that are open for longer.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use serde_json::json;
use verdigris::analysis::gate_stats::GateStats;
use verdigris::analysis::{ByVersion, Measurements, Metric, Observation};
use verdigris::assignment::{Exposure, Version};
use verdigris::config::Config;
use verdigris::rollout::{
    Candidate, Clocks, OpenResponse, RampEvent, RampSpec, RampState, RampWorker, ReconcileContext,
};

use super::harness::unit_hash;
use super::memory_store::{MemoryStore, complete};

const SECOND_NS: u64 = 1_000_000_000;

/// Two workers of a ramp with a gate on slow responses.
struct Workers {
    store: MemoryStore,
    workers: [RampWorker; 2],
    spec: RampSpec,
    now_s: Cell<u64>,
    units: Cell<u64>,
    learned: RefCell<Vec<String>>,
}

impl Workers {
    fn new() -> Self {
        let gates = json!([{"metric": "slow_rate", "ceiling": null}]);
        let config = json!({
            "rollout": "r", "unit": {"header": "u"},
            "ramp": {"steps": [50, 100], "gates": gates, "warmup": "0s"},
            "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
        });
        let workers = Self {
            store: MemoryStore::default(),
            workers: [RampWorker::new(1), RampWorker::new(2)],
            spec: Config::parse(config.to_string().as_bytes()).unwrap().ramp.unwrap(),
            now_s: Cell::new(1_000),
            units: Cell::new(0),
            learned: RefCell::default(),
        };
        workers.tick_after(0);
        workers
    }

    /// Ticks both workers, so many seconds later.
    fn tick_after(&self, seconds: u64) {
        self.now_s.set(self.now_s.get() + seconds);
        let report = |event: RampEvent<'_>| {
            if let RampEvent::ThresholdLearned { metric, .. } = event {
                self.learned.borrow_mut().push(metric.to_string());
            }
        };
        let (monotonic_ns, unix_ms) = (self.now_ns(), self.now_s.get() * 1000);
        let now = Clocks { monotonic_ns, unix_ms };
        let context = ReconcileContext { spec: &self.spec, history: None, now, report: &report };
        // Whichever leads, the other one's observations arrive, and it reads the result.
        for worker in [1, 0, 1] {
            complete(self.workers[worker].tick(&self.store, &context, Candidate::Current));
        }
    }

    fn now_ns(&self) -> u64 {
        self.now_s.get() * SECOND_NS
    }

    fn exposure(&self) -> Exposure {
        self.units.set(self.units.get() + 1);
        let epoch = self.workers[1].snapshot().epoch;
        Exposure { unit: unit_hash(self.units.get()), epoch, is_newly_exposed: true }
    }

    fn observation(
        &self,
        version: Version,
        exposure: Exposure,
        measurements: Measurements,
    ) -> Observation {
        let Exposure { unit, epoch, is_newly_exposed } = exposure;
        let (at_ns, is_assignment, shadow) = (self.now_ns(), true, None);
        Observation {
            at_ns,
            unit,
            epoch,
            version,
            is_newly_exposed,
            is_assignment,
            measurements,
            shadow,
        }
    }

    /// The second worker observes so many responses of blue that took 100 ms.
    fn teach(&self, count: u64) {
        let measurements = Measurements::default().with_value(Metric::Duration, 100.0);
        for _ in 0..count {
            let observation = self.observation(Version::Blue, self.exposure(), measurements);
            self.workers[1].record(observation);
        }
    }

    /// The requests that the gate has counted, and the bad ones.
    fn counted(&self) -> (ByVersion<u64>, ByVersion<u64>) {
        let state = complete(self.workers[0].state(&self.store)).unwrap();
        match &state.evidence.steps[0].gates[0] {
            GateStats::Rate(stats) => (stats.requests, stats.bad_requests()),
            GateStats::Values(_) => panic!("a rate"),
        }
    }
}

#[test]
fn all_workers_know_the_objective_that_blue_taught() {
    let workers = Workers::new();
    let objectives = || workers.workers.each_ref().map(|it| it.snapshot().learned_objective);
    workers.teach(199);
    workers.tick_after(10);
    workers.tick_after(10);
    assert_eq!(objectives(), [None, None], "too few units");
    workers.teach(1);
    workers.tick_after(1);
    workers.tick_after(1);
    let [objective, other] = objectives();
    let objective = objective.unwrap();
    assert!((Duration::from_millis(100)..Duration::from_millis(107)).contains(&objective));
    assert_eq!(other, Some(objective));
    workers.teach(1_000);
    workers.tick_after(60);
    assert_eq!(*workers.learned.borrow(), ["slow_rate"], "reported once");
}

/// A response counts as one slow request, at the objective; its end adds nothing.
#[test]
fn an_open_response_counts_once_and_before_it_ends() {
    let workers = Workers::new();
    workers.teach(200);
    workers.tick_after(10);
    workers.tick_after(10);
    let worker = &workers.workers[1];
    let exposure = workers.exposure();
    let began = OpenResponse { began_ns: workers.now_ns(), version: Version::Green, exposure };
    let open = worker.open_response(began).unwrap();
    let one_slow = (ByVersion { blue: 0, green: 1 }, ByVersion { blue: 0, green: 1 });
    workers.tick_after(1);
    assert_eq!(workers.counted(), one_slow);
    assert!(worker.close_response(open));
    let failed = Measurements::default()
        .with_rate(Metric::ErrorRate, true)
        .with_rate(Metric::SlowRate, true)
        .without_reported_slowness();
    worker.record(Observation {
        is_assignment: false,
        shadow: None,
        ..workers.observation(Version::Green, exposure, failed)
    });
    workers.tick_after(1);
    assert_eq!(workers.counted(), one_slow);
}

/// What ends within the objective, or is not timed, is reported by its end alone.
#[test]
fn a_closed_response_is_not_reported() {
    let workers = Workers::new();
    workers.teach(200);
    workers.tick_after(10);
    workers.tick_after(10);
    let began = OpenResponse {
        began_ns: workers.now_ns(),
        version: Version::Green,
        exposure: workers.exposure(),
    };
    let open = workers.workers[1].open_response(began).unwrap();
    assert!(!workers.workers[1].close_response(open));
    workers.tick_after(60);
    assert_eq!(workers.counted().0, ByVersion::default());
}

/// The store of a fleet can return any bytes.
#[test]
fn a_stored_objective_that_is_no_duration_counts_as_none() {
    let workers = Workers::new();
    workers.teach(200);
    workers.tick_after(10);
    workers.tick_after(10);
    let state = complete(workers.workers[0].state(&workers.store)).unwrap();
    let objective_ms = state.evidence.thresholds().get(Metric::SlowRate).unwrap().to_le_bytes();
    let bytes = postcard::to_allocvec(&state).unwrap();
    let at = bytes.windows(8).position(|it| it == objective_ms).unwrap();
    for wrong in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        let mut bytes = bytes.clone();
        bytes[at..at + 8].copy_from_slice(&wrong.to_le_bytes());
        let state: RampState = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(state.snapshot(&workers.spec).learned_objective, None, "{wrong}");
    }
}
