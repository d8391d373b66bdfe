//! The log of seen units, as it is stored.

use serde_json::json;
use verdigris::analysis::{Measurements, Metric, Observation, UnitFlags};
use verdigris::assignment::{Epoch, Version};
use verdigris::rollout::RampState;
use verdigris::rollout::seen_units_log::{CHUNK_ENTRIES, SeenUnitsLog};
use verdigris::rollout::state::StoredUnits;
use verdigris::rollout::store::Record;

use super::harness::RampHarness;
use super::memory_store::{MemoryStore, complete};
use super::{NO_TRAFFIC, ramp_with};

/// A ramp that observes these units, and the log of what it has seen.
struct LoggedRamp {
    ramp: RampHarness,
    log: SeenUnitsLog,
    store: MemoryStore,
}

impl LoggedRamp {
    fn new() -> Self {
        let ramp = RampHarness::new(ramp_with(json!({"steps": [50, 75, 90, 100], "bake": "1s"})));
        Self { ramp, log: SeenUnitsLog::default(), store: MemoryStore::default() }
    }

    fn observe(&mut self, units: std::ops::Range<u64>) {
        let observe = |unit: u64| Observation {
            at_ns: unit,
            unit: unit.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            epoch: self.ramp.state.epoch,
            version: if unit.is_multiple_of(2) { Version::Green } else { Version::Blue },
            is_newly_exposed: true,
            is_assignment: true,
            shadow: None,
            measurements: Measurements::default().with_rate(Metric::ErrorRate, false),
        };
        let observations: Vec<_> = units.map(observe).collect();
        let (spec, now) = (self.ramp.config.ramp.clone().unwrap(), self.ramp.now());
        self.ramp.state.reconcile(&spec, now, &observations);
        self.log.append(&mut self.ramp.state);
        complete(self.log.write(&self.store, &self.ramp.state));
    }

    /// The state as another worker loads it.
    fn load(&self) -> RampState {
        let bytes = postcard::to_allocvec(&self.ramp.state).unwrap();
        let mut state = postcard::from_bytes(&bytes).unwrap();
        complete(SeenUnitsLog::load(&self.store, self.ramp.spec(), &mut state));
        state
    }

    fn chunk(&self, epoch: Epoch, chunk: usize) -> Option<usize> {
        let bytes = self.store.get(Record::SeenUnits { epoch, chunk })?;
        Some(bytes.len() / UnitFlags::ENCODED_BYTES)
    }

    fn enter_next_step(&mut self) {
        let step = self.ramp.state.step;
        while self.ramp.state.step == step {
            self.ramp.run(1, super::GOOD);
            self.log.append(&mut self.ramp.state);
        }
        complete(self.log.write(&self.store, &self.ramp.state));
    }
}

#[test]
fn another_worker_loads_all_units() {
    let mut ramp = LoggedRamp::new();
    let epoch = ramp.ramp.state.epoch;
    let units = CHUNK_ENTRIES as u64;
    // Within the first chunk; up to its end; into the third.
    for (from, to, chunks) in [
        (0, 100, [Some(100), None, None]),
        (100, units, [Some(CHUNK_ENTRIES), None, None]),
        (units, 2 * units + 7, [Some(CHUNK_ENTRIES), Some(CHUNK_ENTRIES), Some(7)]),
    ] {
        ramp.observe(from..to);
        assert_eq!([0, 1, 2].map(|chunk| ramp.chunk(epoch, chunk)), chunks);
        let loaded = ramp.load();
        assert_eq!(loaded.evidence.remembered_units() as u64, to);
    }
}

#[test]
fn the_units_of_forgotten_steps_are_dropped() {
    let mut ramp = LoggedRamp::new();
    let first = ramp.ramp.state.epoch;
    ramp.observe(0..50);
    ramp.enter_next_step();
    assert!(ramp.chunk(first, 0).is_some_and(|entries| entries >= 50), "one step ago");
    ramp.enter_next_step();
    assert_eq!(ramp.chunk(first, 0), Some(0), "two steps ago");
    let epochs: Vec<_> = ramp.ramp.state.seen_units.iter().map(|it| it.epoch).collect();
    assert!(!epochs.contains(&first), "{epochs:?}");
}

/// A fleet's store bounds the writes of one commit.
#[test]
fn many_chunks_of_a_forgotten_step_are_dropped_in_several_ticks() {
    const CHUNKS: usize = 150;
    let mut ramp = LoggedRamp::new();
    let forgotten = Epoch::new(60_000);
    let entries = (CHUNKS - 1) * CHUNK_ENTRIES + 5;
    ramp.ramp.state.seen_units.push(StoredUnits { epoch: forgotten, entries });
    let dropped = |ramp: &LoggedRamp| {
        (0..CHUNKS).filter(|chunk| ramp.chunk(forgotten, *chunk) == Some(0)).count()
    };
    for tick in 1..=5 {
        ramp.observe(0..1);
        assert_eq!(dropped(&ramp), CHUNKS.min(tick * 32));
        // Another worker does not read what is left of them.
        assert_eq!(ramp.load().evidence.remembered_units(), 1);
    }
    assert!(ramp.ramp.state.seen_units.iter().all(|it| it.epoch != forgotten));
}

/// A chunk is written again only where units were added to it.
#[test]
fn an_open_chunk_is_written_only_where_it_has_grown() {
    let mut ramp = LoggedRamp::new();
    let record = Record::SeenUnits { epoch: ramp.ramp.state.epoch, chunk: 0 };
    let revision = |ramp: &LoggedRamp| ramp.store.revision(record);
    ramp.observe(0..10);
    let first = revision(&ramp);
    assert!(first.is_some());
    ramp.observe(0..10);
    assert_eq!(revision(&ramp), first);
    ramp.observe(10..11);
    assert_ne!(revision(&ramp), first);
}

#[test]
fn a_chunk_that_cannot_be_read_is_missing() {
    let mut ramp = LoggedRamp::new();
    ramp.observe(0..10);
    ramp.store.is_down.set(true);
    assert_eq!(ramp.load().evidence.remembered_units(), 0);
    assert_eq!(
        ramp.ramp.state.seen_units,
        [StoredUnits { epoch: ramp.ramp.state.epoch, entries: 10 }]
    );
    ramp.ramp.run(1, NO_TRAFFIC);
}
